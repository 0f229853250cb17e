//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// burst makes n GET requests at once, each on a connection of its own, and counts the answers by status. The connections are there before, so that
// it is the emulator that is tried and not the client.
func (p *process) burst(n int, query string) (answers map[int]int, took time.Duration) {
	p.t.Helper()
	host := strings.TrimPrefix(p.url, "http://")
	connections := make([]net.Conn, n)
	for i := range connections {
		c, err := net.Dial("tcp", host)
		if err != nil {
			p.t.Fatal(err)
		}
		defer c.Close()
		connections[i] = c
	}
	request := []byte("GET /?" + query + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
	began := time.Now()
	for _, c := range connections {
		if _, err := c.Write(request); err != nil {
			p.t.Fatal(err)
		}
	}
	answers = map[int]int{}
	for _, c := range connections {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
		}
		if err != nil {
			p.t.Fatal(err)
		}
		answers[resp.StatusCode]++
	}
	return answers, time.Since(began)
}

// Requests at once are as many cold environments, 100 and 1,000. The handler sleeps until long after the last one is there.
func TestBursts(t *testing.T) {
	for _, n := range []int{100, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p := serveProbe(t)
			p.awaitBuilt()
			answers, took := p.burst(n, "sleepMs=10000")
			if answers[http.StatusOK] != n {
				t.Errorf("answers %v, want %d of 200", answers, n)
			}
			if st := p.stats(); st.Environments != n || st.ColdStarts != n {
				t.Errorf("%+v, want %d environments and cold starts", st, n)
			}
			t.Logf("%d requests in %v", n, took.Round(time.Millisecond))
		})
	}
}

// 100 requests at once to a handler that sleeps 200 ms are answered in 1.5 s, the cold starts included. A machine that is doing other things as well
// gets another try.
func TestBurstIsQuick(t *testing.T) {
	const n, within = 100, 1500 * time.Millisecond
	best := time.Hour
	for try := 0; try < 5 && best > within; try++ {
		p := serveProbe(t)
		p.awaitBuilt()
		answers, took := p.burst(n, "sleepMs=200")
		if answers[http.StatusOK] != n {
			t.Fatalf("answers %v, want %d of 200", answers, n)
		}
		best = min(best, took)
		_ = p.cmd.Process.Kill()
		p.end()
	}
	if best > within {
		t.Errorf("took %v, want %v at most", best, within)
	}
	t.Logf("%d requests in %v", n, best.Round(time.Millisecond))
}
