package fleet

// request is one accepted request that has not ended.
type request struct {
	state    requestState
	env      EnvID // when bound or running
	pool     *pool // when waiting
	deadline Time  // end of its grace, when waiting
}

type requestState uint8

const (
	ended   requestState = iota // and its ReqID is free
	waiting                     // with NoEnv, for a slot that is about to be freed
	bound                       // to the environment that starts, or is reset, for it
	running                     // assigned; ends with Responded
)

// Invoke brings one request for the environments of fn and pool. It is assigned at once or waits, and so is accepted; or it ends with Throttle, or,
// where the function is removed or the fleet closed, with Fail(Removed). A req that has not ended, and a function that was never configured, are
// protocol violations.
func (f *Fleet) Invoke(now Time, fn FuncID, pool Pool, req ReqID, out []Decision) []Decision {
	f.tick(now)
	if req < 0 || int(req) < len(f.reqs) && f.reqs[req].state != ended {
		violation("Invoke: request %d has not ended", req)
	}
	if f.closed {
		return append(out, Decision{Kind: Fail, Func: fn, Pool: pool, Env: NoEnv, Req: req, Cause: Removed})
	}
	fun := f.function("Invoke", fn)
	p := fun.pool(pool)
	if !fun.live {
		return append(out, p.failed(NoEnv, req, Removed))
	}
	for int(req) >= len(f.reqs) {
		f.reqs = append(f.reqs, request{})
		f.waitLinks = append(f.waitLinks, link{})
		f.graceLinks = append(f.graceLinks, link{})
	}
	if p.waiting.n > 0 {
		out = f.settle(p, out) // room may have come from another function: nobody overtakes
	}
	return f.place(p, req, true, out)
}

// place finds a place for a request: an idle environment, a provisioned one first, or a slot that is about to be freed where it may wait, or a new
// environment. A fresh request, which has just come, may wait for such a slot and is held against the quotas of requests; one that has waited was.
func (f *Fleet) place(p *pool, req ReqID, fresh bool, out []Decision) []Decision {
	limited, over := fresh && f.opt.RequestRate > 0, Reason(0)
	if limited {
		over = f.overRate(p.fn)
	}
	provisioned := p.provision != nil && f.provisionedRoom(p)
	if provisioned && over == 0 && (!limited || p.provision.requests.draw(f.now)) {
		if limited {
			f.drawRequest(p.fn)
		}
		return f.useIdle(p, &p.provision.idle, req, out)
	}
	reason := f.room(p.fn)
	if provisioned && over != 0 {
		reason = over // concurrency was there
	}
	switch {
	case reason == 0 && over == 0 && p.idle.n > 0:
		out = f.useIdle(p, &p.idle, req, out)
	case fresh && f.opt.Grace > 0 && over == 0 && p.waiting.n < p.soonFree(reason != 0):
		out = f.enqueue(p, req, out)
	default:
		if reason == 0 {
			reason = over
		}
		if reason == 0 && !p.fn.drawStart(f.now) {
			reason = FunctionInvocationRateLimitExceeded
		}
		if reason != 0 {
			d := p.decision(Throttle, NoEnv, req)
			d.Reason = reason
			return append(out, d)
		}
		out = f.start(p, req, out)
	}
	if limited {
		f.drawRequest(p.fn)
	}
	return out
}

// soonFree is the number of environments whose slot a request may wait for. One that drains will serve nobody, but it still holds concurrency:
// where a limit is reached it is worth waiting for that.
func (p *pool) soonFree(atLimit bool) int32 {
	if atLimit {
		return p.responded
	}
	return p.responded - p.respondedDraining
}

// useIdle gives the request the environment of a list of idle ones that was used last.
func (f *Fleet) useIdle(p *pool, idle *list, req ReqID, out []Decision) []Decision {
	id := EnvID(idle.head)
	idle.remove(f.envLinks, int32(id))
	e := &f.envs[id]
	f.take(p, e.provisioned)
	e.req = req
	if e.needsReset {
		f.reqs[req] = request{state: bound, env: id}
		return append(f.reset(id, out), p.decision(Wait, id, req))
	}
	f.reqs[req] = request{state: running, env: id}
	e.to(StateInvoke)
	out = append(out, p.decision(Assign, id, req))
	if p.provision != nil {
		d := &out[len(out)-1]
		d.Provisioned, d.Spill = e.provisioned, !e.provisioned && p.spills()
	}
	return out
}

// start makes a new environment for the request and binds it. The caller has asked for room and drawn the start.
func (f *Fleet) start(p *pool, req ReqID, out []Decision) []Decision {
	f.take(p, false)
	id := f.newEnvironment(p, false)
	f.envs[id].req = req
	f.reqs[req] = request{state: bound, env: id}
	d := p.decision(Start, id, req)
	d.Spill = p.spills()
	return append(out, d, p.decision(Wait, id, req))
}

func (f *Fleet) enqueue(p *pool, req ReqID, out []Decision) []Decision {
	f.reqs[req] = request{state: waiting, env: NoEnv, pool: p, deadline: after(f.now, f.opt.Grace)}
	p.waiting.pushBack(f.waitLinks, int32(req))
	f.grace.pushBack(f.graceLinks, int32(req))
	p.fn.stats.Waiting++
	return append(out, p.decision(Wait, NoEnv, req))
}

// dequeue ends the wait of a request without an environment, and the request, unless it is placed next.
func (f *Fleet) dequeue(req ReqID) {
	p := f.reqs[req].pool
	p.waiting.remove(f.waitLinks, int32(req))
	f.grace.remove(f.graceLinks, int32(req))
	p.fn.stats.Waiting--
	f.reqs[req] = request{}
}

// settle serves the pool's waiting requests, in order, after something has changed: the first takes an idle environment where there is one and
// room; those for whom no slot is left to wait for go on at once as if their grace had passed.
func (f *Fleet) settle(p *pool, out []Decision) []Decision {
	for p.waiting.n > 0 {
		usable := p.idle.n > 0 && f.room(p.fn) == 0 || p.provision != nil && f.provisionedRoom(p)
		if !usable && p.waiting.n <= p.responded {
			break
		}
		req := ReqID(p.waiting.head)
		f.dequeue(req)
		out = f.place(p, req, false, out)
	}
	return out
}

// Abandon says that the caller of req has gone. A waiting request ends, without a decision; an environment that started for it goes on and becomes
// idle (or is stopped, if it drains). A request that runs is not disturbed: AWS lets the function finish. A req that has ended is a protocol violation.
func (f *Fleet) Abandon(now Time, req ReqID, out []Decision) []Decision {
	f.tick(now)
	if req < 0 || int(req) >= len(f.reqs) || f.reqs[req].state == ended {
		violation("Abandon: request %d has ended", req)
	}
	switch r := f.reqs[req]; r.state {
	case waiting:
		f.dequeue(req)
	case bound:
		e := &f.envs[r.env]
		e.req = NoReq
		f.reqs[req] = request{}
		f.release(e.pool, e.provisioned)
		if e.draining {
			out = f.stop(r.env, e.why, out)
		}
		out = f.settle(e.pool, out)
	}
	return out
}
