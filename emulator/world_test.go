//go:build unix

package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long what has to come is waited for. It ends a test that hangs, also on a machine that is busy, and is no measure of speed.
const patience = 2 * time.Minute

// tries is how often a bound of time is tried, which other work on the machine may break: the best try counts. What is counted has one try.
const tries = 5

// probeConfig serves testdata/probe behind both kinds of API.
const probeConfig = `functions:
  probe:
    code: %s
    runtime: provided.al2023
    timeout: 120
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

// save writes a file and renames it over the old one, so that nobody ever sees half of it.
func (w *world) save(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "new")
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Rename(path, filepath.Join(w.dir, name))); err != nil {
		w.t.Fatal(err)
	}
}

// await waits until an event is as it should be, and returns it. Events before from are not looked at.
func (w *world) await(from int, what string, is func(telemetry.Event) bool) telemetry.Event {
	w.t.Helper()
	timer := time.AfterFunc(patience, func() {
		w.mu.Lock()
		w.came.Broadcast()
		w.mu.Unlock()
	})
	defer timer.Stop()
	end := time.Now().Add(patience)
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := from; ; {
		for ; i < len(w.events); i++ {
			if is(w.events[i]) {
				return w.events[i]
			}
		}
		if time.Now().After(end) {
			w.t.Fatalf("no event within %v: %s", patience, what)
		}
		w.came.Wait()
	}
}

// rest waits until every environment is idle. A caller that comes back at once may be there before its environment has polled again, and then gets
// another one.
func (w *world) rest() {
	w.t.Helper()
	if !eventually(after(patience), func() bool {
		return !slices.ContainsFunc(w.Stats(), func(s emulator.FunctionStats) bool { return s.Idle != s.Environments })
	}) {
		w.t.Fatalf("no rest within %v: %+v", patience, w.Stats())
	}
}

// counts are a function's.
func (w *world) counts(function string) emulator.FunctionStats {
	w.t.Helper()
	for _, s := range w.Stats() {
		if s.Function == function {
			return s
		}
	}
	w.t.Fatalf("there is no function %s", function)
	return emulator.FunctionStats{}
}

// gone waits until a function has no environment.
func (w *world) gone(function string) {
	w.t.Helper()
	if !eventually(after(patience), func() bool { return w.counts(function).Environments == 0 }) {
		w.t.Fatalf("environments are left after %v: %+v", patience, w.counts(function))
	}
}

// eventually waits until it is so, or given up; it says which.
func eventually(giveUp <-chan struct{}, so func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-giveUp:
			return false
		case <-tick.C:
		}
	}
	return true
}

// after is closed when a time is over.
func after(d time.Duration) <-chan struct{} {
	over := make(chan struct{})
	time.AfterFunc(d, func() { close(over) })
	return over
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

// invoke runs the probe, when all is at rest, and reads its state.
func (w *world) invoke(order string) (state, *emulator.Result) {
	w.t.Helper()
	w.rest()
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

// get asks for a URL when all is at rest.
func (w *world) get(url string) answer {
	w.t.Helper()
	w.rest()
	return get(w.t, http.DefaultClient, url)
}

// gate holds the requests of a burst, so that they overlap however long they take to arrive. It opens when so many have come to it as there are: handlers
// that ask at its URL, and callers that were refused.
type gate struct {
	url  string
	came atomic.Int64
	want int64
	open func()
}

func newGate(t *testing.T, requests int) *gate {
	opened := make(chan struct{})
	g := &gate{want: int64(requests), open: sync.OnceFunc(func() { close(opened) })}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		g.come()
		<-opened
	}))
	t.Cleanup(func() {
		g.open()
		server.Close()
	})
	g.url = server.URL
	return g
}

// come counts one request.
func (g *gate) come() {
	if g.came.Add(1) == g.want {
		g.open()
	}
}

// order is the payload that has the probe ask at the gate.
func (g *gate) order() string { return fmt.Sprintf(`{"gate":%q}`, g.url) }

// query is the same for an API's event.
func (g *gate) query() string { return "?gate=" + url.QueryEscape(g.url) }

// refused tells the gate of an answer that is none of a handler's.
func (g *gate) refused(a answer) answer {
	if a.status != http.StatusOK {
		g.come()
	}
	return a
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
