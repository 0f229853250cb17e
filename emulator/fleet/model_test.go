package fleet

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// model is the fleet said as plainly as possible: maps, and every count taken by looking at everything. It decides the same, slowly.
type model struct {
	opt     Options
	now     Time
	closed  bool
	funcs   map[FuncID]*modelFunc
	envs    map[EnvID]*modelEnv
	reqs    map[ReqID]*modelReq
	waiters []ReqID // with NoEnv, in the order of arrival
	unused  []EnvID // a stack
	idled   int     // numbers the moments at which environments became idle
	started map[FuncID]uint64
	quota   *modelBucket // the account's requests
	filling []*modelProvision
	out     []Decision
}

type modelFunc struct {
	live       bool
	limits     Limits
	generation int32
	fixedIdle  bool
	credit     int
	starts     *modelBucket
	requests   *modelBucket
	provisions *modelBucket
	pools      map[Pool]*modelProvision
}

type modelEnv struct {
	fn         FuncID
	pool       Pool
	generation int32
	state      State
	req        ReqID
	since      Time
	order      int
	broken     bool // needs a reset
	suppressed bool
	draining   bool
	why        Why
	// provision it belongs to, or nil.
	provision *modelProvision
	expired   int // the order in which it became too old; 0 where it has not
	life      life
}

type modelReq struct {
	fn       FuncID
	pool     Pool
	env      EnvID
	running  bool
	deadline Time
}

func newModel(o Options) *model {
	return &model{
		opt: o, funcs: map[FuncID]*modelFunc{}, envs: map[EnvID]*modelEnv{}, reqs: map[ReqID]*modelReq{}, started: map[FuncID]uint64{},
		quota: newModelBucket(0, o.AccountConcurrency*o.RequestRate, o.AccountConcurrency*o.RequestRate),
	}
}

// modelPools is the number of pools that the machine uses.
const modelPools = 3

func (m *model) say(d Decision) { m.out = append(m.out, d) }

func (m *model) envIDs() []EnvID { return slices.Sorted(maps.Keys(m.envs)) }

// countEnvs counts the environments that match.
func (m *model) countEnvs(match func(*modelEnv) bool) int {
	n := 0
	for _, e := range m.envs {
		if match(e) {
			n++
		}
	}
	return n
}

func (e *modelEnv) holdsSlot() bool { return e.req != NoReq || e.state == StateResponded }
func (e *modelEnv) inInit() bool {
	return e.state == StateStarting || e.state == StateReset || e.state == StateInit
}

func (m *model) inFlight(fn FuncID) int {
	return m.countEnvs(func(e *modelEnv) bool { return e.fn == fn && e.holdsSlot() })
}

// used is what a function takes of its reservation, or of the account: requests, and what is provisioned and idle.
func (m *model) used(fn FuncID) int {
	return m.inFlight(fn) + m.unusedProvisioned(fn)
}

func (m *model) unusedProvisioned(fn FuncID) int {
	n := 0
	for _, pr := range m.funcs[fn].pools {
		n += max(0, pr.target-m.provisionedInFlight(pr))
	}
	return n
}

// limit says which limit keeps fn from one more on-demand request in flight.
func (m *model) limit(fn FuncID) Reason {
	reserved := m.funcs[fn].limits.Reserved
	if reserved >= 0 {
		switch total := m.countEnvs((*modelEnv).holdsSlot); {
		case m.used(fn) >= int(reserved):
			return ReservedFunctionConcurrentInvocationLimitExceeded
		case total >= int(m.opt.AccountConcurrency):
			return ConcurrentInvocationLimitExceeded
		}
		return 0
	}
	used := 0
	for id, other := range m.funcs {
		used += max(m.used(id), int(other.limits.Reserved))
	}
	if used >= int(m.opt.AccountConcurrency) {
		return ConcurrentInvocationLimitExceeded
	}
	return 0
}

