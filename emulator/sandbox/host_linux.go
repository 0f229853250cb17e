package sandbox

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"example.com/emulate/emulator/lambda"

	"golang.org/x/sys/unix"
)

// host is this machine, with what it permits.
type host struct {
	// limits are the lines of Process.Limits.
	limits []string
	// cgroups is the cgroup under which those of the environments stand, "" where cgroups are not permitted.
	cgroups cgroup

	spawner  *spawner
	null     *os.File
	watchdog *watchdog
}

// openHost starts the spawner and the watchdog, and finds out what is permitted. That a process can be started into our cgroup is known once the
// watchdog has been.
func openHost(o ProcessOptions, s *session) (_ *host, err error) {
	h := &host{}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
		return nil, err
	}
	h.spawner = startSpawner(!o.NoPrivateTmp)
	if !o.NoCgroups {
		h.cgroups = makeCgroup(s)
	}
	if h.watchdog, err = startWatchdog(h, s); err != nil && h.cgroups != "" {
		h.cgroups.remove()
		h.cgroups = ""
		h.watchdog, err = startWatchdog(h, s)
	}
	if err != nil {
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	h.tellLimits(o)
	return h, s.note(h.cgroups)
}

func (h *host) tellLimits(o ProcessOptions) {
	switch {
	case o.NoPrivateTmp:
		h.limits = append(h.limits, "no private /tmp, as asked: handlers share the host's /tmp and /opt; TMPDIR names a folder of the environment's own")
	case !h.private():
		h.limits = append(h.limits, "no private /tmp: a mount namespace needs root (CAP_SYS_ADMIN); handlers share the host's /tmp and /opt; TMPDIR names a folder of the environment's own")
	}
	if h.cgroups == "" {
		h.limits = append(h.limits, "no cgroups: frozen by SIGSTOP; a process that a handler starts by setsid is neither frozen nor killed with its environment")
	}
	h.limits = append(h.limits, "no limits of memory, CPU or the size of /tmp: a process has those of this machine")
}

// private tells whether an environment has a /tmp of its own.
func (h *host) private() bool { return h.spawner.namespace >= 0 }

// child is a started process, the leader of its group.
type child struct {
	pid int
	// exited is the pidfd in the runtime's poller; nil on kernels without.
	exited *os.File
}

// start makes the process that l describes. All that does not need the spawner's thread is done here.
func (h *host) start(l *launch, output writeEnd) (*child, error) {
	pidfd := -1
	sys := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, PidFD: &pidfd}
	done, err := intoCgroup(sys, l.slot.cgroup)
	if err != nil {
		return nil, err
	}
	defer done()
	out := uintptr(output)
	attr := &syscall.ProcAttr{Dir: l.dir, Env: l.env, Files: []uintptr{h.null.Fd(), out, out}, Sys: sys}
	pid, err := h.spawner.start(l, attr)
	if err != nil {
		return nil, err
	}
	c := &child{pid: pid}
	if pidfd >= 0 {
		unix.SetNonblock(pidfd, true)
		c.exited = os.NewFile(uintptr(pidfd), "pidfd")
	}
	h.watchdog.register(pid)
	limitFiles(pid)
	return c, nil
}

// intoCgroup lets a process begin its life in c; done is to be called when it has.
func intoCgroup(sys *syscall.SysProcAttr, c cgroup) (done func(), err error) {
	if c == "" {
		return func() {}, nil
	}
	fd, err := syscall.Open(string(c), unix.O_PATH|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open cgroup: %w", err)
	}
	sys.UseCgroupFD, sys.CgroupFD = true, fd
	return func() { syscall.Close(fd) }, nil
}

// limitFiles gives a process Lambda's limit of open files, 1,024 (spec lambda.md §5.2), where it has more. A runtime that has asked for its limit
// in the microseconds since exec has seen the host's.
func limitFiles(pid int) {
	var now unix.Rlimit
	if unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &now) == nil && now.Max > lambdaFiles {
		unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: lambdaFiles, Max: lambdaFiles}, nil)
	}
}

const lambdaFiles = 1024

// await waits until the process has ended, without a thread of its own. It does not reap it.
func (c *child) await() {
	if c.exited != nil {
		defer c.exited.Close()
		if raw, err := c.exited.SyscallConn(); err == nil {
			err = raw.Read(func(fd uintptr) bool {
				return waitid(unix.P_PIDFD, int(fd), unix.WNOHANG) != unix.EAGAIN
			})
			if err == nil {
				return
			}
		}
	}
	waitid(unix.P_PID, c.pid, 0)
}

// waitid waits for an exit and leaves the process as it is; EAGAIN says that it still runs.
func waitid(kind, id, options int) error {
	for {
		var info unix.Siginfo
		err := unix.Waitid(kind, id, &info, unix.WEXITED|unix.WNOWAIT|options, nil)
		if err == unix.EINTR {
			continue
		}
		if err == nil && info.Signo == 0 {
			return unix.EAGAIN
		}
		return err
	}
}

// reap takes the exit status of a process that has ended.
func (c *child) reap() lambda.Exit {
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(c.pid, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return lambda.Exit{Code: -1}
		}
		return exitOf(ws)
	}
}

// ended tells the watchdog that nothing is left of a group.
func (h *host) ended(c *child) { h.watchdog.unregister(c.pid) }

func (h *host) close() error {
	var errs []error
	if h.watchdog != nil {
		errs = append(errs, h.watchdog.close())
	}
	if h.spawner != nil {
		h.spawner.close()
	}
	if h.null != nil {
		h.null.Close()
	}
	return errors.Join(append(errs, h.cgroups.removeTree())...)
}

// newPipe makes a pipe whose reading end does not block.
func newPipe() (int, writeEnd, error) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
		return -1, -1, err
	}
	return fds[0], writeEnd(fds[1]), syscall.SetNonblock(fds[0], true)
}
