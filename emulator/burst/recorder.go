package burst

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// RecorderOptions of NewRecorder; the zero value is usable.
type RecorderOptions struct {
	// Functions are the names of what is reported apart.
	Functions []string
	// Architectures of the functions, for their prices; x86_64 where there is none.
	Architectures []string
	// Seed of the sample of points.
	Seed uint64
	// Buckets is the most that a series has; 0 means 600. Bucket is their length at first; 0 means 1 s.
	Buckets int
	Bucket  time.Duration
	// Points is the most of the sample, half of them cold; 0 means 4,000.
	Points int
}

// Recorder collects a report. Times count from the start of the load and need not be in order. It is not safe for concurrent use.
type Recorder struct {
	o         RecorderOptions
	functions []tally
	series    *series
	warm      sample
	cold      sample
	random    *rand.Rand
	last      time.Duration
	peak      Environments
	peakAll   int32
}

// tally is one function's counts.
type tally struct {
	completed, failed, throttled, spill, starts  int64
	throttles, failures                          map[string]int64
	warm, cold, unserved, duration, init, waited Histogram
	usage                                        Usage
	keptGB                                       float64 // that Keep told
	peakAll, peakBusy                            int32
}

// NewRecorder makes an empty Recorder.
func NewRecorder(o RecorderOptions) *Recorder {
	if o.Buckets == 0 {
		o.Buckets = 600
	}
	if o.Bucket == 0 {
		o.Bucket = time.Second
	}
	if o.Points == 0 {
		o.Points = 4000
	}
	r := &Recorder{o: o, functions: make([]tally, len(o.Functions)), series: newSeries(o.Bucket, o.Buckets)}
	for i := range r.functions {
		r.functions[i].throttles = map[string]int64{}
	}
	r.random = rand.New(rand.NewPCG(o.Seed, 1))
	r.warm.size, r.cold.size = o.Points/2, o.Points/2
	return r
}

// Outcome is a request that has ended and was not throttled.
type Outcome struct {
	Function int
	// Arrived is its intended send time; Latency counts from then.
	Arrived, Latency time.Duration
	// Duration of the function itself; negative where it is not known.
	Duration            time.Duration
	Cold, Failed, Spill bool
	// Unserved says that it failed before any environment had it, or that nobody knows: it is neither cold nor warm.
	Unserved bool
	// Failure says in a few words why it failed; equal ones are counted together.
	Failure string
}

// maxFailures is how many different failures are told apart; the others are counted as otherFailures.
const (
	maxFailures   = 20
	otherFailures = "other failures"
)

// Arrive counts an offered request, when it comes.
func (r *Recorder) Arrive(at time.Duration) { r.series.at(at).requests++ }

// Request records the end of one. Arrive has been called for it.
func (r *Recorder) Request(q Outcome) {
	t := &r.functions[q.Function]
	if q.Failed {
		t.fail(q.Failure)
		r.series.at(q.Arrived+q.Latency).failures++
	} else {
		t.completed++
	}
	if q.Spill {
		t.spill++
	}
	if q.Duration >= 0 {
		t.duration.Add(q.Duration)
	}
	p := point{q.Arrived, q.Latency, int32(q.Function)}
	switch {
	case q.Unserved:
		t.unserved.Add(q.Latency)
	case q.Cold:
		t.cold.Add(q.Latency)
		r.series.at(q.Arrived).cold++
		r.cold.add(p, r.random)
	default:
		t.warm.Add(q.Latency)
		r.warm.add(p, r.random)
	}
	r.last = max(r.last, q.Arrived+q.Latency)
}

// Throttle records the end of a request that AWS would have refused because of reason.
func (r *Recorder) Throttle(at time.Duration, function int, reason string) {
	t := &r.functions[function]
	t.throttled++
	t.throttles[reason]++
	r.series.at(at).throttles++
	r.last = max(r.last, at)
}

// Start records that an environment of a function starts; waited is how long it waited for this machine, negative where that is not known.
func (r *Recorder) Start(at time.Duration, function int, waited time.Duration) {
	r.functions[function].starts++
	if waited >= 0 {
		r.functions[function].waited.Add(waited)
	}
	r.series.at(at).starts++
}

// Waited records how long the start of an environment waited for this machine, where Start could not tell.
func (r *Recorder) Waited(function int, d time.Duration) { r.functions[function].waited.Add(d) }

// Duration records the duration of an invocation whose Outcome could not tell it.
func (r *Recorder) Duration(function int, d time.Duration) { r.functions[function].duration.Add(d) }

// Spillover records that a request, whose Outcome could not tell it, found no provisioned environment.
func (r *Recorder) Spillover(function int) { r.functions[function].spill++ }

// Init records the Init Duration of an environment.
func (r *Recorder) Init(function int, d time.Duration) { r.functions[function].init.Add(d) }

// Environments records how many there are, of all functions.
func (r *Recorder) Environments(at time.Duration, e Environments) {
	r.series.environments(at, e)
	r.peak.raise(e)
	r.peakAll = max(r.peakAll, e.Total())
}

// FunctionEnvironments records how many a function has.
func (r *Recorder) FunctionEnvironments(function int, all, busy int32) {
	t := &r.functions[function]
	t.peakAll, t.peakBusy = max(t.peakAll, all), max(t.peakBusy, busy)
}