func (m *model) apply(in Input) []Decision {
	m.now, m.out = in.Time, nil
	e := m.envs[in.Env]
	if in.Op >= OpStarted && in.Op < OpGone && e.state == StateStopping {
		return nil
	}
	switch in.Op {
	case OpConfigure:
		m.configure(in.Func, in.Limits, in.N)
	case OpRemove:
		m.remove(in.Func)
	case OpClose:
		m.closed = true
		for _, fn := range slices.Sorted(maps.Keys(m.funcs)) {
			m.remove(fn)
		}
	case OpInvoke:
		m.invoke(in.Func, in.Pool, in.Req)
	case OpStarted:
		if e.inInit() {
			e.state = StateInit
		}
	case OpReady:
		m.ready(in.Env)
	case OpResponded:
		delete(m.reqs, in.Req)
		e.state, e.req = StateResponded, NoReq
	case OpFreed:
		m.rest(in.Env)
	case OpFailed:
		m.failed(in.Env, in.Cause)
	case OpGone:
		m.gone(in.Env)
	case OpAbandon:
		m.abandon(in.Req)
	case OpWake:
		m.wake()
	case OpProvision:
		m.provision(in.Func, in.Pool, int(in.N))
	case OpCold:
		m.cold(in.Func, int(in.N))
	case OpRenew:
		m.renew(in.Func, in.Pool)
	}
	return m.out
}

func (m *model) configure(fn FuncID, l Limits, generation int32) {
	if m.closed {
		return
	}
	fixedIdle := l.IdleTimeout > 0
	if l.IdleTimeout == 0 {
		l.IdleTimeout = m.opt.IdleTimeout
	}
	requests := max(0, l.Reserved) * m.opt.RequestRate
	f := m.funcs[fn]
	if f == nil || !f.live {
		pools := map[Pool]*modelProvision{}
		if f != nil {
			pools = f.pools // requests may still run in what was provisioned
		}
		f = &modelFunc{
			live: true, limits: l, generation: generation, pools: pools,
			starts: newModelBucket(m.now, l.StartBurst, l.StartsPerSecond), requests: newModelBucket(m.now, requests, requests),
			provisions: newModelBucket(m.now, m.opt.ProvisionsPerSecond, m.opt.ProvisionsPerSecond),
		}
		m.funcs[fn] = f
	}
	f.starts.resize(m.now, l.StartBurst, l.StartsPerSecond)
	f.requests.resize(m.now, requests, requests)
	f.limits, f.fixedIdle = l, fixedIdle
	if generation > f.generation {
		f.generation = generation
		m.replace(fn, func(Pool) bool { return true })
	}
	for pool := range Pool(modelPools) {
		m.settle(fn, pool)
	}
}

func (m *model) renew(fn FuncID, pool Pool) {
	if m.closed || !m.funcs[fn].live {
		return
	}
	m.replace(fn, func(p Pool) bool { return p == pool })
	m.settle(fn, pool)
}

// replace retires the environments of some of the function's pools.
func (m *model) replace(fn FuncID, of func(Pool) bool) {
	f := m.funcs[fn]
	for _, id := range m.envIDs() {
		if e := m.envs[id]; e.fn == fn && of(e.pool) && !e.draining && e.state != StateStopping {
			if e.provision == nil {
				f.credit++
			}
			m.retire(id, Replaced)
		}
	}
	for pool := range Pool(modelPools) {
		if pr := f.pools[pool]; pr != nil && pr.target > 0 && of(pool) {
			m.allocate(pr, 0)
		}
	}
}

func (m *model) retire(id EnvID, why Why) {
	e := m.envs[id]
	if e.holdsSlot() {
		e.draining, e.why = true, why
		return
	}
	m.stop(id, why)
}

