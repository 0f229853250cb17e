package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"example.com/emulate/emulator/lambda"
)

// pausedSpare starts an environment, pauses its spare, and begins another start, which takes that one.
func pausedSpare(t *testing.T, c *Container, ctx context.Context) (spare *box, first lambda.Instance, second chan error) {
	t.Helper()
	s := spec(helperCode(t), newRecord(), "MODE", "sleep")
	first = startIn(t, c, s)
	spare = c.spares.await(t, "hello", 1)
	if out, err := exec.Command("docker", "pause", spare.id).CombinedOutput(); err != nil {
		t.Fatalf("pause: %v: %s", err, out)
	}
	second = make(chan error, 1)
	go func() {
		in, err := c.Start(ctx, s)
		if err == nil {
			if in.(*contained).b == spare {
				t.Error("a container that does not answer was given out")
			}
			err = in.Stop(context.Background(), 0)
		}
		second <- err
	}()
	eventually(t, "the use of the spare", func() bool { return c.launching.Load() == 1 && spare.running() != nil })
	return spare, first, second
}

func ended[T any](t *testing.T, what string, done <-chan T) (result T) {
	t.Helper()
	select {
	case result = <-done:
	case <-time.After(patience):
		t.Fatal(what + " does not end")
	}
	return result
}

// A container that does not answer, as one that somebody paused, ends neither a start that is given up nor Close.
func TestPausedContainerHoldsUpNothing(t *testing.T) {
	for name, end := range map[string]func(c *Container, giveUp context.CancelCauseFunc) error{
		"given up": func(c *Container, giveUp context.CancelCauseFunc) error {
			giveUp(errGivenUp)
			return nil
		},
		"closed": func(c *Container, _ context.CancelCauseFunc) error { return c.Close(context.Background()) },
	} {
		for _, stream := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ",stream"}[stream], func(t *testing.T) {
				c := newContainer(t, ContainerOptions{Stream: stream})
				ctx, giveUp := context.WithCancelCause(context.Background())
				defer giveUp(nil)
				_, _, second := pausedSpare(t, c, ctx)
				closed := make(chan error, 1)
				go func() { closed <- end(c, giveUp) }()
				if err := ended(t, "the start", second); !errors.Is(err, errGivenUp) && !errors.Is(err, errContainersClosed) {
					t.Errorf("the start ended by %v", err)
				}
				if err := ended(t, "Close", closed); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

var errGivenUp = errors.New("given up by the test")

// After a while it is as good as gone: the start has another one.
func TestPausedContainerIsReplaced(t *testing.T) {
	c := newContainer(t, ContainerOptions{})
	c.answerWithin = 2 * time.Second
	spare, first, second := pausedSpare(t, c, context.Background())
	if err := ended(t, "the start", second); err != nil {
		t.Error(err)
	}
	<-spare.gone
	stop(t, first, 0)
}

// The link's end closes a listener, and so does the server on it: neither is an error.
func TestStreamListenerClosesTwice(t *testing.T) {
	l := newMuxListener()
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
}

// flaky is a listener that cannot accept at first.
type flaky struct {
	net.Listener
	once sync.Once
}

func (f *flaky) Accept() (c net.Conn, err error) {
	f.once.Do(func() { err = &net.OpError{Op: "accept", Err: syscall.EMFILE} })
	if err != nil {
		return nil, err
	}
	return f.Listener.Accept()
}

// Connections from inside are forwarded again after a moment in which too many files were open.
func TestForwardGoesOn(t *testing.T) {
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	to, from := listen(), listen()
	defer to.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		forwardTo(&flaky{Listener: from}, to.Addr().String())
	}()
	go func() {
		c, err := to.Accept()
		if err != nil {
			return
		}
		io.WriteString(c, "here")
		c.Close()
	}()
	c, err := net.Dial("tcp", from.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(patience))
	if got, err := io.ReadAll(c); string(got) != "here" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	from.Close()
	<-done
}
