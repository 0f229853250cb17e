//go:build unix

package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// probeConfig serves testdata/probe behind both kinds of API.
const probeConfig = `functions:
  probe:
    code: %s
    runtime: provided.al2023
    timeout: 10
%s
limits:
  concurrency: 2000
apis:
  web:
    kind: http
    routes:
      GET /http: probe
  rest:
    kind: rest
    stage: prod
    routes:
      GET /rest: probe
`

// probeDir is testdata/probe.
func probeDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../testdata/probe")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// world is a served project and what has happened in it.
type world struct {
	*emulator.Emulator
	t      *testing.T
	dir    string
	mu     sync.Mutex
	events []telemetry.Event
	came   *sync.Cond
}

// serve starts a project of these files.
func serve(t *testing.T, files map[string]string, change func(*emulator.Options)) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.came = sync.NewCond(&w.mu)
	for name, text := range files {
		w.write(name, text)
	}
	o := emulator.Options{Path: w.dir, NoWatch: true, WaitForBuilds: true, OnEvents: func(batch []telemetry.Event) {
		w.mu.Lock()
		w.events = append(w.events, batch...)
		w.came.Broadcast()
		w.mu.Unlock()
	}}
	if change != nil {
		change(&o)
	}
	var err error
	if w.Emulator, err = emulator.New(o); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}

func serveProbe(t *testing.T, settings string, change func(*emulator.Options)) *world {
	t.Helper()
	return serve(t, map[string]string{"emulate.yaml": fmt.Sprintf(probeConfig, probeDir(t), settings)}, change)
}

func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	mode := os.FileMode(0o644)
	if filepath.Base(name) == "bootstrap" {
		mode = 0o755
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		w.t.Fatal(err)
	}
}

// await waits until an event is as it should be, and returns it. Events before from are not looked at.
func (w *world) await(from int, what string, is func(telemetry.Event) bool) telemetry.Event {
	w.t.Helper()
	timer := time.AfterFunc(20*time.Second, func() {
		w.mu.Lock()
		w.came.Broadcast()
		w.mu.Unlock()
	})
	defer timer.Stop()
	end := time.Now().Add(20 * time.Second)
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := from; ; {
		for ; i < len(w.events); i++ {
			if is(w.events[i]) {
				return w.events[i]
			}
		}
		if time.Now().After(end) {
			w.t.Fatalf("no event within 20 s: %s", what)
		}
		w.came.Wait()
	}
}

// now is the number of the next event.
func (w *world) now() int {
	w.Flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.events)
}

func (w *world) seen() []telemetry.Event {
	w.Flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.events)
}

// state is what the probe tells.
type state struct {
	Answer, LogStream     string
	Invocations, PID, Tmp int
	Children              []int
	Ticks                 int64
	Environment           map[string]string
}

// invoke runs the probe and reads its state.
func (w *world) invoke(order string) (state, *emulator.Result) {
	w.t.Helper()
	r, err := w.Invoke(w.t.Context(), "probe", []byte(order))
	if err != nil {
		w.t.Fatalf("invoke %s: %v", order, err)
	}
	var resp struct{ Body string }
	var s state
	if r.FunctionError == "" {
		if err := errors.Join(json.Unmarshal(r.Payload, &resp), json.Unmarshal([]byte(resp.Body), &s)); err != nil {
			w.t.Fatalf("invoke %s: %s: %v", order, r.Payload, err)
		}
	}
	return s, r
}

func (w *world) base(kind string) string {
	for _, a := range w.Served().APIs {
		if a.Kind == kind {
			return a.URL
		}
	}
	w.t.Fatalf("no %s API", kind)
	return ""
}

// answer is an HTTP response, read.
type answer struct {
	status int
	header http.Header
	body   string
}

func get(t *testing.T, client *http.Client, url string) answer {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return answer{}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// burst makes n requests at once, on connections of their own.
func burst(t *testing.T, n int, do func(*http.Client) answer) (map[string]int, []answer, time.Duration) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	answers := make([]answer, n)
	began := time.Now()
	for i := range n {
		wg.Go(func() { answers[i] = do(client) })
	}
	wg.Wait()
	took := time.Since(began)
	got := map[string]int{}
	for _, a := range answers {
		got[fmt.Sprint(a.status)]++
	}
	return got, answers, took
}

func (w *world) post(client *http.Client, payload string) answer {
	resp, err := client.Post(w.AWSURL()+"/2015-03-31/functions/probe/invocations", "application/json", strings.NewReader(payload))
	if err != nil {
		w.t.Error(err)
		return answer{}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Error(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}
