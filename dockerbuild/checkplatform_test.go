package dockerbuild

import (
	"path/filepath"
	"testing"
)

// machO is the start of a file for macOS on arm64.
const machO = "\xcf\xfa\xed\xfe\x0c\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func TestPlatformKey(t *testing.T) {
	for _, same := range [][]string{
		{"node_modules/@img/sharp-darwin-arm64/lib/sharp-darwin-arm64.node", "node_modules/@img/sharp-linux-x64/lib/sharp-linux-x64.node", "node_modules/@img/sharp-linuxmusl-x64/lib/sharp-linuxmusl-x64.node"},
		{"x/prebuilds/darwin-x64+arm64/node.napi.node", "x/prebuilds/linux-x64/node.napi.glibc.node", "x/prebuilds/win32-ia32/node.abi93.node", "x/prebuilds/linux-arm/node.napi.armv7.node"},
		{"node_modules/@esbuild/darwin-arm64/bin/esbuild", "node_modules/@esbuild/linux-x64/bin/esbuild", "node_modules/@esbuild/win32-x64/bin/esbuild.exe"},
		{"a/core.cpython-312-darwin.so", "a/core.cpython-313-x86_64-linux-gnu.so", "a/core.cp312-win_amd64.pyd", "a/core.abi3.so", "a/core.pypy39-pp73-x86_64-linux-gnu.so"},
		{"@rollup/rollup-linux-x64-gnu/rollup.linux-x64-gnu.node", "@rollup/rollup-win32-x64-msvc/rollup.win32-x64-msvc.node", "@rollup/rollup-linux-arm-gnueabihf/rollup.linux-arm-gnueabihf.node"},
		{"m/lib/binding/node-v108-linux-x64/m.node", "m/lib/binding/node-v127-darwin-arm64/m.node"},
	} {
		first, worded := platformKey(same[0])
		if !worded {
			t.Errorf("%s: no word", same[0])
		}
		for _, name := range same[1:] {
			if key, _ := platformKey(name); key != first {
				t.Errorf("%s: %q, %s: %q", same[0], first, name, key)
			}
		}
	}
	for _, name := range []string{"bootstrap", "lib/libpq.so.5", "build/Release/addon.node", "armor/charm.so", "window/linuxish"} {
		if key, worded := platformKey(name); worded {
			t.Errorf("%s: %q", name, key)
		}
	}
}

func TestNodePlatforms(t *testing.T) {
	c := newChecked(t, "nodejs22.x", "index.handler").write("index.js", "exports.handler = 1")
	c.write("node_modules/bcrypt/build/Release/bcrypt.node", machO)
	c.write("node_modules/@img/sharp-darwin-arm64/lib/sharp-darwin-arm64.node", machO).write("node_modules/@img/sharp-libvips-darwin-arm64/lib/libvips.dylib", machO)
	c.want(
		"error wrong-platform node_modules/@img/sharp-darwin-arm64/lib/sharp-darwin-arm64.node: is made for macOS on arm64, the function runs on Linux on ARCH",
		"error wrong-platform node_modules/bcrypt/build/Release/bcrypt.node: is made for macOS on arm64, the function runs on Linux on ARCH",
	)
	// With those for Linux beside them they only take room.
	c.elf("node_modules/bcrypt/build/Release/bcrypt.node", nil, nil, shared()...)
	c.elf("node_modules/@img/sharp-linux-x64/lib/sharp-linux-x64.node", nil, nil, shared()...)
	c.want()
	c.write("node_modules/@img/sharp-darwin-arm64/lib/sharp-darwin-arm64.node", machO+noise(2<<20, 1))
	c.want("warning other-platforms node_modules/@img/sharp-darwin-arm64/lib/sharp-darwin-arm64.node: the bundle has 2 files for other systems, 2.0 MB: " +
		"node_modules/@img/sharp-darwin-arm64, node_modules/@img/sharp-libvips-darwin-arm64")
}

// Of prebuilt add-ons none of which fits one is named; what was compiled on installation is taken in their place.
func TestPrebuilds(t *testing.T) {
	c := newChecked(t, "nodejs22.x", "index.handler").write("index.js", "exports.handler = 1")
	for _, dir := range []string{"darwin-arm64", "darwin-x64", "win32-x64"} {
		c.write("node_modules/ws/prebuilds/"+dir+"/ws.node", machO)
	}
	c.want("error wrong-platform node_modules/ws/prebuilds/darwin-arm64/ws.node: is made for macOS on arm64, the function runs on Linux on ARCH (2 more files of node_modules/ws, too)")
	c.write("node_modules/ws/fallback.js", "")
	c.want("warning wrong-platform node_modules/ws/prebuilds/darwin-arm64/ws.node: is made for macOS on arm64, the function runs on Linux on ARCH (2 more files of node_modules/ws, too)")
	c.elf("node_modules/ws/build/Release/ws.node", nil, nil, shared()...)
	c.want()
}

