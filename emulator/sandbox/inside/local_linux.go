package inside

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// runLocal serves the emulator behind a unix socket until that is closed.
func runLocal(socket, token string, l *listeners) error {
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: socket, Net: "unixpacket"})
	if err != nil {
		return fmt.Errorf("reach the emulator: %w", err)
	}
	defer conn.Close()
	l.hello.Token = token
	if err := l.introduce(conn); err != nil {
		return fmt.Errorf("say hello: %w", err)
	}
	l.close()
	var mu sync.Mutex
	r := &runner{report: func(report Report) {
		mu.Lock()
		defer mu.Unlock()
		send(conn, report, nil) // a link that is broken ends the init
	}}
	defer r.end()
	return obey(conn, r)
}

// introduce sends Hello with the listening sockets, which from then on are the emulator's.
func (l *listeners) introduce(conn *net.UnixConn) error {
	var rights []int
	for _, ln := range []*net.TCPListener{l.api, l.forward} {
		if ln == nil {
			continue
		}
		file, err := ln.File()
		if err != nil {
			return err
		}
		defer file.Close()
		rights = append(rights, int(file.Fd()))
	}
	return send(conn, l.hello, rights)
}

func send(conn *net.UnixConn, r Report, rights []int) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var oob []byte
	if len(rights) > 0 {
		oob = syscall.UnixRights(rights...)
	}
	_, _, err = conn.WriteMsgUnix(text, oob, nil)
	return err
}

// obey carries out orders until the link ends. Its buffer is only as long as packets usually are: the rest of a longer one comes in a bigger one.
func obey(conn *net.UnixConn, r *runner) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	for {
		packet, output, err := receive(raw)
		if err != nil || len(packet) == 0 {
			return err
		}
		var o Order
		if err := json.Unmarshal(packet, &o); err != nil {
			return fmt.Errorf("read an order: %w", err)
		}
		if o.Do == Start && (output == nil || len(o.Argv) == 0) {
			return errors.New("an order to start has no output or no command")
		}
		r.carryOut(o, output)
		if o.Do == End {
			return nil
		}
	}
}

// receive waits for one packet, and the descriptor that came with it. An empty packet is the end.
func receive(raw syscall.RawConn) (packet []byte, output *os.File, err error) {
	wait := raw.Read(func(fd uintptr) bool {
		var size int
		size, _, err = syscall.Recvfrom(int(fd), nil, syscall.MSG_PEEK|syscall.MSG_TRUNC)
		if err == syscall.EAGAIN || err == syscall.EINTR {
			return false
		}
		if err != nil {
			return true
		}
		packet = make([]byte, size)
		oob := make([]byte, syscall.CmsgSpace(4))
		var n, oobn int
		n, oobn, _, _, err = syscall.Recvmsg(int(fd), packet, oob, syscall.MSG_CMSG_CLOEXEC)
		packet = packet[:max(n, 0)]
		output = descriptor(oob[:max(oobn, 0)])
		return true
	})
	return packet, output, errors.Join(err, wait)
}

// descriptor is the first one in a control message, nil where there is none.
func descriptor(oob []byte) *os.File {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil || len(messages) == 0 {
		return nil
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return nil
	}
	return os.NewFile(uintptr(fds[0]), "output")
}

// duplicate makes another descriptor of the same file.
func duplicate(f *os.File) (*os.File, error) {
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), f.Name()), nil
}
