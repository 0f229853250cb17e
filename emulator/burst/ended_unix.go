//go:build unix

package burst

import (
	"errors"
	"net"
	"syscall"
)

// peek looks at what a connection has to read, without waiting and without taking any of it: its end, or bytes. buf has room
// for one.
func peek(nc net.Conn, buf []byte) (ended, bytes bool) {
	if secure, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = secure.NetConn()
	}
	conn, ok := nc.(syscall.Conn)
	if !ok {
		return false, false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return true, false
	}
	var n int
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, _, failed = syscall.Recvfrom(int(fd), buf[:1], syscall.MSG_PEEK)
		return true
	})
	switch {
	case err != nil: // closed by us, or past its deadline, which the exchange tells
		return false, false
	case errors.Is(failed, syscall.EAGAIN), errors.Is(failed, syscall.EINTR):
		return false, false
	}
	return failed != nil || n == 0, n > 0
}
