package fleet

// Cold takes n warm on-demand environments of function fn away, or of all functions (AllFuncs), or all of them (n < 0), so that requests meet cold
// starts again: idle ones are stopped (Why Forced), the one used longest ago first; then those with a request are marked and stopped when it has ended
// and they are free. Provisioned environments stay: on AWS, too, they are never cold. It returns how many were taken. A function that was never
// configured is a protocol violation.
func (f *Fleet) Cold(now Time, fn FuncID, n int32, out []Decision) ([]Decision, int32) {
	f.tick(now)
	funcs := f.funcs
	if fn != AllFuncs {
		f.function("Cold", fn)
		funcs = f.funcs[fn : fn+1]
	}
	taken := int32(0)
	for _, fun := range funcs {
		if fun == nil {
			continue
		}
		for _, p := range fun.pools {
			for p != nil && p.idle.n > 0 && (n < 0 || taken < n) {
				out = f.retire(EnvID(p.idle.tail), Forced, out)
				taken++
			}
		}
	}
	for i := 0; i < len(f.envs) && (n < 0 || taken < n); i++ {
		e := &f.envs[i]
		if e.pool == nil || fn != AllFuncs && e.pool.fn.id != fn || e.provisioned || e.draining || e.state == StateStopping {
			continue
		}
		out = f.retire(EnvID(i), Forced, out)
		taken++
	}
	for _, fun := range funcs {
		if fun == nil {
			continue
		}
		for _, p := range fun.pools {
			if p != nil {
				out = f.settle(p, out)
			}
		}
	}
	return out, taken
}
