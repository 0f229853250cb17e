package simulate

import (
	"time"

	"example.com/emulate/emulator/burst"
)

// warmer sends pings, round after round, and counts the environments that served each round's: only pings that overlap keep more than one.
type warmer struct {
	Warm
	function string
	target   int32
	index    int32
	// round counts from 0; sent are this round's pings, kept its environments.
	round, sent, kept int
	next              time.Duration // when the next round begins

	rounds, least, sum, last int
	cold, throttled          int64
}

// defaultPing is how long a function takes for a ping where the warmer does not say.
const defaultPing = 100 * time.Millisecond

// startWarmers sends every warmer's first ping with the beginning of the load.
func (s *simulation) startWarmers() {
	seen := map[int]bool{}
	for t := range s.targets {
		f := s.functions[s.targets[t].function]
		if f.Warm == nil || seen[s.targets[t].function] {
			continue
		}
		seen[s.targets[t].function] = true
		w := &warmer{Warm: *f.Warm, function: f.Name, target: int32(t), index: int32(len(s.warmers)), round: -1, next: s.now}
		if w.For == 0 {
			w.For = defaultPing
		}
		s.warmers = append(s.warmers, w)
		s.queue.push(event{at: w.next, id: -1 - w.index})
	}
}

// ping begins a round: all pings at once, or the first of them. A round that is not over when the next one is due is left as it is: as with
// AWS's schedules, the next invocation does not wait.
func (s *simulation) ping(w *warmer) {
	w.finish()
	w.round++
	w.sent, w.kept = 0, 0
	w.next += w.Every
	s.queue.push(event{at: w.next, id: -1 - w.index})
	n := w.Concurrency
	if w.Sequential {
		n = 1
	}
	for range n {
		s.sendPing(w)
	}
}

func (s *simulation) sendPing(w *warmer) {
	w.sent++
	s.invoke(w.target, w.For, w.index)
}

// answered goes on with a sequential round.
func (s *simulation) answered(w *warmer, throttled bool) {
	if throttled {
		w.throttled++
	}
	if w.Sequential && w.sent < w.Concurrency {
		s.sendPing(w)
	}
}

// served notes that an environment serves a ping.
func (w *warmer) served(e *environment, cold bool) {
	if e.round != w.round {
		e.round = w.round
		w.kept++
	}
	if cold {
		w.cold++
	}
}

// finish counts the round that is over.
func (w *warmer) finish() {
	if w.sent == 0 {
		return
	}
	if w.rounds == 0 || w.kept < w.least {
		w.least = w.kept
	}
	w.rounds++
	w.sum += w.kept
	w.last = w.kept
	w.sent = 0
}

func (w *warmer) report() burst.WarmerReport {
	w.finish()
	r := burst.WarmerReport{
		Function: w.function, EverySeconds: w.Every.Seconds(), Concurrency: w.Concurrency, Overlapping: !w.Sequential, Rounds: w.rounds,
		KeptLeast: w.least, KeptLast: w.last, ColdPings: w.cold, ThrottledPings: w.throttled,
	}
	if w.rounds > 0 {
		r.KeptMean = float64(w.sum) / float64(w.rounds)
	}
	return r
}
