package sandbox

import (
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// exits waits for the ends of all processes in one goroutine, which itself waits in the runtime's poller: an environment costs it a descriptor and
// an entry, neither a thread nor a goroutine.
type exits struct {
	epoll *os.File
	raw   syscall.RawConn
	done  chan struct{}

	mu sync.Mutex
	// waiting are what to call, by pidfd.
	waiting map[int32]func()
}

func startExits() (*exits, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("wait for processes: %w", err)
	}
	unix.SetNonblock(fd, true)
	e := &exits{epoll: os.NewFile(uintptr(fd), "epoll"), done: make(chan struct{}), waiting: map[int32]func(){}}
	if e.raw, err = e.epoll.SyscallConn(); err != nil {
		e.epoll.Close()
		return nil, err
	}
	go e.run()
	return e, nil
}

// add calls ended, which must not block, when the process of pidfd has ended. From then on pidfd belongs to e.
func (e *exits) add(pidfd int, ended func()) (err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	control := e.raw.Control(func(fd uintptr) {
		err = unix.EpollCtl(int(fd), unix.EPOLL_CTL_ADD, pidfd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(pidfd)})
	})
	if err == nil {
		err = control
	}
	if err == nil {
		e.waiting[int32(pidfd)] = ended
	}
	return err
}

func (e *exits) run() {
	defer close(e.done)
	var events [16]unix.EpollEvent
	for {
		n := 0
		err := e.raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events[:], 0)
			return n > 0
		})
		if err != nil {
			return
		}
		for _, event := range events[:n] {
			e.take(event.Fd)()
			unix.Close(int(event.Fd))
		}
	}
}

func (e *exits) take(pidfd int32) func() {
	e.mu.Lock()
	defer e.mu.Unlock()
	ended := e.waiting[pidfd]
	delete(e.waiting, pidfd)
	return ended
}

// close ends the goroutine; every process must have ended before.
func (e *exits) close() {
	e.epoll.Close()
	<-e.done
}
