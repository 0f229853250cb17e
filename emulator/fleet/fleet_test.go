package fleet

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestRules(t *testing.T) {
	tests := []struct {
		name   string
		opt    Options
		script string
	}{
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
		{"suppressed init", Options{}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     started e0
			     failed e0 InitError -> reset e0 r0
			     ready e0            -> assign e0 r0 cold
		`},
		{"suppressed init fails too", Options{}, `
			0s   configure f0 reserved=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     failed e0 InitTimeout -> reset e0 r0
			     failed e0 InitError -> fail e0 r0 InitError
			# the next one meets what needs a reset, and has no second try
			     invoke f0 r1        -> reset e0 r1; wait e0 r1
			     started e0
			     failed e0 InitError -> fail e0 r1 InitError
			     invoke f0 r2        -> reset e0 r2; wait e0 r2
			     ready e0            -> assign e0 r2 cold
			     responded e0 r2
			     freed e0
			     invoke f0 r3        -> assign e0 r3
		`},
		{"the function's timeout in the suppressed init", Options{}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     failed e0 InitTimeout -> reset e0 r0
			     failed e0 Timeout   -> fail e0 r0 Timeout
			     invoke f0 r1        -> reset e0 r1; wait e0 r1
		`},
		{"nothing could be started", Options{}, `
			0s   configure f0 reserved=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     failed e0 StartError -> fail e0 r0 StartError; stop e0 Broken
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     gone e0
			     gone e1             -> fail e1 r1 StartError
			# EnvIDs are used again
			     invoke f0 r2        -> start e1 r2; wait e1 r2
		`},
		{"INIT fails for nobody", Options{}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     abandon r0
			     failed e0 InitError
			     invoke f0 r1        -> reset e0 r1; wait e0 r1
			     failed e0 InitError -> fail e0 r1 InitError
		`},
		{"ready for nobody", Options{}, `
			0s   configure f0 reserved=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     abandon r0
			# the abandoned request counts no more, and the next one does not get its environment while it starts
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     ready e0
			     ready e1            -> assign e1 r1 cold
			     responded e1 r1
			     freed e1
			     invoke f0 r2        -> assign e1 r2
		`},
		{"an abandoned request that runs goes on", Options{}, `
			0s   configure f0 reserved=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     ready e0            -> assign e0 r0 cold
			     abandon r0
			     invoke f0 r1        -> throttle r1 ReservedFunctionConcurrentInvocationLimitExceeded
			     responded e0 r0
			     freed e0
		`},
		{"crash and timeout of an invoke", Options{}, `
			0s   configure f0 reserved=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     ready e0            -> assign e0 r0 cold
			     failed e0 Crash     -> fail e0 r0 Crash
			     invoke f0 r1        -> reset e0 r1; wait e0 r1
			     ready e0            -> assign e0 r1 cold
			     failed e0 Timeout   -> fail e0 r1 Timeout
			     invoke f0 r2        -> reset e0 r2; wait e0 r2
			     ready e0            -> assign e0 r2 cold
			     responded e0 r2
			# the answer stands
			     failed e0 Timeout
			     invoke f0 r3        -> reset e0 r3; wait e0 r3
		`},
		{"a process dies between invokes, in its place", Options{}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     ready e0            -> assign e0 r0 cold
			     ready e1            -> assign e1 r1 cold
			     responded e0 r0
			     freed e0
			     responded e1 r1
			     freed e1
			     failed e0 Crash
			     failed e0 Crash
			     invoke f0 r2        -> assign e1 r2
			     invoke f0 r3        -> reset e0 r3; wait e0 r3
		`},
		{"sandboxes that are lost, whatever they do, and their replacements", Options{}, `
			0s   configure f0 burst=6 rate=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     invoke f0 r2        -> start e2 r2; wait e2 r2
			     invoke f0 r3        -> start e3 r3; wait e3 r3
			     invoke f0 r4        -> start e4 r4; wait e4 r4
			     invoke f0 r5        -> start e5 r5; wait e5 r5
			     ready e0            -> assign e0 r0 cold
			     ready e1            -> assign e1 r1 cold
			     ready e2            -> assign e2 r2 cold
			     responded e0 r0
			     freed e0
			     responded e1 r1
			     failed e3 InitError -> reset e3 r3
			     started e4
			# idle, answered, running, being reset, in INIT, starting
			     failed e0 Lost      -> stop e0 Broken
			     failed e1 Lost      -> stop e1 Broken
			     failed e2 Lost      -> fail e2 r2 Lost; stop e2 Broken
			     failed e3 Lost      -> fail e3 r3 Lost; stop e3 Broken
			     failed e4 Lost      -> fail e4 r4 Lost; stop e4 Broken
			     failed e5 Lost      -> fail e5 r5 Lost; stop e5 Broken
			     failed e5 Lost
			     invoke f0 r0        -> start e6 r0; wait e6 r0
			     invoke f0 r1        -> start e7 r1; wait e7 r1
			     invoke f0 r2        -> start e8 r2; wait e8 r2
			     invoke f0 r3        -> start e9 r3; wait e9 r3
			     invoke f0 r4        -> start e10 r4; wait e10 r4
			     invoke f0 r5        -> start e11 r5; wait e11 r5
			     invoke f0 r6        -> throttle r6 FunctionInvocationRateLimitExceeded
		`},
		{"an idle sandbox that could not be kept", Options{}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     freed e0
			     failed e0 StartError -> stop e0 Broken
			     gone e0
			     invoke f0 r1        -> start e0 r1; wait e0 r1
			     ready e0            -> assign e0 r1 cold
			     responded e0 r1
			     freed e0
			     gone e0
			     invoke f0 r2        -> start e0 r2; wait e0 r2
			     ready e0            -> assign e0 r2 cold
			     gone e0             -> fail e0 r2 Crash
		`},
		{"reload", Options{}, `
			0s   configure f0 g1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     invoke f0 r2        -> start e2 r2; wait e2 r2
			     invoke f0 r3        -> start e3 r3; wait e3 r3
			     ready e0            -> assign e0 r0 cold
			     ready e1            -> assign e1 r1 cold
			     responded e1 r1
			     freed e1
			     abandon r3
			# limits alone keep everything
			     configure f0 g1 reserved=9
			# e0 runs, e1 is idle, e2 starts for r2, e3 for nobody
			     configure f0 g2     -> stop e1 Replaced; stop e3 Replaced
			     ready e3
			     gone e3
			     ready e2            -> assign e2 r2 cold
			     responded e2 r2
			     freed e2            -> stop e2 Replaced
			     failed e0 Crash     -> fail e0 r0 Crash; stop e0 Replaced
			     failed e0 Crash
			     invoke f0 r4        -> start e3 r4; wait e3 r4
		`},
		{"an environment that drains: INIT runs again, but is not kept", Options{}, `
			0s   configure f0 g1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     configure f0 g2
			     failed e0 InitError -> reset e0 r0
			     failed e0 InitError -> fail e0 r0 InitError; stop e0 Replaced
			     abandon r1          -> stop e1 Replaced
		`},
		{"what drains counts", Options{}, `
			0s   configure f0 g1 reserved=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     configure f0 g2 reserved=1
			     invoke f0 r1        -> throttle r1 ReservedFunctionConcurrentInvocationLimitExceeded
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     freed e0            -> stop e0 Replaced
			     invoke f0 r1        -> start e1 r1; wait e1 r1
		`},
		{"removal", Options{AccountConcurrency: 3, Grace: 5e6}, `
			0s   configure f0 g7 reserved=2
			     configure f1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     invoke f0 r2        -> wait r2
			     remove f0           -> fail r2 Removed; fail e1 r1 Removed; stop e1 Closing
			     invoke f0 r3        -> fail r3 Removed
			     remove f0
			# r0's slot counts, now against the account
			     invoke f1 r4        -> start e2 r4; wait e2 r4
			     invoke f1 r5        -> start e3 r5; wait e3 r5
			     invoke f1 r6        -> throttle r6 ConcurrentInvocationLimitExceeded
			     freed e0            -> stop e0 Closing
			     invoke f1 r6        -> start e4 r6; wait e4 r6
			# back again, with any generation
			     configure f0 g1 reserved=2
			     invoke f0 r7        -> throttle r7 ConcurrentInvocationLimitExceeded
			     abandon r6
			     invoke f0 r7        -> start e5 r7; wait e5 r7
		`},
		{"close", Options{}, `
			0s   configure f0
			     configure f1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f1 r1        -> start e1 r1; wait e1 r1
			     invoke f1 r2        -> start e2 r2; wait e2 r2
			     ready e0            -> assign e0 r0 cold
			     ready e1            -> assign e1 r1 cold
			     responded e0 r0
			     freed e0
			     close               -> stop e0 Closing; fail e2 r2 Removed; stop e2 Closing
			     close
			     configure f0
			     invoke f0 r3        -> fail r3 Removed
			     invoke f9 r3        -> fail r3 Removed
			     responded e1 r1
			     freed e1            -> stop e1 Closing
			     gone e0
			     gone e1
			     gone e2
		`},
		{"scaling rate", Options{}, `
			0s   configure f0 burst=2 rate=10
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     invoke f0 r2        -> throttle r2 FunctionInvocationRateLimitExceeded
			99999999ns invoke f0 r2  -> throttle r2 FunctionInvocationRateLimitExceeded
			100ms invoke f0 r2       -> start e2 r2; wait e2 r2
			199999999ns invoke f0 r3 -> throttle r3 FunctionInvocationRateLimitExceeded
			200ms invoke f0 r3       -> start e3 r3; wait e3 r3
			10s  invoke f0 r4        -> start e4 r4; wait e4 r4
			     invoke f0 r5        -> start e5 r5; wait e5 r5
			     invoke f0 r6        -> throttle r6 FunctionInvocationRateLimitExceeded
			# a larger bucket: what was drawn stays drawn
			     configure f0 burst=3 rate=10
			     invoke f0 r6        -> start e6 r6; wait e6 r6
			     invoke f0 r7        -> throttle r7 FunctionInvocationRateLimitExceeded
			# resets and warm invokes are free
			     failed e6 InitError -> reset e6 r6
			     ready e6            -> assign e6 r6 cold
			     failed e6 Crash     -> fail e6 r6 Crash
			     invoke f0 r7        -> reset e6 r7; wait e6 r7
		`},
		{"the limit comes before the scaling rate", Options{}, `
			0s   configure f0 burst=1 rate=1 reserved=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> throttle r1 ReservedFunctionConcurrentInvocationLimitExceeded
		`},
		{"a reload does not draw on the scaling rate", Options{}, `
			0s   configure f0 g1 burst=2 rate=1
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     ready e0            -> assign e0 r0 cold
			     responded e0 r0
			     freed e0
			     configure f0 g2 burst=2 rate=1 -> stop e0 Replaced
			     configure f0 g3 burst=2 rate=1
			     invoke f0 r2        -> start e2 r2; wait e2 r2
			     invoke f0 r3        -> start e3 r3; wait e3 r3
			     invoke f0 r4        -> throttle r4 FunctionInvocationRateLimitExceeded
		`},
		{"provisioned concurrency: usable when all of it is ready, before on-demand, then spill-over", Options{}, `
			0s   configure f0
			     provision f0 p1 n2  -> start e0 provisioned; start e1 provisioned
			     ready e0
			     invoke f0 p1 r0     -> start e2 r0 spill; wait e2 r0
			10ms ready e1
			     ready e2            -> assign e2 r0 cold
			     responded e2 r0
			     freed e2
			     invoke f0 p1 r1     -> assign e1 r1 provisioned
			     invoke f0 p1 r2     -> assign e0 r2 provisioned
			     invoke f0 p1 r3     -> assign e2 r3 spill
			     invoke f0 p1 r4     -> start e3 r4 spill; wait e3 r4
			     responded e1 r1
			     freed e1
			     invoke f0 p1 r1     -> assign e1 r1 provisioned
			# other pools have none of it
			     invoke f0 r5        -> start e4 r5; wait e4 r5
			# raised: what there was serves on, and all of it only when all is ready
			     responded e0 r2
			     freed e0
			     responded e1 r1
			     freed e1
			     provision f0 p1 n3  -> start e5 provisioned
			     invoke f0 p1 r1     -> assign e1 r1 provisioned
			     invoke f0 p1 r2     -> assign e0 r2 provisioned
			     ready e5
			     invoke f0 p1 r6     -> assign e5 r6 provisioned
			# lowered, and taken away
			     responded e5 r6
			     freed e5
			     provision f0 p1 n1  -> stop e5 Unprovisioned
			     provision f0 p1 n0
			     responded e0 r2
			     freed e0            -> stop e0 Unprovisioned
		`},
		{"provisioned environments start at a rate", Options{ProvisionsPerSecond: 2}, `
			0s     configure f0
			       provision f0 p1 n3  -> start e0 provisioned; start e1 provisioned
			499ms  wake
			500ms  wake                -> start e2 provisioned
		`},
		{"provisioned environments that die are replaced, and their failure delays the next", Options{}, `
			0s     configure f0
			       provision f0 p1 n1  -> start e0 provisioned
			       ready e0
			       invoke f0 p1 r0     -> assign e0 r0 provisioned
			       failed e0 Crash     -> fail e0 r0 Crash; stop e0 Broken; start e1 provisioned
			       ready e1
			       gone e0
			       failed e1 Crash     -> stop e1 Broken
			999ms  wake
			1s     wake                -> start e0 provisioned
			       failed e0 InitError -> stop e0 Broken
			2999ms wake
			3s     wake                -> start e2 provisioned
			       failed e2 Lost      -> stop e2 Broken; start e3 provisioned
		`},
		{"an allocation fails with its first INIT, and a raised one leaves what there was", Options{}, `
			0s   configure f0
			     provision f0 p1 n2    -> start e0 provisioned; start e1 provisioned
			     ready e0
			     failed e1 InitError   -> stop e1 Broken; stop e0 Unprovisioned
			     gone e0
			     gone e1
			9s   wake
			     provision f0 p1 n1    -> start e1 provisioned
			     ready e1
			     provision f0 p1 n2    -> start e0 provisioned
			     failed e0 InitTimeout -> stop e0 Broken
			     invoke f0 p1 r0       -> assign e1 r0 provisioned
		`},
		{"provisioned environments are recycled without a cold start", Options{Lifetimes: Lifetimes{Age: Span{1e9, 1e9}}}, `
			0s   configure f0
			     provision f0 p1 n1    -> start e0 provisioned
			     ready e0
			1s   wake                  -> start e1 provisioned
			     invoke f0 p1 r0       -> assign e0 r0 provisioned
			     ready e1
			     responded e0 r0
			     freed e0              -> stop e0 Recycled
			     invoke f0 p1 r1       -> assign e1 r1 provisioned
			2s   responded e1 r1
			     freed e1              -> start e2 provisioned
			     ready e2              -> stop e1 Recycled
		`},
		{"on-demand environments are recycled when they are idle", Options{Lifetimes: Lifetimes{Age: Span{1e9, 1e9}}}, `
			0s   configure f0
			     invoke f0 r0          -> start e0 r0; wait e0 r0
			     invoke f0 r1          -> start e1 r1; wait e1 r1
			     ready e0              -> assign e0 r0 cold
			     ready e1              -> assign e1 r1 cold
			     responded e0 r0
			     freed e0
			1s   wake                  -> stop e0 Recycled
			     responded e1 r1
			     freed e1              -> stop e1 Recycled
		`},
		{"what is provisioned takes of the reservation, used or not", Options{}, `
			0s   configure f0 reserved=2
			     provision f0 p1 n2    -> start e0 provisioned; start e1 provisioned
			     invoke f0 r0          -> throttle r0 ReservedFunctionConcurrentInvocationLimitExceeded
			     invoke f0 p1 r0       -> throttle r0 ReservedFunctionConcurrentInvocationLimitExceeded
			     ready e0
			     ready e1
			     invoke f0 p1 r0       -> assign e1 r0 provisioned
			     invoke f0 r1          -> throttle r1 ReservedFunctionConcurrentInvocationLimitExceeded
		`},
		{"what is provisioned takes of the account, used or not", Options{AccountConcurrency: 2}, `
			0s   configure f0
			     configure f1
			     provision f0 p1 n1    -> start e0 provisioned
			     invoke f1 r0          -> start e1 r0; wait e1 r0
			     invoke f1 r1          -> throttle r1 ConcurrentInvocationLimitExceeded
			     ready e0
			     invoke f0 p1 r1       -> assign e0 r1 provisioned
			     invoke f0 p1 r2       -> throttle r2 ConcurrentInvocationLimitExceeded
		`},
		{"ten requests per second for each unit of concurrency", Options{AccountConcurrency: 3, RequestRate: 1}, `
			0s    configure f0
			      configure f1 reserved=1
			      invoke f0 r0         -> start e0 r0; wait e0 r0
			      ready e0             -> assign e0 r0 cold
			      responded e0 r0
			      freed e0
			      invoke f0 r0         -> assign e0 r0
			      responded e0 r0
			      freed e0
			      invoke f0 r0         -> assign e0 r0
			      responded e0 r0
			      freed e0
			      invoke f0 r0         -> throttle r0 FunctionInvocationRateLimitExceeded
			# a reservation has its own
			      invoke f1 r0         -> start e1 r0; wait e1 r0
			      ready e1             -> assign e1 r0 cold
			      responded e1 r0
			      freed e1
			      invoke f1 r0         -> throttle r0 ReservedFunctionInvocationRateLimitExceeded
			# what is provisioned has its own, and spills
			      provision f0 p1 n1   -> start e2 provisioned
			      ready e2
			334ms invoke f0 p1 r0      -> assign e2 r0 provisioned
			      responded e2 r0
			      freed e2
			      invoke f0 p1 r0      -> start e3 r0 spill; wait e3 r0
			      ready e3             -> assign e3 r0 cold
			      responded e3 r0
			      freed e3
			      invoke f0 r1         -> throttle r1 FunctionInvocationRateLimitExceeded
		`},
		{"cold: idle ones first, the longest idle first, then those with a request; never provisioned ones", Options{}, `
			0s   configure f0
			     provision f0 p1 n1  -> start e0 provisioned
			     ready e0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     invoke f0 r2        -> start e2 r2; wait e2 r2
			     invoke f0 r3        -> start e3 r3; wait e3 r3
			     ready e1            -> assign e1 r1 cold
			     ready e2            -> assign e2 r2 cold
			     ready e3            -> assign e3 r3 cold
			     responded e2 r2
			     freed e2
			     responded e1 r1
			     freed e1
			     cold f0 n1          -> stop e2 Forced
			     cold f0 n2          -> stop e1 Forced
			     responded e3 r3
			     freed e3            -> stop e3 Forced
			     invoke f0 r1        -> start e4 r1; wait e4 r1
			     cold f0 n-1
			     ready e4            -> assign e4 r1 cold
			     responded e4 r1
			     freed e4            -> stop e4 Forced
			     invoke f0 p1 r1     -> assign e0 r1 provisioned
		`},
		{"idle environments are reaped, the longest idle first", Options{IdleTimeout: 1e9}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f0 r1        -> start e1 r1; wait e1 r1
			     ready e0            -> assign e0 r0 cold
			     ready e1            -> assign e1 r1 cold
			     responded e0 r0
			     freed e0
			1ms  responded e1 r1
			     freed e1
			999ms wake
			1s   wake                -> stop e0 Idle
			     wake
			     invoke f0 r2        -> assign e1 r2
			1001ms wake
			     responded e1 r2
			     freed e1
			2s   wake
			2001ms wake              -> stop e1 Idle
		`},
		{"idle timeouts of functions, and a shorter one", Options{}, `
			0s   configure f0 idle=10s
			     configure f1 idle=1s
			     configure f2 idle=2562047h47m16.854775807s
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     invoke f1 r1        -> start e1 r1; wait e1 r1
			     invoke f2 r2        -> start e2 r2; wait e2 r2
			     ready e0            -> assign e0 r0 cold
			     ready e1            -> assign e1 r1 cold
			     ready e2            -> assign e2 r2 cold
			     responded e0 r0
			     freed e0
			     responded e1 r1
			     freed e1
			1s   responded e2 r2
			     freed e2
			     wake                -> stop e1 Idle
			2s   configure f0 idle=2s
			     wake                -> stop e0 Idle
			9s   wake
			     configure f2 idle=1s
			     wake                -> stop e2 Idle
		`},
		{"what is late after a Stop is ignored", Options{IdleTimeout: 1e9}, `
			0s   configure f0
			     invoke f0 r0        -> start e0 r0; wait e0 r0
			     ready e0            -> assign e0 r0 cold
			     started e0
			     responded e0 r0
			     freed e0
			1s   wake                -> stop e0 Idle
			     started e0
			     ready e0
			     responded e0 r0
			     freed e0
			     failed e0 Crash
			     gone e0
		`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { runScript(t, tt.opt, tt.script) })
	}
}

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
