package fleet

import "testing"

type failer interface {
	Helper()
	Fatalf(string, ...any)
}

// checkInvariants counts everything anew and compares.
func checkInvariants(t failer, f *Fleet) {
	t.Helper()
	stats := map[FuncID]Stats{}
	responded, draining, idle := map[*pool]int32{}, map[*pool]int32{}, map[*pool]int32{}
	var total account
	for i := range f.envs {
		e := &f.envs[i]
		if e.state == StateNone {
			continue
		}
		s := stats[e.pool.fn.id]
		s.Environments++
		total.environments++
		switch e.state {
		case StateStarting, StateReset, StateInit:
			s.Starting++
		case StateIdle:
			s.Idle++
			idle[e.pool]++
			if e.draining || e.generation != e.pool.fn.generation || !e.pool.fn.live {
				t.Fatalf("environment %d is idle, but of an old generation: %+v", i, *e)
			}
		case StateInvoke, StateResponded:
			s.Busy++
		}
		if e.state == StateResponded {
			responded[e.pool]++
			if e.draining {
				draining[e.pool]++
			}
		}
		if e.req != NoReq || e.state == StateResponded {
			s.InFlight++
			total.inFlight++
			if e.pool.fn.limits.Reserved < 0 {
				total.unreserved++
			}
		}
		if e.req != NoReq && f.reqs[e.req].env != EnvID(i) {
			t.Fatalf("environment %d has request %d, which is in %d", i, e.req, f.reqs[e.req].env)
		}
		stats[e.pool.fn.id] = s
	}
	var waits int32
	for _, fun := range f.funcs {
		if fun == nil {
			continue
		}
		s := stats[fun.id]
		for _, p := range fun.pools {
			if p == nil {
				continue
			}
			s.Waiting += p.waiting.n
			if p.waiting.n > p.responded {
				t.Fatalf("pool %d of function %d: %d requests wait for %d slots", p.id, fun.id, p.waiting.n, p.responded)
			}
			if p.responded != responded[p] || p.respondedDraining != draining[p] || p.idle.n != idle[p] {
				t.Fatalf("pool %d of function %d counts wrong: %+v", p.id, fun.id, *p)
			}
			if p.idle.n > 0 && (p.heap == none || p.wakeAt > p.reapAt(f)) {
				t.Fatalf("pool %d of function %d is looked at too late", p.id, fun.id)
			}
			if p.heap != none && f.reap[p.heap] != p {
				t.Fatalf("pool %d of function %d is not in its place of the heap", p.id, fun.id)
			}
		}
		waits += s.Waiting
		if s != fun.stats {
			t.Fatalf("function %d counts %+v, has %+v", fun.id, fun.stats, s)
		}
		if r := fun.limits.Reserved; r >= 0 {
			total.reserved += int64(r)
			total.committed += int64(max(r, s.InFlight))
		}
	}
	if total != f.account || waits != f.grace.n {
		t.Fatalf("account counts %+v and %d waiting, has %+v and %d", f.account, f.grace.n, total, waits)
	}
}

func TestHeapKeepsTheEarliestFirst(t *testing.T) {
	var h reapHeap
	pools := make([]*pool, 50)
	for i := range pools {
		pools[i] = &pool{heap: none, idle: list{n: 1}}
		h.push(pools[i], Time(i*37%50))
	}
	for i := 0; i < len(pools); i += 3 {
		h.remove(pools[i])
		h.remove(pools[i])
	}
	for i := 1; i < len(pools); i += 3 {
		h.remove(pools[i])
		h.push(pools[i], pools[i].wakeAt-20)
	}
	last := Time(-100)
	for len(h) > 0 {
		p := h[0]
		if p.wakeAt < last {
			t.Fatalf("%d comes after %d", p.wakeAt, last)
		}
		last = p.wakeAt
		if p.wakeAt%5 == 0 {
			h.fix(p, p.wakeAt+7)
		} else {
			p.idle.n = 0
			h.fix(p, 0)
		}
	}
}
