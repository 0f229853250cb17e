package simulate

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/burst"
)

func run(t testing.TB, s *Scenario) *burst.Report {
	t.Helper()
	r, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// one is a function whose cold starts take a second.
func one(d time.Duration) Function {
	second := Constant(time.Second)
	return Function{Name: "f", Duration: Constant(d), Init: &second}
}

var toFirst = []Share{{0, 1}}

func steady(perSecond float64, d time.Duration) []Segment {
	return []Segment{{d, perSecond, perSecond}}
}

// 3,000 requests at once, no reservation, a raised account: the scaling rate lets 1,000 environments start.
func TestThreeThousandAtOnce(t *testing.T) {
	r := run(t, &Scenario{
		AccountConcurrency: 10_000, Functions: []Function{one(5 * time.Second)}, Traffic: []Traffic{{To: toFirst, AtOnce: 3000}},
	})
	want := burst.Totals{
		Requests: 3000, Completed: 1000, Throttled: 2000, Throttles: map[string]int64{"FunctionInvocationRateLimitExceeded": 2000},
		ColdStarts: 1000, ColdRatio: 1, EnvironmentStarts: 1000, PeakEnvironments: 1000, PeakBusy: 1000,
		Latency: r.Latency, Cold: r.Cold, Duration: r.Duration, Init: r.Init, Cost: r.Cost,
	}
	if diff := cmp.Diff(want, r.Totals); diff != "" {
		t.Error(diff)
	}
	if r.Latency.P50 != 6000 || r.Duration.P50 != 5000 || r.Init.P50 != 1000 || r.Latency.Count != 1000 {
		t.Errorf("latencies: %+v", r.Totals)
	}
	// 1,000 requests of 6 s with INIT, 1,769 MB.
	if gb := 6000 * 1769.0 / 1024; math.Abs(r.Cost.GBSeconds-gb) > 1e-6 || r.Cost.Requests != 1000 {
		t.Errorf("cost: %+v, want %v GB-s", r.Cost, gb)
	}
}

// 3,000 at once and more each second: from then on 100 environments a second may start.
func TestScalingRateRefills(t *testing.T) {
	r := run(t, &Scenario{
		AccountConcurrency: 10_000, Functions: []Function{one(60 * time.Second)},
		Traffic: []Traffic{{To: toFirst, AtOnce: 3000}, {To: toFirst, Start: time.Second, Segments: steady(1000, 10*time.Second)}},
	})
	started := int64(0)
	for second, n := range r.Series.Starts[:11] {
		started += n
		if most := int64(1000 + 100*(second+1)); started > most || second > 1 && started < most-101 {
			t.Errorf("%d environments started in %d s, want %d", started, second+1, most)
		}
	}
}

func TestReasons(t *testing.T) {
	five := 5
	for reason, s := range map[string]*Scenario{
		"ConcurrentInvocationLimitExceeded": {AccountConcurrency: 5, Functions: []Function{one(time.Second)}},
		"ReservedFunctionConcurrentInvocationLimitExceeded": {Functions: []Function{func() Function {
			f := one(time.Second)
			f.Reserved = &five
			return f
		}()}},
		"FunctionInvocationRateLimitExceeded": {Functions: []Function{func() Function {
			f := one(time.Second)
			f.StartBurst, f.StartsPerSecond = 5, 1
			return f
		}()}},
	} {
		s.Traffic = []Traffic{{To: toFirst, AtOnce: 8}}
		if r := run(t, s); r.Throttles[reason] != 3 || r.Throttled != 3 || r.Completed != 5 {
			t.Errorf("%s: %+v", reason, r.Totals)
		}
	}
}

// Five units of concurrency that are free again after a millisecond serve 50 requests a second, not 4,000.
func TestRequestQuota(t *testing.T) {
	five := 5
	f := one(time.Millisecond)
	f.Reserved = &five
	s := &Scenario{Functions: []Function{f}, Traffic: []Traffic{{To: toFirst, Segments: steady(500, 20*time.Second)}}}
	r := run(t, s)
	if n := r.Throttles["ReservedFunctionInvocationRateLimitExceeded"]; r.Completed < 990 || r.Completed > 1060 || n < 8000 {
		t.Errorf("%s", r.Summary())
	}
	s.RequestRate = 2
	if r := run(t, s); r.Completed < 200 || r.Completed > 220 {
		t.Errorf("2 for each unit:\n%s", r.Summary())
	}
	s.NoRequestQuota = true
	if r := run(t, s); r.Throttles["ReservedFunctionInvocationRateLimitExceeded"] != 0 || r.Completed < 9000 {
		t.Errorf("without the quota:\n%s", r.Summary())
	}
}

// 20 overlapping pings keep 20 environments, 20 sequential ones keep 1, and traffic then meets that many warm ones.
func TestWarmers(t *testing.T) {
	for _, c := range []struct {
		sequential bool
		kept       int
	}{{false, 20}, {true, 1}} {
		f := one(time.Second)
		f.Warm = &Warm{Every: 5 * time.Minute, Concurrency: 20, Sequential: c.sequential}
		r := run(t, &Scenario{
			Functions: []Function{f}, IdleTimeout: 7 * time.Minute,
			Traffic: []Traffic{{To: toFirst, AtOnce: 20, Start: time.Hour + time.Minute}},
		})
		w := r.Warmers[0]
		if w.KeptLast != c.kept || w.KeptLeast != c.kept || w.KeptMean != float64(c.kept) || w.Rounds != 13 || w.Overlapping == c.sequential {
			t.Errorf("sequential %v keeps %+v, want %d", c.sequential, w, c.kept)
		}
		if cold := int64(20 - c.kept); r.ColdStarts != cold || w.ColdPings != int64(c.kept) || r.Requests != 20 || r.Cost.Requests != 20+13*20 {
			t.Errorf("sequential %v: %d cold starts, want %d; %+v", c.sequential, r.ColdStarts, cold, w)
		}
	}
}

// Provisioned concurrency N leaves no cold start up to N requests at once, and spills over beyond.
func TestProvisioned(t *testing.T) {
	f := one(time.Second)
	f.Provisioned = 250
	s := &Scenario{Functions: []Function{f}}
	for _, c := range []struct{ requests, spill int64 }{{250, 0}, {251, 1}, {400, 150}} {
		s.Traffic = []Traffic{{To: toFirst, AtOnce: int(c.requests)}}
		r := run(t, s)
		if r.ColdStarts != c.spill || r.Spillover != c.spill || r.Completed != c.requests || r.EnvironmentStarts != 250+c.spill {
			t.Errorf("%d requests: %+v", c.requests, r.Totals)
		}
		gb := 1769.0 / 1024
		if want := 300 * 250 * gb; math.Abs(r.Cost.Provisioned-want) > 1e-6 || math.Abs(r.Cost.InProvisioned-250*gb) > 1e-6 {
			t.Errorf("%d requests cost %+v, want %v GB-s provisioned", c.requests, r.Cost, want)
		}
	}
	// Allocated with the load: 100 at once, 100 a second, an INIT of a second.
	s.Functions[0].ProvisionAtStart = true
	s.Traffic = []Traffic{{To: toFirst, AtOnce: 1, Start: 2499 * time.Millisecond}, {To: toFirst, AtOnce: 1, Start: 2501 * time.Millisecond}}
	if r := run(t, s); r.ColdStarts != 1 {
		t.Errorf("%d cold starts, want 1", r.ColdStarts)
	}
}

// A month of what is kept provisioned costs the same, however long the load is: its size, times the seconds of 730 hours, times the price.
func TestKeepingForAMonth(t *testing.T) {
	f := one(100 * time.Millisecond)
	f.MemoryMB, f.Provisioned = 1024, 10
	other := f
	other.Name, other.Architecture, other.MemoryMB = "g", "arm64", 2048
	for name, c := range map[string]struct {
		traffic   Traffic
		functions []Function
		dollars   float64
	}{
		"at once":              {Traffic{To: toFirst, AtOnce: 10}, []Function{f}, 10 * 730 * 3600 * burst.PricePerProvisionedGBSecond},
		"10 s":                 {Traffic{To: toFirst, Segments: steady(10, 10*time.Second)}, []Function{f}, 109.50},
		"just over 5 min":      {Traffic{To: toFirst, Segments: steady(1, 301*time.Second)}, []Function{f}, 109.50},
		"a function never met": {Traffic{To: toFirst, AtOnce: 1}, []Function{f, other}, 109.50 + 20*730*3600*burst.PricePerProvisionedARM},
	} {
		r := run(t, &Scenario{Functions: c.functions, Traffic: []Traffic{c.traffic}})
		if math.Abs(r.Cost.KeepingPerMonth-c.dollars) > 0.005 {
			t.Errorf("%s: $%.2f a month, want $%.2f", name, r.Cost.KeepingPerMonth, c.dollars)
		}
	}
}

// The cold starts of a runtime that AWS's table lacks are another's, and the report says so, once.
func TestBorrowedColdStarts(t *testing.T) {
	function := func(name, runtime, language, architecture string) Function {
		return Function{Name: name, Runtime: runtime, Language: language, Architecture: architecture, Duration: Constant(time.Second)}
	}
	given := function("g", "nodejs99.x", "", "")
	given.Init = &Dist{P50: time.Second}
	s := &Scenario{Traffic: []Traffic{{To: toFirst, AtOnce: 1}}, Functions: []Function{
		function("a", "nodejs22.x", "", ""), function("b", "nodejs99.x", "", ""), function("c", "nodejs99.x", "", ""), given,
		function("d", "provided.al2023", "rust", "arm64"), function("e", "provided.al2023", "rust", ""),
	}}
	want := []string{
		"no cold starts of nodejs99.x (Zip, x86_64) are known: those of nodejs24.x (Zip, x86_64) are taken",
		"no cold starts of provided.al2023 rust (Zip, arm64) are known: those of provided.al2023 rust (Zip, x86_64) are taken",
	}
	if diff := cmp.Diff(want, run(t, s).Notes); diff != "" {
		t.Error(diff)
	}
}

// Memory slows what needs the CPU, in proportion, and nothing else.
func TestMemory(t *testing.T) {
	for _, c := range []struct {
		memory, measured int
		cpu, want        float64
	}{{0, 0, 1, 100}, {128, 0, 1, 100 * 1769.0 / 128}, {512, 0, 0.5, 50 + 50*1769.0/512}, {128, 0, 0, 100}, {3008, 0, 1, 100}, {1769, 128, 1, 100 * 128 / 1769.0}} {
		f := one(100 * time.Millisecond)
		f.MemoryMB, f.MeasuredMB, f.CPUShare = c.memory, c.measured, c.cpu
		r := run(t, &Scenario{Functions: []Function{f}, Traffic: []Traffic{{To: toFirst, AtOnce: 1}}})
		if math.Abs(r.Duration.Max-c.want) > 0.01 || r.Init.Max != 1000 {
			t.Errorf("%+v: duration %v, init %v", c, r.Duration.Max, r.Init.Max)
		}
	}
}

// A monolith meets fewer cold starts than a function for each route, on the same traffic.
func TestMonolith(t *testing.T) {
	f := one(50 * time.Millisecond)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		f.Routes = append(f.Routes, Route{name, 1, f.Duration})
	}
	s := &Scenario{Seed: 3, Functions: []Function{f}, Traffic: []Traffic{{To: toFirst, Poisson: true, Segments: steady(0.1, 6*time.Hour)}}}
	whole := run(t, s)
	split, err := s.Apply([]burst.Setting{{Name: "split", Value: "true"}})
	if err != nil {
		t.Fatal(err)
	}
	parts := run(t, split)
	if len(parts.Functions) != 8 || len(whole.Functions) != 0 || parts.Requests != whole.Requests || parts.ColdStarts < 4*whole.ColdStarts || whole.ColdStarts == 0 {
		t.Errorf("monolith:\n%s\nroutes:\n%s", whole.Summary(), parts.Summary())
	}
	t.Logf("%d requests in 6 h: %d cold starts of a monolith, %d of 8 functions", whole.Requests, whole.ColdStarts, parts.ColdStarts)
}

