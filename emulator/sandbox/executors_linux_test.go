package sandbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/emulate/emulator/lambda"

	"github.com/google/go-cmp/cmp"
)

// kit is an executor with what a test needs to look behind it.
type kit struct {
	lambda.Executor
	process   *Process
	container *Container
	close     func(context.Context) error
}

// eachExecutor runs a test over processes with all that this machine permits and with little of it, and over containers by both links.
func eachExecutor(t *testing.T, f func(t *testing.T, k kit)) {
	eachWay(t, func(t *testing.T, p *Process) { f(t, kit{Executor: p, process: p, close: p.Close}) })
	eachTransport(t, func(t *testing.T, c *Container) { f(t, kit{Executor: c, container: c, close: c.Close}) })
}

// processes are the environment's processes that live, by this machine's numbers.
func (k kit) processes(t testing.TB, in lambda.Instance) (pids []string) {
	t.Helper()
	if p, ok := in.(*instance); ok {
		all := p.slot.cgroup.pids()
		if p.slot.cgroup == "" {
			all = []int{p.child.pid}
		}
		for _, pid := range all {
			if alive(strconv.Itoa(pid)) {
				pids = append(pids, strconv.Itoa(pid))
			}
		}
		return pids
	}
	b := in.(*contained).b
	state, err := b.w.engine.Inspect(context.Background(), b.id)
	if err != nil || !state.Running {
		return nil
	}
	procs := findContainerCgroup(state.PID).procs
	text, _ := os.ReadFile(procs + "/cgroup.procs") // gone with the container
	for _, pid := range strings.Fields(string(text)) {
		if pid != strconv.Itoa(state.PID) && alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (k kit) start(t testing.TB, s lambda.Spec) lambda.Instance {
	t.Helper()
	in, err := k.Start(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// serveAPI gives an environment a Runtime API of the test's.
func serveAPI(t testing.TB, s *lambda.Spec, handler http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s.RuntimeAPI = strings.TrimPrefix(server.URL, "http://")
	var mu sync.Mutex
	var all []*http.Server
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range all {
			s.Close()
		}
	})
	s.Serve = func(ln net.Listener) {
		mu.Lock()
		defer mu.Unlock()
		inner := &http.Server{Handler: handler}
		all = append(all, inner)
		go inner.Serve(ln)
	}
}

func TestExit(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		for text, want := range map[string]lambda.Exit{
			"exit 0":        {},
			"exit 3":        {Code: 3},
			"kill -KILL $$": {Code: -1, Signal: "killed"},
			"kill -SEGV $$": {Code: -1, Signal: "segmentation fault"},
		} {
			in := k.start(t, spec(script(t, text), newRecord()))
			if diff := cmp.Diff(want, wait(t, in)); diff != "" {
				t.Errorf("%s: %s", text, diff)
			}
			stop(t, in, time.Second)
			stop(t, in, time.Second)
		}
	})
}

func TestNothingToStart(t *testing.T) {
	noExec := t.TempDir()
	if err := os.WriteFile(filepath.Join(noExec, "bootstrap"), []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write(t, filepath.Join(folder, "bootstrap", "file"), "")
	format := t.TempDir()
	write(t, filepath.Join(format, "bootstrap"), "\x7fELF\x02\x01\x01 for another machine")
	interpreter := t.TempDir()
	write(t, filepath.Join(interpreter, "bootstrap"), "#!/no/such/interpreter\n")
	codes := map[string]string{"missing": t.TempDir(), "not executable": noExec, "a folder": folder, "format": format, "interpreter": interpreter}
	eachExecutor(t, func(t *testing.T, k kit) {
		for name, dir := range codes {
			_, err := k.Start(context.Background(), spec(dir, newRecord()))
			var invalid *lambda.InvalidEntrypointError
			if !errors.As(err, &invalid) {
				t.Fatalf("%s: got %v", name, err)
			}
			if want := "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"; invalid.Error() != want {
				t.Errorf("%s: got %q", name, invalid)
			}
		}
	})
}

func TestNothingIsLeft(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		if k.process != nil && !permitted(t, k.process, "no cgroups") {
			return // a process that left the group is not caught, and Limits says so
		}
		for _, how := range []string{"stop", "kill", "reset", "close"} {
			out := newRecord()
			in := k.start(t, spec(helperCode(t), out, "MODE", "family"))
			out.await(t, "pid ")
			pids := k.processes(t, in)
			if len(pids) != 3 {
				t.Fatalf("the family is %v", pids)
			}
			var err error
			next := in
			switch how {
			case "stop":
				err = in.Stop(context.Background(), 0)
			case "kill":
				err = in.Kill(context.Background())
			case "reset":
				next, err = in.Reset(context.Background())
			case "close":
				err = k.close(context.Background())
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, pid := range pids {
				if alive(pid) {
					t.Errorf("%s: process %s is left", how, pid)
				}
			}
			stop(t, next, 0)
		}
	})
}

