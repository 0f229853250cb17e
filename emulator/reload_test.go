//go:build unix

package emulator_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/telemetry"
)

func watching(o *emulator.Options) { o.NoWatch = false }

const reloadConfig = `functions:
  py: { code: ./py, runtime: python3.13, handler: app.handler, timeout: 120 }
  js: { code: ./js, runtime: nodejs22.x, handler: index.handler, timeout: 120 }
apis:
  web:
    kind: http
    routes:
      GET /py: py
      GET /js: js
`

func pyHandler(answer string) string {
	return fmt.Sprintf("count = 0\ndef handler(event, context):\n    global count\n    count += 1\n    return {'statusCode': 200, 'headers': {'count': str(count)}, 'body': '%s'}\n", answer)
}

func jsHandler(answer string) string {
	return fmt.Sprintf("let count = 0;\nexport const handler = async () => ({ statusCode: 200, headers: { count: String(++count) }, body: '%s' });\n", answer)
}

func serveTwo(t *testing.T) *world {
	return serve(t, map[string]string{"emulate.yaml": reloadConfig, "py/app.py": pyHandler("1"), "js/index.mjs": jsHandler("1")}, watching)
}

// reloads waits for a reload of these functions that comes after the event number from.
func (w *world) reloads(from int, functions ...string) {
	w.t.Helper()
	w.await(from, "reloaded "+strings.Join(functions, ", "), func(e telemetry.Event) bool {
		p, ok := e.Record.(*telemetry.Project)
		return ok && e.Type == telemetry.TypeReloaded && strings.Join(p.Changed, ",") == strings.Join(functions, ",")
	})
}

func TestEditsAreAnsweredByTheNewCode(t *testing.T) {
	w := serveTwo(t)
	url := w.base("http")
	for i := 1; i <= 3; i++ {
		for _, f := range []string{"py", "js"} {
			if got := w.get(url + "/" + f); got.body != fmt.Sprint(i) {
				t.Fatalf("%s answers %d %q, want %d", f, got.status, got.body, i)
			}
		}
		from := w.now()
		w.write("py/app.py", pyHandler(fmt.Sprint(i+1)))
		w.reloads(from, "py")
		// js was not touched: its environment goes on.
		if got := w.get(url + "/js"); got.header.Get("count") != "2" {
			t.Errorf("js: invocation %s of its environment, want 2", got.header.Get("count"))
		}
		from = w.now()
		// As editors save: another file, renamed over the old one.
		w.write("js/index.mjs.tmp", jsHandler(fmt.Sprint(i+1)))
		if err := os.Rename(filepath.Join(w.dir, "js/index.mjs.tmp"), filepath.Join(w.dir, "js/index.mjs")); err != nil {
			t.Fatal(err)
		}
		w.reloads(from, "js")
	}
}

func TestNewFoldersAreWatched(t *testing.T) {
	w := serve(t, map[string]string{"emulate.yaml": reloadConfig, "js/index.mjs": jsHandler("1"),
		"py/app.py": "def handler(event, context):\n    from lib import text\n    return {'statusCode': 200, 'body': text.TEXT}\n"}, watching)
	url := w.base("http") + "/py"
	if got := w.get(url); got.status != 500 {
		t.Fatalf("without its module the function answers %d", got.status)
	}
	from := w.now()
	w.write("py/lib/text.py", "TEXT = 'a'\n")
	w.reloads(from, "py")
	if got := w.get(url); got.body != "a" {
		t.Fatalf("answer %d %q, want a", got.status, got.body)
	}
	from = w.now()
	w.write("py/lib/text.py", "TEXT = 'bc'\n")
	w.reloads(from, "py")
	if got := w.get(url); got.body != "bc" {
		t.Errorf("answer %d %q, want bc", got.status, got.body)
	}
}

