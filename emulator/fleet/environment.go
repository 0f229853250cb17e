package fleet

// State of an execution environment.
type State uint8

// The states (DESIGN.md §3).
const (
	// StateNone: there is no such environment, or no longer.
	StateNone State = iota
	// StateStarting: Start was decided, the sandbox is being made.
	StateStarting
	// StateReset: Reset was decided; INIT is to run again in the same sandbox.
	StateReset
	// StateInit: the process exists, INIT runs.
	StateInit
	// StateIdle: it waits for a request.
	StateIdle
	// StateInvoke: a request runs in it.
	StateInvoke
	// StateResponded: the caller has its answer, but runtime or extensions have not polled yet; the slot is still taken.
	StateResponded
	// StateStopping: Stop was decided; only Gone is awaited.
	StateStopping
)

// environment is one execution environment. A classic one has one slot, so one request says all; see doc.go for more than one.
type environment struct {
	pool *pool
	// req is bound to it or runs in it.
	req        ReqID
	generation int32
	idleSince  Time
	state      State
	// needsReset: what ran in it has failed. The next request finds no process, and INIT runs again.
	needsReset bool
	// suppressed: the present INIT is one that runs again, in the invoke phase (spec lambda.md §4.1).
	suppressed bool
	// draining: it takes no request any more, and is stopped because of why when it has none.
	draining bool
	why      Why
	// provisioned: it belongs to its pool's provisioned concurrency.
	provisioned bool
	// expired: it is provisioned and too old, and serves on until its replacement is ready.
	expired bool
	// watched: it is in Fleet.reap.
	watched bool
}

func (e *environment) starting() bool { return e.state >= StateStarting && e.state <= StateInit }

// to changes the state, and with it the counts.
func (e *environment) to(s State) {
	if e.provisioned {
		e.change(func() { e.state = s })
		return
	}
	e.count(-1)
	e.state = s
	e.count(+1)
}

// change does something to an environment that its counts depend on.
func (e *environment) change(do func()) {
	e.count(-1)
	if e.provisioned {
		e.pool.provision.count(e, -1)
	}
	do()
	e.count(+1)
	if e.provisioned {
		e.pool.provision.count(e, +1)
	}
}

func (e *environment) count(by int32) {
	stats := &e.pool.fn.stats
	switch e.state {
	case StateStarting, StateReset, StateInit:
		stats.Starting += by
	case StateIdle:
		stats.Idle += by
	case StateInvoke:
		stats.Busy += by
	case StateResponded:
		stats.Busy += by
		e.pool.responded += by
		if e.draining {
			e.pool.respondedDraining += by
		}
	}
}

func (f *Fleet) newEnvironment(p *pool, provisioned bool) EnvID {
	var id EnvID
	if n := len(f.spare); n > 0 {
		id = f.spare[n-1]
		f.spare = f.spare[:n-1]
	} else {
		id = EnvID(len(f.envs))
		f.envs = append(f.envs, environment{})
		f.envLinks = append(f.envLinks, link{})
		f.lives = append(f.lives, life{})
	}
	f.envs[id] = environment{pool: p, req: NoReq, generation: p.fn.generation, provisioned: provisioned}
	f.envs[id].to(StateStarting)
	f.lives[id] = f.opt.Lifetimes.draw(f.now, p.fn.id, p.fn.started)
	p.fn.started++
	p.fn.stats.Environments++
	f.account.environments++
	return id
}

// environment finds env for an input. It is nil where the environment is being stopped: what happens in it meanwhile is of no account.
func (f *Fleet) environment(op string, env EnvID) *environment {
	if env < 0 || int(env) >= len(f.envs) || f.envs[env].state == StateNone {
		violation("%s: there is no environment %d", op, env)
	}
	if e := &f.envs[env]; e.state != StateStopping {
		return e
	}
	return nil
}

