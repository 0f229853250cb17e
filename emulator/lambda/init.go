package lambda

import (
	"sync"
	"time"

	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/telemetry"
)

// INIT begins when the process exists and ends with its first poll (spec lambda.md §2.1), or later where AWS's cold starts are asked for (coldstart.go).
// Two goroutines bring these: the environment's own, in which the Executor returns the process, and that of the connection on which the runtime polls.
// Either may be first, so whoever comes second goes on with ready: it limits the CPU, and then tells the fleet, which hands out no event before.

// beginInit marks the environment as initializing, before the process exists: its first poll may come before Start has returned. False where there
// is no slot because the Service closes. A repeated INIT is part of the invocation that waits for it, and of its time.
func (e *Environment) beginInit(p telemetry.Phase, sl *slot) bool {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	e.slot = sl
	e.delay.load, e.delay.rest = e.s.slotLoad(), 0
	e.phase, e.initPhase = initializing, p
	e.told, e.truncated, e.failure = p == telemetry.PhaseInvoke, false, nil
	e.launched, e.polled = nil, time.Time{}
	e.begun = time.Now()
	e.exists = e.begun
	if e.bound != nil && p == telemetry.PhaseInvoke {
		e.beginInvocation(e.bound)
	}
	return sl != nil
}

// started notes the new process.
func (e *Environment) started(inst Instance) {
	e.mu.Lock()
	e.instance = inst
	e.frozen = false
	e.mu.Unlock()
	s := e.s
	s.mu.Lock()
	var acts []action
	var polled Instance
	if e.phase == initializing {
		e.launched = inst
		if e.polled.IsZero() {
			e.exists = time.Now()
			if e.initPhase == telemetry.PhaseInit {
				e.setAlarm(initTimeout)
			}
		} else {
			polled = e.lengthen(inst)
		}
		acts = e.tellStarted()
	}
	s.mu.Unlock()
	s.do(acts)
	e.ready(polled)
}

// tellStarted tells the fleet, once, that the process exists. Service.mu is held.
func (e *Environment) tellStarted() []action {
	if e.told {
		return nil
	}
	e.told = true
	e.fn.counts.WaitedForMachine += e.exists.Sub(e.decided)
	e.emitInitStart()
	return e.s.tell(fleet.Input{Op: fleet.OpStarted, Env: e.id})
}

// firstPoll notes that the process has done its INIT, and returns it, or nil where it is not known yet, has polled before, or where INIT is to last longer
// (Code.ColdStart). Service.mu is held.
func (e *Environment) firstPoll(now time.Time) Instance {
	if !e.polled.IsZero() {
		return nil
	}
	if now.Before(e.exists) { // the poll was first, though started had the lock before it
		if e.initPhase == telemetry.PhaseInit {
			e.fn.counts.WaitedForMachine -= e.exists.Sub(e.begun)
		}
		e.exists = e.begun
	}
	e.polled = now
	e.delay.load = (e.delay.load + e.s.slotLoad()) / 2
	e.slot.release()
	if e.initPhase == telemetry.PhaseInit {
		e.stopAlarm()
	}
	return e.lengthen(e.launched)
}

// ready tells the fleet that inst has ended its INIT, once its CPU is limited. It does nothing where inst is nil, or dead meanwhile: its end says what
// becomes of the request.
func (e *Environment) ready(inst Instance) {
	if inst == nil {
		return
	}
	e.limitCPU(inst)
	select {
	case <-inst.Done():
		return
	default:
	}
	s := e.s
	s.mu.Lock()
	if e.phase != initializing || e.launched != inst {
		s.mu.Unlock()
		return
	}
	e.phase = serving
	took := e.polled.Sub(e.exists) + e.delay.rest
	if e.initPhase == telemetry.PhaseInit {
		e.initTime = took
	}
	e.reportInit(took, telemetry.Success, "")
	acts := s.tell(fleet.Input{Op: fleet.OpReady, Env: e.id, N: 1})
	idle := e.cur == nil
	if idle {
		e.idleSince.Store(time.Now().UnixNano())
	}
	s.mu.Unlock()
	s.do(acts)
	if idle {
		s.freezer.add(e)
	}
}

// limitCPU holds the process to the CPU time that its memory buys, from the end of INIT on. No lock is held: it may have to ask an engine. An
// environment whose CPU cannot be limited serves all the same.
func (e *Environment) limitCPU(inst Instance) {
	limiter, ok := inst.(CPULimiter)
	if !ok {
		return
	}
	if err := limiter.LimitCPU(); err != nil {
		e.s.o.Log("limit the CPU of an environment of function %s: %v", e.cfg.Name, err)
	}
}

// slot is one of the few places for environments that start at the same time on this machine. It is given back at the first poll, or after 250 ms.
type slot struct {
	once  sync.Once
	timer *time.Timer
	slots chan struct{}
}

// takeSlot waits for a start slot; nil where the Service closed first.
func (s *Service) takeSlot() *slot {
	select {
	case s.slots <- struct{}{}:
	case <-s.ctx.Done():
		return nil
	}
	sl := &slot{slots: s.slots}
	sl.timer = time.AfterFunc(slotHeldFor, sl.giveBack)
	return sl
}

// release gives the slot back, if that has not been done yet. A nil slot has none.
func (sl *slot) release() {
	if sl != nil {
		sl.timer.Stop()
		sl.giveBack()
	}
}

func (sl *slot) giveBack() { sl.once.Do(func() { <-sl.slots }) }
