package fleet

import (
	"cmp"
	"math/big"
	"slices"
)

// modelBucket is a rate in fractions.
type modelBucket struct {
	level      *big.Rat
	size, rate int32
	at         Time
}

func newModelBucket(now Time, size, rate int32) *modelBucket {
	return &modelBucket{level: big.NewRat(int64(size), 1), size: size, rate: rate, at: now}
}

func (b *modelBucket) refill(now Time) {
	gain := big.NewRat(int64(now-b.at), 1e9)
	b.level.Add(b.level, gain.Mul(gain, big.NewRat(int64(b.rate), 1)))
	if full := big.NewRat(int64(b.size), 1); b.level.Cmp(full) > 0 {
		b.level = full
	}
	b.at = now
}

func (b *modelBucket) has(now Time) bool {
	b.refill(now)
	return b.level.Cmp(big.NewRat(1, 1)) >= 0
}

func (b *modelBucket) draw(now Time) bool {
	if !b.has(now) {
		return false
	}
	b.level.Sub(b.level, big.NewRat(1, 1))
	return true
}

func (b *modelBucket) resize(now Time, size, rate int32) {
	b.refill(now)
	b.level.Add(b.level, big.NewRat(int64(size-b.size), 1))
	if b.level.Sign() < 0 {
		b.level.SetInt64(0)
	}
	b.size, b.rate = size, rate
}

// nextAt is the first nanosecond at which there is a token.
func (b *modelBucket) nextAt(now Time) Time {
	if b.has(now) {
		return now
	}
	wait := new(big.Rat).Sub(big.NewRat(1, 1), b.level)
	wait.Mul(wait, big.NewRat(1e9, int64(b.rate)))
	ns := new(big.Int).Add(wait.Num(), new(big.Int).Sub(wait.Denom(), big.NewInt(1)))
	return now + Time(ns.Div(ns, wait.Denom()).Int64())
}

// modelProvision is the provisioned concurrency of one pool.
type modelProvision struct {
	fn                  FuncID
	pool                Pool
	target, available   int
	status              ProvisionStatus
	requests            *modelBucket
	failures, aged      int
	failedAt, retryFrom Time
}

func (pr *modelProvision) spills() bool { return pr != nil && pr.target > 0 }

func (pr *modelProvision) wanted() int {
	if pr.status == AllocationFailed {
		return pr.available
	}
	return pr.target
}

// of counts the environments of an allocation that match and serve on.
func (m *model) of(pr *modelProvision, match func(*modelEnv) bool) int {
	return m.countEnvs(func(e *modelEnv) bool {
		return e.provision == pr && !e.draining && e.state != StateStopping && match(e)
	})
}

func (m *model) live(pr *modelProvision) int {
	return m.of(pr, func(e *modelEnv) bool { return e.expired == 0 })
}

func (m *model) serving(pr *modelProvision) int {
	return m.of(pr, func(e *modelEnv) bool { return !e.inInit() })
}

func (m *model) provisionedInFlight(pr *modelProvision) int {
	return m.countEnvs(func(e *modelEnv) bool { return e.provision == pr && e.holdsSlot() })
}

// provisionedFor is the provisioned environment that may take a request of the pool, or NoEnv.
func (m *model) provisionedFor(fn FuncID, pool Pool) EnvID {
	f := m.funcs[fn]
	pr := f.pools[pool]
	if pr == nil || m.provisionedInFlight(pr) >= pr.available {
		return NoEnv
	}
	if r := int(f.limits.Reserved); r >= 0 && m.inFlight(fn) >= r || m.countEnvs((*modelEnv).holdsSlot) >= int(m.opt.AccountConcurrency) {
		return NoEnv
	}
	return m.lastUsed(fn, pool, pr)
}

func (m *model) provision(fn FuncID, pool Pool, n int) {
	f := m.funcs[fn]
	if m.closed || !f.live {
		return
	}
	pr := f.pools[pool]
	if pr == nil {
		pr = &modelProvision{fn: fn, pool: pool, requests: newModelBucket(m.now, 0, 0)}
		f.pools[pool] = pr
	}
	pr.target = n
	pr.requests.resize(m.now, int32(n)*m.opt.RequestRate, int32(n)*m.opt.RequestRate)
	m.allocate(pr, min(pr.available, n))
}

func (m *model) allocate(pr *modelProvision, available int) {
	pr.available, pr.status, pr.failures, pr.retryFrom = available, InProgress, 0, 0
	m.shrink(pr, pr.target)
	if pr.target == 0 {
		pr.status = Unallocated
	} else {
		m.allocated(pr)
	}
	m.fill(pr)
	m.settle(pr.fn, pr.pool)
}