func (m *model) remove(fn FuncID) {
	f := m.funcs[fn]
	if !f.live {
		return
	}
	f.live = false
	for pool := range Pool(modelPools) {
		for _, req := range slices.Clone(m.waiters) {
			if r := m.reqs[req]; r.fn == fn && r.pool == pool {
				m.fail(req, Removed)
			}
		}
	}
	for _, id := range m.envIDs() {
		e := m.envs[id]
		if e.fn != fn || e.state == StateStopping {
			continue
		}
		if e.inInit() && e.req != NoReq {
			m.fail(e.req, Removed)
		}
		m.retire(id, Closing)
	}
	f.limits.Reserved = -1
	for _, pr := range f.pools {
		pr.target, pr.available, pr.status = 0, 0, Unallocated
		pr.requests.resize(m.now, 0, 0)
	}
	m.filling = slices.DeleteFunc(m.filling, func(pr *modelProvision) bool { return pr.fn == fn })
}

func (m *model) invoke(fn FuncID, pool Pool, req ReqID) {
	if m.closed || !m.funcs[fn].live {
		m.say(Decision{Kind: Fail, Func: fn, Pool: pool, Env: NoEnv, Req: req, Cause: Removed})
		return
	}
	m.settle(fn, pool)
	m.reqs[req] = &modelReq{fn: fn, pool: pool, env: NoEnv}
	m.place(req, true)
}

// place finds a place for a request; a fresh one counts against the quotas of requests, and may wait.
func (m *model) place(req ReqID, fresh bool) {
	r := m.reqs[req]
	grace := fresh && m.opt.Grace > 0
	pr := m.funcs[r.fn].pools[r.pool]
	quota, over := m.quota, FunctionInvocationRateLimitExceeded
	if m.funcs[r.fn].limits.Reserved >= 0 {
		quota, over = m.funcs[r.fn].requests, ReservedFunctionInvocationRateLimitExceeded
	}
	if !fresh || m.opt.RequestRate == 0 || quota.has(m.now) {
		over = 0
	}
	limit := m.limit(r.fn)
	idle := m.lastUsed(r.fn, r.pool, nil)
	provisioned := m.provisionedFor(r.fn, r.pool)
	if fresh && over == 0 {
		defer func() {
			if m.reqs[req] != nil { // it was not throttled
				quota.draw(m.now)
			}
		}()
	}
	switch {
	case provisioned == NoEnv:
	case over != 0:
		limit = over
	case !fresh || m.opt.RequestRate == 0 || pr.requests.draw(m.now):
		m.occupy(provisioned, req)
		return
	}
	if limit == 0 && over == 0 && idle != NoEnv {
		m.occupy(idle, req)
		return
	}
	free := m.countEnvs(func(e *modelEnv) bool {
		return e.fn == r.fn && e.pool == r.pool && e.state == StateResponded && (!e.draining || limit != 0)
	})
	if grace && over == 0 && free > len(m.waitersOf(r.fn, r.pool)) {
		r.deadline = m.now + m.opt.Grace
		m.waiters = append(m.waiters, req)
		m.say(Decision{Kind: Wait, Func: r.fn, Pool: r.pool, Env: NoEnv, Req: req})
		return
	}
	if limit == 0 {
		limit = over
	}
	if limit == 0 && !m.draw(m.funcs[r.fn]) {
		limit = FunctionInvocationRateLimitExceeded
	}
	if limit != 0 {
		delete(m.reqs, req)
		m.say(Decision{Kind: Throttle, Func: r.fn, Pool: r.pool, Env: NoEnv, Req: req, Reason: limit})
		return
	}
	r.env = m.newEnv(r.fn, r.pool, req)
	id := r.env
	m.say(Decision{Kind: Start, Func: r.fn, Pool: r.pool, Env: id, Req: req, Spill: pr.spills()})
	m.say(Decision{Kind: Wait, Func: r.fn, Pool: r.pool, Env: id, Req: req})
}

func (m *model) newEnv(fn FuncID, pool Pool, req ReqID) EnvID {
	id := EnvID(len(m.envs))
	if n := len(m.unused); n > 0 {
		id, m.unused = m.unused[n-1], m.unused[:n-1]
	}
	m.envs[id] = &modelEnv{
		fn: fn, pool: pool, generation: m.funcs[fn].generation, state: StateStarting, req: req,
		life: m.opt.Lifetimes.draw(m.now, fn, m.started[fn]),
	}
	m.started[fn]++
	return id
}

