package dockerbuild

import (
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// newHosted is a fixture whose functions are built for Lambda with this machine's tools.
func newHosted(t *testing.T, files string) *fixture {
	f := newFixture(t, files)
	f.builder = f.boxedBuilder(func(o *Options) { o.Host = true })
	return f
}

func TestHostGo(t *testing.T) {
	f := newHosted(t, "-- go.mod --\nmodule example.com/x\ngo 1.21\n-- main.go --\npackage main\n\nimport \"os/user\"\n\nfunc main() { u, _ := user.Current(); println(u != nil) }\n")
	fn := f.boxed("provided.al2023", "bootstrap", "")
	a := f.build(fn)
	if interp(t, a) != "" {
		t.Error("a program without C was built with cgo")
	}
	if got := f.inImage("provided:al2023", a, "/var/task/bootstrap"); got != "true" {
		t.Errorf("got %s", got)
	}
	fn.Architecture = "arm64"
	program, err := elf.Open(filepath.Join(f.build(fn).Dir, "bootstrap"))
	if err != nil || program.Machine != elf.EM_AARCH64 {
		t.Errorf("machine %v, %v", program.Machine, err)
	}
	program.Close()
}

// What is compiled for a newer C library than Lambda's is refused with the symbol's name.
func TestHostRefusesWhatIsTooNew(t *testing.T) {
	f := newHosted(t, "-- fn/Makefile --\nbuild-Fn:\n\tcp program $(ARTIFACTS_DIR)/bootstrap\n")
	src := filepath.Join(f.cache, "new.c")
	// A program that asks for a version of the C library that no Lambda has.
	code := `#include <string.h>
__asm__(".symver newest, newest@GLIBC_2.39");
extern int newest(void);
int main(void) { return newest(); }
`
	stub := "int newest_(void) { return 1; }\n__asm__(\".symver newest_, newest@@GLIBC_2.39\");\n"
	script := "GLIBC_2.39 { global: newest; local: *; };\n"
	for name, text := range map[string]string{"new.c": code, "stub.c": stub, "stub.map": script} {
		if err := os.WriteFile(filepath.Join(f.cache, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f.output(f.cache, nil, "gcc", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libc.so.6", "-Wl,--version-script=stub.map", "-o", "libstub.so", "stub.c")
	f.output(f.cache, nil, "gcc", "-nostdlib", "-Wl,-e,main", "-o", filepath.Join(f.dir, "fn", "program"), src, "libstub.so")
	fn := f.boxed("provided.al2023", "bootstrap", "fn")
	fn.Code.BuildMethod = "makefile"
	e := f.fails(fn)
	contains(t, e.Error(), "build on this machine of function fn failed:\n", "bootstrap: ", "GLIBC_2.39", "Build in a container: without --build-host.")
}

func TestHostNode(t *testing.T) {
	f := newHosted(t, "-- fn/package.json --\n{\"dependencies\": {\"esbuild\": \"0.25.0\"}}\n-- fn/app.js --\nexports.handler = async () => require('esbuild').version;\n")
	fn := f.boxed("nodejs20.x", "app.handler", "fn")
	a := f.build(fn)
	f.self(a)
	if got := f.inImage("nodejs:20", a, "node", "-e", answer, "/var/task/app.js"); got != `"0.25.0"` {
		t.Errorf("answer %s", got)
	}
	f.wantRan("npm install")
}

func TestHostPython(t *testing.T) {
	f := newHosted(t, `
-- fn/requirements.txt --
markupsafe==3.0.2
-- fn/app.py --
import markupsafe._speedups, markupsafe
print(markupsafe.escape("<"))
`)
	fn := f.boxed("python3.11", "app.handler", "fn")
	a := f.build(fn)
	f.self(a)
	if got := f.inImage("python:3.11", a, "python3", "app.py"); got != "&lt;" {
		t.Errorf("got %s", got)
	}
	fn.Architecture, fn.Runtime = "arm64", "python3.13"
	found, _ := filepath.Glob(filepath.Join(f.build(fn).Dir, "markupsafe", "_speedups.cpython-313-aarch64-linux-gnu.so"))
	if len(found) != 1 {
		t.Error("no wheel of the other processor")
	}
}

// A Rust program for Lambda is static where the tool chain can make one; where it cannot, it is said how to get there.
func TestHostRust(t *testing.T) {
	f := newHosted(t, "-- Cargo.toml --\n[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2021\"\n-- src/main.rs --\nfn main() { println!(\"static\"); }\n")
	fn := f.boxed("provided.al2023", "bootstrap", "")
	out, err := exec.Command("rustc", "--print", "target-libdir", "--target", "x86_64-unknown-linux-musl").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !isDir(strings.TrimSpace(string(out))) {
		contains(t, f.fails(fn).Error(), "cargo build of function fn failed:", "Run: rustup target add x86_64-unknown-linux-musl")
		return
	}
	a := f.build(fn)
	if interp(t, a) != "" {
		t.Error("the program is not static")
	}
	if got := f.inImage("provided:al2023", a, "/var/task/bootstrap"); got != "static" {
		t.Errorf("got %s", got)
	}
}

// interp is the loader that a dynamic program names.
func interp(t *testing.T, a *Artifact) string {
	t.Helper()
	f, err := elf.Open(filepath.Join(a.Dir, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := f.Section(".interp")
	if s == nil {
		return ""
	}
	b, err := io.ReadAll(s.Open())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimRight(string(b), "\x00")
}
