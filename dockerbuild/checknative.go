package dockerbuild

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"example.com/emulate/emulator/config"
)

// finding is a problem of one file, before equal ones of a package's files are told as one.
type finding struct {
	file     seenFile
	severity config.Severity
	code     string
	// key is equal for equal problems.
	key  string
	hint string
	// text is the message. It is asked for once for each group, since it may have to read the file again.
	text func() string
}

// place is the package of the file, else its folder.
func (f finding) place() string {
	return cmp.Or(f.file.tree.packageOf(f.file.name), path.Dir(f.file.name))
}

const (
	buildHint = "Build with `emulate build`: it builds in the function's own Amazon Linux."
	// packHint is for libraries that are not there.
	packHint = "Put the library into lib/ of the bundle or of a layer; `emulate build` packs those that the target lacks."
)

// nativeCheck judges all native files of one function.
type nativeCheck struct {
	*bundleView
	target *target
	// libraryPath is LD_LIBRARY_PATH in the sandbox.
	libraryPath []string
	files       []seenFile
	// sonames says where in the bundle a library of a name is, wherever that is.
	sonames map[string]seenFile
	found   []finding
	// foreign are files for other platforms that do no harm: the package has one that fits, or nothing on Linux would load them.
	foreign []seenFile
}

// checkNatives judges the native files of a function. environment are the function's variables.
func checkNatives(v *bundleView, t *target, environment map[string]string) *nativeCheck {
	c := &nativeCheck{bundleView: v, target: t, files: v.natives(), sonames: map[string]seenFile{}}
	searched := t.libraryPath()
	if own := environment["LD_LIBRARY_PATH"]; own != "" {
		searched = own
	}
	c.libraryPath = strings.Split(searched, ":")
	var fitting []seenFile
	others := alternativesOf(c.files, func(f seenFile) bool { return f.native.madeFor(t) && c.abi(f) == "" })
	for _, f := range c.files {
		if c.loadable(f, others) {
			fitting = append(fitting, f)
			c.sonames[path.Base(f.at)] = f
		}
	}
	c.link(fitting)
	return c
}

func (c *nativeCheck) add(f seenFile, severity config.Severity, code, key, hint string, text func() string) {
	c.found = append(c.found, finding{f, severity, code, key, hint, text})
}

// loadable judges by itself whether a file could be loaded at all: platform, version of the language, loader.
func (c *nativeCheck) loadable(f seenFile, others alternatives) bool {
	n := f.native
	switch {
	case n.system == "object" || n.system == "windows" && c.target.family == "dotnet" || electron.MatchString(f.name):
		return false
	case n.err != nil:
		c.add(f, config.Warning, "damaged-elf", n.err.Error(), "", func() string { return "begins as an ELF file, and cannot be read as one: " + n.err.Error() })
		return false
	case !n.madeFor(c.target):
		c.wrongPlatform(f, others)
		return false
	case c.abi(f) != "":
		if !others.has(f) && !c.pureModule(f) {
			what := c.abi(f)
			c.add(f, config.Error, "wrong-abi", what, buildHint, func() string { return what })
		}
		return false
	}
	return c.loaderThere(f)
}

func (c *nativeCheck) wrongPlatform(f seenFile, others alternatives) {
	harmless := f.native.system != "linux" && slices.Contains([]string{".exe", ".dll", ".dylib"}, path.Ext(f.name))
	if harmless || others.has(f) {
		c.foreign = append(c.foreign, f)
		return
	}
	key := f.native.platform()
	text := fmt.Sprintf("is made for %s, the function runs on Linux on %s", key, c.target.arch)
	if family, worded := platformKey(f.at); worded {
		key = family // all of a package's alternatives are one problem
	}
	severity := config.Error
	if pkg := f.tree.packageOf(f.name); pkg != "" && f.tree.file(pkg+"/fallback.js") != nil {
		severity = config.Warning // as node-gyp-build's users do it: slower, in JavaScript
	}
	c.add(f, severity, "wrong-platform", key, buildHint, func() string { return text })
}

// abi says why an extension of the language does not fit the runtime's version, "" where it does.
func (c *nativeCheck) abi(f seenFile) string {
	switch t := c.target; t.family {
	case "python":
		if v := pythonVersion(f.name); v != "" && v != t.major {
			return fmt.Sprintf("is made for Python %s by its name, runtime %s does not find it", v, t.runtime)
		}
	case "nodejs":
		if v, want := nodeVersion(f.bundleFile), nodeABI(t.major); strings.HasSuffix(f.name, ".node") && v != "" && want != "" && v != want {
			return fmt.Sprintf("is made for NODE_MODULE_VERSION %s, runtime %s has %s", v, t.runtime, want)
		}
	}
	return ""
}

// pureModule says whether a Python extension has a pure Python twin that is imported in its place.
func (c *nativeCheck) pureModule(f seenFile) bool {
	module, _, _ := strings.Cut(path.Base(f.name), ".")
	return c.target.family == "python" && f.tree.follow(path.Join(path.Dir(f.name), module+".py")) != nil
}

