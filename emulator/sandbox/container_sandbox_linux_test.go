package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"

	"github.com/google/go-cmp/cmp"
)

// notices collects what a Container says.
func notices() (func(string), func() string) {
	r := newRecord()
	return func(line string) { r.output([]byte(line)) }, func() string { return strings.Join(r.all(), "\n") }
}

func startIn(t testing.TB, c *Container, s lambda.Spec) lambda.Instance {
	t.Helper()
	return kit{Executor: c}.start(t, s)
}

// run starts a script, waits for its end and gives its output.
func run(t testing.TB, c *Container, s lambda.Spec) string {
	t.Helper()
	out := newRecord()
	s.Output = out.output
	in := startIn(t, c, s)
	exit := wait(t, in)
	stop(t, in, 0)
	if exit.Code != 0 {
		t.Fatalf("ended by %+v: %q", exit, out.all())
	}
	return strings.Join(out.all(), "\n")
}

// The sandbox is Lambda's (spec lambda.md §5.2, as recorded).
func TestContainerIsLambdas(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		code := script(t, `
for dir in /var/task /opt /tmp; do stat -c '%n %A %u %g' $dir; done
for l in -c -l -n -u; do echo "$l $(ulimit -S $l) $(ulimit -H $l)"; done
echo "stack $(ulimit -Ss) $(ulimit -Hs)"
echo "pwd $PWD"
[ $(id -u) -ge 20000 ] && [ $(id -g) = $(id -u) ] && echo "a user of its own"
touch /var/task/x 2>/dev/null || echo "code cannot be written"
touch /x 2>/dev/null || echo "nor the rest"
touch /tmp/x && echo "but /tmp"
grep -E 'CapEff|NoNewPrivs' /proc/self/status`)
		bash(t, spec(code, newRecord()))
		got := run(t, c, spec(code, newRecord()))
		want := strings.Join([]string{
			"/var/task drwxr-xr-x 0 0", "/opt drwxr-xr-x 0 0", "/tmp drwxrwxrwt 0 0",
			"-c 10485760 10485760", "-l 64 64", "-n 1024 1024", "-u 742 742", "stack 8192 unlimited",
			"pwd /var/task", "a user of its own", "code cannot be written", "nor the rest", "but /tmp", "CapEff:\t0000000000000000", "NoNewPrivs:\t1",
		}, "\n")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestContainerUserHasAName(t *testing.T) {
	c := newContainer(t, ContainerOptions{Spares: -1})
	if got := run(t, c, spec(script(t, "id -un; id -un 0"), newRecord())); got != "sbx_user1051\nroot" {
		t.Errorf("the user is %q", got)
	}
}

func TestContainerOutOfMemory(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		out := newRecord()
		in := startIn(t, c, spec(helperCode(t), out, "MODE", "exhaust"))
		if diff := cmp.Diff(lambda.Exit{Code: -1, Signal: "killed"}, wait(t, in)); diff != "" {
			t.Error(diff)
		}
		if got := in.(lambda.Sampler).PeakMemory(); !c.options.Stream && got != 128<<20 {
			t.Errorf("it had used %d MiB", got>>20)
		}
		next, err := in.Reset(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		wait(t, next)
		stop(t, next, 0)
	})
}

// Files in /tmp do not count against the memory, and what is in it is watched.
func TestContainerTmpIsNoMemory(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		var said func() string
		c.options.Notice, said = notices()
		c.tmpEvery = 50 * time.Millisecond
		out := newRecord()
		s := spec(script(t, `head -c 400000000 /dev/zero >/tmp/large && echo written; exec sleep 1000`), out)
		s.Function.EphemeralStorageMB = 256
		in := startIn(t, c, s)
		out.await(t, "written")
		eventually(t, "the notice of a large /tmp", func() bool {
			return strings.Contains(said(), " MB in /tmp; on Lambda, writes beyond its EphemeralStorage of 256 MB fail")
		})
		if n := strings.Count(said(), "in /tmp"); n != 1 {
			t.Errorf("it was said %d times", n)
		}
		stop(t, in, 0)
	})
}