// lastUsed is the idle environment that became idle last, of an allocation, or of none.
func (m *model) lastUsed(fn FuncID, pool Pool, of *modelProvision) EnvID {
	best, order := NoEnv, -1
	for id, e := range m.envs {
		if e.fn == fn && e.pool == pool && e.provision == of && e.state == StateIdle && e.order > order {
			best, order = id, e.order
		}
	}
	return best
}

func (m *model) waitersOf(fn FuncID, pool Pool) []ReqID {
	return slices.DeleteFunc(slices.Clone(m.waiters), func(req ReqID) bool {
		return m.reqs[req].fn != fn || m.reqs[req].pool != pool
	})
}

func (m *model) occupy(id EnvID, req ReqID) {
	e, r := m.envs[id], m.reqs[req]
	e.req, r.env = req, id
	if !e.broken {
		e.state, r.running = StateInvoke, true
		spill := e.provision == nil && m.funcs[e.fn].pools[e.pool].spills()
		m.say(Decision{Kind: Assign, Func: e.fn, Pool: e.pool, Env: id, Req: req, Provisioned: e.provision != nil, Spill: spill})
		return
	}
	m.reset(id)
	m.say(Decision{Kind: Wait, Func: e.fn, Pool: e.pool, Env: id, Req: req})
}

func (m *model) reset(id EnvID) {
	e := m.envs[id]
	e.state, e.suppressed = StateReset, true
	m.say(Decision{Kind: Reset, Func: e.fn, Pool: e.pool, Env: id, Req: e.req})
}

func (m *model) draw(f *modelFunc) bool {
	if f.credit > 0 {
		f.credit--
		return true
	}
	return f.starts.draw(m.now)
}

func (m *model) settle(fn FuncID, pool Pool) {
	for {
		waiters := m.waitersOf(fn, pool)
		slots := m.countEnvs(func(e *modelEnv) bool { return e.fn == fn && e.pool == pool && e.state == StateResponded })
		served := m.lastUsed(fn, pool, nil) != NoEnv && m.limit(fn) == 0 || m.provisionedFor(fn, pool) != NoEnv
		if len(waiters) == 0 || !served && len(waiters) <= slots {
			return
		}
		m.leaveQueue(waiters[0])
		m.place(waiters[0], false)
	}
}

func (m *model) leaveQueue(req ReqID) {
	m.waiters = slices.DeleteFunc(m.waiters, func(r ReqID) bool { return r == req })
}

func (m *model) ready(id EnvID) {
	e := m.envs[id]
	e.broken = false
	if e.req == NoReq {
		m.becomeIdle(e)
		if e.provision != nil {
			m.allocated(e.provision)
		}
		m.settle(e.fn, e.pool)
		return
	}
	e.state, m.reqs[e.req].running = StateInvoke, true
	m.say(Decision{Kind: Assign, Func: e.fn, Pool: e.pool, Env: id, Req: e.req, Cold: true})
}

// rest is for an environment that has no request any more.
func (m *model) rest(id EnvID) {
	e := m.envs[id]
	old := m.opt.Lifetimes.Age != (Span{}) && e.life.expires <= m.now
	switch {
	case e.draining:
		m.stop(id, e.why)
	case old && e.provision == nil:
		m.stop(id, Recycled)
	default:
		m.becomeIdle(e)
		if old && e.expired == 0 {
			m.expire(e)
		}
	}
	m.settle(e.fn, e.pool)
}

func (m *model) becomeIdle(e *modelEnv) {
	m.idled++
	e.state, e.since, e.order, e.suppressed = StateIdle, m.now, m.idled, false
}

