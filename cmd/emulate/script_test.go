package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the programs that the scripts run: emulate itself, and the handler of their functions.
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){
		"emulate":   main,
		"bootstrap": handlerMain,
	})
}

// The scripts of testdata/script are what CONTRACT.md says, read literally. Beside testscript's own commands they have:
//
//	serve [ARG...]           start emulate serve on free ports, wait for its ready line, set URL, AWS and PID; SERVE_FLAGS replaces --port 0 --aws-port 0
//	await REGEXP             wait until a line of the serving process, of either stream, matches
//	interrupt [!] [TERM]     interrupt it, wait for its end, which must be well (or not: !), and write serve.out and serve.err
//	http [-H K:V] URL [BODY] GET, or POST the body; prints the status and the body
//	code N PROGRAM ARG...    run a program that ends with N
//	function DIR...          make folders whose function is the handler of this test
//	take-port                listen on a port, and set TAKEN to it
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setupScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": cmdServe, "await": cmdAwait, "interrupt": cmdInterrupt, "http": cmdHTTP, "code": cmdCode, "function": cmdFunction, "take-port": cmdTakePort,
		},
	})
}

// server is the emulate serve of one script.
type server struct {
	cmd      *exec.Cmd
	done     chan struct{} // closed when the process has ended and its output was read
	mu       sync.Mutex
	changed  chan struct{} // closed and made anew with every line
	out, err bytes.Buffer
}

type serverKey struct{}

// limit is how long a test waits for what must come, on a machine that builds other things meanwhile.
const limit = 2 * time.Minute

var inherited = []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOFLAGS", "GONOSUMDB", "GOSUMDB", "GOTOOLCHAIN"}

func setupScript(env *testscript.Env) error {
	goEnv, err := exec.Command("go", append([]string{"env"}, inherited...)...).Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	values := strings.Split(string(goEnv), "\n")
	for i, name := range inherited {
		env.Setenv(name, values[i])
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	env.Setenv("HOME", env.WorkDir+"/.home")
	env.Setenv("ROOT", root)
	env.Setenv("SERVE_FLAGS", "--port 0 --aws-port 0")
	env.Values[serverKey{}] = &server{changed: make(chan struct{})}
	return nil
}

func serverOf(ts *testscript.TestScript) *server { return ts.Value(serverKey{}).(*server) }

func cmdServe(ts *testscript.TestScript, _ bool, args []string) {
	s := serverOf(ts)
	if s.done != nil {
		select {
		case <-s.done:
		default:
			ts.Fatalf("serve: one runs already")
		}
	}
	s.out.Reset()
	s.err.Reset()
	path, err := exec.LookPath("emulate") // TestMain put it there
	ts.Check(err)
	s.cmd = exec.Command(path, append(append([]string{"serve"}, strings.Fields(ts.Getenv("SERVE_FLAGS"))...), args...)...)
	s.cmd.Dir = ts.MkAbs(".")
	for _, name := range append([]string{"PATH", "HOME", "TMPDIR", "AWS_REGION", "NO_COLOR", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "SECRET"}, inherited...) {
		if v := ts.Getenv(name); v != "" {
			s.cmd.Env = append(s.cmd.Env, name+"="+v)
		}
	}
	s.done = make(chan struct{})
	s.cmd.Stdout, s.cmd.Stderr = s.writer(&s.out), s.writer(&s.err)
	ts.Check(s.cmd.Start())
	go func() {
		_ = s.cmd.Wait() // ProcessState has it
		close(s.done)
	}()
	ts.Defer(func() { _ = s.cmd.Process.Kill(); <-s.done })
	ready := s.await(ts, regexp.MustCompile(`Ready in \d+ ms: (\S+) \(AWS endpoint (\S+)\)|"type":"ready".*?"aws":"([^"]+)"(?:.*?"url":"([^"]+)")?`))
	ts.Setenv("URL", ready[1]+ready[4])
	ts.Setenv("AWS", ready[2]+ready[3])
	ts.Setenv("PID", strconv.Itoa(s.cmd.Process.Pid))
}

// writer appends to one of the server's buffers, and wakes who awaits a line.
func (s *server) writer(b *bytes.Buffer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(s.changed)
		s.changed = make(chan struct{})
		return b.Write(p)
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// await returns what the expression matched.
func (s *server) await(ts *testscript.TestScript, re *regexp.Regexp) []string {
	timeout := time.After(limit)
	for {
		s.mu.Lock()
		out, errOut, changed := s.out.String(), s.err.String(), s.changed
		s.mu.Unlock()
		for _, text := range []string{out, errOut} {
			if m := re.FindStringSubmatch(text); m != nil {
				return m
			}
		}
		select {
		case <-changed:
		case <-s.done:
			ts.Fatalf("emulate serve ended (%v) without a line that matches %s\n%s%s", s.cmd.ProcessState, re, out, errOut)
		case <-timeout:
			ts.Fatalf("no line of emulate serve matches %s\n%s%s", re, out, errOut)
		}
	}
}

func cmdAwait(ts *testscript.TestScript, _ bool, args []string) {
	re, err := regexp.Compile("(?m)" + strings.Join(args, " "))
	ts.Check(err)
	serverOf(ts).await(ts, re)
}

func cmdInterrupt(ts *testscript.TestScript, neg bool, args []string) {
	s := serverOf(ts)
	var signal os.Signal = os.Interrupt
	if len(args) == 1 && args[0] == "TERM" {
		signal = syscall.SIGTERM
	}
	ts.Check(s.cmd.Process.Signal(signal))
	select {
	case <-s.done:
	case <-time.After(limit):
		ts.Fatalf("emulate serve does not end")
	}
	ts.Check(os.WriteFile(ts.MkAbs("serve.out"), s.out.Bytes(), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("serve.err"), s.err.Bytes(), 0o644))
	if well := s.cmd.ProcessState.Success(); well == neg {
		ts.Fatalf("emulate serve ended with %v\n%s", s.cmd.ProcessState, s.err.String())
	}
}

func cmdHTTP(ts *testscript.TestScript, _ bool, args []string) {
	header := http.Header{}
	for len(args) > 1 && args[0] == "-H" {
		k, v, _ := strings.Cut(args[1], ":")
		header.Set(k, v)
		args = args[2:]
	}
	method, body := http.MethodGet, ""
	if len(args) > 1 {
		method, body = http.MethodPost, args[1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, args[0], strings.NewReader(body))
	ts.Check(err)
	req.Header = header
	req.Host = header.Get("Host")
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", resp.StatusCode, b)
}

func cmdFunction(ts *testscript.TestScript, _ bool, args []string) {
	program, err := exec.LookPath("bootstrap") // TestMain put it there
	ts.Check(err)
	for _, dir := range args {
		ts.Check(os.MkdirAll(ts.MkAbs(dir), 0o755))
		ts.Check(os.Link(program, filepath.Join(ts.MkAbs(dir), "bootstrap")))
	}
}

func cmdTakePort(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv("TAKEN", port)
	ts.Setenv("TAKER", strconv.Itoa(os.Getpid()))
}

// cmdCode runs a program as exec does, with a certain exit code.
func cmdCode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
