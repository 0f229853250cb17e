package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/telemetry"
)

// fakeInvoker answers with a function of the invocation and keeps a copy of every event.
type fakeInvoker struct {
	mu     sync.Mutex
	events [][]byte
	calls  []lambda.Invocation
	answer func(ctx context.Context, inv *lambda.Invocation) (*lambda.Result, error)
}

func (f *fakeInvoker) Invoke(ctx context.Context, inv *lambda.Invocation) (*lambda.Result, error) {
	inv.RequestID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
	f.mu.Lock()
	f.events = append(f.events, append([]byte(nil), inv.Payload...))
	f.calls = append(f.calls, *inv)
	f.mu.Unlock()
	return f.answer(ctx, inv)
}

func (f *fakeInvoker) last(t *testing.T) []byte {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.events) == 0 {
		t.Fatal("the function was not invoked")
	}
	return f.events[len(f.events)-1]
}

// replying answers every invocation with the same payload.
func replying(payload string) *fakeInvoker {
	return &fakeInvoker{answer: func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
		return &lambda.Result{Payload: []byte(payload)}, nil
	}}
}

// failing answers every invocation with the same error.
func failing(err error) *fakeInvoker {
	return &fakeInvoker{answer: func(context.Context, *lambda.Invocation) (*lambda.Result, error) { return nil, err }}
}

// recorder hands out access records in order.
type recorder struct{ events chan telemetry.Event }

func newRecorder() *recorder { return &recorder{events: make(chan telemetry.Event, 1000)} }

func (r *recorder) Emit(e telemetry.Event) { r.events <- e }

// next waits for the next record.
func (r *recorder) next() (telemetry.Event, *telemetry.Access) {
	e := <-r.events
	return e, e.Record.(*telemetry.Access)
}

// restAPI is a REST API with stage "dev" whose routes are "METHOD /path".
func restAPI(routes ...string) *config.API {
	a := &config.API{ID: "abcdefghij", LogicalID: "Rest", Kind: config.REST, Stages: []config.Stage{{Name: "dev"}}}
	return withRoutes(a, "1.0", routes)
}

// httpAPI is an HTTP API with stage $default.
func httpAPI(format string, routes ...string) *config.API {
	a := &config.API{ID: "klmnopqrst", LogicalID: "Http", Kind: config.HTTP, Stages: []config.Stage{{Name: "$default"}}}
	return withRoutes(a, format, routes)
}

func withRoutes(a *config.API, format string, routes []string) *config.API {
	for _, r := range routes {
		method, path, ok := strings.Cut(r, " ")
		if !ok {
			method, path = "ANY", r
		}
		a.Routes = append(a.Routes, config.Route{Method: method, Path: path,
			Integration: config.Integration{Type: config.LambdaProxy, Function: "f", PayloadFormat: format}})
	}
	return a
}

// server is a Gateway on a real listener.
type server struct {
	addr     string
	accesses *recorder
	swap     func(http.Handler) http.Handler // returns the handler before
}

func newServer(t testing.TB, o Options) *server {
	t.Helper()
	s := &server{accesses: newRecorder()}
	o.Telemetry = s.accesses
	if o.Port == 0 {
		o.Port = 3000
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.RWMutex
	var handler http.Handler = g
	s.swap = func(h http.Handler) http.Handler {
		mu.Lock()
		defer mu.Unlock()
		old := handler
		handler = h
		return old
	}
	srv := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.RLock()
		h := handler
		mu.RUnlock()
		h.ServeHTTP(w, r)
	}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(Listener(ln)) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return s
}

// raw sends bytes and reads the whole answer, as bytes, until the server closes.
func (s *server) raw(t testing.TB, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	c.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// do sends one request, with Host: api.test where none is given, and parses the answer.
func (s *server) do(t testing.TB, request string) (*http.Response, string) {
	t.Helper()
	head, body, _ := strings.Cut(request, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	if !strings.Contains(strings.ToLower(head), "\nhost:") {
		lines = append(lines, "Host: api.test")
	}
	if !strings.Contains(lines[0], "HTTP/1.") {
		lines[0] += " HTTP/1.1"
	}
	method, _, _ := strings.Cut(lines[0], " ")
	answer := s.raw(t, strings.Join(lines, "\r\n")+"\r\n\r\n"+body)
	rd := bufio.NewReader(strings.NewReader(answer))
	r, err := http.ReadResponse(rd, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%v in %q", err, answer)
	}
	got, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%v in %q", err, answer)
	}
	return r, string(got)
}

// event decodes an event.
func event(t testing.TB, text []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("the event is not JSON: %v\n%s", err, text)
	}
	return m
}

// at is a member of an event, by dotted path.
func at(m any, path string) any {
	for _, key := range strings.Split(path, ".") {
		object, ok := m.(map[string]any)
		if !ok {
			return "(no object)"
		}
		if m, ok = object[key]; !ok {
			return "(absent)"
		}
	}
	return m
}

func checkMembers(t *testing.T, text []byte, want map[string]any) {
	t.Helper()
	m := event(t, text)
	for path, w := range want {
		if diff := cmp.Diff(w, at(m, path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func apis(list ...*config.API) []*config.API { return list }