// busy is a scenario in which everything happens.
func busy(seed uint64) *Scenario {
	reserved := 20
	return &Scenario{
		Name: "busy", Seed: seed, AccountConcurrency: 200,
		Functions: []Function{
			{Name: "api", Runtime: "nodejs22.x", Duration: Dist{P50: 50 * time.Millisecond, P99: time.Second}, PackageMB: 5, Reserved: &reserved, Provisioned: 5},
			{Name: "worker", Runtime: "python3.11", Duration: Dist{Values: []time.Duration{1e7, 1e8, 1e9}}, Warm: &Warm{Every: time.Minute, Concurrency: 5}},
			{Name: "site", Runtime: "java21", PackageType: "Image", PackageMB: 300, Duration: Constant(30 * time.Millisecond), StartBurst: 10, StartsPerSecond: 1},
		},
		Traffic: []Traffic{
			{To: []Share{{0, 3}, {1, 1}}, Poisson: true, Segments: []Segment{{5 * time.Minute, 10, 200}, {time.Minute, 1, 1}}},
			{To: []Share{{2, 1}}, Poisson: true, Segments: Spike(5, 500, time.Minute, 10*time.Second, 6*time.Minute)},
			{To: []Share{{1, 1}}, AtOnce: 300, Start: 90 * time.Second},
		},
	}
}