// A runtime that ends takes the rest of its group with it.
func TestGroupEndsWithItsRuntime(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		out := newRecord()
		s := spec(script(t, `sleep 1000 & echo child $!; exec 3<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}; printf 'GET / HTTP/1.0\r\n\r\n' >&3; cat <&3 >/dev/null; exit 1`), out)
		bash(t, s)
		seen, goOn := make(chan struct{}), make(chan struct{})
		serveAPI(t, &s, func(http.ResponseWriter, *http.Request) {
			close(seen)
			<-goOn
		})
		in := k.start(t, s)
		<-seen
		pids := k.processes(t, in)
		close(goOn)
		if got := wait(t, in); got.Code != 1 {
			t.Errorf("got %+v", got)
		}
		for _, pid := range pids {
			eventually(t, "the end of the child", func() bool { return !alive(pid) })
		}
		stop(t, in, time.Hour)
	})
}

// bash makes a script's interpreter bash, where sh is another.
func bash(t testing.TB, s lambda.Spec) {
	t.Helper()
	path := filepath.Join(s.Code.Dir, "bootstrap")
	write(t, path, strings.Replace(read(t, path), "#!/bin/sh", "#!/bin/bash", 1))
}

func TestKillThenReset(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		out := newRecord()
		in := k.start(t, spec(helperCode(t), out, "MODE", "sleep"))
		out.await(t, "pid ")
		first := k.processes(t, in)
		if err := in.Kill(context.Background()); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(first, alive) || len(first) == 0 {
			t.Errorf("Kill left the runtime: %v", first)
		}
		in.Drain()
		next, err := in.Reset(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the next runtime", func() bool { return len(out.all()) == 2 })
		if _, err := in.Reset(context.Background()); err == nil {
			t.Error("a used instance was reset")
		}
		stop(t, in, 0)
		if len(k.processes(t, next)) != 1 {
			t.Error("stopping the used instance ended the next one")
		}
		stop(t, next, 0)
	})
}

// A reset keeps /tmp; another environment has none of it.
func TestTmpOutlivesReset(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		out := newRecord()
		s := spec(script(t, `echo x >>${TMPDIR:-/tmp}/x; echo lines $(wc -l <${TMPDIR:-/tmp}/x); exec sleep 1000`), out)
		in := k.start(t, s)
		out.await(t, "lines 1")
		next, err := in.Reset(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		out.await(t, "lines 2")
		stop(t, next, 0)
		other := newRecord()
		s.Output = other.output
		in = k.start(t, s)
		other.await(t, "lines 1")
		stop(t, in, 0)
	})
}

func TestManyAtOnce(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		n := 64
		if k.container != nil {
			n = 12
		}
		before := openFiles(t)
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				out := newRecord()
				in, err := k.Start(context.Background(), spec(helperCode(t), out, "MODE", "sleep"))
				if err != nil {
					t.Error(err)
					return
				}
				out.await(t, "pid ")
				in.Drain()
				if err := in.Stop(context.Background(), 0); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := k.close(context.Background()); err != nil {
			t.Error(err)
		}
		if after := openFiles(t); after > before {
			t.Errorf("%d open files before, %d after: %s", before, after, listFiles())
		}
		if _, err := k.Start(context.Background(), spec(helperCode(t), newRecord())); err == nil {
			t.Error("a closed executor starts environments")
		}
	})
}

func listFiles() string {
	out, _ := exec.Command("ls", "-l", fmt.Sprintf("/proc/%d/fd", os.Getpid())).Output()
	return string(out)
}

