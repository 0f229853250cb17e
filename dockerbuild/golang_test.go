package dockerbuild

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const goProject = `
-- go.mod --
module example.test/app

go 1.24
-- hello/main.go --
package main

import (
	"fmt"

	"example.test/app/lib"
)

func main() { fmt.Println("one", lib.Name()) }
-- lib/lib.go --
package lib

import _ "embed"

//go:embed name.txt
var name string

func Name() string { return name }
-- lib/name.txt --
lib
-- unrelated/x.go --
package unrelated
`

func (f *fixture) run(a *Artifact) string {
	f.Helper()
	return strings.TrimSpace(f.output(a.Dir, nil, filepath.Join(a.Dir, "bootstrap")))
}

func (f *fixture) wantRan(want ...string) {
	f.Helper()
	got := f.runner.take()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		f.Errorf("ran %v, want %v", got, want)
	}
}

// One life of a Go function: what is noticed, and what each change costs in runs of the go command.
func TestGo(t *testing.T) {
	f := newFixture(t, goProject)
	fn := f.fn("provided.al2023", "bootstrap", "hello")
	check := func(want string, ran ...string) *Artifact {
		t.Helper()
		a := f.build(fn)
		if got := f.run(a); got != want {
			t.Errorf("says %q, want %q", got, want)
		}
		f.wantRan(ran...)
		return a
	}
	a := check("one lib", "go build", "go list")
	if a.Cached {
		t.Error("the first build is Cached")
	}
	for _, file := range []string{"hello/main.go", "hello/new.go", "lib/lib.go", "lib/name.txt", "go.mod"} {
		f.sees(a, file)
	}
	if slices.ContainsFunc(a.Inputs, func(in string) bool { return within(filepath.Join(f.dir, "unrelated/x.go"), in) }) {
		t.Errorf("Inputs %v hold a package that is not built", a.Inputs)
	}
	f.builder.Build(context.Background(), fn) // files of the very moment of the first build are looked at once more
	a = f.build(fn)
	f.fresh(fn, a)
	f.runner.take()

	// The body of a function: go build alone.
	f.write("-- hello/main.go --\npackage main\n\nimport (\n\t\"fmt\"\n\n\t\"example.test/app/lib\"\n)\n\nfunc main() { fmt.Println(\"two\", lib.Name()) }\n")
	b := check("two lib", "go build")
	if b.Digest == a.Digest || !slices.Equal(b.Inputs, a.Inputs) {
		t.Errorf("after an edit: %+v, before %+v", b, a)
	}
	// Another package of the module, and an embedded file.
	f.write("-- lib/name.txt --\nLIB\n")
	check("two LIB", "go build")
	// A new file of a package.
	f.write("-- hello/more.go --\npackage main\n\nfunc init() { println(\"more\") }\n")
	check("more\ntwo LIB", "go build", "go list")
	if err := os.Remove(filepath.Join(f.dir, "hello/more.go")); err != nil {
		t.Fatal(err)
	}
	b = check("two LIB", "go build", "go list")
	// A test and an unrelated package build nothing.
	f.write("-- hello/main_test.go --\npackage main\n-- unrelated/x.go --\npackage unrelated // changed\n")
	f.fresh(fn, b)
	f.runner.take()
	// A file's time alone builds nothing.
	main := filepath.Join(f.dir, "hello/main.go")
	src, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(main, src, 0o644); err != nil {
		t.Fatal(err)
	}
	f.fresh(fn, b)
	f.runner.take()
	// A workspace file that appears above.
	f.write("-- go.work --\ngo 1.24\n\nuse .\n")
	if c := check("two LIB", "go build", "go list"); c.Digest != b.Digest {
		t.Error("the same program has another digest")
	}
}

