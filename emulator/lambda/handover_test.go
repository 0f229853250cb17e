package lambda

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/telemetry"
	"example.com/emulate/runtimeapi"
)

// first is a script whose first process behaves as b, and all others well.
func first(b behaviour) func(Spec, int) behaviour {
	return func(_ Spec, start int) behaviour {
		if start == 1 {
			return b
		}
		return behaviour{}
	}
}

// later does something to the world after a while.
func (w *world) later(d time.Duration, do func()) {
	time.AfterFunc(d, do)
}

// A sandbox that is lost before a runtime has the event costs its caller time, and nothing else.
func TestLostBeforeTheEventWasHandedOver(t *testing.T) {
	none := &UnavailableError{errors.New("no such container")}
	for name, c := range map[string]struct {
		first behaviour
		lose  time.Duration // after which all sandboxes are lost
		warm  bool          // the first invocation runs before that, and crashes where crash is set
		crash bool
	}{
		"while it starts":          {first: behaviour{startTakes: time.Second, init: 2 * time.Second}, lose: 500 * time.Millisecond},
		"in INIT":                  {first: behaviour{init: time.Second}, lose: 500 * time.Millisecond},
		"in INIT, by itself":       {first: behaviour{initExit: &Exit{Lost: true}}},
		"while the CPU is limited": {first: behaviour{limitTakes: time.Second}, lose: 500 * time.Millisecond},
		"between two invocations":  {lose: 500 * time.Millisecond, warm: true},
		"after a crash":            {first: behaviour{resetError: none}, warm: true, crash: true},
		"in the repeated INIT":     {first: behaviour{initError: `{}`, resetError: none}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := c.first
				b.invoke = func(ev *runtimeapi.Event) outcome {
					if c.crash {
						return outcome{exit: &Exit{Code: 1}}
					}
					return reply("1")
				}
				w := newWorld(t, Options{}, first(b))
				w.fn("f", nil)
				if c.warm {
					w.invoke(t, "f")
				}
				if c.lose > 0 {
					w.later(c.lose, w.loseAll)
				}
				if c.warm {
					time.Sleep(time.Second)
				}
				if r := w.invoke(t, "f"); r.FunctionError != "" {
					t.Errorf("%s %s", r.FunctionError, r.Payload)
				}
				synctest.Wait()
				if st := w.s.Stats()[0]; w.starts != 2 || st.Environments != 1 {
					t.Errorf("%d processes in all, %d environments are left; want 2 and 1", w.starts, st.Environments)
				}
				w.stream.Flush()
				streams := map[string]bool{}
				for _, e := range w.events {
					streams[e.Environment] = true
				}
				if len(streams) != 2 {
					t.Errorf("%d environments, want another one in place of the lost one", len(streams))
				}
			})
		})
	}
}

// What a runtime had when its sandbox was lost fails as on AWS, once.
func TestLostWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, first(behaviour{invoke: func(*runtimeapi.Event) outcome { return outcome{hang: true} }}))
		w.fn("f", nil)
		w.later(time.Second, w.loseAll)
		inv := &Invocation{Function: "f", Payload: []byte(`{}`)}
		res, err := w.s.Invoke(t.Context(), inv)
		if err != nil {
			t.Fatal(err)
		}
		const want = `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: signal: killed"}`
		if got := strings.ReplaceAll(string(res.Payload), inv.RequestID, "ID"); got != want || res.FunctionError != "Unhandled" {
			t.Errorf("%s %s", res.FunctionError, got)
		}
		synctest.Wait()
		if st := w.s.Stats()[0]; w.starts != 1 || st.Environments != 0 {
			t.Errorf("%d processes, %d environments; want 1 that is stopped", w.starts, st.Environments)
		}
		if r := w.invoke(t, "f"); r.FunctionError != "" || w.starts != 2 {
			t.Errorf("the next one: %s %s, %d processes", r.FunctionError, r.Payload, w.starts)
		}
		if log := w.log(); strings.Count(log, "Error Type: Runtime.ExitError") != 1 {
			t.Errorf("log\n%s", log)
		}
	})
}

// A sandbox of which a timeout's Kill finds that it is lost is not reset.
func TestLostWhenItIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, first(behaviour{killLoses: true, invoke: func(*runtimeapi.Event) outcome { return outcome{hang: true} }}))
		w.fn("f", nil)
		if r := w.invoke(t, "f"); r.ErrorType != "Sandbox.Timedout" {
			t.Errorf("%s %s", r.ErrorType, r.Payload)
		}
		if r := w.invoke(t, "f"); r.FunctionError != "" || w.starts != 2 {
			t.Errorf("the next one: %s %s, %d processes", r.FunctionError, r.Payload, w.starts)
		}
	})
}