func TestSameSeedSameReport(t *testing.T) {
	a, again, other := run(t, busy(1)), run(t, busy(1)), run(t, busy(2))
	if diff := cmp.Diff(a, again); diff != "" {
		t.Errorf("the same seed gives another report:\n%s", diff)
	}
	if a.Latency == other.Latency {
		t.Errorf("another seed gives the same latencies")
	}
	if a.Spillover == 0 || a.ColdStarts == 0 || len(a.Throttles) < 3 {
		t.Errorf("it is not busy:\n%s", a.Summary())
	}
	sum := func(list []int64) (n int64) {
		for _, v := range list {
			n += v
		}
		return n
	}
	s := a.Series
	if sum(s.Requests) != a.Requests || sum(s.Throttles) != a.Throttled || sum(s.ColdStarts) != a.ColdStarts || sum(s.Starts) != a.EnvironmentStarts {
		t.Errorf("the series do not sum up to %+v", a.Totals)
	}
}

// What one function draws does not depend on another one.
func TestStreamsAreIndependent(t *testing.T) {
	s := busy(1)
	alone := *s
	s.Functions, alone.Functions = slices.Clone(s.Functions[1:]), slices.Clone(s.Functions[2:])
	spike := s.Traffic[1]
	none := Traffic{To: []Share{{0, 1}}, AtOnce: 1} // keeps the number of the stream
	alone.Traffic = []Traffic{none, spike}
	alone.Traffic[1].To = []Share{{0, 1}}
	alone.Traffic[0].Start = time.Hour
	s.Traffic = []Traffic{{To: []Share{{0, 1}}, AtOnce: 1, Start: time.Hour}, spike}
	s.Traffic[1].To = []Share{{1, 1}}
	with, without := run(t, s), run(t, &alone)
	if got, want := with.Functions[0].ColdStarts, without.ColdStarts-1; with.Functions[0].Name != "site" || got != want || with.Functions[0].Cold.P99 != without.Cold.P99 {
		t.Errorf("with another function %+v\nalone %+v", with.Functions[0], without.Totals)
	}
}

