package simulate

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/emulate/emulator/burst"
)

func all(t testing.TB, s Source) (out []Arrival) {
	t.Helper()
	for {
		a, ok, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return out
		}
		out = append(out, a)
	}
}

// Every shape sends as many requests as its rate says, in each stretch of time, evenly or at random.
func TestShapes(t *testing.T) {
	for name, segments := range map[string][]Segment{
		"constant": steady(50, 2*time.Minute),
		"ramp":     {{time.Minute, 0, 100}, {time.Minute, 100, 20}},
		"spike":    Spike(10, 200, 30*time.Second, 20*time.Second, 2*time.Minute),
		"daily":    Daily(0, 1, 14*time.Hour, 24*time.Hour),
		"pause":    {{10 * time.Second, 100, 100}, {time.Minute, 0, 0}, {10 * time.Second, 100, 100}},
	} {
		for _, poisson := range []bool{false, true} {
			arrivals := all(t, newShaped(Traffic{To: toFirst, Segments: segments, Poisson: poisson, Start: time.Second}, rand.New(rand.NewPCG(1, 2))))
			if !slices.IsSortedFunc(arrivals, func(a, b Arrival) int { return int(a.At - b.At) }) {
				t.Errorf("%s: not in order", name)
			}
			from, want, i := time.Second, 0.0, 0
			for _, seg := range segments {
				from += seg.For
				want += (seg.From + seg.To) / 2 * seg.For.Seconds()
				for i < len(arrivals) && arrivals[i].At < from {
					i++
				}
				tolerance := 1.0001
				if poisson {
					tolerance = 5 * math.Sqrt(want+1)
				}
				if math.Abs(float64(i)-want) > tolerance {
					t.Errorf("%s, poisson %v: %d requests until %v, want %.1f", name, poisson, i, from, want)
				}
			}
		}
	}
	peak := 0
	for _, a := range all(t, newShaped(Traffic{To: toFirst, Segments: Daily(0, 1, 14*time.Hour, 24*time.Hour)}, nil)) {
		if hour := a.At.Hours(); hour > 11 && hour < 17 {
			peak++
		}
	}
	if peak < 18_000 || peak > 21_600 {
		t.Errorf("%d requests around the peak", peak)
	}
}

// A simulated load is the one that a live burst sends, to the last request and within a microsecond.
func TestShapesAreThoseOfABurst(t *testing.T) {
	for name, c := range map[string]struct {
		segments []Segment
		live     burst.Shape
	}{
		"10/s for 10 s":     {steady(10, 10*time.Second), burst.Rate(10, 10*time.Second)},
		"50/s for 10 min":   {steady(50, 10*time.Minute), burst.Rate(50, 10*time.Minute)},
		"10/s for 30 min":   {steady(10, 30*time.Minute), burst.Rate(10, 30*time.Minute)},
		"1/h for a day":     {steady(1.0/3600, 24*time.Hour), burst.Rate(1.0/3600, 24*time.Hour)},
		"4.35/s for 100 s":  {steady(4.35, 100*time.Second), burst.Rate(4.35, 100*time.Second)},
		"a ramp up":         {[]Segment{{time.Minute, 0, 10}}, burst.Ramp(0, 10, time.Minute)},
		"a ramp down":       {[]Segment{{time.Minute, 30, 0}}, burst.Ramp(30, 0, time.Minute)},
		"a spike":           {Spike(5, 50, 27*time.Second, 6*time.Second, time.Minute), burst.Spike(5, 50, time.Minute)},
		"of fractions":      {Spike(0.55, 7.7, 4500*time.Millisecond, time.Second, 10*time.Second), burst.Spike(0.55, 7.7, 10*time.Second)},
		"one of a fraction": {steady(3, 3700*time.Millisecond), burst.Rate(3, 3700*time.Millisecond)},
	} {
		var want []time.Duration
		for at := range c.live {
			want = append(want, at)
		}
		got := all(t, newShaped(Traffic{To: toFirst, Segments: c.segments}, nil))
		if len(got) != len(want) {
			t.Errorf("%s: %d requests, live %d", name, len(got), len(want))
			continue
		}
		for i, a := range got {
			if d := a.At - want[i]; d < -time.Microsecond || d > time.Microsecond {
				t.Errorf("%s: request %d at %v, live at %v", name, i, a.At, want[i])
				break
			}
		}
	}
}

