//go:build unix

package sandbox

import (
	_ "embed"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
)

//go:embed watchdog.sh
var watchdogScript string

// watchdog is a shell that outlives the emulator by the moment it takes to kill what that left behind. It runs in a session of its own, out of
// the reach of the terminal's signals, and knows by the end of its standard input that the emulator has died.
type watchdog struct {
	process *os.Process
	// groups says that process groups are registered: without cgroups they are all there is to kill.
	groups bool

	mu   sync.Mutex
	pipe *os.File
}

// startWatchdog starts it in a cgroup of its own, where there are any, beside those of the environments.
func startWatchdog(h *host, s *session) (*watchdog, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	sys := &syscall.SysProcAttr{Setsid: true}
	group, err := h.cgroups.child("watchdog")
	if err != nil {
		w.Close()
		return nil, err
	}
	done, err := intoCgroup(sys, group)
	if err != nil {
		w.Close()
		return nil, err
	}
	defer done()
	p, err := os.StartProcess("/bin/sh", []string{"sh", "-c", watchdogScript, "emulate-watchdog", string(h.cgroups), s.dir, h.cpu.prefix, string(h.home)}, &os.ProcAttr{
		Dir: "/", Env: []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin"}, Files: []*os.File{r, h.null, h.null}, Sys: sys,
	})
	if err != nil {
		w.Close()
		return nil, err
	}
	return &watchdog{process: p, groups: h.cgroups == "", pipe: w}, nil
}

// register tells of a group that was started. The watchdog's own death is no reason to fail a start.
func (w *watchdog) register(pid int) { w.write("+ ", pid) }

// unregister tells that nothing is left of it.
func (w *watchdog) unregister(pid int) { w.write("- ", pid) }

func (w *watchdog) write(verb string, pid int) {
	if !w.groups {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pipe.WriteString(verb + strconv.Itoa(pid) + "\n")
}

// close tells the watchdog that nothing is left, and waits for its end.
func (w *watchdog) close() error {
	w.mu.Lock()
	w.pipe.WriteString("q\n")
	w.pipe.Close()
	w.mu.Unlock()
	if _, err := w.process.Wait(); err != nil {
		return fmt.Errorf("end the watchdog: %w", err)
	}
	return nil
}
