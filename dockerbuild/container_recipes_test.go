package dockerbuild

import (
	"os"
	"path/filepath"
	"testing"

	"example.com/emulate/emulator/config"
)

func TestContainerPython(t *testing.T) {
	f := newBoxed(t, `
-- pip/app.py --
import six, ext
print(six.__version__, ext.word())
-- pip/requirements.txt --
six==1.16.0
./ext
-- pip/ext/setup.py --
from setuptools import setup, Extension
setup(name="ext", version="1", ext_modules=[Extension("ext", ["ext.c"])])
-- pip/ext/ext.c --
#include <Python.h>
static PyObject *word(PyObject *self, PyObject *args) { return PyUnicode_FromString("native"); }
static PyMethodDef methods[] = {{"word", word, METH_NOARGS, ""}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "ext", NULL, -1, methods};
PyMODINIT_FUNC PyInit_ext(void) { return PyModule_Create(&module); }
-- uv/app.py --
import six
print(six.__version__)
-- uv/pyproject.toml --
[project]
name = "x"
version = "1"
requires-python = ">=3.9"
dependencies = ["six==1.16.0"]
-- poetry/app.py --
import six
print(six.__version__)
-- poetry/pyproject.toml --
[tool.poetry]
name = "x"
version = "1"
description = ""
authors = []
package-mode = false

[tool.poetry.dependencies]
python = "^3.9"
six = "1.16.0"
-- poetry/poetry.lock --
[[package]]
name = "six"
version = "1.16.0"
description = ""
optional = false
python-versions = ">=2.7"
groups = ["main"]
files = [
    {file = "six-1.16.0-py2.py3-none-any.whl", hash = "sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"},
    {file = "six-1.16.0.tar.gz", hash = "sha256:1e61c37477a1626458e36f7b1d82aa5c9b094fa4802892072e49de9c60c4c926"},
]

[metadata]
lock-version = "2.1"
python-versions = "^3.9"
content-hash = "57165a07a06690e5c3f617e000388c8ca18ea3c10401178325696cf7073768e8"
`)
	for dir, want := range map[string]string{"pip": "1.16.0 native", "uv": "1.16.0", "poetry": "1.16.0"} {
		t.Run(dir, func(t *testing.T) {
			g := *f
			g.T = t
			fn := f.boxed("python3.11", "app.handler", dir)
			a := g.build(fn)
			g.self(a)
			if got := g.inImage("python:3.11", a, "python3", "app.py"); got != want {
				t.Errorf("got %s", got)
			}
			if again := g.build(fn); !again.Cached || again.Digest != a.Digest {
				t.Errorf("unchanged source: %+v, want %+v", again, a)
			}
		})
	}
	f.write("-- pip/requirements.txt --\nno-such-package-in-any-registry-x==99.0\n")
	contains(t, f.fails(f.boxed("python3.11", "app.handler", "pip")).Error(), "pip install of function fn failed:", "no-such-package-in-any-registry-x==99.0")
	f.wantRan()
}

func TestContainerMakefile(t *testing.T) {
	f := newBoxed(t, `
-- fn/Makefile --
build-Fn:
	gcc -o $(ARTIFACTS_DIR)/bootstrap main.c
	touch beside
-- fn/main.c --
#include <stdio.h>
int main() { puts("made"); return 0; }
`)
	fn := f.boxed("provided.al2023", "bootstrap", "fn")
	fn.Code.BuildMethod = "makefile"
	a := f.build(fn)
	if got := f.inImage("provided:al2023", a, "/var/task/bootstrap"); got != "made" {
		t.Errorf("got %s", got)
	}
	st, err := os.Stat(filepath.Join(a.Dir, "bootstrap"))
	if err != nil || owner(st) != os.Getuid() {
		t.Errorf("the file's owner is %d, %v", owner(st), err)
	}
	if again := f.build(fn); !again.Cached || again.Digest != a.Digest {
		t.Errorf("unchanged source: %+v, want %+v", again, a)
	}
	f.write("-- fn/main.c --\nint main( {\n")
	contains(t, f.fails(fn).Error(), "make build-Fn of function fn failed:", "main.c:1:", "error:")
	f.wantRan()
}

func TestContainerRust(t *testing.T) {
	f := newBoxed(t, `
-- fn/Cargo.toml --
[package]
name = "hello"
version = "0.1.0"
edition = "2021"

[dependencies]
words = { path = "../words" }
-- fn/Cargo.lock --
version = 3

[[package]]
name = "hello"
version = "0.1.0"
dependencies = ["words"]

[[package]]
name = "words"
version = "0.1.0"
-- fn/src/main.rs --
fn main() { println!("{}", words::WORD); }
-- words/Cargo.toml --
[package]
name = "words"
version = "0.1.0"
edition = "2021"
-- words/src/lib.rs --
pub const WORD: &str = "rusty";
`)
	fn := f.boxed("provided.al2023", "bootstrap", "fn")
	a := f.build(fn)
	f.sees(a, "words/src/lib.rs")
	if got := f.inImage("provided:al2023", a, "/var/task/bootstrap"); got != "rusty" {
		t.Errorf("got %s", got)
	}
	f.write("-- words/src/lib.rs --\npub const WORD: &str = \"dusty\";\n")
	if got := f.inImage("provided:al2023", f.build(fn), "/var/task/bootstrap"); got != "dusty" {
		t.Errorf("after a change: %s", got)
	}
	f.write("-- fn/src/main.rs --\nfn main() { nothing(); }\n")
	contains(t, f.fails(fn).Error(), "cargo build of function fn failed:", "cannot find function `nothing`", "fn/src/main.rs:1:13")
	f.wantRan()
}

