package lambda

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/config"
	"example.com/emulate/runtimeapi"
)

func TestWarmer(t *testing.T) {
	for _, c := range []struct {
		name       string
		warm       config.Warm
		idle       time.Duration
		concurrent int // limit
		want       Warmed
		log        []string
	}{
		{"overlapping", config.Warm{Every: 5 * time.Minute, Concurrency: 20}, 0, 0, Warmed{Rounds: 4, Kept: 20, Pings: 20, Cold: 20, Least: 20, Sum: 80},
			[]string{"the warmer of function f: environments kept by 20 overlapping pings: 20 (pings that met a cold start: 0, throttled: 0)"}},
		{"sequential", config.Warm{Every: 5 * time.Minute, Concurrency: 20, Sequential: true}, 0, 0, Warmed{Rounds: 4, Kept: 1, Pings: 20, Cold: 1, Least: 1, Sum: 4},
			[]string{"the warmer of function f: environments kept by 20 sequential pings: 1 (pings that met a cold start: 0, throttled: 0)"}},
		{"too seldom", config.Warm{Every: 5 * time.Minute, Concurrency: 2}, time.Minute, 0, Warmed{Rounds: 4, Kept: 2, Pings: 2, Cold: 8, Least: 2, Sum: 8},
			[]string{"the warmer of function f: environments kept by 2 overlapping pings: 2 (pings that met a cold start: 2, throttled: 0)"}},
		{"throttled", config.Warm{Every: 5 * time.Minute, Concurrency: 5}, 0, 3, Warmed{Rounds: 4, Kept: 3, Pings: 5, Cold: 3, Throttled: 8, Least: 3, Sum: 12},
			[]string{"the warmer of function f: environments kept by 5 overlapping pings: 3 (pings that met a cold start: 3, throttled: 2)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log notes
				payloads := make(chan string, 1000)
				w := newWorld(t, Options{IdleTimeout: c.idle, AccountConcurrency: c.concurrent, Log: log.add}, func(Spec, int) behaviour {
					return behaviour{init: 50 * time.Millisecond, invoke: func(ev *runtimeapi.Event) outcome {
						payloads <- string(ev.Payload)
						return reply("1") // at once: only that they are placed together makes them overlap
					}}
				})
				w.fn("f", func(f *config.Function) { f.Warm = &c.warm })
				time.Sleep(16 * time.Minute)
				c.want.Every, c.want.Sequential = c.warm.Every, c.warm.Sequential
				if d := cmp.Diff(c.want, w.s.Stats()[0].Warm) + cmp.Diff(c.log, log.all()); d != "" {
					t.Error(d)
				}
				if got := <-payloads; got != `{"warmer":true,"concurrency":1}` {
					t.Errorf("payload %s", got)
				}
			})
		})
	}
}

// A warmer changes and ends with its configuration, and pings what callers use: the alias.
func TestWarmerFollowsTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var versions []string
		w := newWorld(t, Options{}, func(s Spec, _ int) behaviour {
			return behaviour{invoke: func(ev *runtimeapi.Event) outcome {
				versions = append(versions, fmt.Sprint(s.Version, " ", string(ev.Payload)))
				return reply("1")
			}}
		})
		cfg := w.fn("f", func(f *config.Function) { f.Warm = &config.Warm{Every: time.Minute, Concurrency: 1, Payload: "{}"} })
		time.Sleep(30 * time.Second)
		live := *cfg
		live.Alias, live.Warm = "live", &config.Warm{Every: time.Minute, Concurrency: 1}
		w.s.SetCode(&live, Code{Digest: "1"})
		w.s.SetCode(&live, Code{Digest: "1"}) // no change, no round
		time.Sleep(30 * time.Second)
		none := live
		none.Warm = nil
		w.s.SetCode(&none, Code{Digest: "1"})
		time.Sleep(time.Hour)
		if d := cmp.Diff([]string{"$LATEST {}", `1 {"warmer":true,"concurrency":1}`}, versions); d != "" {
			t.Error(d)
		}
		if got := w.s.Stats()[0].Warm; got != (Warmed{}) {
			t.Errorf("%+v", got)
		}
	})
}