// loaderThere says whether the system's own loader will load a file, and reports a program whose loader is not there.
func (c *nativeCheck) loaderThere(f seenFile) bool {
	interp := f.native.interp
	if interp == "" || interp == c.target.loader() || strings.Contains(path.Base(f.name), ".so") {
		return true
	}
	if _, ok := c.find(interp); !ok {
		c.add(f, config.Error, "no-loader", interp, buildHint, func() string {
			return fmt.Sprintf("asks for the loader %s, which Lambda does not have (%s has %s)", interp, c.target.name, c.target.loader())
		})
	}
	return false // with a loader of its own it brings its own C library, too
}

// entry says whether a file is surely loaded, and not only when something asks for it.
func (c *nativeCheck) entry(f seenFile) bool {
	base := path.Base(f.at)
	switch {
	case path.Dir(f.at) == "/opt/extensions":
		return true
	case c.target.family == "provided":
		return f.at == "/var/task/bootstrap" || f.at == "/opt/bootstrap"
	case c.target.family == "nodejs":
		return strings.HasSuffix(base, ".node")
	case c.target.family == "python":
		return strings.HasSuffix(base, ".so") && !strings.HasPrefix(base, "lib")
	}
	return false
}

// link follows what each file needs, as the loader would: first from the files that are surely loaded, whose problems are errors.
func (c *nativeCheck) link(files []seenFile) {
	seen := map[string]bool{}
	var follow func(f seenFile, inherited []string, root seenFile)
	follow = func(f seenFile, inherited []string, root seenFile) {
		if seen[f.at] {
			return
		}
		seen[f.at] = true
		rpath := expandOrigin(f.native.rpath, path.Dir(f.at))
		rpath = append(rpath, inherited...)
		where := map[string]seenFile{}
		var lacking []string
		for _, lib := range f.native.needed {
			switch g, v := c.library(f, lib, rpath); {
			case v != fits:
				lacking = append(lacking, lib)
			case g.bundleFile != nil:
				where[lib] = g
				follow(g, rpath, root)
			}
		}
		c.missing(f, lacking, root)
		c.symbolVersions(f, where, c.entry(root) || root.native.interp != "")
	}
	for _, entries := range []bool{true, false} {
		for _, f := range files {
			if c.entry(f) == entries {
				follow(f, nil, f)
			}
		}
	}
}

func expandOrigin(dirs []string, origin string) []string {
	out := make([]string, 0, len(dirs))
	for _, d := range dirs {
		out = append(out, strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin, "$LIB", "lib64", "${LIB}", "lib64").Replace(d))
	}
	return out
}

// library looks for a needed library in the loader's order: DT_RPATH, LD_LIBRARY_PATH, DT_RUNPATH, the system. The verdict is fits where it is found:
// in the bundle, as g, or in the system.
func (c *nativeCheck) library(f seenFile, lib string, rpath []string) (g seenFile, v verdict) {
	if strings.Contains(lib, "/") {
		if g, ok := c.findNative(lib); ok {
			return g, fits
		}
		return seenFile{}, lacks
	}
	v = c.target.library(lib)
	if v == fits && c.loadedAlready(lib) {
		return seenFile{}, v
	}
	for _, dir := range slices.Concat(rpath, c.libraryPath, expandOrigin(f.native.runpath, path.Dir(f.at))) {
		if v == fits && systemDir(dir) {
			return seenFile{}, v
		}
		if g, ok := c.findNative(path.Join(dir, lib)); ok && g.native.madeFor(c.target) {
			return g, fits
		}
	}
	return seenFile{}, v
}

// findNative finds a native file of the bundle; a path that is not absolute starts where the function is started.
func (c *nativeCheck) findNative(at string) (seenFile, bool) {
	if !path.IsAbs(at) {
		at = path.Join("/var/task", at)
	}
	g, ok := c.find(at)
	return g, ok && g.native != nil
}

// loadedAlready says whether the interpreter has a library loaded before any code of the function: another of the same name is never loaded then.
func (c *nativeCheck) loadedAlready(lib string) bool {
	switch lib {
	case "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0":
		return true
	case "libstdc++.so.6", "libgcc_s.so.1":
		return c.target.family == "nodejs" || c.target.family == "dotnet"
	}
	return false
}

func systemDir(dir string) bool {
	switch path.Clean(dir) {
	case "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/var/lang/lib", "/var/runtime", "/var/runtime/lib":
		return true
	}
	return false
}

