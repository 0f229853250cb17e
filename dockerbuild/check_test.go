package dockerbuild

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/emulate/emulator/config"
	"github.com/google/go-cmp/cmp"
)

// checked is a function whose bundle is checked.
type checked struct {
	*compiler
	fn *config.Function
	// code is the code's folder, built that of emulate build -o.
	code, built string
}

func newChecked(t *testing.T, runtime, handler string) *checked {
	c := newCompiler(t)
	code := filepath.Join(c.dir, "code")
	if err := os.MkdirAll(code, 0o755); err != nil {
		t.Fatal(err)
	}
	return &checked{c, &config.Function{
		Name: "fn", LogicalID: "Fn", Runtime: runtime, Handler: handler, PackageType: "Zip", Architecture: hostArch(), Code: config.Code{Dir: code},
		At: config.Position{File: filepath.Join(c.dir, "template.yaml"), Line: 3, Column: 1},
	}, code, ""}
}

// write puts a file into the code.
func (c *checked) write(name, text string) *checked {
	c.Helper()
	write(c.T, filepath.Join(c.code, name), text)
	return c
}

// elf puts a program or library into the code.
func (c *checked) elf(name string, libraries, symbols []string, flags ...string) *checked {
	c.Helper()
	c.program(filepath.Join(c.code, name), libraries, symbols, flags...)
	return c
}

// report checks the function, but for the zipped size.
func (c *checked) report() *BundleReport { c.Helper(); return c.check(false) }

func (c *checked) check(zip bool) *BundleReport {
	c.Helper()
	checker := NewChecker(CheckOptions{CacheDir: filepath.Join(c.dir, "cache"), Built: c.built})
	defer checker.Close()
	r, err := checker.Check(context.Background(), c.fn)
	if err != nil {
		c.Fatal(err)
	}
	if zip {
		if _, err := checker.Zip(context.Background(), r); err != nil {
			c.Fatal(err)
		}
	}
	return r
}

// want compares the problems, as "severity code file: message" with paths below the code.
func (c *checked) want(lines ...string) {
	c.Helper()
	var got []string
	for _, d := range c.report().Diagnostics {
		if d.Object != "Fn" {
			c.Errorf("object %q of %v", d.Object, d)
		}
		file := strings.TrimPrefix(strings.TrimPrefix(d.File, c.code+"/"), c.dir+"/")
		got = append(got, strings.ReplaceAll(fmt.Sprintf("%s %s %s: %s", d.Severity, d.Code, file, d.Message), hostArch(), "ARCH"))
	}
	if d := cmp.Diff(lines, got); d != "" {
		c.Error(d)
	}
}

// shared are the flags of a library; exported so that it is found by its folder only.
func shared(flags ...string) []string { return append([]string{"-shared", "-fPIC"}, flags...) }

func TestNewerGlibc(t *testing.T) {
	c := newChecked(t, "provided.al2023", "bootstrap")
	libc := c.library("libc.so.6", map[string]string{"GLIBC_2.17": "old", "GLIBC_2.36": "arc4random", "GLIBC_2.38": "strlcpy"})
	libcxx := c.library("libstdc++.so.6", map[string]string{"GLIBCXX_3.4.34": "newest", "GLIBCXX_3.4": "first"})
	c.elf("bootstrap", []string{libc, libcxx}, []string{"old", "arc4random", "strlcpy", "first", "newest"})
	c.want(
		"error symbol-version bootstrap: needs GLIBCXX_3.4.34 (newest); Amazon Linux 2023 has libstdc++ up to GLIBCXX_3.4.33",
		"error symbol-version bootstrap: needs GLIBC_2.38 (strlcpy), GLIBC_2.36 (arc4random); Amazon Linux 2023 has glibc 2.34",
	)
	for _, d := range c.report().Diagnostics {
		if !strings.Contains(d.Hint, "`emulate build`") {
			t.Errorf("hint %q", d.Hint)
		}
	}
}

func TestBetweenUpdates(t *testing.T) {
	c := newChecked(t, "provided.al2023", "bootstrap")
	libcxx := c.library("libstdc++.so.6", map[string]string{"GLIBCXX_3.4.32": "throw_bad_array"})
	c.elf("bootstrap", []string{libcxx}, []string{"throw_bad_array"})
	c.want("warning symbol-version bootstrap: needs GLIBCXX_3.4.32 (throw_bad_array); Amazon Linux 2023 has it only in versions of the runtime that are newer than spring 2025")
	c.fn.Runtime = "provided.al2"
	c.want("error symbol-version bootstrap: needs GLIBCXX_3.4.32 (throw_bad_array); Amazon Linux 2 has libstdc++ up to GLIBCXX_3.4.24")
}

