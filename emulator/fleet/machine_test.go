package fleet

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// steps of the state machine test; the long run is go test -run Machine -fleet.steps 2000000.
var steps = flag.Int("fleet.steps", 100_000, "steps of the state machine test")

// TestMachine drives a fleet and the model with the same inputs, legal ones in any order, and holds every decision against the model and, apart
// from it, against what the owner of a fleet relies on (ledger).
func TestMachine(t *testing.T) {
	const perRun = 80 // inputs, and more
	for name, value := range map[string]int{"rapid.checks": *steps/perRun + 1, "rapid.steps": 3 * perRun} {
		old := flag.Lookup(name).Value.String()
		if err := flag.Set(name, strconv.Itoa(value)); err != nil {
			t.Fatalf("set %s: %v", name, err)
		}
		t.Cleanup(func() { _ = flag.Set(name, old) })
	}
	done := 0
	kinds := map[string]int{}
	for done < *steps {
		rapid.Check(t, func(t *rapid.T) {
			m := newMachine(t)
			t.Repeat(m.actions())
			m.finish(t)
			m.replay(t)
			done += len(m.log)
			for k, n := range m.kinds {
				kinds[k] += n
			}
		})
	}
	t.Logf("%d inputs; decisions: %v", done, kinds)
	for _, k := range []string{
		"start", "assign", "assign cold", "wait", "wait bound", "reset", "stop Idle", "stop Replaced", "stop Closing", "stop Broken",
		"throttle ConcurrentInvocationLimitExceeded", "throttle ReservedFunctionConcurrentInvocationLimitExceeded",
		"throttle FunctionInvocationRateLimitExceeded", "fail InitError", "fail InitTimeout", "fail Crash", "fail Timeout", "fail StartError", "fail Lost",
		"fail Removed",
	} {
		if kinds[k] < *steps/20_000 {
			t.Errorf("%q was decided %d times: the test does not reach it", k, kinds[k])
		}
	}
}

type machine struct {
	opt    Options
	fleet  *Fleet
	model  *model
	ledger *ledger
	now    Time
	log    []Input
	outs   []Decision
	kinds  map[string]int
}

const machineReqs = 24

func newMachine(t *rapid.T) *machine {
	o := Options{
		AccountConcurrency: rapid.Int32Range(1, 9).Draw(t, "account"),
		IdleTimeout:        rapid.SampledFrom([]Time{1e6, 50e6, 2e9}).Draw(t, "idle"),
		Grace:              rapid.SampledFrom([]Time{0, 5e6, 5e6}).Draw(t, "grace"),
	}
	m := &machine{opt: o, fleet: New(o), model: newModel(o), kinds: map[string]int{}}
	m.ledger = newLedger(o)
	for fn := range FuncID(rapid.IntRange(1, 3).Draw(t, "functions")) {
		m.configure(t, fn, 1)
	}
	return m
}

func (m *machine) actions() map[string]func(*rapid.T) {
	invoke := func(t *rapid.T) {
		req := ReqID(rapid.IntRange(0, machineReqs-1).Draw(t, "req"))
		if m.model.reqs[req] != nil {
			t.Skip("request has not ended")
		}
		m.step(t, Input{Op: OpInvoke, Func: m.drawFunc(t), Pool: rapid.SampledFrom([]Pool{0, 0, 0, 1}).Draw(t, "pool"), Req: req})
	}
	return map[string]func(*rapid.T){
		"invoke": invoke, "invoke 2": invoke, "invoke 3": invoke,
		"progress": m.progress, "progress 2": m.progress, "progress 3": m.progress, "progress 4": m.progress, "progress 5": m.progress,
		"trouble": m.trouble,
		"abandon": func(t *rapid.T) {
			req := ReqID(rapid.IntRange(0, machineReqs-1).Draw(t, "req"))
			if m.model.reqs[req] == nil {
				t.Skip("no such request")
			}
			m.step(t, Input{Op: OpAbandon, Req: req})
		},
		"time": func(t *rapid.T) {
			m.now += rapid.SampledFrom([]Time{1, 1, 1e6, 1e6, 4_999_999, 5e6, 40e6, 333_333_333, 1e9}).Draw(t, "passes")
		},
		"wake": func(t *rapid.T) {
			if next, ok := m.fleet.Next(); ok && rapid.Bool().Draw(t, "next") {
				m.now = max(m.now, next)
			}
			m.step(t, Input{Op: OpWake})
		},
		"configure": func(t *rapid.T) {
			fn := m.drawFunc(t)
			if m.model.funcs[fn].live && rapid.IntRange(0, 4).Draw(t, "seldom") > 0 {
				t.Skip("not now")
			}
			m.configure(t, fn, m.model.funcs[fn].generation+rapid.SampledFrom([]int32{0, 0, 1}).Draw(t, "reload"))
		},
		"remove": func(t *rapid.T) {
			if rapid.IntRange(0, 19).Draw(t, "seldom") > 0 {
				t.Skip("not now")
			}
			m.step(t, Input{Op: OpRemove, Func: m.drawFunc(t)})
		},
	}
}

