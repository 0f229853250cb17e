package burst

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeServe is what an emulator shows of itself, told by the test. Its events are those of emulate serve --json.
type fakeServe struct {
	*httptest.Server
	lines    chan string
	quit     chan struct{} // ends the events
	mu       sync.Mutex
	requests int
	status   string
	list     string
	kept     string
	answer   func(s *fakeServe, n int, w http.ResponseWriter, r *http.Request)
}

func newFakeServe(t *testing.T, answer func(s *fakeServe, n int, w http.ResponseWriter, r *http.Request)) *fakeServe {
	s := &fakeServe{lines: make(chan string, 1000), quit: make(chan struct{}), answer: answer, kept: `{"ProvisionedConcurrencyConfigs":[]}`}
	s.status = `{"functions":[{"function":"f","starting":1,"idle":2,"busy":3,"warmer":{"everySeconds":300,"overlapping":true,"rounds":4,"kept":20,"pings":20,"keptLeast":19,"keptMean":19.75,"coldStarts":21,"throttles":1}},{"function":"unmet","idle":50,"warmer":{"rounds":1}}]}`
	s.list = `{"Functions":[{"FunctionName":"f","Architectures":["arm64"],"MemorySize":512},{"FunctionName":"unmet","MemorySize":128}],"NextMarker":""}`
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *fakeServe) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/_emulate/status":
		fmt.Fprint(w, s.status)
	case r.URL.Path == "/_emulate/events":
		s.events(w, r)
	case r.URL.Path == "/2015-03-31/functions":
		fmt.Fprint(w, s.list)
	case strings.HasSuffix(r.URL.Path, "/f/provisioned-concurrency"):
		fmt.Fprint(w, s.kept)
	case strings.HasSuffix(r.URL.Path, "/provisioned-concurrency"):
		fmt.Fprint(w, `{"ProvisionedConcurrencyConfigs":[]}`)
	default:
		s.mu.Lock()
		n := s.requests
		s.requests++
		s.mu.Unlock()
		s.answer(s, n, w, r)
	}
}

