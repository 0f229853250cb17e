package lambda

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/telemetry"
	"example.com/emulate/runtimeapi"
)

func reply(text string) outcome {
	return outcome{response: runtimeapi.Response{Payload: []byte(text)}}
}

// takes is a handler that needs d.
func takes(d time.Duration) func(Spec, int) behaviour {
	return func(Spec, int) behaviour {
		return behaviour{init: 50 * time.Millisecond, invoke: func(*runtimeapi.Event) outcome {
			o := reply(`"done"`)
			o.after = d
			return o
		}}
	}
}

func (w *world) invoke(t *testing.T, name string) *Result {
	t.Helper()
	res, err := w.s.Invoke(t.Context(), &Invocation{Function: name, Payload: []byte(`{}`)})
	if err != nil {
		t.Fatalf("invoke %s: %v", name, err)
	}
	return res
}

// parallel makes n invocations at once and counts the answers: "ok", a function error's type, or a throttle's reason.
func (w *world) parallel(name string, n int) map[string]int {
	var mu sync.Mutex
	got := map[string]int{}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			res, err := w.s.Invoke(context.Background(), &Invocation{Function: name, Payload: []byte(`{}`)})
			mu.Lock()
			defer mu.Unlock()
			var e *Error
			switch {
			case errors.As(err, &e) && e.Reason != "":
				got[e.Reason]++
			case err != nil:
				got[err.Error()]++
			case res.FunctionError != "":
				got[res.ErrorType]++
			default:
				got["ok"]++
			}
		})
	}
	wg.Wait()
	return got
}

// types of the events so far, those of the function's requests.
func (w *world) count(typ telemetry.Type) int {
	w.stream.Flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.events {
		if e.Type == typ {
			n++
		}
	}
	return n
}

// log is what CloudWatch would show, with ids and numbers left out.
func (w *world) log() string {
	w.stream.Flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	var b []byte
	for _, e := range w.events {
		b = telemetry.AppendText(b, e)
	}
	return string(b)
}

func TestOneEnvironmentServesOneRequestAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, takes(200*time.Millisecond))
		w.fn("f", nil)
		for range 3 {
			if got := string(w.invoke(t, "f").Payload); got != `"done"` {
				t.Fatalf("payload %s", got)
			}
		}
		if w.starts != 1 {
			t.Errorf("%d environments, want 1: a caller that sends one request after the other needs one", w.starts)
		}
	})
}

func TestParallelRequestsAreColdStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, takes(200*time.Millisecond))
		w.fn("f", nil)
		if got := w.parallel("f", 100); got["ok"] != 100 {
			t.Fatalf("answers %v", got)
		}
		if n := w.count(telemetry.TypeInitReport); w.starts != 100 || n != 100 {
			t.Errorf("%d environments with %d init reports, want 100 and 100", w.starts, n)
		}
		if n := strings.Count(w.log(), "Init Duration: 50.00 ms"); n != 100 {
			t.Errorf("%d reports with Init Duration: 50.00 ms, want 100", n)
		}
	})
}

func TestLimitsThrottle(t *testing.T) {
	one := 1
	for _, c := range []struct {
		name   string
		o      Options
		change func(*config.Function)
		n, ok  int
		reason string
	}{
		{"reserved", Options{}, func(f *config.Function) { f.ReservedConcurrency = &one }, 5, 1, "ReservedFunctionConcurrentInvocationLimitExceeded"},
		{"account", Options{AccountConcurrency: 3}, nil, 5, 3, "ConcurrentInvocationLimitExceeded"},
		{"scaling rate", Options{AccountConcurrency: 2000}, nil, 1200, 1000, "FunctionInvocationRateLimitExceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, c.o, takes(10*time.Second))
				w.fn("f", func(f *config.Function) {
					f.Timeout = time.Minute
					if c.change != nil {
						c.change(f)
					}
				})
				got := w.parallel("f", c.n)
				if got["ok"] != c.ok || got[c.reason] != c.n-c.ok {
					t.Errorf("answers %v, want %d ok and the others %s", got, c.ok, c.reason)
				}
				if n := w.count(telemetry.TypeThrottle); n != c.n-c.ok {
					t.Errorf("%d throttle events, want %d", n, c.n-c.ok)
				}
			})
		})
	}
}

