package dockerbuild

import (
	"slices"
	"strconv"
	"strings"

	"example.com/emulate/emulator/config"
)

// target is where a function runs on AWS, as far as native code can tell: a base operating system, an architecture, and what the runtime adds.
type target struct {
	*baseOS
	// arch is "x86_64" or "arm64".
	arch string
	// family is "provided", "nodejs", "python", "java", "dotnet" or "ruby"; major is the version that binaries are made for ("22", "3.12"), "" where
	// the runtime has none.
	family, major string
	runtime       string
}

// baseOS is one of Amazon's systems, as the base of Lambda's runtimes.
type baseOS struct {
	name string
	// caps are the highest versions of symbols, by prefix. newer are those of an update of the same system: what lies between depends on how old the
	// runtime's version is.
	caps, newer map[string]version
	// has are the shared libraries (sonames) that are surely there: glibc's own, and those that Amazon's own interpreters and programs made by GraalVM
	// and .NET need of it and nobody bundles.
	has []string
	// image are more that AWS's base image has. AWS does not promise that Lambda itself has what the image has, and people found it not to
	// (github.com/aws/aws-lambda-base-images issue 112).
	image []string
}

// glibcHas are the libraries of glibc 2.26 and 2.34 themselves (without libnsl and libcrypt, which Amazon packs apart).
func glibcHas() []string {
	return strings.Fields(`libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libutil.so.1 libresolv.so.2 libanl.so.1 libmvec.so.1
		libBrokenLocale.so.1 libthread_db.so.1 libnss_files.so.2 libnss_dns.so.2 libgcc_s.so.1 libstdc++.so.6 libz.so.1
		ld-linux-x86-64.so.2 ld-linux-aarch64.so.1 linux-vdso.so.1`)
}

// amazonLinux2 is the older base. Its versions are those of glibc 2.26 and gcc 7.3. Sources: the AL2 user guide ("C, C++, and Fortran in AL2"), the
// table of GCC's libstdc++ manual (ABI policy), the package lists of docker-library/official-images for amazonlinux.
func amazonLinux2() *baseOS {
	return &baseOS{
		name: "Amazon Linux 2",
		caps: map[string]version{"GLIBC_": {2, 26}, "GLIBCXX_": {3, 4, 24}, "CXXABI_": {1, 3, 11}, "GCC_": {7, 3}},
		has:  glibcHas(),
		image: strings.Fields(`libcrypt.so.1 libssl.so.10 libcrypto.so.10 libcurl.so.4 libxml2.so.2 libsqlite3.so.0 liblzma.so.5 libbz2.so.1 libffi.so.6
			libexpat.so.1 libreadline.so.6 libtinfo.so.6 libncurses.so.6 libncursesw.so.6 libglib-2.0.so.0 libgobject-2.0.so.0 libmagic.so.1 libgssapi_krb5.so.2
			libkrb5.so.3 libk5crypto.so.3 libcom_err.so.2 libidn2.so.0 libnghttp2.so.14 libunistring.so.0 libuuid.so.1 libblkid.so.1 libmount.so.1 libpcre.so.1
			libgmp.so.10 libgcrypt.so.11 libgpg-error.so.0 libacl.so.1 libattr.so.1 libcap.so.2 libselinux.so.1 libnspr4.so libnss3.so libdb-5.3.so`),
	}
}

// amazonLinux2023 is the base of today's runtimes. It began with gcc 11 and took libstdc++ and libgcc of gcc 14 in spring 2025 (libstdc++-14.2.1 in
// docker-library/official-images pull request 18759); its glibc stays 2.34. Sources: the AL2023 user guide ("Core toolchain packages"), the rest as above.
func amazonLinux2023() *baseOS {
	return &baseOS{
		name:  "Amazon Linux 2023",
		caps:  map[string]version{"GLIBC_": {2, 34}, "GLIBCXX_": {3, 4, 29}, "CXXABI_": {1, 3, 13}, "GCC_": {11, 9}},
		newer: map[string]version{"GLIBCXX_": {3, 4, 33}, "CXXABI_": {1, 3, 15}, "GCC_": {14, 9}},
		has:   glibcHas(),
		image: strings.Fields(`libcrypt.so.2 libssl.so.3 libcrypto.so.3 libcurl.so.4 libxml2.so.2 libsqlite3.so.0 liblzma.so.5 libbz2.so.1 libzstd.so.1 libffi.so.8
			libexpat.so.1 libreadline.so.8 libtinfo.so.6 libncurses.so.6 libncursesw.so.6 libglib-2.0.so.0 libgobject-2.0.so.0 libmagic.so.1 libgssapi_krb5.so.2
			libkrb5.so.3 libk5crypto.so.3 libcom_err.so.2 libidn2.so.0 libnghttp2.so.14 libpsl.so.5 libunistring.so.2 libuuid.so.1 libblkid.so.1 libmount.so.1
			libpcre2-8.so.0 libgmp.so.10 libgcrypt.so.20 libgpg-error.so.0 libacl.so.1 libattr.so.1 libcap.so.2 libselinux.so.1 libgomp.so.1 libarchive.so.13`),
	}
}

