package fleet

import "testing"

func TestPlacement(t *testing.T) {
	runRules(t, []rule{
		{"cold, then warm", Options{}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     started e0
			1ms  ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     freed e0
			2ms  invoke f0 r0        -> assign e0 r0
		`},
		{"a bound request waits for its own environment", Options{}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     freed e0
			# e0 is idle now, and r1 still waits for e1
			     invoke f0 r2        -> assign e0 r2
			     ready e1            -> assign e1 r1 cold
		`},
		{"most recently used first", Options{}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     invoke f0 r2        -> start e2 r2; wait e2 r2
			     ready e0            -> assign e0 r0 cold
			     ready e1            -> assign e1 r1 cold
			     ready e2            -> assign e2 r2 cold
			     responded e1 r1
			     freed e1
			     responded e2 r2
			     freed e2
			     responded e0 r0
			     freed e0
			     invoke f0 r3        -> assign e0 r3
			     invoke f0 r4        -> assign e2 r4
			     invoke f0 r5        -> assign e1 r5
		`},
		{"pools and functions do not share environments", Options{}, `
			0s   configure f0
			     configure f1
			     invoke f0 p0 r0     -> start e0 r0; wait e0 r0
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     freed e0
			     invoke f0 p2 r1     -> start e1 r1; wait e1 r1
			     invoke f1 p0 r2     -> start e2 r2; wait e2 r2
			     invoke f0 p0 r3     -> assign e0 r3
		`},
	})
}

func TestLimits(t *testing.T) {
	runRules(t, []rule{
		{"reserved concurrency counts INIT and the answered", Options{}, `
			0s   configure f0 reserved=2
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     invoke f0 r2        -> throttle r2 ReservedFunctionConcurrentInvocationLimitExceeded
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     invoke f0 r2        -> throttle r2 ReservedFunctionConcurrentInvocationLimitExceeded
			     freed e0
			     invoke f0 r2        -> assign e0 r2
		`},
		{"reserved 0 throttles everything", Options{}, `
			0s   configure f0 reserved=0
			     invoke f0 r0        -> throttle r0 ReservedFunctionConcurrentInvocationLimitExceeded
		`},
		{"the account without reservations", Options{AccountConcurrency: 3}, `
			0s   configure f0
			     configure f1
			     configure f2 reserved=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f1 r1        -> start e1 r1; wait e1 r1
			     invoke f0 r2        -> throttle r2 ConcurrentInvocationLimitExceeded
			     invoke f2 r2        -> start e2 r2; wait e2 r2
			     invoke f2 r3        -> throttle r3 ReservedFunctionConcurrentInvocationLimitExceeded
		`},
		{"an idle environment is no use at a limit", Options{}, `
			0s   configure f0 reserved=2
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     freed e0
			     configure f0 reserved=1
			     invoke f0 r2        -> throttle r2 ReservedFunctionConcurrentInvocationLimitExceeded
			     configure f0 reserved=2
			     invoke f0 r2        -> assign e0 r2
		`},
		{"a lowered reservation keeps what it still uses", Options{AccountConcurrency: 3}, `
			0s   configure f0 reserved=2
			     configure f1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     configure f0 reserved=0
			     invoke f1 r2        -> start e2 r2; wait e2 r2
			     invoke f1 r3        -> throttle r3 ConcurrentInvocationLimitExceeded
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     freed e0
			     invoke f1 r3        -> start e3 r3; wait e3 r3
		`},
		{"reservations above the account do not lift its limit", Options{AccountConcurrency: 1}, `
			0s   configure f0 reserved=1
			     configure f1 reserved=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f1 r1        -> throttle r1 ConcurrentInvocationLimitExceeded
		`},
	})
}

// A request waits for a slot that is about to be freed.
func TestGrace(t *testing.T) {
	runRules(t, []rule{
		{"grace: the slot that is about to be free", Options{Grace: 5e6}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			1ms  invoke f0 r1        -> wait r1
			# one slot, one waiting request: the next one starts its own
			     invoke f0 r2        -> start e1 r2; wait e1 r2
			2ms  freed e0            -> assign e0 r1
		`},
		{"grace: at the limit it spares the throttle", Options{Grace: 5e6}, `
			0s   configure f0 reserved=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     invoke f0 r1        -> wait r1
			     invoke f0 r2        -> throttle r2 ReservedFunctionConcurrentInvocationLimitExceeded
			     freed e0            -> assign e0 r1
		`},
		{"grace passes: an environment of its own", Options{Grace: 5e6}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			1ms  invoke f0 r1        -> wait r1
			5999us wake
			6ms  wake                -> start e1 r1; wait e1 r1
			     freed e0
			     ready e1            -> assign e1 r1 cold
		`},
		{"grace passes: a throttle", Options{Grace: 5e6}, `
			0s   configure f0 reserved=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     invoke f0 r1        -> wait r1
			5ms  wake                -> throttle r1 ReservedFunctionConcurrentInvocationLimitExceeded
			     freed e0
			     invoke f0 r1        -> assign e0 r1
		`},
		{"grace: first come, first served, the abandoned left out", Options{Grace: 5e6}, `
			0s   configure f0 reserved=3
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     invoke f0 r2        -> start e2 r2; wait e2 r2
			     ready e0            -> assign e0 r0 cold
			     ready e1            -> assign e1 r1 cold
			     ready e2            -> assign e2 r2 cold
			     responded e0 r0
			     responded e1 r1
			     responded e2 r2
			     invoke f0 r3        -> wait r3
			     invoke f0 r4        -> wait r4
			     invoke f0 r5        -> wait r5
			     abandon r4
			     freed e1            -> assign e1 r3
			     freed e0            -> assign e0 r5
			     freed e2
		`},
		{"grace: a slot that is lost", Options{Grace: 5e6}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     invoke f0 r1        -> wait r1
			     gone e0             -> start e0 r1; wait e0 r1
			     ready e0            -> assign e0 r1 cold
			     responded e0 r1
			     invoke f0 r2        -> wait r2
			     failed e0 Crash     -> reset e0 r2; wait e0 r2
			     ready e0            -> assign e0 r2 cold
		`},
		{"grace: over a reload, at the limit", Options{Grace: 5e6}, `
			0s   configure f0 g1 reserved=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     configure f0 g2 reserved=1
			     invoke f0 r1        -> wait r1
			     freed e0            -> stop e0 Replaced; start e1 r1; wait e1 r1
			     gone e0
			     ready e1            -> assign e1 r1 cold
		`},
		{"no grace for what drains while there is room", Options{Grace: 5e6}, `
			0s   configure f0 g1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     configure f0 g2
			     invoke f0 r1        -> start e1 r1; wait e1 r1
		`},
		{"grace: nobody overtakes when room comes from another function", Options{AccountConcurrency: 2, Grace: 5e6}, `
			0s   configure f0
			     configure f1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     ready e0            -> assign e0 r0 cold
			     ready e1            -> assign e1 r1 cold
			     responded e0 r0
			     freed e0
			     invoke f1 r2        -> start e2 r2; wait e2 r2
			     responded e1 r1
			     invoke f0 r3        -> wait r3
			     abandon r2
			     invoke f0 r4        -> assign e0 r3; wait r4
			     freed e1            -> assign e1 r4
		`},
	})
}
