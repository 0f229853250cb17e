package fleet

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestDefaultsAreAWSs(t *testing.T) {
	f := New(Options{})
	out := f.Configure(0, 0, Limits{Reserved: -1}, 1, nil)
	count := map[string]int{}
	for req := range ReqID(1100) {
		out = f.Invoke(0, 0, 0, req, out[:0])
		count[describeOne(Decision{Kind: out[0].Kind, Reason: out[0].Reason, Env: NoEnv, Req: NoReq})]++
	}
	if count["start"] != 1000 || count["throttle ConcurrentInvocationLimitExceeded"] != 100 {
		t.Errorf("1,100 requests at once gave %v, want 1000 starts and 100 throttles by the account", count)
	}

	f = New(Options{AccountConcurrency: 100_000})
	f.Configure(0, 0, Limits{Reserved: -1}, 1, nil)
	starts := 0
	for req := range ReqID(3000) { // one each 5 ms, 15 s: 1,000 at once and 100 a second
		out = f.Invoke(Time(req)*5e6, 0, 0, req, out[:0])
		if out[0].Kind == Start {
			starts++
		}
	}
	if want := 1000 + 1000 + 499; starts != want { // the bucket empties at 10 s; after that each second start
		t.Errorf("%d starts in 15 s, want %d", starts, want)
	}
	if out = f.Wake(16e9, out[:0]); len(out) != 0 {
		t.Errorf("Wake without anything due decided %s", describe(out))
	}
}

func TestNext(t *testing.T) {
	f := New(Options{Grace: 5, IdleTimeout: 100})
	expect := func(want Time, wantOK bool) {
		t.Helper()
		if got, ok := f.Next(); ok != wantOK || ok && got != want {
			t.Errorf("Next = %d, %v, want %d, %v", got, ok, want, wantOK)
		}
	}
	expect(0, false)
	f.Configure(0, 0, Limits{Reserved: 1}, 1, nil)
	f.Invoke(0, 0, 0, 0, nil)
	f.Ready(0, 0, 1, nil)
	expect(0, false)
	f.Responded(0, 0, 0, nil)
	f.Invoke(3, 0, 0, 1, nil)
	expect(8, true)
	f.Freed(4, 0, 1, nil)
	expect(104, true) // as if nobody had waited
	f.Responded(5, 0, 1, nil)
	f.Freed(6, 0, 1, nil)
	f.Invoke(50, 0, 0, 0, nil)
	f.Responded(50, 0, 0, nil)
	f.Freed(50, 0, 1, nil)
	expect(104, true) // early: it is 150 by now
	f.Wake(104, nil)
	expect(150, true)
	f.Configure(110, 0, Limits{Reserved: 1, IdleTimeout: 70}, 1, nil)
	expect(120, true)
	f.Invoke(111, 0, 0, 0, nil)
	f.Configure(112, 0, Limits{Reserved: 1, IdleTimeout: 1}, 1, nil)
	expect(0, false)
	f.Responded(113, 0, 0, nil)
	f.Freed(113, 0, 1, nil)
	expect(114, true)
	f.Close(115, nil)
	expect(0, false)
}