func TestNodeABI(t *testing.T) {
	c := newChecked(t, "nodejs22.x", "index.handler").write("index.js", "exports.handler = 1")
	addOn := func(name, export string) {
		c.Helper()
		c.run("gcc", "-shared", "-fPIC", "-nostdlib", "-o", filepath.Join(c.code, "x"), c.source("addon.c", "void "+export+"(void) {}\n"))
		c.run("mkdir", "-p", filepath.Dir(filepath.Join(c.code, name)))
		c.run("mv", filepath.Join(c.code, "x"), filepath.Join(c.code, name))
	}
	addOn("build/Release/a.node", "node_register_module_v108")
	c.want("error wrong-abi build/Release/a.node: is made for NODE_MODULE_VERSION 108, runtime nodejs22.x has 127")
	addOn("build/Release/a.node", "napi_register_module_v1")
	addOn("lib/binding/node-v108-linux-x64/b.node", "f")
	c.want("error wrong-abi lib/binding/node-v108-linux-x64/b.node: is made for NODE_MODULE_VERSION 108, runtime nodejs22.x has 127")
	addOn("lib/binding/node-v127-linux-x64/b.node", "f")
	addOn("prebuilds/linux-x64/node.abi93.node", "f")
	addOn("prebuilds/linux-x64/node.abi127.node", "f")
	addOn("prebuilds/linux-x64/electron.abi121.node", "f")
	c.want()
	c.fn.Runtime = "nodejs99.x" // not known: not judged
	c.want()
}

// Node.js itself has libstdc++ loaded: a newer one beside an add-on is never taken.
func TestNodeLibstdcxx(t *testing.T) {
	c := newChecked(t, "nodejs22.x", "index.handler").write("index.js", "exports.handler = 1")
	libcxx := c.library("libstdc++.so.6", map[string]string{"GLIBCXX_3.4.34": "newest"})
	copyInto(t, libcxx, filepath.Join(c.code, "libstdc++.so.6"))
	c.elf("a.node", []string{libcxx}, []string{"newest"}, shared("-Wl,-rpath,$ORIGIN", "-Wl,--disable-new-dtags")...)
	c.want("error symbol-version a.node: needs GLIBCXX_3.4.34 (newest); Amazon Linux 2023 has libstdc++ up to GLIBCXX_3.4.33")
}

func TestPythonABI(t *testing.T) {
	c := newChecked(t, "python3.12", "app.handler").write("app.py", "handler = 1")
	libc := c.library("libc.so.6", map[string]string{"GLIBC_2.38": "strlcpy"})
	c.elf("numpy/core.cpython-311-x86.so", []string{libc}, nil, shared()...).elf("numpy/more.cpython-311-x86.so", nil, nil, shared()...)
	c.write("numpy-1.26.dist-info/RECORD", "numpy/core.cpython-311-x86.so,,\n")
	c.want("error wrong-abi numpy/core.cpython-311-x86.so: is made for Python 3.11 by its name, runtime python3.12 does not find it (1 more file of numpy, too)")
	c.elf("numpy/core.cpython-312-x86.so", nil, nil, shared()...).write("numpy/more.py", "").elf("numpy/stable.abi3.so", nil, nil, shared()...).elf("numpy/plain.so", nil, nil, shared()...)
	c.want()
	c.elf("numpy/free.cpython-312t-x86.so", nil, nil, shared()...)
	c.want("error wrong-abi numpy/free.cpython-312t-x86.so: is made for Python 3.12t by its name, runtime python3.12 does not find it")
}

func TestPythonPlatforms(t *testing.T) {
	c := newChecked(t, "python3.12", "app.handler").write("app.py", "handler = 1")
	c.write("pkg/core.cpython-312-darwin.so", machO).write("pkg/cli.exe", "MZ").write("pkg/x.dylib", machO)
	c.want("error wrong-platform pkg/core.cpython-312-darwin.so: is made for macOS on arm64, the function runs on Linux on ARCH")
	c.elf("pkg/core.cpython-312-x86_64-linux-gnu.so", nil, nil, shared()...)
	c.want()
}
