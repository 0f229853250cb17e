//go:build unix

package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/telemetry"
)

// 100 requests at once are 100 cold starts. Where the handler sleeps 200 ms all are answered in 1.5 s.
func TestHundredAtOnceAreHundredColdStarts(t *testing.T) {
	w := serveProbe(t, "", nil)
	g := newGate(t, 100)
	url := w.base("http") + "/http"
	if got, _, _ := burst(t, 100, func(c *http.Client) answer { return get(t, c, url+g.query()) }); got["200"] != 100 {
		t.Fatalf("answers %v, want 100 of 200", got)
	}
	cold := 0
	w.await(0, "100 reports with Init Duration", func(e telemetry.Event) bool {
		if r, ok := e.Record.(*telemetry.Report); ok && r.Metrics.InitDuration > 0 {
			cold++
		}
		return cold == 100
	})
	if st := w.Stats()[0]; st.Environments != 100 || st.ColdStarts != 100 {
		t.Errorf("%d environments and %d cold starts, want 100 each", st.Environments, st.ColdStarts)
	}

	// The race detector spreads the requests over more than 200 ms.
	const sleepMS, limit = 200 * raceFactor * raceFactor, 1500 * time.Millisecond * raceFactor * raceFactor
	best := time.Hour
	for try := 0; try < tries && best > limit; try++ {
		if _, err := w.Cold("probe", -1); err != nil {
			t.Fatal(err)
		}
		w.gone("probe")
		before := w.counts("probe").ColdStarts
		got, _, took := burst(t, 100, func(c *http.Client) answer { return get(t, c, fmt.Sprintf("%s?sleepMs=%d", url, sleepMS)) })
		if got["200"] != 100 {
			t.Fatalf("answers %v, want 100 of 200", got)
		}
		if w.counts("probe").ColdStarts-before == 100 { // or a request came when another one had its answer
			best = min(best, took)
		}
	}
	if best > limit {
		t.Errorf("100 cold starts took %v, want at most %v", best, limit)
	}
}

func TestThousandAtOnce(t *testing.T) {
	w := serveProbe(t, "", nil)
	g := newGate(t, 1000)
	got, _, _ := burst(t, 1000, func(c *http.Client) answer { return w.post(c, g.order()) })
	if got["200"] != 1000 {
		t.Fatalf("answers %v, want 1,000 of 200", got)
	}
	if st := w.Stats()[0]; st.ColdStarts != 1000 {
		t.Errorf("%d environments started, want 1,000", st.ColdStarts)
	}
}

func TestReservedConcurrencyThrottles(t *testing.T) {
	w := serveProbe(t, "    reservedConcurrency: 5\n", nil)
	g := newGate(t, 100)
	got, answers, _ := burst(t, 100, func(c *http.Client) answer { return g.refused(w.post(c, g.order())) })
	if got["200"] != 5 || got["429"] != 95 {
		t.Fatalf("answers %v, want 5 of 200 and 95 of 429", got)
	}
	for _, a := range answers {
		if a.status != http.StatusTooManyRequests {
			continue
		}
		// As recorded from AWS (spec lambda.md §6.2), and no header beside these.
		const body = `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`
		want := http.Header{"Content-Type": {"application/json"}, "X-Amzn-Errortype": {"TooManyRequestsException"}, "Content-Length": {fmt.Sprint(len(body))},
			"X-Amzn-Requestid": a.header["X-Amzn-Requestid"], "Date": a.header["Date"]}
		if diff := cmp.Diff(want, a.header); diff != "" || a.body != body || len(want["X-Amzn-Requestid"]) != 1 || len(want["Date"]) != 1 {
			t.Fatalf("throttle %s, want %s; headers (-want +got):\n%s", a.body, body, diff)
		}
	}
	for _, front := range []struct {
		kind, path string
		status     int
		body       string
	}{ // spec apigateway.md §5.4, §2.7
		{"rest", "/rest", 500, `{"message": "Internal server error"}`},
		{"http", "/http", 503, `{"message":"Service Unavailable"}`},
	} {
		w.rest()
		g := newGate(t, 20)
		url := w.base(front.kind) + front.path + g.query()
		got, answers, _ := burst(t, 20, func(c *http.Client) answer { return g.refused(get(t, c, url)) })
		if got["200"] != 5 || got[fmt.Sprint(front.status)] != 15 {
			t.Errorf("%s: answers %v, want 5 of 200 and 15 of %d", front.kind, got, front.status)
		}
		for _, a := range answers {
			if a.status == front.status && a.body != front.body {
				t.Errorf("%s: throttle %s, want %s", front.kind, a.body, front.body)
			}
		}
	}
}

