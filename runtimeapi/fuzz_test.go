package runtimeapi

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seeds are requests for the fuzz tests, good and bad.
func seeds(f *testing.F) {
	for _, s := range []string{
		getNext, initError, respond("1", "hello"), respondError("1", `{"errorMessage":"m"}`),
		chunkedResponse + "\r\n5;x=y\r\nhello\r\n0\r\nLambda-Runtime-Function-Error-Type: a\r\nLambda-Runtime-Function-Error-Body: b\r\n\r\n" + getNext,
		chunkedResponse + "\r\nffffffffffffffff\r\nhello\r\n0\r\n\r\n",
		"GET http://h/2018-06-01/%70ing?q#f HTTP/1.0\r\nConnection: Keep-Alive, x\r\nContent-Length: 1\r\n\r\nxyz",
		"CONNECT h:1 HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET / HTTP/1.1\nHost: h\nA: b\n  c\n\t\nContent-Length: 2\nContent-Length: 2 \n\nab",
		"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nKey : v\r\n:\r\n\r\n", getNext + getNext + respond("1", "x") + respond("1", "x"),
		"PUT * HTTP/1.1\nHost:\nTransfer-Encoding:Chunked\n\n0\r\n\n", // a bare line feed at the end
		"HEAD /2018-06-01/ping HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	} {
		f.Add([]byte(s), byte(0))
		f.Add([]byte(s), byte(1))
	}
}

// pieces is a connection from which b is read, most bytes at a time.
type pieces struct {
	net.Conn
	b    []byte
	most int
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(to, p.b[:min(len(p.b), p.most)])
	p.b = p.b[n:]
	return n, nil
}

func (p *pieces) Write(b []byte) (int, error) { return len(b), nil }
func (p *pieces) CloseWrite() error           { return nil }

// FuzzRequest holds the reader of requests against net/http's: where both take a request they must have read the same.
func FuzzRequest(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte, most byte) {
		ref := bufio.NewReader(bytes.NewReader(b))
		want, err := http.ReadRequest(ref)
		c := &conn{nc: &pieces{b: b, most: int(most) + 1}}
		c.buf = c.small[:]
		block, blockErr := c.block(-1, maxHead)
		if blockErr != nil {
			if err == nil {
				t.Fatalf("%v where net/http reads %+v", blockErr, want)
			}
			return
		}
		block = bytes.Clone(block)
		if parseErr := c.head.parse(block); err != nil || parseErr != nil {
			if err == nil && !stricter(want, parseErr) {
				t.Fatalf("%v where net/http reads %+v", parseErr, want)
			}
			return
		}
		compareHeads(t, &c.head, fields(t, block), want)
		compareBodies(t, c, want, ref, b)
	})
}

// stricter says whether err is a refusal that http.Server makes after http.ReadRequest.
func stricter(r *http.Request, err error) bool {
	switch err.Error() {
	case "invalid header name":
		return true // a name with a space in it
	case "unsupported protocol version":
		return r.ProtoMajor != 1
	case "missing required Host header":
		return r.Host == "" || r.URL.Host != ""
	case "expectation failed":
		return r.Header.Get("Expect") != ""
	}
	return false
}

// fields are the fields of a head, read by nextField.
func fields(t *testing.T, block []byte) http.Header {
	h := http.Header{}
	_, rest := cutLine(block)
	for {
		key, value, after, err := nextField(rest)
		if err != nil {
			t.Fatal(err)
		}
		if key == nil {
			return h
		}
		h.Add(string(key), string(value))
		rest = after
	}
}

