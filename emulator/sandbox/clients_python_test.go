package sandbox

import (
	"path/filepath"
	"strings"
	"testing"
)

func py(source string) map[string]string { return map[string]string{"app.py": source} }

var pythonCases = []clientCase{
	// Results.
	{name: "event", files: py("def handler(event, context):\n    return {'got': event}\n"), want: `{"got": {"n": 2}}`},
	{name: "nothing", files: py("def handler(event, context):\n    pass\n"), want: "null"},
	{name: "bytes", files: py("def handler(event, context):\n    return b'\\x00raw\\xff'\n"), want: "\x00raw\xff"},
	{name: "unicode", files: py("def handler(event, context):\n    return event['text'] + ' \\u2028 ünï \\U0001F600'\n"), events: []string{`{"text":"日本語"}`}, want: "日本語"},
	{name: "unicode before 3.12", files: py("def handler(event, context):\n    return 'ü'\n"), env: map[string]string{"AWS_EXECUTION_ENV": "AWS_Lambda_python3.11"}, want: `"\u00fc"`},
	{name: "large payload", files: py("def handler(event, context):\n    return 'x' * (5 << 20) + str(len(event))\n"), events: []string{`"` + strings.Repeat("y", 5<<20) + `"`}},
	{name: "odd types", files: py(`import collections, decimal, enum

Point = collections.namedtuple("Point", "x y")
class Color(enum.IntEnum):
    RED = 1
class Text(str):
    pass

def handler(event, context):
    return {"decimal": [decimal.Decimal("1.10"), decimal.Decimal("NaN"), decimal.Decimal("-Infinity"), decimal.Decimal("1E+5")], "point": Point(1, (2, 3)), "bytes": b"raw",
            b"key": 1, 1: 2, 1.5: 3, None: 4, True: 5, "color": Color.RED, "text": Text("t"), "float": [1e100, float("nan"), float("inf"), 0.1],
            "od": collections.OrderedDict(a=1), "empty": [{}, [], ()], "nested": [[(Point(0, 0),)]], "\"\\\n\x01": "\"\\\n\x01\x7f"}
`), want: `"decimal": [1.10, NaN, `},
	{name: "set", files: py("def handler(event, context):\n    return {'a': {1}}\n"), want: "Unable to marshal response: Object of type set is not JSON serializable"},
	{name: "key", files: py("def handler(event, context):\n    return {(1,): 2}\n"), want: "keys must be str, int, float, bool or None, not tuple"},
	{name: "circular", files: py("def handler(event, context):\n    a = []\n    a.append({'a': a})\n    return a\n"), want: "Circular reference detected"},
	{name: "event is not JSON", files: py("def handler(event, context):\n    pass\n"), events: []string{"nope"}, want: "Unable to unmarshal input: "},
	{name: "event of another type", files: py("def handler(event, context):\n    return str(event)\n"), headers: map[string]string{"Content-Type": "text/plain"}, want: `"b'{\"n\":2}'"`},
	{name: "context", files: py(`import os

def handler(event, context):
    left = context.get_remaining_time_in_millis()
    members = {k: v for k, v in vars(context).items() if isinstance(v, (str, type(None)))}
    return {"members": members, "left": 1000 < left <= 60000, "trace": os.environ["_X_AMZN_TRACE_ID"], "w3c": context.w3c(), "repr": repr(context),
            "custom": context.client_context.custom, "client": context.client_context.client.app_title, "identity": context.identity.cognito_identity_id}
`), headers: map[string]string{
		"Lambda-Runtime-Client-Context":   `{"custom":{"ü":"é"},"client":{"app_title":"t"},"w3c":{"traceparent":"00-a","other":"x"}}`,
		"Lambda-Runtime-Cognito-Identity": `{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}`,
		"Lambda-Runtime-Aws-Tenant-Id":    "blue",
		"Lambda-Runtime-Invocation-Id":    "attempt-1",
	}, want: `"tenant_id": "blue"`},
	{name: "context without client", files: py("def handler(event, context):\n    context.log('logged\\n')\n    return [repr(context), context.client_context]\n"), wantOutput: "logged\n"},
	{name: "broken client context", files: py("def handler(event, context):\n    pass\n"), headers: map[string]string{"Lambda-Runtime-Client-Context": "{"}, want: "Unable to parse Client Context JSON"},

	// Errors.
	{name: "raise", files: py("def inner():\n    raise Exception('Handler fails')\n\n\ndef handler(event, context):\n    inner()\n"),
		want: `"errorType": "Exception"`, wantOutput: "[ERROR] Exception: Handler fails\rTraceback (most recent call last):\r\u00a0\u00a0File \""},
	{name: "raise own class", files: py("class Oops(Exception):\n    pass\n\n\ndef handler(event, context):\n    raise Oops('lines\\nof é', 2)\n"), want: `"errorType": "Oops"`},
	{name: "raise without message", files: py("def handler(event, context):\n    raise ValueError\n"), want: `"errorMessage": ""`},
	{name: "raise from", files: py("def handler(event, context):\n    try:\n        {}['k']\n    except KeyError as e:\n        raise RuntimeError('outer') from e\n"), want: "outer"},
	{name: "wrong arguments", files: py("def handler(event):\n    pass\n"), want: `takes 1 positional argument but 2 were given`},
	{name: "exit 0", files: py("import sys\n\n\ndef handler(event, context):\n    print('bye', end='')\n    sys.exit(0)\n"), events: []string{"{}"}, wantExit: "exit status 0", wantOutput: "bye"},
	{name: "exit 5", files: py("import sys\n\n\ndef handler(event, context):\n    sys.exit(5)\n"), events: []string{"{}"}, wantExit: "exit status 5"},
	{name: "exit with text", files: py("import sys\n\n\ndef handler(event, context):\n    sys.exit('why')\n"), events: []string{"{}"}, wantExit: "exit status 1", wantOutput: "why\n"},
	{name: "os._exit", files: py("import os\n\n\ndef handler(event, context):\n    os._exit(6)\n"), events: []string{"{}"}, wantExit: "exit status 6"},
	{name: "killed", files: py("import os\n\n\ndef handler(event, context):\n    os.kill(os.getpid(), 9)\n"), events: []string{"{}"}, wantExit: "signal: killed"},

	{name: "hang", files: py("import time\n\n\ndef handler(event, context):\n    print('hanging')\n    time.sleep(600)\n"), wantOutput: "hanging\n", wantExit: "hangs"},

	// Finding the handler.
	{name: "in a folder", files: map[string]string{"src/app.py": "def handler(event, context):\n    return __name__\n"}, handler: "src/app.handler", want: `"src.app"`},
	{name: "in a package", files: map[string]string{"src/__init__.py": "", "src/app.py": "from . import other\n\n\ndef handler(event, context):\n    return other.x\n", "src/other.py": "x = 1\n"}, handler: "src.app.handler", want: "1"},
	{name: "shadows the client", files: map[string]string{"runtime.py": "def handler(event, context):\n    import handler, log, errors\n    return [handler.x, log.x]\n", "handler.py": "x = 'mine'\n", "log.py": "x = 2\n", "errors.py": ""}, handler: "runtime.handler", want: `["mine", 2]`},

	// INIT errors.
	{name: "missing module", files: map[string]string{}, want: `"Unable to import module 'app': No module named 'app'"`, wantExit: "exit status 1", wantOutput: "LAMBDA_WARNING"},
	{name: "missing dependency", files: py("import nowhere\n"), want: `No module named 'nowhere'`, wantExit: "exit status 1"},
	{name: "missing name", files: py("from os import nowhere\n"), want: `cannot import name 'nowhere'`, wantExit: "exit status 1"},
	{name: "missing handler", files: py("x = 1\n"), want: `"Handler 'handler' missing on module 'app'"`, wantExit: "exit status 1"},
	{name: "malformed handler", files: py(""), handler: "app", want: `"Runtime.MalformedHandlerName"`, wantExit: "exit status 1"},
	{name: "built-in module", files: py(""), handler: "sys.exit", want: "Cannot use built-in module sys as a handler module", wantExit: "exit status 1"},
	{name: "syntax error", files: py("def handler(event, context)\n    pass\n"), want: `"Runtime.UserCodeSyntaxError"`, wantExit: "exit status 1"},
	{name: "indentation error", files: py("def handler(event, context):\npass\n"), want: `"Runtime.UserCodeSyntaxError"`, wantExit: "exit status 1"},
	{name: "raises at init", files: py("def f():\n    raise ValueError('at init')\n\n\nf()\n"), want: `"errorMessage": "at init"`, wantExit: "exit status 1"},
	{name: "raises at init, JSON log", files: py("raise ValueError('at init')\n"), env: map[string]string{"AWS_LAMBDA_LOG_FORMAT": "JSON"}, want: `"errorMessage": "at init"`, wantExit: "exit status 1"},
	{name: "exits at init", files: py("import sys\n\nsys.exit(0)\n"), wantExit: "exit status 0"},
	{name: "exits 4 at init", files: py("import sys\n\nsys.exit(4)\n"), wantExit: "exit status 4"},

	// The log.
	{name: "print", files: py(`import os, subprocess, sys

print("at init")

def handler(event, context):
    print("one", 2, end="")
    sys.stdout.write(" three\n")
    print("error", file=sys.stderr)
    os.write(1, b"direct\n")
    subprocess.run(["echo", "child"])
    print("\nmulti\nline\rreturn\n")
    sys.stdout.writelines(["a\n", "b\n"])
`), wantOutput: "one 2 three\nerror\ndirect\nchild\n"},
	{name: "logging", files: py(`import logging

logging.warning("at init")
logger = logging.getLogger("mine")

def handler(event, context):
    logging.info("not shown")
    logging.getLogger().setLevel(logging.INFO)
    logging.info("shown %s", 1)
    logger.error("lines\nof text é")
    try:
        1 / 0
    except ZeroDivisionError:
        logger.exception("failed")
    logging.basicConfig(level=logging.DEBUG)
    logging.debug("still not: the root logger has a handler")
    print(logging.getLogger().handlers[0].__class__.__name__)
`), wantOutput: "[INFO]\tTIME\t" + clientRequestID + "\tshown 1\n"},
	{name: "logging level", files: py("import logging\n\n\ndef handler(event, context):\n    logging.debug('d')\n    logging.warning('w')\n"), env: map[string]string{"AWS_LAMBDA_LOG_LEVEL": "TRACE"}, wantOutput: "[DEBUG]\t"},
	{name: "logging JSON", files: py(`import logging

logging.warning("at init")

def handler(event, context):
    logging.info("shown %s é", 1, extra={"mine": {"a": object}, "level": "no"})
    logging.debug("not shown")
    logging.error({"a": 1})
    logging.log(35, "between")
    try:
        1 / 0
    except ZeroDivisionError:
        logging.exception("failed")
    raise ValueError("boom")
`), env: map[string]string{"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}, headers: map[string]string{"Lambda-Runtime-Aws-Tenant-Id": "blue"},
		wantOutput: `"logger": "root", "requestId": "` + clientRequestID},
	{name: "logging looked for before", files: py(`import importlib.util

spec = importlib.util.find_spec("logging")

def handler(event, context):
    import logging, logging.handlers
    logging.warning("%s", len(logging.getLogger().handlers))
    return isinstance(logging.getLogger().handlers[0], logging.Handler)
`), want: "true", wantOutput: "[WARNING]\tTIME\t" + clientRequestID + "\t1\n"},
	{name: "thread", files: py("import threading\n\n\ndef handler(event, context):\n    t = threading.Thread(target=print, args=('in thread',))\n    t.start()\n    t.join()\n"), wantOutput: "in thread\n"},
	{name: "thread raises", files: py("import threading\n\n\ndef f():\n    raise ValueError('in thread')\n\n\ndef handler(event, context):\n    t = threading.Thread(target=f)\n    t.start()\n    t.join()\n    return 1\n"), want: "1", wantOutput: "ValueError: in thread\n"},
}

func TestPythonClientBesideAWS(t *testing.T) {
	python := toolPath(t, "python/bin/python")
	ours := []string{python, filepath.Join(sharedClients(t), pythonClient)}
	side(t, withDefaults(pythonCases, "app.handler", map[string]string{"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"}), ours, []string{python, "-m", "awslambdaric"})
}