// A folder that goes and comes again, as with a change of branches, and one that a link leads to, are watched as well.
func TestFoldersThatComeAgain(t *testing.T) {
	real := t.TempDir()
	sources := &world{t: t, dir: real}
	sources.write("app.py", pyHandler("1"))
	dir := t.TempDir()
	if err := os.Symlink(real, filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(reloadConfig, "./py", filepath.Join(dir, "linked"), 1)
	config = strings.Replace(config, "./js", "./src/js", 1)
	w := serve(t, map[string]string{"emulate.yaml": config, "src/js/index.mjs": jsHandler("1")}, watching)
	answers := func(path, want string) {
		t.Helper()
		if got := w.get(w.base("http") + path); got.status != 200 || got.body != want {
			t.Errorf("%s answers %d %q, want %q", path, got.status, got.body, want)
		}
	}
	answers("/py", "1")
	from := w.now()
	sources.write("app.py", pyHandler("2"))
	w.reloads(from, "py")
	answers("/py", "2")

	answers("/js", "1")
	from = w.now()
	if err := os.RemoveAll(filepath.Join(w.dir, "src")); err != nil {
		t.Fatal(err)
	}
	w.await(from, "reloadFailed", func(e telemetry.Event) bool { return e.Type == telemetry.TypeReloadFailed && e.Function == "js" })
	from = w.now()
	w.write("src/js/index.mjs", jsHandler("2"))
	w.reloads(from, "js")
	answers("/js", "2")
	from = w.now()
	w.write("src/js/index.mjs", jsHandler("3"))
	w.reloads(from, "js")
	answers("/js", "3")
}

// copyProbe makes a module of the probe's sources, so that a test can edit them.
func copyProbe(t *testing.T, w *world, answer string) {
	t.Helper()
	main, err := os.ReadFile(filepath.Join(probeDir(t), "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("go/main.go", string(main))
	w.write("go/answer.go", "package main\n\nconst answer = "+answer+"\n")
}

func TestFailedBuildIsToldUntilItIsMended(t *testing.T) {
	dir, err := os.MkdirTemp("../testdata", "reload-") // in the module, which has the handler's dependencies
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if dir, err = filepath.Abs(dir); err != nil {
		t.Fatal(err)
	}
	sources := &world{t: t, dir: dir}
	copyProbe(t, sources, `"1"`)
	config := fmt.Sprintf(probeConfig, filepath.Join(dir, "go"), "") + "      GET /other: other\n"
	config = strings.Replace(config, "functions:\n", "functions:\n  other: { code: ./py, runtime: python3.13, handler: app.handler, timeout: 120 }\n", 1)
	w := serve(t, map[string]string{"emulate.yaml": config, "py/app.py": pyHandler("here")}, watching)

	probe := w.base("http") + "/http"
	if got := w.get(probe); !strings.Contains(got.body, `"answer":"1"`) {
		t.Fatalf("answer %d %s", got.status, got.body)
	}
	from := w.now()
	copyProbe(t, sources, `undefinedName`)
	w.await(from, "reloadFailed", func(e telemetry.Event) bool { return e.Type == telemetry.TypeReloadFailed })
	got := w.get(probe)
	if got.status != 502 || got.header.Get("X-Emulate-Error") != "build" || !strings.Contains(got.body, "undefined: undefinedName") {
		t.Errorf("HTTP: %d %v %s, want 502 with the compiler's words", got.status, got.header, got.body)
	}
	if got := w.post(http.DefaultClient, "{}"); got.status != 500 || got.header.Get("X-Amzn-Errortype") != "ServiceException" || !strings.Contains(got.body, "undefinedName") {
		t.Errorf("Invoke: %d %s, want a ServiceException with the compiler's words", got.status, got.body)
	}
	if got := w.get(w.base("rest") + "/prod/other"); got.body != "here" {
		t.Errorf("another function answers %d %q", got.status, got.body)
	}
	from = w.now()
	copyProbe(t, sources, `"2"`)
	w.reloads(from, "probe")
	if got := w.get(probe); !strings.Contains(got.body, `"answer":"2"`) {
		t.Errorf("after the mend: %d %s", got.status, got.body)
	}
}

func TestConfigurationIsReloaded(t *testing.T) {
	w := serveTwo(t)
	url := w.base("http")
	w.get(url + "/py")
	from := w.now()
	w.write("emulate.yaml", reloadConfig+"      GET /new: py\n      GET /broken: nobody\n")
	w.await(from, "a diagnostic with its place", func(e telemetry.Event) bool {
		d, ok := e.Record.(config.Diagnostic)
		return ok && d.Severity == config.Error && d.File == filepath.Join(w.dir, "emulate.yaml") && d.Line == 11 && strings.Contains(d.Message, "nobody")
	})
	w.await(from, "reloadFailed", func(e telemetry.Event) bool { return e.Type == telemetry.TypeReloadFailed })
	if got := w.get(url + "/new"); got.status != 404 {
		t.Errorf("a route of a wrong configuration answers %d %s", got.status, got.body)
	}
	if got := w.get(url + "/py"); got.body != "1" || got.header.Get("count") != "2" {
		t.Errorf("after a wrong configuration: %d %q, invocation %s; want the old project to serve on", got.status, got.body, got.header.Get("count"))
	}
	from = w.now()
	w.write("emulate.yaml", strings.Replace(reloadConfig, "      GET /js: js\n", "      GET /new: py\n", 1))
	w.await(from, "reloaded", func(e telemetry.Event) bool { return e.Type == telemetry.TypeReloaded })
	if got := w.get(url + "/new"); got.body != "1" || got.header.Get("count") != "3" {
		t.Errorf("a new route: %d %q, invocation %s of an unchanged function, want 3", got.status, got.body, got.header.Get("count"))
	}
	if got := w.get(url + "/js"); got.status != 404 {
		t.Errorf("a removed route answers %d", got.status)
	}
	from = w.now()
	w.write("emulate.yaml", reloadConfig+"limits: {concurrency: 500}\n")
	w.await(from, "what does not take effect", func(e telemetry.Event) bool {
		n, ok := e.Record.(*telemetry.Notice)
		return ok && strings.HasPrefix(n.Text, "limits, idleTimeout and coldStarts are read when serve starts")
	})
}

// Functions come and go with the configuration. A changed one gets new environments, where the change concerns them; the others keep theirs.
func TestFunctionsComeAndGo(t *testing.T) {
	w := serveTwo(t)
	url := w.base("http")
	count := func(path, want string) {
		t.Helper()
		if got := w.get(url + path); got.status != 200 || got.header.Get("count") != want {
			t.Errorf("%s answers %d %s, invocation %s of its environment, want %s", path, got.status, got.body, got.header.Get("count"), want)
		}
	}
	change := func(config string, functions ...string) {
		t.Helper()
		from := w.now()
		w.write("emulate.yaml", config)
		w.reloads(from, functions...)
	}
	count("/py", "1")
	count("/js", "1")

	w.write("more/app.py", pyHandler("more"))
	more := strings.Replace(reloadConfig, "functions:\n", "functions:\n  more: { code: ./more, runtime: python3.13, handler: app.handler, timeout: 120 }\n", 1) + "      GET /more: more\n"
	change(more, "more")
	count("/more", "1")
	count("/py", "2")

	change(strings.Replace(more, "handler: index.handler", "handler: index.handler, environment: { COLOUR: blue }", 1), "js")
	count("/js", "1")
	count("/py", "3")
	count("/more", "2")

	// A limit is the function's, not its environments'.
	change(strings.Replace(more, "  py: {", "  py: { reservedConcurrency: 0,", 1), "js")
	if got := w.get(url + "/py"); got.status != 503 {
		t.Errorf("with a reserved concurrency of 0 /py answers %d", got.status)
	}
	change(more)
	count("/py", "4")

	change(reloadConfig)
	if got := w.get(url + "/more"); got.status != 404 {
		t.Errorf("a removed route answers %d", got.status)
	}
	var refused *emulator.InvokeError
	if _, err := w.Invoke(t.Context(), "more", []byte("{}")); !errors.As(err, &refused) || refused.Type != "ResourceNotFoundException" {
		t.Errorf("invoke of a removed function: %v", err)
	}
	count("/py", "5")
	change(more, "more")
	count("/more", "1")
	if st := w.Stats(); len(st) != 3 {
		t.Errorf("stats of %d functions, want 3", len(st))
	}
	// Its code is watched like that of the others.
	from := w.now()
	w.write("more/app.py", pyHandler("still more"))
	w.reloads(from, "more")
	if got := w.get(url + "/more"); got.body != "still more" {
		t.Errorf("answer %q after an edit", got.body)
	}
}

// writers append to a file of their own folder at every invocation, and count.
var writers = []struct{ runtime, handler, file, code string }{
	{"python3.13", "app.handler", "app.py", `import os
count = 0
def handler(event, context):
    global count
    count += 1
    with open(os.environ['LAMBDA_TASK_ROOT'] + '/state.json', 'a') as f: f.write('x')
    return {'statusCode': 200, 'headers': {'count': str(count)}, 'body': '%s'}
`},
	{"nodejs22.x", "index.handler", "index.mjs", `import { appendFileSync } from 'node:fs';
let count = 0;
export const handler = async () => {
  appendFileSync(process.env.LAMBDA_TASK_ROOT + '/state.json', 'x');
  return { statusCode: 200, headers: { count: String(++count) }, body: '%s' };
};
`},
	{"provided.al2023", "bootstrap", "bootstrap", `#!/usr/bin/env python3
import json, os, urllib.request
base = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/invocation/'
count = 0
while True:
    with urllib.request.urlopen(base + 'next') as next:
        id = next.headers['Lambda-Runtime-Aws-Request-Id']
    count += 1
    with open(os.environ['LAMBDA_TASK_ROOT'] + '/state.json', 'a') as f: f.write('x')
    answer = {'statusCode': 200, 'headers': {'count': str(count)}, 'body': '%s'}
    urllib.request.urlopen(base + id + '/response', json.dumps(answer).encode()).close()
`},
}

// A handler that writes into its own folder at every invocation does not reload itself; the user's own edit counts, also right after an invocation.
func TestHandlerThatWritesIntoItsFolder(t *testing.T) {
	for _, c := range writers {
		t.Run(c.runtime, func(t *testing.T) {
			t.Parallel()
			config := fmt.Sprintf("functions:\n  f: { code: ./f, runtime: %s, handler: %s, memory: 1769, timeout: 120 }\napis:\n  web: { kind: http, routes: { GET /f: f } }\n", c.runtime, c.handler)
			w := serve(t, map[string]string{"emulate.yaml": config, "f/" + c.file: fmt.Sprintf(c.code, "1")}, watching)
			url := w.base("http") + "/f"
			for i := 1; i <= 20; i++ {
				if got := w.get(url); got.body != "1" || got.header.Get("count") != fmt.Sprint(i) {
					t.Fatalf("invocation %d is the environment's %s (status %d)", i, got.header.Get("count"), got.status)
				}
			}
			if state, err := os.ReadFile(filepath.Join(w.dir, "f/state.json")); err != nil || len(state) != 20 {
				t.Fatalf("the handler wrote %q (%v)", state, err)
			}
			from := w.now()
			w.write("f/"+c.file, fmt.Sprintf(c.code, "2"))
			w.reloads(from, "f")
			if got := w.get(url); got.body != "2" || got.header.Get("count") != "1" {
				t.Errorf("answer %q to invocation %s after an edit, want 2 to the first", got.body, got.header.Get("count"))
			}
		})
	}
}

// Data that a function is built with counts as code, also while the function runs: a handler runs in the artifact and cannot have written it.
func TestDataOfABuiltFunction(t *testing.T) {
	w := serve(t, map[string]string{
		"emulate.yaml": "functions:\n  ts: { code: ./ts, runtime: nodejs22.x, handler: index.handler, timeout: 120 }\napis:\n  web: { kind: http, routes: { GET /ts: ts } }\n",
		"ts/index.ts":  "import text from './text.json';\nexport const handler = async () => ({ statusCode: 200, body: text.text as string });\n",
		"ts/text.json": `{"text":"1"}`,
	}, watching)
	for i := 1; i <= 3; i++ {
		if got := w.get(w.base("http") + "/ts"); got.body != fmt.Sprint(i) {
			t.Fatalf("answer %d %q, want %d", got.status, got.body, i)
		}
		from := w.now()
		w.write("ts/text.json", fmt.Sprintf(`{"text":"%d"}`, i+1))
		w.reloads(from, "ts")
	}
}

// 200 reloads under 16 connections of load, every fourth of the configuration: no request fails, and what is sent after a reload is answered by it.
func TestReloadsUnderLoad(t *testing.T) {
	w := serveTwo(t)
	url := w.base("http") + "/js"
	var stop atomic.Bool
	var requests atomic.Int64
	answered := make(chan struct{}, 1)
	var wg sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	for range 16 {
		wg.Go(func() {
			for !stop.Load() {
				resp, err := client.Get(url)
				if err != nil {
					t.Errorf("a request fails: %v", err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("a request fails: %d %s %v", resp.StatusCode, body, err)
					return
				}
				requests.Add(1)
				select {
				case answered <- struct{}{}:
				default:
				}
			}
		})
	}
	began := time.Now()
	for i := range 200 {
		from := w.now()
		if i%4 == 3 {
			w.save("emulate.yaml", strings.Replace(reloadConfig, "handler: index.handler", fmt.Sprintf("handler: index.handler, environment: { EDIT: %d }", i), 1))
		} else {
			w.save("js/index.mjs", jsHandler(fmt.Sprint("edit ", i)))
		}
		w.reloads(from, "js")
		if i%20 == 0 {
			if got := get(t, client, url); got.body != fmt.Sprint("edit ", i) {
				t.Fatalf("after edit %d the answer is %q", i, got.body)
			}
		}
		select {
		case <-answered:
		case <-time.After(patience):
			t.Fatal("no request is answered any more")
		}
	}
	stop.Store(true)
	wg.Wait()
	client.CloseIdleConnections()
	for _, e := range w.seen() {
		if a, ok := e.Record.(*telemetry.Access); ok && a.Status != http.StatusOK {
			t.Errorf("request %s failed: %+v", e.RequestID, a)
			for _, l := range w.seen() {
				if l.RequestID == e.RequestID {
					t.Logf("%s %+v", l.Type, l.Record)
				}
			}
		}
	}
	t.Logf("200 reloads in %v, %d requests meanwhile", time.Since(began).Round(time.Millisecond), requests.Load())
}
