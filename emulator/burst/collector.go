package burst

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/emulate/emulator/telemetry"
)

// collector joins each answer with what the emulator tells of its request, and gives both to a Recorder. One goroutine uses it.
//
// An answer of an API carries the id that the emulator's access line has; an answer of the Invoke operation that of the invocation, which its report
// line has. Whichever comes first waits for the other.
type collector struct {
	o        Options
	invoke   bool // the answers are those of the Invoke operation
	served   []Function
	index    map[string]int
	recorder *Recorder
	began    time.Time
	so       Progress
	notes    []string
	warmers  []WarmerReport // of all functions

	functions []watched
	answers   *recent[Sample]
	verdicts  *recent[verdict]
	// onDemand are the environments beside provisioned ones that started during the load.
	onDemand   map[string]bool
	last       Environments      // as they were counted last
	others     int64             // requests of others
	unanswered int64             // requests of the load that ended without an answer: events may tell of them
	first      map[string]string // what the first of each failure says
	dropped    int64
	unsure     int64 // answers of which no event told
	gone       bool  // the events have ended
	cut        int64 // requests that the end of ctx met
	// interrupted says that ctx ended before the load did.
	interrupted bool
}

// watched is what the events tell of one function.
type watched struct {
	Function
	hit      bool
	running  int32
	memoryMB float64 // that a request used, as the last ones did
}

// verdict is what the emulator tells of one request.
type verdict struct {
	function int
	cold     bool
	reason   string // of a throttle
	unserved bool   // no environment had it
}

// Who a request is counted for that no function is known of.
const nobody = "(no function)"

// Answers and verdicts that may wait for each other. More are in flight only where others send requests too.
const waiting = 1 << 16

func newCollector(ctx context.Context, o Options) (*collector, error) {
	if o.Target == "" {
		o.Target = o.Load.Request.URL
	}
	c := &collector{o: o, index: map[string]int{}, first: map[string]string{}, onDemand: map[string]bool{}}
	_, name, found := strings.Cut(o.Load.Request.URL, invokePath)
	c.invoke = found
	options := RecorderOptions{Seed: o.Seed, Bucket: countEvery}
	if o.Source != nil {
		var err error
		if c.served, err = o.Source.Functions(ctx); err != nil {
			return nil, err
		}
	}
	for i, f := range append(c.served, Function{Name: nobody}) {
		c.index[f.Name] = i
		c.functions = append(c.functions, watched{Function: f})
		options.Functions = append(options.Functions, f.Name)
		options.Architectures = append(options.Architectures, f.Architecture)
	}
	if name, _, _ = strings.Cut(name, "/"); found {
		c.functions[c.functionOf(functionName(name))].hit = true
	}
	c.recorder = NewRecorder(options)
	c.answers = &recent[Sample]{size: waiting, lost: c.unknown}
	c.verdicts = &recent[verdict]{size: waiting, lost: func(verdict) { c.others++ }}
	return c, nil
}

// invokePath is where the Invoke operation is.
const invokePath = "/2015-03-31/functions/"

// functionName is that of a name with a qualifier, or of an ARN.
func functionName(name string) string {
	name = strings.ReplaceAll(name, "%3A", ":")
	if _, rest, ok := strings.Cut(name, ":function:"); ok {
		name = rest
	}
	name, _, _ = strings.Cut(name, ":")
	return name
}

func (c *collector) functionOf(name string) int {
	if i, ok := c.index[name]; ok {
		return i
	}
	return len(c.functions) - 1
}

// line is what is read of a line of emulate serve --json (its members are those of CONTRACT.md).
type line struct {
	Type        telemetry.Type `json:"type"`
	Time        time.Time      `json:"time"`
	Function    string         `json:"function"`
	Version     string         `json:"version"`
	Environment string         `json:"environment"`
	Count       int64          `json:"count"`
	// Of an access line.
	RequestID string `json:"requestId"`
	Cold      bool   `json:"cold"`
	Error     string `json:"error"`
	// Of a platform line.
	Record struct {
		RequestID          string `json:"requestId"`
		InitializationType string `json:"initializationType"`
		Phase              string `json:"phase"`
		Metrics            struct {
			Duration         float64 `json:"durationMs"`
			Billed           float64 `json:"billedDurationMs"`
			MemorySizeMB     float64 `json:"memorySizeMB"`
			MaxMemoryUsedMB  float64 `json:"maxMemoryUsedMB"`
			InitDuration     float64 `json:"initDurationMs"`
			WaitedForMachine float64 `json:"waitedForMachineMs"`
		} `json:"metrics"`
	} `json:"record"`
}

const typeDropped = telemetry.Type("dropped")

// parseLine reads a line; nil where it tells nothing of interest.
func parseLine(text []byte) *line {
	rest, ok := bytes.CutPrefix(text, []byte(`{"type":"`))
	if !ok {
		return nil
	}
	kind, _, _ := bytes.Cut(rest, []byte(`"`))
	switch telemetry.Type(kind) {
	case telemetry.TypeAccess, telemetry.TypeInitStart, telemetry.TypeInitReport, telemetry.TypeStart, telemetry.TypeReport, telemetry.TypeThrottle, typeDropped:
	default:
		return nil
	}
	var l line
	if json.Unmarshal(text, &l) != nil {
		return nil
	}
	return &l
}

