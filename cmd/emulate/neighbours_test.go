//go:build unix

package main

import (
	"os"
	"strings"
	"sync"
	"testing"
)

// Two emulators that serve one project, with one cache that is empty at first, do not disturb each other: neither by building at the same time, nor
// by the death of one, nor by the next one, which removes what a dead one left.
func TestNeighbours(t *testing.T) {
	if _, err := program.build(); err != nil {
		t.Fatal(err)
	}
	dir, home, temp := probeProject(t, ""), t.TempDir(), t.TempDir()
	neighbour := func() *process {
		p := newProcess(t, dir)
		// HOME too: not every system's cache folder follows XDG_CACHE_HOME. The Go tool keeps its own caches.
		p.cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+home, "HOME="+home, "TMPDIR="+temp, "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"))
		return p
	}
	a, b := neighbour(), neighbour()
	a.start()
	b.start()
	var first [2]probeState
	var wg sync.WaitGroup
	for i, p := range []*process{a, b} {
		wg.Go(func() { first[i] = p.state(`{"do":"children"}`) })
	}
	wg.Wait()
	if first[0].Invocations != 1 || first[1].Invocations != 1 || first[0].PID == first[1].PID || first[0].LogStream == first[1].LogStream {
		t.Errorf("the emulators share an environment: %+v", first)
	}

	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	a.end()
	c := neighbour()
	c.start()
	if s := c.state(`{}`); s.Invocations != 1 {
		t.Errorf("the third emulator's environment is not new: %+v", s)
	}
	if s := b.state(`{}`); s.Invocations != 2 || s.PID != first[1].PID || s.LogStream != first[1].LogStream {
		t.Errorf("after its neighbour's death: %+v, before %+v", s, first[1])
	}
	for _, p := range []*process{b, c} {
		if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if code := p.end(); code != 0 {
			t.Errorf("exit code %d\n%s", code, &p.stderr)
		}
	}
	left, err := os.ReadDir(temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if strings.HasPrefix(e.Name(), "emulate-") {
			t.Errorf("%s is left in TMPDIR", e.Name())
		}
	}
}
