package fleet

import "math"

// ProvisionStatus is how far provisioned concurrency has come.
type ProvisionStatus uint8

// The statuses, as AWS has them (spec lambda.md §6.3).
const (
	// Unallocated: there is no provisioned concurrency.
	Unallocated ProvisionStatus = iota
	InProgress
	Allocated
	AllocationFailed
)

// String is the status that AWS sends; empty where there is no provisioned concurrency.
func (s ProvisionStatus) String() string {
	return name([]string{InProgress: "IN_PROGRESS", Allocated: "READY", AllocationFailed: "FAILED", Unallocated: ""}, uint8(s))
}

// ProvisionState is what GetProvisionedConcurrencyConfig asks for.
type ProvisionState struct {
	// Requested is the concurrency asked for; Allocated environments are initialised; Available ones take requests.
	Requested, Allocated, Available int32
	// InFlight requests run in provisioned environments.
	InFlight int32
	Status   ProvisionStatus
	// Cause of AllocationFailed: InitError, InitTimeout, Crash, Timeout, StartError. AWS's StatusReason for those of INIT is
	// FUNCTION_ERROR_INIT_FAILURE (spec lambda.md §6.3).
	Cause Cause
}

// provision is the provisioned concurrency of one pool.
type provision struct {
	status ProvisionStatus
	cause  Cause
	// target is the concurrency asked for. available is how much of it takes requests: nothing until the whole allocation is ready, and the old
	// part while a raised one is on its way.
	target, available int32
	// live environments count towards the target: all that neither drain nor stop, save expired ones. ready are those that have done INIT. expired
	// ones serve on until their replacements are ready.
	live, ready, expired int32
	inFlight             int32
	idle                 list
	// old are the expired environments, the first one to be retired first; some may be gone, and their EnvIDs be used again.
	old []agedEnv
	// requests is the quota of requests per second that provisioned environments may take; beyond it they spill over.
	requests bucket
	// failures in a row of environments that had no request; no environment starts before retryAt.
	failures          int32
	failedAt, retryAt Time
	filling           bool // in Fleet.filling
}

// agedEnv is an environment and the end of its life, which tells it from later ones of the same EnvID.
type agedEnv struct {
	env     EnvID
	expires Time
}

// count follows one environment through its states.
func (pr *provision) count(e *environment, by int32) {
	switch {
	case e.draining || e.state == StateNone || e.state == StateStopping:
	case e.expired:
		pr.expired += by
	default:
		pr.live += by
		if !e.starting() {
			pr.ready += by
		}
	}
}

// serving environments can take requests, now or when theirs have ended.
func (pr *provision) serving() int32 { return pr.ready + pr.expired }

// wanted is how many environments are to be kept: after a failed allocation what was there before.
func (pr *provision) wanted() int32 {
	if pr.status == AllocationFailed {
		return pr.available
	}
	return pr.target
}

// spills says whether requests of the pool that run elsewhere than in provisioned environments are spill-over.
func (p *pool) spills() bool { return p.provision != nil && p.provision.target > 0 }

// hold counts one request more or less of a function that has something provisioned.
func (f *Fleet) hold(p *pool, provisioned bool, by int32) {
	fun, pr := p.fn, p.provision
	f.share(fun, -1)
	fun.stats.InFlight += by
	if provisioned {
		fun.held -= max(pr.target, pr.inFlight)
		pr.inFlight += by
		fun.provisionedInFlight += by
		fun.held += max(pr.target, pr.inFlight)
	}
	f.share(fun, +1)
}

// setProvisioned gives the pool another target, and counts what it takes of the account.
func (f *Fleet) setProvisioned(p *pool, n int32) {
	pr := p.provision
	f.share(p.fn, -1)
	p.fn.held += max(n, pr.inFlight) - max(pr.target, pr.inFlight)
	p.fn.provisioned += n - pr.target
	pr.target = n
	f.share(p.fn, +1)
	size, rate := f.requestBucket(n)
	pr.requests.resize(f.now, size, rate)
}