// A weak symbol of a newer version keeps no program from starting.
func TestWeakVersion(t *testing.T) {
	c := newChecked(t, "provided.al2023", "bootstrap")
	libc := c.library("libc.so.6", map[string]string{"GLIBC_2.38": "strlcpy"})
	c.source("weak.c", "__attribute__((weak)) void strlcpy(void);\nvoid _start(void) { if (strlcpy) strlcpy(); }\n")
	c.run("gcc", "-nostdlib", "-fno-builtin", "-w", "-o", filepath.Join(c.code, "bootstrap"), "weak.c", libc)
	c.want()
}

func TestLibraries(t *testing.T) {
	c := newChecked(t, "provided.al2023", "bootstrap")
	pq, ssl, lib, moved := c.library("libpq.so.5", nil), c.library("libssl.so.3", nil), c.library("libmine.so.1", nil), c.library("libmoved.so.1", nil)
	c.elf("bootstrap", []string{pq, ssl, lib, moved}, nil)
	copyInto(t, lib, filepath.Join(c.code, "lib", "libmine.so.1"))
	copyInto(t, moved, filepath.Join(c.code, "native", "libmoved.so.1"))
	c.want(
		"error missing-library bootstrap: needs libpq.so.5, which neither the bundle nor Amazon Linux 2023 has",
		"error library-path bootstrap: needs libmoved.so.1 (the bundle has it as /var/task/native/libmoved.so.1), where the loader does not look",
		"warning uncertain-library bootstrap: needs libssl.so.3, which Amazon's image of Amazon Linux 2023 has, and AWS does not promise in Lambda itself",
	)
	// A layer, a path in the file, and one in the environment are looked at.
	layer := filepath.Join(c.dir, "layer")
	copyInto(t, pq, filepath.Join(layer, "lib", "libpq.so.5"))
	c.fn.Layers = []string{layer}
	c.elf("bootstrap", []string{pq, moved}, nil, "-Wl,-rpath,$ORIGIN/native")
	c.want()
	c.elf("bootstrap", []string{pq, moved}, nil)
	c.fn.Environment = map[string]string{"LD_LIBRARY_PATH": "/opt/lib:/var/task/native"}
	c.want()
}

// What the bundle's own library needs is needed too, and found by the program's RPATH, which libraries inherit, other than RUNPATH.
func TestLibrariesOfLibraries(t *testing.T) {
	c := newChecked(t, "provided.al2023", "bootstrap")
	deep := c.library("libdeep.so.1", nil)
	copyInto(t, deep, filepath.Join(c.code, "native", "libdeep.so.1"))
	mine := filepath.Join(c.code, "native", "libmine.so.1")
	c.program(mine, []string{deep}, nil, shared("-Wl,-soname,libmine.so.1")...)
	c.elf("bootstrap", []string{mine}, nil, "-Wl,-rpath,$ORIGIN/native", "-Wl,--disable-new-dtags")
	c.want()
	c.elf("bootstrap", []string{mine}, nil, "-Wl,-rpath,$ORIGIN/native", "-Wl,--enable-new-dtags")
	c.want("error library-path native/libmine.so.1: needs libdeep.so.1 (the bundle has it as /var/task/native/libdeep.so.1), where the loader does not look")
	if err := os.Remove(filepath.Join(c.code, "native", "libdeep.so.1")); err != nil {
		t.Fatal(err)
	}
	c.want("error missing-library native/libmine.so.1: needs libdeep.so.1, which neither the bundle nor Amazon Linux 2023 has")
}

