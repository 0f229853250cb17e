package dockerbuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const tsProject = `
-- fn/src/app.ts --
import { greet } from "./lib/greet";
import dep from "dep";
import shared from "shared";
import only from "only-esm";

interface Event {
  name: string;
}

export const handler = async (event: Event): Promise<unknown> => {
  return [greet("you"), dep, shared, only, require("computed-" + "name")];
};
-- fn/src/lib/greet.ts --
export type Unused = {
  a: string;
};
export function greet(name: string): string {
  return "hi " + name;
}
-- fn/package.json --
{"dependencies": {"dep": "1", "only-esm": "1", "computed-name": "1"}}
-- node_modules/dep/package.json --
{"version": "1.0.0"}
-- node_modules/dep/index.js --
module.exports = __filename.includes("node_modules/dep") && require("inner");
-- node_modules/dep/node_modules/inner/index.js --
module.exports = "inner";
-- node_modules/computed-name/index.js --
module.exports = "computed";
-- node_modules/only-esm/package.json --
{"type": "module", "exports": "./main.js"}
-- node_modules/only-esm/main.js --
export default "esm";
-- packages/shared/package.json --
{"main": "src/index.ts"}
-- packages/shared/src/index.ts --
const s: string = "workspace"; export default s;
`

func TestTypeScript(t *testing.T) {
	f := newFixture(t, tsProject)
	if err := os.Symlink("../packages/shared", filepath.Join(f.dir, "node_modules/shared")); err != nil {
		t.Fatal(err)
	}
	fn := f.fn("nodejs20.x", "src/app.handler", "fn")
	a := f.build(fn)
	if got := f.call(a, "src/app.js"); got != `["hi you","inner","workspace","esm","computed"]` {
		t.Errorf("answer %s", got)
	}
	if a.Handler != "" || !a.SourceMaps || a.Cached {
		t.Errorf("%+v", a)
	}
	for _, file := range []string{"fn/src/app.ts", "fn/src/lib/greet.ts", "packages/shared/src/index.ts", "fn/package.json"} {
		f.sees(a, file)
	}
	f.build(fn)
	f.fresh(fn, f.build(fn))

	f.write("-- fn/src/lib/greet.ts --\nexport type Unused = {\n  a: string;\n};\nexport function greet(name: string): string {\n  throw new TypeError(\"no \" + name);\n}\n")
	b := f.build(fn)
	if b.Digest == a.Digest {
		t.Error("changed code has the same digest")
	}
	contains(t, f.call(b, "src/app.js"), "TypeError: no you\n", f.dir+"/fn/src/lib/greet.ts:5:9", f.dir+"/fn/src/app.ts:11:11")

	// A file that changes how an import is found.
	f.write("-- fn/src/lib/greet.tsx --\nexport const greet = () => 1;\n-- fn/src/lib/greet.ts --\nexport const greet = (s: string) => s;\n")
	if c := f.build(fn); !strings.HasPrefix(f.call(c, "src/app.js"), `[`) {
		t.Error("wrong answer")
	}

	f.write("-- fn/src/app.ts --\nimport { x } from \"./nowhere\";\nimport y from \"no-such-package\";\nexport const handler = async () => [x, y];\n")
	e := f.fails(fn)
	contains(t, e.Error(), "esbuild of function fn failed:\n", `Could not resolve "./nowhere"`, "fn/src/app.ts:1:18:", `Could not resolve "no-such-package"`, "fn/src/app.ts:2:14:")
	f.sees(&Artifact{Inputs: e.Inputs}, "fn/src/nowhere.ts")
	f.write("-- fn/src/app.ts --\nexport const handler = async () => \"mended\";\n")
	if got := f.call(f.build(fn), "src/app.js"); got != `"mended"` {
		t.Errorf("answer %s", got)
	}
	f.wantRan()
}

func TestTypeScriptModules(t *testing.T) {
	f := newFixture(t, `
-- fn/package.json --
{"type": "module", "dependencies": {"is-number": "7.0.0"}}
-- fn/app.ts --
import isNumber from "is-number";
import { S3 } from "@aws-sdk/client-s3";
const top: number = await Promise.resolve(1);
export const handler = async () => [isNumber(top), import.meta.url.startsWith("file:"), S3];
-- node_modules/@aws-sdk/client-s3/package.json --
{"version": "3.0.0", "main": "i.js"}
-- node_modules/@aws-sdk/client-s3/i.js --
exports.S3 = "found";
-- fn/sub.ts --
import get from "lib/get";
import data from "lib/data.json";
import { a } from "@alias/a";
export const handler = async () => [get, data, a, new (class C { x = 1 })().x];
-- fn/alias/a.ts --
export const a = "alias";
-- fn/tsconfig.json --
{"extends": "../tsconfig.base.json", "compilerOptions": {"paths": {"@alias/*": ["./alias/*"]}}}
-- tsconfig.base.json --
{"compilerOptions": {"strict": true}}
-- node_modules/lib/get.js --
module.exports = "get";
-- node_modules/lib/data.json --
{"d": 1}
-- cts/package.json --
{"type": "module"}
-- cts/src/app.cts --
import { readFileSync } from "node:fs";
export const handler = async () => typeof require + readFileSync(__dirname + "/../data/x.txt", "utf8").trim();
-- cts/data/x.txt --
one
-- sdk/app.ts --
import { S3 } from "@aws-sdk/client-dynamodb";
export const handler = async () => S3;
`)
	a := f.build(f.fn("nodejs20.x", "app.handler", "fn"))
	f.wantRan("npm install")
	if got := f.call(a, "app.mjs"); got != `[true,true,"found"]` {
		t.Errorf("answer %s", got)
	}
	sub := f.fn("nodejs20.x", "sub.handler", "fn")
	c := f.build(sub)
	if got := f.call(c, "sub.mjs"); got != `["get",{"d":1},"alias",1]` {
		t.Errorf("answer %s", got)
	}
	f.sees(c, "tsconfig.base.json")
	f.build(sub)
	f.write("-- tsconfig.base.json --\n{\"compilerOptions\": {\"strict\": false}}\n")
	if f.build(sub).Cached {
		t.Error("a change of the base tsconfig.json is not seen")
	}
	cts := f.fn("nodejs20.x", "src/app.handler", "cts")
	one := f.build(cts)
	if got := f.call(one, "src/app.cjs"); got != `"functionone"` {
		t.Errorf("answer %s", got)
	}
	f.write("-- cts/data/x.txt --\ntwo\n")
	two := f.build(cts)
	if got := f.call(two, "src/app.cjs"); got != `"functiontwo"` || two.Digest == one.Digest {
		t.Errorf("answer %s of %s, before %s", got, two.Digest, one.Digest)
	}
	b := f.build(f.fn("nodejs20.x", "app.handler", "sdk"))
	code, err := os.ReadFile(filepath.Join(b.Dir, "app.js"))
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(code), `require("@aws-sdk/client-dynamodb")`)
}

