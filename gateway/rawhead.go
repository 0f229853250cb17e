package gateway

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Events show the names of headers as the client wrote them (spec apigateway.md §1.4), but net/http rewrites them. So the connection keeps a copy of
// each request's head while net/http reads it: a small machine follows the framing of HTTP/1.1 and passes over bodies.

// keptHead is how much of a head is kept. It is above every limit of API Gateway, so that a longer head is refused anyway.
const keptHead = 32 << 10

// readAhead is how many bytes net/http reads ahead of the request that it serves, and more: the size of its buffer is 4 KB. A head that more
// than that has followed is one that nobody will ask for.
const readAhead = 8 << 10

// Listener makes connections keep the heads of their requests, for the Gateway that serves them. The server needs ConnContext too.
func Listener(inner net.Listener) net.Listener { return &listener{Listener: inner} }

type listener struct{ net.Listener }

func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: inner}, nil
}

type connKey struct{}

// ConnContext is http.Server's ConnContext: it lets a Gateway find the connection of a request.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if c, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// NewServer makes a server that hands all requests to h and keeps their heads until h has returned; serve it on a Listener. It speaks HTTP/1.1
// only, and leaves "OPTIONS *" to h, so that every head has its request.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{Handler: forgetHeads(h), ConnContext: ConnContext, DisableGeneralOptionsHandler: true}
}

// forgetHeads drops the head of a request that h did not ask for, lest a later request of the same line gets it.
func forgetHeads(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(connKey{}).(*conn)
		if c == nil {
			h.ServeHTTP(w, r)
			return
		}
		c.taken = false
		h.ServeHTTP(w, r)
		if !c.taken {
			c.pop(r)
		}
	})
}

// conn is a connection that keeps the heads of the requests that pass through it.
type conn struct {
	net.Conn
	mu    sync.Mutex
	frame framing
	heads []head
	kept  int // bytes of heads
	// taken says that the head of the request that is being served was taken. Only its handler looks at it.
	taken bool
}

// head is a request line and the headers as they came, cut off behind keptHead bytes.
type head struct {
	text []byte
	// size is the length of the whole head in bytes, the empty line included.
	size int
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.mu.Lock()
		for rest := b[:n]; len(rest) > 0; {
			rest = c.frame.next(rest)
			if c.frame.complete {
				c.push()
			}
		}
		c.mu.Unlock()
	}
	return n, err
}

// CloseWrite lets net/http close its side first, so that a client that is still sending gets the answer rather than a reset.
func (c *conn) CloseWrite() error {
	if inner, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return inner.CloseWrite()
	}
	return nil
}

func (c *conn) push() {
	h := c.frame.head()
	c.heads = append(c.heads, h)
	c.kept += len(h.text)
	for c.kept-len(c.heads[0].text) > readAhead {
		c.drop(1)
	}
}

// drop forgets the first n heads.
func (c *conn) drop(n int) {
	for _, h := range c.heads[:n] {
		c.kept -= len(h.text)
		c.frame.recycle(h.text)
	}
	c.heads = slices.Delete(c.heads, 0, n)
}

// pop takes the head of the request with this line. Heads before it belong to requests that net/http answered by itself.
func (c *conn) pop(r *http.Request) (text string, size int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = true
	for i := range c.heads {
		if c.heads[i].isOf(r) {
			text, size = string(c.heads[i].text), c.heads[i].size
			c.drop(i + 1)
			return text, size, true
		}
	}
	return "", 0, false
}

// isOf compares a head's first line with a request.
func (h *head) isOf(r *http.Request) bool {
	line, _, _ := bytes.Cut(h.text, []byte("\n"))
	line, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte(r.Method))
	if !ok {
		return false
	}
	line, ok = bytes.CutSuffix(line, []byte(r.Proto))
	return ok && len(line) > 2 && string(line[1:len(line)-1]) == r.RequestURI
}

// rawHead finds the head of a request and leaves out its first line. There is none where the connection is not a Listener's, or the head is too
// long to keep.
func rawHead(r *http.Request) (lines string, ok bool) {
	c, _ := r.Context().Value(connKey{}).(*conn)
	if c == nil {
		return "", false
	}
	text, size, ok := c.pop(r)
	if !ok || size > keptHead {
		return "", false
	}
	_, lines, _ = strings.Cut(text, "\n")
	return lines, true
}

// phase is where in a request the next byte of a connection stands.
type phase int

