package lambda

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/telemetry"
	"example.com/emulate/runtimeapi"
)

// phase of an environment's runtime process.
type phase uint8

const (
	waiting phase = iota // for this machine
	initializing
	serving // it has polled at least once
	dead    // the process is gone, or its INIT failed: the next invocation resets it
	stopping
)

// order from the fleet to an environment's own goroutine.
type order uint8

const (
	orderReset order = iota + 1
	orderStop
	orderKill // the invocation timed out, INIT failed: end the processes now, keep the sandbox
)

// Environment is one execution environment: one Runtime API, one runtime process at a time.
type Environment struct {
	s    *Service
	id   fleet.EnvID
	fn   *Function
	cfg  *config.Function
	code Code
	pool fleet.Pool
	name string // the log stream
	// initType is on-demand or provisioned-concurrency.
	initType string
	server   server
	orders   chan order
	// ctx ends when the environment is to stop: a start that is under way is given up.
	ctx     context.Context
	cancel  context.CancelCauseFunc
	decided time.Time // when the fleet decided to start it; later by what AWS would take for the sandbox
	delay   delay
	alarm   *time.Timer
	logID   atomic.Pointer[string] // request id of what is written now
	tail    atomic.Pointer[tail]   // and who asked for it

	// peakMemory in bytes, as it was seen last.
	peakMemory atomic.Int64

	// Service.mu guards these.
	phase     phase
	cur       *request
	bound     *request  // waits for INIT
	told      bool      // the fleet knows that the process exists
	truncated bool      // the runtime broke off its answer to cur
	failure   *failure  // why the last INIT or invocation failed
	begun     time.Time // when the Executor was asked for the process of the present INIT
	exists    time.Time // when it had one; begun, until that is known and where the process polled before
	launched  Instance  // the process of the present INIT, nil until the Executor has returned it
	polled    time.Time // when that process polled first, which ends INIT; zero before
	initPhase telemetry.Phase
	initTime  time.Duration // of the last INIT, until a report has told it
	slot      *slot

	// idleSince is when the environment became idle, in nanoseconds; 0 while it must not be frozen. It is written under Service.mu, so that it says
	// what the fleet decided last; the freezer reads it under mu.
	idleSince atomic.Int64
	queued    atomic.Bool // in the freezer's queue

	// mu guards the instance and its freezing.
	mu       sync.Mutex
	instance Instance
	frozen   bool
}

// failure is what a caller is told of a failed INIT or invocation.
type failure struct {
	errorType string
	message   string // of the platform's own errors, without the request id
	body      []byte // what the runtime posted; handed on verbatim
	status    telemetry.Status
	platform  error // not the function's fault
	init      bool  // in an INIT: the invocation has not reached the function
}

func (s *Service) newEnvironment(d fleet.Decision) *Environment {
	f := s.byID[d.Func]
	v := f.versions[d.Pool]
	e := &Environment{s: s, id: d.Env, fn: f, cfg: v.cfg, code: v.code, pool: d.Pool, initType: onDemand, decided: time.Now(), orders: make(chan order, 4),
		name: logStream(time.Now(), versionName(d.Pool))}
	e.delay = s.drawDelay(f, v.code.ColdStart)
	if d.Provisioned {
		e.initType = provisionedInit
	}
	e.ctx, e.cancel = context.WithCancelCause(s.ctx)
	for int(d.Env) >= len(s.envs) {
		s.envs = append(s.envs, nil)
	}
	s.envs[d.Env] = e
	return e
}

// logStream names an environment: YYYY/MM/DD/[version]32hex (spec lambda.md §4.3).
func logStream(now time.Time, version string) string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	out := now.UTC().AppendFormat(make([]byte, 0, 64), "2006/01/02/[")
	out = append(append(out, version...), ']')
	return string(hex.AppendEncode(out, b[:]))
}

// order hands an order to the environment's goroutine. The fleet gives few and waits for each; the channel always has room.
func (e *Environment) order(o order) {
	if o == orderStop {
		e.cancel(errStopped)
	}
	e.orders <- o
}

var errStopped = errors.New("the environment is not needed any more")

// run is the environment's life, from Start to Stop.
func (e *Environment) run() {
	defer e.remove()
	if err := e.start(); err != nil {
		e.cannotStart(fleet.StartError, err)
		e.awaitStop()
		return
	}
	for {
		e.mu.Lock()
		done := e.instance.Done()
		e.mu.Unlock()
		select {
		case <-done:
			e.exited()
			if !e.afterDeath() {
				return
			}
		case o := <-e.orders:
			switch o {
			case orderStop:
				return
			case orderKill:
				e.kill()
				if !e.afterDeath() {
					return
				}
			case orderReset:
				if !e.reset() {
					return
				}
			}
		case <-e.s.ctx.Done():
			return
		}
	}
}