func TestFailures(t *testing.T) {
	exit := func(x Exit) func(Spec, int) behaviour {
		return func(Spec, int) behaviour {
			return behaviour{invoke: func(*runtimeapi.Event) outcome { return outcome{exit: &x} }}
		}
	}
	always := func(b behaviour) func(Spec, int) behaviour { return func(Spec, int) behaviour { return b } }
	for _, c := range []struct {
		name   string
		script func(Spec, int) behaviour
		want   string // payload, with ID for the request's id
		log    string // a part of the log
		starts int
	}{
		{"exit 0", exit(Exit{}), `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited without providing a reason"}`,
			"Status: error\tError Type: Runtime.ExitError\n", 1},
		{"exit 3", exit(Exit{Code: 3}), `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 3"}`, "", 1},
		{"killed", exit(Exit{Code: -1, Signal: "killed"}), `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: signal: killed"}`, "", 1},
		{"timeout", always(behaviour{invoke: func(*runtimeapi.Event) outcome { return outcome{hang: true} }}),
			`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 3.00 seconds"}`, "Duration: 3000.00 ms\tBilled Duration: 3000 ms", 1},
		{"init/error", always(behaviour{initError: `{"errorMessage":"x","errorType":"T","requestId":""}`}), `{"errorMessage":"x","errorType":"T","requestId":""}`,
			"Phase: init\tStatus: error\tError Type: Runtime.Unknown\n", 2},
		{"exit in init", always(behaviour{initExit: &Exit{Code: 127}}), `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 127"}`,
			"Phase: invoke\tStatus: error\tError Type: Runtime.ExitError\n", 2},
		{"init hangs", always(behaviour{initHang: true}), `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 3.00 seconds"}`,
			"INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n", 2},
		{"no bootstrap", always(behaviour{startError: &InvalidEntrypointError{Searched: []string{"/var/task/bootstrap", "/opt/bootstrap"}}}),
			`{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: ID Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}`, "", 1},
		{"too large", always(behaviour{invoke: func(*runtimeapi.Event) outcome { return outcome{response: runtimeapi.Response{TooLarge: true}} }}),
			`{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`, "", 1},
		{"handler error", always(behaviour{invoke: func(*runtimeapi.Event) outcome {
			return outcome{response: runtimeapi.Response{Error: true, ErrorType: "Function.X", Payload: []byte(`{"errorType":"X"}`)}}
		}}), `{"errorType":"X"}`, "Status: error\tError Type: Function.X\n", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Options{}, c.script)
				w.fn("f", nil)
				inv := &Invocation{Function: "f", Payload: []byte(`{}`)}
				res, err := w.s.Invoke(t.Context(), inv)
				if err != nil {
					t.Fatal(err)
				}
				if res.FunctionError != "Unhandled" {
					t.Errorf("FunctionError %q", res.FunctionError)
				}
				if got := strings.ReplaceAll(string(res.Payload), inv.RequestID, "ID"); got != c.want {
					t.Errorf("payload\n got %s\nwant %s", got, c.want)
				}
				synctest.Wait()
				if log := w.log(); !strings.Contains(log, c.log) {
					t.Errorf("log lacks %q:\n%s", c.log, log)
				}
				if w.starts != c.starts {
					t.Errorf("%d processes, want %d", w.starts, c.starts)
				}
			})
		})
	}
}

// After a crash the next invocation runs INIT again in the same environment: same log stream, new process.
func TestResetKeepsTheEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(_ Spec, start int) behaviour {
			return behaviour{init: 70 * time.Millisecond, invoke: func(*runtimeapi.Event) outcome {
				if start == 1 {
					return outcome{exit: &Exit{Signal: "killed"}}
				}
				return reply("2")
			}}
		})
		w.fn("f", nil)
		first := w.invoke(t, "f")
		second := w.invoke(t, "f")
		if first.FunctionError == "" || string(second.Payload) != "2" {
			t.Fatalf("answers %q %s, %s", first.FunctionError, first.Payload, second.Payload)
		}
		w.stream.Flush()
		streams := map[string]bool{}
		for _, e := range w.events {
			streams[e.Environment] = true
		}
		if w.starts != 2 || len(streams) != 1 {
			t.Errorf("%d processes in %d environments, want 2 in 1", w.starts, len(streams))
		}
		if log := w.log(); !strings.Contains(log, "Duration: 70.00 ms\tBilled Duration: 70 ms") {
			t.Errorf("the repeated INIT is not part of the second invocation's time:\n%s", log)
		}
	})
}

func TestTailWaitsForTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(Spec, int) behaviour {
			return behaviour{invoke: func(*runtimeapi.Event) outcome {
				o := reply("{}")
				o.output = []string{"first", "", "second"}
				o.pollAfter = time.Second
				return o
			}}
		})
		w.fn("f", nil)
		inv := &Invocation{Function: "f", Payload: []byte(`{}`), Tail: true}
		res, err := w.s.Invoke(t.Context(), inv)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.ReplaceAll(string(res.LogTail), inv.RequestID, "ID")
		want := "START RequestId: ID Version: $LATEST\nfirst\nsecond\nEND RequestId: ID\n" +
			"REPORT RequestId: ID\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\tMemory Size: 128 MB\tMax Memory Used: 0 MB\t\n"
		if got != want {
			t.Errorf("log\n got %q\nwant %q", got, want)
		}
	})
}

func TestIdleEnvironmentsAreFrozenThawedAndReaped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, takes(0))
		w.fn("f", nil)
		w.invoke(t, "f")
		time.Sleep(time.Second)
		w.mu.Lock()
		if w.freezes != 1 || w.thaws != 0 {
			t.Errorf("%d freezes and %d thaws after a second of idleness, want 1 and 0", w.freezes, w.thaws)
		}
		w.mu.Unlock()
		w.invoke(t, "f")
		w.mu.Lock()
		if w.thaws != 1 {
			t.Errorf("%d thaws, want 1", w.thaws)
		}
		w.mu.Unlock()
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		if w.live != 0 {
			t.Error("the environment lives after 11 minutes of idleness")
		}
	})
}

func TestCallerThatLeavesDoesNotEndTheInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, takes(2*time.Second))
		w.fn("f", nil)
		left := errors.New("integration timeout")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, left)
		defer cancel()
		if _, err := w.s.Invoke(ctx, &Invocation{Function: "f"}); err != left {
			t.Errorf("error %v, want the context's cause", err)
		}
		time.Sleep(5 * time.Second)
		if n := w.count(telemetry.TypeReport); n != 1 {
			t.Errorf("%d reports, want 1: the function runs on", n)
		}
	})
}

func TestEventsAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids sync.Map
		var calls atomic.Int32
		w := newWorld(t, Options{}, func(Spec, int) behaviour {
			return behaviour{invoke: func(ev *runtimeapi.Event) outcome {
				calls.Add(1)
				ids.Store(ev.RequestID, true)
				return outcome{response: runtimeapi.Response{Error: true, ErrorType: "Function.X"}}
			}}
		})
		w.fn("f", nil)
		if err := w.s.Enqueue(&Invocation{Function: "f"}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			at   time.Duration
			want int32
		}{{time.Second, 1}, {61 * time.Second, 2}, {182 * time.Second, 3}, {time.Hour, 3}} {
			time.Sleep(c.at - time.Since(w.s.began))
			if got := calls.Load(); got != c.want {
				t.Errorf("%d attempts after %v, want %d", got, c.at, c.want)
			}
		}
		n := 0
		ids.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%d request ids, want one over all attempts", n)
		}
		if err := w.s.Enqueue(&Invocation{Function: "none"}); err == nil {
			t.Error("an unknown function is accepted")
		}
	})
}

func TestCloseWaitsForWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, takes(2*time.Second))
		w.fn("f", nil)
		got := make(chan error)
		go func() {
			_, err := w.s.Invoke(context.Background(), &Invocation{Function: "f"})
			got <- err
		}()
		time.Sleep(time.Second)
		closed := make(chan error)
		go func() { closed <- w.s.Close(context.Background()) }()
		if err := <-got; err != nil {
			t.Errorf("the invocation in flight fails: %v", err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if _, err := w.s.Invoke(t.Context(), &Invocation{Function: "f"}); err == nil {
			t.Error("a closed service takes an invocation")
		}
	})
}

// A request in its cold start is in flight: its sandbox is being made, or its runtime is in INIT.
func TestCloseWaitsForColdStarts(t *testing.T) {
	for _, b := range []behaviour{{init: 5 * time.Second}, {startTakes: startPatience - 1}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, Options{}, func(Spec, int) behaviour { return b })
			w.fn("f", nil)
			got := make(chan error)
			go func() {
				_, err := w.s.Invoke(context.Background(), &Invocation{Function: "f"})
				got <- err
			}()
			synctest.Wait()
			closed := make(chan error)
			go func() { closed <- w.s.Close(context.Background()) }()
			if err := <-got; err != nil {
				t.Errorf("the invocation in flight fails: %v", err)
			}
			if err := <-closed; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCloseGivesUpAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, takes(time.Hour))
		w.fn("f", func(f *config.Function) { f.Timeout = 15 * time.Minute })
		got := make(chan error)
		go func() {
			_, err := w.s.Invoke(context.Background(), &Invocation{Function: "f"})
			got <- err
		}()
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		go func() { _ = w.s.Close(ctx) }()
		if err := <-got; err == nil {
			t.Error("the invocation is answered")
		}
		synctest.Wait()
	})
}

