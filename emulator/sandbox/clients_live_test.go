package sandbox

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/emulate/runtimeapi"
)

// liveClient is a client that polls our own Runtime API.
type liveClient struct {
	server    *runtimeapi.Server
	polled    chan struct{}
	responses chan runtimeapi.Response
	exited    chan struct{}
	cmd       *exec.Cmd
	output    bytes.Buffer
	invokes   int
}

func (l *liveClient) Polled(int)                                { l.polled <- struct{}{} }
func (l *liveClient) Responded(_ string, r runtimeapi.Response) { l.responses <- r }
func (l *liveClient) InitFailed(r runtimeapi.Response)          { l.responses <- r }
func (l *liveClient) Abandoned(int)                             {}

// startLive starts argv with the handler in dir, and stops it when the test ends.
func startLive(tb testing.TB, dir, handler string, argv ...string) *liveClient {
	tb.Helper()
	l := &liveClient{polled: make(chan struct{}, 16), responses: make(chan runtimeapi.Response, 16), exited: make(chan struct{})}
	l.server = runtimeapi.New(l, runtimeapi.Options{})
	if err := l.server.Start(); err != nil {
		tb.Fatal(err)
	}
	l.cmd = exec.Command(argv[0], append(slices.Clone(argv[1:]), handler)...)
	l.cmd.Dir = dir
	l.cmd.Stdout, l.cmd.Stderr = &l.output, &l.output
	l.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LAMBDA_TASK_ROOT=" + dir, "AWS_LAMBDA_RUNTIME_API=" + l.server.Addr(),
		"AWS_EXECUTION_ENV=AWS_Lambda_" + map[bool]string{true: "nodejs22.x", false: "python3.13"}[strings.HasPrefix(handler, "index.")]}
	if err := l.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		_ = l.cmd.Wait()
		close(l.exited)
	}()
	return l
}

func (l *liveClient) stop() {
	_ = l.cmd.Process.Kill()
	<-l.exited
	_ = l.server.Close()
}

// ready waits for a poll.
func (l *liveClient) ready(tb testing.TB) {
	tb.Helper()
	select {
	case <-l.polled:
	case r := <-l.responses:
		tb.Fatalf("INIT failed: %s", r.Payload)
	case <-l.exited:
		tb.Fatalf("the client ended: %v\n%s", l.cmd.ProcessState, l.output.String())
	case <-time.After(time.Minute):
		tb.Fatal("the client does not poll")
	}
}

// invoke hands over an event and waits for the answer.
func (l *liveClient) invoke(tb testing.TB, payload string) runtimeapi.Response {
	tb.Helper()
	l.invokes++
	e := runtimeapi.Event{RequestID: "request-" + strconv.Itoa(l.invokes), InvocationID: "attempt", Deadline: time.Now().Add(time.Minute), Payload: []byte(payload)}
	if !l.server.Deliver(&e) {
		tb.Fatal("no poll waits")
	}
	select {
	case r := <-l.responses:
		return r
	case <-l.exited:
		tb.Fatalf("the client ended: %v\n%s", l.cmd.ProcessState, l.output.String())
	case <-time.After(time.Minute):
		tb.Fatal("the client does not answer")
	}
	return runtimeapi.Response{}
}

// languages are our clients with a handler each that answers as long a text as the event says.
func languages(tb testing.TB) map[string]func(clients string) (files map[string]string, handler string, argv []string) {
	return map[string]func(string) (map[string]string, string, []string){
		"node": func(clients string) (map[string]string, string, []string) {
			return js("exports.handler = async (event) => 'x'.repeat(event);"), "index.handler", []string{nodeCommand(tb), filepath.Join(clients, nodeClient)}
		},
		"python": func(clients string) (map[string]string, string, []string) {
			return py("def handler(event, context):\n    return 'x' * event\n"), "app.handler", []string{toolPath(tb, "python/bin/python"), filepath.Join(clients, pythonClient)}
		},
	}
}

func TestClientsOnOurRuntimeAPI(t *testing.T) {
	for name, language := range languages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, handler, argv := language(sharedClients(t))
			l := startLive(t, clientCase{files: files}.write(t), handler, argv...)
			defer l.stop()
			// Over the limit, the answer is refused, and the environment lives on (spec lambda.md §1.4); far over it, the server ends the connection.
			for _, size := range []int{1, 6 << 20, 6<<20 + 200, 1, 80 << 20, 1, 0} {
				l.ready(t)
				r := l.invoke(t, strconv.Itoa(size))
				if tooLarge := size+2 > runtimeapi.MaxPayload; r.TooLarge != tooLarge || !tooLarge && len(r.Payload) != size+2 {
					t.Errorf("answer of %d bytes arrived as %d bytes, too large %v", size+2, len(r.Payload), r.TooLarge)
				}
			}
			l.ready(t)
		})
	}
}