// Memory records how much memory all environments use.
func (r *Recorder) Memory(at time.Duration, megabytes float64) { r.series.memoryInUse(at, megabytes) }

// Use adds what a function has to pay for.
func (r *Recorder) Use(function int, u Usage) { r.functions[function].usage.Add(u) }

// Keep tells how many GB a function keeps provisioned, for the price of a month. Where it is not called, they are what Use has been told of, over the
// length of the load: that is right only of a usage that is not rounded up to whole stretches of time.
func (r *Recorder) Keep(function int, gb float64) { r.functions[function].keptGB = gb }

// Report makes the report of all that was recorded. The caller fills in Target, Source, Warmers and Notes.
func (r *Recorder) Report() *Report {
	out := &Report{Seed: r.o.Seed, Seconds: r.last.Seconds(), Series: r.series.report()}
	var all tally
	all.throttles = map[string]int64{}
	var cost Cost
	for i := range r.functions {
		t := &r.functions[i]
		architecture := ""
		if i < len(r.o.Architectures) {
			architecture = r.o.Architectures[i]
		}
		own := Cost{Dollars: t.usage.Dollars(architecture), KeepingPerMonth: keeping(t.kept(out.Seconds), architecture)}
		cost.Dollars += own.Dollars
		cost.KeepingPerMonth += own.KeepingPerMonth
		all.merge(t)
		if len(r.functions) > 1 {
			out.Functions = append(out.Functions, FunctionReport{Name: r.o.Functions[i], Totals: t.totals(own)})
		}
	}
	slices.SortStableFunc(out.Functions, func(a, b FunctionReport) int { return cmp.Compare(a.Name, b.Name) })
	all.peakAll, all.peakBusy = r.peakAll, r.peak.Busy
	out.Totals = all.totals(cost)
	out.Points = r.points()
	return out
}

// kept is how many GB are kept provisioned, of a load of so many seconds.
func (t *tally) kept(seconds float64) float64 {
	if t.keptGB > 0 || seconds <= 0 {
		return t.keptGB
	}
	return t.usage.Provisioned / seconds
}

// fail counts a failure.
func (t *tally) fail(why string) {
	t.failed++
	if why == "" {
		return
	}
	if t.failures == nil {
		t.failures = map[string]int64{}
	}
	if _, known := t.failures[why]; !known && len(t.failures) >= maxFailures {
		why = otherFailures
	}
	t.failures[why]++
}

func (t *tally) merge(o *tally) {
	t.completed += o.completed
	t.failed += o.failed
	t.throttled += o.throttled
	t.spill += o.spill
	t.starts += o.starts
	for reason, n := range o.throttles {
		t.throttles[reason] += n
	}
	for why, n := range o.failures {
		if t.failures == nil {
			t.failures = map[string]int64{}
		}
		t.failures[why] += n
	}
	t.warm.Merge(&o.warm)
	t.cold.Merge(&o.cold)
	t.unserved.Merge(&o.unserved)
	t.duration.Merge(&o.duration)
	t.init.Merge(&o.init)
	t.waited.Merge(&o.waited)
	t.usage.Add(o.usage)
}

// totals sums up; cost has the prices.
func (t *tally) totals(cost Cost) Totals {
	var latency Histogram
	latency.Merge(&t.warm)
	latency.Merge(&t.cold)
	served := latency.n
	latency.Merge(&t.unserved)
	out := Totals{
		Requests: t.completed + t.failed + t.throttled, Completed: t.completed, Failed: t.failed, Throttled: t.throttled,
		Throttles: maps.Clone(t.throttles), Failures: maps.Clone(t.failures), ColdStarts: t.cold.n, Spillover: t.spill,
		Latency: latency.Latency(), Warm: t.warm.Latency(), Cold: t.cold.Latency(), Unserved: t.unserved.Latency(), Duration: t.duration.Latency(), Init: t.init.Latency(),
		EnvironmentStarts: t.starts, PeakEnvironments: t.peakAll, PeakBusy: t.peakBusy, WaitedForMachine: t.waited.Latency(),
		Cost: Cost{Usage: t.usage, Dollars: cost.Dollars, KeepingPerMonth: cost.KeepingPerMonth, Prices: PriceSource},
	}
	if served > 0 {
		out.ColdRatio = float64(t.cold.n) / float64(served)
	}
	return out
}

type point struct {
	at, latency time.Duration
	function    int32
}

// sample keeps each of n points with the same chance (reservoir sampling).
type sample struct {
	points []point
	size   int
	n      int64
}

func (s *sample) add(p point, random *rand.Rand) {
	s.n++
	if len(s.points) < s.size {
		s.points = append(s.points, p)
		return
	}
	if i := random.Int64N(s.n); i < int64(s.size) {
		s.points[i] = p
	}
}

func (r *Recorder) points() []Point {
	out := []Point{}
	for _, s := range []*sample{&r.warm, &r.cold} {
		for _, p := range s.points {
			q := Point{Seconds: p.at.Seconds(), Latency: ms(p.latency), Cold: s == &r.cold}
			if len(r.functions) > 1 {
				q.Function = r.o.Functions[p.function]
			}
			out = append(out, q)
		}
	}
	slices.SortStableFunc(out, func(a, b Point) int { return cmp.Compare(a.Seconds, b.Seconds) })
	return out
}
