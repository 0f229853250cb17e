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
	"unsafe"
)

// runStream serves the emulator at the other end of standard input and output until input ends.
func runStream(l *listeners) error {
	m := NewMux(os.Stdin, os.Stdout)
	s := &stream{m: m}
	r := &runner{}
	r.report = func(report Report) {
		if report.Event == Exited {
			report.Output = s.final()
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
	defer r.end()
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
	// mu is held from each read of output until it was sent, which keeps the order, and may take as long as the emulator does not take output.
	mu sync.Mutex
	// counting is held for each read alone. It guards the rest: the present output pipe, and how much ever was read of all.
	counting sync.Mutex
	raw      syscall.RawConn
	total    int64
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
	raw, err := read.SyscallConn()
	if err != nil {
		return err
	}
	s.counting.Lock()
	s.raw = raw
	s.counting.Unlock()
	child, err := duplicate(write) // as it blocks: a runtime is not made for another kind of pipe
	write.Close()
	if err != nil {
		return err
	}
	go s.pump(read, raw)
	r.carryOut(o, child)
	return nil
}

// pump waits for output.
func (s *stream) pump(read *os.File, raw syscall.RawConn) {
	defer read.Close()
	raw.Read(func(fd uintptr) bool { return s.drain(int(fd)) })
}

// drain sends what is in the pipe; true at its end.
func (s *stream) drain(fd int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	buffer := make([]byte, 8<<10)
	for {
		n, err := s.read(fd, buffer)
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

func (s *stream) read(fd int, buffer []byte) (int, error) {
	s.counting.Lock()
	defer s.counting.Unlock()
	n, err := syscall.Read(fd, buffer)
	s.total += int64(max(n, 0))
	return n, err
}

// drainFirst sends the output so far: what a runtime wrote before it spoke to the Runtime API comes before that.
func (s *stream) drainFirst() {
	s.counting.Lock()
	raw := s.raw
	s.counting.Unlock()
	if raw != nil {
		raw.Control(func(fd uintptr) { s.drain(int(fd)) })
	}
}

// final is how much output there is in all, once nothing is left that writes: what was read, and what is in the pipe.
func (s *stream) final() int64 {
	s.counting.Lock()
	defer s.counting.Unlock()
	var waiting int32
	s.raw.Control(func(fd uintptr) {
		syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&waiting))) // cannot fail for a pipe
	})
	return s.total + int64(waiting)
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