// A libstdc++ of the bundle's own helps only where an RPATH leads to it: LD_LIBRARY_PATH has the system's folders before the bundle's.
func TestOwnLibstdcxx(t *testing.T) {
	c := newChecked(t, "provided.al2", "bootstrap")
	libcxx := c.library("libstdc++.so.6", map[string]string{"GLIBCXX_3.4.32": "newer"})
	copyInto(t, libcxx, filepath.Join(c.code, "lib", "libstdc++.so.6"))
	c.elf("bootstrap", []string{libcxx}, []string{"newer"})
	c.want("error symbol-version bootstrap: needs GLIBCXX_3.4.32 (newer); Amazon Linux 2 has libstdc++ up to GLIBCXX_3.4.24")
	c.elf("bootstrap", []string{libcxx}, []string{"newer"}, "-Wl,-rpath,$ORIGIN/lib", "-Wl,--disable-new-dtags")
	c.want()
	libcxx = c.library("libstdc++.so.6", map[string]string{"GLIBCXX_3.4.33": "newest"})
	c.elf("bootstrap", []string{libcxx}, []string{"newest"}, "-Wl,-rpath,$ORIGIN/lib", "-Wl,--disable-new-dtags")
	c.want("error symbol-version bootstrap: needs GLIBCXX_3.4.33 (newest); the bundle's lib/libstdc++.so.6 does not have it")
}

// Libraries that nothing surely loads give warnings: packages bring parts that are never used.
func TestUnreached(t *testing.T) {
	c := newChecked(t, "python3.12", "app.handler").write("app.py", "def handler(event, context): pass\n")
	cuda := c.library("libcudart.so.12", nil)
	c.elf("onnx/libproviders.so", []string{cuda}, nil, shared()...)
	c.elf("onnx/core.cpython-312.so", nil, nil, shared()...)
	c.want("warning missing-library onnx/libproviders.so: needs libcudart.so.12, which neither the bundle nor Amazon Linux 2023 has")
	c.elf("onnx/core.cpython-312.so", []string{cuda, c.library("libpython3.12.so.1.0", nil)}, nil, shared()...)
	c.want(
		"error missing-library onnx/core.cpython-312.so: needs libcudart.so.12, which neither the bundle nor Amazon Linux 2023 has",
		"warning missing-library onnx/libproviders.so: needs libcudart.so.12, which neither the bundle nor Amazon Linux 2023 has",
	)
}

func TestLoaders(t *testing.T) {
	c := newChecked(t, "provided.al2023", "bootstrap")
	c.elf("bootstrap", nil, nil, "-Wl,--dynamic-linker=/nix/store/x/ld.so", "-pie", "-fPIE")
	c.want("error no-loader bootstrap: asks for the loader /nix/store/x/ld.so, which Lambda does not have (Amazon Linux 2023 has " + targetFor("").loader() + ")")
	c.elf("bootstrap", nil, nil, "-Wl,--dynamic-linker=/var/task/lib/ld.so", "-pie", "-fPIE").elf("lib/ld.so", nil, nil, shared()...)
	c.want()
	c.elf("bootstrap", nil, nil, "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1", "-pie", "-fPIE")
	c.want("error wrong-platform bootstrap: is made for Linux with musl (Alpine) on ARCH, the function runs on Linux on ARCH")
	c.elf("bootstrap", nil, nil, "-static")
	c.want()
}

func TestOtherArchitecture(t *testing.T) {
	c := newChecked(t, "provided.al2023", "bootstrap").elf("bootstrap", nil, nil)
	other := map[string]string{"x86_64": "arm64", "arm64": "x86_64"}[hostArch()]
	c.fn.Architecture = other
	c.want("error wrong-platform bootstrap: is made for Linux on ARCH, the function runs on Linux on " + other)
}

