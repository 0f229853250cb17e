package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// coverage counts pairs of an environment's state and an input that concerns it.
type coverage map[string]map[string]int

func (c coverage) add(other coverage) {
	for state, inputs := range other {
		for input, n := range inputs {
			c.count(state, input, n)
		}
	}
}

func (c coverage) count(state, input string, n int) {
	if c[state] == nil {
		c[state] = map[string]int{}
	}
	c[state][input] += n
}

// input notes what an input meets: the state of its environment, or that of the request that is abandoned, or, for inputs that concern many, the
// states of all environments.
func (c coverage) input(m *model, in Input) {
	name := scriptOps[in.Op]
	switch in.Op {
	case OpStarted, OpReady, OpResponded, OpFreed, OpGone:
		c.count(stateOf(m.envs[in.Env]), name, 1)
	case OpFailed:
		c.count(stateOf(m.envs[in.Env]), in.Cause.String(), 1)
	case OpAbandon:
		state := "(waiting)"
		if r := m.reqs[in.Req]; r.env != NoEnv {
			state = stateOf(m.envs[r.env])
		}
		c.count(state, name, 1)
	default:
		for _, e := range m.envs {
			if in.Op == OpClose || in.Func == AllFuncs || e.fn == in.Func {
				c.count(stateOf(e), name, 1)
			}
		}
	}
}

// stateOf is an environment's state with all that makes a difference.
func stateOf(e *modelEnv) string {
	s := e.state.String()
	if e.provision != nil {
		s = "provisioned " + s
	}
	if e.inInit() && e.req != NoReq {
		s += " bound"
	}
	for _, more := range []struct {
		is   bool
		name string
	}{{e.suppressed && e.state != StateStopping, "again"}, {e.broken && e.state == StateIdle, "broken"}, {e.expired > 0 && e.state != StateStopping, "expired"}, {e.draining && e.state != StateStopping, "draining"}} {
		if more.is {
			s += " " + more.name
		}
	}
	return s
}

// report prints the table, and fails where a pair that can be is missing.
func (c coverage) report(t *testing.T, steps int) {
	t.Helper()
	columns := []string{"started", "ready", "responded", "freed"}
	for cause := InitError; cause <= Lost; cause++ {
		columns = append(columns, cause.String())
	}
	columns = append(columns, "gone", "abandon", "invoke", "configure", "renew", "provision", "cold", "wake", "remove", "close")
	var b strings.Builder
	fmt.Fprintf(&b, "%-34s", "state \\ input")
	for _, col := range columns {
		fmt.Fprintf(&b, "%12s", col)
	}
	pairs := 0
	for _, state := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "\n%-34s", state)
		for _, col := range columns {
			n := c[state][col]
			if n > 0 {
				pairs++
			}
			fmt.Fprintf(&b, "%12s", []string{"-", fmt.Sprint(n)}[min(n, 1)])
		}
	}
	t.Logf("%d pairs of state and input\n%s", pairs, b.String())
	everything := []string{
		"InitError", "InitTimeout", "Crash", "Timeout", "StartError", "Lost", "gone", "invoke", "configure", "renew", "provision", "cold", "wake", "remove",
	}
	for state, own := range map[string][]string{
		"starting bound": {"started", "ready", "abandon"}, "init bound": {"started", "ready", "abandon"}, "reset bound again": {"started", "ready", "abandon"},
		"init": {"ready"}, "idle": {}, "idle broken": {}, "invoke": {"responded", "abandon"}, "responded": {"freed"},
		"init bound draining": {"ready"}, "invoke draining": {"responded"}, "responded draining": {"freed"},
		"provisioned starting": {"started", "ready"}, "provisioned init": {"ready"}, "provisioned idle": {}, "provisioned idle expired": {},
		"provisioned invoke": {"responded", "abandon"}, "provisioned responded": {"freed"}, "provisioned invoke draining": {"responded"},
		"provisioned responded draining": {"freed"}, "provisioned invoke expired": {"responded"},
	} {
		for _, input := range append(own, everything...) {
			if strings.Contains(state, "draining") && input == "gone" {
				continue // rare beyond what the steps allow
			}
			if c[state][input] == 0 && steps >= 1_000_000 {
				t.Errorf("%s never meets %s", state, input)
			}
		}
	}
}
