package burst

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Every quantile is within 0.4 % of the one that sorting finds, and merging is adding.
func TestHistogramIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 1000), rapid.Int64Range(0, 1e6), rapid.Int64Range(0, math.MaxInt64)), 1, 200).Draw(t, "ns")
		var h, left, right Histogram
		for i, v := range values {
			h.Add(time.Duration(v))
			[]*Histogram{&left, &right}[i%2].Add(time.Duration(v))
		}
		left.Merge(&right)
		slices.Sort(values)
		for _, q := range []float64{0, 0.1, 0.5, 0.9, 0.99, 0.999, 1} {
			want := float64(values[min(int(q*float64(len(values))), len(values)-1)])
			if got := float64(h.Quantile(q)); math.Abs(got-want) > 0.004*want {
				t.Fatalf("quantile %v of %v is %v", q, values, got)
			}
			if left.Quantile(q) != h.Quantile(q) {
				t.Fatalf("quantile %v of merged halves is %v, not %v", q, left.Quantile(q), h.Quantile(q))
			}
		}
		if l := h.Latency(); l.Min != ms(time.Duration(values[0])) || l.Max != ms(time.Duration(values[len(values)-1])) || left.n != h.n {
			t.Fatalf("%+v of %v", l, values)
		}
	})
}

func TestBucketsFollowEachOther(t *testing.T) {
	last := -1
	for v := uint64(0); v < 1<<20; v++ {
		b := bucketOf(v)
		if b != last && b != last+1 {
			t.Fatalf("%d is in bucket %d after %d", v, b, last)
		}
		last = b
	}
	for b := range bucketOf(math.MaxInt64) {
		if got := bucketOf(uint64(middleOf(b))); got != b {
			t.Fatalf("the middle of bucket %d is in %d", b, got)
		}
	}
}

// A series keeps all counts and peaks, and never grows beyond its size.
func TestSeriesDoubles(t *testing.T) {
	s := newSeries(time.Second, 8)
	random := rand.New(rand.NewPCG(1, 1))
	const n = 1000
	for i := range n {
		at := time.Duration(i) * 300 * time.Millisecond
		s.at(at-time.Duration(random.IntN(2))*time.Second).requests++
		s.environments(at, Environments{Busy: int32(i % 100), Idle: 3})
		if len(s.buckets) > 8 {
			t.Fatalf("%d buckets", len(s.buckets))
		}
	}
	r := s.report()
	sum := int64(0)
	for _, v := range r.Requests {
		sum += v
	}
	if want := 64.0; r.BucketSeconds != want || sum != n || slices.Max(r.Busy) != 99 || slices.Min(r.Idle) != 3 {
		t.Errorf("%+v: %d requests, want %d in buckets of %v s", r, sum, n, want)
	}
}

// A gauge lasts through stretches in which nothing happens.
func TestGaugesLast(t *testing.T) {
	s := newSeries(time.Second, 10)
	s.environments(0, Environments{Idle: 5})
	s.environments(500*time.Millisecond, Environments{Idle: 2})
	s.environments(3500*time.Millisecond, Environments{Idle: 1})
	if diff := cmp.Diff([]int32{5, 2, 2, 2}, s.report().Idle); diff != "" {
		t.Error(diff)
	}
}

