package runtimeapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The benchmarks time one invocation, next → Deliver → response, between a client that does as little as it can and the server; once with the
// Server and once with the same over net/http's server, as the floor to compare with. What a real runtime adds is the same for both.

var benchEvent = &Event{
	RequestID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", Deadline: time.UnixMilli(1542409706888),
	InvokedFunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:hello",
	TraceID:            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
	Payload:            []byte(strings.Repeat("x", 2000)),
}

// benchClient is the runtime's side: answers are read by their known size.
type benchClient struct {
	nc                            net.Conn
	r                             *bufio.Reader
	next, response                []byte
	sizeOfEvent, sizeOfAcceptance int
}

func newBenchClient(tb testing.TB, addr string) *benchClient {
	tb.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { nc.Close() })
	const usual = "Host: 127.0.0.1:9001\r\nUser-Agent: aws-lambda-go/go1.26.0\r\n"
	body := strings.Repeat("y", 200)
	return &benchClient{nc: nc, r: bufio.NewReaderSize(nc, 16<<10),
		next: []byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n" + usual + "Accept-Encoding: gzip\r\n\r\n"),
		response: []byte("POST /2018-06-01/runtime/invocation/" + benchEvent.RequestID + "/response HTTP/1.1\r\n" + usual +
			"Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n" +
			"Trailer: Lambda-Runtime-Function-Error-Body,Lambda-Runtime-Function-Error-Type\r\nAccept-Encoding: gzip\r\n\r\n" +
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)),
	}
}

// take reads one answer; size remembers how long it is.
func (c *benchClient) take(tb testing.TB, size *int) {
	if *size == 0 {
		head := 0
		length := 0
		for {
			line, err := c.r.ReadString('\n')
			if err != nil {
				tb.Fatal(err)
			}
			head += len(line)
			if _, err := fmt.Sscanf(line, "Content-Length: %d", &length); err == nil {
				continue
			}
			if line == "\r\n" {
				break
			}
		}
		*size = head + length
		if _, err := c.r.Discard(length); err != nil {
			tb.Fatal(err)
		}
		return
	}
	if _, err := c.r.Discard(*size); err != nil {
		tb.Fatal(err)
	}
}

func (c *benchClient) invocation(tb testing.TB) {
	if _, err := c.nc.Write(c.next); err != nil {
		tb.Fatal(err)
	}
	c.take(tb, &c.sizeOfEvent)
	if _, err := c.nc.Write(c.response); err != nil {
		tb.Fatal(err)
	}
	c.take(tb, &c.sizeOfAcceptance)
}

// loop runs b.N invocations, in each of which deliver is called by the benchmark's own goroutine when a poll was announced.
func loop(b *testing.B, addr string, polls <-chan struct{}, deliver func()) {
	c := newBenchClient(b, addr)
	done := make(chan struct{})
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		defer close(done)
		for range b.N {
			c.invocation(b)
		}
	}()
	for range b.N {
		<-polls
		deliver()
	}
	<-done
}

func BenchmarkInvocation(b *testing.B) {
	polls := make(chan struct{}, 1)
	s := start(b, ownerFuncs{polled: func(int) { polls <- struct{}{} }})
	loop(b, s.Addr(), polls, func() { s.Deliver(benchEvent) })
}

func BenchmarkInvocationNetHTTP(b *testing.B) {
	polls, events := make(chan struct{}, 1), make(chan *Event)
	addr := startNetHTTP(b, polls, events)
	loop(b, addr, polls, func() { events <- benchEvent })
}

// startNetHTTP is the plainest Runtime API over net/http.
func startNetHTTP(tb testing.TB, polls chan<- struct{}, events <-chan *Event) string {
	tb.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		polls <- struct{}{}
		var e *Event
		select {
		case e = <-events:
		case <-r.Context().Done():
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", e.RequestID)
		h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(e.Deadline.UnixMilli()))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", e.InvokedFunctionARN)
		h.Set("Lambda-Runtime-Trace-Id", e.TraceID)
		h.Set("Content-Length", fmt.Sprint(len(e.Payload)))
		_, _ = w.Write(e.Payload)
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil || r.PathValue("id") != benchEvent.RequestID {
			w.WriteHeader(400)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(202)
		_, _ = io.WriteString(w, statusOK)
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	hs := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { defer close(done); _ = hs.Serve(ln) }()
	tb.Cleanup(func() { hs.Close(); <-done })
	return ln.Addr().String()
}

// idle is the memory of one of n environments that made start, each with one connection that did two invocations and polls again: heap and
// stacks, in bytes, without the client's side.
func idle(b *testing.B, n int, start func() (addr string, polls <-chan struct{}, deliver func())) float64 {
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		runtime.GC() // stacks shrink, and pools let go
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	clients := make([]*benchClient, n)
	before := used()
	for i := range clients {
		addr, polls, deliver := start()
		c := newBenchClient(b, addr)
		clients[i] = c
		for range 2 {
			done := make(chan struct{})
			go func() { defer close(done); c.invocation(b) }()
			<-polls
			deliver()
			<-done
		}
		if _, err := c.nc.Write(c.next); err != nil {
			b.Fatal(err)
		}
		<-polls
	}
	after := used()
	const ofClient = 16<<10 + 2<<10 // its reader and its two requests
	runtime.KeepAlive(clients)
	return float64(after-before)/float64(n) - ofClient
}

// BenchmarkIdleMemory reports the bytes that one idle environment holds. It measures once, however often it is asked to.
func BenchmarkIdleMemory(b *testing.B) {
	const n = 300
	b.ReportMetric(idle(b, n, func() (string, <-chan struct{}, func()) {
		polls := make(chan struct{}, 1)
		s := start(b, ownerFuncs{polled: func(int) { polls <- struct{}{} }})
		return s.Addr(), polls, func() { s.Deliver(benchEvent) }
	}), "B/environment")
	b.ReportMetric(idle(b, n, func() (string, <-chan struct{}, func()) {
		polls, events := make(chan struct{}, 1), make(chan *Event)
		return startNetHTTP(b, polls, events), polls, func() { events <- benchEvent }
	}), "B/environment-net/http")
}
