package fleet

import (
	"fmt"
	"math"
)

// AWS's numbers, used where Options and Limits are zero (spec lambda.md §6.1; the idle timeout is a choice within what §4.5 reports).
const (
	DefaultAccountConcurrency int32 = 1000
	DefaultStartBurst         int32 = 1000
	DefaultStartsPerSecond    int32 = 100
	DefaultIdleTimeout        Time  = 10 * 60 * 1e9
	// DefaultRequestRate is AWS's Options.RequestRate: 10 requests per second for each unit of concurrency.
	DefaultRequestRate int32 = 10
	// DefaultProvisionsPerSecond is 6,000 provisioned environments per minute.
	DefaultProvisionsPerSecond int32 = 100
	// MinimumUnreserved is the concurrency that AWS keeps for functions without a reservation.
	MinimumUnreserved int32 = 100
)

// Fleet decides which execution environments exist and which request runs where, for one account. See the package comment for the rules.
// It is not safe for concurrent use: its owner calls it under one lock, and takes the time of an input under that lock too.
type Fleet struct {
	opt    Options
	now    Time
	closed bool

	funcs []*function // by FuncID; nil was never configured

	envs     []environment // by EnvID
	envLinks []link        // places in a pool's list of idle ones
	lives    []life        // how long they live
	spare    []EnvID       // EnvIDs to use again, the last one first

	reqs       []request // by ReqID
	waitLinks  []link    // places in a pool's FIFO of waiting requests
	graceLinks []link    // places in grace
	grace      list      // every request that waits with NoEnv, by deadline; one grace for all keeps that the order of arrival

	reap reapHeap
	ages bool // environments become too old

	// filling are the pools whose provisioned concurrency lacks environments that time will bring; fillAt is when the first of them may go on.
	filling []*pool
	fillAt  Time

	account account
}

// New makes a Fleet without functions. It panics where an option is negative.
func New(o Options) *Fleet {
	l := o.Lifetimes
	if o.AccountConcurrency < 0 || o.IdleTimeout < 0 || o.Grace < 0 || o.RequestRate < 0 || o.ProvisionsPerSecond < 0 || !l.Idle.ok() || !l.Age.ok() {
		violation("New: negative option in %+v", o)
	}
	if o.AccountConcurrency == 0 {
		o.AccountConcurrency = DefaultAccountConcurrency
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = DefaultIdleTimeout
	}
	if o.ProvisionsPerSecond == 0 {
		o.ProvisionsPerSecond = DefaultProvisionsPerSecond
	}
	f := &Fleet{opt: o, grace: emptyList(), ages: l.Age != Span{}, fillAt: math.MaxInt64}
	size, rate := f.requestBucket(o.AccountConcurrency)
	f.account.requests = newBucket(0, size, rate)
	return f
}

// Configure adds function fn, or gives it new limits and perhaps a new generation of its code. New limits alone change no environment; requests in
// flight above a lowered limit finish. With a higher generation the function's environments of older ones, of all pools, are stopped (Why Replaced)
// where they are idle or start for nobody, and drain otherwise: a request that is bound to one or runs in one is served by it first. A lower
// generation and limits out of range are a protocol violation. After Close it does nothing.
func (f *Fleet) Configure(now Time, fn FuncID, l Limits, generation int32, out []Decision) []Decision {
	f.tick(now)
	fixedIdle := l.IdleTimeout > 0
	l = f.normalize(fn, l)
	if f.closed {
		return out
	}
	for int(fn) >= len(f.funcs) {
		f.funcs = append(f.funcs, nil)
	}
	fun := f.funcs[fn]
	if fun == nil {
		fun = &function{id: fn, limits: Limits{Reserved: -1}}
		f.funcs[fn] = fun
	}
	if !fun.live {
		fun.live, fun.generation, fun.credit = true, generation, 0
		fun.starts = newBucket(now, int64(l.StartBurst), int64(l.StartsPerSecond))
		size, rate := f.requestBucket(max(0, l.Reserved))
		fun.requests = newBucket(now, size, rate)
		perSecond := int64(f.opt.ProvisionsPerSecond)
		fun.provisions = newBucket(now, perSecond, perSecond)
	}
	if generation < fun.generation {
		violation("Configure: generation %d of function %d after generation %d", generation, fn, fun.generation)
	}
	retimed := l.IdleTimeout != fun.limits.IdleTimeout || fixedIdle != fun.fixedIdle
	f.setLimits(fun, l)
	fun.fixedIdle = fixedIdle
	if generation > fun.generation {
		fun.generation = generation
		out = f.replace(fun, nil, out)
	}
	if retimed {
		f.rewatch(fun)
	}
	for _, p := range fun.pools {
		if p != nil {
			out = f.settle(p, out)
		}
	}
	return out
}