func TestContainerCgo(t *testing.T) {
	f := newBoxed(t, `
-- go.mod --
module example.com/x
go 1.21
-- fn/main.go --
package main

import "example.com/x/native"

func main() { println(native.Word()) }
-- native/native.go --
package native

// static int word() { return 42; }
import "C"

func Word() int { return int(C.word()) }
-- pure/main.go --
package main

import "os/user"

func main() { u, _ := user.Current(); println(u != nil) }
`)
	a := f.build(f.boxed("provided.al2023", "bootstrap", "fn"))
	if got := f.inImage("provided:al2023", a, "/var/task/bootstrap"); got != "42" {
		t.Errorf("got %s", got)
	}
	pure := f.build(f.boxed("provided.al2023", "bootstrap", "pure"))
	if interp(t, pure) != "" {
		t.Error("a program without C was built with cgo")
	}
	on := f.boxed("provided.al2023", "bootstrap", "pure")
	on.Code.BuildProperties = map[string]any{"cgo": true}
	if interp(t, f.build(on)) == "" {
		t.Error("cgo: true has no effect")
	}
}

const scratchDockerfile = "FROM public.ecr.aws/sam/build-provided.al2023 AS build\nARG WORD=none\nCOPY main.c .\nRUN mkdir -p /out && gcc -DWORD=\\\"$WORD\\\" -o /out/bootstrap main.c\n" +
	"FROM scratch AS final\nCOPY --from=build /out /var/task\n"

func TestContainerDockerfile(t *testing.T) {
	f := newBoxed(t, `
-- fn/build.dockerfile --
`+scratchDockerfile+`
-- fn/main.c --
#include <stdio.h>
int main() { puts(WORD); return 0; }
-- compose.yaml --
services:
  db: {image: postgres}
  api:
    build:
      context: ./fn
      dockerfile: build.dockerfile
      target: build
      args: ["WORD=${NOT_SET:-composed}"]
`)
	fn := f.boxed("provided.al2023", "bootstrap", "fn")
	fn.Code.BuildMethod, fn.Code.BuildProperties = "dockerfile", map[string]any{"dockerfile": "build.dockerfile", "args": map[string]any{"WORD": "filed"}}
	a := f.build(fn)
	if got := f.inImage("provided:al2023", a, "/var/task/bootstrap"); got != "filed" {
		t.Errorf("got %s", got)
	}
	if again := f.build(fn); !again.Cached || again.Digest != a.Digest {
		t.Errorf("unchanged source: %+v, want %+v", again, a)
	}
	fn.Code.BuildMethod, fn.Code.BuildProperties = "compose", map[string]any{"service": "api", "path": "/out"}
	a = f.build(fn)
	f.sees(a, "compose.yaml")
	f.sees(a, "fn/main.c")
	if got := f.inImage("provided:al2023", a, "/var/task/bootstrap"); got != "composed" {
		t.Errorf("got %s", got)
	}
	f.write("-- fn/main.c --\nint main( {\n")
	contains(t, f.fails(fn).Error(), "docker build of function fn failed:", "main.c:1:", "error:")
	fn.Code.BuildProperties["service"] = "db"
	contains(t, f.fails(fn).Error(), "read compose.yaml of function fn failed:", "service db has no build section")
}

func TestImageFunction(t *testing.T) {
	f := newBoxed(t, `
-- app/Dockerfile --
FROM public.ecr.aws/lambda/nodejs:20
COPY app.js /var/task/
CMD ["app.handler"]
-- app/.dockerignore --
*.log
-- app/app.js --
exports.handler = async () => 1;
`)
	fn := f.boxed("", "", "")
	fn.LogicalID, fn.PackageType, fn.Code = "ImageFn", "Image", config.Code{}
	fn.Image = config.Image{Context: filepath.Join(f.dir, "app"), Tag: "v1"}
	a := f.build(fn)
	if a.Image == "" || a.Image != a.Digest || a.Dir != "" || a.Cached {
		t.Errorf("%+v", a)
	}
	f.sees(a, "app/app.js")
	f.write("-- app/noise.log --\nx\n")
	if again := f.build(fn); !again.Cached || again.Image != a.Image {
		t.Errorf("an ignored file: %+v, want %+v", again, a)
	}
	f.write("-- app/app.js --\nexports.handler = async () => 2;\n")
	b := f.build(fn)
	if b.Image == a.Image || b.Cached {
		t.Errorf("after a change: %+v", b)
	}
	uri := f.boxed("", "", "")
	uri.PackageType, uri.Code, uri.Image = "Image", config.Code{}, config.Image{URI: "imagefn:v1"}
	if c := f.build(uri); c.Image != "imagefn:v1" || c.Digest != b.Image {
		t.Errorf("by URI: %+v, want %s", c, b.Image)
	}
	uri.Image.URI = "emulate-test/no-such-image:never"
	contains(t, f.fails(uri).Error(), "get image emulate-test/no-such-image:never of function fn failed:")
	fn.Image.Context = filepath.Join(f.dir, "app")
	f.write("-- app/Dockerfile --\nFROM public.ecr.aws/lambda/nodejs:20\nRUN exit 3\n")
	contains(t, f.fails(fn).Error(), "docker build of function fn failed:", "returned a non-zero code: 3")
}