func TestBootstrap(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string // a name that ends with ! is executable
		want  []string
	}{
		"missing": {nil, []string{"error no-bootstrap template.yaml: function fn: runtime provided.al2023 starts the file bootstrap, which neither the code nor a layer has"}},
		"folder":  {map[string]string{"bootstrap/x": ""}, []string{"error no-bootstrap bootstrap: is a folder, where Lambda wants an executable file"}},
		"case":    {map[string]string{"Bootstrap!": "#!/bin/sh\n"}, []string{"error case-mismatch Bootstrap: is not found on Lambda, which looks for bootstrap: names differ by their case there"}},
		"mode":    {map[string]string{"bootstrap": "#!/bin/sh\n"}, []string{"error bootstrap-not-executable bootstrap: is not executable, so that Lambda cannot start it"}},
		"empty":   {map[string]string{"bootstrap!": ""}, []string{"error bootstrap-empty bootstrap: is empty"}},
		"format":  {map[string]string{"bootstrap!": "echo hello\n"}, []string{"error bootstrap-format bootstrap: is neither a program for Linux nor a script: Lambda cannot run it (exec format error)"}},
		"crlf":    {map[string]string{"bootstrap!": "#!/bin/sh\r\necho\r\n"}, []string{`error bootstrap-line-ends bootstrap: has line ends of Windows: Lambda looks for an interpreter "/bin/sh\r"`}},
		"ruby":    {map[string]string{"bootstrap!": "#!/usr/bin/env ruby\n"}, []string{"warning no-interpreter bootstrap: asks for the interpreter ruby, which Amazon Linux 2023 may not have"}},
		"own":     {map[string]string{"bootstrap!": "#!/var/task/bin/x\n"}, []string{"error no-interpreter bootstrap: asks for the interpreter /var/task/bin/x, which the bundle does not have"}},
		"brought": {map[string]string{"bootstrap!": "#!/var/task/bin/x\n", "bin/x!": "#!/bin/sh\n"}, nil},
		"script":  {map[string]string{"bootstrap!": "#!/usr/bin/env bash\n"}, nil},
		"sh":      {map[string]string{"bootstrap!": "#!/bin/sh -e\n"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChecked(t, "provided.al2023", "x")
			for file, text := range tt.files {
				c.write(strings.TrimSuffix(file, "!"), text)
				if strings.HasSuffix(file, "!") {
					chmod(t, filepath.Join(c.code, strings.TrimSuffix(file, "!")), 0o755)
				}
			}
			c.want(tt.want...)
		})
	}
	c := newChecked(t, "provided.al2023", "x")
	layer := filepath.Join(c.dir, "layer")
	chmod(t, write(t, filepath.Join(layer, "bootstrap"), "#!/bin/sh\n"), 0o755)
	c.fn.Layers = []string{layer}
	c.want()
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

func copyInto(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(b))
}

// noise is content that does not compress.
func noise(n int, seed uint64) string {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1})
	r.Read(b)
	return string(b)
}

func TestTooLarge(t *testing.T) {
	c := newChecked(t, "nodejs22.x", "index.handler").write("index.js", "exports.handler = async () => {}\n")
	for i := range 12 {
		c.sparse(fmt.Sprintf("node_modules/p%02d/data.bin", i), int64(i+1)<<20)
	}
	c.sparse("assets/big/video.bin", 160<<20)
	c.sparse("assets/poster.bin", 1<<20)
	r := c.report()
	if len(r.Largest) != 10 || r.Largest[0] != (Part{"assets/big/video.bin", 160 << 20}) || r.Largest[1] != (Part{"node_modules/p11", 12 << 20}) {
		t.Errorf("largest: %v", r.Largest)
	}
	size := r.Unzipped
	c.sparse("assets/more.bin", unzippedLimit-size)
	if r = c.check(true); !r.TooLarge() || r.Unzipped != unzippedLimit || r.Zipped != -1 {
		t.Errorf("at the limit: %d bytes, %v", r.Unzipped, r.Diagnostics)
	}
	want := "function fn: its code has 250.0 MB (262144000 bytes), AWS says: Unzipped size must be smaller than 262144000 bytes"
	if d := r.Diagnostics[0]; d.Message != want || d.Severity != config.Error || d.Line != 3 {
		t.Errorf("diagnostic: %v", d)
	}
	c.sparse("assets/more.bin", unzippedLimit-size-1)
	if r = c.report(); r.TooLarge() {
		t.Errorf("one byte less: %d bytes, %v", r.Unzipped, r.Diagnostics)
	}
	layer := filepath.Join(c.dir, "libs")
	write(t, filepath.Join(layer, "x"), "1")
	c.fn.Layers = []string{layer}
	r = c.report()
	if want = "function fn: its code and 1 layer have"; !r.TooLarge() || r.Layers != 1 || !strings.HasPrefix(r.Diagnostics[0].Message, want) {
		t.Errorf("with a layer of one byte: %d bytes, %v", r.Unzipped, r.Diagnostics)
	}
}

// sparse makes a file of a size that takes no room on the disk.
func (c *checked) sparse(name string, size int64) {
	c.Helper()
	c.write(name, "")
	if err := os.Truncate(filepath.Join(c.code, name), size); err != nil {
		c.Fatal(err)
	}
}

func TestZipped(t *testing.T) {
	c := newChecked(t, "nodejs22.x", "index.handler").write("index.js", "exports.handler = async () => {}\n")
	c.write("a.bin", noise(100<<10, 1)+string(make([]byte, 9<<20))).write("text.txt", strings.Repeat("all work and no play\n", 1<<14)).write("sub/b.bin", noise(100<<10, 2))
	r := c.check(true)
	made := zipOf(t, c.code)
	if diff := r.Zipped - made; diff < -made/500 || diff > made/500 {
		t.Errorf("zipped: %d, a real zip has %d", r.Zipped, made)
	}
	if again := c.check(true); again.Zipped != r.Zipped {
		t.Errorf("from the cache: %d, before %d", again.Zipped, r.Zipped)
	}
}

