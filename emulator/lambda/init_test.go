package lambda

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/emulate/runtimeapi"
)

// The CPU is limited when INIT has ended, before the first event, once per process; what that takes is no part of INIT or of the invocation, and
// holds up nobody else.
func TestCPUIsLimitedAtTheEndOfInit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(s Spec, _ int) behaviour {
			b := behaviour{init: 9900 * time.Millisecond, limitTakes: 2 * time.Second, invoke: func(ev *runtimeapi.Event) outcome {
				if string(ev.Payload) == "crash" {
					return outcome{exit: &Exit{Code: 1}}
				}
				return reply("1")
			}}
			if s.Function.Name == "other" {
				b.init, b.limitTakes = 0, 0
			}
			return b
		})
		w.fn("f", nil)
		w.fn("other", nil)
		time.AfterFunc(11*time.Second, func() { // in the middle of it
			began := time.Now()
			w.invoke(t, "other")
			w.s.Stats()
			if d := time.Since(began); d > 0 {
				t.Errorf("another function waits for %v", d)
			}
		})
		for range 3 {
			w.invoke(t, "f")
		}
		if w.limits != 2 {
			t.Errorf("the CPU was limited %d times, want once for each of 2 processes", w.limits)
		}
		log := w.log()
		if !strings.Contains(log, "Duration: 0.00 ms\tBilled Duration: 9900 ms\tMemory Size: 128 MB\tMax Memory Used: 0 MB\tInit Duration: 9900.00 ms") {
			t.Errorf("log\n%s", log)
		}
	})
}

// A runtime may poll before the Executor has returned it, in its first INIT and in a repeated one.
func TestPollBeforeStartReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(_ Spec, start int) behaviour {
			return behaviour{init: 10 * time.Millisecond, startTakes: 300 * time.Millisecond, invoke: func(*runtimeapi.Event) outcome {
				if start == 1 {
					return outcome{exit: &Exit{Code: 1}}
				}
				return reply("1")
			}}
		})
		w.fn("f", nil)
		w.invoke(t, "f")
		if got := string(w.invoke(t, "f").Payload); got != "1" || w.limits != 2 || w.starts != 2 {
			t.Errorf("payload %s; %d processes, the CPU limited %d times", got, w.starts, w.limits)
		}
		if log := w.log(); !strings.Contains(log, "Init Duration: 10.00 ms") {
			t.Errorf("log\n%s", log)
		}
	})
}

// A poll whose moment is before that of Start's return, but which is noted after it, ends an INIT that took time all the same.
func TestPollNotedAfterStartReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(Spec, int) behaviour { return behaviour{startTakes: 300 * time.Millisecond, init: time.Second} })
		w.fn("f", nil)
		time.AfterFunc(400*time.Millisecond, func() {
			w.s.mu.Lock()
			e := w.s.envs[0]
			waited := e.fn.counts.WaitedForMachine
			inst := e.firstPoll(e.exists.Add(-time.Millisecond))
			if late := waited - e.fn.counts.WaitedForMachine; late != 300*time.Millisecond {
				t.Errorf("%v of the start are INIT, want 300ms", late)
			}
			w.s.mu.Unlock()
			e.ready(inst)
		})
		w.invoke(t, "f")
		if log := w.log(); !strings.Contains(log, "Init Duration: 299.00 ms") {
			t.Errorf("log\n%s", log)
		}
	})
}

// An environment serves although its CPU cannot be limited, which is said.
func TestCPUThatCannotBeLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		o := Options{Log: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}
		w := newWorld(t, o, func(Spec, int) behaviour { return behaviour{limitError: errors.New("no such cgroup")} })
		w.fn("f", nil)
		w.invoke(t, "f")
		w.invoke(t, "f")
		if len(said) != 1 || said[0] != "limit the CPU of an environment of function f: no such cgroup" {
			t.Errorf("said %q", said)
		}
	})
}

// A process that ends while its CPU is limited has no event yet, so the request is served by the next one.
func TestProcessEndsWhileItsCPUIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, first(behaviour{limitTakes: time.Second}))
		w.fn("f", nil)
		time.AfterFunc(500*time.Millisecond, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, s := range w.servers {
				go s.process.end(Exit{Code: 1})
			}
		})
		if r := w.invoke(t, "f"); r.FunctionError != "" || w.starts != 2 {
			t.Errorf("%s %s of process %d", r.FunctionError, r.Payload, w.starts)
		}
	})
}

// An invocation whose time runs out while the CPU is limited, after a repeated INIT, times out; Close in that moment ends it.
func TestEndsWhileTheCPUIsLimited(t *testing.T) {
	script := func(_ Spec, start int) behaviour {
		if start == 1 {
			return behaviour{initError: `{}`}
		}
		return behaviour{limitTakes: time.Hour}
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, script)
		w.fn("f", nil)
		if r := w.invoke(t, "f"); r.ErrorType != "Sandbox.Timedout" {
			t.Errorf("%s %s", r.ErrorType, r.Payload)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, script)
		w.fn("f", nil)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		go func() {
			<-ctx.Done()
			_ = w.s.Close(ctx)
		}()
		if _, err := w.s.Invoke(context.Background(), &Invocation{Function: "f"}); err != errClosing {
			t.Errorf("error %v", err)
		}
		synctest.Wait()
	})
}
