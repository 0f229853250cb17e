package dockerbuild

import (
	"archive/zip"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/emulate/emulator/config"
	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long what has to come is waited for. It ends a test that hangs, also on a machine that is busy, and is no measure of speed.
const patience = 2 * time.Minute

// counter is the Host that remembers what it ran; a tool in missing is not there.
type counter struct {
	mu      sync.Mutex
	ran     []string
	missing string
	// before is called ahead of every command.
	before func(Command)
}

func (c *counter) Run(ctx context.Context, cmd Command) ([]byte, error) {
	c.mu.Lock()
	c.ran = append(c.ran, strings.Join(cmd.Args[:min(2, len(cmd.Args))], " "))
	before := c.before
	c.mu.Unlock()
	if before != nil {
		before(cmd)
	}
	if c.missing != "" && cmd.Args[0] == c.missing {
		return nil, &exec.Error{Name: c.missing, Err: exec.ErrNotFound}
	}
	return Host{}.Run(ctx, cmd)
}

// take returns what was run since the last call.
func (c *counter) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	ran := c.ran
	c.ran = nil
	return ran
}

type fixture struct {
	*testing.T
	dir     string
	cache   string
	runner  *counter
	builder *Builder
}

func newFixture(t *testing.T, files string) *fixture {
	t.Helper()
	f := &fixture{T: t, dir: realDir(t), cache: realDir(t), runner: &counter{}}
	f.builder = f.newBuilder()
	f.write(files)
	return f
}

func realDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func (f *fixture) newBuilder() *Builder {
	b := New(Options{CacheDir: f.cache, Runner: f.runner})
	f.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			f.Error(err)
		}
	})
	return b
}

// write writes the files of a txtar archive into the project.
func (f *fixture) write(files string) {
	f.Helper()
	for _, file := range txtar.Parse([]byte(files)).Files {
		path := filepath.Join(f.dir, filepath.FromSlash(file.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, file.Data, 0o644)); err != nil {
			f.Fatal(err)
		}
	}
}

// fn is a function with its code in a folder of the project.
func (f *fixture) fn(runtime, handler, dir string) *config.Function {
	return &config.Function{LogicalID: "Fn", Name: "fn", At: config.Position{File: filepath.Join(f.dir, "template.yaml")}, Runtime: runtime, Handler: handler,
		PackageType: "Zip", Code: config.Code{Dir: filepath.Join(f.dir, dir)}}
}

func (f *fixture) build(fn *config.Function) *Artifact {
	f.Helper()
	a, err := f.builder.Build(context.Background(), fn)
	if err != nil {
		f.Fatal(err)
	}
	return a
}

func (f *fixture) fails(fn *config.Function) *Error {
	f.Helper()
	a, err := f.builder.Build(context.Background(), fn)
	var failed *Error
	if !errors.As(err, &failed) {
		f.Fatalf("Build = %v, %v; want an *Error", a, err)
	}
	return failed
}

// output runs a program and returns both of its outputs.
func (f *fixture) output(dir string, env []string, args ...string) string {
	f.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// fresh checks that the artifact comes back quickly and without running anything, from this builder and from a new one.
func (f *fixture) fresh(fn *config.Function, want *Artifact) {
	f.Helper()
	for range 2 {
		f.runner.take()
		const most = 10 * time.Millisecond
		best := time.Hour
		for try := 0; try < 5 || try < 40 && best > most; try++ { // on a machine that does other things as well one of many is not held up
			start := time.Now()
			got := f.build(fn)
			best = min(best, time.Since(start))
			if got.Digest != want.Digest || got.Dir != want.Dir || !got.Cached || !slices.Equal(got.Inputs, want.Inputs) {
				f.Fatalf("unchanged: got %+v, want %+v", got, want)
			}
		}
		if ran := f.runner.take(); len(ran) > 0 {
			f.Errorf("unchanged source ran %v", ran)
		}
		if best > most {
			f.Errorf("unchanged source took %v", best)
		}
		f.builder = f.newBuilder()
	}
}

// sees checks that a change of a file would wake the watcher.
func (f *fixture) sees(a *Artifact, file string) {
	f.Helper()
	path := filepath.Join(f.dir, file)
	if !slices.ContainsFunc(a.Inputs, func(in string) bool { return within(path, in) }) {
		f.Errorf("Inputs %v do not hold %s", a.Inputs, file)
	}
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, w := range wants {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in:\n%s", w, text)
		}
	}
}

