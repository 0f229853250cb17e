package fleet

// Stats are the counts of one function, over all its pools and generations.
type Stats struct {
	// Environments exist from their Start until their Gone. Those that are neither Starting nor Idle nor Busy are being stopped.
	Environments int32
	// Starting environments run INIT, or are about to, for the first time or again. Idle ones wait for a request, those that need a reset too.
	// Busy ones have a request, or have answered one and not polled yet.
	Starting, Idle, Busy int32
	// InFlight is the concurrency that limits are held against: requests bound to an environment, running, or answered with their slot not freed.
	InFlight int32
	// Waiting requests wait with NoEnv for a slot that is about to be freed. They are not in InFlight, since that slot is.
	Waiting int32
}

// Stats of function fn; zero where it was never configured.
func (f *Fleet) Stats(fn FuncID) Stats {
	if fn < 0 || int(fn) >= len(f.funcs) || f.funcs[fn] == nil {
		return Stats{}
	}
	return f.funcs[fn].stats
}

// AccountStats are the account's limits and the counts over all functions.
type AccountStats struct {
	// Concurrency is the account's limit; Unreserved is what reservations, and provisioned concurrency of functions without one, leave of it to all
	// other requests. It is negative where more is reserved than there is.
	Concurrency, Unreserved int32
	// Environments as in Stats.
	Environments int32
	// InFlight is the concurrency of all functions; UnreservedInFlight that of on-demand requests of the functions without a reservation.
	InFlight, UnreservedInFlight int32
	// Waiting as in Stats.
	Waiting int32
}

// Account returns the account's limits and counts.
func (f *Fleet) Account() AccountStats {
	return AccountStats{
		Concurrency:        f.opt.AccountConcurrency,
		Unreserved:         int32(max(int64(f.opt.AccountConcurrency)-f.account.reserved-f.account.provisioned, -1<<31)),
		Environments:       f.account.environments,
		InFlight:           f.account.inFlight,
		UnreservedInFlight: f.account.unreserved,
		Waiting:            f.grace.n,
	}
}

// Reservable is the most that function fn may reserve, so that AWS's minimum stays unreserved (spec lambda.md §6.1): 100, or the whole account where it
// has less. It is negative where that is not even so now.
func (f *Fleet) Reservable(fn FuncID) int32 {
	left := f.unreservedWithout(fn)
	return int32(left - int64(min(MinimumUnreserved, f.opt.AccountConcurrency)))
}

// Provisionable is the most that may be provisioned for a pool: what the function's reservation leaves beside its other pools, or where it has none,
// what the account can give and keep its minimum unreserved (spec lambda.md §6.3).
func (f *Fleet) Provisionable(fn FuncID, pool Pool) int32 {
	fun := f.function("Provisionable", fn)
	others := fun.provisioned - f.Provisioned(fn, pool).Requested
	if r := fun.limits.Reserved; r >= 0 {
		return r - others
	}
	return f.Reservable(fn) - others
}

// unreservedWithout is what would be unreserved if fn had nothing reserved or provisioned.
func (f *Fleet) unreservedWithout(fn FuncID) int64 {
	left := int64(f.opt.AccountConcurrency) - f.account.reserved - f.account.provisioned
	if fn >= 0 && int(fn) < len(f.funcs) && f.funcs[fn] != nil {
		if r := f.funcs[fn].limits.Reserved; r >= 0 {
			left += int64(r)
		} else {
			left += int64(f.funcs[fn].provisioned)
		}
	}
	return max(left, -1<<30)
}

// EnvState is what the fleet knows of one environment.
type EnvState struct {
	State      State
	Func       FuncID
	Pool       Pool
	Generation int32
	// Req is bound to the environment or runs in it; NoReq where none does.
	Req ReqID
	// NeedsReset: INIT has to run again before the next request.
	NeedsReset bool
	// Suppressed: the INIT that runs is one that runs again; AWS reports it with phase "invoke".
	Suppressed bool
	// Draining: it is stopped when its request has ended.
	Draining bool
	// Provisioned: it belongs to its pool's provisioned concurrency.
	Provisioned bool
}

// EnvState of env; its State is StateNone, and nothing else set, where there is no such environment.
func (f *Fleet) EnvState(env EnvID) EnvState {
	if env < 0 || int(env) >= len(f.envs) || f.envs[env].state == StateNone {
		return EnvState{}
	}
	e := &f.envs[env]
	return EnvState{
		State: e.state, Func: e.pool.fn.id, Pool: e.pool.id, Generation: e.generation, Req: e.req,
		NeedsReset: e.needsReset, Suppressed: e.suppressed, Draining: e.draining, Provisioned: e.provisioned,
	}
}