func (m *machine) drawFunc(t *rapid.T) FuncID {
	return FuncID(rapid.IntRange(0, len(m.model.funcs)-1).Draw(t, "fn"))
}

func (m *machine) configure(t *rapid.T, fn FuncID, generation int32) {
	l := Limits{
		Reserved:        rapid.SampledFrom([]int32{-1, -1, -1, 0, 1, 2, 5}).Draw(t, "reserved"),
		StartBurst:      rapid.SampledFrom([]int32{1, 3, 20}).Draw(t, "burst"),
		StartsPerSecond: rapid.SampledFrom([]int32{1, 7, 200}).Draw(t, "rate"),
		IdleTimeout:     rapid.SampledFrom([]Time{0, 3e6, 400e6}).Draw(t, "idle"),
	}
	m.step(t, Input{Op: OpConfigure, Func: fn, Limits: l, N: generation})
}

func (m *machine) drawEnv(t *rapid.T) (EnvID, *modelEnv) {
	ids := m.model.envIDs()
	if len(ids) == 0 {
		t.Skip("no environment")
	}
	id := rapid.SampledFrom(ids).Draw(t, "env")
	return id, m.model.envs[id]
}

// progress is what a healthy environment reports next.
func (m *machine) progress(t *rapid.T) {
	id, e := m.drawEnv(t)
	if in := m.nextReport(t, id, e); in.Op != 0 {
		m.step(t, in)
		return
	}
	t.Skip("it is idle")
}

func (m *machine) nextReport(t *rapid.T, id EnvID, e *modelEnv) Input {
	in := Input{Env: id, N: 1}
	switch e.state {
	case StateStarting, StateReset:
		in.Op = rapid.SampledFrom([]Op{OpStarted, OpReady}).Draw(t, "op")
	case StateInit:
		in.Op = OpReady
	case StateInvoke:
		in.Op, in.Req = OpResponded, e.req
	case StateResponded:
		in.Op = OpFreed
	case StateStopping:
		in.Op = OpGone
	}
	return in
}

// trouble is what may come of any environment at any time.
func (m *machine) trouble(t *rapid.T) {
	id, e := m.drawEnv(t)
	in := Input{Env: id, N: 1, Op: rapid.SampledFrom([]Op{OpFailed, OpFailed, OpFailed, OpFailed, OpFailed, OpGone, OpStarted}).Draw(t, "op")}
	if e.state == StateStopping {
		in.Op = rapid.SampledFrom([]Op{OpStarted, OpReady, OpResponded, OpFreed, OpFailed}).Draw(t, "late")
	}
	if in.Op == OpFailed {
		in.Cause = Cause(rapid.IntRange(int(InitError), int(Lost)).Draw(t, "cause"))
	}
	m.step(t, in)
}

func (m *machine) step(t *rapid.T, in Input) {
	t.Helper()
	in.Time = m.now
	m.log = append(m.log, in)
	got, want := m.fleet.Apply(in, nil), m.model.apply(in)
	sortReaped(got)
	sortReaped(want)
	m.outs = append(m.outs, got...)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Fatalf("%+v\nmodel decides %s\nfleet decides %s", in, describe(want), describe(got))
	}
	checkInvariants(t, m.fleet)
	m.checkNext(t, in)
	if err := m.ledger.record(in, got); err != nil {
		t.Fatalf("%+v gives %s: %v", in, describe(got), err)
	}
	for _, d := range got {
		m.kinds[kindOf(d)]++
	}
}

