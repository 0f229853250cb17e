package inside

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Conn is one connection of a Mux: a net.Conn whose sending side can be ended by itself.
type Conn struct {
	m  *Mux
	id uint32

	mu   sync.Mutex
	news sync.Cond
	// data was received and not read; read says how much was read and not credited yet, total how much ever came.
	data  []byte
	read  int
	total int64
	// credit is how much may be sent; sentEOF that CloseWrite was called.
	credit  int
	sentEOF bool
	// readErr and writeErr end the two directions.
	readErr, writeErr           error
	readDeadline, writeDeadline deadline
}

// deadline is one direction's; passed is set by its timer.
type deadline struct {
	timer  *time.Timer
	passed bool
}

var _ net.Conn = (*Conn)(nil)

func newConn(m *Mux, id uint32) *Conn {
	c := &Conn{m: m, id: id, credit: window}
	c.news.L = &c.mu
	return c
}

// Read gives what has come, and lets the other end send as much again.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	for len(c.data) == 0 && c.readErr == nil && !c.readDeadline.passed && len(p) > 0 {
		c.news.Wait()
	}
	switch {
	case len(p) == 0:
		c.mu.Unlock()
		return 0, nil
	case c.readDeadline.passed:
		c.mu.Unlock()
		return 0, os.ErrDeadlineExceeded
	case len(c.data) == 0:
		defer c.mu.Unlock()
		return 0, c.readErr
	}
	n := copy(p, c.data)
	if c.data = c.data[n:]; len(c.data) == 0 {
		c.data = nil
	}
	c.read += n
	credit := 0
	if c.read >= window/4 && c.readErr == nil {
		credit, c.read = c.read, 0
	}
	c.mu.Unlock()
	if credit > 0 {
		c.m.frame(frameCredit, c.id, binary.BigEndian.AppendUint32(nil, uint32(credit))) // a broken stream ends the connection by itself
	}
	return n, nil
}

// Received is how many bytes ever came, read or not.
func (c *Conn) Received() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// Write sends p, and waits where the other end does not read.
func (c *Conn) Write(p []byte) (sent int, err error) {
	for sent < len(p) {
		n, err := c.take(min(len(p)-sent, maxFrame))
		if err != nil {
			return sent, err
		}
		if err := c.m.frame(frameData, c.id, p[sent:sent+n]); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// take waits for credit, and uses up to n bytes of it.
func (c *Conn) take(n int) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.credit == 0 && c.writeErr == nil && !c.writeDeadline.passed {
		c.news.Wait()
	}
	switch {
	case c.writeErr != nil:
		return 0, c.writeErr
	case c.writeDeadline.passed:
		return 0, os.ErrDeadlineExceeded
	}
	n = min(n, c.credit)
	c.credit -= n
	return n, nil
}

func (c *Conn) received(data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.data)+c.read+len(data) > window {
		return errProtocol
	}
	c.total += int64(len(data))
	if c.readErr == nil {
		c.data = append(c.data, data...)
	}
	c.news.Broadcast()
	return nil
}

func (c *Conn) grant(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.credit = min(c.credit+n, window)
	c.news.Broadcast()
}

func (c *Conn) endOfData() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.readErr == nil {
		c.readErr = io.EOF
	}
	c.news.Broadcast()
}

// end ends both directions; data that came before can still be read.
func (c *Conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.readErr == nil {
		c.readErr = err
	}
	if c.writeErr == nil {
		c.writeErr = io.ErrClosedPipe
	}
	c.stopTimers()
	c.news.Broadcast()
}

// CloseWrite ends this side's data.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	already := c.sentEOF || c.writeErr != nil
	c.sentEOF = true
	if c.writeErr == nil {
		c.writeErr = io.ErrClosedPipe
	}
	c.news.Broadcast()
	c.mu.Unlock()
	if already {
		return nil
	}
	return c.m.frame(frameEOF, c.id, nil)
}

// Close ends the connection; a Read or Write under way returns.
func (c *Conn) Close() error {
	c.mu.Lock()
	gone := c.readErr == net.ErrClosed
	c.readErr, c.writeErr, c.data = net.ErrClosed, net.ErrClosed, nil
	c.stopTimers()
	c.news.Broadcast()
	c.mu.Unlock()
	if gone {
		return net.ErrClosed
	}
	c.m.forget(c)
	c.m.frame(frameReset, c.id, nil) // where the stream is broken, the other end knows
	return nil
}

func (c *Conn) stopTimers() {
	for _, d := range []*deadline{&c.readDeadline, &c.writeDeadline} {
		if d.timer != nil {
			d.timer.Stop()
		}
	}
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets the time after which Read fails; the zero value is never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.set(&c.readDeadline, t) }

// SetWriteDeadline sets the time after which Write fails.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.set(&c.writeDeadline, t) }

func (c *Conn) set(d *deadline, t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.passed = !t.IsZero() && !t.After(time.Now())
	if !t.IsZero() && !d.passed {
		var timer *time.Timer
		timer = time.AfterFunc(time.Until(t), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if d.timer == timer {
				d.passed = true
				c.news.Broadcast()
			}
		})
		d.timer = timer
	}
	c.news.Broadcast()
	return nil
}

// LocalAddr names the link.
func (c *Conn) LocalAddr() net.Addr { return Addr{} }

// RemoteAddr names the link.
func (c *Conn) RemoteAddr() net.Addr { return Addr{} }

// Addr is the address of all ends of a Mux.
type Addr struct{}

// Network is "mux".
func (Addr) Network() string { return "mux" }

func (Addr) String() string { return "container" }

// isClosed says that the other end has closed the connection, and not only its sending side.
func (c *Conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writeErr != nil && !c.sentEOF
}
