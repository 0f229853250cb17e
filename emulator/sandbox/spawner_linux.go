package sandbox

import (
	"fmt"
	"os"
	goruntime "runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// spawner is the one thread that makes all processes. A parent-death signal fires when the *thread* that made the child ends, so this one lives
// until everything has been stopped; and a mount namespace is a thread's own matter, so nothing else of the emulator notices.
type spawner struct {
	work chan func()
	done chan struct{}
	// namespace is the mount namespace to which the thread comes back after each start, -1 where none is permitted.
	namespace int
	files     files
	// lost says that the thread did not come back: whatever it starts would stand in another environment's view.
	lost error

	// home is the group of the emulator in the cpu hierarchy of cgroup v1, to which the thread comes back after each start; "" where CPU time is
	// not limited there.
	home cgroup
	// cpus are this machine's; pinned says that the thread does not have them all, turn counts how often it had other ones.
	cpus   []int
	pinned bool
	turn   int
}

func startSpawner(private bool) *spawner {
	s := &spawner{work: make(chan func()), done: make(chan struct{}), namespace: -1}
	ready := make(chan struct{})
	go s.run(private, ready)
	<-ready
	return s
}

// run never unlocks its thread, which therefore ends with it. The process's first thread cannot end, and the rest of the process would see its
// namespaces in /proc/self: there it steps aside.
func (s *spawner) run(private bool, ready chan<- struct{}) {
	goruntime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		started := make(chan struct{})
		go s.run(private, started)
		<-started
		goruntime.UnlockOSThread()
		close(ready)
		return
	}
	defer close(s.done)
	s.files = ownFiles()
	s.cpus = ownCPUs()
	if private {
		s.namespace = baseNamespace()
	}
	close(ready)
	for f := range s.work {
		f()
	}
	if s.namespace >= 0 {
		syscall.Close(s.namespace)
	}
	s.files.close()
}

// start makes a process on the spawner's thread, in a view of its own where l asks for one.
func (s *spawner) start(l *launch, attr *syscall.ProcAttr) (pid int, err error) {
	s.do(func() { pid, err = s.startInGroup(l, attr) })
	return pid, err
}

// do lets the spawner's thread call f.
func (s *spawner) do(f func()) {
	finished := make(chan struct{})
	s.work <- func() {
		defer close(finished)
		f()
	}
	<-finished
}

// startInGroup makes a process in the slot's CPU group, which sees as many CPUs as its memory buys. Where the limit could never bite, it stays out of
// the group of cgroup v1: to switch between groups costs the kernel more than to switch between processes.
func (s *spawner) startInGroup(l *launch, attr *syscall.ProcAttr) (pid int, err error) {
	if s.lost != nil {
		return 0, s.lost
	}
	if err := s.pin(visibleCPUs(l.slot.memoryMB)); err != nil {
		return 0, err
	}
	l.slot.joined = l.slot.cpu.cgroup != "" && bites(l.slot.memoryMB, len(s.cpus))
	if !l.slot.joined || !l.slot.cpu.v1 {
		return s.startInView(l, attr)
	}
	if err := s.join(l.slot.cpu); err != nil {
		return 0, fmt.Errorf("enter a cgroup: %w", err)
	}
	pid, err = s.startInView(l, attr)
	if back := s.goHome(); back != nil {
		s.lost = fmt.Errorf("leave the cgroup of an earlier environment: %w", back)
	}
	return pid, err
}

func (s *spawner) startInView(l *launch, attr *syscall.ProcAttr) (pid int, err error) {
	if l.view.none() {
		return s.files.forkExec(l.path, l.args, attr)
	}
	if err = s.enterView(l); err == nil {
		pid, err = s.files.forkExec(l.path, l.args, attr)
	}
	if back := unix.Setns(s.namespace, unix.CLONE_NEWNS); back != nil {
		s.lost = fmt.Errorf("leave the mount namespace of an earlier environment: %w", back)
	}
	return pid, err
}

// close ends the thread; every process must have ended before.
func (s *spawner) close() {
	close(s.work)
	<-s.done
}
