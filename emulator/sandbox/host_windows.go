package sandbox

import (
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"example.com/emulate/emulator/lambda"

	"golang.org/x/sys/windows"
)

// host is this machine: processes, and neither groups, freezing, mount namespaces nor cgroups.
type host struct {
	limits  []string
	cgroups cgroup
	cpu     cpuGroups
	null    *os.File
}

func openHost(_ ProcessOptions, _ *session) (*host, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &host{null: null, limits: []string{
		"no private /tmp: TMP and TEMP name a folder of the environment's own",
		"not frozen between invokes: Windows has no signal for it",
		"no process groups and no SIGTERM: a handler ends at once, and a process that it started may outlive it and the emulator",
		"no limits of memory or the size of /tmp: a process has those of this machine",
		"CPU not limited: this system has no cgroups",
		"no memory figures: how much a handler uses is not measured on this system",
		"the last output of an invoke may come after its END line",
	}}, nil
}

func (h *host) private() bool { return false }
func (h *host) ended(*child)  {}
func (h *host) close() error  { return h.null.Close() }

// child is a started process.
type child struct {
	pid     int
	process *os.Process
	status  lambda.Exit
}

func (h *host) start(l *launch, output writeEnd) (*child, error) {
	p, err := os.StartProcess(l.path, l.args, &os.ProcAttr{
		Dir: l.dir, Env: l.env, Files: []*os.File{h.null, output, output},
		Sys: &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP},
	})
	if err != nil {
		return nil, err
	}
	return &child{pid: p.Pid, process: p}, nil
}

func (c *child) await() {
	c.status = lambda.Exit{Code: -1}
	if state, err := c.process.Wait(); err == nil {
		c.status.Code = state.ExitCode()
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
func (c *child) awaitGroup()       {}

// signal is one of the two things that can be done to a process here.
type signal int

const (
	sigKill signal = iota
	sigTerm
)

// signal ends the process; there is no request to end that a console program would get.
func (c *child) signal(s signal) error {
	if s == sigTerm {
		return nil
	}
	return c.process.Kill()
}

// Thaw does nothing: nothing is ever frozen.
func (in *instance) Thaw() error { return nil }

func errNotRunnable(err error) bool {
	return os.IsNotExist(err) || os.IsPermission(err)
}

// lockFile locks f for as long as it is open, and tells whether it could. It locks a byte far behind the end: others may read what is in the file.
func lockFile(f *os.File) bool {
	behind := &windows.Overlapped{OffsetHigh: 1 << 30}
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, behind) == nil
}

// claim removes the lock file of a session unless an emulator that lives has it open: then it cannot be removed.
func claim(path string) bool { return os.Remove(path) == nil }

const readSize = 32 << 10

// output reads the one pipe that is standard output and standard error of an environment's processes.
type output struct {
	file    *os.File
	buffers *sync.Pool
	ended   chan struct{}

	mu    sync.Mutex
	lines lines
}

type writeEnd = *os.File

func newOutput(emit func([]byte), buffers *sync.Pool) (*output, writeEnd, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return &output{file: r, buffers: buffers, ended: make(chan struct{}), lines: lines{emit: emit}}, w, nil
}

// run is the background reader, the only one here.
func (o *output) run() {
	defer close(o.ended)
	buffer := o.buffers.Get().(*[]byte)
	defer o.buffers.Put(buffer)
	for {
		n, err := o.file.Read(*buffer)
		o.mu.Lock()
		o.lines.write((*buffer)[:n])
		if err != nil {
			o.lines.flush()
		}
		o.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// drain waits until the background reader has emptied the pipe.
func (o *output) drain() {
	for range 100 {
		if o.waiting() == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines.flush()
}

// waiting is the number of bytes in the pipe.
func (o *output) waiting() uint32 {
	var n uint32
	peek := windows.NewLazySystemDLL("kernel32.dll").NewProc("PeekNamedPipe")
	ok, _, _ := peek.Call(o.file.Fd(), 0, 0, 0, uintptr(unsafe.Pointer(&n)), 0)
	if ok == 0 {
		return 0
	}
	return n
}

func (o *output) close() { o.file.Close() }
