package fleet

import (
	"math"
	"testing"
)

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

// checkInvariants counts everything anew and compares.
func checkInvariants(t failer, f *Fleet) {
	t.Helper()
	stats := map[FuncID]Stats{}
	pools := map[*pool]poolCounts{}
	total := account{requests: f.account.requests}
	for i := range f.envs {
		if f.envs[i].state != StateNone {
			total.environments++
			countEnvironment(t, f, EnvID(i), stats, pools)
		}
	}
	var waits int32
	for _, fun := range f.funcs {
		if fun == nil {
			continue
		}
		s := stats[fun.id]
		var held, target, provisionedInFlight int32
		for _, p := range fun.pools {
			if p == nil {
				continue
			}
			s.Waiting += p.waiting.n
			checkPool(t, p, pools[p])
			if pr := p.provision; pr != nil {
				held += max(pr.target, pr.inFlight)
				target += pr.target
				provisionedInFlight += pr.inFlight
			}
		}
		waits += s.Waiting
		if s != fun.stats || held != fun.held || target != fun.provisioned || provisionedInFlight != fun.provisionedInFlight {
			t.Fatalf("function %d has %+v, held %d of %d, in flight %d; counted %+v", fun.id, s, held, target, provisionedInFlight, *fun)
		}
		total.inFlight += s.InFlight
		if r := fun.limits.Reserved; r >= 0 {
			total.reserved += int64(r)
			total.committed += int64(max(r, s.InFlight-provisionedInFlight+held))
		} else {
			total.unreserved += s.InFlight - provisionedInFlight
			total.provisioned += int64(target)
			total.committed += int64(held)
		}
	}
	if total != f.account || waits != f.grace.n {
		t.Fatalf("account counts %+v and %d waiting, has %+v and %d", f.account, f.grace.n, total, waits)
	}
	checkTimes(t, f)
}

type poolCounts struct {
	responded, draining, idle                           int32
	provisionedIdle, live, ready, expired, provInFlight int32
}

func countEnvironment(t failer, f *Fleet, id EnvID, stats map[FuncID]Stats, pools map[*pool]poolCounts) {
	t.Helper()
	e := &f.envs[id]
	s, c := stats[e.pool.fn.id], pools[e.pool]
	s.Environments++
	switch e.state {
	case StateStarting, StateReset, StateInit:
		s.Starting++
	case StateIdle:
		s.Idle++
		if e.provisioned {
			c.provisionedIdle++
		} else {
			c.idle++
		}
		if e.draining || e.generation != e.pool.fn.generation || !e.pool.fn.live {
			t.Fatalf("environment %d is idle, but of an old generation: %+v", id, *e)
		}
		at := f.dueAt(id)
		if !e.expired && at < math.MaxInt64 && (!e.watched || f.reap.due[f.lives[id].heap].at > at) {
			t.Fatalf("environment %d is looked at too late", id)
		}
	case StateInvoke, StateResponded:
		s.Busy++
	}
	if e.state == StateResponded {
		c.responded++
		if e.draining {
			c.draining++
		}
	}
	if e.req != NoReq || e.state == StateResponded {
		s.InFlight++
		if e.provisioned {
			c.provInFlight++
		}
	}
	if e.req != NoReq && f.reqs[e.req].env != id {
		t.Fatalf("environment %d has request %d, which is in %d", id, e.req, f.reqs[e.req].env)
	}
	if e.provisioned && !e.draining && e.state != StateStopping {
		switch {
		case e.expired:
			c.expired++
		case e.starting():
			c.live++
		default:
			c.live++
			c.ready++
		}
	}
	stats[e.pool.fn.id], pools[e.pool] = s, c
}

func checkPool(t failer, p *pool, c poolCounts) {
	t.Helper()
	if p.waiting.n > p.responded {
		t.Fatalf("pool %d of function %d: %d requests wait for %d slots", p.id, p.fn.id, p.waiting.n, p.responded)
	}
	got := poolCounts{responded: p.responded, draining: p.respondedDraining, idle: p.idle.n}
	if pr := p.provision; pr != nil {
		got.provisionedIdle, got.live, got.ready, got.expired, got.provInFlight = pr.idle.n, pr.live, pr.ready, pr.expired, pr.inFlight
		if pr.live > pr.target || pr.available > pr.target || pr.live < pr.wanted() != pr.filling && p.fn.live {
			t.Fatalf("pool %d of function %d is provisioned wrongly: %+v", p.id, p.fn.id, *pr)
		}
	}
	if got != c {
		t.Fatalf("pool %d of function %d counts %+v, has %+v", p.id, p.fn.id, got, c)
	}
}

// checkTimes checks that the heap is one, and knows its places.
func checkTimes(t failer, f *Fleet) {
	t.Helper()
	for i, d := range f.reap.due {
		if f.lives[d.env].heap != int32(i) || !f.envs[d.env].watched || f.envs[d.env].state == StateNone {
			t.Fatalf("environment %d is not at its place %d of the heap", d.env, i)
		}
		if i > 0 && f.reap.due[(i-1)/4].at > d.at {
			t.Fatalf("place %d of the heap is earlier than the one above", i)
		}
	}
	for _, p := range f.filling {
		if f.fillsAt(p) < f.fillAt {
			t.Fatalf("pool %d of function %d is filled too late", p.id, p.fn.id)
		}
	}
}

func TestHeapKeepsTheEarliestFirst(t *testing.T) {
	var h reapHeap
	lives := make([]life, 50)
	for i := range lives {
		h.push(lives, EnvID(i), Time(i*37%50))
	}
	for i := 0; i < len(lives); i += 3 {
		h.remove(lives, lives[i].heap)
	}
	for i := 1; i < len(lives); i += 3 {
		h.set(lives, lives[i].heap, Time(i*37%50+[]int{-20, 20}[i%2]))
	}
	last, n := Time(-100), 0
	for ; len(h.due) > 0; n++ {
		if h.due[0].at < last {
			t.Fatalf("%d comes after %d", h.due[0].at, last)
		}
		last = h.due[0].at
		h.remove(lives, 0)
	}
	if want := 50 - 17; n != want {
		t.Errorf("%d left, want %d", n, want)
	}
}
