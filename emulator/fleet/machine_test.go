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

// steps of the state machine test; a short run is go test -run Machine -fleet.steps 50000.
var steps = flag.Int("fleet.steps", 1_000_000, "steps of the state machine test")

// TestMachine drives a fleet and the model with the same inputs, legal ones in any order, and holds every decision against the model and, apart
// from it, against what the owner of a fleet relies on (ledger).
func TestMachine(t *testing.T) {
	const perRun = 50 // inputs, or a few more
	if testing.Short() {
		*steps = min(*steps, 100_000)
	}
	for name, value := range map[string]int{"rapid.checks": *steps/perRun + 1, "rapid.steps": 240} {
		old := flag.Lookup(name).Value.String()
		if err := flag.Set(name, strconv.Itoa(value)); err != nil {
			t.Fatalf("set %s: %v", name, err)
		}
		t.Cleanup(func() { _ = flag.Set(name, old) })
	}
	done := 0
	kinds := map[string]int{}
	cover := coverage{}
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
			cover.add(m.cover)
		})
	}
	t.Logf("%d inputs; decisions: %v", done, kinds)
	cover.report(t, *steps)
	for _, k := range []string{
		"start provisioned", "start spill", "assign provisioned", "assign spill", "stop Recycled", "stop Forced", "stop Unprovisioned",
		"throttle ReservedFunctionInvocationRateLimitExceeded", "start", "assign", "assign cold", "wait", "wait bound", "reset", "stop Idle", "stop Replaced", "stop Closing", "stop Broken",
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
	cover  coverage
}

const machineReqs = 24

func newMachine(t *rapid.T) *machine {
	o := Options{
		AccountConcurrency: rapid.Int32Range(1, 9).Draw(t, "account"),
		IdleTimeout:        rapid.SampledFrom([]Time{1e6, 50e6, 2e9}).Draw(t, "idle"),
		Grace:              rapid.SampledFrom([]Time{0, 5e6, 5e6}).Draw(t, "grace"),

		RequestRate:         rapid.SampledFrom([]int32{0, 0, 1, 3}).Draw(t, "request rate"),
		ProvisionsPerSecond: rapid.SampledFrom([]int32{1, 3, 100}).Draw(t, "provisions"),
	}
	if rapid.Bool().Draw(t, "lifetimes") {
		o.Lifetimes = Lifetimes{Seed: 1, Idle: Span{1e6, 200e6}, Age: Span{40e6, 4e9}}
	}
	m := &machine{opt: o, fleet: New(o), model: newModel(o), kinds: map[string]int{}, cover: coverage{}}
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
		m.step(t, Input{Op: OpInvoke, Func: m.drawFunc(t), Pool: rapid.SampledFrom([]Pool{0, 0, 1, 1, 2}).Draw(t, "pool"), Req: req})
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
		"provision": func(t *rapid.T) {
			if rapid.IntRange(0, 2).Draw(t, "seldom") > 0 {
				t.Skip("not now")
			}
			n := rapid.SampledFrom([]int32{0, 1, 1, 2, 3, 5}).Draw(t, "n")
			m.step(t, Input{Op: OpProvision, Func: m.drawFunc(t), Pool: rapid.SampledFrom([]Pool{1, 1, 2}).Draw(t, "pool"), N: n})
		},
		"renew": func(t *rapid.T) {
			if rapid.IntRange(0, 4).Draw(t, "seldom") > 0 {
				t.Skip("not now")
			}
			m.step(t, Input{Op: OpRenew, Func: m.drawFunc(t), Pool: rapid.SampledFrom([]Pool{0, 1, 2}).Draw(t, "pool")})
		},
		"cold": func(t *rapid.T) {
			if rapid.IntRange(0, 4).Draw(t, "seldom") > 0 {
				t.Skip("not now")
			}
			fn := AllFuncs
			if rapid.Bool().Draw(t, "one") {
				fn = m.drawFunc(t)
			}
			m.step(t, Input{Op: OpCold, Func: fn, N: rapid.SampledFrom([]int32{-1, 0, 1, 2}).Draw(t, "n")})
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
	m.cover.input(m.model, in)
	before := ProvisionState{}
	if in.Op == OpInvoke {
		before = m.fleet.Provisioned(in.Func, in.Pool)
	}
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
		roomFor := before.Available > before.InFlight && m.opt.RequestRate == 0
		if d.Spill && d.Req == in.Req && roomFor && !m.ledger.atLimit(in.Func, int32(1)) {
			t.Fatalf("%+v spills over, but %+v", in, before)
		}
	}
	m.checkTimes(t, in)
}