// Memory buys CPU once it is limited, and a reset lifts the limit.
func TestContainerLimitCPU(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		s := spec(helperCode(t), newRecord(), "MODE", "count")
		s.Function.MemoryMB = 512
		s.Output = func([]byte) {}
		in := startIn(t, c, s)
		b := in.(*contained).b
		state, err := b.w.engine.Inspect(context.Background(), b.id)
		if err != nil {
			t.Fatal(err)
		}
		group := findContainerCgroup(state.PID).cpu
		if throttled := stat(t, group, "nr_throttled"); throttled != 0 {
			t.Errorf("throttled %d times before INIT has ended", throttled)
		}
		if err := in.(lambda.CPULimiter).LimitCPU(); err != nil {
			t.Fatal(err)
		}
		share := float64(stat(t, group, "quota")) / 20000
		if want := 512.0 / 1769; share < want*0.99 || share > want*1.01 {
			t.Errorf("the share is %.3f, want %.3f", share, want)
		}
		eventually(t, "the throttle", func() bool { return stat(t, group, "nr_throttled") > 10 })
		next, err := in.Reset(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if quota := stat(t, group, "quota"); quota > 0 {
			t.Errorf("after a reset the quota is %d", quota)
		}
		stop(t, next, 0)
	})
}

// stat reads a figure of a cgroup's CPU controller, v1 or v2.
func stat(t testing.TB, group, name string) int {
	t.Helper()
	if name == "quota" {
		if text, err := os.ReadFile(filepath.Join(group, "cpu.cfs_quota_us")); err == nil {
			n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
			return n
		}
		quota, _, _ := strings.Cut(read(t, filepath.Join(group, "cpu.max")), " ")
		n, err := strconv.Atoi(quota)
		if err != nil {
			return -1
		}
		return n
	}
	for _, line := range strings.Split(read(t, filepath.Join(group, "cpu.stat")), "\n") {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.Atoi(value)
			return n
		}
	}
	t.Fatalf("no %s in %s", name, group)
	return 0
}

func TestContainerLayers(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		lower, upper := t.TempDir(), t.TempDir()
		write(t, filepath.Join(lower, "bootstrap"), "#!/bin/sh\necho lower\n")
		write(t, filepath.Join(lower, "lib", "only-lower"), "a")
		write(t, filepath.Join(upper, "bootstrap"), "#!/bin/sh\necho upper; cat /opt/lib/*; touch /opt/x 2>/dev/null || echo closed\n")
		write(t, filepath.Join(upper, "lib", "only-upper"), "b")
		s := spec(t.TempDir(), newRecord())
		s.Code.Layers = []string{lower, upper}
		if got := run(t, c, s); got != "upper\nabclosed" {
			t.Errorf("got %q", got)
		}
		s.Code.Layers = []string{lower}
		if got := run(t, c, s); got != "lower" {
			t.Errorf("got %q", got)
		}
	})
}

// Code that other users of this machine may not see, as under a strict umask, runs all the same.
func TestContainerClosedFolder(t *testing.T) {
	var said func() string
	o := ContainerOptions{Spares: -1}
	o.Notice, said = notices()
	c := newContainer(t, o)
	code := script(t, "cat /var/task/sub/file")
	write(t, filepath.Join(code, "sub", "file"), "seen")
	for _, path := range []string{code, filepath.Join(code, "sub")} {
		if err := os.Chmod(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got := run(t, c, spec(code, newRecord())); got != "seen" {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(said(), code+" is closed to other users (mode 0700)") {
		t.Errorf("said %q", said())
	}
}

// The AWS endpoint is at the same address inside, whatever the network.
func TestContainerForward(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "emulator at", r.Host) }))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	for _, stream := range []bool{false, true} {
		for _, network := range []string{"shared", "own", "none"} {
			t.Run(fmt.Sprintf("%s,stream=%v", network, stream), func(t *testing.T) {
				c := newContainer(t, ContainerOptions{Spares: -1, Stream: stream, Forward: address, Network: network})
				code := script(t, fmt.Sprintf("exec 3<>/dev/tcp/%s; printf 'GET / HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n' >&3; cat <&3", strings.Replace(address, ":", "/", 1), address))
				bash(t, spec(code, newRecord()))
				if got := run(t, c, spec(code, newRecord())); !strings.HasSuffix(got, "emulator at "+address) {
					t.Errorf("got %q", got)
				}
			})
		}
	}
}