func TestPoissonIsRandom(t *testing.T) {
	arrivals := all(t, newShaped(Traffic{To: toFirst, Segments: steady(1000, 10*time.Second), Poisson: true}, rand.New(rand.NewPCG(1, 2))))
	short := 0
	for i := 1; i < len(arrivals); i++ {
		if arrivals[i].At-arrivals[i-1].At < time.Millisecond {
			short++
		}
	}
	if share := float64(short) / float64(len(arrivals)); math.Abs(share-(1-1/math.E)) > 0.02 {
		t.Errorf("%.3f of the gaps are shorter than the mean, want %.3f", share, 1-1/math.E)
	}
}

func TestWeights(t *testing.T) {
	n := [2]int{}
	for _, a := range all(t, newShaped(Traffic{To: []Share{{0, 3}, {1, 1}}, AtOnce: 10_000}, rand.New(rand.NewPCG(1, 2)))) {
		n[a.Function]++
	}
	if n[0] < 7300 || n[0] > 7700 {
		t.Errorf("%v", n)
	}
}

func TestTrace(t *testing.T) {
	names := map[string]int{"a": 0, "b/c": 1}
	got := all(t, Trace(strings.NewReader("time,function,duration\n# a comment\n0, a, 120\n0.5,b/c\n\n1m,a,1.5s\n"), "t.csv", names, time.Second))
	want := []Arrival{
		{time.Second, 0, 120 * time.Millisecond}, {1500 * time.Millisecond, 1, -1}, {61 * time.Second, 0, 1500 * time.Millisecond},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		"0,a\n1,x\n":   `read trace t.csv, line 2: there is no function "x"`,
		"0,a\n\n\n1\n": "line 4: 1 fields, want time,function,duration",
		"0,a,1,2\n":    "line 1: 4 fields",
		"x,a\n":        `line 1: "x" is no time`,
		"-1,a\n":       `line 1: "-1" is negative`,
		"0,a,-3ms\n":   `line 1: "-3ms" is negative`,
		"1e300,a\n":    `is no time`,
		"NaN,a\n":      `is no time`,
		"\"0,a\n":      "read trace t.csv:",
	} {
		s := Trace(strings.NewReader(text), "t.csv", names, 0)
		var err error
		for ok := true; ok; {
			_, ok, err = s.Next()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// The queue gives events in the order of their times, and of ids within one.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var list []event
		sorted := func() {
			slices.SortFunc(list, func(a, b event) int {
				if a.before(b) {
					return -1
				}
				return 1
			})
		}
		for i, op := range rapid.SliceOf(rapid.IntRange(0, 9)).Draw(t, "ops") {
			e := event{at: time.Duration(rapid.IntRange(0, 20).Draw(t, "at")), id: int32(i)}
			sorted()
			switch {
			case op < 6 || len(list) == 0:
				q.push(e)
				list = append(list, e)
			case op < 8:
				if got := q.pop(); got != list[0] {
					t.Fatalf("pop %v, want %v", got, list[0])
				}
				list = list[1:]
			default:
				q.replace(e)
				list[0] = e
			}
		}
		sorted()
		for _, want := range list {
			if got := q.pop(); got != want {
				t.Fatalf("pop %v, want %v", got, want)
			}
		}
	})
}

func TestDistributions(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, d := range []Dist{{P50: 100 * time.Millisecond, P99: 400 * time.Millisecond}, {P50: time.Second}, {Values: []time.Duration{2, 2, 2}}, {}} {
		s := d.sampler(2)
		draws := make([]time.Duration, 20_001)
		for i := range draws {
			draws[i] = s.draw(random)
		}
		slices.Sort(draws)
		p50, p99 := draws[10_000], draws[19_800]
		want50, want99 := 2*d.P50, 2*max(d.P50, d.P99)
		if len(d.Values) > 0 {
			want50, want99 = 4, 4
		}
		if math.Abs(float64(p50-want50)) > 0.03*float64(want50) || math.Abs(float64(p99-want99)) > 0.06*float64(want99) {
			t.Errorf("%+v: p50 %v, p99 %v", d, p50, p99)
		}
	}
}
