package lambda

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/telemetry"
)

func TestReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := 1
		w := newWorld(t, Options{}, takes(time.Second))
		cfg := w.fn("f", func(f *config.Function) { f.ReservedConcurrency = &one })
		w.fn("g", nil)
		number := func(n int) *int { return &n }
		reserved := func() string {
			n, err := w.s.Reserved("f")
			if n == nil || err != nil {
				return fmt.Sprint(n, err)
			}
			return fmt.Sprint(*n)
		}
		const below = "400 InvalidParameterValueException: Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
		wantError(t, w.s.Reserve("f", number(1001)), below)
		wantError(t, w.s.Reserve("f", number(901)), below)
		wantError(t, w.s.Reserve("f", number(900)), "<nil>")
		wantError(t, w.s.Reserve("g", number(1)), below)
		if a := w.s.Account(); a.UnreservedConcurrentExecutions != 100 || a.ConcurrentExecutions != 1000 {
			t.Errorf("%+v", a)
		}
		wantError(t, w.s.Reserve("f", number(0)), "<nil>")
		if got := w.parallel("f", 3); got["ReservedFunctionConcurrentInvocationLimitExceeded"] != 3 {
			t.Errorf("with 0 reserved: %v", got)
		}
		w.s.SetCode(cfg, Code{Digest: "2"})
		got := []string{reserved()} // kept over a reload
		wantError(t, w.s.Reserve("f", nil), "<nil>")
		got = append(got, reserved())
		w.s.SetCode(cfg, Code{Digest: "2"})
		got = append(got, reserved())
		other := *cfg
		other.ReservedConcurrency = number(2)
		w.s.SetCode(&other, Code{Digest: "2"})
		got = append(got, reserved()) // the file says something new
		if d := cmp.Diff([]string{"0", "<nil> <nil>", "<nil> <nil>", "2"}, got); d != "" {
			t.Error(d)
		}
		if got := w.parallel("f", 3); got["ok"] != 2 {
			t.Errorf("with 2 reserved: %v", got)
		}
		wantError(t, w.s.Reserve("h", nil), "404 ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:123456789012:function:h")
	})
}

// state is a Provisioned in short.
func state(p Provisioned, err error) string {
	if err != nil {
		return err.Error()
	}
	s := fmt.Sprintf("%s requested %d allocated %d available %d", p.Status, p.Requested, p.Allocated, p.Available)
	if p.StatusReason != "" {
		s += " " + p.StatusReason
	}
	return s
}

func (w *world) provision(t *testing.T, qualifier string, n int) string {
	t.Helper()
	return state(w.s.Provision(t.Context(), "f", qualifier, n))
}

func TestProvisionedConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, tellsItself)
		w.fn("f", nil)
		w.publish(t, "f")
		if _, err := w.s.CreateAlias(t.Context(), "f", "live", AliasChange{Version: text("1")}); err != nil {
			t.Fatal(err)
		}
		got := []string{w.provision(t, "live", 3), state(w.s.Provisioned("f", "live"))}
		time.Sleep(time.Second)
		got = append(got, state(w.s.Provisioned("f", "live")))
		want := []string{"IN_PROGRESS requested 3 allocated 0 available 0", "IN_PROGRESS requested 3 allocated 0 available 0", "READY requested 3 allocated 3 available 3"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		log := w.log()
		if n := strings.Count(log, "INIT_REPORT Init Duration: 50.00 ms\tPhase: init\tStatus: success\n"); n != 3 {
			t.Errorf("%d INIT_REPORT lines, want one for each provisioned environment:\n%s", n, log)
		}
		w.stream.Flush()
		for _, e := range w.events {
			if r, ok := e.Record.(*telemetry.InitStart); ok && r.InitializationType != "provisioned-concurrency" {
				t.Errorf("%+v", r)
			}
		}
		kinds := map[string]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				kind := strings.Fields(w.ask(t, "f", "live"))[2]
				mu.Lock()
				kinds[kind]++
				mu.Unlock()
			})
		}
		wg.Wait()
		if d := cmp.Diff(map[string]int{"provisioned-concurrency": 3, "on-demand": 2}, kinds); d != "" {
			t.Errorf("five requests at once: %s", d)
		}
		st := w.s.Stats()[0]
		if st.Spills != 2 || st.Provisioned != 3 || st.Colds != 2 {
			t.Errorf("%+v", st)
		}
		if n := strings.Count(w.log(), "Init Duration: 50.00 ms\t\n"); n != 2 {
			t.Errorf("%d REPORT lines with an Init Duration, want those of the 2 cold starts", n)
		}
		wantError(t, w.s.Unprovision("f", "live"), "<nil>")
		time.Sleep(time.Minute)
		if st := w.s.Stats()[0]; st.Environments != 2 || st.Provisioned != 0 {
			t.Errorf("after it was taken away: %+v", st)
		}
	})
}

func TestProvisionedConcurrencyChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, tellsItself)
		w.fn("f", nil)
		w.publish(t, "f")
		for _, alias := range []string{"a", "b"} {
			if _, err := w.s.CreateAlias(t.Context(), "f", alias, AliasChange{Version: text("1")}); err != nil {
				t.Fatal(err)
			}
		}
		provision := func(qualifier string, n int) error {
			_, err := w.s.Provision(t.Context(), "f", qualifier, n)
			return err
		}
		provisioned := func(qualifier string) error {
			_, err := w.s.Provisioned("f", qualifier)
			return err
		}
		five := 5
		const (
			bad      = "400 InvalidParameterValueException: "
			conflict = "409 ResourceConflictException: "
		)
		wantError(t, provision("$LATEST", 1), bad+"Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
		wantError(t, provisioned("$LATEST"), bad+"The function resource provided must be an alias or a published version.")
		wantError(t, w.s.Unprovision("f", "$LATEST"), bad+"The function resource provided must be an alias or a published version.")
		wantError(t, provision("9", 1), "404 ResourceNotFoundException: Function not found: "+arnOfF+":9")
		wantError(t, provision("no", 1), "404 ResourceNotFoundException: Cannot find alias arn: "+arnOfF+":no")
		wantError(t, provisioned("no"), "404 ResourceNotFoundException: Cannot find alias arn: "+arnOfF+":no")
		wantError(t, w.s.Unprovision("f", "no"), "404 ResourceNotFoundException: Cannot find alias arn: "+arnOfF+":no")
		wantError(t, w.s.Unprovision("f2", "no"), "404 ResourceNotFoundException: Cannot find alias arn: "+arnOfF+"2:no")
		wantError(t, w.s.Unprovision("f2", "1"), "404 ResourceNotFoundException: Function not found: "+arnOfF+"2:1")
		wantError(t, provisioned("1"), "404 ProvisionedConcurrencyConfigNotFoundException: No Provisioned Concurrency Config found for this function")
		wantError(t, provision("1", 1001), bad+"Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000].")
		wantError(t, provision("1", 901), bad+"Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].")
		wantError(t, provision("1", 2), "<nil>")
		wantError(t, provision("a", 1), conflict+"Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
		one := 1
		wantError(t, w.s.Reserve("f", &one), bad+" ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2].")
		wantError(t, w.s.Reserve("f", &five), "<nil>")
		wantError(t, provision("1", 6), bad+"Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
		wantError(t, w.s.Unprovision("f", "1"), "<nil>")
		wantError(t, provision("a", 1), "<nil>")
		wantError(t, provision("1", 1), conflict+"Version is pointed by a Provisioned Concurrency alias")
		wantError(t, provision("b", 1), conflict+"Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
		_, err := w.s.UpdateAlias("f", "a", AliasChange{Version: text("$LATEST")})
		wantError(t, err, bad+"Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
		list, err := w.s.ProvisionedList("f")
		if err != nil || len(list) != 1 || list[0].ARN != arnOfF+":a" {
			t.Errorf("%+v %v", list, err)
		}
	})
}

func TestProvisionedConcurrencyFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(s Spec, n int) behaviour {
			if s.InitializationType == provisionedInit {
				return behaviour{initExit: &Exit{Code: 1}}
			}
			return tellsItself(s, n)
		})
		w.fn("f", nil)
		w.publish(t, "f")
		w.provision(t, "1", 2)
		time.Sleep(time.Second)
		if got := state(w.s.Provisioned("f", "1")); got != "FAILED requested 2 allocated 0 available 0 FUNCTION_ERROR_INIT_FAILURE" {
			t.Error(got)
		}
		if got := w.ask(t, "f", "1"); got != "1 1 on-demand f:1" {
			t.Errorf("requests go on without it: %s", got)
		}
	})
}

// Provisioned concurrency moves with its alias, comes from the file, and is made anew for new code.
func TestProvisionedConcurrencyMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Unpack: unpackDigest}, tellsItself)
		cfg := w.fn("f", func(f *config.Function) { f.Alias, f.ProvisionedConcurrency = "live", 2 })
		time.Sleep(time.Second)
		got := []string{state(w.s.Provisioned("f", "live")), w.ask(t, "f", "live")}
		w.upload(t, "f", "up") // of $LATEST alone: what is provisioned is not touched
		started := w.starts
		got = append(got, w.ask(t, "f", "live"))
		w.s.SetCode(cfg, Code{Digest: "2"})
		time.Sleep(time.Second)
		got = append(got, w.ask(t, "f", "live"), fmt.Sprint(w.starts-started))
		w.upload(t, "f", "up")
		two := w.publish(t, "f")
		if _, err := w.s.UpdateAlias("f", "live", AliasChange{Version: &two}); err != nil {
			t.Fatal(err)
		}
		got = append(got, state(w.s.Provisioned("f", "live")))
		time.Sleep(time.Second)
		got = append(got, state(w.s.Provisioned("f", "live")), w.ask(t, "f", "live"))
		want := []string{"READY requested 2 allocated 2 available 2", "1 1 provisioned-concurrency f:live", "1 1 provisioned-concurrency f:live",
			"2 1 provisioned-concurrency f:live", "2", "IN_PROGRESS requested 2 allocated 0 available 0", "READY requested 2 allocated 2 available 2", "up 2 provisioned-concurrency f:live"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if n := w.s.Stats()[0].Provisioned; n != 2 {
			t.Errorf("%d are provisioned", n)
		}
	})
}

