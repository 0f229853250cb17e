package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// system is a process under measurement.
type system struct {
	name string
	cmd  *exec.Cmd
	// addr by front: "http", "rest", "invoke".
	addr map[string]string
	log  string // the file that its standard output goes to
}

// stop ends the process, and waits until it and its children are gone.
func (s *system) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = s.cmd.Wait() // how it ends does not matter to what was measured
	return nil
}

func goBuild(dir, out string, pkg string) error {
	c := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	c.Dir = dir
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// buildBase builds emulate of the commit to compare with.
func (b *bench) buildBase() error {
	tree := filepath.Join(b.dir, "base-tree")
	if text, err := exec.Command("git", "worktree", "add", "--detach", tree, b.o.base).CombinedOutput(); err != nil {
		return fmt.Errorf("check out %s: %w\n%s", b.o.base, err, text)
	}
	defer func() { _ = exec.Command("git", "worktree", "remove", "--force", tree).Run() }() // a leftover is pruned by git
	b.programs["base"] = filepath.Join(b.dir, "emulate-base")
	return goBuild(tree, b.programs["base"], "./cmd/emulate")
}

// ready is the first line of emulate serve --json.
type ready struct {
	AWS  string `json:"aws"`
	APIs []struct{ Kind, URL string }
}

// command is a system's; it is asked to end when the run is interrupted.
func (b *bench) command(program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(b.ctx, program, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	return c
}

// startEmulate starts one of emulate's binaries on a project, with its standard output in a file.
func (b *bench) startEmulate(program, project string, args ...string) (*system, error) {
	log, err := os.CreateTemp(b.dir, program+"-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c := b.command(b.programs[program], append([]string{"serve", project, "--port", "0", "--aws-port", "0", "--json", "--region", "us-east-1"}, args...)...)
	c.Stdout = log
	if err := c.Start(); err != nil {
		return nil, err
	}
	s := &system{name: program, cmd: c, log: log.Name(), addr: map[string]string{}}
	var r ready
	err = waitFor(10*time.Second, func() (bool, error) {
		line, err := firstLine(log.Name())
		if err != nil || line == "" {
			return false, err
		}
		return true, json.Unmarshal([]byte(line), &r)
	})
	if err != nil {
		_ = s.stop() // the first error tells more
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	s.addr["invoke"] = strings.TrimPrefix(r.AWS, "http://")
	for _, a := range r.APIs {
		s.addr[a.Kind] = strings.TrimPrefix(a.URL, "http://")
	}
	return s, nil
}

// startFloor starts this program as the floor.
func (b *bench) startFloor(events map[string]string) (*system, error) {
	return b.startChild("-floor", b.handler, events["http"], events["rest"])
}

// startChild starts this program as a server, whose first line is its address.
func (b *bench) startChild(args ...string) (*system, error) {
	c := b.command(b.self, args...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	addr = strings.TrimSpace(addr)
	return &system{name: "floor", cmd: c, addr: map[string]string{"http": addr, "rest": addr, "invoke": addr}}, nil
}

func firstLine(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
	if errors.Is(err, io.EOF) {
		return "", nil // not written yet
	}
	return line, err
}

// waitFor polls until done, an error, or the time is over.
func waitFor(d time.Duration, done func() (bool, error)) error {
	for end := time.Now().Add(d); ; time.Sleep(2 * time.Millisecond) {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("not ready after %v", d)
		}
	}
}