func TestPeakMemory(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		out := newRecord()
		in := k.start(t, spec(helperCode(t), out, "MODE", "grow"))
		out.await(t, "grown")
		var got int64
		eventually(t, "the memory", func() bool {
			got = in.(lambda.Sampler).PeakMemory()
			return got > 0
		})
		if got < 64<<20 || got > 128<<20 {
			t.Errorf("%d MiB, of a program that filled 64", got>>20)
		}
		stop(t, in, 0)
		if after := in.(lambda.Sampler).PeakMemory(); after != got {
			t.Errorf("%d after the end, %d before", after, got)
		}
	})
}

func TestOpenFilesAreLimitedAsOnLambda(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		out := newRecord()
		// The limit is set after exec: the script waits until it is.
		in := k.start(t, spec(script(t, `while [ $(ulimit -Hn) != 1024 ]; do :; done; echo soft $(ulimit -Sn)`), out))
		out.await(t, "soft 1024")
		stop(t, in, 0)
	})
}

func TestGrace(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		out := newRecord()
		in := k.start(t, spec(helperCode(t), out, "MODE", "term"))
		out.await(t, "pid ")
		if err := in.(lambda.Freezer).Freeze(); err != nil {
			t.Fatal(err)
		}
		stop(t, in, 20*time.Second)
		if diff := cmp.Diff(lambda.Exit{Code: 3}, in.Exit()); diff != "" {
			t.Error(diff)
		}
		out.await(t, "asked to end")

		out = newRecord()
		in = k.start(t, spec(helperCode(t), out, "MODE", "stubborn"))
		out.await(t, "pid ")
		stop(t, in, 50*time.Millisecond)
		if got := in.Exit().Signal; got != "killed" {
			t.Errorf("a stubborn runtime ended by %q", got)
		}

		ctx, cancel := context.WithCancel(context.Background())
		in = k.start(t, spec(helperCode(t), newRecord(), "MODE", "stubborn"))
		cancel()
		if err := in.Stop(ctx, time.Hour); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestFreeze(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		out := newRecord()
		in := k.start(t, spec(helperCode(t), out, "MODE", "family"))
		out.await(t, "pid ")
		if k.process != nil && !permitted(t, k.process, "no cgroups") {
			out = newRecord()
			in = k.start(t, spec(helperCode(t), out, "MODE", "sleep"))
			out.await(t, "pid ")
		}
		f := in.(lambda.Freezer)
		for range 3 {
			for range 2 {
				if err := f.Freeze(); err != nil {
					t.Fatal(err)
				}
			}
			awaitFrozen(t, k, in, true)
			for range 2 {
				if err := f.Thaw(); err != nil {
					t.Fatal(err)
				}
			}
			awaitFrozen(t, k, in, false)
		}
		// A frozen environment can be reset, and the next runtime runs.
		if err := f.Freeze(); err != nil {
			t.Fatal(err)
		}
		next, err := in.Reset(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the next runtime's line", func() bool { return strings.Count(strings.Join(out.all(), "\n"), "pid ") == 2 })
		if err := next.(lambda.Freezer).Freeze(); err != nil {
			t.Fatal(err)
		}
		stop(t, next, 0)
		// So does one whose slot was left frozen by another.
		out = newRecord()
		in = k.start(t, spec(helperCode(t), out, "MODE", "sleep"))
		out.await(t, "pid ")
		stop(t, in, 0)
	})
}

// awaitFrozen waits until the kernel lets no process of the environment run, or all.
func awaitFrozen(t *testing.T, k kit, in lambda.Instance, frozen bool) {
	t.Helper()
	pids := k.processes(t, in)
	if len(pids) == 0 {
		t.Fatal("there is no process")
	}
	eventually(t, fmt.Sprintf("frozen=%v", frozen), func() bool {
		if p, ok := in.(*instance); ok && p.slot.cgroup != "" && len(pids) > 1 {
			return strings.Contains(read(t, string(p.slot.cgroup)+"/cgroup.events"), "frozen 1") == frozen
		}
		return !slices.ContainsFunc(pids, func(pid string) bool {
			return strings.Contains(read(t, "/proc/"+pid+"/status"), "State:\tT") != frozen
		})
	})
}

