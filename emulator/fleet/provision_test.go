package fleet

import "testing"

func TestProvisioned(t *testing.T) {
	runRules(t, []rule{
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
	})
}
