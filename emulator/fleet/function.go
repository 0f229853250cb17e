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
	// starts is the scaling rate, requests the quota of a reservation, provisions the rate of provisioned starts.
	starts, requests, provisions bucket
	// started is how many environments the function has started; it numbers what is drawn for them.
	started uint64
	// fixedIdle: the limits set an idle timeout, so none is drawn.
	fixedIdle bool
	// provisioned is the concurrency that is provisioned in all pools. held is what it takes of the function's and the account's: for each pool
	// what is greater, the concurrency provisioned or the requests that provisioned environments have; provisionedInFlight is those.
	provisioned, held, provisionedInFlight int32
	stats                                  Stats
	pools                                  []*pool // by Pool; nil was never invoked
}

// onDemand is the number of requests in flight in environments that are not provisioned.
func (fun *function) onDemand() int32 { return fun.stats.InFlight - fun.provisionedInFlight }

// used is the concurrency that on-demand requests cannot take: what is provisioned counts whether it is used or not.
func (fun *function) used() int32 { return fun.onDemand() + fun.held }

// pool is the environments of one function that run one version of it, and the requests that wait for a slot among them.
type pool struct {
	fn *function
	id Pool
	// idle environments of the current generation, on-demand ones: the head was used last.
	idle list
	// provision is its provisioned concurrency; nil where it never had any.
	provision *provision
	// waiting is the FIFO of requests that wait with NoEnv. There are never more of them than environments in StateResponded.
	waiting list
	// responded environments, and those among them that drain.
	responded, respondedDraining int32
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
		violation("pool %d of function %d", id, fun.id)
	}
	for int(id) >= len(fun.pools) {
		fun.pools = append(fun.pools, nil)
	}
	if fun.pools[id] == nil {
		fun.pools[id] = &pool{fn: fun, id: id, idle: emptyList(), waiting: emptyList()}
	}
	return fun.pools[id]
}

// account is the concurrency of all functions together.
type account struct {
	environments, inFlight int32
	// unreserved on-demand requests in flight, of functions without a reservation; removed functions have none.
	unreserved int32
	// reserved is the sum of all reservations; provisioned that of what is provisioned for functions without one. committed counts for each reserved
	// function what is greater, its reservation or what it uses (they differ while a lowered reservation is still exceeded), and for each of the
	// others what its provisioned concurrency holds.
	reserved, provisioned, committed int64
	// requests is the quota that functions without a reservation share.
	requests bucket
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
	fun.starts.resize(f.now, int64(l.StartBurst), int64(l.StartsPerSecond))
	size, rate := f.requestBucket(max(0, l.Reserved))
	fun.requests.resize(f.now, size, rate)
	fun.limits = l
	f.share(fun, +1)
}

func (f *Fleet) share(fun *function, sign int32) {
	if fun.limits.Reserved < 0 {
		f.account.unreserved += sign * fun.onDemand()
		f.account.provisioned += int64(sign) * int64(fun.provisioned)
		f.account.committed += int64(sign) * int64(fun.held)
		return
	}
	f.account.reserved += int64(sign) * int64(fun.limits.Reserved)
	f.account.committed += int64(sign) * int64(max(fun.limits.Reserved, fun.used()))
}

// room says why fun may not have one more on-demand request in flight; 0 where it may.
//
// A reserved function needs room in its reservation, and takes nothing from the others. The account's own limit can only stop it where the
// reservations are more than the account has, or were raised a moment ago while others still used what it now may.
func (f *Fleet) room(fun *function) Reason {
	limit := f.opt.AccountConcurrency
	switch reserved := fun.limits.Reserved; {
	case reserved >= 0 && fun.used() >= reserved:
		return ReservedFunctionConcurrentInvocationLimitExceeded
	case reserved >= 0 && f.account.inFlight >= limit:
		return ConcurrentInvocationLimitExceeded
	case reserved < 0 && int64(f.account.unreserved)+f.account.committed >= int64(limit):
		return ConcurrentInvocationLimitExceeded
	}
	return 0
}

// take counts one more request in flight, in a provisioned environment or another. The caller has asked for room.
func (f *Fleet) take(p *pool, provisioned bool) {
	fun := p.fn
	f.account.inFlight++
	if fun.held > 0 {
		f.hold(p, provisioned, +1)
		return
	}
	fun.stats.InFlight++
	if fun.limits.Reserved < 0 {
		f.account.unreserved++
	}
}

// release counts one request less in flight.
func (f *Fleet) release(p *pool, provisioned bool) {
	fun := p.fn
	f.account.inFlight--
	if fun.held > 0 {
		f.hold(p, provisioned, -1)
		return
	}
	if fun.limits.Reserved < 0 {
		f.account.unreserved--
	} else if fun.stats.InFlight > fun.limits.Reserved {
		f.account.committed--
	}
	fun.stats.InFlight--
}

// drawStart takes one start from the function's scaling rate, and says whether there was one.
func (fun *function) drawStart(now Time) bool {
	if fun.credit > 0 {
		fun.credit--
		return true
	}
	return fun.starts.draw(now)
}
