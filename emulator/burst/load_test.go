package burst

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestShapes(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		shape       Shape
		n           int
		first, last time.Duration
	}{
		"at once":       {AtOnce(3), 3, 0, 0},
		"rate":          {Rate(10, s), 10, 0, 900 * time.Millisecond},
		"no rate":       {Rate(0, s), 0, 0, 0},
		"up from zero":  {Ramp(0, 10, 2*s), 10, 0, 1897366596},
		"down to zero":  {Ramp(10, 0, 2*s), 10, 0, 1367544467},
		"spike":         {Spike(10, 100, 10*s), 190, 0, 9900 * time.Millisecond},
		"recorded":      {Times([]time.Duration{3 * s, s}), 2, s, 3 * s},
		"one, then two": {Then(AtOnce(1), s, AtOnce(2)), 3, 0, s},
	} {
		var all []time.Duration
		for at := range c.shape {
			all = append(all, at)
		}
		if len(all) != c.n || !slices.IsSorted(all) {
			t.Errorf("%s: %d arrivals, want %d: %v", name, len(all), c.n, all)
			continue
		}
		if c.n > 0 && (all[0] != c.first || all[c.n-1].Round(time.Microsecond) != c.last.Round(time.Microsecond)) {
			t.Errorf("%s: %v to %v, want %v to %v", name, all[0], all[c.n-1], c.first, c.last)
		}
	}
}

// A rate sends its number of times its length, whatever both are: the request on the end is not of it.
func TestShapesAreExact(t *testing.T) {
	for _, c := range []struct {
		rate float64
		d    time.Duration
		want int
	}{
		{10, 10 * time.Second, 100}, {50, 10 * time.Minute, 30_000}, {0.1, time.Hour, 360}, {1.0 / 3600, 24 * time.Hour, 24}, {3, 3700 * time.Millisecond, 12},
		{1.0 / 60, 3 * time.Minute, 3}, {0.7, 10 * time.Second, 7}, {4.35, 100 * time.Second, 435},
	} {
		for name, shape := range map[string]Shape{"rate": Rate(c.rate, c.d), "up": Ramp(0, 2*c.rate, c.d), "down": Ramp(2*c.rate, 0, c.d)} {
			n, last := 0, time.Duration(0)
			for at := range shape {
				n++
				last = at
			}
			if n != c.want || last >= c.d {
				t.Errorf("%s %v for %v: %d requests until %v, want %d", name, c.rate, c.d, n, last, c.want)
			}
		}
	}
}

// run sends a load and returns its samples by number.
func run(t *testing.T, l Load) []Sample {
	t.Helper()
	return runFrom(t, l, nil)
}

// runFrom is run, with what is to be told of the beginning.
func runFrom(t *testing.T, l Load, began func(time.Time)) []Sample {
	t.Helper()
	var mu sync.Mutex
	var all []Sample
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err := l.Run(ctx, began, func(s Sample) {
		mu.Lock()
		defer mu.Unlock()
		s.Body = slices.Clone(s.Body)
		all = append(all, s)
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b Sample) int { return a.N - b.N })
	for i, s := range all {
		if s.N != i {
			t.Fatalf("sample %d is number %d", i, s.N)
		}
	}
	return all
}

// No request waits for the answer of another: the server answers none before it has them all.
func TestASlowServerDoesNotSlowTheLoad(t *testing.T) {
	const n = 200
	var met atomic.Int32
	all := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if met.Add(1) == n {
			close(all)
		}
		<-all
	}))
	defer srv.Close()
	got := run(t, Load{Shape: Rate(1000, n*time.Millisecond), Request: Request{URL: srv.URL}})
	if len(got) != n {
		t.Fatalf("%d requests, want %d", len(got), n)
	}
	last := got[n-1].At
	for _, s := range got {
		if s.Err != nil || s.Status != 200 {
			t.Fatalf("request %d: %d %v", s.N, s.Status, s.Err)
		}
		if end := s.At + s.Took; end < last {
			t.Errorf("request %d was answered at %v, before the last was sent", s.N, end)
		}
	}
}