// missing reports the libraries that the loader does not find. Of a file that is surely loaded that is an error; others may be there for nothing, as
// the GPU parts of many packages.
func (c *nativeCheck) missing(f seenFile, libs []string, root seenFile) {
	var uncertain, moved, gone []string
	for _, lib := range libs {
		g, elsewhere := c.sonames[lib]
		switch {
		case elsewhere:
			moved = append(moved, fmt.Sprintf("%s (the bundle has it as %s)", lib, g.at))
		case c.target.library(lib) == perhaps:
			uncertain = append(uncertain, lib)
		default:
			gone = append(gone, lib)
		}
	}
	severity := config.Warning
	if c.entry(root) {
		severity = config.Error
	}
	c.lacking(f, severity, "missing-library", gone, packHint, "which neither the bundle nor "+c.target.name+" has")
	if root.native.interp == "" {
		severity = config.Warning // something may have loaded it before
	}
	c.lacking(f, severity, "library-path", moved, "Move it to lib/, or link with -Wl,-rpath,'$ORIGIN/…' so that it is found.", "where the loader does not look")
	c.lacking(f, config.Warning, "uncertain-library", uncertain, packHint,
		"which Amazon's image of "+c.target.name+" has, and AWS does not promise in Lambda itself")
}

func (c *nativeCheck) lacking(f seenFile, severity config.Severity, code string, libs []string, hint, why string) {
	if len(libs) > 0 {
		what := some(libs, 3)
		c.add(f, severity, code, what, hint, func() string { return "needs " + what + ", " + why })
	}
}

// symbolVersions judges the versions that a file needs: against the system's, or against those of the bundle's own library where that one is taken.
func (c *nativeCheck) symbolVersions(f seenFile, where map[string]seenFile, loaded bool) {
	worst := map[string]verdict{}
	needs := map[string][]symbolNeed{} // by the kind of version, such as GLIBC_, or the bundle's library
	for _, need := range f.native.needs {
		kind := need.version[:strings.IndexByte(need.version, '_')+1]
		v := c.target.symbolVersion(need.version)
		if g, bundled := where[need.library]; bundled {
			kind, v = need.library, fits
			if len(g.native.defines) > 0 && !slices.Contains(g.native.defines, need.version) {
				v = lacks
			}
		}
		if v != fits {
			worst[kind] = max(worst[kind], v)
			needs[kind] = append(needs[kind], need)
		}
	}
	for _, kind := range sortedKeys(needs) {
		list := needs[kind]
		slices.SortStableFunc(list, func(a, b symbolNeed) int { return compareVersions(b.version, a.version) })
		severity := config.Error
		if !loaded || worst[kind] == perhaps {
			severity = config.Warning
		}
		has := c.whatIsThere(where, list[0], worst[kind])
		c.add(f, severity, "symbol-version", list[0].version+list[0].library, buildHint, func() string {
			return "needs " + needsOf(f, list) + "; " + has
		})
	}
}

// whatIsThere says what the needed version is compared with.
func (c *nativeCheck) whatIsThere(where map[string]seenFile, need symbolNeed, v verdict) string {
	if g, bundled := where[need.library]; bundled {
		return "the bundle's " + strings.TrimPrefix(g.at, "/var/task/") + " does not have it"
	}
	has := fmt.Sprintf("%s has glibc %s", c.target.name, c.target.cap(need.version))
	if !strings.HasPrefix(need.version, "GLIBC_") {
		lib, _, _ := strings.Cut(need.library, ".so")
		prefix := need.version[:strings.IndexByte(need.version, '_')+1]
		has = fmt.Sprintf("%s has %s up to %s%s", c.target.name, lib, prefix, c.target.cap(need.version))
	}
	if v == perhaps {
		has = fmt.Sprintf("%s has it only in versions of the runtime that are newer than spring 2025", c.target.name)
	}
	return has
}

// compareVersions orders versions of symbols by their numbers; what has no number is the highest, since it is a feature of the newest.
func compareVersions(a, b string) int {
	va, okA := parseVersion(a[strings.IndexByte(a, '_')+1:])
	vb, okB := parseVersion(b[strings.IndexByte(b, '_')+1:])
	switch {
	case okA && okB:
		return slices.Compare(va, vb)
	case okA:
		return -1
	case okB:
		return 1
	}
	return strings.Compare(a, b)
}

// needsOf names versions with some of their symbols: "GLIBC_2.38 (strlcat, strlcpy)". The list is sorted.
func needsOf(f seenFile, list []symbolNeed) string {
	symbols := map[string][]string{}
	var versions []string
	for _, need := range list {
		if len(versions) == 0 || versions[len(versions)-1] != need.version {
			versions = append(versions, need.version)
		}
		if len(versions) <= 3 {
			symbols[need.version] = append(symbols[need.version], symbolsOf(f.tree.path(f.name), need)...)
		}
	}
	for i, v := range versions {
		if names := symbols[v]; len(names) > 0 {
			versions[i] += " (" + some(names, 3) + ")"
		}
	}
	return some(versions, 3)
}

// some joins the first of a list, and says how many more there are.
func some(list []string, n int) string {
	if len(list) <= n {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:n], ", "), len(list)-n)
}