// A handler answers on every network, behind any firewall: the Runtime API needs none.
func TestContainerNetworks(t *testing.T) {
	for _, stream := range []bool{false, true} {
		for _, network := range []string{"shared", "own", "none", "host", "bridge"} {
			t.Run(fmt.Sprintf("%s,stream=%v", network, stream), func(t *testing.T) {
				c := newContainer(t, ContainerOptions{Spares: -1, Stream: stream})
				s := spec(script(t, `exec 3<>/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}; printf 'GET /here HTTP/1.0\r\n\r\n' >&3; cat <&3; grep -c sandbox.localdomain /etc/hosts`), newRecord())
				bash(t, s)
				s.Function.Container.Network = network
				serveAPI(t, &s, func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "at", r.URL.Path) })
				out := newRecord()
				s.Output = out.output
				in := startIn(t, c, s)
				wait(t, in)
				stop(t, in, 0)
				want := "1"
				if network == "none" || network == "host" {
					want = "0"
				}
				if got := out.all(); !slices.Contains(got, "at /here") || got[len(got)-1] != want {
					t.Errorf("got %q", got)
				}
			})
		}
	}
}

// Two handlers that listen on the same port collide in the shared network, and are told what to do; with networks of their own they do not.
func TestContainerPortTaken(t *testing.T) {
	for _, network := range []string{"shared", "own"} {
		t.Run(network, func(t *testing.T) {
			var said func() string
			o := ContainerOptions{Spares: -1, Network: network}
			o.Notice, said = notices()
			c := newContainer(t, o)
			listen := func() (*record, lambda.Instance) {
				out := newRecord()
				return out, startIn(t, c, spec(helperCode(t), out, "MODE", "listen"))
			}
			first, a := listen()
			first.await(t, "listening")
			second, b := listen()
			if network == "own" {
				second.await(t, "listening")
			} else {
				second.await(t, "listen tcp 127.0.0.1:8080: bind: address already in use")
				eventually(t, "the notice", func() bool { return strings.Contains(said(), "network: own") })
			}
			stop(t, a, 0)
			stop(t, b, 0)
			if network == "own" && said() != "" {
				t.Errorf("said %q", said())
			}
		})
	}
}

// imageSpec is an environment of a function that is the image itself.
func imageSpec(image config.Image, out *record, env ...string) lambda.Spec {
	s := spec("", out, env...)
	image.URI = testImage
	s.Function.PackageType, s.Function.Runtime, s.Function.Handler, s.Function.Image = "Image", "", "", image
	s.Code = lambda.Code{}
	return s
}

