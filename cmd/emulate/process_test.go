//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program builds emulate, once for all tests.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "emulate-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "emulate")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build emulate: %w\n%s", err, out)
	}
	return path, nil
})

// process is a running emulate serve --json.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	aws    string
	stderr bytes.Buffer
	ended  chan error
}

// serveProbe starts a process that serves testdata/probe.
func serveProbe(t *testing.T) *process {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	probe, err := filepath.Abs("../../testdata/probe")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf("functions:\n  probe:\n    code: %s\n    runtime: provided.al2023\n    timeout: 20\n", probe)
	if err := os.WriteFile(filepath.Join(dir, "emulate.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(path, "serve", dir, "--json", "--port", "0", "--aws-port", "0"), ended: make(chan error, 1)}
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	var ready struct{ AWS string }
	if err := errors.Join(err, json.Unmarshal([]byte(first), &ready)); err != nil {
		t.Fatalf("ready line %q: %v\n%s", first, err, p.stderr.String())
	}
	p.aws = ready.AWS
	go func() {
		_, _ = io.Copy(io.Discard, lines) // until the process ends
		p.ended <- p.cmd.Wait()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// invoke runs the probe; the error is that of the connection.
func (p *process) invoke(order string) (body string, err error) {
	resp, err := http.Post(p.aws+"/2015-03-31/functions/probe/invocations", "application/json", strings.NewReader(order))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// pids of a probe's processes.
func (p *process) pids(order string) (pid, grandchild int) {
	p.t.Helper()
	body, err := p.invoke(order)
	var resp struct{ Body string }
	var s struct{ PID, Grandchild int }
	if err := errors.Join(err, json.Unmarshal([]byte(body), &resp), json.Unmarshal([]byte(resp.Body), &s)); err != nil {
		p.t.Fatalf("invoke %s: %s: %v", order, body, err)
	}
	return s.PID, s.Grandchild
}

func (p *process) end() int {
	p.t.Helper()
	select {
	case err := <-p.ended:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		if err != nil {
			p.t.Fatal(err)
		}
		return 0
	case <-time.After(20 * time.Second):
		p.t.Fatal("the process does not end")
		return 0
	}
}

// kill -9 of the emulator leaves no process behind within a second, grandchildren in sessions of their own included.
func TestKilledEmulatorLeavesNothing(t *testing.T) {
	p := serveProbe(t)
	pid, grandchild := p.pids(`{"do":"grandchild"}`)
	if !alive(pid) || !alive(grandchild) {
		t.Fatalf("processes %d and %d do not run", pid, grandchild)
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.end()
	left := []int{pid}
	if !strings.Contains(p.stderr.String(), "no cgroups") { // which says that such a grandchild is not caught
		left = append(left, grandchild)
	}
	for end := time.Now().Add(time.Second * raceFactor); ; {
		n := 0
		for _, pid := range left {
			if alive(pid) {
				n++
			}
		}
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("of the processes %v %d are left", left, n)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// alive says whether a process exists and is no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !bytes.Contains(stat, []byte(") Z "))
}

// An interrupt lets what runs finish; the second one does not.
func TestInterrupts(t *testing.T) {
	for _, c := range []struct {
		name    string
		signals []syscall.Signal
		code    int
		answer  bool
	}{
		{"SIGINT", []syscall.Signal{syscall.SIGINT}, 0, true},
		{"SIGTERM", []syscall.Signal{syscall.SIGTERM}, 0, true},
		{"twice", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 130, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := serveProbe(t)
			p.pids(`{}`)
			answered := make(chan error, 1)
			go func() {
				body, err := p.invoke(`{"sleepMs":3000}`)
				if err == nil && !strings.Contains(body, `"statusCode":200`) {
					err = errors.New(body)
				}
				answered <- err
			}()
			p.awaitBusy()
			for i, s := range c.signals {
				if i > 0 {
					<-time.After(300 * time.Millisecond) // the first has to be seen before
				}
				if err := p.cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			if err := <-answered; (err == nil) != c.answer {
				t.Errorf("the invocation in flight: %v", err)
			}
			if code := p.end(); code != c.code {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, p.stderr.String())
			}
			if !strings.Contains(p.stderr.String(), "1 invocation in flight may finish") {
				t.Errorf("standard error does not say what is waited for:\n%s", p.stderr.String())
			}
		})
	}
}

// awaitBusy waits until the second invocation runs; the first may look busy for a moment after its answer.
func (p *process) awaitBusy() {
	p.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		resp, err := http.Get(p.aws + "/_emulate/status")
		if err != nil {
			p.t.Fatal(err)
		}
		var st struct {
			Functions []struct{ Busy, Invocations int }
		}
		err = json.NewDecoder(resp.Body).Decode(&st)
		resp.Body.Close()
		if err != nil {
			p.t.Fatal(err)
		}
		if f := st.Functions[0]; f.Busy == 1 && f.Invocations == 2 {
			return
		}
	}
	p.t.Fatal("no invocation runs")
}

// The ready line is there 100 ms after exec where nothing has to be built.
func TestReadyLineIsQuick(t *testing.T) {
	serveProbe(t) // the program is built, and so is the probe
	best := time.Hour
	for range 40 { // on a machine that does other things as well one of many is not held up
		began := time.Now()
		p := serveProbe(t)
		best = min(best, time.Since(began))
		_ = p.cmd.Process.Kill()
		p.end()
		if best <= 100*time.Millisecond {
			return
		}
	}
	t.Errorf("the ready line came after %v, want 100 ms at most", best)
}
