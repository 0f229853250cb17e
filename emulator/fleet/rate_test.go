package fleet

import "testing"

func TestRates(t *testing.T) {
	runRules(t, []rule{
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
			667ms invoke f0 p1 r0      -> assign e2 r0 provisioned
			      responded e2 r0
			      freed e2
			      invoke f0 p1 r0      -> start e3 r0 spill; wait e3 r0
			      ready e3             -> assign e3 r0 cold
			      responded e3 r0
			      freed e3
			      invoke f0 r1         -> throttle r1 FunctionInvocationRateLimitExceeded
		`},
		{"what is provisioned draws on the account's quota too", Options{AccountConcurrency: 2, RequestRate: 1}, `
			0s    configure f0
			      provision f0 p1 n1   -> start e0 provisioned
			      ready e0
			      invoke f0 p1 r0      -> assign e0 r0 provisioned
			      responded e0 r0
			      freed e0
			      invoke f0 r0         -> start e1 r0; wait e1 r0
			      invoke f0 r1         -> throttle r1 ConcurrentInvocationLimitExceeded
			      ready e1             -> assign e1 r0 cold
			      responded e1 r0
			      freed e1
			      invoke f0 r0         -> throttle r0 FunctionInvocationRateLimitExceeded
			# half a token of the one quota is there, none of the account's
			499ms invoke f0 p1 r0      -> throttle r0 FunctionInvocationRateLimitExceeded
		`},
		{"and on that of its function's reservation, which is what stops it", Options{AccountConcurrency: 9, RequestRate: 2}, `
			0s    configure f0 reserved=1
			      provision f0 p1 n1   -> start e0 provisioned
			      ready e0
			      invoke f0 p1 r0      -> assign e0 r0 provisioned
			      responded e0 r0
			      freed e0
			      invoke f0 p1 r0      -> assign e0 r0 provisioned
			      responded e0 r0
			      freed e0
			      invoke f0 p1 r0      -> throttle r0 ReservedFunctionInvocationRateLimitExceeded
			      configure f0 reserved=2
			      invoke f0 p1 r0      -> start e1 r0 spill; wait e1 r0
		`},
	})
}
