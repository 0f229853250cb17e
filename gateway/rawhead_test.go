package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scriptedConn hands out its input in pieces of the given sizes, again and again, and then ends.
type scriptedConn struct {
	input  []byte
	pieces []byte
	n      int
}

func (c *scriptedConn) Read(b []byte) (int, error) {
	if len(c.input) == 0 {
		return 0, io.EOF
	}
	size := len(b)
	if len(c.pieces) > 0 {
		size = min(size, 1+int(c.pieces[c.n%len(c.pieces)]))
		c.n++
	}
	n := copy(b[:size], c.input)
	c.input = c.input[n:]
	return n, nil
}

func (c *scriptedConn) Write(b []byte) (int, error)      { return len(b), nil }
func (c *scriptedConn) Close() error                     { return nil }
func (c *scriptedConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *scriptedConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *scriptedConn) SetDeadline(time.Time) error      { return nil }
func (c *scriptedConn) SetReadDeadline(time.Time) error  { return nil }
func (c *scriptedConn) SetWriteDeadline(time.Time) error { return nil }

// oneConn is a listener of one connection.
type oneConn struct{ conns chan net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, errors.New("no more")
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// served is what a handler saw of one request.
type served struct {
	line   string
	lines  string
	ok     bool
	parsed http.Header
	length int64
}

// serveBytes gives the bytes to net/http through a Listener and tells what the handler saw. readBody tells how many bytes of a body the handler reads.
func serveBytes(input, pieces []byte, readBody int64) []served {
	var all []served
	done := make(chan struct{})
	srv := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := served{line: r.Method + " " + r.RequestURI, parsed: r.Header.Clone(), length: r.ContentLength}
		s.lines, s.ok = rawHead(r)
		all = append(all, s)
		io.CopyN(io.Discard, r.Body, readBody)
	}))
	srv.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed || s == http.StateHijacked {
			close(done)
		}
	}
	l := &oneConn{conns: make(chan net.Conn, 1)}
	l.conns <- &scriptedConn{input: input, pieces: pieces}
	close(l.conns)
	srv.Serve(Listener(l))
	<-done
	return all
}

// canonical is what net/http makes of header lines, without those that it takes away.
func canonical(list []header) http.Header {
	h := http.Header{}
	for _, l := range list {
		h.Add(l.name, l.value)
	}
	for _, name := range []string{"Host", "Transfer-Encoding", "Trailer", "Content-Length"} {
		h.Del(name)
	}
	return h
}

// checkServed compares each request's raw head with what net/http read.
func checkServed(t *testing.T, all []served) {
	t.Helper()
	for i, s := range all {
		if !s.ok {
			t.Fatalf("request %d, %s: no raw head", i, s.line)
		}
		want := s.parsed
		want.Del("Content-Length")
		got := canonical(appendHeaders(nil, s.lines))
		if got.Get("Pragma") == "no-cache" && got["Cache-Control"] == nil {
			want.Del("Cache-Control") // net/http adds it.
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("request %d, %s (-net/http +raw):\n%s", i, s.line, diff)
		}
	}
}

func TestRawHead(t *testing.T) {
	const get = "GET /a HTTP/1.1\r\nHost: h\r\ntEsT-HEADeR:  v \r\n\r\n"
	tests := map[string]struct {
		input string
		want  []string // the lines of each head
		read  int64
	}{
		"one":        {get, []string{"Host: h\r\ntEsT-HEADeR:  v \r\n\r\n"}, 0},
		"keep-alive": {get + "GET /b HTTP/1.1\r\nHost: h\r\nx: 2\r\n\r\n", []string{"Host: h\r\ntEsT-HEADeR:  v \r\n\r\n", "Host: h\r\nx: 2\r\n\r\n"}, 0},
		"body that looks like a head": {
			"POST /a HTTP/1.1\r\nhost: h\r\nCONTENT-length: 19\r\n\r\nGET /x HTTP/1.1\r\n\r\n" + "GET /b HTTP/1.1\r\nHOST: h\r\n\r\n",
			[]string{"host: h\r\nCONTENT-length: 19\r\n\r\n", "HOST: h\r\n\r\n"}, 0},
		"chunks and trailers": {
			"POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\n\r\n\r\nG\r\n0A\r\n0123456789\r\n0\r\nX-T: GET /\r\n\r\n" +
				"GET /b HTTP/1.1\r\nHOST: h\r\n\r\n",
			[]string{"host: h\r\ntransfer-encoding: chunked\r\n\r\n", "HOST: h\r\n\r\n"}, 1 << 20},
		"expect": {
			"POST /a HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nok" + "GET /b HTTP/1.1\r\nHOST: h\r\n\r\n",
			[]string{"host: h\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n", "HOST: h\r\n\r\n"}, 10},
		"line ends without CR": {"GET /a HTTP/1.1\nHost: h\nx: y\n\n", []string{"Host: h\nx: y\n\n"}, 0},
		"OPTIONS *":            {"OPTIONS * HTTP/1.1\r\nHost: h\r\nx: 1\r\n\r\n" + get, []string{"Host: h\r\nx: 1\r\n\r\n", "Host: h\r\ntEsT-HEADeR:  v \r\n\r\n"}, 0},
	}
	for name, test := range tests {
		for _, pieces := range [][]byte{nil, {0}, {1, 6, 2}, {17}} {
			t.Run(name, func(t *testing.T) {
				all := serveBytes([]byte(test.input), pieces, test.read)
				var got []string
				for _, s := range all {
					got = append(got, s.lines)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("pieces %v (-want +got):\n%s", pieces, diff)
				}
				checkServed(t, all)
			})
		}
	}
}

