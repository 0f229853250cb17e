package runtimeapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// smallBuffer holds the head of any usual request and the bodies of small ones. It is all that an idle connection keeps.
	smallBuffer = 2 << 10
	// maxDiscard is how much of a refused request's body is read over so that the connection can go on; net/http's figure.
	maxDiscard = 256 << 10
	// maxOversize is the same for a body that is over MaxPayload: the answer is 413 in either case, but a client reads it only after it
	// has sent all, unless the connection ends.
	maxOversize = 64 << 20
	// linger is how long a connection that we end is read, so that a reset does not overtake our last answer; net/http's figure.
	linger = 500 * time.Millisecond
)

// halfCloser is a connection whose sending side can be ended by itself, such as a *net.TCPConn.
type halfCloser interface{ CloseWrite() error }

// conn is one connection of a runtime.
type conn struct {
	s  *Server
	nc net.Conn

	// Guarded by s.mu. dead: of an earlier generation or a closed server, so that the owner must not hear of it any more. waiting: a poll
	// without an answer; polled is its framing. answered is closed when a poll that has another request behind it got its answer.
	dead, waiting bool
	polled        framing
	answered      chan struct{}

	// wmu orders writes. lost says that a poll's answer could not be written at all, so that the owner still counts the poll as free.
	wmu  sync.Mutex
	lost bool

	// The rest belongs to the connection's goroutine. buf[r:w] was read and not used.
	head        head
	mayWait     bool // the last request was a poll
	afterPost   bool
	contentType string // of the last answer
	host        string // the last one that was found good
	r, w        int
	buf         []byte
	small       [smallBuffer]byte
}

// serve answers requests until the connection ends.
func (c *conn) serve() {
	defer c.s.wg.Done()
	defer c.finish()
	c.buf = c.small[:]
	for {
		if err := c.readHead(); err != nil {
			c.refuse(err)
			return
		}
		if !c.dispatch() {
			c.linger()
			return
		}
		c.shrink()
	}
}

// readHead waits for the next request and parses its head.
func (c *conn) readHead() error {
	if c.r == c.w {
		err := c.fill()
		if err != nil {
			return err
		}
	}
	if c.mayWait {
		c.mayWait = false
		c.s.awaitAnswer(c)
		if c.head.close {
			return io.EOF // what comes behind the last request is not read
		}
	}
	if c.afterPost {
		c.skipLineEnds()
	}
	block, err := c.block(-1, maxHead)
	if err == errTooLong {
		return &httpError{http.StatusRequestHeaderFieldsTooLarge, "the head is over its limit"}
	}
	if err != nil {
		return err
	}
	return c.head.parse(block)
}

// skipLineEnds is kind to old clients that send a line end after the body of a POST, as net/http is.
func (c *conn) skipLineEnds() {
	c.afterPost = false
	for range 4 {
		if c.r == c.w && c.fill() != nil || c.buf[c.r] != '\r' && c.buf[c.r] != '\n' {
			return
		}
		c.r++
	}
}

// dispatch answers one request, and says whether the connection goes on.
func (c *conn) dispatch() bool {
	c.afterPost = c.head.method == http.MethodPost
	if c.head.foreign || !c.knowsHost() {
		return c.reject(http.StatusForbidden, textPlain, "requests from web pages are refused\n")
	}
	e, id := lookup(c.head.path)
	switch {
	case !isMethod(c.head.method):
		return c.reject(http.StatusMethodNotAllowed, "", "")
	case e.serve == nil:
		return c.reject(http.StatusNotFound, textPlain, "404 page not found\n")
	case c.head.method != e.method:
		c.head.allow = e.method
		return c.reject(http.StatusMethodNotAllowed, "", "")
	}
	return e.serve(c, id)
}

// knowsHost is Server.knows for this request; a runtime says the same Host again and again.
func (c *conn) knowsHost() bool {
	if len(c.head.host) == 0 || string(c.head.host) == c.host {
		return true
	}
	host := string(c.head.host)
	if !c.s.knows(host) {
		return false
	}
	c.host = host
	return true
}

