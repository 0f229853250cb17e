package docker

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/docker/docker/pkg/stdcopy"
	"pgregory.net/rapid"
)

// The stream gives what Docker's own demultiplexer gives, however the bytes come in.
func TestStreamAgainstStdcopy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var wire bytes.Buffer
		for range rapid.IntRange(0, 20).Draw(t, "frames") {
			kind := stdcopy.Stdout
			if rapid.Bool().Draw(t, "stderr") {
				kind = stdcopy.Stderr
			}
			stdcopy.NewStdWriter(&wire, kind).Write(rapid.SliceOfN(rapid.Byte(), 0, 9000).Draw(t, "bytes"))
		}
		if rapid.Bool().Draw(t, "cut") && wire.Len() > 0 {
			wire.Truncate(rapid.IntRange(0, wire.Len()-1).Draw(t, "at"))
		}
		all := wire.Bytes()
		var want, wantErr, got, gotErr bytes.Buffer
		stdcopy.StdCopy(&want, &wantErr, bytes.NewReader(all))
		var r io.Reader = bytes.NewReader(all)
		if rapid.Bool().Draw(t, "bytewise") {
			r = iotest.OneByteReader(r)
		}
		s := &Stream{r: bufio.NewReader(r), Stderr: func(b []byte) { gotErr.Write(b) }}
		_, err := io.CopyBuffer(&got, struct{ io.Reader }{s}, make([]byte, rapid.IntRange(1, 5000).Draw(t, "buffer")))
		whole := bytes.HasPrefix(got.Bytes(), want.Bytes()) && bytes.HasPrefix(gotErr.Bytes(), wantErr.Bytes()) // ours gives the part of a cut frame too
		if !whole || err == nil && (got.Len() != want.Len() || gotErr.Len() != wantErr.Len()) || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d+%d bytes, want %d+%d; %v", got.Len(), gotErr.Len(), want.Len(), wantErr.Len(), err)
		}
	})
}

func FuzzStream(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 2, 'h', 'i', 2, 0, 0, 0, 0, 0, 0, 1, 'e'})
	f.Add([]byte{3, 0, 0, 0, 0, 0, 0, 2, 'n', 'o'})
	f.Fuzz(func(t *testing.T, wire []byte) {
		total := 0
		s := &Stream{r: bufio.NewReader(bytes.NewReader(wire)), Stderr: func(b []byte) { total += len(b) }}
		n, _ := io.Copy(io.Discard, struct{ io.Reader }{s})
		if total+int(n) > len(wire) {
			t.Errorf("%d bytes out of %d", total+int(n), len(wire))
		}
	})
}

func TestEnginesOwnWordsInAStream(t *testing.T) {
	var wire bytes.Buffer
	stdcopy.NewStdWriter(&wire, stdcopy.Systemerr).Write([]byte("the log is gone"))
	s := &Stream{r: bufio.NewReader(&wire)}
	if _, err := s.Read(make([]byte, 9)); err == nil || err.Error() != "the log is gone" {
		t.Error(err)
	}
}

// Everything sent to standard input arrives, the end of it too, and the answer comes after that.
func TestHalfClose(t *testing.T) {
	e, _ := theEngine(t)
	id := create(t, e, Spec{Cmd: []string{"sum"}, OpenStdin: true})
	s, err := e.Attach(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := e.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	const size = 32 << 20
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(s, h), io.LimitReader(pattern{}, size)); err != nil {
		t.Fatal(err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(s)
	if want := fmt.Sprintf("%x %d\n", h.Sum(nil), size); err != nil || string(out) != want {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
}

// pattern is what the program's pour writes, without an end.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	n := min(len(p), 1<<16)
	for i := range n {
		p[i] = byte(i * 7)
	}
	return n, nil
}

// Output that begins at once, larger than every buffer, to a reader that takes its time: all of it arrives.
func TestLargeOutputIsWhole(t *testing.T) {
	e, _ := theEngine(t)
	const size = 64<<20 + 12345
	id := create(t, e, Spec{Cmd: []string{"pour", fmt.Sprint(size)}})
	s, err := e.Attach(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := e.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	want, got := sha256.New(), sha256.New()
	for left := size; left > 0; {
		n, _ := io.CopyN(want, pattern{}, int64(min(left, 1<<16)))
		left -= int(n)
	}
	n, err := io.Copy(got, s)
	if err != nil || n != size || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Errorf("%d bytes of %d, %v", n, size, err)
	}
}

func TestAttachRefused(t *testing.T) {
	e, _ := theEngine(t)
	_, err := e.Attach(t.Context(), "nobody")
	wantKind(t, err, NotFound, "nobody")
}

// An engine that takes the connection and is silent does not hold Attach longer than its context.
func TestAttachEndsWithItsContext(t *testing.T) {
	theEngine(t)
	var silent atomic.Bool
	p := newProxy(t, listen(t), func(c net.Conn) net.Conn {
		if silent.Load() {
			return nothing{c}
		}
		return c
	})
	e := connectTo(t, "tcp://"+p.l.Addr().String())
	silent.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := e.Attach(ctx, "any")
	wantKind(t, err, Canceled, "deadline exceeded")
}

// nothing is a connection from which nothing comes until it ends.
type nothing struct{ net.Conn }

func (c nothing) Read(p []byte) (int, error) {
	for {
		if _, err := c.Conn.Read(p); err != nil {
			return 0, err
		}
	}
}

// An idle container that is attached and waited for costs a connection's buffers, and no goroutine but the callers' own.
func TestIdleContainersCostNoGoroutine(t *testing.T) {
	e, _ := theEngine(t)
	const n = 10
	var streams []*Stream
	var ids []string
	for range n {
		id := create(t, e, Spec{Cmd: []string{"wait"}, OpenStdin: true})
		s, err := e.Attach(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		streams, ids = append(streams, s), append(ids, id)
	}
	for _, id := range ids {
		if err := e.Start(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	before := settled(e)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	for _, id := range ids {
		go func() {
			_, err := e.Wait(ctx, id)
			ended <- err
		}()
	}
	for waiting := 0; waiting < n; {
		e.ends.mu.Lock()
		waiting = 0
		if e.ends.stream != nil {
			waiting = len(e.ends.stream.waiters)
		}
		e.ends.mu.Unlock()
		runtime.Gosched()
	}
	// One for each call of Wait here; for all together: the events' reader, its connection's two, Docker's client's, and what dials.
	// A Wait that has been noted may still ask the engine once more.
	more := settled(e) - before - n
	for deadline := time.Now().Add(time.Minute); more > 6 && time.Now().Before(deadline); {
		more = settled(e) - before - n
	}
	if more > 6 {
		t.Errorf("%d goroutines for %d idle containers", more, n)
	}
	cancel()
	for range n {
		wantKind(t, <-ended, Canceled)
	}
	runtime.KeepAlive(streams)
}

// settled counts goroutines when their number no longer falls, without those of connections that wait for the next call.
func settled(e *Engine) int {
	n := runtime.NumGoroutine()
	for still := time.Now(); time.Since(still) < 500*time.Millisecond; runtime.Gosched() {
		e.api.Close()
		if m := runtime.NumGoroutine(); m < n {
			n, still = m, time.Now()
		}
	}
	return n
}
