package dockerbuild

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
	"pgregory.net/rapid"

	"example.com/emulate/emulator/config"
)

// A handler that its module lacks is an error where the module says all of its names plainly, a warning or nothing elsewhere.
func TestExports(t *testing.T) {
	const (
		js  = "nodejs22.x index.js"
		mjs = "nodejs22.x index.mjs"
		py  = "python3.13 index.py"
	)
	for name, tt := range map[string]struct{ where, source, want string }{
		"assigned":           {js, "exports.handlr = async () => 1", "error"},
		"assigned in module": {js, "'use strict'\nmodule.exports.handlr = async (event) => event.module", "error"},
		"only in a comment":  {js, "// handler\nexports.handlr = () => 1 /* exports.handler = 1 */", "error"},
		"only in a string":   {js, "exports.handlr = () => 'exports.handler = 1'", ""},
		"only a local":       {js, "async function handler() {}\nexports.handlr = handler", "error"},
		"literal":            {js, "const run = () => 1\nmodule.exports = {run, other: run}", "error"},
		"literal of lines":   {js, "module.exports = {\n  async run(e) { return {...e, [e.key]: 1} },\n  'x-y': `\n};\n`,\n}", "error"},
		"one function":       {js, "module.exports = async (event) => 1; module.exports.run = 2", "error"},
		"TypeScript":         {js, "\"use strict\";\nObject.defineProperty(exports, \"__esModule\", { value: true });\nexports.handlr = void 0;\nconst handler = async () => 1;\nexports.handlr = handler;\n", "error"},
		"main":               {js, "exports.handlr = 1\nif (require.main === module) exports.handlr()", "error"},
		"ES module":          {mjs, "export const handlr = async () => ({ handler: 1 })", "error"},
		"ES function":        {mjs, "function handler() {}\nexport { handler as run }", "error"},
		"ES namespace":       {mjs, "export * as all from './other.mjs'", "error"},
		"bundle of a build":  {js, "var x_exports = {};\n__export(x_exports, {handlr: () => handlr});\nmodule.exports = __toCommonJS(x_exports);\n0 && (module.exports = {\n  handlr\n});\n//# sourceMappingURL=index.js.map\n", "error"},
		"minified bundle":    {js, "var o={};p(o,{a:()=>i});module.exports=q(o);0&&(module.exports={a,b});\n", "error"},
		"bundle of stars":    {js, "module.exports = __toCommonJS(x);\n0 && (module.exports = {\n  handlr,\n  ...require(\"y\")\n});\n", ""},
		"spread":             {js, "module.exports = {\n  a,\n  ...require('./other')\n}", ""},
		"spread on a line":   {js, "module.exports = {a, ...other}", ""},
		"computed":           {js, "module.exports = {a, [b]: 1}", ""},
		"required":           {js, "exports.a = 1; module.exports = require('./other')", ""},
		"spread of exports":  {js, "exports.a = 1\nuse(...exports)", "warning"},
		"called":             {js, "exports.a = 1\nfill(exports)", "warning"},
		"by a variable":      {js, "exports.a = 1\nfor (const n of names) exports[n] = 1", "warning"},
		"another name":       {js, "exports.a = 1\nconst m = module\nm.exports = x", ""},
		"star of TypeScript": {js, "exports.a = 1; __exportStar(require('./other'), exports)", ""},
		"getter":             {js, "exports.a = 1; Object.defineProperty(exports, 'handler', {get() { return 1 }})", ""},
		"quoted":             {js, "exports.a = 1; exports['handler'] = 1", ""},
		"in pieces":          {js, "exports.a = 1; exports['hand' + 'ler'] = 1", "warning"},
		"chain":              {js, "exports.a = exports.handler = () => 1", ""},
		"within":             {js, "exports.a = 1; if (x) { exports.handler = 1 }", ""},
		"shorthand":          {js, "module.exports = { handler }", ""},
		"ES star":            {mjs, "export const a = 1; export * from './other.mjs'", ""},
		"ES default":         {mjs, "export default { run() {} }", "warning"},
		"ES renamed":         {mjs, "const run = 1; export { run as handler }", ""},
		"ES destructured":    {mjs, "export const { handler } = make()", ""},
		"ES quoted":          {mjs, "const run = 1; export { run as 'handler' }", ""},
		"ES first line":      {mjs, "export async function handler() {}", ""},
		"by a computed this": {js, "exports.a = 1\nfor (const k of ['han' + 'dler']) this[k] = () => {}", "warning"},
		"this handed on":     {js, "exports.a = 1\nadd(this, 'x')", "warning"},
		"not JavaScript":     {js, "exports.a = {{", "warning"},
		"nothing":            {js, "console.log(1)", "warning"},
		"large":              {js, "exports.a = 1" + strings.Repeat("\n", parseLimit), "warning"},
		"Python":             {py, "import os\n# handler\ndef handlr(event, context):\n    return os.environ\n", "error"},
		"Python async":       {py, "async def handlr(event, context): pass\n", "error"},
		"Python method":      {py, "class A:\n  def other(self): self.handler()\ndef run(e, c): pass\n", "error"},
		"Python no function": {py, "app = make()\n", "warning"},
		"Python star":        {py, "from app import *\ndef run(e, c): pass\n", ""},
		"Python star in ()":  {py, "from app import  *\ndef run(e, c): pass\n", ""},
		"Python globals":     {py, "def run(e, c): pass\nglobals()['hand' + 'ler'] = run\n", ""},
		"Python setattr":     {py, "import sys\ndef run(e, c): pass\nsetattr(sys.modules[__name__], n, run)\n", "warning"},
		"Python exec":        {py, "def run(e, c): pass\nexec(open('more').read())\n", "warning"},
		"Python imported":    {py, "from app import run as handler\ndef run(e, c): pass\n", ""},
		"Python nested":      {py, "def run(e, c): pass\ntry:\n  from a import handler\nexcept ImportError:\n  handler = run\n", ""},
		"Python package":     {"python3.13 index/__init__.py", "def run(e, c): pass\n", "warning"},
	} {
		t.Run(name, func(t *testing.T) {
			runtime, file, _ := strings.Cut(tt.where, " ")
			c := newChecked(t, runtime, "index.handler").write(file, tt.source)
			if tt.want == "" {
				c.want()
				return
			}
			c.want(tt.want + ` handler-not-exported template.yaml: function fn: handler "index.handler": ` + file + " has no handler")
		})
	}
}