// provisionedRoom says whether a provisioned environment of a pool that has some may take one more request. A function's reservation and the account's limit hold here too,
// for the case that they are lower than what is provisioned.
func (f *Fleet) provisionedRoom(p *pool) bool {
	pr := p.provision
	if pr.idle.n == 0 || pr.inFlight >= pr.available {
		return false
	}
	r := p.fn.limits.Reserved
	return (r < 0 || p.fn.stats.InFlight < r) && f.account.inFlight < f.opt.AccountConcurrency
}

// Provision asks for n provisioned environments of a pool, and takes the place of what was asked before; 0 takes it all away. What is missing starts
// at Options.ProvisionsPerSecond, outside any request, and is used only when all of it is ready (spec lambda.md §6.1). What is too much is stopped
// (Why Unprovisioned) when it has no request. The same n again changes nothing, but starts a failed allocation anew.
//
// The caller has refused $LATEST, and what Provisionable does not allow; pool 0 and a negative n are protocol violations. A removed function has
// none.
func (f *Fleet) Provision(now Time, fn FuncID, pool Pool, n int32, out []Decision) []Decision {
	f.tick(now)
	fun := f.function("Provision", fn)
	if pool <= 0 || n < 0 {
		violation("Provision: %d for pool %d of function %d", n, pool, fn)
	}
	if f.closed || !fun.live {
		return out
	}
	p := fun.pool(pool)
	if p.provision == nil {
		p.provision = &provision{idle: emptyList()}
	}
	f.setProvisioned(p, n)
	return f.allocate(p, min(p.provision.available, n), out)
}

// allocate brings the pool from what it has to its target; available of it takes requests meanwhile.
func (f *Fleet) allocate(p *pool, available int32, out []Decision) []Decision {
	pr := p.provision
	pr.available, pr.status, pr.cause = available, InProgress, 0
	pr.failures, pr.retryAt = 0, 0
	out = f.shrink(p, pr.target, out)
	if pr.target == 0 {
		pr.status = Unallocated
		f.stopFilling(p)
	} else {
		out = f.allocated(p, out)
	}
	return f.settle(p, f.fill(p, out))
}

// allocated looks whether the allocation is complete, after one more environment has become ready. Environments that are too old go now, one for
// each that replaces them.
func (f *Fleet) allocated(p *pool, out []Decision) []Decision {
	pr := p.provision
	for pr.expired > 0 && pr.serving() > pr.wanted() {
		old := pr.old[0]
		pr.old = pr.old[1:]
		e := &f.envs[old.env]
		if e.pool == p && e.expired && f.lives[old.env].expires == old.expires && !e.draining && e.state != StateStopping {
			out = f.retire(old.env, Recycled, out)
		}
	}
	if pr.status == InProgress && pr.serving() >= pr.target {
		pr.status, pr.available = Allocated, pr.target
	}
	return out
}

// shrink retires what is above n: old environments and those that start first, idle ones next, then those with a request.
func (f *Fleet) shrink(p *pool, n int32, out []Decision) []Decision {
	pr := p.provision
	expendable := []func(*environment) bool{
		func(e *environment) bool { return e.starting() },
		func(e *environment) bool { return e.expired && e.state == StateIdle },
		func(e *environment) bool { return e.state == StateIdle },
		func(e *environment) bool { return e.expired },
		func(*environment) bool { return true },
	}
	for _, is := range expendable {
		for i := 0; i < len(f.envs) && pr.live+pr.expired > n; i++ {
			e := &f.envs[i]
			if e.pool == p && e.provisioned && !e.draining && e.state != StateStopping && is(e) {
				out = f.retire(EnvID(i), Unprovisioned, out)
			}
		}
	}
	return out
}

// fill starts what the pool lacks, as far as the rate allows, and has Wake do the rest.
func (f *Fleet) fill(p *pool, out []Decision) []Decision {
	pr := p.provision
	for p.fn.live && pr.live < pr.wanted() && pr.retryAt <= f.now && p.fn.provisions.draw(f.now) {
		id := f.newEnvironment(p, true)
		d := p.decision(Start, id, NoReq)
		d.Provisioned = true
		out = append(out, d)
	}
	if !p.fn.live || pr.live >= pr.wanted() {
		f.stopFilling(p)
		return out
	}
	if !pr.filling {
		pr.filling = true
		f.filling = append(f.filling, p)
	}
	f.fillAt = min(f.fillAt, f.fillsAt(p))
	return out
}