func TestStats(t *testing.T) {
	f := runScript(t, Options{AccountConcurrency: 10, Grace: 5e6}, `
		0s   configure f0 g1 reserved=4
		     configure f1 g1
		     invoke f0 r0        -> start e0 r0; wait e0 r0
		     invoke f0 r1        -> start e1 r1; wait e1 r1
		     invoke f0 r2        -> start e2 r2; wait e2 r2
		     invoke f1 r3        -> start e3 r3; wait e3 r3
		     ready e0            -> assign e0 r0 cold
		     ready e1            -> assign e1 r1 cold
		     responded e0 r0
		     freed e0
		     responded e1 r1
		     failed e2 InitError -> reset e2 r2
		     invoke f0 r4        -> assign e0 r4
		     invoke f0 r5        -> wait r5
		     failed e3 StartError -> fail e3 r3 StartError; stop e3 Broken
	`)
	if got, want := f.Stats(0), (Stats{Environments: 3, Starting: 1, Busy: 2, InFlight: 3, Waiting: 1}); got != want {
		t.Errorf("Stats(0) = %+v, want %+v", got, want)
	}
	if got, want := f.Stats(1), (Stats{Environments: 1}); got != want {
		t.Errorf("Stats(1) = %+v, want %+v", got, want)
	}
	if got := f.Stats(2); got != (Stats{}) {
		t.Errorf("Stats(2) = %+v, want none", got)
	}
	if got, want := f.Account(), (AccountStats{Concurrency: 10, Unreserved: 6, Environments: 4, InFlight: 3, Waiting: 1}); got != want {
		t.Errorf("Account = %+v, want %+v", got, want)
	}
	if got, want := f.EnvState(2), (EnvState{State: StateReset, Generation: 1, Req: 2, Suppressed: true}); got != want {
		t.Errorf("EnvState(2) = %+v, want %+v", got, want)
	}
	f.Configure(0, 0, Limits{Reserved: -1}, 2, nil)
	if got, want := f.EnvState(1), (EnvState{State: StateResponded, Generation: 1, Req: NoReq, Draining: true}); got != want {
		t.Errorf("EnvState(1) = %+v, want %+v", got, want)
	}
	if got := f.EnvState(99); got != (EnvState{}) {
		t.Errorf("EnvState(99) = %+v, want none", got)
	}
	if got := f.Account().UnreservedInFlight; got != 3 {
		t.Errorf("UnreservedInFlight = %d after the reservation went, want 3", got)
	}
}

func TestMisusePanics(t *testing.T) {
	const setup = `
		1s   configure f0 g5
		     invoke f0 r0        -> start e0 r0; wait e0 r0
		     invoke f0 r1        -> start e1 r1; wait e1 r1
		     ready e0            -> assign e0 r0 cold
	`
	tests := []struct{ input, want string }{
		{"0s wake", "time runs backwards"},
		{"invoke f1 r2", "function 1 was never configured"},
		{"invoke f0 r0", "request 0 has not ended"},
		{"invoke f0 r-1", "request -1 has not ended"},
		{"invoke f0 p-1 r2", "pool -1"},
		{"remove f1", "function 1 was never configured"},
		{"configure f0 g4", "generation 4 of function 0 after generation 5"},
		{"configure f-1", "function -1"},
		{"configure f0 g5 reserved=-2", "limits"},
		{"configure f0 g5 burst=-1", "limits"},
		{"configure f0 g5 rate=-1", "limits"},
		{"configure f0 g5 idle=-1s", "limits"},
		{"ready e7", "there is no environment 7"},
		{"ready e-1", "there is no environment -1"},
		{"ready e0", "environment 0 is invoke"},
		{"ready e1 n0", "0 free slots"},
		{"started e7", "there is no environment 7"},
		{"responded e0 r1", "environment 0 is invoke with request 0, not 1"},
		{"responded e1 r1", "environment 1 is starting"},
		{"freed e0", "environment 0 is invoke"},
		{"freed e1 n0", "environment 1 is starting"},
		{"failed e0 Removed", "cause Removed"},
		{"failed e0", "cause 0"},
		{"failed e7 Crash", "there is no environment 7"},
		{"gone e7", "there is no environment 7"},
		{"abandon r2", "request 2 has ended"},
		{"abandon r-1", "request -1 has ended"},
	}
	for _, tt := range tests {
		t.Run(tt.input, func(t *testing.T) {
			f := runScript(t, Options{}, setup)
			in := parseInput(t, strings.Fields(tt.input), 1e9)
			expectPanic(t, tt.want, func() { f.Apply(in, nil) })
		})
	}
	expectPanic(t, "unknown input 0", func() { New(Options{}).Apply(Input{}, nil) })
	expectPanic(t, "negative option", func() { New(Options{Grace: -1}) })
	expectPanic(t, "negative option", func() { New(Options{AccountConcurrency: -1}) })
	expectPanic(t, "negative option", func() { New(Options{IdleTimeout: -1}) })
}