// The remembered sizes are used, and a damaged memory does no harm.
func TestZipMemory(t *testing.T) {
	c := newChecked(t, "nodejs22.x", "index.handler").write("index.js", "exports.handler = 1").write("a.bin", noise(100<<10, 1))
	r := c.check(true)
	files, _ := filepath.Glob(filepath.Join(c.dir, "cache", "records", "zip-*.bin"))
	if len(files) != 1 {
		t.Fatalf("memories: %v", files)
	}
	b, err := os.ReadFile(files[0])
	if err != nil || len(b) != 40 {
		t.Fatalf("memory: %d bytes, %v", len(b), err)
	}
	for size, want := range map[byte]int64{1: r.Zipped - 100<<10 + 1, 0xff: r.Zipped} {
		copy(b[32:], []byte{size, 0, 0, 0, 0, 0, 0, map[byte]byte{0xff: 0xff}[size]})
		write(t, files[0], string(b))
		if got := c.check(true).Zipped; got != want {
			t.Errorf("remembered %x: %d, want %d", size, got, want)
		}
	}
	write(t, files[0], "garbage")
	if got := c.check(true).Zipped; got != r.Zipped {
		t.Errorf("with a damaged memory: %d, want %d", got, r.Zipped)
	}
}

// zipOf makes a real zip of a folder and returns its size.
func zipOf(t *testing.T, dir string) int64 {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return st.Size()
}

// archive makes a zip file whose entries are stored as they are and have no modes, as tools of Windows give none.
func (c *checked) archive(files map[string]string) {
	c.Helper()
	c.fn.Code.Dir = filepath.Join(c.dir, "fn.zip")
	f, err := os.Create(c.fn.Code.Dir)
	if err != nil {
		c.Fatal(err)
	}
	w := zip.NewWriter(f)
	for _, name := range sortedKeys(files) {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: name})
		if err == nil {
			_, err = entry.Write([]byte(files[name]))
		}
		if err != nil {
			c.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		c.Fatal(err)
	}
}

func TestArchive(t *testing.T) {
	c := newChecked(t, "provided.al2023", "x")
	c.archive(map[string]string{"bootstrap": "#!/bin/sh\n"})
	c.want("error bootstrap-not-executable fn.zip/bootstrap: is not executable, so that Lambda cannot start it")
	st, err := os.Stat(c.fn.Code.Dir)
	if r := c.check(true); err != nil || r.From != FromArchive || r.Zipped != st.Size() || r.Unzipped != 10 {
		t.Errorf("report: %+v, %v", r, err)
	}
	c.archive(map[string]string{"data.bin": string(make([]byte, zippedLimit))})
	r := c.check(true)
	want := "function fn: its zip has about 50.0 MB; in the request itself, AWS says: Zipped size must be smaller than 52428800 bytes"
	if d := r.Diagnostics[len(r.Diagnostics)-1]; d.Message != want || d.Severity != config.Warning || d.Object != "Fn" {
		t.Errorf("diagnostic: %+v", d)
	}
}

func TestDuplicates(t *testing.T) {
	c := newChecked(t, "nodejs22.x", "index.handler").write("index.js", "exports.handler = 1")
	big := noise(1<<20, 1)
	c.write("a/x.bin", big).write("b/y.bin", big).write("c/z.bin", big).write("d/other.bin", noise(1<<20, 2)).write("small1", "x").write("small2", "x")
	c.want("warning duplicates template.yaml: function fn: 2.0 MB are there more than once: b/y.bin is the same as a/x.bin (1.0 MB)")
	if d := cmp.Diff([]Duplicate{{Paths: []string{"a/x.bin", "b/y.bin", "c/z.bin"}, Bytes: 1 << 20}}, c.report().Duplicates); d != "" {
		t.Error(d)
	}
}