// fillsAt is when the pool may start its next environment.
func (f *Fleet) fillsAt(p *pool) Time { return max(p.provision.retryAt, p.fn.provisions.nextAt(f.now)) }

func (f *Fleet) stopFilling(p *pool) {
	if !p.provision.filling {
		return
	}
	p.provision.filling = false
	kept := f.filling[:0]
	for _, q := range f.filling {
		if q != p {
			kept = append(kept, q)
		}
	}
	f.filling = kept
	f.setFillAt()
}

func (f *Fleet) setFillAt() {
	f.fillAt = math.MaxInt64
	for _, p := range f.filling {
		f.fillAt = min(f.fillAt, f.fillsAt(p))
	}
}

// fillAll goes on with every pool that lacks environments.
func (f *Fleet) fillAll(out []Decision) []Decision {
	for i := 0; i < len(f.filling); {
		p := f.filling[i]
		out = f.fill(p, out)
		if i < len(f.filling) && f.filling[i] == p {
			i++
		}
	}
	f.setFillAt()
	return out
}

// expire marks a provisioned environment that is too old: it serves on until the one that now starts in its place is ready, so that nobody meets a
// cold start.
func (f *Fleet) expire(env EnvID, out []Decision) []Decision {
	e := &f.envs[env]
	e.change(func() { e.expired = true })
	e.pool.provision.old = append(e.pool.provision.old, agedEnv{env, f.lives[env].expires})
	return f.fill(e.pool, out)
}

// provisionedFailed ends a provisioned environment in which something has failed, with its request, and has it replaced. Where it had no request,
// its INIT failed or it died by itself: then a first allocation, or a raised one, has failed as a whole. Later ones are tried again, after a second,
// then two, up to a minute.
func (f *Fleet) provisionedFailed(env EnvID, cause Cause, out []Decision) []Decision {
	e := &f.envs[env]
	p, pr := e.pool, e.pool.provision
	hadRequest := e.req != NoReq || e.state == StateResponded
	starting, ofUse := e.starting(), !e.draining
	if e.state == StateIdle {
		f.leaveIdle(env)
	}
	why := Broken
	if e.draining && cause != StartError && cause != Lost {
		why = e.why
	}
	out = f.stop(env, why, f.giveUp(env, cause, out))
	if ofUse && !hadRequest && cause != Lost {
		f.backOff(pr)
		if starting && pr.status == InProgress {
			pr.status, pr.cause = AllocationFailed, cause
			out = f.shrink(p, pr.available, out)
		}
	}
	return f.settle(p, f.fill(p, out))
}

// backOff delays the next start. A failure that is the first for a while counts as the first.
func (f *Fleet) backOff(pr *provision) {
	const second, longest = Time(1e9), 6 // doublings: 64 s
	if f.now-pr.failedAt > 120*second {
		pr.failures = 0
	}
	pr.failedAt = f.now
	pr.retryAt = after(f.now, second<<min(pr.failures, longest))
	pr.failures++
}

// Provisioned returns the state of a pool's provisioned concurrency; the zero value where it has none.
func (f *Fleet) Provisioned(fn FuncID, pool Pool) ProvisionState {
	if fn < 0 || int(fn) >= len(f.funcs) || f.funcs[fn] == nil || pool < 0 || int(pool) >= len(f.funcs[fn].pools) {
		return ProvisionState{}
	}
	p := f.funcs[fn].pools[pool]
	if p == nil || p.provision == nil {
		return ProvisionState{}
	}
	pr := p.provision
	return ProvisionState{
		Requested: pr.target, Allocated: min(pr.serving(), pr.target), Available: min(pr.serving(), pr.available),
		InFlight: pr.inFlight, Status: pr.status, Cause: pr.cause,
	}
}

// ProvisionedTotal is the concurrency that is provisioned for all pools of a function; a reservation may not be lower (spec lambda.md §6.3).
func (f *Fleet) ProvisionedTotal(fn FuncID) int32 {
	if fn < 0 || int(fn) >= len(f.funcs) || f.funcs[fn] == nil {
		return 0
	}
	return f.funcs[fn].provisioned
}
