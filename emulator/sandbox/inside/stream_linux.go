package inside

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// runStream serves the emulator at the other end of standard input and output until input ends.
func runStream(l *listeners) error {
	m := NewMux(os.Stdin, os.Stdout)
	s := &stream{m: m}
	r := &runner{}
	r.report = func(report Report) {
		if report.Event == Exited {
			s.lastOutput()
		}
		s.send(report)
	}
	orders := make(chan Order, 64)
	m.Message = func(text []byte) {
		var o Order
		if json.Unmarshal(text, &o) == nil && (o.Do != Start || len(o.Argv) > 0) {
			orders <- o
		}
	}
	go s.accept(l.api, RuntimeAPI)
	go s.accept(l.forward, Forwarded)
	if err := s.send(l.hello); err != nil {
		return fmt.Errorf("say hello: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- m.Run() }()
	for {
		select {
		case err := <-ended:
			return err
		case o := <-orders:
			if err := s.carryOut(r, o); err != nil {
				return err
			}
			if o.Do == End {
				return nil
			}
		}
	}
}

// stream is the link over one stream of bytes.
type stream struct {
	m *Mux
	// mu is held from each read of output until it was sent, which keeps the order.
	mu     sync.Mutex
	output *os.File
	raw    syscall.RawConn
	// pumped is closed when the present output has ended.
	pumped chan struct{}
}

func (s *stream) send(r Report) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return s.m.Send(text)
}

func (s *stream) carryOut(r *runner, o Order) error {
	if o.Do != Start {
		r.carryOut(o, nil)
		return nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.output, s.pumped = read, make(chan struct{})
	s.raw, err = read.SyscallConn()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	child, err := duplicate(write) // as it blocks: a runtime is not made for another kind of pipe
	write.Close()
	if err != nil {
		return err
	}
	go s.pump(read, s.raw, s.pumped)
	r.carryOut(o, child)
	return nil
}

// pump waits for output.
func (s *stream) pump(read *os.File, raw syscall.RawConn, pumped chan struct{}) {
	defer close(pumped)
	defer read.Close()
	raw.Read(func(fd uintptr) bool { return s.drain(int(fd)) })
}

// drain sends what is in the pipe; true at its end.
func (s *stream) drain(fd int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	buffer := make([]byte, 8<<10)
	for {
		n, err := syscall.Read(fd, buffer)
		switch {
		case err == syscall.EINTR:
		case n <= 0:
			return err != syscall.EAGAIN
		default:
			if _, err := s.m.Output().Write(buffer[:n]); err != nil {
				return true
			}
		}
	}
}

// drainFirst sends the output so far: what a runtime wrote before it spoke to the Runtime API comes before that.
func (s *stream) drainFirst() {
	s.mu.Lock()
	raw := s.raw
	s.mu.Unlock()
	if raw != nil {
		raw.Control(func(fd uintptr) { s.drain(int(fd)) })
	}
}

// lastOutput waits until all output of a runtime that has ended was sent.
func (s *stream) lastOutput() {
	s.mu.Lock()
	pumped := s.pumped
	s.mu.Unlock()
	<-pumped
}

// accept relays the connections of a listener.
func (s *stream) accept(ln *net.TCPListener, kind byte) {
	if ln == nil {
		return
	}
	for {
		local, err := ln.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		remote, err := s.m.Dial(kind)
		if err != nil {
			local.Close()
			return
		}
		go s.relay(local, remote)
	}
}

func (s *stream) relay(local *net.TCPConn, remote *Conn) {
	defer local.Close()
	defer remote.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(onlyWriter{local}, remote)
		local.CloseWrite()
		if remote.isClosed() { // not only half: nobody reads what the runtime still sends
			local.CloseRead()
		}
	}()
	buffer := make([]byte, 16<<10)
	for {
		n, err := local.Read(buffer)
		if n > 0 {
			s.drainFirst()
			if _, err := remote.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			remote.CloseWrite()
			break
		}
	}
	<-done
}

// onlyWriter keeps io.Copy from asking for more than Write.
type onlyWriter struct{ io.Writer }
