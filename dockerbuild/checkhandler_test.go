package dockerbuild

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHandlers(t *testing.T) {
	const form = "error handler-form template.yaml: function fn: "
	const notFound = "error handler-not-found template.yaml: function fn: "
	missing := func(severity, file, name string) string {
		return severity + ` handler-not-exported template.yaml: function fn: handler "` + file[:strings.IndexByte(file, '.')] + `.handler": ` + file + " has no " + name
	}
	for name, tt := range map[string]struct {
		runtime, handler string
		files            string // NAME=CONTENT, separated by |
		want             string
	}{
		"node":               {"nodejs22.x", "index.handler", "index.js=exports.handler = 1", ""},
		"node mjs":           {"nodejs22.x", "src/app.handler", "src/app.mjs=export const handler = 1", ""},
		"node cjs":           {"nodejs22.x", "app.handler", "app.cjs=module.exports = { handler }", ""},
		"node folder":        {"nodejs22.x", "app.handler", "app/index.js=exports.handler = 1", ""},
		"node nested":        {"nodejs22.x", "app.api.handler", "app.js=exports.api = {handler: 1}", ""},
		"node spread":        {"nodejs22.x", "app.handler", "app.js=module.exports = require('./other')|other.js=exports.x = 1", ""},
		"node star":          {"nodejs22.x", "app.handler", "app.mjs=export * from './other.mjs'|other.mjs=", ""},
		"node misses export": {"nodejs22.x", "index.handler", "index.js=exports.handlr = 1", missing("error", "index.js", "handler")},
		"node missing":       {"nodejs22.x", "src/index.handler", "index.js=", notFound + `handler "src/index.handler": the bundle has no src/index.js, src/index.mjs, src/index.cjs, src/index or src/index/index.js`},
		"node form":          {"nodejs22.x", "handler", "index.js=", form + `handler "handler" is not of the form file.export`},
		"node case":          {"nodejs22.x", "Index.handler", "index.js=", `error case-mismatch index.js: is not found by handler "Index.handler": it asks for Index.js`},
		"node import case":   {"nodejs22.x", "index.handler", "index.js=exports.handler = require('./lib/Util').x|lib/util.js=", `error case-mismatch index.js: imports "./lib/Util", and the file is called lib/util.js`},
		"node deep import":   {"nodejs22.x", "index.handler", "index.mjs=import {a} from './a.mjs'; export const handler = a|a.mjs=export {x} from \"./B.mjs\"|b.mjs=", `error case-mismatch a.mjs: imports "./B.mjs", and the file is called b.mjs`},
		"node good imports":  {"nodejs22.x", "index.handler", "index.js=require('./a'); require('./dir'); require('./data.json'); require('./gone'); exports.handler = 1|a.js=require('.././index')|dir/index.js=|data.json={}", ""},
		"node layer":         {"nodejs22.x", "/opt/nodejs/x.handler", "index.js=", `warning handler-not-found template.yaml: function fn: handler "/opt/nodejs/x.handler": the bundle has no /opt/nodejs/x.js, /opt/nodejs/x.mjs, /opt/nodejs/x.cjs, /opt/nodejs/x or /opt/nodejs/x/index.js`},
		"python":             {"python3.12", "app.handler", "app.py=def handler(event, context): pass", ""},
		"python package":     {"python3.12", "pkg.sub.handler", "pkg/sub.py=from x import handler", ""},
		"python slash":       {"python3.12", "pkg/sub.handler", "pkg/sub.py=handler = 1", ""},
		"python init":        {"python3.12", "pkg.handler", "pkg/__init__.py=import app as handler", ""},
		"python star":        {"python3.12", "app.handler", "app.py=from other import *", ""},
		"python compiled":    {"python3.12", "app.handler", "app.cpython-312.so=x", ""},
		"python no function": {"python3.12", "app.handler", "app.py=def handle(event, context): self.handler()", missing("error", "app.py", "handler")},
		"python missing":     {"python3.12", "main.handler", "app.py=", notFound + `handler "main.handler": the bundle has no main.py or main/__init__.py`},
		"python case":        {"python3.12", "app.handler", "App.py=", `error case-mismatch App.py: is not found by handler "app.handler": it asks for app.py`},
		"python form":        {"python3.12", "app", "app.py=", form + `handler "app" is not of the form module.function`},
		"ruby":               {"ruby3.4", "app.App.process", "app.rb=", ""},
		"ruby missing":       {"ruby3.4", "app.handler", "x=", notFound + `handler "app.handler": the bundle has no app.rb`},
		"java class":         {"java21", "com.x.Main::handle", "com/x/Main.class=", ""},
		"java missing":       {"java21", "com.x.Main::handle", "com/x/Other.class=", notFound + `handler "com.x.Main::handle": neither the bundle nor a jar of its lib folder has com/x/Main.class`},
		"dotnet":             {"dotnet8", "App::App.Function::Handle", "App.dll=", ""},
		"dotnet missing":     {"dotnet8", "App::App.Function::Handle", "Other.dll=", notFound + `handler "App::App.Function::Handle": the bundle has no App.dll`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChecked(t, tt.runtime, tt.handler)
			for file := range strings.SplitSeq(tt.files, "|") {
				name, content, _ := strings.Cut(file, "=")
				c.write(name, content)
			}
			if tt.want == "" {
				c.want()
			} else {
				c.want(tt.want)
			}
		})
	}
}

