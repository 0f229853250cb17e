package lambda

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/fleet"
	"example.com/emulate/runtimeapi"
)

// What a live run told its fleet, told to another one, gives the same decisions, to the last.
func TestRecordedRunReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inputs []fleet.Input
		var live []fleet.Decision
		o := Options{AccountConcurrency: 120, Seed: 3, Lifetimes: fleet.AWSLifetimes(3), StartBurst: 20, StartsPerSecond: 5, Record: func(in fleet.Input, out []fleet.Decision) {
			inputs, live = append(inputs, in), append(live, out...)
		}}
		script := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		draw := func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return script.IntN(n)
		}
		w := newWorld(t, o, func(Spec, int) behaviour {
			b := behaviour{init: time.Duration(20+draw(100)) * ms, invoke: func(*runtimeapi.Event) outcome {
				out := reply("1")
				out.after = time.Duration(1+draw(400)) * ms
				if draw(50) == 0 {
					out.exit = &Exit{Code: 1}
				}
				return out
			}}
			if draw(30) == 0 {
				b.initExit = &Exit{Code: 1}
			}
			return b
		})
		five := 5
		cfg := w.fn("a", func(f *config.Function) { f.Alias, f.ProvisionedConcurrency = "live", 4 })
		w.fn("b", func(f *config.Function) { f.ReservedConcurrency = &five })
		var wg sync.WaitGroup
		for i := range 1500 {
			time.Sleep(time.Duration(draw(15)) * ms)
			name, qualifier := "a", []string{"", "live"}[draw(2)]
			if draw(3) == 0 {
				name, qualifier = "b", ""
			}
			wg.Go(func() {
				_, _ = w.s.Invoke(t.Context(), &Invocation{Function: name, Qualifier: qualifier, Payload: []byte("{}")}) // a throttle is as good
			})
			switch i {
			case 500:
				w.s.SetCode(cfg, Code{Digest: "2"})
			case 800, 900:
				if _, err := w.s.Cold("", 3); err != nil {
					t.Error(err)
				}
			case 1200:
				w.s.Remove("b")
			}
		}
		wg.Wait()
		time.Sleep(3 * time.Hour)
		w.s.mu.Lock() // which the recorder is called under
		defer w.s.mu.Unlock()
		kinds := map[string]int{}
		for _, d := range live {
			kinds[d.Kind.String()]++
		}
		for _, kind := range []string{"Start", "Assign", "Wait", "Throttle", "Fail", "Reset", "Stop"} {
			if kinds[kind] == 0 {
				t.Errorf("the run has no %s: %v", kind, kinds)
			}
		}
		again := fleet.New(o.FleetOptions())
		var replayed []fleet.Decision
		for _, in := range inputs {
			replayed = again.Apply(in, replayed)
		}
		if d := cmp.Diff(fmt.Sprint(live), fmt.Sprint(replayed)); d != "" {
			t.Error(d)
		}
	})
}
