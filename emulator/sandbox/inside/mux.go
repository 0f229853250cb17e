package inside

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Mux carries messages and any number of connections over one stream of bytes. Each direction of a connection has a window: what its reader has
// not read yet never holds up the others. The reader's loop (Run) never writes, so two ends cannot wait for one another.
type Mux struct {
	// Message gets each message; Open each connection that the other end opened, with its kind. They run in Run's goroutine and must not block.
	Message func([]byte)
	Open    func(kind byte, c *Conn)

	r   *bufio.Reader
	wmu sync.Mutex
	w   io.Writer

	mu    sync.Mutex
	conns map[uint32]*Conn
	next  uint32
	ended error
}

// The frames. A frame is its kind, a connection's number and a length, followed by so many bytes.
const (
	frameMessage byte = iota
	frameOpen         // payload: the kind of connection
	frameData
	frameEOF    // no more data of this side
	frameReset  // the connection is closed
	frameCredit // payload: by how many bytes the window grows
)

const (
	headSize = 9
	// window is how much of a connection may be under way and not read, in bytes; maxFrame what goes at once.
	window   = 256 << 10
	maxFrame = 32 << 10
	// outputConn is the number of the connection that both ends have from the beginning: the output of the runtime.
	outputConn = 0
)

var errProtocol = errors.New("the other end does not keep to the protocol")

// NewMux makes a Mux over r and w. Run must be called. The side that opens connections is the init; the emulator accepts them.
func NewMux(r io.Reader, w io.Writer) *Mux {
	m := &Mux{r: bufio.NewReaderSize(r, 4<<10), w: w, conns: map[uint32]*Conn{}, next: 1}
	m.conns[outputConn] = newConn(m, outputConn)
	return m
}

// Output is the connection that is there from the beginning.
func (m *Mux) Output() *Conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.conns[outputConn]; c != nil {
		return c
	}
	c := newConn(m, outputConn)
	c.end(m.ended)
	return c
}

// Send sends a message.
func (m *Mux) Send(message []byte) error { return m.frame(frameMessage, 0, message) }

// Dial opens a connection to the other end.
func (m *Mux) Dial(kind byte) (*Conn, error) {
	m.mu.Lock()
	if m.ended != nil {
		m.mu.Unlock()
		return nil, m.ended
	}
	c := newConn(m, m.next)
	m.conns[m.next] = c
	m.next++
	m.mu.Unlock()
	if err := m.frame(frameOpen, c.id, []byte{kind}); err != nil {
		m.forget(c)
		return nil, err
	}
	return c, nil
}

func (m *Mux) frame(kind byte, id uint32, payload []byte) error {
	m.wmu.Lock()
	defer m.wmu.Unlock()
	b := make([]byte, headSize, headSize+len(payload))
	b[0] = kind
	binary.BigEndian.PutUint32(b[1:], id)
	binary.BigEndian.PutUint32(b[5:], uint32(len(payload)))
	_, err := m.w.Write(append(b, payload...))
	return err
}

// Run reads until the stream ends, which ends all connections.
func (m *Mux) Run() error {
	err := m.read()
	m.mu.Lock()
	m.ended = net.ErrClosed
	conns := m.conns
	m.conns = map[uint32]*Conn{}
	m.mu.Unlock()
	for _, c := range conns {
		c.end(io.ErrUnexpectedEOF)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (m *Mux) read() error {
	var head [headSize]byte
	for {
		if _, err := io.ReadFull(m.r, head[:]); err != nil {
			return err
		}
		kind, id, n := head[0], binary.BigEndian.Uint32(head[1:]), binary.BigEndian.Uint32(head[5:])
		if n > MaxPacket {
			return fmt.Errorf("read a frame of %d bytes: %w", n, errProtocol)
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(m.r, payload); err != nil {
			return err
		}
		if err := m.take(kind, id, payload); err != nil {
			return err
		}
	}
}

func (m *Mux) take(kind byte, id uint32, payload []byte) error {
	switch kind {
	case frameMessage:
		m.Message(payload)
		return nil
	case frameOpen:
		return m.opened(id, payload)
	}
	m.mu.Lock()
	c := m.conns[id]
	m.mu.Unlock()
	switch {
	case kind > frameCredit:
		return fmt.Errorf("read a frame of kind %d: %w", kind, errProtocol)
	case c == nil: // closed here, and the other end does not know yet
		return nil
	case kind == frameData:
		return c.received(payload)
	case kind == frameEOF:
		c.endOfData()
	case kind == frameReset:
		m.forget(c)
		c.end(io.EOF)
	case len(payload) != 4:
		return fmt.Errorf("read a credit: %w", errProtocol)
	default:
		c.grant(int(binary.BigEndian.Uint32(payload)))
	}
	return nil
}

func (m *Mux) opened(id uint32, payload []byte) error {
	if len(payload) != 1 || m.Open == nil {
		return fmt.Errorf("open a connection: %w", errProtocol)
	}
	c := newConn(m, id)
	m.mu.Lock()
	known := m.conns[id] != nil
	if !known {
		m.conns[id] = c
	}
	m.mu.Unlock()
	if known {
		return fmt.Errorf("open connection %d twice: %w", id, errProtocol)
	}
	m.Open(payload[0], c)
	return nil
}

func (m *Mux) forget(c *Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conns[c.id] == c {
		delete(m.conns, c.id)
	}
}
