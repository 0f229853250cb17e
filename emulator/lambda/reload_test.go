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
	"example.com/emulate/runtimeapi"
)

func TestReloadDrainsTheOldGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(s Spec, _ int) behaviour {
			return behaviour{invoke: func(*runtimeapi.Event) outcome {
				o := reply(s.Code.Digest)
				o.after = time.Second
				return o
			}}
		})
		f := w.fn("f", func(f *config.Function) { f.Timeout = time.Minute })
		old := make(chan string)
		go func() {
			res, err := w.s.Invoke(context.Background(), &Invocation{Function: "f"})
			if err != nil {
				old <- err.Error()
				return
			}
			old <- string(res.Payload)
		}()
		time.Sleep(500 * time.Millisecond)
		w.s.Building(f)
		fresh := make(chan string)
		go func() { fresh <- string(w.invoke(t, "f").Payload) }()
		time.Sleep(100 * time.Millisecond) // waits for the build
		w.s.SetCode(f, Code{Digest: "2"})
		if a, b := <-old, <-fresh; a != "1" || b != "2" {
			t.Errorf("answers %s and %s, want 1 from the old code and 2 from the new", a, b)
		}
		synctest.Wait()
		if w.live != 1 {
			t.Errorf("%d processes live, want 1: the old environment is stopped when it is done", w.live)
		}
		if w.s.SetCode(f, Code{Digest: "2"}) {
			t.Error("the same code again counts as a change")
		}
	})
}

// An environment that fails to start while its code changes fails no request: the files were being written. Nor does one whose repeated INIT takes the
// time of the whole invocation.
func TestStartThatMeetsAnEditIsRepeated(t *testing.T) {
	for name, second := range map[string]behaviour{
		"fails": {init: 100 * time.Millisecond, initError: `{"errorType":"Runtime.UserCodeSyntaxError"}`},
		"hangs": {initHang: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Options{}, func(s Spec, start int) behaviour {
					switch {
					case s.Code.Digest != "1":
						return behaviour{}
					case start == 1:
						return behaviour{init: 100 * time.Millisecond, initError: `{"errorType":"Runtime.UserCodeSyntaxError"}`}
					}
					return second
				})
				f := w.fn("f", nil)
				go func() {
					time.Sleep(150 * time.Millisecond) // while INIT runs for the second time
					w.s.Building(f)
					time.Sleep(200 * time.Millisecond)
					w.s.SetCode(f, Code{Digest: "2"})
				}()
				if r := w.invoke(t, "f"); r.FunctionError != "" {
					t.Errorf("the request fails: %s", r.Payload)
				}
				synctest.Wait()
				if st := w.s.Stats()[0]; st.Errors != 0 {
					t.Errorf("%d errors are counted", st.Errors)
				}
			})
		})
	}
}

func TestBuildFailureAnswersUntilMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, takes(0))
		f := w.fn("f", nil)
		w.s.BuildFailed(f, errors.New("main.go:3: undefined: x"))
		_, err := w.s.Invoke(t.Context(), &Invocation{Function: "f"})
		var e *Error
		if !errors.As(err, &e) || e.Status != 500 || e.Name != "ServiceException" || !strings.Contains(e.Message, "undefined: x") {
			t.Errorf("error %v", err)
		}
		w.s.SetCode(f, Code{Digest: "2"})
		w.invoke(t, "f")
	})
}

// A configuration that came while the build failed counts from the mend on, also where the mend is the old code.
func TestConfigurationChangesWhileABuildFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(s Spec, _ int) behaviour {
			return behaviour{invoke: func(*runtimeapi.Event) outcome { return reply(fmt.Sprintf("%q", s.Function.Environment["COLOUR"])) }}
		})
		f := w.fn("f", func(f *config.Function) { f.Environment = map[string]string{"COLOUR": "blue"} })
		if got := string(w.invoke(t, "f").Payload); got != `"blue"` {
			t.Fatalf("answer %s", got)
		}
		synctest.Wait()
		green := *f
		green.Environment = map[string]string{"COLOUR": "green"}
		w.s.BuildFailed(&green, errors.New("main.go:3: undefined: x"))
		if !w.s.SetCode(&green, Code{Dir: "/code", Digest: "1"}) {
			t.Error("another configuration is no change")
		}
		if got := string(w.invoke(t, "f").Payload); got != `"green"` {
			t.Errorf("answer %s, want that of the new configuration", got)
		}
		w.s.BuildFailed(&green, errors.New("main.go:3: undefined: x"))
		if w.s.SetCode(&green, Code{Dir: "/code", Digest: "1"}) {
			t.Error("what ran before the failed build is a change")
		}
	})
}