// A sandbox that is lost after its answer takes nothing back.
func TestLostAfterTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, first(behaviour{invoke: func(*runtimeapi.Event) outcome {
			o := reply("1")
			o.pollAfter = 2 * time.Second
			return o
		}}))
		w.fn("f", nil)
		w.later(time.Second, w.loseAll)
		if r := w.invoke(t, "f"); string(r.Payload) != "1" {
			t.Errorf("payload %s", r.Payload)
		}
		time.Sleep(3 * time.Second)
		if n := w.count(telemetry.TypeReport); n != 1 || w.s.Stats()[0].Environments != 0 {
			t.Errorf("%d reports; %+v", n, w.s.Stats()[0])
		}
	})
}

// A sandbox may be lost in the very moment in which the event is written: what becomes of the write decides.
func TestLostWhileTheEventIsWritten(t *testing.T) {
	for _, missed := range []bool{false, true} {
		t.Run(fmt.Sprint("missed=", missed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Options{}, takes(time.Second))
				w.fn("f", nil)
				w.invoke(t, "f")
				for _, s := range w.servers {
					s.mu.Lock()
					s.slow, s.missed = 200*time.Millisecond, missed
					s.mu.Unlock()
				}
				w.later(2100*time.Millisecond, w.loseAll)
				time.Sleep(2 * time.Second)
				r := w.invoke(t, "f")
				if missed && string(r.Payload) != `"done"` || !missed && r.ErrorType != "Runtime.ExitError" {
					t.Errorf("%s %s", r.FunctionError, r.Payload)
				}
			})
		})
	}
}

// Sandboxes that never live long enough do not go round for ever, nor in a tight loop.
func TestAlwaysLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(Spec, int) behaviour { return behaviour{initExit: &Exit{Lost: true}} })
		w.fn("f", nil)
		began := time.Now()
		r := w.invoke(t, "f")
		if r.ErrorType != "Runtime.ExitError" || w.starts != 6 || time.Since(began) != 3500*time.Millisecond {
			t.Errorf("%s %s after %d starts in %v", r.FunctionError, r.Payload, w.starts, time.Since(began))
		}
		if st := w.s.Stats()[0]; st.Invocations != 1 || st.Errors != 1 {
			t.Errorf("counted as %d invocations with %d errors", st.Invocations, st.Errors)
		}
	})
}

// An Executor that gave up waiting for its engine is believed: 500 with its words, unless an environment is there after all.
func TestUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(_ Spec, start int) behaviour {
			if start == 1 || start == 4 {
				return behaviour{invoke: func(*runtimeapi.Event) outcome {
					o := reply("1")
					o.after = 2 * time.Second
					return o
				}}
			}
			return behaviour{startTakes: 10 * time.Second, startError: &UnavailableError{errors.New("Cannot connect to the Docker daemon")}}
		})
		w.fn("f", func(f *config.Function) { f.Timeout = time.Minute })
		if got := w.parallel("f", 2); got["ok"] != 2 || w.starts != 2 {
			t.Errorf("answers %v from %d starts, want both from the environment that was busy at first", got, w.starts)
		}
		busy := make(chan *Result)
		go func() { busy <- w.invoke(t, "f") }()
		time.Sleep(time.Second)
		w.later(2*time.Second, func() { w.invoke(t, "f"); w.loseAll() })
		_, err := w.s.Invoke(t.Context(), &Invocation{Function: "f"})
		var e *Error
		if !errors.As(err, &e) || e.Status != 500 || e.Name != "ServiceException" || e.Message != "Cannot connect to the Docker daemon" || w.starts != 3 {
			t.Errorf("error %v after %d starts", err, w.starts)
		}
		<-busy
		if r := w.invoke(t, "f"); r.FunctionError != "" { // it is back
			t.Errorf("%s", r.Payload)
		}
	})
}

// A start that waits for an engine does not hold up Close, nor does one that nobody needs any more.
func TestStartIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(Spec, int) behaviour {
			return behaviour{startTakes: time.Hour, startError: &UnavailableError{errors.New("no engine")}}
		})
		w.fn("f", nil)
		got := make(chan error)
		go func() {
			_, err := w.s.Invoke(context.Background(), &Invocation{Function: "f"})
			got <- err
		}()
		time.Sleep(time.Second)
		began := time.Now()
		go func() { _ = w.s.Close(context.Background()) }()
		if err := <-got; err != errClosing {
			t.Errorf("error %v", err)
		}
		if err := w.s.Close(context.Background()); err != nil || time.Since(began) > startPatience {
			t.Errorf("Close took %v: %v", time.Since(began), err)
		}
	})
}

// A request that waits to be placed again ends with Close.
func TestCloseWhileARequestIsToBePlacedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(Spec, int) behaviour { return behaviour{initExit: &Exit{Lost: true}} })
		w.fn("f", nil)
		w.later(time.Second, func() { _ = w.s.Close(context.Background()) })
		if _, err := w.s.Invoke(t.Context(), &Invocation{Function: "f"}); err != errClosing {
			t.Errorf("error %v", err)
		}
	})
}
