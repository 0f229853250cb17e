package burst

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A request that may have been carried out is not sent again, whatever its method: that it got no answer is a failure.
func TestNoRequestIsSentTwice(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		var met atomic.Int32
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if met.Add(1)%2 == 0 {
				nc, _, _ := w.(http.Hijacker).Hijack()
				_ = nc.Close()
			}
		}))
		failed := 0
		for _, s := range run(t, Load{Shape: AtOnce(4), Connections: 1, Request: Request{Method: method, URL: srv.URL}}) {
			if s.Err != nil {
				failed++
			}
		}
		srv.Close()
		if met.Load() != 4 || failed != 2 {
			t.Errorf("%s: of 4 requests %d arrived and %d failed, want 4 and 2", method, met.Load(), failed)
		}
	}
}

// A long line of an answer's head is read; one without an end is not read for ever.
func TestLongHeaders(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := len("x: \r\n")
		switch r.URL.Path {
		case "/whole":
			n = longestLine - n
		case "/above":
			n = longestLine - n + 1
		default:
			n = 5000
		}
		w.Header()["x"] = []string{strings.Repeat("v", n)}
		w.Header().Set("X-Amzn-RequestId", "id-1")
		w.WriteHeader(http.StatusTeapot)
	}))
	defer srv.Close()
	for path, want := range map[string]error{"/": nil, "/whole": nil, "/above": errLongLine} {
		for _, s := range run(t, Load{Shape: AtOnce(2), Connections: 1, Request: Request{URL: srv.URL + path}}) {
			if want != nil {
				if s.Err == nil || s.Err.Error() != want.Error() {
					t.Errorf("%s: %v, want %v", path, s.Err, want)
				}
			} else if s.Err != nil || s.Status != http.StatusTeapot || s.RequestID != "id-1" {
				t.Errorf("%s: %d %s %v", path, s.Status, s.RequestID, s.Err)
			}
		}
	}
}

// Arrivals that wait are handed out in their order, and a backlog that never gets empty does not grow with those that were.
func TestTheBacklogForgets(t *testing.T) {
	g := &generator{load: Load{Connections: 1}, workers: 1, ctx: t.Context()}
	const waiting, n = 7, 10000
	for i := range n {
		g.offer(arrival{i, time.Duration(i)})
		if i < waiting {
			continue
		}
		if a, ok := g.another(nil); !ok || a.n != i-waiting {
			t.Fatalf("handed out %d (%v), want %d", a.n, ok, i-waiting)
		}
	}
	if c := cap(g.backlog); c > 8*waiting {
		t.Errorf("%d arrivals wait, and there is room for %d", waiting, c)
	}
}