// afterDeath waits for the order that follows the end of the process: a reset, or the end. False is the end.
func (e *Environment) afterDeath() bool {
	for {
		select {
		case o := <-e.orders:
			switch o {
			case orderStop:
				return false
			case orderReset:
				return e.reset()
			}
		case <-e.s.ctx.Done():
			return false
		}
	}
}

// start brings the environment to the point where its process runs.
func (e *Environment) start() error {
	e.server = e.s.o.newServer(e)
	if err := e.server.Start(); err != nil {
		return fmt.Errorf("start the Runtime API of function %s: %w", e.cfg.Name, err)
	}
	e.sandboxDelay()
	if !e.beginInit(telemetry.PhaseInit, e.s.takeSlot()) {
		return errClosing
	}
	inst, err := e.s.o.Executor.Start(e.ctx, e.spec())
	if err != nil {
		return err
	}
	e.started(inst)
	return nil
}

// reset runs INIT again in the same sandbox, within the invocation that waits for it. False where the environment has to end.
func (e *Environment) reset() bool {
	old := e.kill()
	if !e.beginInit(telemetry.PhaseInvoke, e.s.takeSlot()) {
		return false
	}
	inst, cause, err := e.resetSandbox(old)
	if err != nil {
		e.cannotStart(cause, err)
		e.awaitStop()
		return false
	}
	e.started(inst)
	return true
}

// cannotStart tells the fleet that there will be no process, because of a StartError or since the sandbox is Lost.
func (e *Environment) cannotStart(cause fleet.Cause, err error) {
	s := e.s
	s.mu.Lock()
	e.slot.release()
	e.phase = dead
	e.failure = startFailure(err)
	acts := s.tell(fleet.Input{Op: fleet.OpFailed, Env: e.id, Cause: cause})
	s.mu.Unlock()
	s.do(acts)
}

func startFailure(err error) *failure {
	var missing *InvalidEntrypointError
	if errors.As(err, &missing) {
		return &failure{errorType: "Runtime.InvalidEntrypoint", message: missing.Error(), status: telemetry.Errored}
	}
	var launch *LaunchError
	if errors.As(err, &launch) {
		return &failure{errorType: launch.Type, message: launch.Message, status: telemetry.Errored}
	}
	return &failure{platform: err}
}

// awaitStop waits for the fleet's order to stop, which answers every failed start.
func (e *Environment) awaitStop() {
	for {
		select {
		case o := <-e.orders:
			if o == orderStop {
				return
			}
		case <-e.s.ctx.Done():
			return
		}
	}
}

// exited handles the end of the process that nobody ordered.
func (e *Environment) exited() {
	e.mu.Lock()
	inst := e.instance
	e.mu.Unlock()
	e.drain()
	exit := inst.Exit()
	why := &failure{message: exitMessage(exit), errorType: "Runtime.ExitError", status: telemetry.Errored}
	s := e.s
	s.mu.Lock()
	var acts []action
	switch {
	case exit.Lost:
		acts = e.lose(why)
	case e.phase == initializing:
		acts = e.failLocked(fleet.InitError, why)
	case e.phase != dead:
		acts = e.failLocked(fleet.Crash, why)
	}
	s.mu.Unlock()
	s.do(acts)
}

// exitMessage is AWS's wording of a runtime's end (spec lambda.md §4.2). What is lost with its sandbox was killed.
func exitMessage(x Exit) string {
	switch {
	case x.Lost:
		return "Runtime exited with error: signal: killed"
	case x.Signal != "":
		return "Runtime exited with error: signal: " + x.Signal
	case x.Code != 0:
		return fmt.Sprintf("Runtime exited with error: exit status %d", x.Code)
	}
	return "Runtime exited without providing a reason"
}

// failLocked ends the environment's INIT or invocation with a failure. The caller carries out the actions after it has released the lock.
func (e *Environment) failLocked(cause fleet.Cause, why *failure) []action {
	s := e.s
	e.stopAlarm()
	e.idleSince.Store(0)
	if e.phase == initializing {
		e.reportInit(time.Since(e.exists), why.status, why.errorType)
	}
	e.phase = dead
	e.failure = why
	e.slot.release()
	if r := e.cur; r != nil && !r.responded.IsZero() { // the caller has its answer, or gets it now; only the report is missing
		e.finish(r, time.Now(), why.status, why.errorType)
	}
	return s.tell(fleet.Input{Op: fleet.OpFailed, Env: e.id, Cause: cause})
}

