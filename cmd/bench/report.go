package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// results of one run, as bench.json has them.
type results struct {
	Machine string
	Time    time.Time
	Load    []loadResult
	Cold    []coldResult
	Memory  memoryResult
	// Profile is that of a thousand environments at once, some times.
	Profile    *profileResult
	ColdStarts []coldStartResult
	Edit       []editResult

	Generator []generatorResult
}

// loadResult compares a system with the floor: times in ms, rates per second, CPU in µs per request of the server's own process.
type loadResult struct {
	Front                         string
	Connections                   int
	System                        string
	P50, P99, Rate, CPU           float64
	FloorP50, FloorRate, FloorCPU float64
	P50Ratio, RateRatio           float64
}

type coldResult struct {
	N                            int
	Seconds, FloorSeconds, Ratio float64
}

// profileResult is the share, 0 to 1, of the emulator's CPU time that package fleet took.
type profileResult struct {
	Environments   int
	Fleet, Seconds float64
}

// coldStartResult compares Init Durations, in ms, with the published ones.
type coldStartResult struct {
	Runtime                      string
	Draws                        int
	P50, P99, TableP50, TableP99 float64
}

type memoryResult struct {
	With16KB     int
	PerFurtherKB float64
}

// editResult is the time from the edit to the new code's answer, in ms, against what the runtime (or the compiler) needs by itself.
type editResult struct {
	Runtime      string
	Answer, Bare float64
	Over         float64
}

func (r *results) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %s\n", r.Machine, r.Time.Format(time.DateOnly))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer tw.Flush()
	if r.Load != nil {
		fmt.Fprintln(tw, "\nfront\tconnections\tsystem\tp50 ms\tfloor\tratio\trequests/s\tfloor\tratio\tCPU µs\tfloor\tp99 ms\t")
		for _, l := range r.Load {
			fmt.Fprintf(tw, "%s\t%d\t%s\t%.3f\t%.3f\t%.2f\t%.0f\t%.0f\t%.2f\t%.0f\t%.0f\t%.2f\t\n", l.Front, l.Connections, l.System,
				l.P50, l.FloorP50, l.P50Ratio, l.Rate, l.FloorRate, l.RateRatio, l.CPU, l.FloorCPU, l.P99)
		}
	}
	if r.Cold != nil {
		fmt.Fprintln(tw, "\ncold at once\tseconds\tfloor\tratio\t")
		for _, c := range r.Cold {
			fmt.Fprintf(tw, "%d\t%.3f\t%.3f\t%.2f\t\n", c.N, c.Seconds, c.FloorSeconds, c.Ratio)
		}
	}
	if p := r.Profile; p != nil {
		fmt.Fprintf(tw, "\npackage fleet\t%.2f %% of %.1f s of CPU\t\nenvironments started\t%d\t\n", 100*p.Fleet, p.Seconds, p.Environments)
	}
	if r.ColdStarts != nil {
		fmt.Fprintln(tw, "\nInit Duration\tstarts\tp50 ms\ttable\tapart %\tp99 ms\ttable\tapart %\t")
		for _, c := range r.ColdStarts {
			fmt.Fprintf(tw, "%s\t%d\t%.1f\t%.0f\t%+.1f\t%.1f\t%.0f\t%+.1f\t\n", c.Runtime, c.Draws,
				c.P50, c.TableP50, 100*(c.P50/c.TableP50-1), c.P99, c.TableP99, 100*(c.P99/c.TableP99-1))
		}
	}
	if r.Memory.With16KB != 0 {
		fmt.Fprintf(tw, "\nresident with 16 environments\t%.1f MB\t\neach further one\t%.1f KB\t\n", float64(r.Memory.With16KB)/1024, r.Memory.PerFurtherKB)
	}
	if r.Edit != nil {
		fmt.Fprintln(tw, "\nedit to answer\tms\tbare\tover\t")
		for _, e := range r.Edit {
			fmt.Fprintf(tw, "%s\t%.0f\t%.0f\t%.0f\t\n", e.Runtime, e.Answer, e.Bare, e.Over)
		}
	}
	if r.Generator != nil {
		fmt.Fprintln(tw, "\ngenerator\tconnections\trequests/s\twrk\tratio\tp50 ms\tmax ms\t")
		for _, g := range r.Generator {
			fmt.Fprintf(tw, "emulate burst\t%d\t%.0f\t%.0f\t%.2f\t%.3f\t%.1f\t\n", g.Connections, g.Rate, g.WrkRate, g.Ratio, g.P50MS, g.Slowest)
		}
	}
}