// sortReaped forgets the order in which pools were reaped, which is no promise.
func sortReaped(ds []Decision) {
	first := slices.IndexFunc(ds, func(d Decision) bool { return d.Why == Idle })
	if first >= 0 {
		slices.SortFunc(ds[first:], func(a, b Decision) int { return cmp.Compare(a.Env, b.Env) })
	}
}

func kindOf(d Decision) string {
	if d.Kind == Wait && d.Env != NoEnv {
		return "wait bound"
	}
	d.Env, d.Req = NoEnv, NoReq
	return describeOne(d)
}

func (m *machine) checkNext(t *rapid.T, in Input) {
	t.Helper()
	next, ok := m.fleet.Next()
	if want, wanted := m.model.next(); wanted && (!ok || next > want) {
		t.Fatalf("%+v: Next is %d, %v, but at %d something is to be done", in, next, ok, want)
	}
	if in.Op == OpWake && ok && next <= m.now {
		t.Fatalf("Next is %d after a Wake at %d", next, m.now)
	}
}

// finish closes the fleet and lets everything end.
func (m *machine) finish(t *rapid.T) {
	t.Helper()
	m.step(t, Input{Op: OpClose})
	for len(m.model.envs) > 0 {
		id := m.model.envIDs()[0]
		m.step(t, m.nextReport(t, id, m.model.envs[id]))
	}
	if got, want := m.fleet.Account().Environments, int32(0); got != want {
		t.Fatalf("%d environments are left", got)
	}
	if a := m.fleet.Account(); a.InFlight != 0 || a.Waiting != 0 || a.Unreserved != a.Concurrency {
		t.Fatalf("after Close the account has %+v", a)
	}
	if _, ok := m.fleet.Next(); ok {
		t.Fatalf("after Close something is to be done")
	}
	for req, r := range m.ledger.requests {
		t.Fatalf("request %d never ended: %+v", req, r)
	}
}

// replay gives the log to a new fleet.
func (m *machine) replay(t *rapid.T) {
	t.Helper()
	f := New(m.opt)
	var again []Decision
	for _, in := range m.log {
		first := len(again)
		again = f.Apply(in, again)
		sortReaped(again[first:])
	}
	if !slices.Equal(again, m.outs) {
		t.Fatalf("the log of %d inputs gives other decisions when it is replayed", len(m.log))
	}
}

// ledger keeps the books of a fleet's owner, from inputs and decisions alone.
type ledger struct {
	opt       Options
	reserved  map[FuncID]int
	requests  map[ReqID]*ledgerReq
	slots     map[EnvID]FuncID // environments whose slot is taken
	envs      map[EnvID]bool
	responded map[EnvID]bool
}

type ledgerReq struct {
	fn       FuncID
	env      EnvID // where it is bound or runs
	running  bool
	accepted bool
	deadline Time
}

func newLedger(o Options) *ledger {
	return &ledger{
		opt: o, reserved: map[FuncID]int{}, requests: map[ReqID]*ledgerReq{}, slots: map[EnvID]FuncID{}, envs: map[EnvID]bool{},
		responded: map[EnvID]bool{},
	}
}

func (l *ledger) inFlight(fn FuncID) int {
	n := 0
	for _, f := range l.slots {
		if f == fn {
			n++
		}
	}
	return n
}

