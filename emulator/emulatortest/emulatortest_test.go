package emulatortest_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/emulatortest"
	"example.com/emulate/emulator/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// project writes a project of one Python function behind an HTTP API.
func project(t *testing.T, config, code string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"emulate.yaml": config, "app.py": code} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const config = `functions:
  total:
    code: .
    runtime: python3.13
    handler: app.handler
    timeout: 60
  none:
    code: .
    runtime: python3.13
    handler: app.handler
    timeout: 60
    reservedConcurrency: 0
apis:
  web:
    kind: http
    routes:
      GET /total/{n}: total
`

const code = `def handler(event, context):
    if event.get("fail"):
        raise ValueError("asked for")
    print("adding")
    return {"sum": sum(event.get("numbers", [])), "n": (event.get("pathParameters") or {}).get("n")}
`

func TestThreeLines(t *testing.T) {
	t.Parallel()
	e := emulatortest.Start(t, project(t, config, code))
	resp, err := http.Get(e.URL + "/total/7")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != `{"sum": 0, "n": "7"}` {
		t.Errorf("body %s, %v", body, err)
	}
	var got struct{ Sum int }
	if err := e.Invoke("total", map[string]any{"numbers": []int{1, 2, 3}}, &got); err != nil || got.Sum != 6 {
		t.Errorf("sum %d, %v", got.Sum, err)
	}
	var failed *emulatortest.FunctionError
	if err := e.Invoke("total", map[string]any{"fail": true}, nil); !errors.As(err, &failed) {
		t.Errorf("a failing function: %v", err)
	}
	var refused *emulator.InvokeError
	if err := e.Invoke("none", nil, nil); !errors.As(err, &refused) || refused.Reason != "ReservedFunctionConcurrentInvocationLimitExceeded" {
		t.Errorf("a throttled function: %v", err)
	}
	if e.ColdStarts("total") != 1 || e.Throttles("none") != 1 || e.Throttles("total") != 0 {
		t.Errorf("%d cold starts, %d and %d throttles, want 1, 1 and 0", e.ColdStarts("total"), e.Throttles("none"), e.Throttles("total"))
	}
	lines := 0
	for _, ev := range e.Events() {
		if l, ok := ev.Record.(telemetry.Line); ok && l.Text == "adding" {
			lines++
		}
	}
	if lines != 2 {
		t.Errorf("%d lines of the handler among the events, want 2", lines)
	}
}

func TestManyInOneProcess(t *testing.T) {
	t.Parallel()
	dir := project(t, config, code)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			e := emulatortest.Start(t, dir)
			var got struct{ Sum int }
			if err := e.Invoke("total", map[string]any{"numbers": []int{4}}, &got); err != nil || got.Sum != 4 {
				t.Errorf("sum %d, %v", got.Sum, err)
			}
			if n := e.ColdStarts("total"); n != 1 {
				t.Errorf("%d cold starts, want this emulator's own one", n)
			}
		})
	}
	wg.Wait()
}