var errTooLong = errors.New("block over its limit")

// fill reads more into the buffer, which grows where it is full.
func (c *conn) fill() error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	if c.w == len(c.buf) {
		if c.r > 0 {
			c.w = copy(c.buf, c.buf[c.r:c.w])
			c.r = 0
		} else {
			c.buf = append(c.buf, make([]byte, len(c.buf))...)
		}
	}
	n, err := c.nc.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	return err
}

// shrink goes back to the small buffer.
func (c *conn) shrink() {
	if len(c.buf) > smallBuffer && c.w-c.r <= smallBuffer {
		c.w = copy(c.small[:], c.buf[c.r:c.w])
		c.r = 0
		c.buf = c.small[:]
	}
}

// block returns the next block of lines up to and with its blank line; with first -1 it begins with a request line, which is not looked at.
func (c *conn) block(first, limit int) ([]byte, error) {
	from := first
	for {
		b := c.buf[c.r:c.w]
		if from < 0 {
			if from = bytes.IndexByte(b, '\n') + 1; from == 0 {
				from = -1
			}
		}
		if from >= 0 {
			var end int
			if end, from = endOfBlock(b, from); end >= 0 && end <= limit {
				c.r += end
				return b[:end], nil
			}
		}
		if len(b) >= limit { // for lack of an end, or with one too far out
			return nil, errTooLong
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// line returns the next line with its end.
func (c *conn) line(limit int) ([]byte, error) {
	for {
		b := c.buf[c.r:c.w]
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			c.r += i + 1
			return b[:i+1], nil
		}
		if len(b) >= limit {
			return nil, errTooLong
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

// peek returns the next n bytes without taking them.
func (c *conn) peek(n int) ([]byte, error) {
	for c.w-c.r < n {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	return c.buf[c.r : c.r+n], nil
}

// readFull fills p from the buffer, then straight from the connection.
func (c *conn) readFull(p []byte) error {
	n := copy(p, c.buf[c.r:c.w])
	c.r += n
	_, err := io.ReadFull(c.nc, p[n:])
	return err
}

// invite tells a client that asked first (Expect: 100-continue) to send its body.
func (c *conn) invite() error {
	if !c.head.expects || c.head.length == 0 || c.r < c.w {
		return nil
	}
	c.head.expects = false
	return c.write("HTTP/1.1 100 Continue\r\n\r\n")
}

// write sends text as it is.
func (c *conn) write(text string) error {
	return c.send([]byte(text))
}

func (c *conn) send(b []byte) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	_, err := c.nc.Write(b)
	return err
}

// refuse answers what is not good HTTP; on any other error there is nobody to answer.
func (c *conn) refuse(err error) {
	bad, ok := err.(*httpError)
	if !ok {
		return
	}
	c.head = head{framing: framing{minor: 1, close: true}}
	c.reply(bad.status, textPlain, fmt.Sprintf("%d %s: %s\n", bad.status, http.StatusText(bad.status), bad.text))
	c.linger()
}

// linger ends our side of the connection, and reads on for a moment.
func (c *conn) linger() {
	if c.closeWrite() != nil || c.nc.SetReadDeadline(time.Now().Add(linger)) != nil {
		return
	}
	_, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{c.nc}, c.buf)
}

// closeWrite ends our side of the connection: all of it where it has no sides.
func (c *conn) closeWrite() error {
	if half, ok := c.nc.(halfCloser); ok {
		return half.CloseWrite()
	}
	return c.nc.Close()
}

// finish ends the connection. A poll that it leaves without an answer is told to the owner.
func (c *conn) finish() {
	s := c.s
	s.mu.Lock()
	waited := c.waiting
	s.forget(c)
	s.mu.Unlock()
	_ = c.nc.Close()

	c.wmu.Lock() // an event may be on its way out, and fail
	lost := c.lost
	c.wmu.Unlock()
	if waited || lost {
		s.abandon(c)
	}
}