// The hint names what the module has, and the nearest of it.
func TestExportsHint(t *testing.T) {
	for _, tt := range []struct{ runtime, handler, file, source, want string }{
		{"nodejs22.x", "src/index.handlr", "src/index.js", "exports.handler = exports.warm = 1", "Did you mean src/index.handler? It has handler, warm."},
		{"nodejs22.x", "index.api.get", "index.mjs", "export const apis = {}", "Did you mean index.apis.get? It has apis."},
		{"nodejs22.x", "index.main", "index.js", "module.exports = {\n  async one() {},\n  two: function () {},\n  'three': 3,\n}", "It has one, three, two."},
		{"nodejs22.x", "index.handler", "index.js", "console.log(1)", ""},
		{"python3.13", "app.lambda_handlr", "app.py", "import os\nTABLE: str = os.environ['T']\n_x = 1\ndef lambda_handler(e, c):\n    y = 1\n", "Did you mean app.lambda_handler? It has TABLE, lambda_handler."},
	} {
		c := newChecked(t, tt.runtime, tt.handler).write(tt.file, tt.source)
		list := c.report().Diagnostics
		if len(list) != 1 || list[0].Hint != tt.want || list[0].Position != c.fn.At {
			t.Errorf("%s: %v, want the hint %q", tt.source, list, tt.want)
		}
	}
}

