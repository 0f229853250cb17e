package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// kill -9 of the emulator leaves no process behind within a second, whatever its functions do: idle and frozen, in mid-invoke, with children in
// their group and in sessions of their own, while a hundred environments start.
func TestKilledEmulatorLeavesNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(p *process) // returns when it is as it should be
	}{
		{"frozen", func(p *process) {
			s := p.state(`{"do":"children"}`)
			awaitFrozen(p.t, s.PID)
		}},
		{"in mid-invoke", func(p *process) {
			p.state(`{"do":"children"}`)
			p.background(1, `{"do":"children","sleepMs":15000}`)
			p.awaitBusy(2)
		}},
		{"cold starts", func(p *process) {
			p.state(`{"do":"children"}`)
			p.background(100, `{"sleepMs":15000}`)
			for st := p.stats(); st.Starting+st.Busy < 50; st = p.stats() {
				<-time.After(pause)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			// A machine that does other things as well gets another try for the second; that all ends in the end, it always has to show.
			var took time.Duration
			for range 5 {
				if took = killed(t, c.do); took <= time.Second {
					t.Logf("all processes were gone after %v", took.Round(time.Millisecond))
					return
				}
			}
			t.Errorf("the last process was gone after %v, want a second at most", took)
		})
	}
}

// killed kills an emulator with SIGKILL, and returns how long its processes lived on.
func killed(t *testing.T, do func(*process)) time.Duration {
	p := newProcess(t, probeProject(t, ""))
	temp := t.TempDir()
	mark := "EMULATE_TEST_MARK=" + filepath.Base(filepath.Dir(temp)) + filepath.Base(temp)
	p.cmd.Args = append(p.cmd.Args, "--env", mark)
	p.cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	p.start()
	p.awaitBuilt()
	do(p)
	children := childrenOf(t, p.cmd.Process.Pid) // the watchdog is one
	caught := !strings.Contains(p.stderr.String(), "no cgroups")
	left := func() (pids []int) {
		for _, pid := range marked(t, mark) {
			if sid, err := unix.Getsid(pid); caught || err == nil && sid != pid { // without cgroups, it is said that sessions are not caught
				pids = append(pids, pid)
			}
		}
		return append(pids, slices.DeleteFunc(slices.Clone(children), func(pid int) bool { return !alive(pid) })...)
	}
	if n := len(left()); n < 4 { // the watchdog, the handler and its two children
		t.Fatalf("only %d processes run", n)
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.end()
	for {
		pids := left()
		took := time.Since(began)
		if len(pids) == 0 {
			if found, _ := filepath.Glob(filepath.Join(temp, "*")); len(found) > 0 {
				t.Errorf("left in TMPDIR: %v", found)
			}
			return took
		}
		if took > limit {
			t.Fatalf("of the emulator's processes %v are left", pids)
		}
		<-time.After(pause)
	}
}

// background makes invocations whose answers nobody reads.
func (p *process) background(n int, order string) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			resp, err := http.Post(p.aws+"/2015-03-31/functions/probe/invocations", "application/json", strings.NewReader(order))
			if err == nil {
				resp.Body.Close()
			}
		})
	}
	p.t.Cleanup(wg.Wait)
}

// alive says whether a process exists and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

// processes calls visit for every process of the machine.
func processes(t *testing.T, visit func(pid int)) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			visit(pid)
		}
	}
}

// marked are the processes that have a variable in their environment.
func marked(t *testing.T, variable string) (pids []int) {
	t.Helper()
	processes(t, func(pid int) {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // a process that has just ended has none
		if err == nil && slices.ContainsFunc(bytes.Split(env, []byte{0}), func(kv []byte) bool { return string(kv) == variable }) {
			pids = append(pids, pid)
		}
	})
	return pids
}

func childrenOf(t *testing.T, parent int) (pids []int) {
	t.Helper()
	processes(t, func(pid int) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if fields[1] == strconv.Itoa(parent) {
			pids = append(pids, pid)
		}
	})
	return pids
}

// awaitFrozen waits until a process is stopped by a freezer or a signal. Where the kernel does not say so, half a second is enough.
func awaitFrozen(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(stat, []byte(") D ")) || bytes.Contains(stat, []byte(") T ")) {
			return
		}
	}
}