// take takes the news.
func (c *collector) take(n news) {
	switch {
	case !n.began.IsZero():
		c.began = n.began
	case n.sample != nil:
		c.sample(*n.sample)
	case c.began.IsZero(), n.event != nil && n.event.Time.Before(c.began) && n.event.Type != typeDropped: // it is not of this load
	case n.event != nil:
		c.event(n.event)
	default:
		c.count(n.at.Sub(c.began), n.counts)
	}
}

// sample is the end of a request, as the client saw it.
func (c *collector) sample(s Sample) {
	if s.Err != nil {
		c.unanswered++
	}
	if s.Cut {
		c.cut++
		return
	}
	c.so.Answered++
	c.recorder.Arrive(s.At)
	refused := c.invoke && s.Status >= http.StatusBadRequest
	if c.o.Source == nil || c.gone || s.Err != nil || s.RequestID == "" || refused {
		c.record(s, verdict{function: c.likely(), reason: reasonOf(s), unserved: s.Err != nil || refused})
		return
	}
	if v, ok := c.verdicts.take(s.RequestID); ok {
		c.record(s, v)
		return
	}
	c.answers.put(s.RequestID, s)
}

// reasonOf a throttle that the answer itself tells: Invoke's, or that of a target of which nothing else is known.
func reasonOf(s Sample) string {
	if s.Status != http.StatusTooManyRequests {
		return ""
	}
	var body struct{ Reason string }
	if json.Unmarshal(s.Body, &body) != nil || body.Reason == "" {
		return "no Reason told"
	}
	return body.Reason
}

// likely is the function of a request of which nothing is known: the only one that was met, if it is one.
func (c *collector) likely() int {
	found := len(c.functions) - 1
	for i := range c.functions {
		if c.functions[i].hit {
			if found < len(c.functions)-1 {
				return len(c.functions) - 1
			}
			found = i
		}
	}
	return found
}

// unknown is an answer whose event did not come.
func (c *collector) unknown(s Sample) {
	c.unsure++
	c.record(s, verdict{function: c.likely(), reason: reasonOf(s)})
}

// record counts a request whose end is known.
func (c *collector) record(s Sample, v verdict) {
	if v.reason != "" {
		c.so.Throttled++
		c.recorder.Throttle(s.At+s.Took, v.function, v.reason)
		return
	}
	why := failureOf(s)
	if why != "" {
		c.so.Failed++
		c.said(why, s.Body)
	}
	if v.cold {
		c.so.ColdStarts++
	}
	c.recorder.Request(Outcome{Function: v.function, Arrived: s.At, Latency: s.Took, Duration: -1, Cold: v.cold, Failed: why != "", Failure: why, Unserved: why != "" && v.unserved})
}

// said keeps what AWS's error document of the first of equal failures says, where it says more than the status.
func (c *collector) said(why string, body []byte) {
	var document struct{ Message string }
	if len(body) == 0 || json.Unmarshal(body, &document) != nil || document.Message == "" || strings.HasSuffix(why, " "+document.Message) {
		return
	}
	if _, known := c.first[why]; !known && len(c.first) < maxFailures {
		c.first[why] = document.Message
	}
}

// failureOf says why an answer is none, or one that nobody wants; "" where it is well.
func failureOf(s Sample) string {
	switch {
	case s.Err != nil:
		return s.Err.Error()
	case s.FunctionError:
		return "error of the function"
	case s.Status >= http.StatusBadRequest:
		return strings.TrimSpace(fmt.Sprintf("HTTP %d %s", s.Status, http.StatusText(s.Status)))
	}
	return ""
}

// settled says that every answer has met its event, and every invocation that began has ended.
func (c *collector) settled() bool {
	if c.gone || c.o.Source == nil {
		return true
	}
	for i := range c.functions {
		if c.functions[i].hit && c.functions[i].running > 0 {
			return false
		}
	}
	return c.answers.len() == 0
}

// blind is the end of the events before that of the load.
func (c *collector) blind() {
	c.gone = true
	c.notes = append(c.notes, "the emulator went away during the load: what came later is only what its answers tell")
	c.answers.flush()
}

// recent remembers what waits for its counterpart. Of more than twice its size the oldest are given up.
type recent[T any] struct {
	size       int
	young, old map[string]T
	lost       func(T)
}

func (r *recent[T]) len() int { return len(r.young) + len(r.old) }

func (r *recent[T]) put(id string, v T) {
	if len(r.young) >= r.size {
		old := r.old
		r.old, r.young = r.young, nil
		for _, v := range old {
			r.lost(v)
		}
	}
	if r.young == nil {
		r.young = map[string]T{}
	}
	r.young[id] = v
}

// take gives what waits, and forgets it.
func (r *recent[T]) take(id string) (v T, ok bool) {
	if v, ok = r.young[id]; ok {
		delete(r.young, id)
	} else if v, ok = r.old[id]; ok {
		delete(r.old, id)
	}
	return v, ok
}

// flush gives up everything.
func (r *recent[T]) flush() {
	old, young := r.old, r.young
	r.old, r.young = nil, nil
	for _, m := range []map[string]T{old, young} {
		for _, v := range m {
			r.lost(v)
		}
	}
}