// kill -9 of a handler in mid-invoke: that caller gets AWS's error; the next invocation runs INIT again in the same environment.
func TestKilledHandler(t *testing.T) {
	w := serveProbe(t, "", nil)
	before, _ := w.invoke(`{}`)
	type result struct {
		r   *emulator.Result
		err error
	}
	done := make(chan result)
	g := newGate(t, 2) // which stays closed
	go func() {
		r, err := w.Invoke(t.Context(), "probe", []byte(g.order()))
		done <- result{r, err}
	}()
	if !eventually(after(patience), func() bool { return g.came.Load() == 1 }) {
		t.Fatal("the handler does not run")
	}
	if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	want := fmt.Sprintf(`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited with error: signal: killed"}`, got.r.RequestID)
	if string(got.r.Payload) != want {
		t.Errorf("payload %s, want %s", got.r.Payload, want)
	}
	after, _ := w.invoke(`{}`)
	if after.LogStream != before.LogStream || after.PID == before.PID || after.Invocations != 1 {
		t.Errorf("after %+v, before %+v: want the same log stream, another process, and a first invocation", after, before)
	}
	if w.hasPrivateTmp() && after.Tmp != 3 {
		t.Errorf("%d marks in /tmp, want 3: it is kept", after.Tmp)
	}
}

func (w *world) hasPrivateTmp() bool {
	return !slices.ContainsFunc(w.Limits(), func(l string) bool { return strings.HasPrefix(l, "no private /tmp") })
}