// kill ends the processes and keeps the sandbox. The Runtime API forgets them after they are gone: a connection that comes later is the next
// process's.
func (e *Environment) kill() Instance {
	e.mu.Lock()
	inst := e.instance
	e.thawLocked()
	e.mu.Unlock()
	if err := inst.Kill(context.Background()); err != nil {
		e.s.o.Log("end the processes of function %s: %v", e.cfg.Name, err)
	}
	e.drain()
	e.server.Reset()
	return inst
}

// remove ends everything that belongs to the environment, and tells the fleet that it is gone.
func (e *Environment) remove() {
	e.cancel(errStopped)
	s := e.s
	s.mu.Lock()
	e.phase = stopping
	e.idleSince.Store(0)
	e.stopAlarm()
	e.slot.release()
	if r := e.cur; r != nil && !r.responded.IsZero() {
		e.finish(r, time.Now(), r.status(), r.result.ErrorType)
	}
	s.mu.Unlock()
	e.mu.Lock()
	inst := e.instance
	e.thawLocked()
	e.mu.Unlock()
	if inst != nil {
		if err := inst.Stop(context.Background(), closeGrace); err != nil {
			s.o.Log("stop an environment of function %s: %v", e.cfg.Name, err)
		}
	}
	if e.server != nil {
		if err := e.server.Close(); err != nil {
			s.o.Log("close the Runtime API of function %s: %v", e.cfg.Name, err)
		}
	}
	s.mu.Lock()
	acts := s.tell(fleet.Input{Op: fleet.OpGone, Env: e.id}) // fails a request that it still has: Close in mid-invoke
	if s.envs[e.id] == e {
		s.envs[e.id] = nil
	}
	s.mu.Unlock()
	s.do(acts)
}

// setAlarm starts the clock of INIT or of the invocation. Service.mu is held.
func (e *Environment) setAlarm(d time.Duration) {
	if e.alarm == nil {
		e.alarm = time.AfterFunc(d, e.timedOut)
		return
	}
	e.alarm.Reset(d)
}

func (e *Environment) stopAlarm() {
	if e.alarm != nil {
		e.alarm.Stop()
	}
}

// timedOut runs when the clock of INIT or of the invocation rings.
func (e *Environment) timedOut() {
	s := e.s
	s.mu.Lock()
	var acts []action
	switch {
	case e.phase == initializing && e.initPhase == telemetry.PhaseInit && e.polled.IsZero() && time.Since(e.exists) >= initTimeout:
		acts = e.failLocked(fleet.InitTimeout, &failure{status: telemetry.TimedOut})
	case e.phase == initializing && e.initPhase == telemetry.PhaseInvoke && e.bound != nil && time.Since(e.bound.began) >= e.cfg.Timeout:
		why := timeoutFailure(e.cfg.Timeout)
		why.init = true
		acts = e.failLocked(fleet.Timeout, why)
	case e.phase == serving && e.cur != nil && time.Since(e.cur.began) >= e.cfg.Timeout:
		e.server.Expire(e.cur.event.RequestID)
		acts = e.failLocked(fleet.Timeout, timeoutFailure(e.cfg.Timeout))
	default: // an alarm of before, which rang while it was being stopped
		s.mu.Unlock()
		return
	}
	// Before the lock is let go: the next request's order to reset must come after it.
	e.order(orderKill)
	s.mu.Unlock()
	s.do(acts)
}

func timeoutFailure(d time.Duration) *failure {
	return &failure{message: fmt.Sprintf("Task timed out after %.2f seconds", d.Seconds()), errorType: "Sandbox.Timedout", status: telemetry.TimedOut}
}

// spec of the environment for the Executor.
func (e *Environment) spec() Spec {
	return Spec{
		Environment: e.name, Function: e.cfg, Version: versionName(e.pool), Code: e.code, InitializationType: e.initType,
		RuntimeAPI: e.server.Addr(), Serve: e.server.Serve, Region: e.s.o.Region, Credentials: e.s.credentials(), Endpoints: e.s.o.Endpoints, Output: e.output,
	}
}

// credentials of one environment: the user's, or dummies with an access key id that no other environment has.
func (s *Service) credentials() Credentials {
	if s.o.Credentials != (Credentials{}) {
		return s.o.Credentials
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var b [16]byte
	_, _ = rand.Read(b[:])
	for i := range b {
		b[i] = alphabet[b[i]%32]
	}
	return Credentials{AccessKeyID: "ASIA" + string(b[:]), SecretAccessKey: "emulate", SessionToken: "emulate"}
}

// server of the real thing.
var _ server = (*runtimeapi.Server)(nil)