func TestGoFailureAndMend(t *testing.T) {
	f := newFixture(t, goProject)
	fn := f.fn("provided.al2023", "bootstrap", "hello")
	good := f.build(fn)
	lib, err := os.ReadFile(filepath.Join(f.dir, "lib/lib.go"))
	if err != nil {
		t.Fatal(err)
	}
	f.write("-- lib/lib.go --\npackage lib\n\nfunc Name() string { return nam }\n")
	e := f.fails(fn)
	want := "go build of function fn failed:\n# example.test/app/lib\nlib/lib.go:3:29: undefined: nam"
	if e.Error() != want {
		t.Errorf("got  %s\nwant %s", e, want)
	}
	f.sees(&Artifact{Inputs: e.Inputs}, "lib/lib.go")
	if err := os.WriteFile(filepath.Join(f.dir, "lib/lib.go"), lib, 0o644); err != nil {
		t.Fatal(err)
	}
	f.runner.take()
	if a := f.build(fn); a.Digest != good.Digest {
		t.Error("the mended source makes another artifact")
	}

	f.write("-- hello/main.go --\npackage other\n")
	contains(t, f.fails(fn).Error(), "the package is not a main package")
	f.write("-- hello/main.go --\npackage main\n\nimport _ \"example.test/nowhere/x\"\n\nfunc main() {}\n")
	contains(t, f.fails(fn).Error(), "hello/main.go:3:8: no required module provides package example.test/nowhere/x", "Run: go mod tidy")

	f.runner.missing = "go"
	e = f.fails(fn)
	if e.Missing != "go" {
		t.Errorf("%#v", e)
	}
	contains(t, e.Error(), "go is not installed, or not on PATH\nInstall Go (https://go.dev/dl), or put an executable bootstrap into the folder.")
}

// The first build of a source that does not compile has no earlier answer to go by.
func TestGoBrokenFromTheStart(t *testing.T) {
	f := newFixture(t, "-- go.mod --\nmodule x\n\ngo 1.24\n-- fn/main.go --\npackage main\n\nfunc main() { oops }\n")
	fn := f.fn("provided.al2023", "bootstrap", "fn")
	fn.Code.BuildMethod = "go1.x"
	e := f.fails(fn)
	contains(t, e.Error(), "fn/main.go:3:15: undefined: oops")
	f.sees(&Artifact{Inputs: e.Inputs}, "fn/main.go")
	f.write("-- fn/main.go --\npackage main\n\nfunc main() { println(\"mended\") }\n")
	if got := f.run(f.build(fn)); got != "mended" {
		t.Errorf("says %q", got)
	}
}

// A file that changes while go build runs must not be taken for what was built.
func TestGoChangeDuringBuild(t *testing.T) {
	f := newFixture(t, "-- go.mod --\nmodule x\n\ngo 1.24\n-- fn/main.go --\npackage main\n\nfunc main() { println(\"one\") }\n")
	fn := f.fn("provided.al2023", "bootstrap", "fn")
	f.build(fn)
	f.write("-- fn/main.go --\npackage main\n\nfunc main() { println(\"two\") }\n")
	f.builder.opts.Progress = func(p Progress) {
		if p.State == StepDone {
			f.write("-- fn/main.go --\npackage main\n\nfunc main() { println(\"six\") }\n")
		}
	}
	if got := f.run(f.build(fn)); got != "two" {
		t.Errorf("says %q", got)
	}
	f.builder.opts.Progress = nil
	if got := f.run(f.build(fn)); got != "six" {
		t.Errorf("says %q", got)
	}
}

// Replaced modules and workspaces outside of the function's own module are inputs, too.
func TestGoReplace(t *testing.T) {
	f := newFixture(t, `
-- app/go.mod --
module example.test/app

go 1.24

require example.test/dep v0.0.0

replace example.test/dep => ../dep
-- app/main.go --
package main

import "example.test/dep"

func main() { println(dep.V) }
-- dep/go.mod --
module example.test/dep

go 1.24
-- dep/dep.go --
package dep

const V = "one"
`)
	fn := f.fn("provided.al2023", "bootstrap", "app")
	a := f.build(fn)
	f.sees(a, "dep/dep.go")
	f.sees(a, "dep/go.mod")
	f.write("-- dep/dep.go --\npackage dep\n\nconst V = \"two\"\n")
	if got := f.run(f.build(fn)); got != "two" {
		t.Errorf("says %q", got)
	}
}