func TestOrderOfAColdInvocation(t *testing.T) {
	w := serveProbe(t, "", nil)
	_, r := w.invoke(`{"do":"say"}`)
	want := []telemetry.Type{telemetry.TypeInitStart, telemetry.TypeInitRuntimeDone, telemetry.TypeInitReport, telemetry.TypeStart,
		telemetry.TypeFunction, telemetry.TypeFunction, telemetry.TypeRuntimeDone, telemetry.TypeReport}
	var got []telemetry.Type
	for _, e := range w.seen() {
		if e.Function == "probe" && e.Type != telemetry.TypeNotice && e.Type != telemetry.TypeDiagnostic {
			got = append(got, e.Type)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
	lines := strings.Split(strings.TrimSuffix(r.Log, "\n"), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[0], "START RequestId: "+r.RequestID+" Version: $LATEST") || lines[1] != "said to standard output" ||
		lines[2] != "said to standard error" || lines[3] != "END RequestId: "+r.RequestID || !strings.Contains(lines[4], "\tInit Duration: ") {
		t.Errorf("log %q", r.Log)
	}
}

// Between invocations nothing of a function runs; with NoFreeze it does.
func TestFreezing(t *testing.T) {
	for _, noFreeze := range []bool{false, true} {
		clock := strings.Replace(probeConfig, "functions:\n", "functions:\n  clock: { runtime: nodejs22.x, timeout: 120, inline: \"exports.handler = () => new Promise(done => setTimeout(done, 2000))\" }\n", 1)
		w := serve(t, map[string]string{"emulate.yaml": fmt.Sprintf(clock, probeDir(t), "")}, func(o *emulator.Options) {
			o.NoFreeze, o.Env = noFreeze, map[string]string{"TICK": "1"}
		})
		idle := func() (ticks int64) {
			first, _ := w.invoke(`{"sleepMs":50}`)
			// Another function takes its time meanwhile.
			if r, err := w.Invoke(t.Context(), "clock", []byte("{}")); err != nil || r.FunctionError != "" {
				t.Fatalf("%+v, %v", r, err)
			}
			second, _ := w.invoke(`{}`)
			if second.PID != first.PID {
				t.Fatalf("another environment: %+v, %+v", first, second)
			}
			return second.Ticks - first.Ticks
		}
		// While it slept 50 ms it ticked some 50 times, and it may tick until it is frozen and from its thaw on.
		const most = 500
		ticks := idle()
		for try := 1; try < tries && (ticks > most) != noFreeze; try++ {
			ticks = idle()
		}
		if (ticks > most) != noFreeze {
			t.Errorf("with NoFreeze %v the function's goroutine ticked %d times in two seconds of idleness", noFreeze, ticks)
		}
	}
}

func TestHandlersSeeNothingOfTheShell(t *testing.T) {
	t.Setenv("EMULATE_TEST_SECRET", "secret")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the user's own")
	w := serveProbe(t, "    environment: { COLOUR: blue }\n", nil)
	s, _ := w.invoke(`{"do":"environment"}`)
	for name, want := range map[string]string{"COLOUR": "blue", "AWS_LAMBDA_FUNCTION_NAME": "probe", "AWS_REGION": "us-east-1", "PATH": os.Getenv("PATH")} {
		if got := s.Environment[name]; !strings.HasSuffix(got, want) {
			t.Errorf("%s=%s, want %s", name, got, want)
		}
	}
	if _, leaked := s.Environment["EMULATE_TEST_SECRET"]; leaked || s.Environment["AWS_SECRET_ACCESS_KEY"] == "the user's own" || s.Environment["HOME"] != "" {
		t.Errorf("the shell's variables leak: %v", s.Environment)
	}
	if !strings.HasPrefix(s.Environment["AWS_ENDPOINT_URL_LAMBDA"], "http://127.0.0.1:") {
		t.Errorf("AWS_ENDPOINT_URL_LAMBDA=%s", s.Environment["AWS_ENDPOINT_URL_LAMBDA"])
	}
}

// Close leaves no process, no open file, no folder.
func TestCloseLeavesNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Fatal("this test reads /proc") // the others run everywhere
	}
	once := func() (pids []int) {
		w := serveProbe(t, "", nil)
		for range 3 {
			s, _ := w.invoke(`{"do":"children"}`)
			pids = append(append(pids, s.PID), s.Children...)
		}
		burst(t, 20, func(c *http.Client) answer { return get(t, c, w.base("http")+"/http?sleepMs=300") })
		http.DefaultClient.CloseIdleConnections()
		if err := w.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(context.Background()); err != nil {
			t.Errorf("a second Close: %v", err)
		}
		return pids
	}
	once() // caches are warm
	before := openFiles(t)
	pids := once()
	// The clients of this test close their connections in the background.
	if !eventually(after(patience), func() bool { return len(openFiles(t)) <= len(before) }) {
		left := openFiles(t)
		t.Errorf("%d open files before and %d after:\n%s", len(before), len(left), strings.Join(left, "\n"))
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
}

func openFiles(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			out = append(out, e.Name()+" "+target)
		}
	}
	return out
}

// alive says whether a process exists and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

func TestTwoSideBySide(t *testing.T) {
	a, b := serveProbe(t, "", nil), serveProbe(t, "", nil)
	for range 3 {
		a.invoke(`{}`)
	}
	x, _ := a.invoke(`{}`)
	y, _ := b.invoke(`{}`)
	if x.Invocations != 4 || y.Invocations != 1 || x.PID == y.PID || x.LogStream == y.LogStream {
		t.Errorf("the emulators share something: %+v, %+v", x, y)
	}
	if err := a.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if z, _ := b.invoke(`{}`); z.Invocations != 2 || z.PID != y.PID {
		t.Errorf("the end of one emulator reached the other: %+v, before %+v", z, y)
	}
}