func TestContainerImageFunction(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		// The image's own entry point, with the command as the handler: there is no bootstrap in this image.
		out := newRecord()
		in := startIn(t, c, imageSpec(config.Image{Command: []string{"app.handler"}}, out))
		if exit := wait(t, in); exit.Code != 127 {
			t.Errorf("AWS's entry script ended by %+v: %q", exit, out.all())
		}
		stop(t, in, 0)
		got := run(t, c, imageSpec(config.Image{EntryPoint: []string{"sh", "-c"}, Command: []string{`echo "$AWS_EXECUTION_ENV $LANG $OWN $PWD $AWS_LAMBDA_RUNTIME_API"`}, WorkingDirectory: "/var"}, newRecord(), "OWN", "mine"))
		if want := "AWS_Lambda_Image en_US.UTF-8 mine /var 127.0.0.1:9001"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestContainerImageLaunchErrors(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		for _, test := range []struct {
			image           config.Image
			kind, says, log string
		}{
			{config.Image{EntryPoint: []string{"/none"}, Command: []string{"x"}}, "Runtime.InvalidEntrypoint", "fork/exec /none: no such file or directory",
				"IMAGE\tLaunch error: fork/exec /none: no such file or directory\tEntrypoint: [/none]\tCmd: [x]\tWorkingDir: [/var/task]"},
			{config.Image{EntryPoint: []string{"/bin/true"}, WorkingDirectory: "/none"}, "Runtime.InvalidWorkingDir", "chdir /none: no such file or directory",
				"IMAGE\tLaunch error: chdir /none: no such file or directory\tEntrypoint: [/bin/true]\tCmd: []\tWorkingDir: [/none]"},
		} {
			out := newRecord()
			_, err := c.Start(context.Background(), imageSpec(test.image, out))
			var launch *lambda.LaunchError
			if !errors.As(err, &launch) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(lambda.LaunchError{Type: test.kind, Message: test.says}, *launch); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{test.log}, out.all()); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// The interpreters of AWS's images run a handler with its layer, its dependencies and its variables.
func TestContainerManagedRuntimes(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		address, answers := api(t)
		code, layer, dependencies := t.TempDir(), t.TempDir(), t.TempDir()
		write(t, filepath.Join(code, "src/app.py"), `import fromlayer, fromdependency, os
def handler(event, context):
    print("in python")
    return {"event": event, "layer": fromlayer.VALUE + fromdependency.VALUE, "cwd": os.getcwd(), "env": dict(os.environ)}
`)
		write(t, filepath.Join(layer, "python/fromlayer.py"), `VALUE = "laye"`)
		write(t, filepath.Join(dependencies, "fromdependency.py"), `VALUE = "red"`)
		out := newRecord()
		s := spec(code, out, "OWN", "1")
		s.Function.Runtime, s.Function.Handler, s.Code.Layers, s.Code.PythonPath = "python3.12", "src/app.handler", []string{layer}, []string{dependencies}
		serveAPI(t, &s, forwardAPI(address))
		in := startIn(t, c, s)
		select {
		case got := <-answers:
			checkAnswer(t, got, "/var/task", "python3.12")
		case <-in.Done():
			in.Drain()
			t.Fatalf("the runtime ended: %+v %q", in.Exit(), out.all())
		}
		stop(t, in, 0)
		if got := strings.Join(out.all(), "\n"); !strings.Contains(got, "in python") {
			t.Errorf("output %q", got)
		}
	})
}

// The wrapper is the bootstrap's business, which ends with 127 where there is none, as recorded.
func TestContainerWrapperNotFound(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		s := spec(t.TempDir(), newRecord(), "AWS_LAMBDA_EXEC_WRAPPER", "/idontexist.sh")
		s.Function.Runtime, s.Function.Handler = "python3.12", "app.handler"
		in := startIn(t, c, s)
		if exit := wait(t, in); exit.Code != 127 {
			t.Errorf("ended by %+v", exit)
		}
		stop(t, in, 0)
	})
}

// forwardAPI hands requests on to another Runtime API.
func forwardAPI(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request, _ := http.NewRequestWithContext(r.Context(), r.Method, "http://"+address+r.URL.Path, r.Body)
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer response.Body.Close()
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(response.StatusCode)
		var buffer [32 << 10]byte
		for n, err := 0, error(nil); err == nil; {
			n, err = response.Body.Read(buffer[:])
			w.Write(buffer[:n])
		}
	}
}

// Requests and answers of any size go through, several at once and in both directions.
func TestContainerLargePayloads(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		s := spec(helperCode(t), newRecord(), "MODE", "payloads")
		out := newRecord()
		s.Output = out.output
		var mu sync.Mutex
		bytes := 0
		serveAPI(t, &s, func(w http.ResponseWriter, r *http.Request) {
			n, buffer := 0, make([]byte, 64<<10)
			for {
				m, err := r.Body.Read(buffer)
				n += m
				if err != nil {
					break
				}
			}
			mu.Lock()
			bytes += n
			mu.Unlock()
			for range 6 << 20 / len(buffer) {
				w.Write(buffer)
			}
		})
		in := startIn(t, c, s)
		if exit := wait(t, in); exit.Code != 0 {
			t.Errorf("ended by %+v: %q", exit, out.all())
		}
		stop(t, in, 0)
		mu.Lock()
		defer mu.Unlock()
		if bytes != 8*(6<<20) {
			t.Errorf("%d bytes arrived", bytes)
		}
	})
}
