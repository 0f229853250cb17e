package lambda

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/emulate/runtimeapi"
)

// A runtime that breaks off its answer: where it lives and polls again, the caller hears so and the environment goes on; where it dies of it, its end
// is what the caller hears. Neither ends an invocation twice, and a late answer to the broken one changes nothing.
func TestBrokenOffAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		after  outcome
		want   string
		starts int
	}{
		{"polls again", outcome{pollAfter: 40 * time.Millisecond},
			`{"errorType":"Runtime.TruncatedResponse","errorMessage":"RequestId: ID Error: The runtime broke off its response"}`, 1},
		{"dies", outcome{dies: &Exit{Signal: "segmentation fault"}},
			`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: signal: segmentation fault"}`, 2},
		{"hangs", outcome{pollAfter: time.Hour},
			`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 3.00 seconds"}`, 2},
	} {
		for _, tail := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, tail %v", c.name, tail), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					calls := 0
					w := newWorld(t, Options{}, func(Spec, int) behaviour {
						return behaviour{invoke: func(ev *runtimeapi.Event) outcome {
							if calls++; calls > 1 {
								return reply(`"well"`)
							}
							o := c.after
							o.response = runtimeapi.Response{Payload: []byte(`{"half":`), Truncated: true}
							return o
						}}
					})
					w.fn("f", nil)
					inv := &Invocation{Function: "f", Payload: []byte(`{}`), Tail: tail}
					res, err := w.s.Invoke(t.Context(), inv)
					if err != nil {
						t.Fatal(err)
					}
					if got := strings.ReplaceAll(string(res.Payload), inv.RequestID, "ID"); got != c.want || res.FunctionError != "Unhandled" {
						t.Errorf("%q payload\n got %s\nwant %s", res.FunctionError, got, c.want)
					}
					if tail && !strings.Contains(string(res.LogTail), "END RequestId: "+inv.RequestID) {
						t.Errorf("log tail %q", res.LogTail)
					}
					if got := string(w.invoke(t, "f").Payload); got != `"well"` {
						t.Errorf("the next invocation answers %s", got)
					}
					synctest.Wait()
					if st := w.s.Stats()[0]; w.starts != c.starts || st.Errors != 1 || st.Environments != 1 || st.InFlight != 0 {
						t.Errorf("%d processes, stats %+v; want %d processes, 1 error, 1 environment and nothing in flight", w.starts, st, c.starts)
					}
				})
			})
		}
	}
}
