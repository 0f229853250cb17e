package fleet

import "testing"

// Environments that end without a reload: asked for, idle for long, or old.
func TestReaping(t *testing.T) {
	runRules(t, []rule{
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
	})
}