const (
	inHead      phase = iota
	inBody            // left bytes of a body with Content-Length
	inChunkSize       // the line before a chunk
	inChunk           // left bytes of a chunk and its line end
	inTrailer         // the lines behind the last chunk
)

// framing follows the requests of a connection.
type framing struct {
	phase phase
	buf   []byte // the head so far
	spare []byte // a buffer to use again
	size  int    // of the head so far
	line  int    // length of the current line so far, without CR
	left  int64  // of a body or chunk
	chunk int64  // size of the next chunk, while its line is read
	ext   bool   // the rest of the chunk's line is an extension

	// complete is set by the call of next that has seen the end of a head.
	complete bool
}

// head hands out the head that is complete.
func (f *framing) head() head {
	h := head{text: f.buf, size: f.size}
	f.buf, f.spare, f.size = f.spare[:0], nil, 0
	return h
}

// recycle keeps a buffer for a later head, unless it is large: most connections are idle most of the time.
func (f *framing) recycle(buf []byte) {
	if cap(buf) > 4<<10 {
		return
	}
	if f.buf == nil {
		f.buf = buf[:0]
	} else if f.spare == nil {
		f.spare = buf[:0]
	}
}

// next takes bytes from b, at most to the end of the current phase, and returns the rest.
func (f *framing) next(b []byte) []byte {
	f.complete = false
	switch f.phase {
	case inHead:
		return f.readHead(b)
	case inBody, inChunk:
		return f.readData(b)
	case inChunkSize:
		return f.readChunkSize(b)
	}
	return f.readTrailer(b)
}

// readHead takes lines until the empty one.
func (f *framing) readHead(b []byte) []byte {
	for i := 0; i < len(b); {
		empty, n := f.readLine(b[i:])
		f.size += n
		if room := keptHead - len(f.buf); room > 0 {
			f.buf = append(f.buf, b[i:i+min(n, room)]...)
		}
		i += n
		if empty {
			f.complete = true
			f.begin()
			return b[i:]
		}
	}
	return nil
}

// readLine takes bytes up to the end of a line, and tells whether the line ended and was empty.
func (f *framing) readLine(b []byte) (empty bool, n int) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		f.line += len(bytes.TrimRight(b, "\r"))
		return false, len(b)
	}
	f.line += len(bytes.TrimRight(b[:end], "\r"))
	empty = f.line == 0
	f.line = 0
	return empty, end + 1
}

// begin reads from the head how the body is framed.
func (f *framing) begin() {
	f.phase, f.left = inHead, 0
	if f.size > keptHead {
		// The connection is closed after the answer to such a head, as net/http does where the body is not read.
		return
	}
	_, lines, _ := bytes.Cut(f.buf, []byte("\n"))
	for len(lines) > 0 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		switch {
		case len(name) == len("Content-Length") && strings.EqualFold(string(name), "Content-Length"):
			if f.phase == inHead {
				f.left = decimal(bytes.TrimSpace(value))
			}
		case len(name) == len("Transfer-Encoding") && strings.EqualFold(string(name), "Transfer-Encoding"):
			// net/http refuses every other coding.
			f.phase = inChunkSize
		}
	}
	if f.phase == inHead && f.left > 0 {
		f.phase = inBody
	}
	f.chunk, f.ext = 0, false
}

// decimal reads a Content-Length; one that net/http would refuse reads as some number, and no further request comes.
func decimal(b []byte) (n int64) {
	for _, c := range b {
		if c < '0' || c > '9' || n > 1<<56 {
			return n
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

func (f *framing) readData(b []byte) []byte {
	n := min(int64(len(b)), f.left)
	f.left -= n
	if f.left == 0 {
		if f.phase == inChunk {
			f.phase = inChunkSize
		} else {
			f.phase = inHead
		}
	}
	return b[n:]
}

func (f *framing) readChunkSize(b []byte) []byte {
	for i, c := range b {
		if c == '\n' {
			f.left, f.phase = f.chunk+2, inChunk
			if f.chunk == 0 {
				f.phase = inTrailer
			}
			f.chunk, f.ext = 0, false
			return b[i+1:]
		}
		d := unhex(c)
		if d < 0 {
			f.ext = true
		}
		if !f.ext && f.chunk < 1<<56 {
			f.chunk = f.chunk<<4 | int64(d)
		}
	}
	return nil
}

func (f *framing) readTrailer(b []byte) []byte {
	for i := 0; i < len(b); {
		empty, n := f.readLine(b[i:])
		i += n
		if empty {
			f.phase = inHead
			return b[i:]
		}
	}
	return nil
}