func TestHandlerInLayer(t *testing.T) {
	c := newChecked(t, "python3.12", "wrapper.handler").write("app.py", "")
	layer := filepath.Join(c.dir, "layer")
	write(t, filepath.Join(layer, "python", "wrapper.py"), "def handler(e, c): pass\n")
	c.fn.Layers = []string{layer}
	c.want()
	c.fn.Runtime, c.fn.Handler = "nodejs22.x", "/opt/nodejs/wrapper.handler"
	write(t, filepath.Join(layer, "nodejs", "wrapper.js"), "exports.handler = 1")
	c.want()
}

func TestHandlerInJar(t *testing.T) {
	c := newChecked(t, "java21", "com.x.Main").write("lib/broken.jar", "")
	f, err := os.Create(filepath.Join(c.code, "lib", "app.jar"))
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	if _, err = w.Create("com/x/Main.class"); err != nil || w.Close() != nil || f.Close() != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(c.code, "lib", "broken.jar")); err != nil {
		t.Fatal(err)
	}
	c.want()
	c.fn.Handler = "com.x.Other"
	c.want(`error handler-not-found template.yaml: function fn: handler "com.x.Other": neither the bundle nor a jar of its lib folder has com/x/Other.class`)
}

// Libraries are often links: libx.so.1 to libx.so.1.2, or whole folders.
func TestLinks(t *testing.T) {
	c := newChecked(t, "provided.al2023", "x")
	mine := c.library("libmine.so.1", nil)
	copyInto(t, mine, filepath.Join(c.code, "real", "libmine.so.1.2"))
	for link, to := range map[string]string{"real/libmine.so.1": "libmine.so.1.2", "lib": "real", "out": "../elsewhere", "loop": "loop", "abs": "/etc/passwd"} {
		if err := os.Symlink(to, filepath.Join(c.code, link)); err != nil {
			t.Fatal(err)
		}
	}
	c.elf("bootstrap", []string{mine}, nil)
	c.want("warning link-outside abs: is a symbolic link that leads out of the bundle; also out")
}

func TestUnreadable(t *testing.T) {
	c := newChecked(t, "python3.12", "app.handler").write("app.py", "handler = 1").write("a.txt", "")
	chmod(t, filepath.Join(c.code, "a.txt"), 0o600)
	c.want("warning unreadable a.txt: is readable for its owner only, whom Lambda does not have")
}