func sampleReport() *Report {
	r := NewRecorder(RecorderOptions{Functions: []string{"b", "a"}, Architectures: []string{"x86_64", "arm64"}, Seed: 7, Points: 8})
	for i := range 200 {
		at := time.Duration(i) * 10 * time.Millisecond
		r.Arrive(at)
		if i%20 == 19 {
			r.Throttle(at, i%2, "ConcurrentInvocationLimitExceeded")
			continue
		}
		r.Request(Outcome{
			Function: i % 2, Arrived: at, Latency: time.Duration(i+1) * time.Millisecond, Duration: time.Millisecond, Cold: i%10 == 0,
			Failed: i == 3, Spill: i == 4,
		})
	}
	r.Start(0, 0, 5*time.Millisecond)
	r.Start(0, 1, -1)
	r.Init(0, 100*time.Millisecond)
	r.Environments(0, Environments{Starting: 2})
	r.Environments(time.Second, Environments{Idle: 1, Busy: 1})
	r.FunctionEnvironments(0, 1, 1)
	r.Use(0, Usage{Requests: 1e6, GBSeconds: 1000})
	r.Use(1, Usage{GBSeconds: 1000, Provisioned: 100, InProvisioned: 10})
	out := r.Report()
	out.Target, out.Source = "hello", "simulated"
	out.Warmers = []WarmerReport{{Function: "a", EverySeconds: 300, Concurrency: 20, Overlapping: true, Rounds: 3, KeptLeast: 19, KeptMean: 19.7, KeptLast: 20}}
	out.Notes = []string{"a note"}
	return out
}

func TestReport(t *testing.T) {
	r := sampleReport()
	want := Totals{
		Requests: 200, Completed: 189, Failed: 1, Throttled: 10, Throttles: map[string]int64{"ConcurrentInvocationLimitExceeded": 10},
		ColdStarts: 20, ColdRatio: 20.0 / 190, Spillover: 1, EnvironmentStarts: 2, PeakEnvironments: 2, PeakBusy: 1,
		Latency: r.Latency, Warm: r.Warm, Cold: r.Cold, Duration: r.Duration, Init: r.Init, WaitedForMachine: r.WaitedForMachine,
		Cost: r.Cost,
	}
	if diff := cmp.Diff(want, r.Totals); diff != "" {
		t.Error(diff)
	}
	if dollars := 0.20 + 1000*0.0000166667 + 1000*0.0000133334 + 100*0.0000033334 + 10*0.0000077778; math.Abs(r.Cost.Dollars-dollars) > 1e-9 {
		t.Errorf("cost %v, want %v", r.Cost.Dollars, dollars)
	}
	if r.Latency.Count != 190 || r.Warm.Count != 170 || r.Cold.Count != 20 || r.Init.Count != 1 || r.WaitedForMachine.Count != 1 || r.Latency.Max != 199 {
		t.Errorf("latencies: %+v", r.Totals)
	}
	if len(r.Points) != 8 || !slices.IsSortedFunc(r.Points, func(a, b Point) int { return int(1e6 * (a.Seconds - b.Seconds)) }) {
		t.Errorf("points: %+v", r.Points)
	}
	if r.Functions[0].Name != "a" || r.Functions[0].Requests+r.Functions[1].Requests != 200 {
		t.Errorf("functions: %+v", r.Functions)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, &back); diff != "" {
		t.Errorf("through JSON:\n%s", diff)
	}
}