// Random weather: whatever dies, every invocation ends exactly once and nothing is left.
func TestEveryInvocationEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		w := newWorld(t, Options{AccountConcurrency: 40}, func(_ Spec, start int) behaviour {
			b := behaviour{init: time.Duration(start%7) * 30 * time.Millisecond}
			switch start % 11 {
			case 3:
				b.initError = `{}`
			case 5:
				b.initExit = &Exit{Code: 1}
			case 8:
				b.startError = fmt.Errorf("no room")
			case 9:
				b.initHang = true
			case 10:
				b.limitTakes = 300 * time.Millisecond
			}
			switch start % 29 {
			case 7:
				b.startError = &UnavailableError{errors.New("no engine")}
			case 11:
				b.initExit = &Exit{Lost: true}
			case 13:
				b.resetError = &UnavailableError{errors.New("no such container")}
			case 17:
				b.startTakes = 100 * time.Millisecond
			}
			b.invoke = func(*runtimeapi.Event) outcome {
				o := outcome{after: time.Duration(n.Load()%5) * 20 * time.Millisecond, response: runtimeapi.Response{Payload: []byte("1")}}
				switch k := n.Add(1); {
				case k%13 == 0:
					o.exit = &Exit{Code: int(k % 3)}
				case k%17 == 0:
					o.hang = true
				case k%19 == 0:
					o.pollAfter = 5 * time.Second // times out after it answered
				case k%23 == 0:
					o.response = runtimeapi.Response{TooLarge: true}
				case k%29 == 0:
					o.exit = &Exit{Lost: true}
				case k%31 == 0:
					o.dies = &Exit{Lost: true}
				}
				return o
			}
			return b
		})
		f := w.fn("f", nil)
		var wg sync.WaitGroup
		for c := range 60 {
			wg.Go(func() {
				for k := range 50 {
					_, _ = w.s.Invoke(context.Background(), &Invocation{Function: "f", Tail: c%5 == 0})
					time.Sleep(time.Duration(c*k%40) * time.Millisecond)
				}
			})
		}
		for k := range 5 {
			time.Sleep(10 * time.Second)
			w.s.SetCode(f, Code{Digest: fmt.Sprint("g", k)})
			time.Sleep(3 * time.Second)
			w.loseAll()
		}
		wg.Wait()
		time.Sleep(10 * time.Second) // the last ones answered and have yet to poll
		st := w.s.Stats()[0]
		if st.Invocations != 3000 || st.InFlight != 0 || st.Waiting != 0 {
			t.Errorf("stats %+v, want 3000 invocations and none in flight", st)
		}
	})
}

func TestDescribe(t *testing.T) {
	w := newWorld(t, Options{}, takes(0))
	w.fn("b", func(f *config.Function) { f.Alias = "live" })
	w.fn("a", nil)
	var names []string
	for _, d := range w.s.List() {
		names = append(names, d.ARN)
	}
	if !sort.StringsAreSorted(names) || len(names) != 2 {
		t.Errorf("list %v", names)
	}
	for _, c := range []struct{ name, qualifier, arn, version, err string }{
		{"b", "", "arn:aws:lambda:us-east-1:123456789012:function:b", "$LATEST", ""},
		{"b", "live", "arn:aws:lambda:us-east-1:123456789012:function:b:live", "1", ""},
		{"b", "$LATEST", "arn:aws:lambda:us-east-1:123456789012:function:b:$LATEST", "$LATEST", ""},
		{"a", "live", "", "", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:a:live"},
		{"c", "", "", "", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:c"},
	} {
		d, err := w.s.Describe(c.name, c.qualifier)
		var e *Error
		if errors.As(err, &e) && e.Message != c.err || err == nil && (d.ARN != c.arn || d.Version != c.version) {
			t.Errorf("%s:%s: %+v, %v", c.name, c.qualifier, d, err)
		}
	}
}
