package burst

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Report is what a load met. Latencies are in milliseconds, from the intended send time to the end of the answer.
type Report struct {
	// Target is what the load was sent to; Source is Live, Simulated or Remote.
	Target string `json:"target"`
	Source string `json:"source"`
	Seed   uint64 `json:"seed"`
	// Seconds from the first request to the end of the last one.
	Seconds float64 `json:"seconds"`
	Totals
	// Functions are the same for each function, by name, where there are several.
	Functions []FunctionReport `json:"functions,omitempty"`
	Warmers   []WarmerReport   `json:"warmers,omitempty"`
	Series    Series           `json:"series"`
	// Points are a bounded sample of the requests, cold ones and others apart, in the order of their times.
	Points []Point `json:"points"`
	// Notes say what a reader should know of how the numbers came about.
	Notes []string `json:"notes,omitempty"`
}

// Sources of a Report.
const (
	Live      = "live"
	Simulated = "simulated"
	// Remote is a target that is no emulator: only what its answers tell is known.
	Remote = "remote"
)

// Totals are the counts of all requests, or of those of one function. What warmers send is only in Cost, EnvironmentStarts and the peaks.
type Totals struct {
	// Requests that were offered. Each is Completed, Failed (an error of the function, or none of its answers), or Throttled.
	Requests  int64 `json:"requests"`
	Completed int64 `json:"completed"`
	Failed    int64 `json:"failed"`
	Throttled int64 `json:"throttled"`
	// Throttles by AWS's Reason.
	Throttles map[string]int64 `json:"throttles"`
	// Failures by what the client saw, where a client was there.
	Failures map[string]int64 `json:"failures,omitempty"`
	// ColdStarts are requests that waited for the INIT of an environment; ColdRatio is their share of the requests that environments had.
	ColdStarts int64   `json:"coldStarts"`
	ColdRatio  float64 `json:"coldRatio"`
	// Spillover are requests that found no provisioned environment though their version has some.
	Spillover int64 `json:"spillover"`
	// Latency of requests that were not throttled, and the same for warm and cold ones alone, and for those that failed without an environment.
	Latency  Latency `json:"latency"`
	Warm     Latency `json:"warm"`
	Cold     Latency `json:"cold"`
	Unserved Latency `json:"unserved,omitzero"`
	// Duration is the time that the function itself took, and Init the Init Duration of its environments, where they are known.
	Duration Latency `json:"duration"`
	Init     Latency `json:"init"`
	// EnvironmentStarts counts all that were started. PeakEnvironments existed at once, PeakBusy of them with a request.
	EnvironmentStarts int64 `json:"environmentStarts"`
	PeakEnvironments  int32 `json:"peakEnvironments"`
	PeakBusy          int32 `json:"peakBusy"`
	// WaitedForMachine is how long starts waited for this computer, which AWS would not have made them wait for.
	WaitedForMachine Latency `json:"waitedForMachine"`
	Cost             Cost    `json:"cost"`
}

// FunctionReport is one function's part.
type FunctionReport struct {
	Name string `json:"name"`
	Totals
}

// WarmerReport says what pings have kept warm: the environments that served the pings of one round.
type WarmerReport struct {
	Function     string  `json:"function"`
	EverySeconds float64 `json:"everySeconds"`
	// Concurrency is the number of pings in a round, sent at once where Overlapping, else one after the other.
	Concurrency int  `json:"concurrency"`
	Overlapping bool `json:"overlapping"`
	Rounds      int  `json:"rounds"`
	// The environments that served a round's pings: the fewest and the mean of all rounds, and those of the last one.
	KeptLeast int     `json:"keptLeast"`
	KeptMean  float64 `json:"keptMean"`
	KeptLast  int     `json:"keptLast"`
	// ColdPings met a cold start, ThrottledPings a limit.
	ColdPings      int64 `json:"coldPings"`
	ThrottledPings int64 `json:"throttledPings"`
}

