package dockerbuild

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// compiler makes real ELF files with the host's tools.
type compiler struct {
	*testing.T
	dir string
}

func newCompiler(t *testing.T) *compiler { return &compiler{t, t.TempDir()} }

// run runs a tool in the compiler's folder.
func (c *compiler) run(args ...string) {
	c.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = c.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		c.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// source writes a source file and returns its path.
func (c *compiler) source(name, text string) string {
	c.Helper()
	return write(c.T, filepath.Join(c.dir, name), text)
}

// library makes a stand-in of a system's library that has one symbol in each version: "GLIBC_2.38": "strlcpy". Programs linked with it need these.
func (c *compiler) library(soname string, symbols map[string]string) string {
	c.Helper()
	var script, code strings.Builder
	for _, v := range sortedKeys(symbols) {
		script.WriteString(v + " { global: " + symbols[v] + "; };\n")
		code.WriteString("void " + symbols[v] + "(void) {}\n")
	}
	out := filepath.Join(c.dir, "system", soname)
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		c.Fatal(err)
	}
	args := []string{"gcc", "-shared", "-nostdlib", "-fno-builtin", "-w", "-o", out, c.source(soname+".c", code.String()), "-Wl,-soname," + soname}
	if len(symbols) > 0 {
		args = append(args, "-Wl,--version-script="+c.source(soname+".map", script.String()))
	}
	c.run(args...)
	return out
}

// program makes a program (or, with -shared, a library) that calls some symbols of libraries.
func (c *compiler) program(out string, libraries, symbols []string, flags ...string) {
	c.Helper()
	var code strings.Builder
	for _, s := range symbols {
		code.WriteString("void " + s + "(void);\n")
	}
	code.WriteString("void _start(void) {\n")
	for _, s := range symbols {
		code.WriteString(s + "();\n")
	}
	code.WriteString("}\n")
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		c.Fatal(err)
	}
	args := []string{"gcc", "-nostdlib", "-fno-builtin", "-w", "-o", out, c.source("program.c", code.String())}
	c.run(slices.Concat(args, []string{"-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined"}, libraries, flags)...)
}

// write writes a file and its folder.
func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// hostArch is this machine in AWS's words.
func hostArch() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

func TestReadELF(t *testing.T) {
	c := newCompiler(t)
	libc := c.library("libc.so.6", map[string]string{"GLIBC_2.38": "strlcpy", "GLIBC_2.17": "old"})
	out := filepath.Join(c.dir, "out", "bootstrap")
	c.program(out, []string{libc}, []string{"strlcpy", "old"}, "-Wl,-rpath,$ORIGIN/lib:/opt/lib", "-Wl,--enable-new-dtags")
	n, err := readNative(out)
	if err != nil || n == nil || n.err != nil {
		t.Fatalf("readNative: %+v, %v", n, err)
	}
	slices.SortFunc(n.needs, func(a, b symbolNeed) int { return strings.Compare(a.version, b.version) })
	want := &native{
		system: "linux", arches: []string{hostArch()}, interp: targetFor("provided.al2023").loader(), needed: []string{"libc.so.6"}, runpath: []string{"$ORIGIN/lib", "/opt/lib"},
		needs: []symbolNeed{{"libc.so.6", "GLIBC_2.17"}, {"libc.so.6", "GLIBC_2.38"}},
	}
	if d := cmp.Diff(want, n, cmp.AllowUnexported(native{}, symbolNeed{})); d != "" {
		t.Error(d)
	}
	if got := symbolsOf(out, symbolNeed{"libc.so.6", "GLIBC_2.38"}); !slices.Equal(got, []string{"strlcpy"}) {
		t.Errorf("symbols of GLIBC_2.38: %v", got)
	}
	lib, err := readNative(libc)
	if err != nil || lib.soname != "libc.so.6" || !slices.Contains(lib.defines, "GLIBC_2.38") {
		t.Errorf("library: %+v, %v", lib, err)
	}
	c.program(out, nil, nil, "-Wl,-rpath,/x", "-Wl,--disable-new-dtags", "-shared", "-fPIC")
	if n, err = readNative(out); err != nil || !slices.Equal(n.rpath, []string{"/x"}) || n.runpath != nil || n.interp != "" {
		t.Errorf("rpath: %+v, %v", n, err)
	}
}

// A Go program without cgo asks for nothing.
func TestReadStatic(t *testing.T) {
	c := newCompiler(t)
	c.source("go.mod", "module x\ngo 1.26\n")
	c.source("main.go", "package main\nfunc main() {}\n")
	c.run("env", "CGO_ENABLED=0", "GOARCH=arm64", "GOOS=linux", "GOFLAGS=-mod=mod", "go", "build", "-o", "arm", ".")
	n, err := readNative(filepath.Join(c.dir, "arm"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&native{system: "linux", arches: []string{"arm64"}}, n, cmp.AllowUnexported(native{})); d != "" {
		t.Error(d)
	}
	for goos, want := range map[string]string{"darwin": "macOS on arm64", "windows": "Windows on arm64"} {
		c.run("env", "CGO_ENABLED=0", "GOARCH=arm64", "GOOS="+goos, "go", "build", "-o", goos, ".")
		if n, err = readNative(filepath.Join(c.dir, goos)); err != nil || n == nil || n.platform() != want {
			t.Errorf("%s: %+v, %v", goos, n, err)
		}
	}
}

func TestNotNative(t *testing.T) {
	dir := t.TempDir()
	class := append([]byte{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61}, make([]byte, 60)...)
	for name, content := range map[string]string{"empty": "", "text": "hello", "mz": "MZ" + strings.Repeat("x", 100), "class": string(class), "short": "\x7fEL"} {
		if n, err := readNative(write(t, filepath.Join(dir, name), content)); n != nil || err != nil {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
	n, err := readNative(write(t, filepath.Join(dir, "cut"), "\x7fELF\x02\x01\x01"))
	if err != nil || n == nil || n.err == nil {
		t.Errorf("a cut ELF file: %+v, %v", n, err)
	}
	fat := binary.BigEndian.AppendUint32(nil, 0xcafebabe)
	for _, word := range []uint32{2, 0x01000007, 3, 0, 0, 0, 0x0100000c, 0, 0, 0, 0} {
		fat = binary.BigEndian.AppendUint32(fat, word)
	}
	n, err = readNative(write(t, filepath.Join(dir, "fat"), string(fat)+strings.Repeat("\x00", 64)))
	if err != nil || n == nil || n.platform() != "macOS on x86_64 and arm64" {
		t.Errorf("a file for two machines: %+v, %v", n, err)
	}
}

// FuzzReadELF feeds files that real tools made and others damaged.
func FuzzReadELF(f *testing.F) {
	self, err := exec.LookPath("sh")
	if err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:1000])
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := readELF(bytes.NewReader(data), true)
		if n.system == "" {
			t.Error("no system")
		}
		isMachO(data)
		if len(data) >= 32 && isMachO(data) {
			machOArches(data[:min(len(data), headSize)])
		}
		if r := bytes.NewReader(data); isPE(r, data[:min(len(data), headSize)]) {
			peArch(r, data[:headSize])
		}
	})
}