// checkTimes holds the model's own view of what is provisioned against the fleet's.
func (m *machine) checkTimes(t *rapid.T, in Input) {
	t.Helper()
	for fn, f := range m.model.funcs {
		for pool, pr := range f.pools {
			s := m.fleet.Provisioned(fn, pool)
			if serving := m.model.serving(pr); int(s.Requested) != pr.target || int(s.Available) != min(pr.available, serving) || s.Status != pr.status ||
				int(s.Allocated) != min(pr.target, serving) || int(s.InFlight) != m.model.provisionedInFlight(pr) {
				t.Fatalf("%+v: pool %d of function %d has %+v, the model %+v", in, pool, fn, s, *pr)
			}
		}
	}
}

// sortReaped forgets the order in which environments were reaped, which is no promise.
func sortReaped(ds []Decision) {
	reaped := func(d Decision) bool { return d.Why == Idle || d.Why == Recycled }
	slices.SortStableFunc(ds, func(a, b Decision) int {
		switch {
		case reaped(a) && reaped(b):
			return cmp.Compare(a.Env, b.Env)
		case reaped(a):
			return 1
		case reaped(b):
			return -1
		}
		return 0
	})
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
	opt      Options
	reserved map[FuncID]int
	requests map[ReqID]*ledgerReq
	slots    map[EnvID]FuncID // environments whose slot is taken
	// provisioned concurrency that was asked for, and the provisioned environments whose slot is taken
	provisioned map[FuncID]map[Pool]int
	busy        map[EnvID]Pool
	quotas      map[FuncID]*quota // of reserved functions; the account's is AllFuncs'
	envs        map[EnvID]bool
	responded   map[EnvID]bool
}

// quota remembers the requests that were accepted in the last second under one quota of requests.
type quota struct {
	times   []Time
	changed Time // of its size
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
		responded: map[EnvID]bool{}, provisioned: map[FuncID]map[Pool]int{}, busy: map[EnvID]Pool{},
		quotas: map[FuncID]*quota{AllFuncs: {changed: -1e9}},
	}
}

// unused is what is provisioned for a function and not in use.
func (l *ledger) unused(fn FuncID) int {
	sum := 0
	for pool, n := range l.provisioned[fn] {
		for env, p := range l.busy {
			if p == pool && l.slots[env] == fn {
				n--
			}
		}
		sum += max(0, n)
	}
	return sum
}

func (l *ledger) used(fn FuncID) int { return l.inFlight(fn) + l.unused(fn) }

// atLimit says whether a function that now has more requests than before has no room left, even for provisioned concurrency.
func (l *ledger) atLimit(fn FuncID, more int32) bool {
	r := l.reserved[fn]
	return r >= 0 && l.inFlight(fn) > r-int(more) || len(l.slots) > int(l.opt.AccountConcurrency-more)
}

// count notes that a request was accepted, and holds it against the quota: no second has more than a full bucket and what flows into it meanwhile.
func (l *ledger) count(now Time, fn FuncID) error {
	q := l.quotaOf(fn)
	q.times = append(slices.DeleteFunc(q.times, func(at Time) bool { return at <= now-1e9 }), now)
	if most := 2 * l.concurrency(fn) * int(l.opt.RequestRate); l.opt.RequestRate > 0 && q.changed <= now-1e9 && len(q.times) > most {
		return fmt.Errorf("%d requests within a second, %d are too many", len(q.times), most)
	}
	return nil
}