func compareHeads(t *testing.T, got *head, all http.Header, want *http.Request) {
	if got.method != want.Method || string(got.path) != want.URL.EscapedPath() || got.minor != want.ProtoMinor {
		t.Fatalf("got %s %s 1.%d, want %s %s %s", got.method, got.path, got.minor, want.Method, want.URL.EscapedPath(), want.Proto)
	}
	if got.close != want.Close {
		t.Fatalf("close is %v, want %v", got.close, want.Close)
	}
	if got.length != want.ContentLength {
		t.Fatalf("length %d, want %d", got.length, want.ContentLength)
	}
	for key, value := range map[string][]byte{"Content-Type": got.contentType, "Lambda-Runtime-Function-Error-Type": got.errorType,
		"Lambda-Runtime-Function-Response-Mode": got.responseMode, "Lambda-Runtime-Invocation-Id": got.invocationID} {
		if want := want.Header.Get(key); string(value) != want {
			t.Fatalf("%s is %q, want %q", key, value, want)
		}
	}
	// What net/http takes out of the header once it has understood it, or adds to it.
	for _, key := range []string{"Host", "Transfer-Encoding", "Trailer", "Content-Length", "Cache-Control"} {
		all.Del(key)
		want.Header.Del(key)
	}
	if diff := cmp.Diff(want.Header, all); diff != "" {
		t.Fatalf("header (-want +got):\n%s", diff)
	}
}

func compareBodies(t *testing.T, c *conn, want *http.Request, ref *bufio.Reader, raw []byte) {
	const limit = 1 << 20
	b := c.body()
	got, err := b.readAll(limit)
	wantBody, wantErr := io.ReadAll(want.Body)
	if err == errTooLarge && (len(wantBody) > limit || wantErr != nil) {
		return
	}
	if (err == nil) != (wantErr == nil) {
		if err != nil && bareEnd(c, raw) {
			return
		}
		if wantErr != nil && strings.Contains(wantErr.Error(), "suspiciously long trailer") {
			return // net/http's limit is 4 KiB; ours is larger, for the error is in there
		}
		t.Fatalf("body: %v, want %v", err, wantErr)
	}
	if err != nil {
		return
	}
	if !bytes.Equal(got, wantBody) {
		t.Fatalf("body %q, want %q", got, wantBody)
	}
	for key, value := range map[string][]byte{"Lambda-Runtime-Function-Error-Type": b.errorType, "Lambda-Runtime-Function-Error-Body": b.errorBody} {
		if want := first(want.Trailer, key); string(value) != want {
			t.Fatalf("trailer %s is %q, want %q", key, value, want)
		}
	}
	rest, err := io.ReadAll(c.nc)
	if err != nil {
		t.Fatal(err)
	}
	rest = append(bytes.Clone(c.buf[c.r:c.w]), rest...)
	wantRest, err := io.ReadAll(ref)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(rest, wantRest) {
		t.Fatalf("%q is left, want %q", rest, wantRest)
	}
}

// bareEnd says whether trailers may have ended with a bare line feed: net/http takes that where a proper end comes later.
func bareEnd(c *conn, raw []byte) bool {
	return c.head.chunked && (bytes.Contains(raw, []byte("\n\n")) || bytes.Contains(raw, []byte("\n\r\n")))
}

func first(h http.Header, key string) string {
	if v := h[textproto.CanonicalMIMEHeaderKey(key)]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// FuzzServer sends anything to a whole server, which must neither panic nor hang, and must tell its owner of each answer once.
func FuzzServer(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte, reset byte) {
		answered := make(map[string]bool) // only the connection's goroutine touches it
		var s *Server
		s = New(ownerFuncs{
			polled: func(int) {
				s.Deliver(&Event{RequestID: "1", Payload: []byte("event")})
				if reset == 2 {
					s.Expire("1")
				}
				answered["1"] = false
			},
			responded: func(id string, r Response) {
				if answered[id] {
					t.Errorf("%s was answered twice", id)
				}
				answered[id] = true
			},
		}, Options{})
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		nc, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = nc.Write(b)
			_ = nc.(*net.TCPConn).CloseWrite()
		}()
		if reset == 3 {
			s.Reset()
		}
		if _, err := io.Copy(io.Discard, nc); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Fatalf("the connection hangs on %q", b)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
