//go:build linux

package emulator_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/fleet"
)

// fleetLog is what a served project's fleet was told, and what it decided.
type fleetLog struct {
	mu      sync.Mutex
	options fleet.Options
	steps   []step
}

type step struct {
	in  fleet.Input
	out []fleet.Decision
}

// record makes a project's fleet write the log.
func (l *fleetLog) record(o *emulator.Options) {
	emulator.RecordFleet(o, func(options fleet.Options) func(fleet.Input, []fleet.Decision) {
		l.options = options
		return func(in fleet.Input, out []fleet.Decision) {
			l.mu.Lock()
			l.steps = append(l.steps, step{in, slices.Clone(out)})
			l.mu.Unlock()
		}
	})
}

// all is the log so far.
func (l *fleetLog) all() []step {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.steps)
}

// replay gives the inputs to a new fleet, whose decisions have to be the same.
func (l *fleetLog) replay(t *testing.T) {
	t.Helper()
	f := fleet.New(l.options)
	for i, s := range l.all() {
		if out := f.Apply(s.in, nil); !slices.Equal(out, s.out) {
			t.Fatalf("input %d of the log, %+v:\n live   %+v\n replay %+v", i, s.in, s.out, out)
		}
	}
}

// call is one request in a log. Times are since the log's first request.
type call struct {
	at, decided, assigned, responded, freed time.Duration
	throttled, cold                         bool
	reason                                  fleet.Reason
}

// held is how long a call kept its environment from other requests: until it responded, since one that comes from then on waits for the environment to
// poll again; but no longer than the grace, so an environment that took longer was busy until that much before its poll.
func (c *call) held(grace time.Duration) time.Duration {
	return max(c.responded, c.freed-grace) - c.assigned
}

// launch is one environment's start: the decision, the process, the end of INIT.
type launch struct{ decided, exists, ready time.Duration }

// history reads a log: its requests, in the order in which they came, and its environments, in that of their starts.
func (l *fleetLog) history() (calls []*call, launches []*launch) {
	byReq, byEnv, running := map[fleet.ReqID]*call{}, map[fleet.EnvID]*launch{}, map[fleet.EnvID]*call{}
	first := fleet.Time(-1)
	for _, s := range l.all() {
		if s.in.Op == fleet.OpInvoke && first < 0 {
			first = s.in.Time
		}
		now := time.Duration(s.in.Time - first)
		switch s.in.Op {
		case fleet.OpInvoke:
			c := &call{at: now}
			byReq[s.in.Req] = c
			calls = append(calls, c)
		case fleet.OpStarted:
			byEnv[s.in.Env].exists = now
		case fleet.OpReady:
			byEnv[s.in.Env].ready = now
		case fleet.OpResponded:
			running[s.in.Env].responded = now
		case fleet.OpFreed:
			running[s.in.Env].freed = now
		}
		for _, d := range s.out {
			switch d.Kind {
			case fleet.Start:
				byEnv[d.Env] = &launch{decided: now}
				launches = append(launches, byEnv[d.Env])
			case fleet.Assign:
				c := byReq[d.Req]
				c.assigned, c.cold = now, d.Cold
				running[d.Env] = c
			case fleet.Throttle:
				c := byReq[d.Req]
				c.decided, c.throttled, c.reason = now, true, d.Reason
			}
		}
	}
	return calls, launches
}

// bySecond counts moments: how many fell in each second.
func bySecond(moments []time.Duration) []int64 {
	var out []int64
	for _, at := range moments {
		for int(at/time.Second) >= len(out) {
			out = append(out, 0)
		}
		out[at/time.Second]++
	}
	return out
}

// limitsHeld reads the log of one function without a reservation by a reckoning of its own: no start without the scaling rate's leave, no more in flight
// than the account allows, and no throttle unless the limit that it names is really reached, and no environment idle.
func (l *fleetLog) limitsHeld(t *testing.T, account int, burst, perSecond int64) {
	t.Helper()
	const token = int64(time.Second)
	level, at := burst*token, fleet.Time(0)
	idle, busy := map[fleet.EnvID]bool{}, map[fleet.EnvID]bool{}
	for i, s := range l.all() {
		level, at = min(burst*token, level+int64(s.in.Time-at)*perSecond), s.in.Time
		switch s.in.Op {
		case fleet.OpReady:
			if busy[s.in.Env] {
				break // bound to a request, which it is assigned now
			}
			idle[s.in.Env] = true
		case fleet.OpFreed:
			idle[s.in.Env] = true
			delete(busy, s.in.Env)
		case fleet.OpGone:
			delete(idle, s.in.Env)
			delete(busy, s.in.Env)
		}
		for _, d := range s.out {
			switch d.Kind {
			case fleet.Start:
				if level -= token; level < 0 {
					t.Fatalf("input %d: a start above the scaling rate", i)
				}
				busy[d.Env] = true
			case fleet.Assign:
				delete(idle, d.Env)
				busy[d.Env] = true
			case fleet.Stop:
				delete(idle, d.Env)
			case fleet.Throttle:
				switch full := len(busy) >= account; {
				case d.Reason == fleet.ConcurrentInvocationLimitExceeded && full:
				case d.Reason == fleet.FunctionInvocationRateLimitExceeded && !full && len(idle) == 0 && level < token:
				default:
					t.Fatalf("input %d: throttled for %s with %d in flight, %d idle, and %.3f starts left", i, d.Reason, len(busy), len(idle), float64(level)/float64(token))
				}
			}
		}
		if len(busy) > account {
			t.Fatalf("input %d: %d in flight", i, len(busy))
		}
	}
}
