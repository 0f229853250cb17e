package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// api is the least Runtime API: one event, and the answer to it.
func api(t *testing.T) (address string, answers <-chan string) {
	t.Helper()
	got := make(chan string, 1)
	polls := make(chan struct{}, 1)
	polls <- struct{}{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-polls:
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", "4000000000000")
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:hello")
		io.WriteString(w, `{"n":1}`)
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + " " + string(body)
		w.WriteHeader(http.StatusAccepted)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), got
}

// The interpreters that are here run a handler with its layer, its variables and a /tmp of its own, and leave the code's folder as it was.
func TestManagedRuntimes(t *testing.T) {
	for name, o := range ways {
		for _, test := range []struct{ runtime, handler, file, text, layer, layerText string }{
			{
				"nodejs20.x", "src/app.handler", "src/app.mjs",
				`import fs from "fs"; import os from "os"; import { createRequire } from "module";
const layer = createRequire(import.meta.url)("fromlayer");
export const handler = async (event) => { fs.writeFileSync(os.tmpdir() + "/x", "1"); console.log("in node"); return { event, layer, cwd: process.cwd(), env: process.env }; };`,
				"nodejs/node_modules/fromlayer/index.js", `module.exports = "layered";`,
			},
			{
				"python3.11", "src/app.handler", "src/app.py",
				`import fromlayer, os, tempfile
def handler(event, context):
    open(tempfile.gettempdir() + "/x", "w").close()
    print("in python")
    return {"event": event, "layer": fromlayer.VALUE, "cwd": os.getcwd(), "env": dict(os.environ)}
`,
				"python/fromlayer.py", `VALUE = "layered"`,
			},
		} {
			t.Run(name+"/"+test.runtime, func(t *testing.T) {
				p := newProcess(t, o)
				address, answers := api(t)
				code, layer := t.TempDir(), t.TempDir()
				write(t, filepath.Join(code, test.file), test.text)
				write(t, filepath.Join(layer, test.layer), test.layerText)
				out := newRecord()
				s := spec(code, out, "OWN", "1")
				s.Function.Runtime, s.Function.Handler, s.RuntimeAPI, s.Code.Layers = test.runtime, test.handler, address, []string{layer}
				in := start(t, p, s)
				select {
				case got := <-answers:
					checkAnswer(t, got, code, test.runtime)
				case <-in.Done():
					in.Drain()
					t.Fatalf("the runtime ended: %+v %q", in.Exit(), out.all())
				}
				stop(t, in, 0)
				if got := strings.Join(out.all(), "\n"); !strings.Contains(got, "in "+strings.TrimRight(test.runtime, "js0123456789.x")) {
					t.Errorf("output %q", got)
				}
				files, _ := filepath.Glob(filepath.Join(code, "*", "*"))
				if len(files) != 1 {
					t.Errorf("the code's folder holds %v", files)
				}
			})
		}
	}
}

func checkAnswer(t *testing.T, got, code, runtime string) {
	t.Helper()
	path, body, _ := strings.Cut(got, " ")
	if !strings.HasSuffix(path, "/response") {
		t.Fatalf("got %s", got)
	}
	var answer struct {
		Event      map[string]int
		Layer, Cwd string
		Env        map[string]string
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if answer.Event["n"] != 1 || answer.Layer != "layered" || answer.Cwd != code {
		t.Errorf("got %s", body)
	}
	for name, want := range map[string]string{"OWN": "1", "LAMBDA_TASK_ROOT": code, "AWS_EXECUTION_ENV": "AWS_Lambda_" + runtime, "HOME": ""} {
		if answer.Env[name] != want {
			t.Errorf("%s is %q, want %q", name, answer.Env[name], want)
		}
	}
}
