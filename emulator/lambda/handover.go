package lambda

import (
	"context"
	"errors"
	"time"

	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/telemetry"
)

// How far an event has come on its way to a runtime (request.handover). What was handed over may have run, and is never handed over again. What was
// not, when its sandbox was lost, is placed again.
const (
	notHanded int32 = iota
	handing         // Deliver is under way
	handed
	orphaned // the sandbox was lost while Deliver was under way: its outcome says whether the request fails or is placed again
)

// deliver hands the request to the runtime. No lock is held.
func (e *Environment) deliver(r *request) {
	e.mu.Lock()
	e.thawLocked()
	e.mu.Unlock()
	if e.hand(r) || !e.mark(r, handing, notHanded) {
		return
	}
	// The poll was gone. One that came since, while the request still counted as being handed over, waits; a later one takes the request by itself.
	// If none comes, the process is dying, and its end fails the request.
	if e.mark(r, notHanded, handing) && !e.hand(r) {
		e.mark(r, handing, notHanded)
	}
}

// hand makes one attempt.
func (e *Environment) hand(r *request) bool {
	if !e.server.Deliver(&r.event) {
		return false
	}
	if !r.handover.CompareAndSwap(handing, handed) {
		e.mark(r, orphaned, handed)
	}
	return true
}

// mark changes how far the request has come; false where it is elsewhere, or the environment is done with it. An orphan's fate is decided here.
func (e *Environment) mark(r *request, from, to int32) bool {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	if from != notHanded && r.handover.Load() == orphaned {
		r.handover.Store(to)
		e.s.fail(r, e, fleet.Lost)
		return false
	}
	return e.cur == r && r.responded.IsZero() && r.handover.CompareAndSwap(from, to)
}

// lose ends the environment whose sandbox is gone, whatever it does. Service.mu is held.
func (e *Environment) lose(why *failure) []action {
	if e.phase != dead {
		return e.failLocked(fleet.Lost, why)
	}
	e.failure = why // it could be reset until now
	return e.s.tell(fleet.Input{Op: fleet.OpFailed, Env: e.id, Cause: fleet.Lost})
}

// resetSandbox starts the runtime again. The cause is Lost where the sandbox of old is gone, whether that is known already or the reset tells.
func (e *Environment) resetSandbox(old Instance) (Instance, fleet.Cause, error) {
	select {
	case <-old.Done():
		if old.Exit().Lost {
			return nil, fleet.Lost, errLost
		}
	default:
	}
	inst, err := old.Reset(e.ctx)
	if unavailable(err) {
		return nil, fleet.Lost, err
	}
	return inst, fleet.StartError, err
}

var errLost = &UnavailableError{errors.New("the sandbox is gone")}

func unavailable(err error) bool {
	var u *UnavailableError
	return errors.As(err, &u)
}

// lossWaits are the pauses before a request is placed again whose sandbox was lost before it had the event, one after the other; then it fails. What
// waits for an engine is the Executor, in Start; these keep sandboxes that are lost as soon as they are started from going round in a tight loop.
var lossWaits = [...]time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond, time.Second, 2 * time.Second}

// elsewhere says whether a request that fails because of cause is to be placed again: its sandbox was lost before it had the event; or there is none
// to be had, the Executor having waited for it, but an environment has become idle meanwhile. Service.mu is held.
func (s *Service) elsewhere(r *request, cause fleet.Cause, why *failure) bool {
	if r.losses == len(lossWaits) || r.handover.Load() != notHanded {
		return false
	}
	return cause == fleet.Lost || cause == fleet.StartError && why != nil && unavailable(why.platform) && s.fleet.Stats(r.fn.id).Idle > 0
}

// again places a request once more, after a pause, that no runtime has had: because its sandbox was lost, or because the environment could not start
// while its code was being changed: a runtime reads files in the moment in which an editor writes them, and the failure is not the function's.
// Service.mu is held.
func (s *Service) again(r *request, e *Environment, pause time.Duration) {
	if !r.began.IsZero() {
		e.report(r, time.Now(), telemetry.Failure, "Sandbox.Failure")
		r.began, r.event.Deadline = time.Time{}, time.Time{}
	}
	r.again, r.initTime = true, 0
	if s.closing {
		r.err = errClosing
		r.end()
		return
	}
	s.wg.Go(func() {
		if err := s.readyFor(s.ctx, r, pause); err != nil {
			r.err = err
			r.end()
			return
		}
		s.place(r)
	})
}

// readyFor waits for the pause, and until the code that the request needs is built.
func (s *Service) readyFor(ctx context.Context, r *request, pause time.Duration) error {
	if pause > 0 {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	s.mu.Lock()
	name := r.fn.cfg.Name
	s.mu.Unlock()
	f, _, err := s.ready(ctx, name, r.result.ExecutedVersion)
	if err == nil {
		r.fn = f
	}
	return err
}