func TestChoice(t *testing.T) {
	f := newFixture(t, `
-- py/app.py --
-- plain/bootstrap --
-- empty/x.txt --
-- mk/x.txt --
`)
	inline := f.fn("ruby3.3", "index.handler", "")
	inline.Code = config.Code{Inline: "x"}
	image := f.fn("", "", "py")
	image.Image.Context = filepath.Join(f.dir, "nowhere")
	image.PackageType = "Image"
	method := f.fn("nodejs20.x", "app.handler", "py")
	method.Code.BuildMethod = "maven"
	tests := []struct {
		fn   *config.Function
		want string
	}{
		{f.fn("java21", "a.B", "py"), "build of function fn failed:\nruntime java21 runs in containers only\nServe it with --executor docker."},
		{image, "docker build of function fn failed:\nread the Dockerfile: open " + f.dir + "/nowhere/Dockerfile: no such file or directory\n" +
			"Mend the context and the Dockerfile's path."},
		{f.fn("provided.al2023", "", "plain"), "find bootstrap of function fn failed:\n" + f.dir + "/plain/bootstrap is not executable\nRun: chmod +x bootstrap"},
		{f.fn("provided.al2023", "", "empty"), "find bootstrap of function fn failed:\nneither an executable bootstrap nor a Go package nor a Cargo.toml is in " + f.dir + "/empty\n" +
			"Runtime provided.al2023 runs the file bootstrap of the code's folder; a folder with a Go main package or a Rust program is built into one."},
		{f.fn("python3.12", "app.handler", "nowhere"), "open code of function fn failed:\nno such file or directory: " + f.dir + "/nowhere\n" +
			"Mend CodeUri (or dir) of the function, or make the folder."},
		{inline, "write inline code of function fn failed:\ninline code is for nodejs and python functions only, not for ruby3.3"},
		{method, "build of function fn failed:\nBuildMethod maven is not known\nKnown are go1.x, makefile, esbuild, python-uv, rust-cargolambda, dockerfile, compose, native, and a runtime's own name."},
	}
	for _, tt := range tests {
		if got := f.fails(tt.fn).Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestBootstrapInPlace(t *testing.T) {
	f := newFixture(t, "-- fn/bootstrap --\n#!/bin/sh\n-- fn/main.go --\nnot go at all\n")
	if err := os.Chmod(filepath.Join(f.dir, "fn/bootstrap"), 0o755); err != nil {
		t.Fatal(err)
	}
	fn := f.fn("provided.al2023", "x", "fn")
	a := f.build(fn)
	if a.Dir != fn.Code.Dir {
		t.Errorf("Dir = %s", a.Dir)
	}
	f.fresh(fn, a)
	f.write("-- fn/bootstrap --\n#!/bin/bs\n")
	if b := f.build(fn); b.Digest == a.Digest {
		t.Error("a changed bootstrap has the same digest")
	}
}

func TestInline(t *testing.T) {
	f := newFixture(t, "")
	for runtime, file := range map[string]string{"nodejs20.x": "index.js", "python3.12": "index.py"} {
		fn := f.fn(runtime, "index.handler", "")
		fn.Code = config.Code{Inline: "code of " + runtime}
		a := f.build(fn)
		if b, err := os.ReadFile(filepath.Join(a.Dir, file)); err != nil || string(b) != fn.Code.Inline {
			t.Errorf("%s: %q, %v", file, b, err)
		}
		f.fresh(fn, a)
		fn.Code.Inline += "!"
		if b := f.build(fn); b.Digest == a.Digest {
			t.Error("other code, same digest")
		}
	}
}

func writeZip(t *testing.T, path string, files map[string]string) {
	t.Helper()
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(out)
	for name, content := range files {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		e, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestZipCodeAndLayers(t *testing.T) {
	f := newFixture(t, "-- layer/python/x.py --\nx = 1\n")
	writeZip(t, filepath.Join(f.dir, "code.zip"), map[string]string{"src/app.py": "y", "bootstrap": "#!/bin/sh\n"})
	writeZip(t, filepath.Join(f.dir, "layer.zip"), map[string]string{"bin/tool": "z"})
	fn := f.fn("provided.al2", "x", "code.zip")
	fn.Layers = []string{filepath.Join(f.dir, "layer"), filepath.Join(f.dir, "layer.zip")}
	a := f.build(fn)
	if st, err := os.Stat(filepath.Join(a.Dir, "bootstrap")); err != nil || st.Mode().Perm() != 0o755 {
		t.Errorf("bootstrap: %v, %v", st, err)
	}
	if a.Layers[0] != fn.Layers[0] {
		t.Errorf("Layers = %v", a.Layers)
	}
	if b, err := os.ReadFile(filepath.Join(a.Layers[1], "bin/tool")); err != nil || string(b) != "z" {
		t.Errorf("layer's file: %q, %v", b, err)
	}
	f.sees(a, "layer/python/new.py")
	f.sees(a, "layer.zip")
	f.fresh(fn, a)
	f.write("-- layer/python/x.py --\nx = 2\n")
	if b := f.build(fn); b.Digest == a.Digest || b.Dir != a.Dir {
		t.Errorf("after a change of a layer: %+v", b)
	}

	f.write("-- bad.zip --\nnot a zip\n")
	contains(t, f.fails(f.fn("nodejs20.x", "a.b", "bad.zip")).Error(), "unpack bad.zip of function fn failed:", "not a valid zip file")
	writeZip(t, filepath.Join(f.dir, "evil.zip"), map[string]string{"../out.txt": "x"})
	contains(t, f.fails(f.fn("nodejs20.x", "a.b", "evil.zip")).Error(), "../out.txt: ")
	if _, err := os.Stat(filepath.Join(f.cache, "zip", "out.txt")); err == nil {
		t.Error("a zip wrote outside of its folder")
	}
}

func TestMakefile(t *testing.T) {
	f := newFixture(t, "-- fn/Makefile --\nbuild-Fn:\n\tcp app.txt $(ARTIFACTS_DIR)/bootstrap\n\ttouch made-here\n\nbuild-Bad:\n\t@echo no luck in $(ARTIFACTS_DIR); exit 3\n\nbuild-Empty:\n\ttrue\n-- fn/app.txt --\none\n")
	fn := f.fn("provided.al2023", "x", "fn")
	fn.Code.BuildMethod, fn.Code.MakeTarget = "makefile", "build-Fn"
	a := f.build(fn)
	if b, err := os.ReadFile(filepath.Join(a.Dir, "bootstrap")); err != nil || string(b) != "one\n" {
		t.Errorf("bootstrap: %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(f.dir, "fn/made-here")); err == nil {
		t.Error("make wrote into the user's folder")
	}
	f.fresh(fn, a)
	f.write("-- fn/app.txt --\ntwo\n")
	b := f.build(fn)
	if got, _ := os.ReadFile(filepath.Join(b.Dir, "bootstrap")); string(got) != "two\n" || b.Digest == a.Digest || b.Cached {
		t.Errorf("after an edit: %q, %+v", got, b)
	}

	fn.Code.MakeTarget = "build-Bad"
	e := f.fails(fn)
	contains(t, e.Error(), "make build-Bad of function fn failed:\nno luck in $ARTIFACTS_DIR\n", "Error 3")
	var exit *exec.ExitError
	if !errors.As(e, &exit) || !slices.Equal(e.Inputs, []string{fn.Code.Dir}) {
		t.Errorf("%#v", e)
	}
	fn.Code.MakeTarget = "build-Empty"
	contains(t, f.fails(fn).Error(), "the target wrote nothing into ARTIFACTS_DIR")
	f.runner.missing = "make"
	fn.Code.MakeTarget = "build-Other"
	if e := f.fails(fn); e.Missing != "make" || e.Output != "make is not installed, or not on PATH" {
		t.Errorf("%#v", e)
	}
	if left, _ := os.ReadDir(filepath.Join(f.cache, "tmp")); len(left) > 0 {
		t.Errorf("left in tmp: %v", left)
	}
}

// A call that comes while a build runs must not get that build, whose sources are older than the call; all that come meanwhile share the next one.
func TestCallsShareBuilds(t *testing.T) {
	f := newFixture(t, "-- fn/Makefile --\nbuild-Fn:\n\tcat v >&2\n\texit 1\n-- fn/v --\none\n")
	fn := f.fn("provided.al2023", "x", "fn")
	fn.Code.BuildMethod, fn.Code.MakeTarget = "makefile", "build-Fn"
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f.runner.before = func(Command) { once.Do(func() { close(entered); <-release }) }
	errs := make(chan error, 11)
	go func() { _, err := f.builder.Build(context.Background(), fn); errs <- err }()
	<-entered
	for i := range 10 {
		other := *fn
		other.Name = string(rune('a' + i))
		go func() { _, err := f.builder.Build(context.Background(), &other); errs <- err }()
	}
	waitFor(t, func() bool {
		f.builder.mu.Lock()
		defer f.builder.mu.Unlock()
		fl := f.builder.flights[f.builder.sourceKey(fn)]
		return fl.next != nil && fl.next.waiters == 10
	})
	f.write("-- fn/v --\ntwo\n")
	close(release)
	var names []string
	for range 11 {
		var e *Error
		if err := <-errs; !errors.As(err, &e) {
			t.Fatal(err)
		}
		names = append(names, e.Function)
		if e.Function != "fn" {
			contains(t, e.Output, "two")
		}
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "a b c d e f fn g h i j" {
		t.Errorf("errors of %s", got)
	}
	if ran := f.runner.take(); len(ran) != 2 {
		t.Errorf("ran %v", ran)
	}
}

// waitFor waits until another goroutine has come so far; it looks at what no channel tells.
func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
		<-time.After(time.Millisecond)
	}
}

func TestCancel(t *testing.T) {
	f := newFixture(t, "-- fn/Makefile --\nbuild-Fn:\n\tsleep 1000\n\ttouch $(ARTIFACTS_DIR)/x\n")
	fn := f.fn("provided.al2023", "x", "fn")
	fn.Code.BuildMethod, fn.Code.MakeTarget = "makefile", "build-Fn"
	entered := make(chan struct{}, 2)
	f.runner.before = func(Command) { entered <- struct{}{} }
	why := errors.New("no longer wanted")
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() { <-entered; cancel(why) }()
	if _, err := f.builder.Build(ctx, fn); !errors.Is(err, why) {
		t.Errorf("err = %v", err)
	}
	done := make(chan error)
	go func() { _, err := f.builder.Build(context.Background(), fn); done <- err }()
	<-entered
	ctx, giveUp := context.WithTimeout(context.Background(), 20*time.Second) // not for as long as the build would take
	defer giveUp()
	if err := f.builder.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, errClosed) {
		t.Errorf("err = %v", err)
	}
	if _, err := f.builder.Build(context.Background(), fn); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestProgress(t *testing.T) {
	f := newFixture(t, "-- fn/Makefile --\nbuild-Fn:\n\t@echo one; printf two; touch $(ARTIFACTS_DIR)/x\n")
	var got []string
	f.builder.opts.Progress = func(p Progress) {
		got = append(got, strings.Join([]string{p.Function, p.Step, map[ProgressState]string{StepStarted: "started", StepLine: "line", StepDone: "done"}[p.State], p.Line}, "|"))
	}
	fn := f.fn("provided.al2023", "x", "fn")
	fn.Code.BuildMethod, fn.Code.MakeTarget = "makefile", "build-Fn"
	f.build(fn)
	want := []string{"fn|make build-Fn|started|", "fn|make build-Fn|line|one", "fn|make build-Fn|line|two", "fn|make build-Fn|done|"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