// A run's arrivals and its measured starts and durations give the run again, second by second.
func TestMeasuredRunIsRepeated(t *testing.T) {
	second := Constant(0)
	f := Function{Name: "f", Init: &second, StartBurst: 40, StartsPerSecond: 40}
	for i := range 1000 {
		f.Starts = append(f.Starts, Start{Before: time.Duration(i%7) * 10 * time.Millisecond, Init: time.Duration(100+i%13) * time.Millisecond})
	}
	var arrivals []Arrival
	for i := range 400 {
		arrivals = append(arrivals, Arrival{At: 0, Duration: time.Duration(900+i%200) * time.Millisecond})
	}
	for i := range 6000 {
		at := time.Duration(i) * 10 * time.Second / 6000
		arrivals = append(arrivals, Arrival{At: at, Duration: time.Duration(800+i*7%400) * time.Millisecond})
	}
	slices.SortStableFunc(arrivals, func(a, b Arrival) int { return int(a.At - b.At) })
	r := run(t, &Scenario{Functions: []Function{f}, Source: Arrivals(arrivals), Bucket: time.Second})
	// The same, counted by hand: a bucket of starts, and environments that are free again.
	want := simulateByHand(arrivals, f.Starts, 40, 40)
	for second := range 10 {
		got := [3]int64{r.Series.Starts[second], r.Series.ColdStarts[second], r.Series.Throttles[second]}
		if got != want[second] {
			t.Errorf("second %d: starts, cold starts, throttles %v, want %v", second, got, want[second])
		}
	}
}

