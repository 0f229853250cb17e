package lambda

import (
	"encoding/json"
	"time"

	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/telemetry"
	"example.com/emulate/runtimeapi"
)

var _ runtimeapi.Owner = (*Environment)(nil)

// Polled: the runtime asks for its next event. The first poll ends INIT; a later one ends the invocation before it.
func (e *Environment) Polled(int) {
	e.drain() // what the handler wrote before it polled comes before the report
	s := e.s
	now := time.Now()
	s.mu.Lock()
	var acts []action
	switch {
	case e.phase == initializing:
		inst := e.firstPoll(now)
		s.mu.Unlock()
		e.ready(inst)
		return
	case e.phase == serving && e.cur != nil && e.cur.handover.CompareAndSwap(notHanded, handing): // the poll that it was meant for was gone; this one takes it
		acts = []action{{kind: fleet.Assign, env: e, req: e.cur}}
	case e.phase == serving && e.cur != nil && e.truncated:
		acts = e.broken(now)
	case e.phase == serving && e.cur != nil && !e.cur.responded.IsZero():
		e.stopAlarm()
		e.finish(e.cur, now, e.cur.status(), e.cur.result.ErrorType)
		acts = s.tell(fleet.Input{Op: fleet.OpFreed, Env: e.id, N: 1})
	default:
		s.mu.Unlock()
		return
	}
	if e.phase == serving && e.cur == nil {
		e.idleSince.Store(now.UnixNano())
		defer s.freezer.add(e)
	}
	s.mu.Unlock()
	s.do(acts)
}

// assign notes that the environment has a request, and starts the clock of its timeout. Service.mu is held.
func (e *Environment) assign(r *request, cold bool) {
	if cold {
		r.result.Cold = true
		e.fn.counts.Colds++
		r.initTime, e.initTime = e.initTime, 0
	}
	e.cur, e.bound = r, nil
	r.result.Environment = e.name
	e.idleSince.Store(0)
	r.handover.Store(handing)
	e.truncated = false
	e.beginInvocation(r)
}

// beginInvocation starts the invocation and its clock, unless the INIT that ran for it alone has. Service.mu is held.
func (e *Environment) beginInvocation(r *request) {
	if r.began.IsZero() {
		r.began = time.Now()
		r.event.Deadline = r.began.Add(e.cfg.Timeout)
		e.setAlarm(e.cfg.Timeout)
		e.emitStart(r)
	}
}

// Responded: the runtime posted an answer. The caller goes on at once, unless it waits for the log.
func (e *Environment) Responded(requestID string, resp runtimeapi.Response) {
	s := e.s
	s.mu.Lock()
	r := e.cur
	if e.phase != serving || r == nil || r.event.RequestID != requestID || !r.responded.IsZero() {
		s.mu.Unlock()
		return
	}
	if resp.Truncated { // a dying runtime does this: its end tells more; a living one polls again
		e.truncated = true
		s.mu.Unlock()
		return
	}
	r.responded = time.Now()
	r.answer(resp)
	if r.result.FunctionError != "" {
		e.fn.counts.Errors++
	}
	acts := s.tell(fleet.Input{Op: fleet.OpResponded, Env: e.id, Req: r.id})
	s.mu.Unlock()
	if r.tail == nil {
		r.end()
	}
	s.do(acts)
}

// broken ends an invocation whose answer the runtime broke off, and polled again. Service.mu is held.
func (e *Environment) broken(now time.Time) []action {
	s, r := e.s, e.cur
	e.stopAlarm()
	e.truncated = false
	r.responded = now
	r.result.FunctionError, r.result.ErrorType = errUnhandled, "Runtime.TruncatedResponse"
	r.result.Payload = platformError(r.event.RequestID, r.result.ErrorType, "The runtime broke off its response")
	e.fn.counts.Errors++
	acts := s.tell(fleet.Input{Op: fleet.OpResponded, Env: e.id, Req: r.id})
	e.finish(r, now, telemetry.Errored, r.result.ErrorType)
	return append(acts, s.tell(fleet.Input{Op: fleet.OpFreed, Env: e.id, N: 1})...)
}