func TestPythonParts(t *testing.T) {
	c := newChecked(t, "python3.12", "app.handler").write("app.py", "handler = 1")
	c.write("PIL/Image.py", strings.Repeat("#", 1000)).write("pillow.libs/libx.dat", strings.Repeat("#", 500)).write("pillow-10.1.dist-info/RECORD", "PIL/Image.py,,\npillow.libs/libx.dat,,\n../../bin/x,,\n")
	c.write("google/a/a.py", strings.Repeat("#", 100)).write("ga-1.dist-info/RECORD", "google/a/a.py,,\n").write("gb-1.dist-info/RECORD", "google/b/b.py,,\n").write("google/b/b.py", strings.Repeat("#", 100))
	c.write("data/x", strings.Repeat("#", 300))
	want := []Part{{"pillow", 1552}, {"data/", 300}, {"google", 200}, {"ga", 16}, {"gb", 16}, {"app.py", 11}}
	if d := cmp.Diff(want, c.report().Largest); d != "" {
		t.Error(d)
	}
}

// A layer is called by its place in the project: folders of one name may be several.
func TestPartsOfLayers(t *testing.T) {
	c := newChecked(t, "nodejs22.x", "index.handler").write("index.js", "exports.handler = 1")
	outside := filepath.Join(t.TempDir(), "layer")
	c.fn.Layers = []string{filepath.Join(c.dir, "a", "layer"), filepath.Join(c.dir, "layer"), outside}
	var want []Part
	for i, at := range []string{"./a/layer", "./layer", outside} {
		write(t, filepath.Join(c.fn.Layers[i], "x"), strings.Repeat("x", 90-i))
		want = append(want, Part{"layer " + at + ": x", int64(90 - i)})
	}
	if d := cmp.Diff(append(want, Part{"index.js", 19}), c.report().Largest); d != "" {
		t.Error(d)
	}
}

// Functions of one folder share what was read.
func TestSharedFolder(t *testing.T) {
	c := newChecked(t, "nodejs22.x", "index.handler").write("index.js", "exports.handler = 1").write("other.js", "exports.handler = 1")
	checker := NewChecker(CheckOptions{CacheDir: filepath.Join(c.dir, "cache"), Built: c.built})
	defer checker.Close()
	second := *c.fn
	second.Handler = "other.handlr"
	var codes []string
	for _, fn := range []*config.Function{c.fn, &second} {
		r, err := checker.Check(context.Background(), fn)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Diagnostics {
			codes = append(codes, d.Code)
		}
	}
	if len(checker.trees) != 1 || !slices.Equal(codes, []string{"handler-not-exported"}) {
		t.Errorf("%d trees, %v", len(checker.trees), codes)
	}
}

func TestCancelled(t *testing.T) {
	c := newChecked(t, "nodejs22.x", "index.handler").write("index.js", "exports.handler = 1")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errClosed)
	if _, err := NewChecker(CheckOptions{CacheDir: filepath.Join(c.dir, "cache"), Built: c.built}).Check(ctx, c.fn); err == nil || !strings.Contains(err.Error(), errClosed.Error()) {
		t.Errorf("error %v", err)
	}
}

// A real program of this machine, whose glibc is newer than Amazon Linux 2's, with cgo and without.
func TestCgo(t *testing.T) {
	c := newChecked(t, "provided.al2", "bootstrap")
	c.source("go.mod", "module x\ngo 1.26\n")
	c.source("main.go", "package main\n\n// #include <stdlib.h>\nimport \"C\"\n\nfunc main() { C.free(nil) }\n")
	build := func(cgo string) {
		c.Helper()
		c.run("env", "CGO_ENABLED="+cgo, "GOFLAGS=-mod=mod", "go", "build", "-o", filepath.Join(c.code, "bootstrap"), "main.go")
	}
	build("1")
	r := c.report()
	if len(r.Diagnostics) != 1 || r.Diagnostics[0].Code != "symbol-version" || !strings.Contains(r.Diagnostics[0].Message, "__libc_start_main") {
		t.Errorf("with cgo: %v", r.Diagnostics)
	}
	c.source("main.go", "package main\n\nfunc main() {}\n")
	build("0")
	c.want()
}

// A C++ library of this machine needs libstdc++ and libgcc; both are there.
func TestCxx(t *testing.T) {
	c := newChecked(t, "python3.12", "app.handler").write("app.py", "handler = 1")
	c.source("x.cc", "#include <string>\n#include <stdexcept>\nextern \"C\" void f(int n) { if (n) throw std::runtime_error(std::to_string(n)); }\n")
	c.run("g++", "-shared", "-fPIC", "-o", filepath.Join(c.code, "ext.abi3.so"), "x.cc")
	c.want()
}
