package burst

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/emulate/emulator/telemetry"
)

// event is one line of the emulator.
func (c *collector) event(l *line) {
	at := max(0, l.Time.Sub(c.began))
	i := c.functionOf(l.Function)
	f := &c.functions[i]
	switch l.Type {
	case telemetry.TypeAccess:
		c.access(l, i)
	case typeDropped:
		c.dropped += l.Count
		for i := range c.functions {
			c.functions[i].running = 0
		}
	case telemetry.TypeThrottle:
		f.hit = true
	case telemetry.TypeInitStart:
		f.hit = true
		c.recorder.Start(at, i, -1)
		if l.Record.InitializationType != provisionedInit && f.Provisioned > 0 {
			c.onDemand[l.Environment] = true
		}
	case telemetry.TypeInitReport:
		if l.Record.Phase != string(telemetry.PhaseInvoke) { // one that is repeated within an invocation starts no environment
			c.recorder.Waited(i, inMillis(l.Record.Metrics.WaitedForMachine))
			c.recorder.Init(i, inMillis(l.Record.Metrics.Duration))
		}
	case telemetry.TypeStart:
		f.hit = true
		f.running++
		c.busier(at, i)
	case telemetry.TypeReport:
		f.hit = true
		f.running = max(0, f.running-1)
		c.invocation(l, i)
	}
}

// provisionedInit is the initialization type of provisioned environments (spec lambda.md §3.2).
const provisionedInit = "provisioned-concurrency"