// concurrency is what the function's quota of requests is measured by.
func (l *ledger) concurrency(fn FuncID) int {
	if r := l.reserved[fn]; r >= 0 {
		return r
	}
	return int(l.opt.AccountConcurrency)
}

func (l *ledger) quotaOf(fn FuncID) *quota {
	if l.reserved[fn] < 0 {
		return l.quotas[AllFuncs]
	}
	return l.quotas[fn]
}

// quotaReached says whether so many requests were accepted within a second that one more may be refused.
func (l *ledger) quotaReached(now Time, fn FuncID) bool {
	q, n := l.quotaOf(fn), 0
	for _, at := range q.times {
		if at > now-1e9 {
			n++
		}
	}
	return l.opt.RequestRate > 0 && (n >= l.concurrency(fn)*int(l.opt.RequestRate) || q.changed > now-1e9)
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
		l.quotas[in.Func] = &quota{changed: in.Time}
	case OpProvision:
		if l.provisioned[in.Func] == nil {
			l.provisioned[in.Func] = map[Pool]int{}
		}
		l.provisioned[in.Func][in.Pool] = int(in.N)
	case OpRemove:
		l.reserved[in.Func] = -1
		delete(l.provisioned, in.Func)
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
			delete(l.busy, in.Env)
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
		if d.Provisioned != (d.Req == NoReq) || d.Provisioned && l.provisioned[d.Func][d.Pool] == 0 {
			return fmt.Errorf("nothing is provisioned, or it starts for a request")
		}
		l.envs[d.Env] = true
	case Wait:
		if r.env != NoEnv {
			return fmt.Errorf("it was bound to %d", r.env)
		}
		if in.Op == OpInvoke && d.Req == in.Req {
			if err := l.count(in.Time, d.Func); err != nil {
				return err
			}
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
		if d.Provisioned {
			l.busy[d.Env] = d.Pool
		}
		if in.Op == OpInvoke && d.Req == in.Req {
			if err := l.count(in.Time, d.Func); err != nil {
				return err
			}
		}
		if !d.Cold {
			return l.occupy(d, r)
		}
	case Throttle:
		delete(l.requests, d.Req)
		if r.env != NoEnv || r.accepted && in.Time < r.deadline && in.Op == OpWake {
			return fmt.Errorf("it was bound, or had time left: %+v", *r)
		}
		return l.throttled(in.Time, d)
	case Fail:
		delete(l.requests, d.Req)
		delete(l.slots, r.env)
		delete(l.busy, r.env)
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
func (l *ledger) throttled(now Time, d Decision) error {
	reserved, n := l.reserved[d.Func], l.used(d.Func)
	most := 0 // that can be taken or kept from unreserved functions
	for fn, r := range l.reserved {
		most += max(r, l.used(fn))
	}
	switch {
	case d.Reason == ReservedFunctionInvocationRateLimitExceeded && (reserved < 0 || !l.quotaReached(now, d.Func)):
		return fmt.Errorf("no quota is reached: %+v, %d reserved", l.quotaOf(d.Func), reserved)
	case d.Reason == ReservedFunctionConcurrentInvocationLimitExceeded && (reserved < 0 || n < reserved),
		d.Reason == ConcurrentInvocationLimitExceeded && most < int(l.opt.AccountConcurrency),
		d.Reason == ConcurrentInvocationLimitExceeded && reserved >= 0 && len(l.slots) < int(l.opt.AccountConcurrency):
		return fmt.Errorf("no limit is reached: %d in flight of %d, %d taken or reserved of %d", n, reserved, most, l.opt.AccountConcurrency)
	}
	return nil
}
