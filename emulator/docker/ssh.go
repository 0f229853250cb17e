package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// commandConn is a connection through a command's standard input and output.
type commandConn struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser
	// words is what the command says on standard error.
	words *tail
	// loggedIn is called once: at the first byte that comes, after a while, or at the end.
	loggedIn func()
	once     sync.Once
	reaped   sync.Once
	timer    *time.Timer
	answered atomic.Bool
}

// loginTakes is how long one login keeps the others waiting when the engine has nothing to say.
const loginTakes = 3 * time.Second

func (d *dialer) overSSH(ctx context.Context) (net.Conn, error) {
	select {
	case d.logins <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := startCommand(d.at.ssh, func() { <-d.logins })
	if err != nil {
		<-d.logins
		return nil, err
	}
	return c, nil
}

// startCommand starts the command, which outlives the context of the request that wanted it. It is in a session of its own: Ctrl-C at the terminal is not
// meant for it, since containers have still to be removed through it, and it cannot ask for a password there.
func startCommand(args []string, loggedIn func()) (*commandConn, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.WaitDelay = time.Second
	detach(cmd)
	c := &commandConn{cmd: cmd, words: &tail{}, loggedIn: loggedIn}
	cmd.Stderr = c.words
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c.timer = time.AfterFunc(loginTakes, func() { c.once.Do(c.loggedIn) })
	return c, nil
}

// Read gives what the engine says.
func (c *commandConn) Read(p []byte) (int, error) {
	n, err := c.out.Read(p)
	if n > 0 && !c.answered.Swap(true) {
		c.login()
	}
	return n, c.explain(err)
}

// Write sends to the engine.
func (c *commandConn) Write(p []byte) (int, error) {
	n, err := c.in.Write(p)
	return n, c.explain(err)
}

// explain tells what the command said, where it ended before the engine answered.
func (c *commandConn) explain(err error) error {
	if err == nil || c.answered.Load() || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed) {
		return err
	}
	return &dialError{c.ended()}
}

func (c *commandConn) login() {
	c.timer.Stop()
	c.once.Do(c.loggedIn)
}

// CloseWrite ends what goes to the engine; dial-stdio passes that on.
func (c *commandConn) CloseWrite() error { return c.in.Close() }

// Close ends the command and reaps it.
func (c *commandConn) Close() error {
	c.login()
	c.in.Close()
	c.cmd.Process.Kill()
	c.reap()
	return nil
}

// reap waits for the command once, which closes the pipes: a Read under way ends.
func (c *commandConn) reap() { c.reaped.Do(func() { c.cmd.Wait() }) }

// ended is why the connection ended before the engine answered, in the command's own words.
func (c *commandConn) ended() error {
	stuck := time.AfterFunc(time.Second, func() { c.cmd.Process.Kill() })
	defer stuck.Stop()
	c.reap()
	why := c.words.text()
	if why == "" {
		why = c.cmd.ProcessState.String()
	}
	return fmt.Errorf("%s ended: %s", c.cmd.Args[0], why)
}

func (c *commandConn) LocalAddr() net.Addr  { return commandAddr(strings.Join(c.cmd.Args, " ")) }
func (c *commandConn) RemoteAddr() net.Addr { return c.LocalAddr() }
func (c *commandConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
func (c *commandConn) SetReadDeadline(t time.Time) error {
	return setDeadline(c.out, t, (*os.File).SetReadDeadline)
}
func (c *commandConn) SetWriteDeadline(t time.Time) error {
	return setDeadline(c.in, t, (*os.File).SetWriteDeadline)
}

func setDeadline(f any, t time.Time, set func(*os.File, time.Time) error) error {
	if f, ok := f.(*os.File); ok {
		return set(f, t)
	}
	return os.ErrNoDeadline
}

type commandAddr string

func (commandAddr) Network() string  { return "command" }
func (a commandAddr) String() string { return string(a) }

// tail keeps the end of what a command says.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - 2048; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.kept))
}
