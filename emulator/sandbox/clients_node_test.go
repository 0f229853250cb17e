package sandbox

import (
	"path/filepath"
	"strings"
	"testing"
)

var twoEvents = []string{`{"n":1}`, `{"n":2}`}

func js(source string) map[string]string { return map[string]string{"index.js": source} }

var nodeCases = []clientCase{
	// Ways to answer.
	{name: "async", files: js("exports.handler = async (event) => ({ got: event });"), want: `{"got":{"n":2}}`},
	{name: "callback", files: js("exports.handler = (event, context, callback) => callback(null, event.n);"), want: "2"},
	{name: "callback waits for the event loop", files: js(`exports.handler = (event, context, callback) => {
  callback(null, event.n); setTimeout(() => console.log('later'), 20); };`), want: "2", wantOutput: "later"},
	{name: "callback does not wait", files: js(`exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1000); callback(null, event.n); };`), want: "2"},
	{name: "callback twice", files: js("exports.handler = (event, context, callback) => { callback(null, 1); callback(null, 2); };"), want: "1"},
	{name: "callback error", files: js("exports.handler = (event, context, callback) => callback(new Error('no'));"), want: `"errorMessage":"no"`},
	{name: "callback text as error", files: js("exports.handler = (event, context, callback) => callback('no');"), want: `{"errorType":"string","errorMessage":"no","trace":[]}`},
	{name: "promise", files: js("exports.handler = (event) => Promise.resolve(event.n);"), want: "2"},
	{name: "thenable", files: js("exports.handler = (event) => ({ then: (resolve) => resolve('then') });"), want: `"then"`},
	{name: "context.done", files: js("exports.handler = (event, context) => context.done(null, 'done');"), want: `"done"`},
	{name: "context.succeed", files: js("exports.handler = (event, context) => context.succeed('ok');"), want: `"ok"`},
	{name: "context.fail", files: js("exports.handler = (event, context) => context.fail(new RangeError('far'));"), want: `"RangeError"`},
	{name: "context.fail with nothing", files: js("exports.handler = (event, context) => context.fail();"), want: `"errorMessage":"handled"`},
	{name: "undefined result", files: js("exports.handler = async () => {};"), want: "null"},
	{name: "null result", files: js("exports.handler = async () => null;"), want: "null"},
	{name: "no callback call", files: js("exports.handler = (event, context, callback) => {};"), want: "null"},
	{name: "returns without promise", files: js("exports.handler = () => 'lost';"), want: "null"},
	{name: "circular result", files: js("exports.handler = async () => { const a = {}; a.a = a; return a; };"), want: "Unable to stringify response body"},
	{name: "circular result by callback", files: js("exports.handler = (e, c, cb) => { const a = {}; a.a = a; cb(null, a); };"),
		want: "Unable to stringify response body", wantExit: "exit status 129", events: []string{"{}"}},
	{name: "bigint result", files: js("exports.handler = async () => ({ a: 1n });"), want: "Unable to stringify response body"},
	{name: "unicode", files: js("exports.handler = async (event) => event.text + '\\u2028 ünï \\u{1F600}';"), events: []string{`{"text":"日本語"}`}, want: "日本語"},
	{name: "large payload", files: js("exports.handler = async (event) => 'x'.repeat(5 << 20) + event.length;"), events: []string{`"` + strings.Repeat("y", 5<<20) + `"`}},
	{name: "context", files: js(`exports.handler = async (event, context) => {
  const left = context.getRemainingTimeInMillis();
  return { ...context, left: left > 1000 && left <= 60000, keys: Object.keys(context), trace: process.env._X_AMZN_TRACE_ID }; };`),
		headers: map[string]string{
			"Lambda-Runtime-Client-Context":   `{"custom":{"ü":"é"},"client":{"app_title":"t"}}`,
			"Lambda-Runtime-Cognito-Identity": `{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}`,
			"Lambda-Runtime-Aws-Tenant-Id":    "blue",
		}, want: `"tenantId":"blue"`},
	{name: "broken client context", files: js("exports.handler = async () => 1;"),
		headers: map[string]string{"Lambda-Runtime-Client-Context": "{"}, want: "Cannot parse ClientContext as json"},
	{name: "event is not JSON", files: js("exports.handler = async () => 1;"), events: []string{"{"}, want: `"SyntaxError"`},

	// Errors.
	{name: "throw", files: js("exports.handler = async () => {\n  throw new Error('boom');\n};"), want: `"errorMessage":"boom"`, wantOutput: "ERROR\tInvoke Error \t{\"errorType\":\"Error\""},
	{name: "throw later", files: js("exports.handler = async () => {\n  await new Promise((r) => setTimeout(r, 5));\n  throw new Error('boom');\n};"), want: `"trace"`},
	{name: "throw without async", files: js("exports.handler = () => { throw new TypeError('sync'); };"), want: `"TypeError"`},
	{name: "throw own class", files: js(`class PaymentError extends Error { constructor(m) { super(m); this.name = 'PaymentError'; this.code = 'E_PAY'; this.extra = { a: 1 }; } }
exports.handler = async () => { throw new PaymentError('broke'); };`), want: `"PaymentError"`, wantOutput: `"extra":{"a":1}`},
	{name: "throw class without name", files: js("class Odd extends Error {}\nexports.handler = async () => { throw new Odd('odd'); };"), want: `"errorType":"Error"`},
	{name: "throw with cause", files: js("exports.handler = async () => { throw new Error('outer', { cause: new Error('inner') }); };"), want: "outer"},
	{name: "throw text", files: js("exports.handler = async () => { throw 'text'; };"), want: `{"errorType":"string","errorMessage":"text","trace":[]}`},
	{name: "throw object", files: js("exports.handler = async () => { throw { a: 1 }; };"), want: `"errorMessage":"[object Object]"`},
	{name: "throw like an error", files: js("exports.handler = async () => { throw { name: 'N', message: 'm', stack: 's1\\ns2' }; };"), want: `"trace":["s1","s2"]`},
	{name: "throw undefined", files: js("exports.handler = async () => { throw undefined; };"), want: "handled"},
	{name: "throw null object", files: js("exports.handler = async () => { throw Object.create(null); };"), want: "Cannot convert object to primitive value"},
	{name: "message with DEL and lines", files: js("exports.handler = async () => { throw new Error('a\\x7fb\\nc\\r\\nd é'); };"), want: `a%7Fb\nc`},
	{name: "circular error", files: js("exports.handler = async () => { const e = new Error('c'); e.self = e; throw e; };"), want: `"c"`},
	{name: "uncaught exception", files: js("exports.handler = () => new Promise(() => setTimeout(() => { throw new Error('late'); }, 5));"),
		events: []string{"{}"}, want: `"late"`, wantOutput: "Uncaught Exception", wantExit: "exit status 129"},
	{name: "unhandled rejection", files: js("exports.handler = () => new Promise(() => { Promise.reject(new Error('nobody')); setTimeout(() => {}, 1000); });"),
		events: []string{"{}"}, want: "Runtime.UnhandledPromiseRejection", wantExit: "exit status 128"},
	{name: "exit 0", files: js("exports.handler = async () => process.exit(0);"), events: []string{"{}"}, wantExit: "exit status 0"},
	{name: "exit 7", files: js("exports.handler = async () => process.exit(7);"), events: []string{"{}"}, wantExit: "exit status 7"},
	{name: "killed", files: js("exports.handler = async () => { process.kill(process.pid, 'SIGKILL'); await new Promise(() => setTimeout(() => {}, 10000)); };"),
		events: []string{"{}"}, wantExit: "signal: killed"},

	{name: "hang", files: js("exports.handler = async () => { console.log('hanging'); await new Promise(() => setTimeout(() => {}, 600000)); };"),
		wantOutput: "hanging", wantExit: "hangs"},

	// Finding the handler.
	{name: "in a folder", files: map[string]string{"src/app.js": "exports.handler = async () => 'deep';"}, handler: "src/app.handler", want: `"deep"`},
	{name: "nested export", files: js("exports.a = { b: { c: async () => 'nested' } };"), handler: "index.a.b.c", want: `"nested"`},
	{name: "mjs", files: map[string]string{"index.mjs": "export const handler = async () => 'mjs';"}, want: `"mjs"`},
	{name: "cjs", files: map[string]string{"index.cjs": "exports.handler = async () => 'cjs';"}, want: `"cjs"`},
	{name: "exact file", files: map[string]string{"index": "exports.handler = async () => 'exact';"}, want: `"exact"`},
	{name: "js before mjs", files: map[string]string{"index.js": "exports.handler = async () => 'js';", "index.mjs": "export const handler = async () => 'mjs';"}, want: `"js"`},
	{name: "type module", files: map[string]string{"package.json": `{"type":"module"}`, "src/index.js": "import os from 'node:os'; export const handler = async () => typeof os.EOL;"}, handler: "src/index.handler", want: `"string"`},
	{name: "broken package.json", files: map[string]string{"package.json": `{"type":`, "index.mjs": "export const handler = async () => 1;"}, want: "1"},
	{name: "from node_modules", files: map[string]string{"node_modules/lib/index.js": "exports.handler = async () => 'lib';"}, handler: "lib.handler", want: `"lib"`},
	{name: "top-level await", files: map[string]string{"index.mjs": "const x = await new Promise((r) => setTimeout(() => r('tla'), 10));\nexport const handler = async () => x;"}, want: `"tla"`},
	{name: "import of a package", files: map[string]string{
		"node_modules/dep/package.json": `{"name":"dep","exports":"./d.mjs"}`, "node_modules/dep/d.mjs": "export default 'dep';",
		"index.mjs": "import dep from 'dep'; export const handler = async () => dep;"}, want: `"dep"`},
	{name: "main module", files: js("exports.handler = async () => ({ main: String(require.main), awslambda: typeof awslambda.streamifyResponse });"), want: `"undefined"`},
	{name: "without awslambda", files: js("exports.handler = async () => typeof awslambda;"), env: map[string]string{"AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA": "true"}, want: `"undefined"`},

	// INIT errors.
	{name: "missing module", files: map[string]string{}, want: "Runtime.ImportModuleError", wantExit: "exit status 129"},
	{name: "missing dependency", files: js("require('nowhere');"), want: "Cannot find module 'nowhere'", wantExit: "exit status 129"},
	{name: "missing dependency of a module", files: map[string]string{"index.mjs": "import 'nowhere';"}, want: "Cannot find package 'nowhere'", wantExit: "exit status 129"},
	{name: "missing handler", files: js("exports.other = 1;"), want: `"index.handler is undefined or not exported"`, wantExit: "exit status 129"},
	{name: "handler is no function", files: js("exports.handler = 1;"), want: `"index.handler is not a function"`, wantExit: "exit status 129"},
	{name: "malformed handler", files: js(""), handler: "index", want: `"Runtime.MalformedHandlerName"`, wantExit: "exit status 129"},
	{name: "handler goes up", files: js(""), handler: "../index.handler", want: "is not a valid handler name", wantExit: "exit status 129"},
	{name: "syntax error", files: js("exports.handler = async () => {"), want: "Runtime.UserCodeSyntaxError", wantExit: "exit status 129"},
	{name: "syntax error in a module", files: map[string]string{"index.mjs": "export const = 1;"}, want: "Runtime.UserCodeSyntaxError", wantExit: "exit status 129"},
	{name: "throws at init", files: js("throw new Error('at init');"), want: `"at init"`, wantExit: "exit status 129"},
	{name: "throws text at init", files: js("throw 'at init';"), want: `"at init"`, wantExit: "exit status 129"},
	{name: "rejection at init", files: js("Promise.reject(new Error('lost')); exports.handler = async () => { await new Promise(() => setTimeout(() => {}, 1000)); };"), want: "lost", wantExit: "exit status 128"},
	{name: "exits at init", files: js("process.exit(3);"), wantExit: "exit status 3"},

	// The log.
	{name: "console", files: js(`console.log('at init');
exports.handler = async (event) => {
  console.log('one %s %d', 'two', 3, { four: [5] });
  console.log(); console.log(undefined); console.log('');
  console.info('several\nlines\r\nhere'); console.warn('warn'); console.error(new Error('shown')); console.debug('debug'); console.trace('trace');
  console.fatal('fatal'); console.table([1]);
  process.stdout.write('raw\n'); process.stderr.write('raw error\n');
};`), wantOutput: "TIME\tundefined\tINFO\tat init\n"},
	{name: "console level", files: js("exports.handler = async () => { console.debug('d'); console.log('i'); console.warn('w'); console.error('e'); };"),
		env: map[string]string{"AWS_LAMBDA_LOG_LEVEL": "warn"}, wantOutput: "WARN\tw\n"},
	{name: "console JSON", files: js(`console.log('at init');
exports.handler = async (event) => {
  console.log('one %s', 'two', 3); console.log({ a: 1, e: new RangeError('r') }); console.log('plain\nlines');
  console.error('with', new TypeError('t')); console.error(new Error('only')); console.log(undefined);
  const c = {}; c.c = c; console.log(c); console.debug('not shown'); console.log(1n);
  throw new Error('boom');
};`), env: map[string]string{"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}, headers: map[string]string{"Lambda-Runtime-Aws-Tenant-Id": "blue"},
		wantOutput: `"message":{"a":1,"e":{"errorType":"RangeError"`},

	// Streaming.
	{name: "stream", files: js(`exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  stream.setContentType('text/plain'); stream.write('Hello,'); stream.write(' world'); stream.end(); });`), want: "Hello, world"},
	{name: "stream with prelude", files: js(`exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: 'b' } }); stream.write({ n: event.n }); stream.end(); });`),
		want: "{\"statusCode\":201,\"headers\":{\"a\":\"b\"}}\x00\x00\x00\x00\x00\x00\x00\x00{\"n\":2}"},
	{name: "stream by pipeline", files: js(`const { pipeline } = require('node:stream/promises'); const { Readable } = require('node:stream');
exports.handler = awslambda.streamifyResponse(async (event, stream) => { await pipeline(Readable.from(['a', 'b', 'c']), stream); });`), want: "abc"},
	{name: "stream fails on the way", files: js(`exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.write('half'); throw new RangeError('way'); });`), want: "half"},
	{name: "stream fails at once", files: js(`exports.handler = awslambda.streamifyResponse(async () => { throw new Error('early'); });`)},
	{name: "stream returns a value", files: js(`exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.write('x'); stream.end(); return 1; });`),
		want: "x", wantOutput: "Streaming handlers ignore return values."},
	{name: "stream without async", files: js(`exports.handler = awslambda.streamifyResponse((event, stream) => { stream.write('x'); });`)},
	{name: "stream type too late", files: js(`exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('x'); try { stream.setContentType('a/b'); } catch (e) { stream.write(e.name + ': ' + e.message); } stream.end(); });`),
		want: "Runtime.InvalidStreamingOperation: Cannot set content-type, too late."},
}

func TestNodeClientBesideAWS(t *testing.T) {
	theirs := []string{nodeCommand(t), toolPath(t, "node/node_modules/aws-lambda-ric/bin/index.mjs")}
	ours := []string{nodeCommand(t), filepath.Join(sharedClients(t), nodeClient)}
	side(t, withDefaults(nodeCases, "index.handler", map[string]string{
		"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x",
		// The client that can be had from the registry does not have this warning.
		"AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING": "1",
	}), ours, theirs)
}

// What AWS's images do and the client from the registry does not, or what that does wrong.
var nodeOwnCases = []clientCase{
	{name: "never settles", files: js("exports.handler = async () => new Promise(() => {});"), want: `"errorType":"Runtime.NodeJsExit"`,
		wantOutput: "Invoke Error \t{\"errorType\":\"Runtime.NodeJsExit\""},
	{name: "never settles without async", files: js("exports.handler = () => new Promise(() => {});"), want: "null"},
	{name: "top-level await never settles", files: map[string]string{"index.mjs": "await new Promise(() => {});"}, wantExit: "exit status 13"},
	{name: "warning of a callback", files: js("exports.handler = (event, context, callback) => callback(null, 1);"), want: "1",
		wantOutput: "TIME\tundefined\tWARN\tAWS Lambda plans to remove support for callback-based function handlers"},
	{name: "bad streaming mark", files: js("exports.handler = async () => 1; exports.handler[Symbol.for('aws.lambda.runtime.handler.streaming')] = 'request';"),
		want: `"Runtime.MalformedStreamingHandler"`, wantExit: "exit status 129"},
	{name: "not a method", files: js("exports.handler = async () => 1;"), handler: "index.handler.no.such", want: "Runtime.HandlerNotFound", wantExit: "exit status 129"},
}

// The runtimes that have no callbacks any more.
var nodePlainCases = []clientCase{
	{name: "async", files: js("exports.handler = async (event) => event.n;"), want: "2"},
	{name: "plain value", files: js("exports.handler = (event) => event.n;"), want: "2"},
	{name: "undefined result", files: js("exports.handler = () => {};"), want: "null"},
	{name: "default export", files: map[string]string{"index.mjs": "export default { handler: async () => 'default' };"}, want: `"default"`},
	{name: "context", files: js("exports.handler = async (event, context) => [typeof context.done, context.xRayTraceId, context.awsRequestId];"),
		want: `["undefined","Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1","` + clientRequestID + `"]`},
	{name: "does not wait", files: js("exports.handler = async () => { setInterval(() => {}, 1000); return 1; };"), want: "1"},
	{name: "throw", files: js("exports.handler = async () => { throw new RangeError('plain'); };"), want: `"errorType":"RangeError"`, wantOutput: "Invoke Error"},
	{name: "circular result", files: js("exports.handler = async () => { const a = {}; a.a = a; return a; };"), want: "Unable to stringify response body"},
	{name: "callback", files: js("exports.handler = (event, context, callback) => callback(null, 1);"), want: `"Runtime.CallbackHandlerDeprecated"`,
		wantOutput: "Init Error", wantExit: "exit status 1"},
	{name: "missing handler", files: js(""), want: `"Runtime.HandlerNotFound"`, wantExit: "exit status 1"},
	{name: "rejection", files: js("exports.handler = async () => { Promise.reject(new Error('nobody')); await new Promise((r) => setTimeout(r, 1000)); };"),
		events: []string{"{}"}, wantOutput: "nobody", wantExit: "exit status 1"},
	{name: "stream", files: js("exports.handler = awslambda.streamifyResponse(async (event, stream) => { stream.write('s' + event.n); stream.end(); });"), want: "s2"},
}

func TestNodeClient(t *testing.T) {
	ours := []string{nodeCommand(t), filepath.Join(sharedClients(t), nodeClient)}
	t.Run("to 22", func(t *testing.T) {
		alone(t, withDefaults(nodeOwnCases, "index.handler", map[string]string{"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x"}), ours)
	})
	t.Run("from 24", func(t *testing.T) {
		alone(t, withDefaults(nodePlainCases, "index.handler", map[string]string{"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs24.x"}), ours)
	})
}

// withDefaults gives cases two events, a handler and variables where they have none.
func withDefaults(cases []clientCase, handler string, env map[string]string) []clientCase {
	out := make([]clientCase, len(cases))
	for i, c := range cases {
		if c.events == nil {
			c.events = twoEvents
		}
		if c.handler == "" {
			c.handler = handler
		}
		merged := map[string]string{}
		for _, m := range []map[string]string{env, c.env} {
			for name, value := range m {
				merged[name] = value
			}
		}
		c.env = merged
		out[i] = c
	}
	return out
}
