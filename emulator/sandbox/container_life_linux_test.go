package sandbox

import (
	"bufio"
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

	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/lambda"
)

// free waits until that many spares of the function wait, and returns the first.
func (s *spares) await(t testing.TB, function string, n int) *box {
	t.Helper()
	var first *box
	eventually(t, fmt.Sprintf("%d spares", n), func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		pl := s.pools[function]
		if pl == nil {
			return n == 0
		}
		if len(pl.free) > 0 {
			first = pl.free[0]
		}
		return len(pl.free) == n
	})
	return first
}

func TestSpares(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream=%v", stream), func(t *testing.T) {
			c := newContainer(t, ContainerOptions{Stream: stream})
			s := spec(helperCode(t), newRecord(), "MODE", "sleep")
			s.Code.Digest = "1"
			a := startIn(t, c, s)
			spare := c.spares.await(t, "hello", 1)
			b := startIn(t, c, s)
			if b.(*contained).b != spare {
				t.Error("the spare was not taken")
			}
			// Another one comes; other code cannot use it.
			stale := c.spares.await(t, "hello", 1)
			s.Code.Digest = "2"
			d := startIn(t, c, s)
			if d.(*contained).b == stale {
				t.Error("a container with old code was taken")
			}
			<-stale.gone
			// Other variables can: they come with the start.
			spare = c.spares.await(t, "hello", c.spares.wanted("hello"))
			out := newRecord()
			s.Function.Environment, s.Output = map[string]string{"MODE": "environment", "OWN": "2"}, out.output
			e := startIn(t, c, s)
			if e.(*contained).b != spare && c.spares.wanted("hello") == 1 {
				t.Error("the spare was not taken")
			}
			wait(t, e)
			// A removed function has none.
			spare = c.spares.await(t, "hello", c.spares.wanted("hello"))
			c.Retain([]string{"other"})
			<-spare.gone
			for _, in := range []lambda.Instance{a, b, d, e} {
				stop(t, in, 0)
			}
			out.await(t, "OWN=2")
		})
	}
}

func (s *spares) wanted(function string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pools[function].want
}

// A burst that finds no spare makes more of them, up to what memory allows; quiet makes fewer, and none in the end.
func TestSparesGrowAndShrink(t *testing.T) {
	c := NewContainer(ContainerOptions{})
	c.world = &world{engine: &docker.Engine{}} // of 0 bytes: one spare is allowed
	now := time.Now()
	p := &blueprint{function: "f", key: "k"}
	s := &c.spares
	s.running, s.wake = true, make(chan struct{}, 1)
	for range 5 {
		if s.take(p) != nil {
			t.Fatal("a spare out of nothing")
		}
	}
	if got := s.wanted("f"); got != 1 {
		t.Errorf("%d wanted, and memory for one", got)
	}
	s.pools["f"].want = 8
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{30 * time.Second, 8}, {61 * time.Second, 4}, {90 * time.Second, 4}, {123 * time.Second, 2}, {190 * time.Second, 1}, {260 * time.Second, 1}} {
		s.shrink(now.Add(step.after))
		if got := s.wanted("f"); got != step.want {
			t.Errorf("after %v: %d wanted, want %d", step.after, got, step.want)
		}
	}
	s.shrink(now.Add(spareIdle + time.Second))
	if len(s.pools) != 0 {
		t.Error("an idle pool stays")
	}
	for _, test := range []struct {
		spares int
		pools  int
	}{{-1, 0}, {3, 1}} {
		c := NewContainer(ContainerOptions{Spares: test.spares})
		s := &c.spares
		s.running, s.wake = true, make(chan struct{}, 1)
		s.take(p)
		if len(s.pools) != test.pools || test.pools > 0 && s.wanted("f") != test.spares {
			t.Errorf("Spares %d: %v", test.spares, s.pools)
		}
	}
}

// A spare that died, as when somebody removes it, is not given out.
func TestDeadSpareIsNotTaken(t *testing.T) {
	c := newContainer(t, ContainerOptions{})
	s := spec(helperCode(t), newRecord(), "MODE", "sleep")
	a := startIn(t, c, s)
	spare := c.spares.await(t, "hello", 1)
	if err := spare.w.engine.Kill(context.Background(), spare.id, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	<-spare.gone
	b := startIn(t, c, s)
	if b.(*contained).b == spare {
		t.Error("a dead spare was taken")
	}
	stop(t, a, 0)
	stop(t, b, 0)
}

// A container that is removed under us is lost, and so is the network's holder: the next start makes another.
func TestContainerLost(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		out := newRecord()
		s := spec(helperCode(t), out, "MODE", "sleep")
		in := startIn(t, c, s)
		out.await(t, "pid ")
		b := in.(*contained).b
		for _, gone := range []*box{b, c.world.holder} {
			if err := b.w.engine.Kill(context.Background(), gone.id, "SIGKILL"); err != nil {
				t.Fatal(err)
			}
			<-gone.gone
		}
		if exit := wait(t, in); !exit.Lost {
			t.Errorf("ended by %+v", exit)
		}
		if _, err := in.Reset(context.Background()); err == nil {
			t.Error("a lost container was reset")
		}
		stop(t, in, 0)
		next := startIn(t, c, s)
		stop(t, next, 0)
	})
}

