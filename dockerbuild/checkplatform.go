package dockerbuild

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Packages with native code often bring one file for every platform, and load the one that fits: prebuilds/darwin-arm64/x.node beside
// prebuilds/linux-x64/x.node, @img/sharp-darwin-arm64 beside @img/sharp-linux-x64, x.cpython-311-… beside x.cpython-312-…. A file that does not fit is
// a mistake only where none of its alternatives does.

// platformWords are what files and folders are named by, for the systems, processors and versions that they are made for.
var platformWords = regexp.MustCompile(`(?i)(^|[-_./@+])(darwin|macos|osx|win32|windows|win|linux|linuxmusl|linux-gnu|linux-musl|android|freebsd|openbsd|sunos|gnu|glibc|musl|msvc|` +
	`gnueabihf|musleabihf|x64|x86_64|x86-64|amd64|ia32|x86|i686|arm64|arm64e|aarch64|armv8|arm|armv6|armv7|armv7l|armhf|ppc64|ppc64le|s390x|riscv64|loong64|mips64el|universal2?|` +
	`abi\d+|napi|node-v\d+|electron-v[\d.]+|cpython-\d+t?|cp\d+t?|pypy[\d]+-pp\d+|abi3)([-_./@+]|$)`)

// platformKey is a path without the words that tell its platform: equal for alternatives. worded says that there was one.
func platformKey(name string) (key string, worded bool) {
	key = name
	for {
		// Words may share the separator between them, so that one pass does not take all.
		next := platformWords.ReplaceAllString(key, "$1")
		if next == key {
			break
		}
		key, worded = next, true
	}
	ext := path.Ext(key)
	if slices.Contains([]string{".exe", ".dll", ".dylib", ".so", ".pyd", ".node"}, ext) {
		key = strings.TrimSuffix(key, ext)
	}
	return strings.Trim(strings.NewReplacer("-", "", "_", "", ".", "", "//", "/").Replace(key), "/"), worded
}

// alternatives are what of one bundle fits: keys of files and of their folders, and packages that have an add-on.
type alternatives struct{ files, dirs, packages map[string]bool }

// alternativesOf collects what fits.
func alternativesOf(files []seenFile, fits func(seenFile) bool) alternatives {
	a := alternatives{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, f := range files {
		if fits(f) {
			key, _ := platformKey(f.at)
			a.files[key] = true
			dir, _ := platformKey(path.Dir(f.at))
			a.dirs[dir] = true
			if strings.HasSuffix(f.name, ".node") {
				a.packages[f.tree.packageOf(f.name)] = true
			}
		}
	}
	return a
}

// has says whether some file that fits stands in for one that does not. An add-on that was compiled on installation lies elsewhere than the package's
// prebuilt ones (build/Release), and is preferred to them.
func (a alternatives) has(f seenFile) bool {
	key, worded := platformKey(f.at)
	dir, wordedDir := platformKey(path.Dir(f.at))
	pkg := f.tree.packageOf(f.name)
	return a.files[key] || wordedDir && a.dirs[dir] || worded && pkg != "" && strings.HasSuffix(f.name, ".node") && a.packages[pkg]
}

// platform says what a native file is made for, in words.
func (n *native) platform() string {
	system := map[string]string{"linux": "Linux", "linuxmusl": "Linux with musl (Alpine)", "darwin": "macOS", "windows": "Windows"}[n.system]
	return system + " on " + strings.Join(n.arches, " and ")
}

// madeFor says whether a native file is for the target's system and processor.
func (n *native) madeFor(t *target) bool {
	return n.system == "linux" && (len(n.arches) == 0 || slices.Contains(n.arches, t.arch))
}

var (
	pythonTag = regexp.MustCompile(`\.(?:cpython-|cp)(\d)(\d+)(t?)[-.]`)
	nodeTag   = regexp.MustCompile(`(?:\.abi|/node-v|[-_]node-v)(\d+)`)
	electron  = regexp.MustCompile(`(?:^|[-_./])electron(?:[-_./]|$)`)
)

// pythonVersion is the version that an extension module's name asks for, "" where every one will do: only an interpreter of the same version finds
// the file (PEP 3149).
func pythonVersion(name string) string {
	m := pythonTag.FindStringSubmatch(path.Base(name))
	if m == nil {
		return ""
	}
	return m[1] + "." + m[2] + m[3]
}

// nodeVersion is the NODE_MODULE_VERSION of an add-on, "" where its name and symbols tell none or it uses Node-API.
func nodeVersion(f *bundleFile) string {
	switch f.native.node {
	case "napi":
		return ""
	case "":
	default:
		return f.native.node
	}
	if m := nodeTag.FindStringSubmatch(f.name); m != nil {
		return m[1]
	}
	return ""
}