// With one connection the requests wait for each other, and their latency counts from when they were meant to be sent.
func TestLatencyCountsFromTheIntendedMoment(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Expect-Wait") != "" {
			<-release
		}
	}))
	defer srv.Close()
	const wait = 300 * time.Millisecond
	load := Load{Shape: AtOnce(5), Connections: 1, Request: Request{URL: srv.URL, Header: http.Header{"Expect-Wait": {"yes"}}}}
	got := runFrom(t, load, func(time.Time) { time.AfterFunc(wait, func() { close(release) }) })
	for _, s := range got {
		if s.Took < wait {
			t.Errorf("request %d took %v, though all of them waited for the first", s.N, s.Took)
		}
	}
}

func TestAnswers(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/throttled":
			w.Header().Set("X-Amzn-RequestId", "id-1")
			w.WriteHeader(429)
			fmt.Fprint(w, `{"Reason":"ConcurrentInvocationLimitExceeded"}`)
		case "/failed":
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
		case "/echo":
			w.WriteHeader(400)
			fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.RawQuery, body)
		case "/chunked":
			w.WriteHeader(500)
			for range 3 {
				fmt.Fprint(w, "part ")
				w.(http.Flusher).Flush()
			}
		case "/close":
			w.Header().Set("Connection", "close")
		case "/cut":
			nc, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprint(nc, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
			nc.Close()
		}
	}))
	defer srv.Close()
	for _, c := range []struct {
		path, body, want string
	}{
		{"/throttled", "", `429 id-1 {"Reason":"ConcurrentInvocationLimitExceeded"}`},
		{"/failed", "", "200 function error"},
		{"/echo?a=1", "", "400 GET a=1"},
		{"/echo", "text", "400 POST  text"},
		{"/echo?n={{n}}", `{"n": {{n}}}`, `400 POST n=1 {"n": 1}`},
		{`/echo?{{pick "a b"}}`, "", "400 GET a%20b"},
		{"/chunked", "", "500 part part part"},
		{"/close", "", "200"},
		{"/cut", "", "unexpected EOF"},
	} {
		r := Request{URL: srv.URL + c.path}
		if c.body != "" {
			r.Body = []byte(c.body)
		}
		got := run(t, Load{Shape: AtOnce(2), Connections: 1, Request: r})
		s := got[1]
		text := fmt.Sprint(s.Status, " ", s.RequestID)
		if s.FunctionError {
			text += "function error"
		}
		if s.Err != nil {
			text = s.Err.Error()
		}
		text = strings.TrimSpace(strings.TrimSpace(text) + " " + string(s.Body))
		if text != c.want {
			t.Errorf("%s: %q, want %q", c.path, text, c.want)
		}
	}
}

func TestWrongTargets(t *testing.T) {
	for target, want := range map[string]string{
		"localhost:3000":           "no http or https URL",
		"http://h/{{nothing}}":     `function "nothing" not defined`,
		"http://h/{{random 2 1}}":  "the second is the larger one",
		"ftp://localhost/":         "no http or https URL",
		"http://127.0.0.1:1/never": "",
	} {
		err := Load{Shape: AtOnce(1), Request: Request{URL: target}}.Run(t.Context(), nil, func(s Sample) {
			if want == "" && s.Err == nil {
				t.Errorf("%s answered", target)
			}
		})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", target, err, want)
		}
	}
}

// A cancelled load ends at once, and tells of every request that was under way.
func TestACancelledLoadEnds(t *testing.T) {
	block := make(chan struct{})
	met := make(chan struct{}, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		met <- struct{}{}
		<-block
	}))
	defer srv.Close()
	defer close(block)
	ctx, cancel := context.WithCancel(t.Context())
	var ended atomic.Int32
	result := make(chan error)
	go func() {
		result <- Load{Shape: Then(AtOnce(10), time.Hour, AtOnce(1)), Request: Request{URL: srv.URL}}.Run(ctx, nil, func(Sample) { ended.Add(1) })
	}()
	for range 10 {
		<-met
	}
	cancel()
	if err := <-result; err == nil || ended.Load() != 10 {
		t.Errorf("ended with %v and %d samples, want 10", err, ended.Load())
	}
}

// Connections that nobody takes fail alike: that is told once.
func TestLoadTellsARefusalOnce(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	err := Load{Shape: AtOnce(20), Ready: 20, Request: Request{URL: srv.URL}}.Run(t.Context(), nil, func(Sample) { t.Error("a sample") })
	if err == nil || strings.Count(err.Error(), "\n") > 0 || strings.Count(err.Error(), "dial tcp") != 1 {
		t.Errorf("%v, want one refusal", err)
	}
}
