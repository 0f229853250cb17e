package inside

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// pair is two ends of one stream; the first opens connections. Both run until the test ends.
func pair(t testing.TB) (opener, taker *Mux, opened <-chan *Conn) {
	t.Helper()
	a, b := net.Pipe()
	conns := make(chan *Conn, 16)
	opener, taker = NewMux(a, a), NewMux(b, b)
	opener.Message, taker.Message = func([]byte) {}, func([]byte) {}
	taker.Open = func(_ byte, c *Conn) { conns <- c }
	var all sync.WaitGroup
	for _, m := range []*Mux{opener, taker} {
		all.Go(func() { m.Run() })
	}
	t.Cleanup(func() {
		a.Close()
		b.Close()
		all.Wait()
	})
	return opener, taker, conns
}

func TestConnCarriesBothWays(t *testing.T) {
	opener, _, opened := pair(t)
	c, err := opener.Dial(RuntimeAPI)
	if err != nil {
		t.Fatal(err)
	}
	d := <-opened
	large := bytes.Repeat([]byte("0123456789abcdef"), 100_000) // several windows
	var all sync.WaitGroup
	for _, ends := range [][2]*Conn{{c, d}, {d, c}} {
		all.Go(func() {
			if _, err := ends[0].Write(large); err != nil {
				t.Error(err)
			}
			ends[0].CloseWrite()
		})
		all.Go(func() {
			got, err := io.ReadAll(ends[1])
			if err != nil || !bytes.Equal(got, large) {
				t.Errorf("%d bytes of %d: %v", len(got), len(large), err)
			}
		})
	}
	all.Wait()
	if got := d.Received(); got != int64(len(large)) {
		t.Errorf("received %d", got)
	}
}

// A connection that nobody reads does not hold up another, nor a message.
func TestStalledConnHoldsUpNoOther(t *testing.T) {
	opener, taker, opened := pair(t)
	messages := make(chan string, 1)
	taker.Message = func(b []byte) { messages <- string(b) }
	stalled, err := opener.Dial(RuntimeAPI)
	if err != nil {
		t.Fatal(err)
	}
	<-opened
	full := make(chan error, 1)
	go func() {
		_, err := stalled.Write(make([]byte, 2*window))
		full <- err
	}()
	c, err := opener.Dial(Forwarded)
	if err != nil {
		t.Fatal(err)
	}
	d := <-opened
	go c.Write([]byte("through"))
	got := make([]byte, 7)
	if _, err := io.ReadFull(d, got); err != nil || string(got) != "through" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := opener.Send([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if got := <-messages; got != "hello" {
		t.Errorf("got %q", got)
	}
	stalled.Close()
	if err := <-full; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the stalled write ended by %v", err)
	}
}

func TestConnClose(t *testing.T) {
	opener, _, opened := pair(t)
	c, err := opener.Dial(RuntimeAPI)
	if err != nil {
		t.Fatal(err)
	}
	d := <-opened
	c.Write([]byte("last"))
	c.Close()
	if got, err := io.ReadAll(d); string(got) != "last" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := d.Write([]byte("x")); err == nil {
		t.Error("a write to a closed connection succeeds")
	}
	if !d.isClosed() {
		t.Error("the close of the other end is not seen")
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestConnDeadlines(t *testing.T) {
	opener, _, opened := pair(t)
	c, err := opener.Dial(RuntimeAPI)
	if err != nil {
		t.Fatal(err)
	}
	d := <-opened
	c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	c.SetReadDeadline(time.Time{})
	go d.Write([]byte("x"))
	if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("after the deadline was lifted: %d, %v", n, err)
	}
	c.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := c.Write(make([]byte, 2*window)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %v", err)
	}
}

// The end of the stream is the end of all connections; what came before can be read.
func TestStreamEnds(t *testing.T) {
	a, b := net.Pipe()
	opener, taker := NewMux(a, a), NewMux(b, b)
	opened := make(chan *Conn, 1)
	taker.Open = func(_ byte, c *Conn) { opened <- c }
	ended := make(chan error, 2)
	go func() { ended <- opener.Run() }()
	go func() { ended <- taker.Run() }()
	c, err := opener.Dial(RuntimeAPI)
	if err != nil {
		t.Fatal(err)
	}
	d := <-opened
	c.Write([]byte("last"))
	opener.Output().Write([]byte("line"))
	eventuallyReceived(d, 4)
	eventuallyReceived(taker.Output(), 4)
	out := taker.Output()
	a.Close()
	b.Close()
	<-ended
	<-ended
	for _, c := range []*Conn{d, out} {
		if got, err := io.ReadAll(c); len(got) != 4 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if _, err := opener.Dial(RuntimeAPI); err == nil {
		t.Error("a connection over an ended stream was opened")
	}
}

func eventuallyReceived(c *Conn, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.total < n {
		c.news.Wait()
	}
}

// Whatever comes over the stream, the Mux ends without a panic and keeps no more than its windows.
func FuzzMux(f *testing.F) {
	frame := func(kind byte, id uint32, payload string) []byte {
		b := append([]byte{kind}, binary.BigEndian.AppendUint32(nil, id)...)
		return append(binary.BigEndian.AppendUint32(b, uint32(len(payload))), payload...)
	}
	f.Add(frame(frameMessage, 0, "{}"))
	f.Add(append(frame(frameOpen, 1, "\x00"), frame(frameData, 1, "data")...))
	f.Add(append(frame(frameOpen, 1, "\x00"), frame(frameCredit, 1, "\xff\xff\xff\xff")...))
	f.Add(append(frame(frameOpen, 1, "\x00"), append(frame(frameEOF, 1, ""), frame(frameReset, 1, "")...)...))
	f.Add(frame(9, 7, "x"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		m := NewMux(bytes.NewReader(stream), io.Discard)
		m.Message = func([]byte) {}
		m.Open = func(byte, *Conn) {}
		m.Run()
		if len(m.conns) > 0 {
			t.Error("connections are left")
		}
	})
}
