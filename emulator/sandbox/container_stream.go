package sandbox

import (
	"context"
	"encoding/json"
	"net"
	"sync"
	"sync/atomic"

	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/sandbox/inside"
)

// streamLink is the way to an init through the container's standard input and output.
type streamLink struct {
	stream *docker.Stream
	mux    *inside.Mux
	// final is how much output there is in all, as the end of the last runtime told.
	final atomic.Int64

	// mu guards the lines, and is held while one is handed over.
	mu     sync.Mutex
	news   sync.Cond
	lines  lines
	handed int64
	ended  bool
}

// attach opens the stream of a container that does not run yet.
func (b *box) attach(ctx context.Context) (<-chan arrival, error) {
	stream, err := b.w.engine.Attach(ctx, b.id)
	if err != nil {
		return nil, err
	}
	l := &streamLink{stream: stream, mux: inside.NewMux(stream, stream)}
	l.news.L = &l.mu
	l.lines.emit = func([]byte) {}
	b.link = l
	come := make(chan arrival, 1)
	api, forward := newMuxListener(), newMuxListener()
	l.mux.Message = func(text []byte) {
		var r inside.Report
		switch {
		case json.Unmarshal(text, &r) != nil:
			stream.Close()
		case r.Event != inside.Hello:
			if r.Event == inside.Exited {
				l.final.Store(r.Output)
			}
			b.report(r)
		default:
			a := arrival{hello: r, link: l, api: api, forward: forward}
			select {
			case come <- a:
			default: // it says hello once
			}
		}
	}
	l.mux.Open = func(kind byte, c *inside.Conn) {
		if kind == inside.Forwarded {
			forward.push(c)
		} else {
			api.push(c)
		}
	}
	go func() {
		l.mux.Run()
		stream.Close()
		api.Close()
		forward.Close()
		b.lost()
	}()
	go l.pump(l.mux.Output())
	return come, nil
}

// pump hands over output until the link ends.
func (l *streamLink) pump(output *inside.Conn) {
	buffer := make([]byte, 4<<10)
	for {
		n, err := output.Read(buffer)
		l.mu.Lock()
		l.lines.write(buffer[:n])
		l.handed += int64(n)
		l.ended = err != nil
		l.news.Broadcast()
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// start lets the output go to the instance, and sends the order.
func (l *streamLink) start(in *contained, o inside.Order) error {
	l.mu.Lock()
	l.lines.emit = in.emit
	l.mu.Unlock()
	in.out = &streamSink{l: l, ended: make(chan struct{})}
	return l.send(o)
}

func (l *streamLink) send(o inside.Order) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return l.mux.Send(text)
}

func (l *streamLink) close() { l.stream.Close() }

// streamSink is the output of one runtime behind the stream. The init sends what was written before anything else that the runtime did after it, so
// that all output of before has come.
type streamSink struct {
	l     *streamLink
	once  sync.Once
	ended chan struct{}
}

func (s *streamSink) drain() {
	l := s.l
	came := max(l.mux.Output().Received(), l.final.Load())
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.handed < came && !l.ended {
		l.news.Wait()
	}
	l.lines.flush()
}

func (s *streamSink) over() <-chan struct{} { return s.ended }

func (s *streamSink) close() { s.once.Do(func() { close(s.ended) }) }

// muxListener is a listener in the container.
type muxListener struct {
	mu     sync.Mutex
	news   sync.Cond
	queue  []net.Conn
	closed bool
}

var _ net.Listener = (*muxListener)(nil)

func newMuxListener() *muxListener {
	l := &muxListener{}
	l.news.L = &l.mu
	return l
}

func (l *muxListener) push(c net.Conn) {
	l.mu.Lock()
	if !l.closed {
		l.queue = append(l.queue, c)
		l.news.Signal()
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	go c.Close() // a write, which must not hold up the stream's reader
}

// Accept waits for a connection.
func (l *muxListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.news.Wait()
	}
	if l.closed {
		return nil, net.ErrClosed
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	return c, nil
}

// Close ends Accept, and the connections that wait for it. It is idempotent: the link's end closes the listener, and so does its user.
func (l *muxListener) Close() error {
	l.mu.Lock()
	queue := l.queue
	l.queue, l.closed = nil, true
	l.news.Broadcast()
	l.mu.Unlock()
	for _, c := range queue {
		c.Close()
	}
	return nil
}

// Addr is that of every end of the link.
func (l *muxListener) Addr() net.Addr { return inside.Addr{} }
