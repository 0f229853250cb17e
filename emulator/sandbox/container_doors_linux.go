package sandbox

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"example.com/emulate/emulator/sandbox/inside"

	"golang.org/x/sys/unix"
)

// doors is the folder that containers see, with the init and the socket to which inits come. Everything in a container can reach the socket; the
// token, which is good for one hello, says who it is.
type doors struct {
	dir string
	ln  *net.UnixListener
	wg  sync.WaitGroup

	mu      sync.Mutex
	inits   map[string]bool // brought
	visits  map[string]chan arrival
	pending map[*net.UnixConn]struct{} // have not said hello
	closed  bool
}

func openDoors(dir string) (*doors, error) {
	if err := os.Mkdir(dir, 0o711); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	// By a descriptor: a unix socket's path is bounded to 107 bytes, and a temporary folder's may be longer.
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	ln, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), socketName), Net: "unixpacket"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	d := &doors{dir: dir, ln: ln, inits: map[string]bool{}, visits: map[string]chan arrival{}, pending: map[*net.UnixConn]struct{}{}}
	if err := os.Chmod(filepath.Join(dir, socketName), 0o666); err != nil {
		ln.Close()
		return nil, err
	}
	d.wg.Go(d.accept)
	return d, nil
}

// bring puts a program into the folder.
func (d *doors) bring(program string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(program)
	if d.inits[name] {
		return nil
	}
	content, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(filepath.Join(d.dir, name), content, 0o755)
	}
	if err == nil {
		err = os.Chmod(filepath.Join(d.dir, name), 0o755)
	}
	if err != nil {
		return fmt.Errorf("bring the init to the containers: %w", err)
	}
	d.inits[name] = true
	return nil
}

// expect makes a token with which one init may come.
func (d *doors) expect() string {
	token := rand.Text()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.visits[token] = make(chan arrival, 1)
	return token
}

func (d *doors) waiting(token string) <-chan arrival {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.visits[token]
}

// forget makes a token void. An init that came with it and was not taken is sent away.
func (d *doors) forget(token string) {
	d.mu.Lock()
	ch := d.visits[token]
	delete(d.visits, token)
	d.mu.Unlock()
	select {
	case a := <-ch:
		a.refuse()
	default:
	}
}

// refuse closes all that an init brought, which ends it.
func (a arrival) refuse() {
	a.link.close()
	for _, ln := range []net.Listener{a.api, a.forward} {
		if ln != nil {
			ln.Close()
		}
	}
}

func (d *doors) accept() {
	for {
		conn, ok := nextConn(d.ln).(*net.UnixConn)
		if !ok {
			return
		}
		d.mu.Lock()
		if d.closed {
			d.mu.Unlock()
			conn.Close()
			return
		}
		d.pending[conn] = struct{}{}
		d.mu.Unlock()
		d.wg.Go(func() { d.receive(conn) })
	}
}

// receive reads the hello of one init.
func (d *doors) receive(conn *net.UnixConn) {
	conn.SetReadDeadline(time.Now().Add(arriveWithin))
	a, err := readHello(conn)
	d.mu.Lock()
	delete(d.pending, conn)
	ch := d.visits[a.hello.Token]
	if err == nil && ch != nil {
		select {
		case ch <- a:
			d.mu.Unlock()
			return
		default: // a token is good once
		}
	}
	d.mu.Unlock()
	if err != nil {
		conn.Close()
		return
	}
	a.refuse()
}

func readHello(conn *net.UnixConn) (a arrival, err error) {
	packet, oob := make([]byte, 4<<10), make([]byte, unix.CmsgSpace(2*4)) // as many descriptors as a hello has
	n, oobn, flags, _, err := conn.ReadMsgUnix(packet, oob)
	if err != nil {
		return a, err
	}
	files := descriptors(oob[:oobn])
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err := json.Unmarshal(packet[:n], &a.hello); err != nil || a.hello.Event != inside.Hello || flags&unix.MSG_TRUNC != 0 {
		return a, errors.New("read the hello of an init: it is none")
	}
	listeners := []*net.Listener{&a.api, &a.forward}
	for i, f := range files[:min(len(files), len(listeners))] {
		if *listeners[i], err = net.FileListener(f); err != nil {
			if a.api != nil {
				a.api.Close()
			}
			return a, fmt.Errorf("take a container's listener: %w", err)
		}
	}
	conn.SetReadDeadline(time.Time{})
	a.pid = peer(conn)
	a.link = &localLink{conn: conn}
	return a, nil
}

func descriptors(oob []byte) (files []*os.File) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "from a container"))
		}
	}
	return files
}

// peer is the process at the other end, as this machine counts.
func peer(conn *net.UnixConn) (pid int) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}

func (d *doors) close() {
	d.mu.Lock()
	d.closed = true
	pending := d.pending
	d.pending = map[*net.UnixConn]struct{}{}
	d.mu.Unlock()
	d.ln.Close()
	for conn := range pending {
		conn.Close()
	}
	d.wg.Wait()
}

// localLink is the way to an init through the socket.
type localLink struct {
	conn *net.UnixConn
}

// serve reads reports until the link ends.
func (l *localLink) serve(b *box) {
	go func() {
		defer b.lost()
		raw, err := l.conn.SyscallConn()
		for err == nil {
			var r inside.Report
			if r, err = l.read(raw, &b.w.c.buffers); err == nil {
				b.report(r)
			}
		}
		l.conn.Close()
	}()
}

// read waits in the poller, without a buffer of its own.
func (l *localLink) read(raw syscall.RawConn, buffers *sync.Pool) (r inside.Report, err error) {
	wait := raw.Read(func(fd uintptr) bool {
		buffer := buffers.Get().(*[]byte)
		defer buffers.Put(buffer)
		var n int
		if n, err = unix.Read(int(fd), *buffer); err == unix.EAGAIN || err == unix.EINTR {
			return false
		}
		if err == nil && n == 0 {
			err = net.ErrClosed
		}
		if err == nil {
			err = json.Unmarshal((*buffer)[:n], &r)
		}
		return true
	})
	return r, errors.Join(err, wait)
}

// start makes the runtime's output pipe, whose writing end goes with the order.
func (l *localLink) start(in *contained, o inside.Order) error {
	out, write, err := newOutput(in.emit, &in.b.w.c.buffers)
	if err != nil {
		return fmt.Errorf("make the output pipe: %w", err)
	}
	defer write.Close()
	in.out = pipeSink{out}
	go out.run()
	return l.order(o, unix.UnixRights(int(write)))
}

func (l *localLink) send(o inside.Order) error { return l.order(o, nil) }

func (l *localLink) order(o inside.Order, oob []byte) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, _, err = l.conn.WriteMsgUnix(text, oob, nil)
	return err
}

func (l *localLink) close() { l.conn.Close() }

// pipeSink is an output pipe of this machine.
type pipeSink struct{ *output }

func (s pipeSink) over() <-chan struct{} { return s.ended }