// What is thrown between two invocations ends the process, although a poll is waiting then.
func TestNodeClientThrowsBetweenInvocations(t *testing.T) {
	dir := clientCase{files: js("exports.handler = async () => { setTimeout(() => { throw new Error('late'); }, 20); };")}.write(t)
	l := startLive(t, dir, "index.handler", nodeCommand(t), filepath.Join(sharedClients(t), nodeClient))
	defer l.stop()
	l.ready(t)
	l.invoke(t, "{}")
	select {
	case <-l.exited:
	case <-time.After(time.Minute):
		t.Fatal("the client lives on")
	}
	if code := l.cmd.ProcessState.ExitCode(); code != 129 || !strings.Contains(l.output.String(), "Uncaught Exception") {
		t.Errorf("exit status %d, output %q, want 129 and the exception", code, l.output.String())
	}
}

// A file that is changed within a second to something of the same size must not run as it was before: Python takes its compiled form for current.
func TestPythonClientSeesEveryEdit(t *testing.T) {
	dir, cache, clients := t.TempDir(), t.TempDir(), sharedClients(t)
	file := filepath.Join(dir, "app.py")
	run := func(word string, saved time.Time) {
		t.Helper()
		if err := os.WriteFile(file, []byte("def handler(event, context):\n    return '"+word+"'\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, saved, saved); err != nil {
			t.Fatal(err)
		}
		l := startLive(t, dir, "app.handler", toolPath(t, "python/bin/python"), "-X", "pycache_prefix="+cache, filepath.Join(clients, pythonClient))
		defer l.stop()
		l.ready(t)
		if got := string(l.invoke(t, "{}").Payload); got != `"`+word+`"` {
			t.Errorf("answer = %s, want %q", got, word)
		}
	}
	compiled := func() int {
		found, err := filepath.Glob(filepath.Join(cache, dir, "app.*.pyc"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	// A time to come is as fresh as can be, however slow this machine is.
	fresh := time.Now().Add(time.Hour)
	run("one", fresh)
	run("two", fresh)
	if compiled() != 0 {
		t.Error("a source that has just been saved was kept compiled")
	}
	run("six", time.Now().Add(-time.Hour))
	if compiled() != 1 {
		t.Error("a settled source was not kept compiled")
	}
}

// BenchmarkClientStart measures from fork to the first poll, in turn for our client, AWS's, and the interpreter with a script that only polls; the
// figures are medians, of the time and of the processor's time.
func BenchmarkClientStart(b *testing.B) {
	inTurn(b, func(b *testing.B, commands map[string]clientCommand, note func(name string, unit string, value time.Duration)) {
		for name, c := range commands {
			began := time.Now()
			l := startLive(b, c.dir, c.handler, c.argv...)
			l.ready(b)
			note(name, "ms", time.Since(began))
			l.stop()
			note(name, "cpu-ms", l.cmd.ProcessState.UserTime()+l.cmd.ProcessState.SystemTime())
		}
	})
}

// BenchmarkClientRoundTrip measures from an event to its answer, and to the next poll, in turn for our client and AWS's; the figures are medians.
func BenchmarkClientRoundTrip(b *testing.B) {
	live := map[string]*liveClient{}
	inTurn(b, func(b *testing.B, commands map[string]clientCommand, note func(name string, unit string, value time.Duration)) {
		for name, c := range commands {
			if name == "bare" {
				continue
			}
			l, ok := live[c.argv[len(c.argv)-1]]
			if !ok {
				l = startLive(b, c.dir, c.handler, c.argv...)
				b.Cleanup(l.stop)
				live[c.argv[len(c.argv)-1]] = l
				l.ready(b)
			}
			began := time.Now()
			l.invoke(b, "1")
			note(name, "answer-ms", time.Since(began))
			l.ready(b)
			note(name, "ms", time.Since(began))
		}
	})
}

// inTurn runs round once per iteration for each language, and reports the medians of what it notes.
func inTurn(b *testing.B, round func(*testing.B, map[string]clientCommand, func(string, string, time.Duration))) {
	clients, err := writeClients(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for language, function := range languages(b) {
		b.Run(language, func(b *testing.B) {
			files, handler, ours := function(clients)
			dir := clientCase{files: files}.write(b)
			commands := map[string]clientCommand{
				"ours": {dir, handler, ours},
				"aws":  {dir, handler, append([]string{ours[0]}, awsClient(b)[language]...)},
				"bare": {dir, handler, []string{ours[0], map[string]string{"node": "-e", "python": "-c"}[language], barePoll[language]}},
			}
			notes := map[string][]time.Duration{}
			for b.Loop() {
				round(b, commands, func(name, unit string, value time.Duration) {
					notes[unit+"/"+name] = append(notes[unit+"/"+name], value)
				})
			}
			for unit, values := range notes {
				slices.Sort(values)
				b.ReportMetric(float64(values[len(values)/2])/float64(time.Millisecond), unit)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

type clientCommand struct {
	dir, handler string
	argv         []string
}

// awsClient are the interpreters' arguments for AWS's clients.
func awsClient(tb testing.TB) map[string][]string {
	return map[string][]string{"node": {toolPath(tb, "node/node_modules/aws-lambda-ric/bin/index.mjs")}, "python": {"-m", "awslambdaric"}}
}

// barePoll are the shortest scripts that poll.
var barePoll = map[string]string{
	"node": `const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
require('net').connect(port, host).write('GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: ' + host + '\r\n\r\n');`,
	"python": `import os, socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
s = socket.create_connection((host, int(port)))
s.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
s.recv(1)`,
}