func expectPanic(t *testing.T, want string, do func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "fleet: ") || !strings.Contains(got, want) {
			t.Errorf("panic %q, want one of the fleet with %q", got, want)
		}
	}()
	do()
}

// The names of the reasons go over the wire.
func TestReasonsAsAWSSendsThem(t *testing.T) {
	for reason, want := range map[Reason]string{
		ConcurrentInvocationLimitExceeded:                 "ConcurrentInvocationLimitExceeded",
		ReservedFunctionConcurrentInvocationLimitExceeded: "ReservedFunctionConcurrentInvocationLimitExceeded",
		FunctionInvocationRateLimitExceeded:               "FunctionInvocationRateLimitExceeded",
		ReservedFunctionInvocationRateLimitExceeded:       "ReservedFunctionInvocationRateLimitExceeded",
		99: "99",
	} {
		if got := reason.String(); got != want {
			t.Errorf("Reason %d is %q, want %q", reason, got, want)
		}
	}
}

func TestBucketIsExact(t *testing.T) {
	b := newBucket(0, math.MaxInt32, math.MaxInt32)
	if b.refill(math.MaxInt64); b.level != b.size {
		t.Errorf("a full bucket has %d of %d at the end of time", b.level, b.size)
	}
	// Looked at each nanosecond or once, it fills alike.
	often, once := newBucket(0, 7, 3), newBucket(0, 7, 3)
	often.level, once.level = 0, 0
	for now := Time(1); now <= 12_345; now++ {
		often.refill(now)
	}
	if once.refill(12_345); often != once || once.level != 3*12_345 {
		t.Errorf("bucket after 12,345 ns: %+v and %+v, want level %d", often, once, 3*12_345)
	}
}

// What awsapi asks before it lets a reservation or provisioned concurrency be set (spec lambda.md §6.3).
func TestReservableAndProvisionable(t *testing.T) {
	f := New(Options{})
	f.Configure(0, 0, Limits{Reserved: -1}, 1, nil)
	f.Configure(0, 1, Limits{Reserved: 300}, 1, nil)
	f.Provision(0, 0, 1, 50, nil)
	f.Provision(0, 1, 1, 100, nil)
	f.Provision(0, 1, 2, 20, nil)
	for _, c := range []struct {
		what      string
		got, want int32
	}{
		{"reservable for 0", f.Reservable(0), 600}, {"reservable for 1", f.Reservable(1), 850},
		{"provisionable for 0, pool 1", f.Provisionable(0, 1), 600}, {"provisionable for 0, pool 2", f.Provisionable(0, 2), 550},
		{"provisionable for 1, pool 1", f.Provisionable(1, 1), 280}, {"provisionable for 1, pool 3", f.Provisionable(1, 3), 180},
		{"provisioned for 1", f.ProvisionedTotal(1), 120}, {"unreserved", f.Account().Unreserved, 650},
		{"reservable of a small account", New(Options{AccountConcurrency: 10}).Reservable(0), 0},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
	want := ProvisionState{Requested: 20, Status: InProgress}
	if got := f.Provisioned(1, 2); got != want {
		t.Errorf("Provisioned = %+v, want %+v", got, want)
	}
}

// A function may have thousands of versions, each a pool.
func TestThousandsOfPools(t *testing.T) {
	f := New(Options{AccountConcurrency: 100_000})
	out := f.Configure(0, 0, Limits{Reserved: -1, StartBurst: 100_000}, 1, nil)
	for i := range 5000 {
		out = f.Invoke(0, 0, Pool(i), ReqID(i), out[:0])
		out = f.Ready(0, out[0].Env, 1, out[:0])
		out = f.Responded(0, EnvID(i), ReqID(i), out[:0])
		out = f.Freed(0, EnvID(i), 1, out[:0])
	}
	if out = f.Wake(DefaultIdleTimeout, out[:0]); len(out) != 5000 {
		t.Errorf("%d of 5000 environments are reaped", len(out))
	}
}