func inMillis(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

// access is the end of a request through an API.
func (c *collector) access(l *line, i int) {
	if c.invoke {
		if l.Function == "" || throttleOf(l.Error) != "" { // any other is counted by its invocation
			c.others++
		}
		return
	}
	c.functions[i].hit = c.functions[i].hit || l.Function != ""
	c.verdict(l.RequestID, verdict{function: i, cold: l.Cold, reason: throttleOf(l.Error), unserved: l.Function == ""})
}

// throttleOf finds the Reason in the error of an access line: "TooManyRequestsException: Rate Exceeded. (Reason)".
func throttleOf(text string) string {
	rest, ok := strings.CutPrefix(text, "TooManyRequestsException: ")
	if !ok {
		return ""
	}
	if i := strings.LastIndexByte(rest, '('); i >= 0 && strings.HasSuffix(rest, ")") {
		return rest[i+1 : len(rest)-1]
	}
	return rest
}

// verdict meets its answer, or waits for it.
func (c *collector) verdict(id string, v verdict) {
	if s, ok := c.answers.take(id); ok {
		c.record(s, v)
		return
	}
	c.verdicts.put(id, v)
}

// invocation is the end of one: what it took and costs.
func (c *collector) invocation(l *line, i int) {
	f, m := &c.functions[i], l.Record.Metrics
	c.recorder.Duration(i, inMillis(m.Duration))
	use := Usage{Requests: 1}
	gbSeconds := m.MemorySizeMB / 1024 * m.Billed / 1000
	switch {
	case f.Provisioned == 0 || l.Version == "$LATEST":
		use.GBSeconds = gbSeconds
	case c.onDemand[l.Environment]:
		use.GBSeconds = gbSeconds
		c.recorder.Spillover(i)
	default:
		use.InProvisioned = gbSeconds
	}
	c.recorder.Use(i, use)
	if used := m.MaxMemoryUsedMB; f.memoryMB == 0 {
		f.memoryMB = used
	} else {
		f.memoryMB += (used - f.memoryMB) / 16
	}
	if c.invoke {
		c.verdict(l.Record.RequestID, verdict{function: i, cold: m.InitDuration > 0})
	}
}

// busier raises the count of busy environments between two times that they were counted.
func (c *collector) busier(at time.Duration, i int) {
	running := int32(0)
	for i := range c.functions {
		running += c.functions[i].running
	}
	c.recorder.FunctionEnvironments(i, c.functions[i].running, c.functions[i].running)
	if more := running - c.last.Busy; more > 0 {
		c.last = Environments{Starting: max(0, c.last.Starting-max(0, more-c.last.Idle)), Idle: max(0, c.last.Idle-more), Busy: running}
		c.recorder.Environments(at, c.last)
	}
}

// count is how many environments there are, of the functions that the load has met. Memory is their number times what a request used.
func (c *collector) count(at time.Duration, counts map[string]Environments) {
	var all Environments
	memory := 0.0
	for i := range c.functions {
		f := &c.functions[i]
		if !f.hit {
			continue
		}
		e := counts[f.Name]
		all.Starting, all.Idle, all.Busy = all.Starting+e.Starting, all.Idle+e.Idle, all.Busy+e.Busy
		c.recorder.FunctionEnvironments(i, e.Total(), e.Busy)
		memory += float64(e.Total()) * f.memoryMB
	}
	c.last, c.so.Environments = all, all
	c.recorder.Environments(at, all)
	c.recorder.Memory(at, memory)
}

// report sums up; offered is how many requests were sent.
func (c *collector) report(offered int64) *Report {
	c.answers.flush()
	c.verdicts.flush()
	for i := range c.functions {
		if f := &c.functions[i]; f.hit && f.Provisioned > 0 {
			kept := float64(f.Provisioned) * float64(f.MemoryMB) / 1024 * c.recorder.last.Seconds()
			c.recorder.Use(i, Usage{Provisioned: kept})
		}
	}
	r := c.recorder.Report()
	r.Target, r.Source = c.o.Target, Live
	for _, w := range c.warmers {
		if c.functions[c.functionOf(w.Function)].hit {
			r.Warmers = append(r.Warmers, w)
		}
	}
	if c.o.Source == nil {
		r.Source = Remote
		c.notes = append(c.notes, "no emulator was watched: cold starts, environments, the functions' own durations and cost are not known")
	}
	c.only(r)
	c.remark(offered)
	c.slowMachine(r)
	r.Notes = c.notes
	return r
}

// only leaves out functions that nothing happened to, and names where one is left.
func (c *collector) only(r *Report) {
	met := r.Functions[:0]
	for _, f := range r.Functions {
		if f.Requests > 0 || f.EnvironmentStarts > 0 || f.Cost.Requests > 0 {
			met = append(met, f)
		}
	}
	if r.Functions = met; len(met) > 1 {
		return
	}
	r.Functions = nil
	for i := range r.Points {
		r.Points[i].Function = ""
	}
}

// remark notes what a reader should know.
func (c *collector) remark(offered int64) {
	note := func(n int64, format string) {
		if n > 0 {
			c.notes = append(c.notes, fmt.Sprintf(format, count(n)))
		}
	}
	if c.interrupted {
		c.notes = append(c.notes, fmt.Sprintf("interrupted: %s of %s requests had no answer yet, and are not counted", count(c.cut), count(offered)))
	}
	for _, why := range slices.Sorted(maps.Keys(c.first)) {
		c.notes = append(c.notes, fmt.Sprintf("the first %s says: %s", why, c.first[why]))
	}
	note(c.unsure, "of %s answers no event told whether they were cold starts: they count as warm")
	others := "%s requests of others"
	if c.others -= min(c.others, c.unanswered); c.others == 1 { // what the load gave up met the emulator all the same
		others = "%s request of others"
	}
	note(c.others, others+" met the emulator meanwhile: environments, durations and cost have what they did too")
	note(c.dropped, "%s events were lost because reading them was too slow: cold starts, durations and cost are too low")
}

// slowMachine notes where it is this computer that a reader sees, and not Lambda.
func (c *collector) slowMachine(r *Report) {
	const few = 10
	if w := r.WaitedForMachine; r.Cold.Count >= few && w.P50 > r.Cold.P50/2 {
		c.notes = append(c.notes, fmt.Sprintf("most of what cold starts took here is waiting for this computer (p50 %s of %s), which AWS does not make them wait for",
			inWords(w.P50), inWords(r.Cold.P50)))
	}
}