// beContainers is this test binary in the part of an emulator with containers that is to be killed.
func beContainers() {
	c := NewContainer(ContainerOptions{TempDir: os.Getenv("SANDBOX_TEST_TEMP"), CacheDir: os.Getenv("SANDBOX_TEST_CACHE"), Connect: connect,
		Session: os.Getenv("SANDBOX_TEST_SESSION"), Stream: os.Getenv("SANDBOX_TEST_EMULATOR") == "stream"})
	s := spec(os.Getenv("SANDBOX_TEST_CODE"), newRecord(), "MODE", "family")
	s.Output = func(line []byte) { fmt.Printf("%s\n", line) }
	in, err := c.Start(context.Background(), s)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	bufio.NewReader(os.Stdin).ReadString('\n')
	if err := in.(*contained).Freeze(); err != nil {
		fmt.Println("error", err)
	}
	fmt.Println("frozen")
	<-in.Done()
}

// A SIGKILL of the emulator ends its containers, frozen or not, within a second of each; the next one removes its folder, and what the engine kept.
func TestContainersEndWithTheEmulator(t *testing.T) {
	for _, link := range []string{"local", "stream"} {
		t.Run(link, func(t *testing.T) {
			within(t, 3*time.Second, func() time.Duration { return killedWithContainers(t, link) })
		})
	}
}

// killedWithContainers is the time from the kill until the three containers have ended.
func killedWithContainers(t *testing.T, link string) time.Duration {
	temp := outsideTmp(t)
	session := filepath.Base(temp) + "-killed"
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SANDBOX_TEST_EMULATOR="+link, "SANDBOX_TEST_TEMP="+temp, "SANDBOX_TEST_CODE="+helperCode(t),
		"SANDBOX_TEST_CACHE="+initCache(t), "SANDBOX_TEST_SESSION="+session)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := newRecord()
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			out.output(lines.Bytes())
		}
	}()
	out.await(t, "pid ")
	engine, err := connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	labels := map[string]string{labelSession: session}
	containers := func() []docker.State {
		states, err := engine.Containers(context.Background(), labels)
		if err != nil {
			t.Fatal(err)
		}
		return states
	}
	eventually(t, "the holder, the environment and its spare", func() bool { return len(containers()) == 3 })
	fmt.Fprintln(stdin)
	out.await(t, "frozen")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	<-read
	cmd.Wait()
	eventually(t, "the end of the containers", func() bool {
		for _, s := range containers() {
			if s.Running {
				return false
			}
		}
		return true
	})
	took := time.Since(killed)
	next := NewContainer(ContainerOptions{TempDir: temp, Connect: connect})
	if err := next.Sweep(context.Background()); err != nil {
		t.Error(err)
	}
	if err := next.Close(context.Background()); err != nil {
		t.Error(err)
	}
	nothingLeft(t, ContainerOptions{TempDir: temp, Connect: connect, Session: session})
	return took
}

// A Sweep leaves what living emulators have.
func TestSweepSparesTheLiving(t *testing.T) {
	c := newContainer(t, ContainerOptions{Spares: -1})
	out := newRecord()
	in := startIn(t, c, spec(helperCode(t), out, "MODE", "sleep"))
	out.await(t, "pid ")
	if err := c.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-in.Done():
		t.Error("a living emulator's container was removed")
	default:
	}
	stop(t, in, 0)
}

// testEngine is a Docker engine of the test's own, in a network of its own, which can be killed.
type testEngine struct {
	t      testing.TB
	dir    string
	daemon *exec.Cmd
}

// engineOfOwn starts it, with the test's image.
func engineOfOwn(t testing.TB) *testEngine {
	t.Helper()
	e := &testEngine{t: t, dir: outsideTmp(t)}
	t.Cleanup(e.close)
	e.start()
	load := exec.Command("sh", "-c", `docker save "$1" | docker -H "$2" load`, "load", testImage, e.host())
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("load the image: %v: %s", err, out)
	}
	return e
}

func (e *testEngine) host() string { return "unix://" + filepath.Join(e.dir, "docker.sock") }

func (e *testEngine) connect(ctx context.Context) (*docker.Engine, error) {
	return docker.Connect(ctx, docker.Options{Host: e.host()})
}

