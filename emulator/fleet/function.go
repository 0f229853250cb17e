package fleet

// function is one function of the account. It stays when it is removed, since environments of it may still drain.
type function struct {
	id     FuncID
	live   bool // configured and not removed
	limits Limits
	// generation of the code that new environments run.
	generation int32
	// credit is the number of starts that only replace environments of older generations.
	credit int32
	bucket bucket
	stats  Stats
	pools  []*pool // by Pool; nil was never invoked
}

// pool is the environments of one function that run one version of it, and the requests that wait for a slot among them.
type pool struct {
	fn *function
	id Pool
	// idle environments of the current generation: the head was used last, the tail is the first to be reaped.
	idle list
	// waiting is the FIFO of requests that wait with NoEnv. There are never more of them than environments in StateResponded.
	waiting list
	// responded environments, and those among them that drain.
	responded, respondedDraining int32
	// wakeAt is when the tail of idle may be due; reapAt is when it is.
	wakeAt Time
	// heap is the place in Fleet.reap, or none.
	heap int32
}

// decision is the part that all decisions on this pool have in common.
func (p *pool) decision(k Kind, env EnvID, req ReqID) Decision {
	return Decision{Kind: k, Func: p.fn.id, Pool: p.id, Env: env, Req: req}
}

func (p *pool) failed(env EnvID, req ReqID, cause Cause) Decision {
	d := p.decision(Fail, env, req)
	d.Cause = cause
	return d
}

// pool finds or makes the pool. AWS numbers the versions of a function from 1 without gaps, so a slice serves.
func (fun *function) pool(id Pool) *pool {
	if id < 0 {
		violation("Invoke: pool %d of function %d", id, fun.id)
	}
	for int(id) >= len(fun.pools) {
		fun.pools = append(fun.pools, nil)
	}
	if fun.pools[id] == nil {
		fun.pools[id] = &pool{fn: fun, id: id, idle: emptyList(), waiting: emptyList(), heap: none}
	}
	return fun.pools[id]
}

// account is the concurrency of all functions together.
type account struct {
	environments, inFlight int32
	// unreserved requests in flight, of functions without a reservation; removed functions have none.
	unreserved int32
	// reserved is the sum of all reservations. committed counts for each reserved function what is greater, its reservation or its requests in
	// flight: they differ while a lowered reservation is still exceeded.
	reserved, committed int64
}

// normalize fills in the defaults of l.
func (f *Fleet) normalize(fn FuncID, l Limits) Limits {
	if fn < 0 || l.Reserved < -1 || l.StartBurst < 0 || l.StartsPerSecond < 0 || l.IdleTimeout < 0 {
		violation("Configure: function %d with limits %+v", fn, l)
	}
	if l.StartBurst == 0 {
		l.StartBurst = DefaultStartBurst
	}
	if l.StartsPerSecond == 0 {
		l.StartsPerSecond = DefaultStartsPerSecond
	}
	if l.IdleTimeout == 0 {
		l.IdleTimeout = f.opt.IdleTimeout
	}
	return l
}

// setLimits moves what fun holds of the account to where the new limits count it.
func (f *Fleet) setLimits(fun *function, l Limits) {
	f.share(fun, -1)
	fun.bucket.resize(f.now, l)
	fun.limits = l
	f.share(fun, +1)
}

func (f *Fleet) share(fun *function, sign int32) {
	if fun.limits.Reserved < 0 {
		f.account.unreserved += sign * fun.stats.InFlight
		return
	}
	f.account.reserved += int64(sign) * int64(fun.limits.Reserved)
	f.account.committed += int64(sign) * int64(max(fun.limits.Reserved, fun.stats.InFlight))
}

// room says why fun may not have one more request in flight; 0 where it may.
//
// A reserved function needs room in its reservation, and takes nothing from the others. The account's own limit can only stop it where the
// reservations are more than the account has, or were raised a moment ago while others still used what it now may.
func (f *Fleet) room(fun *function) Reason {
	limit := f.opt.AccountConcurrency
	switch reserved := fun.limits.Reserved; {
	case reserved >= 0 && fun.stats.InFlight >= reserved:
		return ReservedFunctionConcurrentInvocationLimitExceeded
	case reserved >= 0 && f.account.inFlight >= limit:
		return ConcurrentInvocationLimitExceeded
	case reserved < 0 && int64(f.account.unreserved)+f.account.committed >= int64(limit):
		return ConcurrentInvocationLimitExceeded
	}
	return 0
}

// take counts one more request in flight. The caller has asked room.
func (f *Fleet) take(fun *function) {
	fun.stats.InFlight++
	f.account.inFlight++
	if fun.limits.Reserved < 0 {
		f.account.unreserved++
	}
}

// release counts one request less in flight.
func (f *Fleet) release(fun *function) {
	if fun.limits.Reserved < 0 {
		f.account.unreserved--
	} else if fun.stats.InFlight > fun.limits.Reserved {
		f.account.committed--
	}
	fun.stats.InFlight--
	f.account.inFlight--
}

// drawStart takes one start from the function's scaling rate, and says whether there was one.
func (fun *function) drawStart(now Time) bool {
	if fun.credit > 0 {
		fun.credit--
		return true
	}
	return fun.bucket.draw(now)
}

// oneStart is the size of one start in a bucket: a rate of r starts per second fills r units in each nanosecond, so the bucket is exact at every
// nanosecond and never drifts.
const oneStart int64 = 1e9

// bucket holds the starts that the scaling rate allows right now.
type bucket struct {
	level, size int64 // in units of 1/oneStart
	rate        int64 // starts per second
	at          Time  // when level was right
}

func newBucket(now Time, l Limits) bucket {
	size := int64(l.StartBurst) * oneStart
	return bucket{level: size, size: size, rate: int64(l.StartsPerSecond), at: now}
}

func (b *bucket) refill(now Time) {
	missing := b.size - b.level
	if elapsed := int64(now - b.at); elapsed > missing/b.rate {
		b.level = b.size
	} else {
		b.level += elapsed * b.rate
	}
	b.at = now
}

func (b *bucket) draw(now Time) bool {
	b.refill(now)
	if b.level < oneStart {
		return false
	}
	b.level -= oneStart
	return true
}

// resize gives the bucket another size and rate; what has been drawn from it stays drawn.
func (b *bucket) resize(now Time, l Limits) {
	b.refill(now)
	size := int64(l.StartBurst) * oneStart
	b.level = max(0, size-(b.size-b.level))
	b.size, b.rate = size, int64(l.StartsPerSecond)
}