func (m *model) stop(id EnvID, why Why) {
	e := m.envs[id]
	e.state = StateStopping
	m.say(Decision{Kind: Stop, Func: e.fn, Pool: e.pool, Env: id, Req: NoReq, Why: why})
}

func (m *model) fail(req ReqID, cause Cause) {
	r := m.reqs[req]
	m.leaveQueue(req)
	delete(m.reqs, req)
	if r.env != NoEnv {
		m.envs[r.env].req = NoReq
	}
	m.say(Decision{Kind: Fail, Func: r.fn, Pool: r.pool, Env: r.env, Req: req, Cause: cause})
}

func (m *model) failed(id EnvID, cause Cause) {
	e := m.envs[id]
	if e.provision != nil {
		m.provisionedFailed(id, cause)
		return
	}
	lost := cause == StartError || cause == Lost
	if cause == Lost && !e.draining {
		m.funcs[e.fn].credit++
	}
	again := !lost && cause != Timeout
	if e.inInit() && e.req != NoReq && !e.suppressed && again {
		m.reset(id)
		return
	}
	idle := e.state == StateIdle
	if e.req != NoReq {
		m.fail(e.req, cause)
	}
	e.broken = true
	switch {
	case lost:
		m.stop(id, Broken)
		m.settle(e.fn, e.pool)
	case !idle:
		m.rest(id)
	}
}

func (m *model) gone(id EnvID) {
	e := m.envs[id]
	cause := Crash
	if e.inInit() {
		cause = StartError
	}
	switch {
	case e.provision != nil && e.state != StateStopping:
		m.provisionedFailed(id, cause)
	case e.req != NoReq:
		m.fail(e.req, cause)
	}
	delete(m.envs, id)
	m.unused = append(m.unused, id)
	m.settle(e.fn, e.pool)
}

func (m *model) abandon(req ReqID) {
	r := m.reqs[req]
	if r.running {
		return
	}
	m.leaveQueue(req)
	delete(m.reqs, req)
	if r.env == NoEnv {
		return
	}
	e := m.envs[r.env]
	e.req = NoReq
	if e.draining {
		m.stop(r.env, e.why)
	}
	m.settle(r.fn, r.pool)
}

func (m *model) wake() {
	for len(m.waiters) > 0 && m.reqs[m.waiters[0]].deadline <= m.now {
		req := m.waiters[0]
		m.leaveQueue(req)
		m.place(req, false)
	}
	for _, pr := range slices.Clone(m.filling) {
		m.fill(pr)
	}
	ids := m.envIDs()
	slices.SortStableFunc(ids, func(a, b EnvID) int { return cmp.Compare(m.envs[a].life.expires, m.envs[b].life.expires) })
	for _, id := range ids {
		at, ok := m.reapAt(id)
		switch e := m.envs[id]; {
		case !ok || at > m.now:
		case e.provision != nil:
			m.expire(e)
		case e.life.expires <= m.now:
			m.stop(id, Recycled)
		default:
			m.stop(id, Idle)
		}
	}
}

// reapAt is when an idle environment's time has come.
func (m *model) reapAt(id EnvID) (Time, bool) {
	e := m.envs[id]
	f := m.funcs[e.fn]
	if e.provision != nil {
		return e.life.expires, e.state == StateIdle && e.expired == 0 && e.life.expires < math.MaxInt64
	}
	timeout := f.limits.IdleTimeout
	if e.life.idleTimeout > 0 && !f.fixedIdle {
		timeout = e.life.idleTimeout
	}
	return min(e.since+timeout, e.life.expires), e.state == StateIdle
}

// next is when Wake would have something to do.
func (m *model) next() (Time, bool) {
	var times []Time
	for _, req := range m.waiters {
		times = append(times, m.reqs[req].deadline)
	}
	for id := range m.envs {
		if at, ok := m.reapAt(id); ok {
			times = append(times, at)
		}
	}
	for _, pr := range m.filling {
		times = append(times, m.fillsAt(pr))
	}
	if len(times) == 0 {
		return 0, false
	}
	return slices.Min(times), true
}
