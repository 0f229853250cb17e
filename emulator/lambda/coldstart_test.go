package lambda

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/telemetry"
)

const ms = time.Millisecond

func TestColdStartRest(t *testing.T) {
	measured := ColdStart{Alone: Hello{40 * ms, 50 * ms}, Crowded: Hello{80 * ms, 110 * ms}}
	for _, c := range []struct {
		name             string
		cold             ColdStart
		drawn, own, want time.Duration
		load             float64
		waited           time.Duration
	}{
		{"hello world", measured, 100 * ms, 40 * ms, 60 * ms, 0, 0},
		{"hello world, a little slow", measured, 100 * ms, 49 * ms, 51 * ms, 0, 0},
		{"crowded hello world", measured, 100 * ms, 90 * ms, 10 * ms, 1, 0},
		{"half crowded", measured, 100 * ms, 79 * ms, 21 * ms, 0.5, 0},
		{"slower than what was drawn", measured, 30 * ms, 45 * ms, -15 * ms, 0, 0},
		{"work of its own", measured, 100 * ms, 240 * ms, 60 * ms, 0, 0},
		{"work of its own, crowded", measured, 100 * ms, 280 * ms, 20 * ms, 1, 0},
		{"hello world that waited for a CPU", measured, 100 * ms, 240 * ms, -140 * ms, 0, 195 * ms},
		{"work of its own that waited for a CPU", measured, 100 * ms, 500 * ms, -200 * ms, 0, 260 * ms},
		{"not measured", ColdStart{}, 100 * ms, 40 * ms, 60 * ms, 0, 0},
		{"not measured, and heavy", ColdStart{}, 100 * ms, 240 * ms, 0, 1, 0},
	} {
		if got := c.cold.rest(c.drawn, c.own, c.own-c.waited, c.load); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// goHello is a Go function of 5 MB whose hello world takes 20 ms here.
func goHello() *ColdStart {
	row, _ := fleet.ColdStartOf("provided.al2023", "go", "Zip", "x86_64")
	return &ColdStart{Row: row, Package: fleet.Package{Type: "Zip", SizeMB: 5}, Alone: Hello{20 * ms, 25 * ms}, Crowded: Hello{20 * ms, 25 * ms}}
}

var initDuration = regexp.MustCompile(`Billed Duration: (\d+) ms.*Init Duration: ([0-9.]+) ms`)

// coldStarts makes n cold starts of a function, one after the other, and returns the callers' latencies and what the reports say of INIT.
func coldStarts(t *testing.T, seed uint64, n int, takes time.Duration) (latencies, inits, waits []time.Duration) {
	w := newWorld(t, Options{Seed: seed}, func(Spec, int) behaviour { return behaviour{init: takes} })
	cfg := w.fn("f", nil)
	w.s.SetCode(cfg, Code{Digest: "aws", ColdStart: goHello()})
	for range n {
		began := time.Now()
		if !w.invoke(t, "f").Cold {
			t.Fatal("not cold")
		}
		latencies = append(latencies, time.Since(began))
		time.Sleep(time.Second)
		if _, err := w.s.Cold("f", -1); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(w.log()) {
		if m := initDuration.FindStringSubmatch(line); m != nil {
			d, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			inits = append(inits, time.Duration(d*1e6))
			if want := fmt.Sprint(math.Ceil(d - 0.005)); m[1] != want {
				t.Fatalf("billed %s ms, want %s: %s", m[1], want, line)
			}
		}
	}
	for _, e := range w.events {
		if r, ok := e.Record.(*telemetry.InitReport); ok {
			waits = append(waits, time.Duration(r.Metrics.WaitedForMachine))
		}
	}
	return latencies, inits, waits
}

func TestColdStartsOfAWS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		latencies, inits, waits := coldStarts(t, 3, 400, 20*ms)
		slices.Sort(waits)
		if waits[len(waits)-1] != 0 {
			t.Errorf("AWS's delays count as time that the start waited for this machine: %v", waits[len(waits)-1])
		}
		for i := range latencies {
			if before := latencies[i] - inits[i]; before < 20*ms || before > time.Second {
				t.Errorf("sandbox and download took %v", before)
			}
		}
		sorted := slices.Sorted(slices.Values(inits))
		if p50 := sorted[len(sorted)/2]; p50 < 47*ms || p50 > 53*ms {
			t.Errorf("p50 of Init Duration %v, the table has 50 ms", p50)
		}
		again, sameInits, _ := coldStarts(t, 3, 400, 20*ms)
		if d := cmp.Diff(inits, sameInits) + cmp.Diff(latencies, again); d != "" {
			t.Errorf("the same seed: %s", d)
		}
		_, other, _ := coldStarts(t, 4, 10, 20*ms)
		if cmp.Equal(inits[:10], other) {
			t.Error("another seed gives the same numbers")
		}
		_, heavy, _ := coldStarts(t, 3, 400, 220*ms)
		for i := range heavy {
			if (heavy[i] - inits[i]).Round(time.Microsecond) != 200*ms {
				t.Fatalf("a function with 200 ms of work: %v after %v", heavy[i], inits[i])
			}
		}
	})
}

// On a machine whose hello world takes longer than AWS's, Init Duration is the table's all the same; the difference is time that the start waited for
// this machine.
func TestColdStartsOnASlowMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Seed: 3}, func(Spec, int) behaviour { return behaviour{init: 400 * ms} })
		cfg := w.fn("f", nil)
		slow := goHello()
		slow.Alone, slow.Crowded = Hello{400 * ms, 450 * ms}, Hello{400 * ms, 450 * ms}
		w.s.SetCode(cfg, Code{Digest: "aws", ColdStart: slow})
		w.invoke(t, "f")
		w.stream.Flush()
		for _, e := range w.events {
			r, ok := e.Record.(*telemetry.InitReport)
			if !ok {
				continue
			}
			took, waited := time.Duration(r.Metrics.Duration), time.Duration(r.Metrics.WaitedForMachine)
			if took > 100*ms || took+waited != 400*ms {
				t.Errorf("INIT took %v, and waited for this machine for %v", took, waited)
			}
			if st := w.s.Stats()[0]; st.WaitedForMachine != waited {
				t.Errorf("%v in all", st.WaitedForMachine)
			}
		}
	})
}

// A process that ends while its INIT is lengthened has failed in INIT; one that is told to stop then goes at once.
func TestProcessEndsWhileItsInitIsLengthened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{}, func(Spec, int) behaviour { return behaviour{init: 50 * ms} })
		cfg := w.fn("f", nil)
		slow := goHello()
		slow.Row.P50, slow.Row.P99 = 5000, 5000
		w.s.SetCode(cfg, Code{Digest: "aws", ColdStart: slow})
		done := make(chan error, 1)
		go func() {
			_, err := w.s.Invoke(t.Context(), &Invocation{Function: "f", Payload: []byte("{}")})
			done <- err
		}()
		time.Sleep(2 * time.Second)
		w.loseAll()
		if err := <-done; err != nil { // placed again, in another environment
			t.Error(err)
		}
		if n := w.count(telemetry.TypeInitReport); n != 2 {
			t.Errorf("%d INITs were reported, want the one that was lost and the one after it", n)
		}
		if _, err := w.s.Cold("", -1); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := w.s.Invoke(t.Context(), &Invocation{Function: "f", Payload: []byte("{}")})
			done <- err
		}()
		time.Sleep(2 * time.Second)
		w.s.Remove("f")
		if err := <-done; err == nil {
			t.Error("a removed function answers")
		}
	})
}