func TestGoFlags(t *testing.T) {
	t.Setenv("GOFLAGS", "-buildvcs=false -tags=mine")
	f := newFixture(t, "-- go.mod --\nmodule x\n\ngo 1.24\n-- fn/main.go --\npackage main\n\nfunc main() { println(v) }\n-- fn/a.go --\n//go:build mine && lambda.norpc\n\npackage main\n\nconst v = \"mine\"\n-- fn/b.go --\n//go:build !mine\n\npackage main\n\nconst v = \"other\"\n")
	fn := f.fn("provided.al2023", "bootstrap", "fn")
	if got := f.run(f.build(fn)); got != "mine" {
		t.Errorf("says %q", got)
	}
	t.Setenv("GOFLAGS", "-buildvcs=false")
	if got := f.run(f.build(fn)); got != "other" {
		t.Errorf("after a change of GOFLAGS it says %q", got)
	}
}

// Many functions of one module at once: each is right, and no more builds run than there are cores.
func TestGoConcurrent(t *testing.T) {
	var files strings.Builder
	files.WriteString("-- go.mod --\nmodule x\n\ngo 1.24\n")
	const n = 6
	for i := range n {
		fmt.Fprintf(&files, "-- f%d/main.go --\npackage main\n\nfunc main() { println(%d) }\n", i, i)
	}
	f := newFixture(t, files.String())
	f.builder.goSlots = make(chan struct{}, 2)
	var most int
	var mu sync.Mutex
	f.runner.before = func(c Command) {
		mu.Lock()
		defer mu.Unlock()
		most = max(most, len(f.builder.goSlots))
	}
	got := make([]*Artifact, 2*n)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			a, err := f.builder.Build(context.Background(), f.fn("provided.al2023", "bootstrap", fmt.Sprintf("f%d", i%n)))
			if err != nil {
				t.Error(err)
			}
			got[i] = a
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for i := range n {
		if says := f.run(got[i]); says != fmt.Sprint(i) || got[i].Digest != got[n+i].Digest {
			t.Errorf("function %d says %q", i, says)
		}
	}
	if most > 2 {
		t.Errorf("%d builds at once", most)
	}
}

// Two emulators with one cache, and one whose cache was emptied under it.
func TestGoSharedCache(t *testing.T) {
	f := newFixture(t, "-- go.mod --\nmodule x\n\ngo 1.24\n-- fn/main.go --\npackage main\n\nfunc main() { println(1) }\n")
	fn := f.fn("provided.al2023", "bootstrap", "fn")
	other := f.newBuilder()
	var wg sync.WaitGroup
	for _, b := range []*Builder{f.builder, other} {
		wg.Go(func() {
			if a, err := b.Build(context.Background(), fn); err != nil {
				t.Error(err)
			} else if _, err := os.Stat(filepath.Join(a.Dir, "bootstrap")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := os.RemoveAll(filepath.Join(f.cache, "go")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(f.cache, "go"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := f.run(f.build(fn)); got != "1" {
		t.Errorf("says %q", got)
	}
}

// New files that match an embed pattern change the program; so does a vendored package.
func TestGoEmbedAndVendor(t *testing.T) {
	f := newFixture(t, `
-- go.mod --
module example.test/app

go 1.24

require example.test/dep v1.0.0
-- vendor/modules.txt --
# example.test/dep v1.0.0
## explicit; go 1.24
example.test/dep
-- vendor/example.test/dep/dep.go --
package dep

const V = "vendored"
-- fn/main.go --
package main

import (
	"embed"
	"io/fs"

	"example.test/dep"
)

//go:embed glob/*.txt all:tree
var files embed.FS

func main() {
	n := 0
	fs.WalkDir(files, ".", func(_ string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			n++
		}
		return nil
	})
	println(n, dep.V)
}
-- fn/glob/a.txt --
-- fn/tree/deep/b --
`)
	fn := f.fn("provided.al2023", "bootstrap", "fn")
	check := func(want string) {
		t.Helper()
		if got := f.run(f.build(fn)); got != want {
			t.Errorf("says %q, want %q", got, want)
		}
	}
	check("2 vendored")
	f.write("-- fn/glob/c.txt --\n")
	check("3 vendored")
	f.write("-- fn/tree/deep/.d --\n")
	check("4 vendored")
	f.write("-- fn/tree/e/f --\n")
	check("5 vendored")
	f.write("-- vendor/example.test/dep/dep.go --\npackage dep\n\nconst V = \"changed\"\n")
	check("5 changed")
	a := f.build(fn)
	f.sees(a, "vendor/example.test/dep/dep.go")
	f.fresh(fn, a)
}
