package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Options of a Server. The zero value is good.
type Options struct {
	// Addr is the host:port to listen on; "" means 127.0.0.1:0, a free port of the loopback interface.
	Addr string
}

// Server is the Runtime API of one execution environment. Its methods may be called from any goroutine.
type Server struct {
	owner   Owner
	options Options
	addr    string
	wg      sync.WaitGroup // the accepting goroutines and those of the connections
	stop    chan struct{}  // closed by Close
	buffers sync.Pool      // of *[]byte, for events on their way out

	mu     sync.Mutex
	closed bool
	lns    []net.Listener // Start's, and those of Serve
	conns  []*conn
	// waiting are the connections whose poll has no answer yet, longest first.
	waiting []*conn
	// calls counts the calls of the owner that have not returned; quiet is told when there are none.
	calls int
	quiet sync.Cond
	machine
}

// New makes a Server that tells owner what the runtime says. It does no I/O.
func New(owner Owner, o Options) *Server {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	s := &Server{owner: owner, options: o, stop: make(chan struct{})}
	s.quiet.L = &s.mu
	s.buffers.New = func() any { return new([]byte) }
	return s
}

// Start listens; Addr is known when it returns. A Server starts once.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.lns != nil {
		return errors.New("start Runtime API: it was started or closed before")
	}
	// No keep-alive probes: a frozen runtime is silent by right. No Multipath TCP: it only costs on the loopback interface.
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(context.Background(), "tcp", s.options.Addr)
	if err != nil {
		return fmt.Errorf("start Runtime API: %w", err)
	}
	s.addr = ln.Addr().String()
	s.listen(ln)
	return nil
}

// Serve answers on a listener from elsewhere too, such as one inside a container's network. Close closes it; after Close it is closed at once.
func (s *Server) Serve(ln net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = ln.Close()
		return
	}
	s.listen(ln)
}

// listen takes the listener's connections. s.mu is held.
func (s *Server) listen(ln net.Listener) {
	s.lns = append(s.lns, ln)
	s.wg.Go(func() { s.accept(ln) })
}

// Addr is the host:port that Start listens on, for AWS_LAMBDA_RUNTIME_API; "" before Start.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Reset makes the Server ready for a new runtime process at the same address: all connections are closed and the state is Started. When it
// returns, nothing that the old process sent reaches the owner any more; so it waits for calls of the owner that are under way, and must not be
// called from one.
func (s *Server) Reset() {
	s.mu.Lock()
	old := s.disown()
	s.machine.reset()
	s.mu.Unlock()
	closeAll(old)

	s.mu.Lock()
	defer s.mu.Unlock()
	for s.calls > 0 {
		s.quiet.Wait()
	}
}

// Close ends the Server and waits for its goroutines, calls of the owner included, so it must not be called from one. Later calls only wait.
func (s *Server) Close() error {
	s.mu.Lock()
	var err error
	if !s.closed {
		s.closed = true
		close(s.stop)
		for _, ln := range s.lns {
			err = errors.Join(err, ln.Close())
		}
	}
	old := s.disown()
	s.mu.Unlock()
	closeAll(old)
	s.wg.Wait()
	if err != nil {
		return fmt.Errorf("close Runtime API: %w", err)
	}
	return nil
}

// disown makes the connections that there are dead, and returns them. s.mu is held.
func (s *Server) disown() []*conn {
	old := s.conns
	for _, c := range old {
		c.dead, c.waiting = true, false
		c.release()
	}
	s.conns, s.waiting = nil, nil
	return old
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		_ = c.nc.Close()
	}
}

// accept takes connections until the listener is closed. Other errors pass, such as that no more files may be open.
func (s *Server) accept(ln net.Listener) {
	const first, most = 5 * time.Millisecond, time.Second
	pause := first
	for {
		nc, err := ln.Accept()
		switch {
		case err == nil:
			pause = first
			s.admit(nc)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			select {
			case <-s.stop:
				return
			case <-time.After(pause):
				pause = min(2*pause, most)
			}
		}
	}
}

// admit starts the goroutine of a connection.
func (s *Server) admit(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = nc.Close()
		return
	}
	c := &conn{s: s, nc: nc}
	s.conns = append(s.conns, c)
	s.wg.Add(1)
	go c.serve()
}

// knows says whether a request whose Host is host may be meant for this server: a name other than localhost may be one that a web page made to
// point here.
func (s *Server) knows(host string) bool {
	if host == s.addr || host == s.options.Addr {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	_, err := netip.ParseAddr(name)
	return err == nil || name == "localhost" || strings.HasSuffix(name, ".localhost")
}