func (s *fakeServe) events(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	_ = out.Flush()
	for {
		select {
		case line := <-s.lines:
			_, _ = fmt.Fprintln(w, line)
			_ = out.Flush()
		case <-s.quit:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// say emits an event with its time.
func (s *fakeServe) say(kind, rest string, args ...any) {
	s.lines <- fmt.Sprintf(`{"type":%q,"time":%q,`, kind, time.Now().Format(time.RFC3339Nano)) + fmt.Sprintf(rest, args...) + "}"
}

func (s *fakeServe) invocation(id, version, environment string, init float64) {
	s.say("platform.start", `"function":"f","version":%q,"environment":%q,"record":{"requestId":%q}`, version, environment, id)
	s.say("platform.report", `"function":"f","version":%q,"environment":%q,"record":{"requestId":%q,"metrics":{"durationMs":40.5,"billedDurationMs":1000,"memorySizeMB":512,`+
		`"maxMemoryUsedMB":30,"initDurationMs":%v}}`, version, environment, id, init)
}

func runFake(t *testing.T, s *fakeServe, path string, n int) *Report {
	t.Helper()
	r, err := Run(t.Context(), Options{Load: Load{Shape: AtOnce(n), Request: Request{URL: s.URL + path}}, Source: NewServe(s.URL), Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every third answer of an API is a cold start, every third a throttle of the API's own shape; events come before and after their answers.
func TestRunJoinsAnswersOfAnAPIWithTheirEvents(t *testing.T) {
	s := newFakeServe(t, func(s *fakeServe, n int, w http.ResponseWriter, r *http.Request) {
		id := fmt.Sprintf("id-%d", n)
		w.Header().Set("Apigw-Requestid", id)
		access := func(rest string) { s.say("access", `"function":"f","requestId":%q,"status":200,%s`, id, rest) }
		switch n % 3 {
		case 0:
			s.say("platform.initStart", `"function":"f","version":"$LATEST","environment":%q,"record":{"initializationType":"on-demand","phase":"init"}`, id)
			s.say("platform.initReport", `"function":"f","environment":%q,"record":{"phase":"init","metrics":{"durationMs":123.5,"waitedForMachineMs":20}}`, id)
			s.invocation("i-"+id, "$LATEST", id, 123.5)
			access(`"cold":true,"error":""`)
		case 1:
			defer access(`"error":"TooManyRequestsException: Rate Exceeded. (ReservedFunctionConcurrentInvocationLimitExceeded)"`)
			s.say("throttle", `"function":"f","reason":"ReservedFunctionConcurrentInvocationLimitExceeded"`)
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			defer access(`"error":""`)
			s.invocation("i-"+id, "$LATEST", id, 0)
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	s.say("platform.initStart", `"function":"unmet","environment":"before","record":{}`)
	r := runFake(t, s, "/hello", 9)
	got := []any{r.Source, r.Requests, r.Completed, r.Failed, r.Throttles, r.Failures, r.ColdStarts, r.EnvironmentStarts, r.PeakEnvironments,
		r.Init.Count, r.WaitedForMachine.Count, r.Duration.Count, r.Cost.Usage, len(r.Functions), len(r.Notes), r.Seed}
	want := []any{Live, int64(9), int64(3), int64(3), map[string]int64{"ReservedFunctionConcurrentInvocationLimitExceeded": 3},
		map[string]int64{"HTTP 502 Bad Gateway": 3}, int64(3), int64(3), int32(6), int64(3), int64(3), int64(6), Usage{Requests: 6, GBSeconds: 3}, 0, 0, uint64(7)}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := r.Duration.P50; d < 40 || d > 41 {
		t.Errorf("duration %v, want 40.5", d)
	}
	if dollars := 6*PricePerRequest + 3*PricePerGBSecondARM; r.Cost.Dollars < dollars*0.999 || r.Cost.Dollars > dollars*1.001 {
		t.Errorf("cost %v, want %v: it is an arm64 function", r.Cost.Dollars, dollars)
	}
	if peak := r.Series.MemoryMB; len(peak) == 0 {
		t.Error("no memory")
	}
}

// Answers of Invoke are joined by the invocation's id; a throttle tells its Reason; what runs beside provisioned environments is spill-over.
func TestRunJoinsAnswersOfInvoke(t *testing.T) {
	s := newFakeServe(t, func(s *fakeServe, n int, w http.ResponseWriter, r *http.Request) {
		id := fmt.Sprintf("id-%d", n)
		w.Header().Set("X-Amzn-Requestid", id)
		switch n {
		case 0: // provisioned before the load
			s.invocation(id, "1", "kept", 0)
		case 1:
			s.say("platform.initStart", `"function":"f","version":"1","environment":"extra","record":{"initializationType":"on-demand"}`)
			s.invocation(id, "1", "extra", 99)
		case 2:
			s.invocation(id, "1", "kept", 0)
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
		case 3:
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, `{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`)
		}
	})
	s.kept = `{"ProvisionedConcurrencyConfigs":[{"RequestedProvisionedConcurrentExecutions":2}]}`
	r := runFake(t, s, "/2015-03-31/functions/f:live/invocations", 4)
	r.Cost.Provisioned = 0 // it counts with the time
	got := []any{r.Completed, r.Failures, r.Throttles, r.ColdStarts, r.Spillover, r.Cost.Usage, r.Notes}
	want := []any{int64(2), map[string]int64{"error of the function": 1}, map[string]int64{"ConcurrentInvocationLimitExceeded": 1}, int64(1), int64(1),
		Usage{Requests: 3, GBSeconds: 0.5, InProvisioned: 1}, []string(nil)}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if r.Cost.KeepingPerMonth < 8.7 || r.Cost.KeepingPerMonth > 8.8 { // 2 × 0.5 GB × 2,628,000 s × $0.0000033334
		t.Errorf("keeping costs %v a month", r.Cost.KeepingPerMonth)
	}
}

// The report has the warmers of the functions that the load met.
func TestRunTellsOfWarmers(t *testing.T) {
	s := newFakeServe(t, func(s *fakeServe, n int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Requestid", "a")
		s.invocation("a", "$LATEST", "e", 0)
	})
	want := []WarmerReport{{Function: "f", EverySeconds: 300, Concurrency: 20, Overlapping: true, Rounds: 4, KeptLeast: 19, KeptMean: 19.75, KeptLast: 20,
		ColdPings: 21, ThrottledPings: 1}}
	if d := cmp.Diff(want, runFake(t, s, invokePath+"f/invocations", 1).Warmers); d != "" {
		t.Error(d)
	}
}

// What others send, and what the stream loses, is said.
func TestRunSaysWhatItDoesNotKnow(t *testing.T) {
	s := newFakeServe(t, func(s *fakeServe, n int, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Apigw-Requestid", fmt.Sprint(n))
		if n == 0 {
			s.say("access", `"function":"f","requestId":"another","cold":true`)
			s.say("dropped", `"count":5`)
			s.say("access", `"function":"f","requestId":"0"`)
		} else {
			close(s.quit)
		}
	})
	r := runFake(t, s, "/hello", 1)
	notes := strings.Join(r.Notes, "\n")
	for _, want := range []string{"1 request of others", "5 events were lost"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %q lack %q", notes, want)
		}
	}
	if r = runFake(t, s, "/hello", 1); r.Requests != 1 || !strings.Contains(strings.Join(r.Notes, "\n"), "the emulator went away") {
		t.Errorf("%d requests, notes %q", r.Requests, r.Notes)
	}
}

// A request of another is counted once, by its invocation or, without one, by its access line; those of the load that were given up are nobody else's.
func TestRunCountsOthersOnce(t *testing.T) {
	s := newFakeServe(t, func(s *fakeServe, n int, w http.ResponseWriter, r *http.Request) {
		id := fmt.Sprintf("id-%d", n)
		if n == 0 {
			s.invocation("another", "$LATEST", "e", 0)
			s.say("access", `"function":"f","requestId":"of-the-api","status":200,"error":""`)
			s.say("access", `"function":"f","requestId":"refused","error":"TooManyRequestsException: Rate Exceeded. (ReservedFunctionConcurrentInvocationLimitExceeded)"`)
		}
		s.invocation(id, "$LATEST", "e", 0)
		if n == 1 {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done() // no answer
			return
		}
		w.Header().Set("X-Amzn-Requestid", id)
	})
	r, err := Run(t.Context(), Options{
		Load:   Load{Shape: AtOnce(3), Request: Request{Method: http.MethodPost, URL: s.URL + invokePath + "f/invocations", Body: []byte("{}")}, Timeout: time.Second, Connections: 1},
		Source: NewServe(s.URL),
	})
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(r.Notes, "\n"); r.Failed != 1 || !strings.Contains(notes, "2 requests of others met") {
		t.Errorf("failed %d, notes %q", r.Failed, notes)
	}
}

// What the first of equal failures says is told, once.
func TestRunTellsWhatAFailureSays(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"Type":"User","message":"Could not parse"}`)
	}))
	defer srv.Close()
	r, err := Run(t.Context(), Options{Load: Load{Shape: AtOnce(5), Request: Request{URL: srv.URL}}})
	if err != nil {
		t.Fatal(err)
	}
	if text := r.Summary(); strings.Count(text, "the first HTTP 400 Bad Request says: Could not parse") != 1 || r.Failures["HTTP 400 Bad Request"] != 5 {
		t.Error(text)
	}
}

// What a route answers by itself, or nobody answers, met no environment: it is neither warm nor cold.
func TestRunTellsUnservedRequestsApart(t *testing.T) {
	s := newFakeServe(t, func(s *fakeServe, n int, w http.ResponseWriter, r *http.Request) {
		id := fmt.Sprintf("id-%d", n)
		w.Header().Set("Apigw-Requestid", id)
		switch n {
		case 0:
			s.say("access", `"requestId":%q,"status":502,"error":"no integration"`, id)
		case 1:
			s.say("access", `"function":"f","requestId":%q,"status":502,"cold":true,"error":"the function failed"`, id)
		case 2:
			<-r.Context().Done()
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	})
	r, err := Run(t.Context(), Options{Load: Load{Shape: AtOnce(3), Request: Request{URL: s.URL + "/x"}, Timeout: time.Second}, Source: NewServe(s.URL)})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{r.Failed, r.Latency.Count, r.Unserved.Count, r.Cold.Count, r.Warm.Count, r.ColdRatio}
	if d := cmp.Diff([]any{int64(3), int64(3), int64(2), int64(1), int64(0), 1.0}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if text := r.Summary(); !strings.Contains(text, "\n  unserved ") {
		t.Error(text)
	}
}

// Without an emulator the report has what answers tell, and claims about the rest fail.
func TestRunOfARemoteTarget(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("n") == "1" {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer srv.Close()
	r, err := Run(t.Context(), Options{Target: "shop", Load: Load{Shape: AtOnce(3), Request: Request{URL: srv.URL + "/?n={{n}}"}}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Source != Remote || r.Requests != 3 || r.Completed != 2 || r.Throttled != 1 || len(r.Notes) != 1 {
		t.Errorf("%+v", r)
	}
	if text := r.Summary(); strings.Contains(text, "Environments") || strings.Contains(text, "Cold starts") {
		t.Errorf("the summary tells what it does not know:\n%s", text)
	}
	for text, want := range map[string]bool{"throttles==1": true, "p99<1m": true, "cold_ratio<5%": false, "cold_p99<9s": false, "cost<1": false} {
		a, err := ParseAssertion(text)
		if err != nil {
			t.Fatal(err)
		}
		if v := a.Check(r); v.OK != want || v.Unknown == want {
			t.Errorf("%v, want %v", v, want)
		}
	}
}

// The end of ctx leaves the report of what was answered.
func TestRunInterrupted(t *testing.T) {
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	hang := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("n") != "0" {
			<-hang
		}
	}))
	defer srv.Close()
	defer close(hang)
	var most Progress
	o := Options{Load: Load{Shape: Times([]time.Duration{0, time.Millisecond, time.Hour}), Request: Request{URL: srv.URL + "/?n={{n}}"}}}
	o.Progress = func(p Progress) {
		if most = p; p.Answered == 1 && p.Offered == 3 { // the last waits for its hour
			cancel(stopped)
		}
	}
	r, err := Run(ctx, o)
	if !errors.Is(err, stopped) || r == nil {
		t.Fatalf("%v, %v", r, err)
	}
	if r.Requests != 1 || !strings.Contains(strings.Join(r.Notes, " "), "interrupted: 1 of 3 requests had no answer") {
		t.Errorf("%d requests, notes %q, progress %+v", r.Requests, r.Notes, most)
	}
}

func TestRunWithoutItsEmulator(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	if r, err := Run(t.Context(), Options{Load: Load{Shape: AtOnce(1), Request: Request{URL: gone.URL}}, Source: NewServe(gone.URL)}); err == nil {
		t.Errorf("%+v, want an error", r)
	}
}

func TestRecentGivesUpTheOldest(t *testing.T) {
	lost := 0
	r := &recent[int]{size: 10, lost: func(n int) { lost++ }}
	for n := range 1000 {
		r.put(fmt.Sprint(n), n)
		if r.len() > 20 {
			t.Fatalf("%d wait", r.len())
		}
	}
	if n, ok := r.take("999"); !ok || n != 999 {
		t.Errorf("999 is %d %v", n, ok)
	}
	if _, ok := r.take("5"); ok {
		t.Error("5 is not given up")
	}
	if r.flush(); lost != 999 || r.len() != 0 {
		t.Errorf("%d lost, %d wait", lost, r.len())
	}
}

func TestReadTimes(t *testing.T) {
	got, err := ReadTimes(strings.NewReader("time,function\n# a comment\n0.5,f\n1m,f,30\n2\n"), "t.csv")
	if d := cmp.Diff([]time.Duration{500 * time.Millisecond, time.Minute, 2 * time.Second}, got); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	for text, want := range map[string]string{
		"": "has no times", "time\n": "has no times", "0\nsoon\n": `line 2: "soon" is no time`, "-1\n": "before the start", "1e300\n": "is no time", "NaN": "is no time", "\"": "t.csv",
	} {
		if _, err := ReadTimes(bytes.NewBufferString(text), "t.csv"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
