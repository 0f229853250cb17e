package dockerbuild

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// caller is a program that loads a handler as a runtime client does, and prints its answer or its stack.
const caller = `
import { pathToFileURL } from "node:url";
const h = (await import(pathToFileURL(process.argv[2]).href));
const f = h.handler ?? h.default.handler;
try { console.log(JSON.stringify(await f({}))); } catch (e) { console.log(e.stack); }
`

// call runs the handler in a file of the artifact with the real Node.
func (f *fixture) call(a *Artifact, file string) string {
	f.Helper()
	script := filepath.Join(f.cache, "caller.mjs")
	if err := os.WriteFile(script, []byte(caller), 0o644); err != nil {
		f.Fatal(err)
	}
	args := []string{"node"}
	if a.SourceMaps {
		args = append(args, "--enable-source-maps")
	}
	env := []string{"NODE_PATH=" + strings.Join(a.NodePath, string(os.PathListSeparator)), "NODE_OPTIONS="}
	return strings.TrimSpace(f.output(a.Dir, env, append(args, script, filepath.Join(a.Dir, file))...))
}

func TestNodeInPlace(t *testing.T) {
	f := newFixture(t, `
-- fn/src/app.js --
exports.handler = async () => require("dep");
-- fn/package.json --
{"dependencies": {"dep": "^1.0.0"}, "devDependencies": {"not-here": "1"}}
-- node_modules/dep/package.json --
{"version": "1.0.0"}
-- node_modules/dep/index.js --
module.exports = "installed";
`)
	fn := f.fn("nodejs20.x", "src/app.handler", "fn")
	a := f.build(fn)
	if a.Dir != fn.Code.Dir || a.NodePath != nil || a.SourceMaps {
		t.Errorf("%+v", a)
	}
	if got := f.call(a, "src/app.js"); got != `"installed"` {
		t.Errorf("answer %s", got)
	}
	f.fresh(fn, a)
	f.wantRan()
	f.write("-- fn/src/app.js --\nexports.handler = async () => 2;\n")
	if b := f.build(fn); b.Digest == a.Digest {
		t.Error("changed code has the same digest")
	}
}