// start starts the daemon and waits until it answers. After a kill its containerd needs a moment before a new one can: then it is tried again.
func (e *testEngine) start() {
	e.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		e.daemon = exec.Command("unshare", "--net", "--mount", "dockerd", "--data-root", filepath.Join(e.dir, "data"), "--exec-root", filepath.Join(e.dir, "exec"),
			"--pidfile", filepath.Join(e.dir, "pid"), "-H", e.host(), "--storage-driver", "overlay2", "--iptables=false", "--ip-masq=false")
		log, err := os.OpenFile(filepath.Join(e.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			e.t.Fatal(err)
		}
		e.daemon.Stdout, e.daemon.Stderr = log, log
		if err := e.daemon.Start(); err != nil {
			e.t.Fatal(err)
		}
		log.Close()
		ended := make(chan struct{})
		daemon := e.daemon
		go func() {
			daemon.Wait()
			close(ended)
		}()
		if e.answers(ended) {
			return
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("the engine does not start: %s", read(e.t, filepath.Join(e.dir, "log")))
		}
	}
}

func (e *testEngine) answers(ended <-chan struct{}) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return false
		case <-tick.C:
			engine, err := e.connect(context.Background())
			if err == nil {
				engine.Close()
				return true
			}
		}
	}
}

func (e *testEngine) kill() { e.daemon.Process.Kill() }

func (e *testEngine) close() {
	e.daemon.Process.Signal(syscall.SIGTERM)
	eventually(e.t, "the engine's end", func() bool { return syscall.Kill(e.daemon.Process.Pid, 0) != nil })
	// A containerd that outlived a killed daemon was taken over by the next one, and ended with it, unless that one started its own.
	if text, err := os.ReadFile(filepath.Join(e.dir, "exec", "containerd", "containerd.pid")); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			syscall.Kill(pid, syscall.SIGTERM)
			eventually(e.t, "containerd's end", func() bool { return syscall.Kill(pid, 0) != nil })
		}
	}
	// So may the shim of a container that was being made when the daemon was killed.
	exec.Command("sh", "-c", `for shim in $(pgrep -f -- "-address $0/exec/"); do pkill -KILL -P "$shim"; kill -KILL "$shim"; done
		awk -v d="$0/" 'index($2, d) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l`, e.dir).Run()
}

// The engine is killed under load and comes back: what runs goes on until the engine ends it, and is lost then; starts wait, and none hangs.
func TestEngineRestarts(t *testing.T) {
	e := engineOfOwn(t)
	var said func() string
	o := ContainerOptions{Connect: e.connect}
	o.Notice, said = notices()
	c := newContainer(t, o)
	s := spec(helperCode(t), newRecord(), "MODE", "sleep")
	out := newRecord()
	s.Output = out.output
	a := startIn(t, c, s)
	out.await(t, "pid ")
	c.spares.await(t, "hello", 1)
	e.kill()
	eventually(t, "the engine's silence", func() bool { return c.engines.ping(context.Background()) != nil })
	var all sync.WaitGroup
	var mu sync.Mutex
	var started []lambda.Instance
	for range 4 { // one finds the spare, the others wait for the engine
		all.Go(func() {
			in, err := c.Start(context.Background(), s)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			started = append(started, in)
		})
	}
	eventually(t, "the notice", func() bool { return strings.Contains(said(), "does not answer") })
	select {
	case <-a.Done():
		t.Error("a running environment ended with the engine's daemon")
	default:
	}
	e.start()
	all.Wait()
	if exit := wait(t, a); !exit.Lost {
		t.Errorf("the engine ended it: %+v", exit)
	}
	if n := strings.Count(said(), "does not answer"); n != 1 {
		t.Errorf("it was said %d times: %s", n, said())
	}
	for _, in := range append(started, a) {
		stop(t, in, 0)
	}
	if err := c.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// An engine that stays away is not waited for without end.
func TestEngineStaysAway(t *testing.T) {
	e := engineOfOwn(t)
	o := ContainerOptions{Connect: e.connect, Spares: -1, Patience: 300 * time.Millisecond, TempDir: outsideTmp(t), CacheDir: initCache(t)}
	c := NewContainer(o)
	s := spec(helperCode(t), newRecord(), "MODE", "sleep")
	in, err := c.Start(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	e.kill()
	eventually(t, "the engine's silence", func() bool { return c.engines.ping(context.Background()) != nil })
	var unavailable *lambda.UnavailableError
	if _, err := c.Start(context.Background(), s); !errors.As(err, &unavailable) {
		t.Errorf("got %v", err)
	}
	stop(t, in, 0)
	if err := c.Close(context.Background()); err != nil {
		t.Error(err)
	}
	e.start()
}

// Without an engine the error is at once the engine's own, with its mend.
func TestNoEngine(t *testing.T) {
	c := NewContainer(ContainerOptions{TempDir: t.TempDir(), Connect: func(ctx context.Context) (*docker.Engine, error) {
		return docker.Connect(ctx, docker.Options{Host: "unix://" + filepath.Join(t.TempDir(), "none.sock")})
	}})
	s := spec(helperCode(t), newRecord())
	_, err := c.Start(context.Background(), s)
	var known *docker.Error
	if !errors.As(err, &known) || known.Kind != docker.Absent {
		t.Errorf("got %v", err)
	}
	found := c.Check(s.Function)
	if len(found) != 1 || found[0].Code != "no-container-engine" || strings.Contains(found[0].Message, "\n") {
		t.Errorf("got %+v", found)
	}
	if err := c.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
