//go:build unix

package burst

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

const wellAnswered = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// A server may close a connection that is idle: the next request takes a new one, and has not failed.
func TestAnIdleConnectionMayEnd(t *testing.T) {
	for name, c := range map[string]struct {
		first string // of the first connection, "" for one that takes no request
		ready int
	}{
		"after an answer":              {wellAnswered, 0},
		"with an answer to no request": {wellAnswered + "HTTP/1.1 408 Request Timeout\r\n\r\n", 0},
		"before the first request":     {"", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, closed := closingServer(t, c.first)
			answered := make(chan Sample, 2)
			shape := func(yield func(time.Duration) bool) {
				if c.ready == 0 {
					yield(0)
					if s := <-answered; s.Err != nil || s.Status != http.StatusOK {
						t.Errorf("before the end: %d %v", s.Status, s.Err)
					}
				}
				<-closed
				<-time.After(restful)
				yield(0)
			}
			l := Load{Shape: shape, Connections: 1, Ready: c.ready, Timeout: time.Minute, Request: Request{Method: http.MethodPost, URL: url}}
			if err := l.Run(t.Context(), nil, func(s Sample) { answered <- s }); err != nil {
				t.Fatal(err)
			}
			if s := <-answered; s.Err != nil || s.Status != http.StatusOK {
				t.Errorf("after the end: %d %v", s.Status, s.Err)
			}
		})
	}
}

// closingServer answers one request on each connection, on the first one with what is given, closes it, and tells so once the client has its end.
func closingServer(t *testing.T, first string) (url string, closed chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	closed = make(chan struct{}, 3)
	go func() {
		for answer := first; ; answer = wellAnswered {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			if answer != "" {
				if _, err := http.ReadRequest(bufio.NewReader(nc)); err != nil {
					t.Errorf("read the request: %v", err)
				}
				_, _ = nc.Write([]byte(answer)) // that it arrives is the test's to see
			}
			_ = nc.(*net.TCPConn).SetLinger(60) // Close waits for the client's system
			_ = nc.Close()
			closed <- struct{}{}
		}
	}()
	return "http://" + l.Addr().String(), closed
}

// Below TLS the end is seen too, and an open connection is not taken for one that has ended.
func TestTheEndBelowTLS(t *testing.T) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	target := &target{addr: srv.Listener.Addr().String(), tls: &tls.Config{InsecureSkipVerify: true}}
	var w wire
	if err := target.open(t.Context(), &w, time.Time{}); err != nil {
		t.Fatal(err)
	}
	defer w.nc.Close()
	if w.ended(w.last) {
		t.Fatal("a connection that was just opened is looked at")
	}
	later := w.last.Add(restful)
	if w.ended(later) {
		t.Error("an open connection has ended")
	}
	w.out = []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if a, err := w.exchange(http.MethodGet); err != nil || a.status != http.StatusNotFound {
		t.Fatalf("%d %v", a.status, err)
	}
	if w.ended(later) {
		t.Error("an open connection has ended after an answer")
	}
	srv.CloseClientConnections()
	for end := time.Now().Add(time.Minute); !w.ended(later); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the end is not seen")
		}
	}
}