func TestBuildMethodEsbuild(t *testing.T) {
	f := newFixture(t, `
-- src/handlers/get.ts --
import dep from "dep";
import text from "./note.txt";
declare const STAGE: string;
export const handler = async () => [dep, text, STAGE];
-- src/handlers/note.txt --
note
-- src/handlers/boom.ts --
// one
export const handler = async (): Promise<void> => {
  throw new Error("boom");
};
-- node_modules/dep/index.js --
module.exports = "bundled";
`)
	fn := f.fn("nodejs20.x", "src/handlers/get.handler", "")
	fn.Code.BuildMethod = "esbuild"
	fn.Code.BuildProperties = map[string]any{"EntryPoints": []any{"src/handlers/get.ts"}, "Loader": []any{".txt=text"},
		"Define": map[string]any{"STAGE": `"dev"`}, "Format": "esm", "OutExtension": []any{".js=.mjs"}, "Target": "es2022", "External": []any{"never"},
		"MainFields": "module,main", "Minify": false, "Banner": []any{"js=/* mine */"}, "KeepNames": true, "TreeShaking": true, "UseNpmCi": true}
	a := f.build(fn)
	if a.Handler != "get.handler" {
		t.Errorf("Handler = %q", a.Handler)
	}
	if got := f.call(a, "get.mjs"); got != `["bundled","note\n","dev"]` {
		t.Errorf("answer %s", got)
	}
	f.build(fn)
	f.fresh(fn, f.build(fn))
	if _, err := os.Stat(filepath.Join(a.Dir, "node_modules")); err == nil {
		t.Error("a full bundle has node_modules")
	}

	boom := f.fn("nodejs20.x", "boom.handler", "")
	boom.Code.BuildMethod, boom.Code.BuildProperties = "esbuild", map[string]any{"EntryPoints": []any{"src/handlers/boom"}, "Sourcemap": true}
	b := f.build(boom)
	if b.Handler != "" {
		t.Errorf("Handler = %q", b.Handler)
	}
	contains(t, f.call(b, "boom.js"), f.dir+"/src/handlers/boom.ts:3:9")
	boom.Code.BuildProperties["Sourcemap"] = false
	if c := f.build(boom); c.SourceMaps || strings.Contains(f.call(c, "boom.js"), "boom.ts") {
		t.Error("a source map that was refused")
	}
}

func TestBuildPropertiesErrors(t *testing.T) {
	f := newFixture(t, "-- app.ts --\nexport const handler = 1;\n")
	tests := []struct {
		props map[string]any
		want  string
	}{
		{map[string]any{"Minifi": true}, "BuildProperties: Minifi is not a property of esbuild that is understood here; known are Alias, Banner,"},
		{map[string]any{"Minify": "perhaps"}, "BuildProperties: Minify: perhaps is neither true nor false"},
		{map[string]any{"Format": "umd"}, "umd"},
		{map[string]any{"Sourcemap": "sideways"}, "sideways"},
		{map[string]any{"External": map[int]string{}}, "BuildProperties: External: map[] is neither text nor a list of texts"},
		{map[string]any{"EntryPoints": []any{"nowhere.ts"}}, "entry point nowhere.ts does not exist in " + f.dir},
	}
	for _, tt := range tests {
		fn := f.fn("nodejs20.x", "app.handler", "")
		fn.Code.BuildMethod, fn.Code.BuildProperties = "esbuild", tt.props
		e := f.fails(fn)
		contains(t, e.Error(), "esbuild of function fn failed:\n", tt.want)
	}
}

func TestEsbuildFlags(t *testing.T) {
	got, err := esbuildFlags(map[string]any{"Loader": []any{".a=text", ".b=file"}, "MainFields": []any{"module", "main"}, "OutExtension": []any{".js=.mjs"},
		"Minify": "false", "SourcesContent": false})
	want := []string{"--loader:.a=text", "--loader:.b=file", "--main-fields=module,main", "--out-extension:.js=.mjs", "--sources-content=false",
		"--format=cjs", "--target=es2020", "--sourcemap"}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	got, err = esbuildFlags(nil)
	want = []string{"--format=cjs", "--minify", "--target=es2020", "--sourcemap", "--sources-content=false"}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
}
