package fleet

import "math"

// life is how long one environment lives, and its place in Fleet.reap. It is kept apart from environment, since the warm path has no need of it.
type life struct {
	// idleTimeout was drawn for it; 0 where its function's holds.
	idleTimeout Time
	// expires is when it is too old; the end of time where no age is.
	expires Time
	// heap is its place in Fleet.reap, or none.
	heap int32
}

// dueAt is when an idle environment is to be looked at: it has been idle for its timeout, or is too old. A provisioned one is never idle for too
// long.
func (f *Fleet) dueAt(env EnvID) Time {
	e, l := &f.envs[env], &f.lives[env]
	if e.provisioned {
		return l.expires
	}
	return min(after(e.idleSince, f.idleTimeout(env)), l.expires)
}

func (f *Fleet) idleTimeout(env EnvID) Time {
	fun := f.envs[env].pool.fn
	if drawn := f.lives[env].idleTimeout; drawn > 0 && !fun.fixedIdle {
		return drawn
	}
	return fun.limits.IdleTimeout
}

// reapIdle stops the idle environments whose time has come, and has provisioned ones replaced. The others at the top of the heap are moved to when
// they may be due, or leave it until they are idle again.
func (f *Fleet) reapIdle(out []Decision) []Decision {
	for len(f.reap.due) > 0 && f.reap.due[0].at <= f.now {
		id := f.reap.due[0].env
		e := &f.envs[id]
		if e.state != StateIdle || e.expired {
			f.forget(id)
			continue
		}
		if at := f.dueAt(id); at > f.now {
			f.reap.set(f.lives, 0, at)
			continue
		}
		if e.provisioned {
			f.forget(id)
			out = f.expire(id, out)
			continue
		}
		why := Idle
		if f.lives[id].expires <= f.now {
			why = Recycled
		}
		f.leaveIdle(id)
		out = f.stop(id, why, out)
	}
	return out
}

// watch makes sure that Wake looks at an idle environment in time.
func (f *Fleet) watch(env EnvID) {
	if at := f.dueAt(env); at < math.MaxInt64 {
		f.envs[env].watched = true
		f.reap.push(f.lives, env, at)
	}
}

// forget takes an environment out of the heap, if it is there.
func (f *Fleet) forget(env EnvID) {
	if f.envs[env].watched {
		f.envs[env].watched = false
		f.reap.remove(f.lives, f.lives[env].heap)
	}
}

// rewatch has the environments of a function looked at anew, after its timeout has changed.
func (f *Fleet) rewatch(fun *function) {
	for i := range f.envs {
		if e := &f.envs[i]; e.pool != nil && e.pool.fn == fun && !e.provisioned {
			f.forget(EnvID(i))
			if e.state == StateIdle {
				f.watch(EnvID(i))
			}
		}
	}
}

// due is one environment and when it is to be looked at: early at times, but never late.
type due struct {
	at  Time
	env EnvID
}

// reapHeap is a heap of environments, four children to a parent, by the time at which they are to be looked at; life.heap is each one's place. An
// environment enters when it becomes idle for the first time, and is looked at again only when that time has come, however often it is used in
// between.
type reapHeap struct{ due []due }

func (h *reapHeap) push(lives []life, env EnvID, at Time) {
	h.due = append(h.due, due{})
	h.up(lives, int32(len(h.due)-1), due{at, env})
}

func (h *reapHeap) set(lives []life, i int32, at Time) {
	d := due{at, h.due[i].env}
	if at < h.due[i].at {
		h.up(lives, i, d)
	} else {
		h.down(lives, i, d)
	}
}

func (h *reapHeap) remove(lives []life, i int32) {
	lives[h.due[i].env].heap = none
	n := int32(len(h.due) - 1)
	last := h.due[n]
	h.due = h.due[:n]
	if i == n {
		return
	}
	if i > 0 && last.at < h.due[(i-1)/4].at {
		h.up(lives, i, last)
	} else {
		h.down(lives, i, last)
	}
}

// up puts d in its place at i or above.
func (h *reapHeap) up(lives []life, i int32, d due) {
	for i > 0 {
		parent := (i - 1) / 4
		if h.due[parent].at <= d.at {
			break
		}
		h.put(lives, i, h.due[parent])
		i = parent
	}
	h.put(lives, i, d)
}

// down puts d in its place at i or below.
func (h *reapHeap) down(lives []life, i int32, d due) {
	for n := int32(len(h.due)); ; {
		first := 4*i + 1
		if first >= n {
			break
		}
		least := first
		for child := first + 1; child < min(first+4, n); child++ {
			if h.due[child].at < h.due[least].at {
				least = child
			}
		}
		if d.at <= h.due[least].at {
			break
		}
		h.put(lives, i, h.due[least])
		i = least
	}
	h.put(lives, i, d)
}

func (h *reapHeap) put(lives []life, i int32, d due) {
	h.due[i] = d
	lives[d.env].heap = i
}
