package fleet

import "testing"

// INITs, invocations and sandboxes that fail.
func TestFailures(t *testing.T) {
	runRules(t, []rule{
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
	})
}

// Environments whose code is replaced or whose function is removed, and what still comes of those that were stopped.
func TestEnds(t *testing.T) {
	runRules(t, []rule{
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
	})
}
