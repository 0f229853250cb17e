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

// 100 requests at once to a handler that sleeps 200 ms are 100 cold environments, and all are answered in 1.5 s; 1,000 to one that sleeps a second
// are 1,000. A machine that is doing other things as well gets another try for the time, never for the numbers.
func TestBursts(t *testing.T) {
	for _, c := range []struct {
		n, sleepMS int
		within     time.Duration
	}{{100, 200, 1500 * time.Millisecond}, {1000, 1000, time.Minute}} {
		t.Run(fmt.Sprint(c.n), func(t *testing.T) {
			best := time.Hour
			for try := 0; try < 5 && best > c.within; try++ {
				p := serveProbe(t)
				p.awaitBuilt()
				answers, took := p.burst(c.n, fmt.Sprintf("sleepMs=%d", c.sleepMS))
				if answers[http.StatusOK] != c.n {
					t.Fatalf("answers %v, want %d of 200", answers, c.n)
				}
				if st := p.stats(); st.Environments != c.n || st.ColdStarts != c.n {
					t.Fatalf("%+v, want %d environments and cold starts", st, c.n)
				}
				best = min(best, took)
				_ = p.cmd.Process.Kill()
				p.end()
			}
			if best > c.within {
				t.Errorf("took %v, want %v at most", best, c.within)
			}
			t.Logf("%d requests in %v", c.n, best.Round(time.Millisecond))
		})
	}
}
