package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"example.com/emulate/emulator/burst"
)

// Arrival is one request: when it comes, for which of the scenario's functions, and how long the function takes, where that is known; a negative
// Duration is drawn from the function's distribution.
type Arrival struct {
	At       time.Duration
	Function int
	Duration time.Duration
}

// Source gives arrivals in the order of their times.
type Source interface {
	// Next is the next arrival; ok is false after the last one. An error ends the simulation.
	Next() (a Arrival, ok bool, err error)
}

// Arrivals is a Source of a list.
func Arrivals(list []Arrival) Source { return &listSource{list} }

type listSource struct{ rest []Arrival }

func (l *listSource) Next() (Arrival, bool, error) {
	if len(l.rest) == 0 {
		return Arrival{}, false, nil
	}
	a := l.rest[0]
	l.rest = l.rest[1:]
	return a, true, nil
}

// Segment is a stretch of time in which the rate, in requests per second, goes in a straight line.
type Segment struct {
	For      time.Duration
	From, To float64
}

// Traffic is a shape of load. Exactly one of AtOnce, Segments and Trace is set.
type Traffic struct {
	// To are the functions that get it, by index, and each one's weight.
	To []Share
	// Start is when it begins.
	Start time.Duration
	// AtOnce requests come at Start.
	AtOnce int
	// Segments follow each other.
	Segments []Segment
	// Poisson spaces requests at random, as independent callers do; else they are evenly spaced.
	Poisson bool
	// Trace is a CSV file; see OpenTrace. Start is added to its times.
	Trace string
}

// Share is one function's part of a traffic.
type Share struct {
	Function int
	Weight   float64
}

// Daily is a day's curve: a sine between low and high requests per second that is highest at the time of day peak; the traffic starts at midnight.
func Daily(low, high float64, peak, length time.Duration) []Segment {
	const day, step = 24 * time.Hour, 5 * time.Minute
	rate := func(t time.Duration) float64 {
		return low + (high-low)*(1+math.Cos(2*math.Pi*float64(t-peak)/float64(day)))/2
	}
	var out []Segment
	for t := time.Duration(0); t < length; t += step {
		d := min(step, length-t)
		out = append(out, Segment{d, rate(t), rate(t + d)})
	}
	return out
}

// Spike is base, with peak from at on for the time of width; all of it lasts length.
func Spike(base, peak float64, at, width, length time.Duration) []Segment {
	return []Segment{{at, base, base}, {width, peak, peak}, {length - at - width, base, base}}
}

// longest is how long a load may last, and how late it may begin: a year.
const longest = 366 * 24 * time.Hour

func (t *Traffic) check() error {
	set := 0
	for _, is := range []bool{t.AtOnce != 0, len(t.Segments) > 0, t.Trace != ""} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return fmt.Errorf("exactly one shape is wanted")
	case t.AtOnce < 0 || t.Start < 0 || t.Start > longest:
		return fmt.Errorf("a negative number, or a start after %v", longest)
	case t.Trace == "" && len(t.To) == 0:
		return fmt.Errorf("no function to send it to")
	}
	length := t.Start
	for _, s := range t.Segments {
		if length += s.For; s.For > longest || length > longest {
			return fmt.Errorf("it lasts longer than %v", longest)
		}
		if s.For < 0 || s.From < 0 || s.To < 0 {
			return fmt.Errorf("a negative rate or time, or one that ends before it starts")
		}
	}
	total := 0.0
	for _, s := range t.To {
		if s.Weight < 0 {
			return fmt.Errorf("a negative weight")
		}
		total += s.Weight
	}
	if t.Trace == "" && total == 0 {
		return fmt.Errorf("the weights are all 0")
	}
	return nil
}

// shaped is a Source of a Traffic without a trace.
type shaped struct {
	t      Traffic
	random *rand.Rand
	total  float64 // of the weights

	left    int // AtOnce
	segment int
	start   time.Duration
	due     float64 // of the segment's requests, those before the next one
}

func newShaped(t Traffic, random *rand.Rand) *shaped {
	s := &shaped{t: t, random: random, left: t.AtOnce, start: t.Start}
	for _, share := range t.To {
		s.total += share.Weight
	}
	if t.Poisson {
		s.due = s.step() // else the first one comes at once
	}
	return s
}

func (s *shaped) step() float64 {
	if s.t.Poisson {
		return s.random.ExpFloat64()
	}
	return 1
}

func (s *shaped) Next() (Arrival, bool, error) {
	if len(s.t.Segments) == 0 {
		if s.left == 0 {
			return Arrival{}, false, nil
		}
		s.left--
		return Arrival{At: s.t.Start, Function: s.function(), Duration: -1}, true, nil
	}
	for s.segment < len(s.t.Segments) {
		seg := s.t.Segments[s.segment]
		length := seg.For.Seconds()
		if all := (seg.From + seg.To) / 2 * length; burst.Sent(s.due, all) {
			s.due = math.Max(0, s.due-all)
			s.segment, s.start = s.segment+1, s.start+seg.For
			continue
		}
		at := s.start + time.Duration(math.Min(solve(seg.From, (seg.To-seg.From)/length, s.due), length)*float64(time.Second))
		s.due += s.step()
		return Arrival{At: at, Function: s.function(), Duration: -1}, true, nil
	}
	return Arrival{}, false, nil
}

// solve is the time in which a rate that grows by slope lets n requests pass.
func solve(rate, slope, n float64) float64 {
	if n == 0 {
		return 0
	}
	return 2 * n / (rate + math.Sqrt(math.Max(0, rate*rate+2*slope*n)))
}

func (s *shaped) function() int {
	if len(s.t.To) == 1 {
		return s.t.To[0].Function
	}
	x := s.random.Float64() * s.total
	for _, share := range s.t.To {
		if x -= share.Weight; x < 0 {
			return share.Function
		}
	}
	return s.t.To[len(s.t.To)-1].Function
}

// merged gives the arrivals of several sources in order.
type merged struct {
	sources []Source
	next    []Arrival
	order   queue
}

func newMerged(sources []Source) (*merged, error) {
	m := &merged{sources: sources, next: make([]Arrival, len(sources))}
	for i, s := range sources {
		a, ok, err := s.Next()
		if err != nil {
			return nil, err
		}
		if ok {
			m.next[i] = a
			m.order.push(event{at: a.At, id: int32(i)})
		}
	}
	return m, nil
}

func (m *merged) Next() (Arrival, bool, error) {
	if len(m.order) == 0 {
		return Arrival{}, false, nil
	}
	i := m.order[0].id
	a := m.next[i]
	next, ok, err := m.sources[i].Next()
	switch {
	case err != nil:
		return Arrival{}, false, err
	case !ok:
		m.order.pop()
	case next.At < a.At:
		return Arrival{}, false, fmt.Errorf("an arrival at %v comes after one at %v: they must be in order", next.At, a.At)
	default:
		m.next[i] = next
		m.order.replace(event{at: next.At, id: i})
	}
	return a, true, nil
}