// npm's own words are long: dependencies that are not installed go into the cache, and real Node finds them from CommonJS and ES modules, in
// sub-folders, by static and dynamic imports. Stack traces name the user's files, lines and columns.
func TestNodeInstallsDependencies(t *testing.T) {
	f := newFixture(t, `
-- fn/package.json --
{"name": "x", "scripts": {"prepare": "exit 1"}, "dependencies": {"is-number": "7.0.0"}, "devDependencies": {"no-such-package-here": "1.0.0"}}
-- fn/src/cjs.js --
const isNumber = require("is-number");
exports.handler = async () => [isNumber(1), (await import("is-number")).default("x"), require("fs").readFileSync(__dirname + "/data.txt", "utf8"), await import("../esm.mjs").then(m => m.handler())];
-- fn/src/data.txt --
data
-- fn/esm.mjs --
import isNumber from "is-number";
const later = await import("is-number");
export const handler = async () => [isNumber("5"), later.default("y")];
-- fn/src/boom.mjs --
import isNumber from "is-number";

export const handler = async () => {
  const 𝒙 = "𝒙𝒙"; if (isNumber(3)) throw new Error("boom");
};
-- fn/mapped.js --
exports.handler = async () => { throw new Error("mapped"); };
//# sourceMappingURL=maps/mapped.js.map
-- fn/maps/mapped.js.map --
{"version":3,"sources":["../orig/mapped.ts"],"names":[],"mappings":"AAIA"}
-- fn/orig/mapped.ts --
x
`)
	// The lock's absence would also work with npm install; a lock file is what projects have.
	fn := f.fn("nodejs20.x", "src/cjs.handler", "fn")
	before, err := treeDigest(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	a := f.build(fn)
	f.wantRan("npm install")
	if got := f.call(a, "src/cjs.js"); got != `[true,false,"data\n",[true,false]]` {
		t.Errorf("CommonJS answers %s", got)
	}
	if got := f.call(a, "esm.mjs"); got != `[true,false]` {
		t.Errorf("ES module answers %s", got)
	}
	contains(t, f.call(a, "src/boom.mjs"), "Error: boom\n", f.dir+"/fn/src/boom.mjs:4:45")
	contains(t, f.call(a, "mapped.js"), f.dir+"/fn/orig/mapped.ts:5:")
	if len(a.NodePath) != 1 || !a.SourceMaps || a.Cached {
		t.Errorf("%+v", a)
	}
	f.sees(a, "fn/src/new.js")
	f.fresh(fn, a)

	// An edit copies anew and installs nothing; the same dependencies of another function are shared.
	f.write("-- fn/esm.mjs --\nimport isNumber from 'is-number';\nexport const handler = async () => isNumber(8);\n")
	b := f.build(fn)
	if b.Digest == a.Digest || b.Cached || f.call(b, "esm.mjs") != "true" {
		t.Errorf("after an edit: %+v", b)
	}
	f.write("-- two/package.json --\n{\"type\": \"module\", \"dependencies\": {\"is-number\": \"7.0.0\"}, \"devDependencies\": {\"no-such-package-here\": \"1.0.0\"}}\n-- two/index.js --\nimport n from 'is-number';\nexport const handler = async () => n(1);\n")
	if c := f.build(f.fn("nodejs20.x", "index.handler", "two")); c.NodePath[0] != a.NodePath[0] || f.call(c, "index.js") != "true" {
		t.Errorf("second function: %+v", c)
	}
	f.wantRan()
	if left, _ := filepath.Glob(filepath.Join(f.dir, "fn", "*")); len(left) != 6 {
		t.Errorf("the user's folder holds %v (digest before %s)", left, before)
	}
}

func TestNpmCi(t *testing.T) {
	f := newFixture(t, `
-- package.json --
{"type": "module", "dependencies": {"is-number": "^7.0.0"}}
-- package-lock.json --
{"name": "x", "lockfileVersion": 3, "requires": true, "packages": {"": {"dependencies": {"is-number": "^7.0.0"}},
 "node_modules/is-number": {"version": "7.0.0", "resolved": "https://registry.npmjs.org/is-number/-/is-number-7.0.0.tgz",
 "integrity": "sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYxxng=="}}}
-- fn/app.js --
import n from "is-number";
export const handler = async () => n(1);
`)
	// Two functions of one project, whose package.json lies above their folders, at once: one install.
	var wg sync.WaitGroup
	for _, handler := range []string{"app.handler", "app.other"} {
		wg.Go(func() {
			a, err := f.builder.Build(context.Background(), f.fn("nodejs20.x", handler, "fn"))
			if err != nil {
				t.Error(err)
				return
			}
			if got := f.call(a, "app.js"); got != "true" {
				t.Errorf("answer %s", got)
			}
			f.sees(a, "package-lock.json")
		})
	}
	wg.Wait()
	f.wantRan("npm ci")
}

func TestNpmFailures(t *testing.T) {
	f := newFixture(t, `
-- lock/package.json --
{"dependencies": {"is-number": "^6.0.0"}}
-- lock/package-lock.json --
{"name": "x", "lockfileVersion": 3, "requires": true, "packages": {"": {"dependencies": {"is-number": "^7.0.0"}},
 "node_modules/is-number": {"version": "7.0.0", "resolved": "https://registry.npmjs.org/is-number/-/is-number-7.0.0.tgz"}}}
-- local/package.json --
{"dependencies": {"mine": "file:../mine"}}
-- bad/package.json --
{"dependencies": {
`)
	e := f.fails(f.fn("nodejs20.x", "a.b", "lock"))
	contains(t, e.Error(), "npm ci of function fn failed:\n", "does not satisfy is-number@6.0.0", "installed dependencies are used as they are")
	f.sees(&Artifact{Inputs: e.Inputs}, "lock/package-lock.json")
	contains(t, f.fails(f.fn("nodejs20.x", "a.b", "local")).Error(), "local/package.json asks for the local package mine (file:../mine), which is not installed")
	contains(t, f.fails(f.fn("nodejs20.x", "a.b", "bad")).Error(), "read package.json of function fn failed:\nbad/package.json: unexpected end of JSON input")
	f.runner.missing = "npm"
	if e := f.fails(f.fn("nodejs20.x", "a.b", "lock")); e.Missing != "npm" {
		t.Errorf("%#v", e)
	}
}

func TestHandlerModule(t *testing.T) {
	for handler, want := range map[string]string{"index.handler": "index", "src/app.a.b": "src/app", "a.b/c.d": "a.b/c", "x": "x"} {
		if got := handlerModule(handler); got != want {
			t.Errorf("%s: %s, want %s", handler, got, want)
		}
	}
}