// simulateByHand counts starts, cold starts and throttles by second, without a fleet; the environment used last is taken first.
func simulateByHand(arrivals []Arrival, starts []Start, burst, perSecond int64) [10][3]int64 {
	type env struct{ free time.Duration }
	var out [10][3]int64
	var envs []env
	level, at := burst*1e9, time.Duration(0)
	for _, a := range arrivals {
		level, at = min(burst*1e9, level+int64(a.At-at)*perSecond), a.At
		best := -1
		for i, e := range envs {
			if e.free <= a.At && (best < 0 || e.free > envs[best].free) {
				best = i
			}
		}
		second := int(a.At / time.Second)
		switch {
		case best >= 0:
			envs[best].free = a.At + a.Duration
		case level >= 1e9:
			level -= 1e9
			s := starts[len(envs)]
			envs = append(envs, env{a.At + s.Before + s.Init + a.Duration})
			out[second][0]++
			out[second][1]++
		default:
			out[second][2]++
		}
	}
	return out
}

// Memory does not grow with the requests.
func TestMemoryIsFlat(t *testing.T) {
	heap := func(d time.Duration) uint64 {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s := &Scenario{NoRequestQuota: true, Functions: []Function{one(time.Millisecond)}, Traffic: []Traffic{{To: toFirst, Poisson: true, Segments: steady(10_000, d)}}}
		sim := newSimulation(s)
		if err := sim.run(context.Background()); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(sim)
		return after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
	}
	short, long := heap(5*time.Second), heap(50*time.Second)
	if long > short+short/5+100_000 {
		t.Errorf("50,000 requests leave %d bytes, 500,000 leave %d", short, long)
	}
}

func TestStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := busy(1).Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestWhatCannotBeSimulated(t *testing.T) {
	good := func() *Scenario {
		return &Scenario{Name: "s", Functions: []Function{one(time.Second)}, Traffic: []Traffic{{To: toFirst, AtOnce: 1}}}
	}
	minus := -1
	for want, change := range map[string]func(*Scenario){
		"no functions":             func(s *Scenario) { s.Functions = nil },
		"no traffic":               func(s *Scenario) { s.Traffic = nil },
		"no name":                  func(s *Scenario) { s.Functions[0].Name = "" },
		"there twice":              func(s *Scenario) { s.Functions = append(s.Functions, s.Functions[0]) },
		"memory 64 MB":             func(s *Scenario) { s.Functions[0].MemoryMB = 64 },
		"cpu 2":                    func(s *Scenario) { s.Functions[0].CPUShare = 2 },
		"package type":             func(s *Scenario) { s.Functions[0].PackageType = "Tar" },
		"architecture":             func(s *Scenario) { s.Functions[0].Architecture = "mips" },
		"limit that is negative":   func(s *Scenario) { s.Functions[0].Reserved = &minus },
		"more than is reserved":    func(s *Scenario) { zero := 0; s.Functions[0].Reserved, s.Functions[0].Provisioned = &zero, 1 },
		"neither a runtime nor":    func(s *Scenario) { s.Functions[0].Init = nil },
		"warmer":                   func(s *Scenario) { s.Functions[0].Warm = &Warm{} },
		"split without routes":     func(s *Scenario) { s.Functions[0].Split = true },
		"may not be less than p50": func(s *Scenario) { s.Functions[0].Duration = Dist{P50: 2, P99: 1} },
		"no cold starts are known": func(s *Scenario) { s.Functions[0].Runtime, s.Functions[0].Init = "cobol", nil },
		"exactly one shape":        func(s *Scenario) { s.Traffic[0].Trace = "x" },
		"no function to send":      func(s *Scenario) { s.Traffic[0].To = nil },
		"no function 3":            func(s *Scenario) { s.Traffic[0].To = []Share{{3, 1}} },
		"weights are all 0":        func(s *Scenario) { s.Traffic[0].To = []Share{{0, 0}} },
		"negative rate":            func(s *Scenario) { s.Traffic = []Traffic{{To: toFirst, Segments: steady(-1, 1)}} },
		"opens no files":           func(s *Scenario) { s.Traffic = []Traffic{{Trace: "x"}} },
		"limit above":              func(s *Scenario) { s.AccountConcurrency = 1 << 40 },
		"lasts longer":             func(s *Scenario) { s.Traffic = []Traffic{{To: toFirst, Segments: steady(1, 1e6*time.Hour)}} },
		"must be in order": func(s *Scenario) {
			s.Source = Arrivals([]Arrival{{At: 2, Duration: -1}, {At: 1, Duration: -1}})
		},
	} {
		s := good()
		change(s)
		if _, err := s.Run(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// 100 of the account's concurrency are kept for functions without a reservation, or all of it where it has less (spec lambda.md §6.1). What is provisioned
// counts too, but once where it is reserved.
func TestUnreservedConcurrency(t *testing.T) {
	function := func(name string, reserved, provisioned int) Function {
		f := one(time.Second)
		f.Name, f.Provisioned = name, provisioned
		if reserved >= 0 {
			f.Reserved = &reserved
		}
		return f
	}
	split := function("f", -1, 300)
	split.Split, split.Routes = true, []Route{{"a", 1, Constant(1)}, {"b", 1, Constant(1)}, {"c", 1, Constant(1)}}
	overSplit := split
	overSplit.Provisioned = 301
	for _, c := range []struct {
		account   int
		functions []Function
		want      string
	}{
		{0, []Function{function("f", 900, 0)}, ""},
		{0, []Function{function("f", 901, 0)}, "function f: reserved and provisioned concurrency come to 901; of the account's 1000 at most 900 can be given away"},
		{0, []Function{function("f", -1, 900)}, ""},
		{0, []Function{function("f", -1, 901)}, "come to 901"},
		{0, []Function{function("f", 500, 500), function("g", 100, 50), function("h", -1, 300)}, ""},
		{0, []Function{function("f", 500, 500), function("g", 100, 50), function("h", -1, 301)}, "function h: reserved and provisioned concurrency come to 901"},
		{0, []Function{split}, ""},
		{0, []Function{overSplit}, "come to 903"},
		{2000, []Function{function("f", 1900, 0)}, ""},
		{2000, []Function{function("f", 1901, 0)}, "of the account's 2000 at most 1900"},
		{50, []Function{function("f", 0, 0)}, ""},
		{50, []Function{function("f", 1, 0)}, "of the account's 50 at most 0"},
	} {
		s := &Scenario{Name: "s", AccountConcurrency: c.account, Functions: c.functions, Traffic: []Traffic{{To: toFirst, AtOnce: 1}}}
		_, err := s.Run(context.Background())
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v in an account of %d: %v, want %q", c.functions, c.account, err, c.want)
		}
	}
}