func (l *ledger) record(in Input, ds []Decision) error {
	switch in.Op {
	case OpConfigure:
		l.reserved[in.Func] = int(in.Limits.Reserved)
	case OpRemove:
		l.reserved[in.Func] = -1
	case OpInvoke:
		l.requests[in.Req] = &ledgerReq{fn: in.Func, env: NoEnv}
	case OpAbandon:
		if r := l.requests[in.Req]; !r.running {
			delete(l.slots, r.env)
			delete(l.requests, in.Req)
		}
	case OpResponded:
		if r := l.requests[in.Req]; r != nil && r.env == in.Env && r.running {
			delete(l.requests, in.Req)
			l.responded[in.Env] = true
		}
	case OpFreed, OpFailed, OpGone:
		if l.responded[in.Env] {
			delete(l.slots, in.Env)
			delete(l.responded, in.Env)
		}
		if in.Op == OpGone {
			delete(l.envs, in.Env)
		}
	}
	for _, d := range ds {
		if err := l.decision(in, d); err != nil {
			return fmt.Errorf("%s: %w", describeOne(d), err)
		}
	}
	for req, r := range l.requests {
		switch {
		case !r.accepted:
			return fmt.Errorf("request %d is neither accepted nor refused", req)
		case in.Op == OpWake && r.env == NoEnv && r.deadline <= in.Time:
			return fmt.Errorf("request %d waits on after its grace", req)
		}
	}
	return nil
}

func (l *ledger) decision(in Input, d Decision) error {
	r := l.requests[d.Req]
	if d.Req != NoReq && r == nil {
		return fmt.Errorf("the request had ended")
	}
	switch d.Kind {
	case Start:
		if l.envs[d.Env] {
			return fmt.Errorf("the environment exists")
		}
		l.envs[d.Env] = true
	case Wait:
		if r.env != NoEnv {
			return fmt.Errorf("it was bound to %d", r.env)
		}
		r.accepted = true
		if d.Env == NoEnv {
			r.deadline = in.Time + l.opt.Grace
			return nil
		}
		return l.occupy(d, r)
	case Assign:
		if d.Cold != (r.env != NoEnv) || r.env != NoEnv && r.env != d.Env {
			return fmt.Errorf("it was bound to %d", r.env)
		}
		r.accepted, r.running = true, true
		if !d.Cold {
			return l.occupy(d, r)
		}
	case Throttle:
		delete(l.requests, d.Req)
		if r.env != NoEnv || r.accepted && in.Time < r.deadline && in.Op == OpWake {
			return fmt.Errorf("it was bound, or had time left: %+v", *r)
		}
		return l.throttled(d)
	case Fail:
		delete(l.requests, d.Req)
		delete(l.slots, r.env)
		if r.env != d.Env {
			return fmt.Errorf("it was in %d", r.env)
		}
	case Stop:
		if _, busy := l.slots[d.Env]; busy {
			return fmt.Errorf("it has a request")
		}
	}
	return nil
}

// occupy takes the one slot of an environment, and holds the counts against the limits.
func (l *ledger) occupy(d Decision, r *ledgerReq) error {
	if _, taken := l.slots[d.Env]; taken {
		return fmt.Errorf("its slot is taken")
	}
	r.env = d.Env
	l.slots[d.Env] = d.Func
	if reserved := l.reserved[d.Func]; reserved >= 0 && l.inFlight(d.Func) > reserved {
		return fmt.Errorf("%d in flight, %d reserved", l.inFlight(d.Func), reserved)
	}
	if n := len(l.slots); n > int(l.opt.AccountConcurrency) {
		return fmt.Errorf("%d in flight, the account has %d", n, l.opt.AccountConcurrency)
	}
	return nil
}

// throttled checks that the limit that is named is reached.
func (l *ledger) throttled(d Decision) error {
	reserved, n := l.reserved[d.Func], l.inFlight(d.Func)
	most := 0 // that can be taken or kept from unreserved functions
	for fn, r := range l.reserved {
		most += max(r, l.inFlight(fn))
	}
	switch {
	case d.Reason == ReservedFunctionConcurrentInvocationLimitExceeded && (reserved < 0 || n < reserved),
		d.Reason == ConcurrentInvocationLimitExceeded && most < int(l.opt.AccountConcurrency),
		d.Reason == ConcurrentInvocationLimitExceeded && reserved >= 0 && len(l.slots) < int(l.opt.AccountConcurrency):
		return fmt.Errorf("no limit is reached: %d in flight of %d, %d taken or reserved of %d", n, reserved, most, l.opt.AccountConcurrency)
	}
	return nil
}
