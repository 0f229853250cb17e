package dockerbuild

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPython(t *testing.T) {
	f := newFixture(t, `
-- plain/app.py --
x = 1
-- vendored/requirements.txt --
# vendored by pip install -t .
Some_Package==1.2  # comment
other.package
-- vendored/some_package-1.2.dist-info/METADATA --
-- vendored/other_package-3.dist-info/METADATA --
-- fn/app.py --
import six
print(six.__version__)
-- fn/requirements.txt --
-r more.txt
-- fn/more.txt --
six==1.16.0; python_version >= "3"
-- bad/requirements.txt --
no-such-package-in-any-registry-x==99.0
`)
	for _, dir := range []string{"plain", "vendored"} {
		fn := f.fn("python3.11", "app.handler", dir)
		if a := f.build(fn); a.Dir != fn.Code.Dir || a.PythonPath != nil {
			t.Errorf("%s: %+v", dir, a)
		}
	}
	f.wantRan()

	fn := f.fn("python3.11", "app.handler", "fn")
	a := f.build(fn)
	if len(a.PythonPath) != 1 || a.Cached {
		t.Fatalf("%+v", a)
	}
	if got := f.output(a.Dir, []string{"PYTHONPATH=" + a.PythonPath[0], "PYTHONDONTWRITEBYTECODE=1"}, "python3", "app.py"); strings.TrimSpace(got) != "1.16.0" {
		t.Errorf("six %s", got)
	}
	f.sees(a, "fn/more.txt")
	f.runner.take()
	b := f.build(fn)
	if !b.Cached || b.Digest != a.Digest {
		t.Errorf("unchanged: %+v", b)
	}
	f.wantRan()
	if left, _ := os.ReadDir(fn.Code.Dir); len(left) != 3 {
		t.Errorf("the user's folder holds %v", left)
	}
	f.write("-- fn/app.py --\nx = 2\n")
	if b = f.build(fn); b.Digest == a.Digest || b.PythonPath[0] != a.PythonPath[0] {
		t.Errorf("after an edit: %+v", b)
	}

	e := f.fails(f.fn("python3.11", "app.handler", "bad"))
	contains(t, e.Error(), "pip install of function fn failed:\n", "No matching distribution found for no-such-package-in-any-registry-x==99.0", "Mend requirements.txt")
}

// pip must be that of the interpreter which will run the function; a name on PATH that does not work is passed over.
func TestInterpreter(t *testing.T) {
	f := newFixture(t, "-- fn/requirements.txt --\nsix\n")
	shims := realDir(t)
	if err := os.WriteFile(filepath.Join(shims, "python3.19"), []byte("#!/bin/sh\nexit 127\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", shims+string(os.PathListSeparator)+os.Getenv("PATH"))
	j := &job{Builder: f.builder, fn: f.fn("python3.19", "a.b", "fn"), dir: f.dir, runner: f.builder.opts.Runner}
	py, err := j.interpreter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(py.path) == shims || !strings.HasPrefix(py.version, "cpython (3,") {
		t.Errorf("%+v", py)
	}
	f.builder = f.newBuilder()
	f.builder.opts.Interpreter = func(string) (string, error) { return "", errors.New("none will do") }
	e := f.fails(f.fn("python3.19", "a.b", "fn"))
	if e.Missing != "python3.19" || e.Output != "none will do" {
		t.Errorf("%#v", e)
	}
}
