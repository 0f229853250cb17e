package dockerbuild

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inImage runs a command in a container of a runtime image, with the artifact where Lambda has it. The engine's own client is the witness.
func (f *fixture) inImage(image string, a *Artifact, args ...string) string {
	f.Helper()
	docker := []string{"docker", "run", "--rm", "--label", "emulate.test=dockerbuild", "--network", "none", "-v", a.Dir + ":/var/task:ro", "-w", "/var/task", "--entrypoint", args[0],
		"public.ecr.aws/lambda/" + image}
	out, err := exec.Command(docker[0], append(docker[1:], args[1:]...)...).CombinedOutput()
	if err != nil {
		f.Fatalf("%v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// self checks that nothing in an artifact leads out of it.
func (f *fixture) self(a *Artifact) {
	f.Helper()
	err := filepath.WalkDir(a.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Type()&os.ModeSymlink == 0 {
			return err
		}
		if real, err := filepath.EvalSymlinks(path); err != nil || !within(real, a.Dir) {
			f.Errorf("%s leads to %s (%v)", path, real, err)
		}
		return nil
	})
	if err != nil {
		f.Error(err)
	}
	if a.NodePath != nil || a.PythonPath != nil {
		f.Errorf("the artifact is not complete: %+v", a)
	}
}

const answer = `require(process.argv[1]).handler().then(r => console.log(JSON.stringify(r)))`

func TestContainerNode(t *testing.T) {
	f := newBoxed(t, `
-- fn/package.json --
{"name": "x", "type": "commonjs", "dependencies": {"is-number": "7.0.0"}, "devDependencies": {"no-such-package-here": "1.0.0"}}
-- fn/src/app.js --
const isNumber = require("is-number");
exports.handler = async () => [isNumber(1), isNumber("x")];
-- fn/node_modules/is-number/index.js --
module.exports = () => "this machine's";
`)
	fn := f.boxed("nodejs20.x", "src/app.handler", "fn")
	a := f.build(fn)
	f.self(a)
	if got := f.inImage("nodejs:20", a, "node", "-e", answer, "/var/task/src/app.js"); got != "[true,false]" {
		t.Errorf("answer %s", got)
	}
	f.sees(a, "fn/package.json")
	if again := f.build(fn); !again.Cached || again.Digest != a.Digest {
		t.Errorf("unchanged source: %+v, want %+v", again, a)
	}
	f.wantRan()
}

func TestContainerTypeScript(t *testing.T) {
	f := newBoxed(t, `
-- fn/package.json --
{"dependencies": {"is-number": "7.0.0", "kind-of": "6.0.3"}}
-- fn/app.ts --
import isNumber from "is-number";
import { readFileSync } from "node:fs";
import { word } from "../lib/word";
export const handler = async (): Promise<unknown> => [isNumber(1), word, readFileSync(__dirname + "/data.txt", "utf8").trim(), require("kind" + "-of")(1)];
-- fn/data.txt --
data
-- lib/word.ts --
export const word: string = "shared";
`)
	fn := f.boxed("nodejs20.x", "app.handler", "fn")
	a := f.build(fn)
	f.self(a)
	const want = `[true,"shared","data","number"]`
	if got := f.inImage("nodejs:20", a, "node", "-e", answer, "/var/task/app.js"); got != want {
		t.Errorf("answer %s", got)
	}
	fn.Code.BuildMethod, fn.Code.BuildProperties = "esbuild", map[string]any{"External": []any{"kind-of"}, "EntryPoints": []any{"app.ts"}}
	b := f.build(fn)
	f.self(b)
	if err := os.WriteFile(filepath.Join(b.Dir, "data.txt"), []byte("data\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := f.inImage("nodejs:20", b, "node", "-e", answer, "/var/task/app.js"); got != want {
		t.Errorf("answer of one file: %s", got)
	}
	if _, err := os.Stat(filepath.Join(b.Dir, "node_modules", "is-number")); err == nil {
		t.Error("a bundled package also lies beside the bundle")
	}
	f.wantRan()
}

// Native modules are compiled in the build image.
func TestContainerNodeNative(t *testing.T) {
	f := newBoxed(t, `
-- fn/package.json --
{"dependencies": {"addon": "file:./addon"}}
-- fn/app.js --
exports.handler = async () => require("addon").hello();
-- fn/addon/package.json --
{"name": "addon", "version": "1.0.0", "gypfile": true, "main": "index.js"}
-- fn/addon/index.js --
module.exports = require("./build/Release/addon.node");
-- fn/addon/binding.gyp --
{"targets": [{"target_name": "addon", "sources": ["addon.c"]}]}
-- fn/addon/addon.c --
#include <node_api.h>
static napi_value hello(napi_env env, napi_callback_info info) {
  napi_value v; napi_create_string_utf8(env, "native", NAPI_AUTO_LENGTH, &v); return v;
}
NAPI_MODULE_INIT() {
  napi_value f; napi_create_function(env, "hello", NAPI_AUTO_LENGTH, hello, NULL, &f);
  napi_set_named_property(env, exports, "hello", f); return exports;
}
`)
	fn := f.boxed("nodejs20.x", "app.handler", "fn")
	a := f.build(fn)
	f.self(a)
	if got := f.inImage("nodejs:20", a, "node", "-e", answer, "/var/task/app.js"); got != `"native"` {
		t.Errorf("answer %s", got)
	}
	f.write("-- fn/addon/addon.c --\nint broken( {\n")
	contains(t, f.fails(fn).Error(), "npm install of function fn failed:", "addon.c:1:", "error:")
}

func TestContainerLockFiles(t *testing.T) {
	const pnpm = `
-- pnpm/package.json --
{"dependencies": {"is-number": "^7.0.0"}, "devDependencies": {"kind-of": "6.0.3"}}
-- pnpm/pnpm-lock.yaml --
lockfileVersion: '9.0'

settings:
  autoInstallPeers: true
  excludeLinksFromLockfile: false

importers:

  .:
    dependencies:
      is-number:
        specifier: ^7.0.0
        version: 7.0.0
    devDependencies:
      kind-of:
        specifier: 6.0.3
        version: 6.0.3

packages:

  is-number@7.0.0:
    resolution: {integrity: sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYxxng==}
    engines: {node: '>=0.12.0'}

  kind-of@6.0.3:
    resolution: {integrity: sha512-dcS1ul+9tmeD95T+x28/ehLgd9mENa3LsvDTtzm3vyBEO7RPptvAD+t44WVXaUjTBRcrpFeFlC8WCruUR456hw==}
    engines: {node: '>=0.10.0'}

snapshots:

  is-number@7.0.0: {}

  kind-of@6.0.3: {}
`
	const yarn = `
-- yarn/package.json --
{"dependencies": {"is-number": "^7.0.0"}}
-- yarn/yarn.lock --
# yarn lockfile v1


is-number@^7.0.0:
  version "7.0.0"
  resolved "https://registry.yarnpkg.com/is-number/-/is-number-7.0.0.tgz#7535345b896734d5f80c4d06c50955527a14f12b"
  integrity sha512-41Cifkg6e8TylSpdtTpeLVMqvSBEVzTttHvERD741+pnZ8ANv0004MRL43QKPDlK9cGvNp6NZWZUBlbGXYxxng==
`
	const berry = `
-- berry/package.json --
{"name": "berry", "dependencies": {"is-number": "^7.0.0"}}
-- berry/yarn.lock --
# This file is generated by running "yarn install" inside your project.
# Manual changes might be lost - proceed with caution!

__metadata:
  version: 8
  cacheKey: 10c0

"berry@workspace:.":
  version: 0.0.0-use.local
  resolution: "berry@workspace:."
  dependencies:
    is-number: "npm:^7.0.0"
  languageName: unknown
  linkType: soft

"is-number@npm:^7.0.0":
  version: 7.0.0
  resolution: "is-number@npm:7.0.0"
  checksum: 10c0/b4686d0d3053146095ccd45346461bc8e53b80aeb7671cc52a4de02dbbf7dc0d1d2a986e2fe4ae206984b4d34ef37e8b795ebc4f4295c978373e6575e295d811
  languageName: node
  linkType: hard
`
	const app = "\n-- %s/app.js --\nexports.handler = async () => require('is-number/package.json').version;\n"
	for dir, files := range map[string]string{"pnpm": pnpm, "yarn": yarn, "berry": berry} {
		t.Run(dir, func(t *testing.T) {
			f := newBoxed(t, files+strings.ReplaceAll(app, "%s", dir))
			fn := f.boxed("nodejs20.x", "app.handler", dir)
			a := f.build(fn)
			f.self(a)
			if got := f.inImage("nodejs:20", a, "node", "-e", answer, "/var/task/app.js"); got != `"7.0.0"` {
				t.Errorf("answer %s", got)
			}
			if _, err := os.Stat(filepath.Join(a.Dir, "node_modules", "kind-of")); err == nil {
				t.Error("a devDependency was installed")
			}
		})
	}
}
