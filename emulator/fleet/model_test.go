package fleet

import (
	"maps"
	"math/big"
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
	out     []Decision
}

type modelFunc struct {
	live       bool
	limits     Limits
	generation int32
	credit     int
	starts     *big.Rat // in the bucket
	refilled   Time
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
}

type modelReq struct {
	fn       FuncID
	pool     Pool
	env      EnvID
	running  bool
	deadline Time
}

func newModel(o Options) *model {
	return &model{opt: o, funcs: map[FuncID]*modelFunc{}, envs: map[EnvID]*modelEnv{}, reqs: map[ReqID]*modelReq{}}
}

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

// limit says which limit keeps fn from one more request in flight.
func (m *model) limit(fn FuncID) Reason {
	reserved := m.funcs[fn].limits.Reserved
	if reserved >= 0 {
		switch total := m.countEnvs((*modelEnv).holdsSlot); {
		case m.inFlight(fn) >= int(reserved):
			return ReservedFunctionConcurrentInvocationLimitExceeded
		case total >= int(m.opt.AccountConcurrency):
			return ConcurrentInvocationLimitExceeded
		}
		return 0
	}
	used := 0
	for id, other := range m.funcs {
		used += max(m.inFlight(id), int(other.limits.Reserved))
	}
	if used >= int(m.opt.AccountConcurrency) {
		return ConcurrentInvocationLimitExceeded
	}
	return 0
}

func (m *model) apply(in Input) []Decision {
	m.now, m.out = in.Time, nil
	e := m.envs[in.Env]
	if in.Op >= OpStarted && in.Op < OpGone && in.Op != OpAbandon && e.state == StateStopping {
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
	}
	return m.out
}

func (m *model) configure(fn FuncID, l Limits, generation int32) {
	if m.closed {
		return
	}
	if l.IdleTimeout == 0 {
		l.IdleTimeout = m.opt.IdleTimeout
	}
	f := m.funcs[fn]
	if f == nil || !f.live {
		f = &modelFunc{live: true, limits: l, generation: generation, starts: big.NewRat(int64(l.StartBurst), 1), refilled: m.now}
		m.funcs[fn] = f
	}
	m.refill(f)
	f.starts.Add(f.starts, big.NewRat(int64(l.StartBurst-f.limits.StartBurst), 1))
	if f.starts.Sign() < 0 {
		f.starts.SetInt64(0)
	}
	f.limits = l
	if generation > f.generation {
		f.generation = generation
		for _, id := range m.envIDs() {
			if e := m.envs[id]; e.fn == fn && !e.draining && e.state != StateStopping {
				f.credit++
				m.retire(id, Replaced)
			}
		}
	}
	for pool := range Pool(2) {
		m.settle(fn, pool)
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
	for pool := range Pool(2) {
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
}

func (m *model) invoke(fn FuncID, pool Pool, req ReqID) {
	if m.closed || !m.funcs[fn].live {
		m.say(Decision{Kind: Fail, Func: fn, Pool: pool, Env: NoEnv, Req: req, Cause: Removed})
		return
	}
	m.settle(fn, pool)
	m.reqs[req] = &modelReq{fn: fn, pool: pool, env: NoEnv}
	m.place(req, m.opt.Grace > 0)
}

func (m *model) place(req ReqID, grace bool) {
	r := m.reqs[req]
	limit := m.limit(r.fn)
	idle := m.lastUsed(r.fn, r.pool)
	if limit == 0 && idle != NoEnv {
		m.occupy(idle, req)
		return
	}
	free := m.countEnvs(func(e *modelEnv) bool {
		return e.fn == r.fn && e.pool == r.pool && e.state == StateResponded && (!e.draining || limit != 0)
	})
	if grace && free > len(m.waitersOf(r.fn, r.pool)) {
		r.deadline = m.now + m.opt.Grace
		m.waiters = append(m.waiters, req)
		m.say(Decision{Kind: Wait, Func: r.fn, Pool: r.pool, Env: NoEnv, Req: req})
		return
	}
	if limit == 0 && !m.draw(m.funcs[r.fn]) {
		limit = FunctionInvocationRateLimitExceeded
	}
	if limit != 0 {
		delete(m.reqs, req)
		m.say(Decision{Kind: Throttle, Func: r.fn, Pool: r.pool, Env: NoEnv, Req: req, Reason: limit})
		return
	}
	id := EnvID(len(m.envs))
	if n := len(m.unused); n > 0 {
		id, m.unused = m.unused[n-1], m.unused[:n-1]
	}
	m.envs[id] = &modelEnv{fn: r.fn, pool: r.pool, generation: m.funcs[r.fn].generation, state: StateStarting, req: req}
	r.env = id
	m.say(Decision{Kind: Start, Func: r.fn, Pool: r.pool, Env: id, Req: req})
	m.say(Decision{Kind: Wait, Func: r.fn, Pool: r.pool, Env: id, Req: req})
}

func (m *model) lastUsed(fn FuncID, pool Pool) EnvID {
	best, order := NoEnv, -1
	for id, e := range m.envs {
		if e.fn == fn && e.pool == pool && e.state == StateIdle && e.order > order {
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
		m.say(Decision{Kind: Assign, Func: e.fn, Pool: e.pool, Env: id, Req: req})
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

func (m *model) refill(f *modelFunc) {
	gain := big.NewRat(int64(m.now-f.refilled), 1e9)
	f.starts.Add(f.starts, gain.Mul(gain, big.NewRat(int64(f.limits.StartsPerSecond), 1)))
	if full := big.NewRat(int64(f.limits.StartBurst), 1); f.starts.Cmp(full) > 0 {
		f.starts = full
	}
	f.refilled = m.now
}

func (m *model) draw(f *modelFunc) bool {
	if f.credit > 0 {
		f.credit--
		return true
	}
	m.refill(f)
	one := big.NewRat(1, 1)
	if f.starts.Cmp(one) < 0 {
		return false
	}
	f.starts = new(big.Rat).Sub(f.starts, one)
	return true
}

func (m *model) settle(fn FuncID, pool Pool) {
	for {
		waiters := m.waitersOf(fn, pool)
		slots := m.countEnvs(func(e *modelEnv) bool { return e.fn == fn && e.pool == pool && e.state == StateResponded })
		served := m.lastUsed(fn, pool) != NoEnv && m.limit(fn) == 0
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
		m.rest(id)
		return
	}
	e.state, m.reqs[e.req].running = StateInvoke, true
	m.say(Decision{Kind: Assign, Func: e.fn, Pool: e.pool, Env: id, Req: e.req, Cold: true})
}

// rest is for an environment that has no request any more.
func (m *model) rest(id EnvID) {
	e := m.envs[id]
	if e.draining {
		m.stop(id, e.why)
	} else {
		m.idled++
		e.state, e.since, e.order, e.suppressed = StateIdle, m.now, m.idled, false
	}
	m.settle(e.fn, e.pool)
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
	if e.req != NoReq {
		cause := Crash
		if e.inInit() {
			cause = StartError
		}
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
	for _, id := range m.envIDs() {
		if at, ok := m.reapAt(id); ok && at <= m.now {
			m.stop(id, Idle)
		}
	}
}

func (m *model) reapAt(id EnvID) (Time, bool) {
	e := m.envs[id]
	return e.since + m.funcs[e.fn].limits.IdleTimeout, e.state == StateIdle
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
	if len(times) == 0 {
		return 0, false
	}
	return slices.Min(times), true
}
