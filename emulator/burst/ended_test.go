//go:build unix

package burst

import (
	"bufio"
	"net"
	"net/http"
	"testing"
	"time"
)

// A server may close a connection that is idle: the next request takes a new one, and has not failed.
func TestAnIdleConnectionMayEnd(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		ready  int
	}{
		"after an answer":              {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0},
		"with an answer to no request": {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 408 Request Timeout\r\n\r\n", 0},
		"before the first request":     {"", 1},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan struct{}, 3)
		go func() {
			for i := 0; ; i++ {
				nc, err := l.Accept()
				if err != nil {
					return
				}
				answer := c.answer
				if answer == "" && i > 0 {
					answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
				}
				if answer != "" {
					if _, err := http.ReadRequest(bufio.NewReader(nc)); err != nil {
						t.Errorf("%s: read the request: %v", name, err)
					}
					_, _ = nc.Write([]byte(answer))
				}
				_ = nc.(*net.TCPConn).SetLinger(60) // Close returns when the client has the end
				_ = nc.Close()
				closed <- struct{}{}
			}
		}()
		await := func() {
			select {
			case <-closed:
			case <-time.After(time.Minute):
				t.Errorf("%s: the server has closed no connection", name)
			}
		}
		shape := func(yield func(time.Duration) bool) {
			if c.ready > 0 {
				await()
			}
			if yield(0) {
				await()
				yield(0)
			}
		}
		for _, s := range run(t, Load{Shape: shape, Connections: 1, Ready: c.ready, Request: Request{Method: http.MethodPost, URL: "http://" + l.Addr().String()}}) {
			if s.Err != nil || s.Status != http.StatusOK {
				t.Errorf("%s: request %d: %d %v", name, s.N, s.Status, s.Err)
			}
		}
		_ = l.Close()
	}
}