// Latency is a distribution of times in milliseconds; zero where Count is.
type Latency struct {
	Count int64   `json:"count"`
	Min   float64 `json:"min"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
}

// Point is one request of the sample.
type Point struct {
	Seconds  float64 `json:"t"`
	Latency  float64 `json:"ms"`
	Cold     bool    `json:"cold,omitempty"`
	Function string  `json:"function,omitempty"`
}

// Summary is the report as text, a few lines wide enough for a terminal.
func (r *Report) Summary() string {
	var b strings.Builder
	perSecond := 0.0
	if r.Seconds > 0 {
		perSecond = float64(r.Requests) / r.Seconds
	}
	fmt.Fprintf(&b, "%s, %s: %s requests in %.1f s (%.1f/s), seed %d\n\n", r.Target, r.Source, count(r.Requests), r.Seconds, perSecond, r.Seed)
	r.Totals.write(&b, r.Source != Remote)
	for _, w := range r.Warmers {
		w.write(&b)
	}
	if len(r.Functions) > 0 {
		b.WriteString("\n")
		writeTable(&b, r.functionTable())
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\nNote: %s", n)
	}
	if len(r.Notes) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// write shows the counts; watched says that more is known than the answers tell.
func (t *Totals) write(b *strings.Builder, watched bool) {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(b, "%-14s %s\n", label, fmt.Sprintf(format, args...))
	}
	line("Completed", "%s, failed %s, throttled %s", count(t.Completed), count(t.Failed), count(t.Throttled))
	for _, reason := range slices.Sorted(maps.Keys(t.Throttles)) {
		line("", "%s %s", count(t.Throttles[reason]), reason)
	}
	for _, why := range slices.Sorted(maps.Keys(t.Failures)) {
		line("", "%s %s", count(t.Failures[why]), why)
	}
	if watched {
		t.writeWatched(line)
	}
	b.WriteString("\n")
	writeTable(b, t.latencyTable())
}

// latencyTable has the distributions that have something in them.
func (t *Totals) latencyTable() [][]string {
	rows := [][]string{{"", "count", "min", "p50", "p90", "p95", "p99", "p99.9", "max"}}
	for _, l := range []struct {
		name string
		Latency
	}{{"latency, ms", t.Latency}, {"  warm", t.Warm}, {"  cold", t.Cold}, {"  unserved", t.Unserved}, {"duration", t.Duration}, {"init", t.Init}} {
		if l.Count > 0 {
			row := []string{l.name, count(l.Count)}
			for _, v := range []float64{l.Min, l.P50, l.P90, l.P95, l.P99, l.P999, l.Max} {
				row = append(row, fmt.Sprintf("%.1f", v))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// writeWatched shows what only the emulator knows.
func (t *Totals) writeWatched(line func(label, format string, args ...any)) {
	line("Cold starts", "%s (%.2f %%)", count(t.ColdStarts), 100*t.ColdRatio)
	if t.Spillover > 0 {
		line("Spill-over", "%s requests found no provisioned environment", count(t.Spillover))
	}
	line("Environments", "%s started, at most %d at once, at most %d busy", count(t.EnvironmentStarts), t.PeakEnvironments, t.PeakBusy)
	if w := t.WaitedForMachine; w.Count > 0 {
		line("Waited for", "this machine: %s starts, p50 %.0f ms, max %.0f ms", count(w.Count), w.P50, w.Max)
	}
	line("Cost", "%s", t.Cost.words())
}

func (w *WarmerReport) write(b *strings.Builder) {
	how := "one after the other"
	if w.Overlapping {
		how = "at once"
	}
	kept := "1 environment"
	if w.KeptLast != 1 {
		kept = fmt.Sprintf("%d environments", w.KeptLast)
	}
	fmt.Fprintf(b, "\nWarmer of %s: %d pings %s every %.0f s kept %s (at least %d, %.1f on average, in %d rounds); %d pings were cold, %d throttled\n",
		w.Function, w.Concurrency, how, w.EverySeconds, kept, w.KeptLeast, w.KeptMean, w.Rounds, w.ColdPings, w.ThrottledPings)
}

func (r *Report) functionTable() [][]string {
	rows := [][]string{{"function", "requests", "throttled", "failed", "cold", "cold %", "p50", "p99", "cold p50", "environments", "cost"}}
	for _, f := range r.Functions {
		rows = append(rows, []string{
			f.Name, count(f.Requests), count(f.Throttled), count(f.Failed), count(f.ColdStarts), fmt.Sprintf("%.2f", 100*f.ColdRatio),
			fmt.Sprintf("%.1f", f.Latency.P50), fmt.Sprintf("%.1f", f.Latency.P99), fmt.Sprintf("%.1f", f.Cold.P50),
			fmt.Sprint(f.PeakEnvironments), fmt.Sprintf("$%.6f", f.Cost.Dollars),
		})
	}
	return rows
}

// count writes 1234567 as 1,234,567.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// writeTable aligns the first column left and the others right; the first row is the head.
func writeTable(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if i == 0 {
				fmt.Fprintf(&line, "%-*s", widths[i], cell)
			} else {
				fmt.Fprintf(&line, "  %*s", widths[i], cell)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