// Renew retires the environments of one pool as Configure with a new generation does those of all: the code of that version alone has changed, as on
// AWS the code of $LATEST does while published versions run on. A function that was never configured is a protocol violation; for one that was removed
// it does nothing.
func (f *Fleet) Renew(now Time, fn FuncID, pool Pool, out []Decision) []Decision {
	f.tick(now)
	fun := f.function("Renew", fn)
	if f.closed || !fun.live {
		return out
	}
	p := fun.pool(pool)
	return f.settle(p, f.replace(fun, p, out))
}

// replace retires all environments of fun, or those of its pool only, that do not drain already. Their number is what the function may start again
// without drawing on its scaling rate: a reload is no growth.
func (f *Fleet) replace(fun *function, only *pool, out []Decision) []Decision {
	for i := range f.envs {
		e := &f.envs[i]
		if e.pool == nil || e.pool.fn != fun || only != nil && e.pool != only || e.draining || e.state == StateStopping {
			continue
		}
		if !e.provisioned {
			fun.credit++
		}
		out = f.retire(EnvID(i), Replaced, out)
	}
	for _, p := range fun.pools {
		if p != nil && p.spills() && (only == nil || p == only) {
			out = f.allocate(p, 0, out)
		}
	}
	return out
}

// Remove takes function fn away: its waiting requests, bound ones too, Fail with Removed; environments without a request that runs are stopped
// (Why Closing), the others drain. Until they have, they count against the account. Invoke of a removed function fails; Configure adds it anew.
func (f *Fleet) Remove(now Time, fn FuncID, out []Decision) []Decision {
	f.tick(now)
	return f.remove(f.function("Remove", fn), out)
}

// Close removes every function, for good.
func (f *Fleet) Close(now Time, out []Decision) []Decision {
	f.tick(now)
	f.closed = true
	for _, fun := range f.funcs {
		if fun != nil {
			out = f.remove(fun, out)
		}
	}
	return out
}

func (f *Fleet) remove(fun *function, out []Decision) []Decision {
	if !fun.live {
		return out
	}
	fun.live = false
	for _, p := range fun.pools {
		for p != nil && p.waiting.n > 0 {
			req := ReqID(p.waiting.head)
			f.dequeue(req)
			out = append(out, p.failed(NoEnv, req, Removed))
		}
	}
	for i := range f.envs {
		e := &f.envs[i]
		if e.pool == nil || e.pool.fn != fun || e.state == StateStopping {
			continue
		}
		if e.req != NoReq && e.starting() {
			out = f.failRequest(EnvID(i), Removed, out)
		}
		out = f.retire(EnvID(i), Closing, out)
	}
	for _, p := range fun.pools {
		if p != nil && p.provision != nil {
			f.setProvisioned(p, 0)
			p.provision.status, p.provision.available = Unallocated, 0
			f.stopFilling(p)
		}
	}
	l := fun.limits
	l.Reserved = -1
	f.setLimits(fun, l)
	return out
}

// Wake does what time alone brings: requests whose grace has passed go on without it, provisioned environments start as their rate allows, and those
// that were idle for their timeout (Why Idle) or are too old (Recycled) are stopped. It may be called at any time.
func (f *Fleet) Wake(now Time, out []Decision) []Decision {
	f.tick(now)
	for f.grace.n > 0 && f.reqs[f.grace.head].deadline <= now {
		req := ReqID(f.grace.head)
		p := f.reqs[req].pool
		f.dequeue(req)
		out = f.place(p, req, false, out)
	}
	if f.fillAt <= now {
		out = f.fillAll(out)
	}
	return f.reapIdle(out)
}

// Next says when to call Wake; false where nothing waits for time to pass. The time is never later than the first thing to do. It may be earlier,
// as the moment at which an environment would have been idle for too long is not moved on each time it is used; a Wake then finds little to do. After
// a Wake it is later than that Wake.
func (f *Fleet) Next() (Time, bool) {
	next, ok := Time(math.MaxInt64), false
	if f.grace.n > 0 {
		next, ok = f.reqs[f.grace.head].deadline, true
	}
	if len(f.reap.due) > 0 && f.reap.due[0].at < next {
		next, ok = f.reap.due[0].at, true
	}
	if f.fillAt < next {
		next, ok = f.fillAt, true
	}
	return next, ok
}

func (f *Fleet) tick(now Time) {
	if now < f.now {
		violation("time runs backwards from %d to %d", f.now, now)
	}
	f.now = now
}

func (f *Fleet) function(op string, fn FuncID) *function {
	if fn < 0 || int(fn) >= len(f.funcs) || f.funcs[fn] == nil {
		violation("%s: function %d was never configured", op, fn)
	}
	return f.funcs[fn]
}

// after is t + d, but never beyond the end of time.
func after(t, d Time) Time {
	if t > math.MaxInt64-d {
		return math.MaxInt64
	}
	return t + d
}

// violation reports a mistake of the caller, which has lost track of its environments or requests. Going on would answer requests twice or never.
func violation(format string, args ...any) {
	panic("fleet: " + fmt.Sprintf(format, args...))
}