func TestCold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, takes(time.Second))
		w.fn("f", nil)
		w.fn("g", nil)
		w.parallel("f", 4)
		w.parallel("g", 2)
		time.Sleep(time.Second)
		cold := func(name string, n int) int {
			taken, err := w.s.Cold(name, n)
			if err != nil {
				t.Error(err)
			}
			return taken
		}
		got := []int{cold("f", 1), cold("f", -1), cold("", -1), cold("", -1)}
		if d := cmp.Diff([]int{1, 3, 2, 0}, got); d != "" {
			t.Error(d)
		}
		if !w.invoke(t, "f").Cold {
			t.Error("no cold start after Cold")
		}
		_, err := w.s.Cold("h", 1)
		wantError(t, err, "404 ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:123456789012:function:h")
	})
}

func TestRequestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := 1
		instant := func(Spec, int) behaviour { return behaviour{} }
		w := newWorld(t, Options{}, instant)
		w.fn("f", func(f *config.Function) { f.ReservedConcurrency = &one })
		got := map[string]int{}
		for range 15 {
			for reason, n := range w.parallel("f", 1) {
				got[reason] += n
			}
			synctest.Wait() // the slot is free again: it is the rate alone that throttles
		}
		if d := cmp.Diff(map[string]int{"ok": 10, "ReservedFunctionInvocationRateLimitExceeded": 5}, got); d != "" {
			t.Errorf("15 requests at once of a function that reserves 1: %s", d)
		}
		unlimited := newWorld(t, Options{RequestRate: -1}, instant)
		unlimited.fn("f", func(f *config.Function) { f.ReservedConcurrency = &one })
		for range 15 {
			unlimited.invoke(t, "f")
			synctest.Wait()
		}
	})
}

func TestAsyncRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zero := 0
		minute := time.Minute
		var log notes
		w := newWorld(t, Options{Log: log.add}, func(Spec, int) behaviour { return behaviour{initError: "{}"} })
		w.fn("f", nil)
		_, err := w.s.Async("f", "")
		wantError(t, err, "404 ResourceNotFoundException: The function "+arnOfF+":$LATEST doesn't have an EventInvokeConfig")
		_, err = w.s.Async("g", "")
		wantError(t, err, "404 ResourceNotFoundException: The function doesn't exist.")
		_, err = w.s.ConfigureAsync("f", "", AsyncConfig{MaximumEventAge: &minute}, true)
		wantError(t, err, "404 ResourceNotFoundException: The function "+arnOfF+":$LATEST doesn't have an EventInvokeConfig")
		enqueue := func() {
			if err := w.s.Enqueue(&Invocation{Function: "f", Payload: []byte("{}"), RequestID: "r"}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.s.ConfigureAsync("f", "", AsyncConfig{MaximumRetryAttempts: &zero}, false); err != nil {
			t.Fatal(err)
		}
		enqueue()
		time.Sleep(time.Hour)
		if n := w.s.Stats()[0].Invocations; n != 1 || len(log.all()) != 1 {
			t.Errorf("%d attempts without retries, %q", n, log.all())
		}
		if c, err := w.s.ConfigureAsync("f", "", AsyncConfig{MaximumEventAge: &minute}, true); err != nil || *c.MaximumRetryAttempts != 0 || c.ARN != arnOfF+":$LATEST" {
			t.Errorf("%+v %v", c, err)
		}
		if _, err := w.s.ConfigureAsync("f", "", AsyncConfig{MaximumEventAge: &minute}, false); err != nil {
			t.Fatal(err)
		}
		enqueue()
		time.Sleep(time.Hour)
		if n := w.s.Stats()[0].Invocations; n != 3 { // the third would be older than a minute
			t.Errorf("%d attempts in all, want 2 more", n)
		}
		if err := w.s.Reserve("f", &zero); err != nil {
			t.Fatal(err)
		}
		enqueue()
		synctest.Wait()
		if want := "event r of function f is dropped: the function's reserved concurrency is 0 (ZeroReservedConcurrency)"; log.all()[2] != want {
			t.Errorf("%q, want %q", log.all(), want)
		}
		wantError(t, w.s.DeleteAsync("f", ""), "<nil>")
		wantError(t, w.s.DeleteAsync("f", ""), "404 ResourceNotFoundException: The function "+arnOfF+":$LATEST doesn't have an EventInvokeConfig")
	})
}