func TestSummary(t *testing.T) {
	got := sampleReport().Summary()
	for _, want := range []string{
		"hello, simulated: 200 requests in 2.2 s", "Completed      189, failed 1, throttled 10", "10 ConcurrentInvocationLimitExceeded",
		"Cold starts    20 (10.53 %)", "Environments   2 started, at most 2 at once, at most 1 busy", "this machine: 1 starts, p50 5 ms", "$0.2", "  cold",
		"20 pings at once every 300 s kept 20 environments (at least 19, 19.7 on average, in 3 rounds)", "\na ", "\nb ", "Note: a note",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestAssertions(t *testing.T) {
	r := &Report{Totals: Totals{
		Requests: 1000, Completed: 960, Failed: 30, Throttled: 10, ColdStarts: 20, ColdRatio: 0.02, Latency: Latency{P99: 250, P50: 10},
		Cold: Latency{P50: 400}, PeakEnvironments: 30, Cost: Cost{Dollars: 0.5, Usage: Usage{GBSeconds: 2, Provisioned: 1}},
	}}
	for text, want := range map[string]bool{
		"cold_ratio<0.05": true, "cold_ratio < 5%": true, "cold_ratio<=2%": true, "cold_ratio>2%": false, "p99<300ms": true, "p99<0.2s": false,
		"p99 <= 250": true, "p50==10ms": true, "p50!=10ms": false, "cold_p50>=400ms": true, "warm_p99==0": true, "throttles==0": false,
		"throttles==10": true, "throttle_ratio<=1%": true, "error_ratio<0.03": false, "errors<31": true, "environments<=30": true, "cost<$0.51": true,
		"gb_seconds==3": true, "requests>=1000": true, "completed==960": true, "cold_starts==20": true, "spillover==0": true, "init_max<1ms": true,
	} {
		a, err := ParseAssertion(text)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if v := a.Check(r); v.OK != want || !strings.Contains(v.String(), text) {
			t.Errorf("%s: %v", text, v)
		}
	}
	a, _ := ParseAssertion("p99<200ms")
	if got, want := a.Check(r).String(), "FAILED p99<200ms (p99 is 250.0ms)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, text := range []string{"", "p99", "p99=3", "p99!3", "p98<3", "p99<", "p99<x", "hot_p99<3", "cold_ratio<5ms", "throttles<5%", "cost<NaN", "<3"} {
		if a, err := ParseAssertion(text); err == nil {
			t.Errorf("%q is %+v", text, a)
		}
	}
}

func TestSweep(t *testing.T) {
	var axes []Axis
	for _, text := range []string{"provisioned=0,10", "reserved=,20"} {
		a, err := ParseAxis(text)
		if err != nil {
			t.Fatal(err)
		}
		axes = append(axes, a)
	}
	combinations := Combinations(axes)
	want := [][]Setting{
		{{"provisioned", "0"}, {"reserved", ""}}, {{"provisioned", "0"}, {"reserved", "20"}},
		{{"provisioned", "10"}, {"reserved", ""}}, {{"provisioned", "10"}, {"reserved", "20"}},
	}
	if diff := cmp.Diff(want, combinations); diff != "" {
		t.Error(diff)
	}
	var runs []Compared
	for i, c := range combinations {
		runs = append(runs, Compared{c, &Report{Totals: Totals{Completed: 1e6, Throttled: int64(i * 1000), ColdRatio: 0.1, Cost: Cost{Dollars: 2}}}})
	}
	table := `provisioned  reserved  cold %  p50 ms  p99 ms  cold p50  duration p50  throttled  spill-over  environments       cost  cost/million  kept/month
0                   -   10.00     0.0     0.0       0.0           0.0          0           0             0  $2.000000         $2.00       $0.00
0                  20   10.00     0.0     0.0       0.0           0.0      1,000           0             0  $2.000000         $2.00       $0.00
10                  -   10.00     0.0     0.0       0.0           0.0      2,000           0             0  $2.000000         $2.00       $0.00
10                 20   10.00     0.0     0.0       0.0           0.0      3,000           0             0  $2.000000         $2.00       $0.00
`
	if diff := cmp.Diff(table, Table(runs)); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"", "provisioned", "=3"} {
		if a, err := ParseAxis(text); err == nil {
			t.Errorf("%q is %+v", text, a)
		}
	}
}

func TestApart(t *testing.T) {
	for _, c := range []struct {
		a, b []int64
		want float64
	}{
		{nil, nil, 0}, {[]int64{1, 2}, []int64{1, 2}, 0}, {[]int64{100, 0}, []int64{95, 5}, 0.05}, {[]int64{10, 10}, []int64{10, 30}, 0.5},
		{[]int64{0, 0, 4}, []int64{0, 0}, 1}, {nil, []int64{0}, 0},
	} {
		if got := Apart(c.a, c.b); math.Abs(got-c.want) > 1e-9 || Apart(c.b, c.a) != got {
			t.Errorf("%v and %v are %v apart, want %v", c.a, c.b, got, c.want)
		}
	}
}