// Started says that the process of env exists and INIT runs. It may come late, as a runtime can poll before its start has been reported, and then
// changes nothing.
func (f *Fleet) Started(now Time, env EnvID, out []Decision) []Decision {
	f.tick(now)
	if e := f.environment("Started", env); e != nil && e.starting() {
		e.to(StateInit)
	}
	return out
}

// Ready says that INIT is done: runtime and extensions have polled, free slots of them (at least 1; a classic environment uses one). The bound
// request is assigned; without one the environment is idle. An environment that does not start is a protocol violation.
func (f *Fleet) Ready(now Time, env EnvID, free int32, out []Decision) []Decision {
	f.tick(now)
	e := f.environment("Ready", env)
	if e == nil {
		return out
	}
	if !e.starting() || free < 1 {
		violation("Ready: environment %d is %v and has %d free slots", env, e.state, free)
	}
	e.needsReset, e.suppressed = false, false
	if e.req == NoReq {
		p := e.pool
		f.becomeIdle(env)
		if e.provisioned {
			out = f.allocated(p, out)
		}
		return f.settle(p, out)
	}
	e.to(StateInvoke)
	f.reqs[e.req].state = running
	d := e.pool.decision(Assign, env, e.req)
	d.Cold = true
	return append(out, d)
}

// Responded says that the function has answered req, which ends it. Its slot is taken until Freed. A req that does not run in env is a protocol
// violation.
func (f *Fleet) Responded(now Time, env EnvID, req ReqID, out []Decision) []Decision {
	f.tick(now)
	e := f.environment("Responded", env)
	if e == nil {
		return out
	}
	if e.state != StateInvoke || e.req != req {
		violation("Responded: environment %d is %v with request %d, not %d", env, e.state, e.req, req)
	}
	e.to(StateResponded)
	e.req = NoReq
	f.reqs[req] = request{}
	return out
}

// Freed says that runtime and extensions of env have polled again, so that n slots are free (at least 1; a classic environment has one). The first
// waiting request gets the slot, else the environment is idle, or stopped if it drains. One that has not responded is a protocol violation.
func (f *Fleet) Freed(now Time, env EnvID, n int32, out []Decision) []Decision {
	f.tick(now)
	e := f.environment("Freed", env)
	if e == nil {
		return out
	}
	if e.state != StateResponded || n < 1 {
		violation("Freed: environment %d is %v and frees %d slots", env, e.state, n)
	}
	f.release(e.pool, e.provisioned)
	return f.vacate(env, out)
}

// Failed says that what ran in env has ended, or must be given up, because of cause.
//
// In INIT for a bound request, the first time: INIT runs again (Reset). The second time, and with Timeout, StartError or Lost at once, the request
// Fails. With a request that runs: it Fails; one that was answered has ended already. In all cases the environment stays, idle, and is reset for its
// next request; after StartError and Lost, or if it drains, it is stopped. A provisioned one is always stopped, and replaced. Cause must be one that an
// environment can have.
func (f *Fleet) Failed(now Time, env EnvID, cause Cause, out []Decision) []Decision {
	f.tick(now)
	if cause < InitError || cause > Lost {
		violation("Failed: environment %d with cause %v", env, cause)
	}
	e := f.environment("Failed", env)
	if e == nil {
		return out
	}
	if e.provisioned {
		return f.provisionedFailed(env, cause, out)
	}
	gone := cause == StartError || cause == Lost
	if cause == Lost && !e.draining {
		e.pool.fn.credit++
	}
	switch {
	case e.state == StateIdle && gone:
		f.leaveIdle(env)
		return f.stop(env, Broken, out)
	case e.state == StateIdle: // between two invokes: it keeps its place
		e.needsReset = true
		return out
	case e.starting() && e.req != NoReq && !e.suppressed && !gone && cause != Timeout:
		return f.reset(env, out)
	}
	p := e.pool
	out = f.giveUp(env, cause, out)
	if gone {
		return f.settle(p, f.stop(env, Broken, out))
	}
	e.needsReset = true
	return f.vacate(env, out)
}