// answer turns what the runtime posted into what the caller gets (spec lambda.md §1.4, §4.2).
func (r *request) answer(resp runtimeapi.Response) {
	switch {
	case resp.TooLarge:
		r.result.FunctionError, r.result.ErrorType = errUnhandled, "Function.ResponseSizeTooLarge"
		r.result.Payload = []byte(`{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`)
	case resp.InvalidMode:
		r.result.FunctionError, r.result.ErrorType = errUnhandled, "Runtime.InvalidResponseModeHeader"
		r.result.Payload = platformError(r.event.RequestID, "Runtime.InvalidResponseModeHeader", "Invalid function response mode")
	default:
		r.result.Payload = resp.Payload
		if resp.Error {
			r.result.FunctionError, r.result.ErrorType = errUnhandled, resp.ErrorType
		}
	}
}

func (r *request) status() telemetry.Status {
	if r.result.FunctionError != "" {
		return telemetry.Errored
	}
	return telemetry.Success
}

// InitFailed: the runtime posted to init/error.
func (e *Environment) InitFailed(resp runtimeapi.Response) {
	e.drain()
	s := e.s
	s.mu.Lock()
	var acts []action
	if e.phase == initializing && e.polled.IsZero() {
		acts = e.tellStarted()
		acts = append(acts, e.failLocked(fleet.InitError, &failure{body: resp.Payload, errorType: resp.ErrorType, status: telemetry.Errored})...)
	}
	s.mu.Unlock()
	s.do(acts)
}

// Abandoned: a waiting poll's connection is gone. A living runtime polls again; a dead one is noticed by its process.
func (e *Environment) Abandoned(int) {}

// drain reads the output pipe until it is empty, and looks at the memory. It is called before Service.mu is taken: both are system calls.
func (e *Environment) drain() {
	e.mu.Lock()
	inst := e.instance
	e.mu.Unlock()
	if inst == nil {
		return
	}
	inst.Drain()
	if m, ok := inst.(Sampler); ok {
		e.peakMemory.Store(m.PeakMemory())
	}
}

// fail ends a request that gets no answer of its function. Service.mu is held.
func (s *Service) fail(r *request, e *Environment, cause fleet.Cause) {
	var why *failure
	if e != nil {
		why = e.failure
	}
	switch {
	case cause == fleet.Lost && r.handover.CompareAndSwap(handing, orphaned):
		return // see deliver
	case s.elsewhere(r, cause, why):
		r.losses++
		s.again(r, e, lossWaits[r.losses-1])
		return
	case why != nil && (why.init || cause != fleet.Crash && cause != fleet.Timeout && cause != fleet.Lost) && e.outdated():
		s.again(r, e, 0)
		return
	}
	status, errorType := telemetry.Failure, "Sandbox.Failure"
	switch {
	case cause == fleet.Removed || why == nil: // nobody waits for an answer of the function any more
		r.err = errClosing
	case why.platform != nil:
		r.err = &Error{Status: 500, Name: "ServiceException", Type: "Service", Message: why.platform.Error(), Err: why.platform}
	default:
		status, errorType = why.status, why.errorType
		r.result.FunctionError, r.result.ErrorType = errUnhandled, errorType
		r.result.Payload = why.body
		if why.body == nil {
			r.result.Payload = platformError(r.event.RequestID, errorType, why.message)
		}
		if r.began.IsZero() {
			r.began = time.Now()
			e.emitStart(r)
		}
	}
	r.fn.counts.Errors++
	if !r.began.IsZero() {
		e.report(r, time.Now(), status, errorType)
	}
	r.end()
}

// outdated says that the code of the environment has changed since it was started, or is about to. Service.mu is held.
func (e *Environment) outdated() bool {
	v := e.fn.version(e.pool)
	return e.fn.pending != nil && e.fn.followsFile(e.pool) || v == nil || v.code.Digest != e.code.Digest
}

// platformError is the body that Lambda makes itself; errorType comes first, as AWS sends it (spec lambda.md §4.2).
func platformError(requestID, errorType, message string) []byte {
	text, _ := json.Marshal("RequestId: " + requestID + " Error: " + message) // a string always can be marshalled
	return append(append([]byte(`{"errorType":"`+errorType+`","errorMessage":`), text...), '}')
}