func (m *model) allocated(pr *modelProvision) {
	for m.serving(pr) > pr.wanted() {
		oldest := NoEnv
		for id, e := range m.envs {
			if e.provision == pr && !e.draining && e.state != StateStopping && e.expired > 0 &&
				(oldest == NoEnv || e.expired < m.envs[oldest].expired) {
				oldest = id
			}
		}
		if oldest == NoEnv {
			break
		}
		m.retire(oldest, Recycled)
	}
	if pr.status == InProgress && m.serving(pr) >= pr.target {
		pr.status, pr.available = Allocated, pr.target
	}
}

// shrink retires what is above n: what starts, what is idle and old, what is idle, what is old, the rest; of equals the lowest number first.
func (m *model) shrink(pr *modelProvision, n int) {
	rank := func(e *modelEnv) int {
		switch old := e.expired > 0; {
		case e.inInit():
			return 0
		case e.state == StateIdle && old:
			return 1
		case e.state == StateIdle:
			return 2
		case old:
			return 3
		}
		return 4
	}
	var ids []EnvID
	for _, id := range m.envIDs() {
		if e := m.envs[id]; e.provision == pr && !e.draining && e.state != StateStopping {
			ids = append(ids, id)
		}
	}
	slices.SortStableFunc(ids, func(a, b EnvID) int { return cmp.Compare(rank(m.envs[a]), rank(m.envs[b])) })
	for i := range max(0, len(ids)-n) {
		m.retire(ids[i], Unprovisioned)
	}
}

// fill starts what is missing, and remembers what is missing still.
func (m *model) fill(pr *modelProvision) {
	f := m.funcs[pr.fn]
	for f.live && m.live(pr) < pr.wanted() && pr.retryFrom <= m.now && f.provisions.draw(m.now) {
		id := m.newEnv(pr.fn, pr.pool, NoReq)
		m.envs[id].provision = pr
		m.say(Decision{Kind: Start, Func: pr.fn, Pool: pr.pool, Env: id, Req: NoReq, Provisioned: true})
	}
	short, listed := f.live && m.live(pr) < pr.wanted(), slices.Contains(m.filling, pr)
	switch {
	case short && !listed:
		m.filling = append(m.filling, pr)
	case !short && listed:
		m.filling = slices.DeleteFunc(m.filling, func(other *modelProvision) bool { return other == pr })
	}
}

func (m *model) fillsAt(pr *modelProvision) Time {
	return max(pr.retryFrom, m.funcs[pr.fn].provisions.nextAt(m.now))
}

func (m *model) expire(e *modelEnv) {
	e.provision.aged++
	e.expired = e.provision.aged
	m.fill(e.provision)
}

func (m *model) provisionedFailed(id EnvID, cause Cause) {
	e := m.envs[id]
	pr, hadRequest, starting, why := e.provision, e.holdsSlot(), e.inInit(), Broken
	if e.draining && cause != StartError && cause != Lost {
		why = e.why
	}
	if e.req != NoReq {
		m.fail(e.req, cause)
	}
	m.stop(id, why)
	if !e.draining && !hadRequest && cause != Lost {
		if m.now-pr.failedAt > 120e9 {
			pr.failures = 0
		}
		pr.failedAt, pr.retryFrom = m.now, m.now+1e9<<min(pr.failures, 6)
		pr.failures++
		if starting && pr.status == InProgress {
			pr.status = AllocationFailed
			m.shrink(pr, pr.available)
		}
	}
	m.fill(pr)
	m.settle(pr.fn, pr.pool)
}

func (m *model) cold(fn FuncID, n int) {
	more := func() bool {
		n--
		return n != -1
	}
	of := func(e *modelEnv, id FuncID) bool {
		return e.fn == id && e.provision == nil && !e.draining && e.state != StateStopping
	}
	var funcs []FuncID
	for id := range FuncID(len(m.funcs)) {
		if fn == AllFuncs || fn == id {
			funcs = append(funcs, id)
		}
	}
	var order []EnvID
	for _, id := range funcs {
		for pool := range Pool(modelPools) {
			idle := slices.DeleteFunc(m.envIDs(), func(env EnvID) bool {
				e := m.envs[env]
				return !of(e, id) || e.pool != pool || e.state != StateIdle
			})
			slices.SortFunc(idle, func(a, b EnvID) int { return cmp.Compare(m.envs[a].order, m.envs[b].order) })
			order = append(order, idle...)
		}
	}
	for _, env := range m.envIDs() {
		if e := m.envs[env]; e.state != StateIdle && slices.ContainsFunc(funcs, func(id FuncID) bool { return of(e, id) }) {
			order = append(order, env)
		}
	}
	for _, env := range order {
		if !more() {
			break
		}
		m.retire(env, Forced)
	}
	for _, id := range funcs {
		for pool := range Pool(modelPools) {
			m.settle(id, pool)
		}
	}
}
