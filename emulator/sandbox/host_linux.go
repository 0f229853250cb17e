package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"example.com/emulate/emulator/lambda"

	"golang.org/x/sys/unix"
)

// host is this machine, with what it permits.
type host struct {
	// limits are the lines of Process.Limits.
	limits []string
	// cgroups is the cgroup under which those of the environments stand, "" where cgroups are not permitted.
	cgroups cgroup
	// cpu is where their CPU time is limited.
	cpu cpuGroups
	// home is the cgroup in which the emulator itself is.
	home cgroup

	spawner  *spawner
	exits    *exits
	null     *os.File
	watchdog *watchdog
	// manyFiles says that processes may have more open files than on Lambda.
	manyFiles bool
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
	if h.exits, err = startExits(); err != nil {
		return nil, err
	}
	h.spawner = startSpawner(!o.NoPrivateTmp)
	unlimited := h.findCgroups(o, filepath.Base(s.dir))
	if h.watchdog, err = startWatchdog(h, s); err != nil && h.cgroups != "" {
		h.cgroups.removeTree()
		h.cgroups = ""
		if h.cpu.unified {
			h.cpu, unlimited = cpuGroups{}, err.Error()
		}
		h.watchdog, err = startWatchdog(h, s)
	}
	if err != nil {
		return nil, fmt.Errorf("start the watchdog: %w", err)
	}
	var files unix.Rlimit
	h.manyFiles = unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil && files.Max > lambdaFiles
	h.tellLimits(o, unlimited)
	return h, s.note(h.cgroups, h.cpu)
}

// findCgroups finds out which cgroups are permitted, and why CPU time cannot be limited where it cannot.
func (h *host) findCgroups(o ProcessOptions, name string) (unlimited string) {
	if o.NoCgroups {
		return "cgroups are not used, as asked"
	}
	lends := false
	if !o.onlyV1 {
		h.home, _ = cgroupOf(os.Getpid(), "")
		h.cgroups, lends = makeCgroup(h.home, name, !o.NoCPULimit)
	}
	if o.NoCPULimit {
		return "as asked"
	}
	h.cpu, unlimited = findCPU(h.spawner, h.cgroups, lends, name)
	return unlimited
}

func (h *host) tellLimits(o ProcessOptions, unlimited string) {
	switch {
	case o.NoPrivateTmp:
		h.limits = append(h.limits, "no private /tmp, as asked: handlers share the host's /tmp and /opt; TMPDIR names a folder of the environment's own")
	case !h.private():
		h.limits = append(h.limits, "no private /tmp: a mount namespace needs root (CAP_SYS_ADMIN); handlers share the host's /tmp and /opt; TMPDIR names a folder of the environment's own")
	}
	switch {
	case h.cgroups == "" && h.cpu.prefix != "":
		h.limits = append(h.limits, "no cgroup v2: frozen by SIGSTOP; a process that a handler starts by setsid is not frozen with its environment")
	case h.cgroups == "":
		h.limits = append(h.limits, "no cgroups: frozen by SIGSTOP; a process that a handler starts by setsid is neither frozen nor killed with its environment")
	}
	if unlimited != "" {
		h.limits = append(h.limits, "CPU not limited: "+unlimited)
	}
	h.limits = append(h.limits, "no limits of memory or the size of /tmp: a process has those of this machine")
}

// private tells whether an environment has a /tmp of its own.
func (h *host) private() bool { return h.spawner.namespace >= 0 }

// child is a started process, the leader of its group.
type child struct {
	pid int
	// pidfd is -1 on kernels without.
	pidfd int
}

// start makes the process that l describes. All that does not need the spawner's thread is done here.
func (h *host) start(l *launch, output writeEnd) (*child, error) {
	sys := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	done, err := intoCgroup(sys, l.slot.cgroup)
	if err != nil {
		return nil, err
	}
	defer done()
	out := uintptr(output)
	attr := &syscall.ProcAttr{Dir: l.dir, Env: l.env, Files: []uintptr{h.null.Fd(), out, out}, Sys: sys}
	pid, err := h.spawner.start(l, attr)
	// A file that was just written here may still be open for writing in a child that another goroutine is about to start.
	for wait := time.Millisecond; err == syscall.ETXTBSY && wait < 500*time.Millisecond; wait *= 2 {
		time.Sleep(wait)
		pid, err = h.spawner.start(l, attr)
	}
	if err != nil {
		return nil, err
	}
	h.watchdog.register(pid)
	h.limitFiles(pid)
	keepView(l, pid)
	pidfd, err := unix.PidfdOpen(pid, 0) // the pid cannot mean another process: this one is not reaped yet
	if err != nil {
		pidfd = -1
	}
	return &child{pid: pid, pidfd: pidfd}, nil
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

// lambdaFiles is Lambda's limit of open files (spec lambda.md §5.2).
const lambdaFiles = 1024

// limitFiles gives a process that limit, where this machine allows more. A runtime that asks in the microseconds after exec sees the host's.
func (h *host) limitFiles(pid int) {
	if h.manyFiles {
		unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: lambdaFiles, Max: lambdaFiles}, nil)
	}
}

// watch calls ended when the process has ended; it has not been reaped then.
func (h *host) watch(c *child, ended func()) {
	if c.pidfd >= 0 && h.exits.add(c.pidfd, ended) == nil {
		return
	}
	go func() {
		if c.pidfd >= 0 {
			defer syscall.Close(c.pidfd)
		}
		for unix.Waitid(unix.P_PID, c.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
		ended()
	}()
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
	if h.exits != nil {
		h.exits.close()
	}
	if h.null != nil {
		h.null.Close()
	}
	return errors.Join(append(errs, h.cgroups.removeTree(), h.cpu.removeAll())...)
}

// newPipe makes a pipe whose reading end does not block.
func newPipe() (int, writeEnd, error) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
		return -1, -1, err
	}
	return fds[0], writeEnd(fds[1]), syscall.SetNonblock(fds[0], true)
}
