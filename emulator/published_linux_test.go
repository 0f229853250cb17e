//go:build linux

package emulator_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/telemetry"
)

// With coldStarts: aws, hello-world functions have the Init Durations of the published table: what is measured is what the seed draws, by the median
// within 5 %, by the 95th percentile within 10 %, and the draws are what a sample of the table's distribution may be. cmd/bench makes 2,000 starts of
// each, which is enough for the 99th.
func TestColdStartsAreThePublishedOnes(t *testing.T) {
	for _, c := range []struct{ runtime, code, text string }{
		{"provided.al2023", "main.go", goWorld},
		{"nodejs20.x", "index.mjs", "export const handler = async () => 1\n"},
		{"python3.11", "lambda_function.py", "def lambda_handler(event, context):\n    return 1\n"},
	} {
		t.Run(c.runtime, func(t *testing.T) {
			files := map[string]string{"code/" + c.code: c.text, "emulate.yaml": "coldStarts: aws\nfunctions:\n"}
			if c.code == "main.go" {
				files["code/go.mod"] = "module f\n\ngo 1.21\n"
			}
			for i := range starters {
				files["emulate.yaml"] += fmt.Sprintf("  f%d: { code: ./code, runtime: %s, memory: 1769, timeout: 60 }\n", i, c.runtime)
			}
			row, ok := fleet.ColdStartOf(c.runtime, "", "Zip", "x86_64")
			if !ok {
				t.Fatalf("row %+v", row)
			}
			var drawn []time.Duration
			for i := range starters {
				s := fleet.NewColdStartSampler(coldSeed, fmt.Sprint("f", i), row, fleet.Package{Type: "Zip"})
				for n := range uint64(startsEach) {
					drawn = append(drawn, time.Duration(s.Draw(n).Init))
				}
			}
			slices.Sort(drawn)
			// The median of n draws is off by 1.25 sigma/√n.
			sigma := math.Log(row.P99/row.P50) / 2.326
			if median := drawn[len(drawn)/2]; math.Abs(math.Log(median.Seconds()*1000/row.P50)) > 4*1.2533*sigma/math.Sqrt(starters*startsEach) {
				t.Errorf("the median of what was drawn is %v, the table's %v ms", median, row.P50)
			}
			// What this machine's CPUs are taken away for, by the machine that it runs on, counts as the function's work.
			wrong := []string{"no try"}
			for try := 0; try < tries && len(wrong) > 0; try++ {
				wrong = publishedInits(t, files, drawn)
			}
			for _, text := range wrong {
				t.Error(text)
			}
		})
	}
}

// The cold starts of TestColdStartsAreThePublishedOnes: each of some functions makes them one after the other.
const starters, startsEach, coldSeed = 4, 50, 11

// publishedInits makes the cold starts, and tells which percentiles of their Init Durations are not what was drawn.
func publishedInits(t *testing.T, files map[string]string, drawn []time.Duration) (wrong []string) {
	w := serve(t, files, func(o *emulator.Options) { o.Seed, o.CacheDir = coldSeed, t.TempDir() })
	var wg sync.WaitGroup
	for i := range starters {
		wg.Go(func() { w.startOften(fmt.Sprint("f", i), startsEach) })
	}
	wg.Wait()
	var inits []time.Duration
	for _, e := range w.seen() {
		if r, ok := e.Record.(*telemetry.Report); ok && r.Metrics.InitDuration > 0 {
			inits = append(inits, time.Duration(r.Metrics.InitDuration))
		}
	}
	if len(inits) != len(drawn) {
		t.Fatalf("%d cold starts, want %d", len(inits), len(drawn))
	}
	slices.Sort(inits)
	for percent, most := range map[int]float64{50: 0.05, 95: 0.1 * raceFactor} {
		got, want := inits[len(inits)*percent/100], drawn[len(drawn)*percent/100]
		t.Logf("p%d %v, drawn %v", percent, got, want)
		if apart := float64(got)/float64(want) - 1; math.Abs(apart) > most {
			wrong = append(wrong, fmt.Sprintf("p%d is %v, and %v was drawn", percent, got, want))
		}
	}
	// A draw is never cut short, but where this machine ends INIT later than AWS would have.
	for i := range inits {
		if inits[i] < drawn[i]-time.Millisecond {
			t.Fatalf("the %d. shortest INIT took %v, and %v was drawn", i, inits[i], drawn[i])
		}
	}
	if err := w.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return wrong
}

// startOften makes n cold starts of a function, one after the other.
func (w *world) startOften(function string, n int) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for range n {
		r, err := w.Invoke(w.t.Context(), function, []byte("{}"))
		if err != nil || !r.Cold {
			w.t.Errorf("%+v %v", r, err)
			return
		}
		if _, err := w.Cold(function, -1); err != nil {
			w.t.Error(err)
			return
		}
		for w.counts(function).Environments > 0 {
			<-tick.C
		}
	}
}
