package lambda

import (
	"time"

	"example.com/emulate/emulator/fleet"
)

// action is a decision of the fleet with what it concerns, resolved under the Service's lock, so that it can be carried out after it.
type action struct {
	kind fleet.Kind
	env  *Environment
	req  *request
}

// tell gives the fleet one input, which happens now, and takes its decisions. Service.mu is held.
func (s *Service) tell(in fleet.Input) []action {
	in.Time = s.now()
	out := s.fleet.Apply(in, s.out[:0])
	s.record(in, out)
	if s.closing {
		s.idle.Broadcast()
	}
	return s.decide(out)
}

func (s *Service) record(in fleet.Input, out []fleet.Decision) {
	if s.o.Record != nil {
		s.o.Record(in, out)
	}
}

// decide takes the fleet's decisions under mu: books are brought up to date here, effects are left to do. It also keeps the slice for the next
// call and sets the fleet's alarm clock.
func (s *Service) decide(out []fleet.Decision) []action {
	s.out = out
	var acts []action
	if len(out) > 0 {
		acts = make([]action, 0, len(out))
	}
	for _, d := range out {
		if a, ok := s.book(d); ok {
			acts = append(acts, a)
		}
	}
	s.setAlarm()
	return acts
}

// book notes one decision in the Service's tables; false where there is nothing left to do outside the lock.
func (s *Service) book(d fleet.Decision) (action, bool) {
	a := action{kind: d.Kind}
	if d.Spill {
		s.byID[d.Func].counts.Spills++
	}
	switch d.Kind {
	case fleet.Start:
		a.env = s.newEnvironment(d)
	case fleet.Stop, fleet.Reset:
		a.env = s.envs[d.Env]
	case fleet.Assign:
		a.env, a.req = s.envs[d.Env], s.requests[d.Req]
		a.env.assign(a.req, d.Cold)
	case fleet.Wait:
		if d.Env != fleet.NoEnv {
			s.envs[d.Env].bound = s.requests[d.Req]
		}
		return a, false
	case fleet.Throttle:
		a.req = s.requests[d.Req]
		s.forgetLocked(a.req)
		a.req.fn.counts.Throttles++
		a.req.result.ErrorType = reasons[d.Reason]
		s.throttled(a.req, d.Reason)
		return a, false
	case fleet.Fail:
		a.req = s.requests[d.Req]
		s.forgetLocked(a.req)
		if d.Env != fleet.NoEnv {
			a.env = s.envs[d.Env]
			a.env.bound = nil
			a.env.cur = nil
		}
		s.fail(a.req, a.env, d.Cause)
		return a, false
	}
	return a, true
}

// do carries out what was decided. No lock is held.
func (s *Service) do(acts []action) {
	for _, a := range acts {
		switch a.kind {
		case fleet.Start:
			s.wg.Go(a.env.run)
		case fleet.Assign:
			a.env.deliver(a.req)
		case fleet.Reset:
			a.env.order(orderReset)
		case fleet.Stop:
			a.env.order(orderStop)
		}
	}
}

// setAlarm sees to it that the fleet is woken when it asks for it: for idle environments to reap, and requests whose grace has passed.
func (s *Service) setAlarm() {
	at, ok := s.fleet.Next()
	if !ok || s.ctx.Err() != nil {
		return
	}
	if s.timer != nil && s.nextWake != 0 && s.nextWake <= at {
		return
	}
	s.nextWake = at
	d := time.Duration(at - s.now())
	if s.timer == nil {
		s.timer = time.AfterFunc(d, s.wake)
		return
	}
	s.timer.Reset(d)
}

// wake runs when the alarm rings.
func (s *Service) wake() {
	s.mu.Lock()
	s.nextWake = 0
	acts := s.tell(fleet.Input{Op: fleet.OpWake})
	s.mu.Unlock()
	s.do(acts)
}
