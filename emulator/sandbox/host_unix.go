//go:build unix && !linux

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"example.com/emulate/emulator/lambda"
)

// host is this machine: process groups, and neither mount namespaces nor cgroups.
type host struct {
	// limits are the lines of Process.Limits.
	limits []string
	// cgroups, home and cpu are always empty.
	cgroups, home cgroup
	cpu           cpuGroups

	null     *os.File
	watchdog *watchdog
}

func openHost(_ ProcessOptions, s *session) (*host, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	h := &host{null: null, limits: []string{
		"no private /tmp: this system has no mount namespaces; handlers share the host's /tmp and /opt; TMPDIR names a folder of the environment's own",
		"no cgroups: frozen by SIGSTOP; a process that a handler starts by setsid is neither frozen nor killed with its environment",
		"no limits of memory or the size of /tmp: a process has those of this machine",
		"CPU not limited: this system has no cgroups",
		"no memory figures: how much a handler uses is not measured on this system",
	}}
	if h.watchdog, err = startWatchdog(h, s); err != nil {
		null.Close()
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	return h, nil
}

func (h *host) private() bool { return false }

// child is a started process, the leader of its group.
type child struct {
	pid    int
	status lambda.Exit
}

func (h *host) start(l *launch, output writeEnd) (*child, error) {
	pid, err := syscall.ForkExec(l.path, l.args, &syscall.ProcAttr{
		Dir: l.dir, Env: l.env, Files: []uintptr{h.null.Fd(), uintptr(output), uintptr(output)}, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return nil, err
	}
	h.watchdog.register(pid)
	return &child{pid: pid}, nil
}

// await waits until the process has ended, and reaps it: these systems have no wait that does not.
func (c *child) await() {
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(c.pid, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		c.status = lambda.Exit{Code: -1}
		if err == nil {
			c.status = exitOf(ws)
		}
		return
	}
}

// watch calls ended when the process has ended.
func (h *host) watch(c *child, ended func()) {
	go func() {
		c.await()
		ended()
	}()
}

func (c *child) reap() lambda.Exit { return c.status }

// ended tells the watchdog that nothing is left of a group.
func (h *host) ended(c *child) { h.watchdog.unregister(c.pid) }

func (h *host) close() error {
	return errors.Join(h.watchdog.close(), h.null.Close())
}

func intoCgroup(*syscall.SysProcAttr, cgroup) (done func(), err error) { return func() {}, nil }

// newPipe makes a pipe whose reading end does not block.
func newPipe() (int, writeEnd, error) {
	var fds [2]int
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := syscall.Pipe(fds[:]); err != nil {
		return -1, -1, err
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	return fds[0], writeEnd(fds[1]), syscall.SetNonblock(fds[0], true)
}