func TestTakenPortNamesItsHolder(t *testing.T) {
	w := serveProbe(t, "", nil)
	var port int
	if _, err := fmt.Sscanf(w.URL(), "http://127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	e, err := emulator.New(emulator.Options{Path: w.dir, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Start(t.Context())
	name := filepath.Base(os.Args[0]) // of which the kernel keeps 15 characters
	want := fmt.Sprintf("port %d of 127.0.0.1 is taken by %s (pid %d): choose another with --port", port, name[:min(15, len(name))], os.Getpid())
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestWrongOptions(t *testing.T) {
	for _, o := range []emulator.Options{{Port: -1}, {AWSPort: 70000}, {Port: 3000, AWSPort: 3000}, {Executor: "vm"}} {
		var usage *emulator.UsageError
		if _, err := emulator.New(o); !errors.As(err, &usage) {
			t.Errorf("%+v: %v, want a usage error", o, err)
		}
	}
	e, err := emulator.New(emulator.Options{Path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var wrong *emulator.ConfigError
	if err := e.Start(t.Context()); !errors.As(err, &wrong) || len(wrong.Diagnostics) == 0 {
		t.Errorf("an empty folder: %v, want a configuration error", err)
	}
}

// AWS's own runtime clients, as bootstraps of provided functions: what users bring whose runtime is an image or an older one.
func TestAWSRuntimeClientsAsBootstraps(t *testing.T) {
	tools, err := filepath.Abs("../.tools")
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"python/bin/python", "node/node_modules/.bin/aws-lambda-ric"} {
		if _, err := os.Stat(filepath.Join(tools, tool)); err != nil {
			t.Fatalf("run make tools: %v", err)
		}
	}
	w := serve(t, map[string]string{
		"emulate.yaml": `functions:
  py: { code: ./py, runtime: provided.al2023, timeout: 120, layers: [` + tools + `/python] }
  js: { code: ./js, runtime: provided.al2023, timeout: 120, layers: [` + tools + `/node] }
`,
		// In a layer, which is /opt where that can be: a checkout in /tmp is hidden from a function whose /tmp is its own.
		"py/bootstrap": "#!/bin/sh\np=/opt/bin/python; [ -x $p ] || p=" + tools + "/python/bin/python\nexec $p -m awslambdaric app.handler\n",
		"py/app.py":    "def handler(event, context):\n    if event.get('fail'):\n        raise ValueError('asked for')\n    return {'id': context.aws_request_id, 'event': event}\n",
		"js/bootstrap": "#!/bin/sh\np=/opt/node_modules/.bin/aws-lambda-ric; [ -x $p ] || p=" + tools + "/node/node_modules/.bin/aws-lambda-ric\nexec $p index.handler\n",
		"js/index.js":  "exports.handler = async (event, context) => { if (event.fail) throw new RangeError('asked for'); return { id: context.awsRequestId, event }; };\n",
	}, nil)
	for name, typ := range map[string]string{"py": "ValueError", "js": "RangeError"} {
		for i := range 3 {
			w.rest()
			r, err := w.Invoke(t.Context(), name, []byte(`{"é":1}`))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var got struct {
				ID    string
				Event map[string]int
			}
			if err := json.Unmarshal(r.Payload, &got); err != nil || got.ID != r.RequestID || got.Event["é"] != 1 || r.Cold != (i == 0) {
				t.Errorf("%s: answer %s to request %s, cold %v", name, r.Payload, r.RequestID, r.Cold)
			}
		}
		if r, err := w.Invoke(t.Context(), name, []byte(`{"fail":true}`)); err != nil || r.FunctionError != "Unhandled" || !strings.Contains(string(r.Payload), typ) {
			t.Errorf("%s: a failing handler answers %+v, %v", name, r, err)
		}
	}
}
