//go:build linux

package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	engines "example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/telemetry"
)

// ownEngine is a container engine of the test's own, which can be killed.
type ownEngine struct {
	t      *testing.T
	dir    string
	daemon *exec.Cmd
	ended  chan struct{}
}

// startEngine starts it, with the image of the provided runtime.
func startEngine(t *testing.T) *ownEngine {
	t.Helper()
	dir, err := os.MkdirTemp("", "emulate-engine-") // not t.TempDir: a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	e := &ownEngine{t: t, dir: dir}
	t.Cleanup(e.close)
	e.start()
	load := exec.Command("sh", "-c", `docker save public.ecr.aws/lambda/provided:al2023 | docker -H "$0" load`, e.host())
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("load the image: %v: %s", err, out)
	}
	return e
}

func (e *ownEngine) host() string { return "unix://" + filepath.Join(e.dir, "docker.sock") }

func (e *ownEngine) answers() bool {
	engine, err := engines.Connect(context.Background(), engines.Options{Host: e.host()})
	if err == nil {
		engine.Close()
	}
	return err == nil
}

// start starts the daemon, in a network of its own, and waits until it answers. The containerd of a daemon that was killed has to end first: until it
// has, a new daemon ends at once, and is started again.
func (e *ownEngine) start() {
	e.t.Helper()
	file := func(name string) string { return filepath.Join(e.dir, name) }
	for end := time.Now().Add(patience); time.Now().Before(end); {
		log, err := os.OpenFile(file("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			e.t.Fatal(err)
		}
		daemon := exec.Command("unshare", "--net", "--mount", "dockerd", "--data-root", file("data"), "--exec-root", file("exec"), "--pidfile", file("pid"),
			"-H", e.host(), "--storage-driver", "overlay2", "--iptables=false", "--ip-masq=false")
		daemon.Stdout, daemon.Stderr = log, log
		if err := errors.Join(daemon.Start(), log.Close()); err != nil {
			e.t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			_ = daemon.Wait() // how it ended is in its log
			close(ended)
		}()
		e.daemon, e.ended = daemon, ended
		if eventually(ended, e.answers) {
			return
		}
	}
	log, _ := os.ReadFile(file("log"))
	e.t.Fatalf("the engine does not start: %s", log)
}

// kill is kill -9.
func (e *ownEngine) kill() {
	if err := e.daemon.Process.Kill(); err != nil {
		e.t.Fatal(err)
	}
	<-e.ended
}

func (e *ownEngine) close() {
	_ = e.daemon.Process.Signal(syscall.SIGTERM) // or it has ended
	<-e.ended
	// A containerd that outlived a killed daemon was taken over by the next one, and ends with it, unless that one started its own.
	if text, err := os.ReadFile(filepath.Join(e.dir, "exec", "containerd", "containerd.pid")); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			_ = syscall.Kill(pid, syscall.SIGTERM)
			eventually(after(patience), func() bool { return syscall.Kill(pid, 0) != nil })
		}
	}
	// So may the shim of a container that was being made when the daemon was killed.
	clear := exec.Command("sh", "-c", `for shim in $(pgrep -f -- "-address $0/exec/"); do pkill -KILL -P "$shim"; kill -KILL "$shim"; done
		awk -v d="$0/" 'index($2, d) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l`, e.dir)
	if err := errors.Join(clear.Run(), os.RemoveAll(e.dir)); err != nil {
		e.t.Error(err)
	}
}

// clients invoke the probe without end, each event with a number of its own.
type clients struct {
	w     *world
	order string
	mu    sync.Mutex
	last  int
	// well are the numbers that were answered, failed those whose runtime was lost.
	well, failed map[int]bool
	ended        bool
	all          sync.WaitGroup
}

func (c *clients) invoke() {
	c.mu.Lock()
	c.last++
	n := c.last
	c.mu.Unlock()
	r, err := c.w.Invoke(c.w.t.Context(), "probe", fmt.Appendf(nil, c.order, n))
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		c.w.t.Errorf("event %d: %v", n, err)
	case r.FunctionError == "":
		c.well[n] = true
	case strings.Contains(string(r.Payload), `"errorType":"Runtime.ExitError"`):
		c.failed[n] = true
	default:
		c.w.t.Errorf("event %d: %s", n, r.Payload)
	}
}

// load starts n clients that go on until end.
func load(w *world, n int, order string) *clients {
	c := &clients{w: w, order: order, well: map[int]bool{}, failed: map[int]bool{}}
	for range n {
		c.all.Go(func() {
			for !c.over() {
				c.invoke()
			}
		})
	}
	w.t.Cleanup(c.end)
	return c
}

func (c *clients) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// end waits until every client has its answer.
func (c *clients) end() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.all.Wait()
}

func (c *clients) answered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.well)
}

// The engine is killed under load and started again: every request ends, with its answer or, where its runtime had it and died, with AWS's error; none
// runs twice; later ones are served.
func TestEngineRestartsUnderLoad(t *testing.T) {
	e := startEngine(t)
	t.Setenv("DOCKER_HOST", e.host())
	program := t.TempDir()
	bootstrap(t, program, "../testdata/containers/probe")
	w := serve(t, map[string]string{"emulate.yaml": fmt.Sprintf("functions:\n  probe: { code: %s, runtime: provided.al2023, timeout: 60 }\n", program)}, inContainers)
	c := load(w, 6, `{"n":%d,"sleepMs":100}`)
	more := func(n int) {
		t.Helper()
		before := c.answered()
		if !eventually(after(patience), func() bool { return c.answered() >= before+n }) {
			t.Fatalf("%d answers within %v, want %d more", c.answered()-before, patience, n)
		}
	}
	more(30)

	e.kill()
	// What runs goes on without a daemon; what needs another environment waits for it.
	more(6)
	for range 6 {
		c.all.Go(c.invoke)
	}
	e.start()
	more(60)
	c.end()

	ran := map[int]int{}
	for _, e := range w.seen() {
		var n int
		if l, ok := e.Record.(telemetry.Line); ok {
			if _, err := fmt.Sscanf(l.Text, "ran %d", &n); err == nil {
				ran[n]++
			}
		}
	}
	for n := 1; n <= c.last; n++ {
		if times := ran[n]; times > 1 || c.well[n] && times != 1 {
			t.Errorf("event %d ran %d times (answered: %v)", n, times, c.well[n])
		}
	}
	if len(c.failed) == 0 {
		t.Error("the engine's end hit no invocation: the test shows nothing")
	}
	t.Logf("%d events answered, %d lost with their containers", len(c.well), len(c.failed))
}