// Gone says that env is no more, whether that was asked for or not. A request that it still has Fails, with StartError before it was Ready and with
// Crash after. Its EnvID will be used again.
func (f *Fleet) Gone(now Time, env EnvID, out []Decision) []Decision {
	f.tick(now)
	if e := f.environment("Gone", env); e != nil {
		cause := Crash
		if e.starting() {
			cause = StartError
		}
		if e.provisioned {
			out = f.provisionedFailed(env, cause, out)
		} else {
			if e.state == StateIdle {
				f.leaveIdle(env)
			}
			out = f.giveUp(env, cause, out)
		}
	}
	e := &f.envs[env]
	p := e.pool
	e.to(StateNone)
	e.pool = nil
	f.forget(env)
	p.fn.stats.Environments--
	f.account.environments--
	f.spare = append(f.spare, env)
	return f.settle(p, out)
}

// giveUp ends the request of an environment, if it has one, and lets go of the slot that it or an answered one holds.
func (f *Fleet) giveUp(env EnvID, cause Cause, out []Decision) []Decision {
	e := &f.envs[env]
	if e.req != NoReq {
		return f.failRequest(env, cause, out)
	}
	if e.state == StateResponded {
		f.release(e.pool, e.provisioned)
	}
	return out
}

// failRequest ends the request that is bound to the environment or runs in it.
func (f *Fleet) failRequest(env EnvID, cause Cause, out []Decision) []Decision {
	e := &f.envs[env]
	req := e.req
	e.req = NoReq
	f.reqs[req] = request{}
	f.release(e.pool, e.provisioned)
	return append(out, e.pool.failed(env, req, cause))
}

// vacate is the next step of an environment that has no request any more.
func (f *Fleet) vacate(env EnvID, out []Decision) []Decision {
	e := &f.envs[env]
	p := e.pool
	switch {
	case e.draining:
		out = f.stop(env, e.why, out)
	case f.ages && f.lives[env].expires <= f.now && !e.provisioned:
		out = f.stop(env, Recycled, out)
	case f.ages && f.lives[env].expires <= f.now && !e.expired:
		f.becomeIdle(env)
		f.forget(env)
		out = f.expire(env, out)
	default:
		f.becomeIdle(env)
	}
	return f.settle(p, out)
}

func (f *Fleet) becomeIdle(env EnvID) {
	e := &f.envs[env]
	e.to(StateIdle)
	e.idleSince, e.suppressed = f.now, false
	e.idleList().pushFront(f.envLinks, int32(env))
	if !e.watched && !e.expired {
		f.watch(env)
	}
}

func (e *environment) idleList() *list {
	if e.provisioned {
		return &e.pool.provision.idle
	}
	return &e.pool.idle
}

// leaveIdle takes the environment out of the idle ones; the caller gives it its next state.
func (f *Fleet) leaveIdle(env EnvID) {
	f.envs[env].idleList().remove(f.envLinks, int32(env))
}

// reset runs INIT again. It is no new environment, so the scaling rate has no part in it.
func (f *Fleet) reset(env EnvID, out []Decision) []Decision {
	e := &f.envs[env]
	e.suppressed = true
	e.to(StateReset)
	return append(out, e.pool.decision(Reset, env, e.req))
}

func (f *Fleet) stop(env EnvID, why Why, out []Decision) []Decision {
	e := &f.envs[env]
	e.to(StateStopping)
	f.forget(env)
	d := e.pool.decision(Stop, env, NoReq)
	d.Why = why
	return append(out, d)
}

// retire stops an environment that has no request, and lets others drain first.
func (f *Fleet) retire(env EnvID, why Why, out []Decision) []Decision {
	e := &f.envs[env]
	switch {
	case e.state == StateIdle:
		f.leaveIdle(env)
		return f.stop(env, why, out)
	case e.starting() && e.req == NoReq:
		return f.stop(env, why, out)
	}
	e.change(func() { e.draining, e.why = true, why })
	return out
}