// version is a dotted version of symbols.
type version []int

// parseVersion reads "2.34"; ok is false where it is no version, as in GLIBC_PRIVATE.
func parseVersion(s string) (v version, ok bool) {
	for part := range strings.SplitSeq(s, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, false
		}
		v = append(v, n)
	}
	return v, true
}

func (v version) String() string {
	var parts []string
	for _, n := range v {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(parts, ".")
}

// verdict is what a system says to a symbol version or a library that is needed.
type verdict int

const (
	fits verdict = iota
	// perhaps: some versions of the system have it.
	perhaps
	lacks
)

// symbolVersion judges a version such as "GLIBC_2.38". What is not glibc's, libstdc++'s or libgcc's is not judged.
func (os *baseOS) symbolVersion(name string) verdict {
	// Versions without a number mark features of the loader: DT_RELR came with glibc 2.36, the TLS ones later. GLIBC_PRIVATE is for glibc's own parts.
	if strings.HasPrefix(name, "GLIBC_ABI_") {
		return lacks
	}
	prefix := name[:strings.IndexByte(name, '_')+1]
	top, known := os.caps[prefix]
	v, ok := parseVersion(name[len(prefix):])
	if !known || !ok || slices.Compare(v, top) <= 0 {
		return fits
	}
	if newer, more := os.newer[prefix]; more && slices.Compare(v, newer) <= 0 {
		return perhaps
	}
	return lacks
}

// cap is the highest version of a symbol version's kind that any version of the system has, as in "2.34".
func (os *baseOS) cap(name string) string {
	kind := name[:strings.IndexByte(name, '_')+1]
	if v, more := os.newer[kind]; more {
		return v.String()
	}
	return os.caps[kind].String()
}

// library judges a needed library.
func (t *target) library(soname string) verdict {
	switch {
	case slices.Contains(t.has, soname), t.ownLibrary(soname):
		return fits
	case slices.Contains(t.image, soname):
		return perhaps
	}
	return lacks
}

// ownLibrary says whether the language's own runtime brings a library: it is below /var/lang, or loaded already.
func (t *target) ownLibrary(soname string) bool {
	switch t.family {
	case "python":
		return soname == "libpython3.so" || soname == "libpython"+t.major+".so.1.0"
	case "java":
		return slices.Contains([]string{"libjvm.so", "libjava.so", "libjawt.so", "libverify.so", "libjli.so"}, soname)
	case "ruby":
		return strings.HasPrefix(soname, "libruby.so.")
	}
	return false
}

// loader is the path of the system's dynamic loader.
func (t *target) loader() string {
	if t.arch == "arm64" {
		return "/lib/ld-linux-aarch64.so.1"
	}
	return "/lib64/ld-linux-x86-64.so.2"
}

// libraryPath is the LD_LIBRARY_PATH of a runtime, where the function does not set its own. Source: spec lambda.md §5.1.
func (t *target) libraryPath() string {
	return "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
}

// targetOf is where a function runs. Source of the bases: spec lambda.md §5.4; runtimes that AWS has retired run on the nearest.
func targetOf(fn *config.Function) *target {
	t := &target{arch: fn.Architecture, runtime: fn.Runtime}
	if t.arch == "" {
		t.arch = "x86_64"
	}
	name, base, _ := strings.Cut(fn.Runtime, ".al")
	i := strings.IndexAny(name, "0123456789")
	if i < 0 {
		i = len(name)
	}
	t.family, t.major = name[:i], strings.TrimSuffix(name[i:], ".x")
	switch t.family {
	case "go":
		t.family, t.major = "provided", ""
	case "dotnetcore":
		t.family = "dotnet"
	}
	if onAmazonLinux2(t.family, t.major, base) {
		t.baseOS = amazonLinux2()
	} else {
		t.baseOS = amazonLinux2023()
	}
	return t
}

// onAmazonLinux2 says whether a runtime has the older base; base is what follows ".al" in its name.
func onAmazonLinux2(family, major, base string) bool {
	if base != "" {
		return base == "2"
	}
	first := map[string]version{"nodejs": {20}, "python": {3, 12}, "java": {21}, "dotnet": {8}, "ruby": {3, 3}}[family]
	v, ok := parseVersion(strings.TrimSuffix(major, "-edge"))
	return ok && slices.Compare(v, first) < 0
}

// nodeABI is NODE_MODULE_VERSION of a Node.js major version, "" where it is not known here. Source: Node's doc/abi_version_registry.json.
func nodeABI(major string) string {
	return map[string]string{"12": "72", "14": "83", "16": "93", "18": "108", "20": "115", "22": "127", "24": "137"}[major]
}