func TestOutput(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		out := newRecord()
		in := k.start(t, spec(script(t, `
echo one; echo two >&2; echo three
printf 'a\rb\r\n'
printf '\000\377\n'
head -c 300000 /dev/zero | tr '\0' x; echo
printf last`), out))
		wait(t, in)
		stop(t, in, 0)
		want := []string{"one", "two", "three", "a\rb\r", "\x00\xff", strings.Repeat("x", maxLine), strings.Repeat("x", 300000-maxLine), "last"}
		if diff := cmp.Diff(want, out.all()); diff != "" {
			t.Error(diff)
		}
	})
}

// What a handler wrote before it spoke to the Runtime API has been handed over when Drain returns there, whoever reads meanwhile.
func TestOutputComesBeforeTheAnswer(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		out := newRecord()
		s := spec(script(t, `exec 3<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}
n=0; while [ $n -lt 30 ]; do i=0; while [ $i -lt 50 ]; do echo "$n $i"; i=$((i+1)); done; printf "done $n" >&2
printf 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n' >&3
while read -r line <&3; do [ "$line" = $'\r' ] && break; done; n=$((n+1)); done`), out)
		bash(t, s)
		var mu sync.Mutex
		var n int
		var drainer lambda.Instance
		started := make(chan struct{})
		serveAPI(t, &s, func(w http.ResponseWriter, r *http.Request) {
			<-started
			mu.Lock()
			defer mu.Unlock()
			var all sync.WaitGroup
			for range 3 {
				all.Go(drainer.Drain)
			}
			all.Wait()
			lines := out.all()
			if got, want := len(lines), 51*(n+1); got != want {
				t.Errorf("%d lines after invoke %d, want %d", got, n, want)
			} else if got, want := lines[len(lines)-1], "done "+strconv.Itoa(n); got != want {
				t.Errorf("the last line is %q, want %q", got, want)
			}
			n++
		})
		drainer = k.start(t, s)
		close(started)
		exit := wait(t, drainer)
		mu.Lock()
		defer mu.Unlock()
		if exit.Code != 0 || n != 30 {
			t.Errorf("ended by %+v after %d: %q", exit, n, out.all())
		}
		stop(t, drainer, 0)
	})
}

// A handler that writes without end cannot hold Drain.
func TestDrainEnds(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		s := spec(script(t, `exec yes`), newRecord())
		s.Output = func([]byte) {}
		in := k.start(t, s)
		for range 20 {
			in.Drain()
		}
		stop(t, in, 0)
	})
}

// An Output that blocks holds up the handler; Stop ends the processes all the same, and waits for the output no longer than it may.
func TestBackPressure(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		release, first := make(chan struct{}), make(chan struct{}, 1)
		s := spec(script(t, `while :; do echo 0123456789012345678901234567890123456789; done`), newRecord())
		s.Output = func([]byte) {
			select {
			case first <- struct{}{}:
			default:
			}
			<-release
		}
		in := k.start(t, s)
		<-first
		pid := k.processes(t, in)[0]
		eventually(t, "the handler waiting for its pipe", func() bool {
			wchan, _ := os.ReadFile("/proc/" + pid + "/wchan")
			return strings.Contains(string(wchan), "pipe_write")
		})
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if err := in.Stop(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		eventually(t, "the end of the runtime", func() bool { return !alive(pid) })
		close(release)
	})
}

// The environment of a runtime is the one that was made for it, without what the test or an image has.
func TestExactEnvironment(t *testing.T) {
	eachExecutor(t, func(t *testing.T, k kit) {
		out := newRecord()
		in := k.start(t, spec(helperCode(t), out, "MODE", "environment", "OWN", "a b\nc"))
		wait(t, in)
		stop(t, in, 0)
		var names []string
		for in := bufio.NewScanner(strings.NewReader(strings.Join(out.all(), "\n"))); in.Scan(); {
			if name, _, ok := strings.Cut(in.Text(), "="); ok {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		want := []string{"AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_LAMBDA", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
			"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API",
			"AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR",
			"LAMBDA_TASK_ROOT", "LANG", "LD_LIBRARY_PATH", "MODE", "OWN", "PATH", "TZ", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT", "_HANDLER"}
		if k.process != nil && k.process.options.NoPrivateTmp {
			want = slices.Insert(want, slices.Index(want, "TZ"), "TMPDIR")
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Error(diff)
		}
	})
}