// A head that the handler never asks for, since net/http or another handler answered, must not be taken for the next one's.
func TestRawHeadSkipped(t *testing.T) {
	c := &conn{}
	for _, path := range []string{"/1", "/2", "/3"} {
		feed(c, []byte("GET "+path+" HTTP/1.1\r\nX: "+path+"\r\n\r\n"))
	}
	r, err := http.NewRequest("GET", "/2", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.RequestURI = "/2"
	if lines, _, ok := c.pop(r); !ok || !strings.Contains(lines, "X: /2") {
		t.Errorf("got %q, %v", lines, ok)
	}
	if len(c.heads) != 1 || !bytes.Contains(c.heads[0].text, []byte("X: /3")) {
		t.Errorf("%d heads are left", len(c.heads))
	}
}

// A request of another handler leaves nothing behind for one with the same line.
func TestRawHeadOfAnotherHandler(t *testing.T) {
	inv := replying(`{}`)
	s := newServer(t, Options{APIs: apis(restAPI("GET /x")), Invoker: inv})
	g := s.swap(http.NotFoundHandler())
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	for _, n := range []string{"1", "2"} {
		io.WriteString(c, "GET /dev/x HTTP/1.1\r\nHost: h\r\nx-n: "+n+"\r\n\r\n")
		r, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, r.Body)
		s.swap(g)
	}
	checkMembers(t, inv.last(t), map[string]any{"headers.x-n": "2"})
}

// Heads that nobody takes and bodies take no memory.
func TestRawHeadMemory(t *testing.T) {
	c := &conn{}
	for range 1000 {
		feed(c, []byte("POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n"))
		feed(c, make([]byte, 5000))
	}
	kept := 0
	for _, h := range c.heads {
		kept += cap(h.text)
	}
	if kept > 2*readAhead {
		t.Errorf("%d bytes are kept", kept)
	}
	feed(c, []byte("GET / HTTP/1.1\r\nX: "+strings.Repeat("a", 10*keptHead)))
	if n := len(c.frame.buf); n > keptHead {
		t.Errorf("%d bytes of a head are kept", n)
	}
}

// feed lets a connection see bytes as if net/http had read them.
func feed(c *conn, b []byte) {
	c.Conn = &scriptedConn{input: b}
	for {
		if _, err := c.Read(make([]byte, 4096)); err != nil {
			return
		}
	}
}

func FuzzRawHead(f *testing.F) {
	f.Add([]byte("GET /a HTTP/1.1\r\nHost: h\r\nx-y:  \tz \r\n  folded\r\nb: \xe9\r\n\r\n"), []byte{3, 9}, uint8(0))
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;e\r\nabc\r\n0\r\nT: x\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), []byte{0}, uint8(9))
	f.Add([]byte("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: h\r\n\r\n"), []byte{}, uint8(1))
	f.Add([]byte("POST /a HTTP/1.1\nHost: h\nContent-Length: 3\nContent-Length: 3\nExpect: 100-continue\n\nabcGET / HTTP/1.1\nHost: h\n\n"), []byte{1}, uint8(200))
	f.Add([]byte("OPTIONS * HTTP/1.1\r\nHost: h\r\n \r\n\r\nGET http://h/x HTTP/1.1\r\nHost: h\r\n\r\n"), []byte{5}, uint8(0))
	f.Fuzz(func(t *testing.T, input, pieces []byte, read uint8) {
		// Whatever a fuzzer makes of a request, it is followed by one whose head is known.
		all := serveBytes(input, pieces, int64(read))
		checkServed(t, all)
		if again := serveBytes(input, nil, int64(read)); len(again) == len(all) {
			for i := range all {
				if all[i].lines != again[i].lines {
					t.Fatalf("request %d depends on how the bytes came:\n%q\n%q", i, all[i].lines, again[i].lines)
				}
			}
		}
	})
}

// Over a real connection, with a client that keeps it alive, every event has the names of its own request.
func TestRawHeadKeepAlive(t *testing.T) {
	inv := replying(`{}`)
	s := newServer(t, Options{APIs: apis(restAPI("ANY /{proxy+}")), Invoker: inv})
	var b strings.Builder
	const n = 300 // More than readAhead, pipelined.
	for i := range n {
		b.WriteString("POST /x HTTP/1.1\r\nHost: h\r\nx-nUmBer: " + string(rune('a'+i%26)) + "\r\nContent-Length: 3\r\n\r\nabc")
	}
	s.raw(t, b.String())
	if len(inv.events) != n {
		t.Fatalf("%d events", len(inv.events))
	}
	for i, e := range inv.events {
		if !slices.Equal([]any{string(rune('a' + i%26))}, []any{at(event(t, e), "headers.x-nUmBer")}) {
			t.Fatalf("event %d: %s", i, e)
		}
	}
}