// Python takes a package before a module of its name, and machine code before both.
func TestPythonPackageFirst(t *testing.T) {
	c := newChecked(t, "python3.13", "app.handler").write("app.py", "def run(e, c): pass\n").write("app/__init__.py", "def handler(e, c): pass\n")
	c.want()
	c = newChecked(t, "python3.13", "app.handler").write("app.py", "def run(e, c): pass\n").write("app.cpython-313-x86_64-linux-gnu.so", "")
	c.want()
}

// What a compiler or bundler makes of a module that has the handler is never told: for any way of writing the export, format and setting.
func TestExportsOfCompiled(t *testing.T) {
	sources := []string{
		"export const handler = async () => 1",
		"export async function handler() {}",
		"export class handler {}",
		"const run = 1; export { run as handler, run as other }",
		"export const { handler, other = 2 } = make()",
		"export * from './lib'",
		"export { handler } from './lib'",
		"import { handler } from './lib'; export { handler }; export default handler",
		"exports.handler = async () => 1",
		"module.exports = { other: 1, handler: async () => ({ ...x }) }",
		"module.exports = { async handler() {}, get other() { return 1 } }",
		"module.exports = exports = { handler: 1 }",
		"module.exports = { ...require('./lib') }",
		"Object.assign(exports, require('./lib'))",
		"module.exports = require('./lib')",
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "lib.ts"), "export const handler = () => 'lib'; export const extra = 1")
	rapid.Check(t, func(t *rapid.T) {
		source := rapid.SampledFrom(sources).Draw(t, "source")
		bundle, minify := rapid.Bool().Draw(t, "bundle"), rapid.Bool().Draw(t, "minify")
		result := api.Build(api.BuildOptions{
			Stdin:  &api.StdinOptions{Contents: source, ResolveDir: dir, Sourcefile: "index.ts", Loader: api.LoaderTS},
			Format: rapid.SampledFrom([]api.Format{api.FormatCommonJS, api.FormatESModule, api.FormatDefault}).Draw(t, "format"), Platform: api.PlatformNode,
			Bundle: bundle, MinifyWhitespace: minify, MinifySyntax: minify, MinifyIdentifiers: minify,
			KeepNames: rapid.Bool().Draw(t, "keep names"), Sourcemap: rapid.SampledFrom([]api.SourceMap{api.SourceMapNone, api.SourceMapInline}).Draw(t, "map"),
			LogLevel: api.LogLevelSilent,
		})
		if len(result.Errors) > 0 {
			t.Fatal(result.Errors)
		}
		// An ES module that is made of CommonJS has a default alone: it has no handler indeed.
		made := result.OutputFiles[0].Contents
		e := exportsOf(made, "handler")
		if e.all && !slices.Contains(e.names, "handler") {
			t.Fatalf("all of %v:\n%s", e.names, made)
		}
	})
}

func FuzzExports(f *testing.F) {
	f.Add([]byte("exports.handler = 1"), "handler")
	f.Add([]byte("export const a = 1, b = 2"), "b")
	f.Add([]byte("module.exports = {\n a, 'b': 1 }; 0 && (module.exports = {a})"), "c")
	f.Add([]byte("0"), "\xed")
	f.Fuzz(func(t *testing.T, source []byte, name string) {
		exportsOf(source, name)
		pythonNames(source, name)
	})
}

// Functions that share code and have handlers of their own are each told of.
func TestExportsOfSharedCode(t *testing.T) {
	c := newChecked(t, "nodejs22.x", "index.one").write("index.js", "exports.three = 1")
	checker := NewChecker(CheckOptions{CacheDir: filepath.Join(c.dir, "cache")})
	defer checker.Close()
	second := *c.fn
	second.Handler, second.Name = "index.two", "second"
	for _, fn := range []*config.Function{c.fn, &second} {
		r, err := checker.Check(context.Background(), fn)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Diagnostics) != 1 || !strings.Contains(r.Diagnostics[0].Message, fn.Name) || !strings.Contains(r.Diagnostics[0].Message, fn.Handler) {
			t.Errorf("function %s: %v", fn.Name, r.Diagnostics)
		}
	}
}
