package fleet

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A script is a table of inputs with times and the decisions that each must give, one input a line:
//
//	5ms  invoke f0 r1      -> start e0 r1; wait e0 r1
//
// fN is a function, pN a pool (p0 where none is given), eN an environment, rN a request; nN is the number of an input. Times are since the start,
// an empty time is the one before. Blank lines and lines that begin with # mean nothing.
func runScript(t *testing.T, o Options, script string) *Fleet {
	t.Helper()
	f := New(o)
	var now Time
	for i, line := range strings.Split(script, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		input, want, _ := strings.Cut(line, "->")
		in := parseInput(t, strings.Fields(input), now)
		now = in.Time
		got := describe(f.Apply(in, nil))
		if diff := cmp.Diff(strings.TrimSpace(want), got); diff != "" {
			t.Fatalf("line %d: %s\n%s", i+1, line, diff)
		}
		checkInvariants(t, f)
	}
	return f
}

var scriptOps = []string{
	OpConfigure: "configure", OpRemove: "remove", OpClose: "close", OpInvoke: "invoke", OpStarted: "started", OpReady: "ready",
	OpResponded: "responded", OpFreed: "freed", OpFailed: "failed", OpGone: "gone", OpAbandon: "abandon", OpWake: "wake",
	OpProvision: "provision", OpCold: "cold", OpRenew: "renew",
}

func parseInput(t *testing.T, words []string, now Time) Input {
	t.Helper()
	in := Input{Time: now, N: 1, Limits: Limits{Reserved: -1}}
	if d, err := time.ParseDuration(words[0]); err == nil {
		in.Time = Time(d)
		words = words[1:]
	}
	for op, name := range scriptOps {
		if name == words[0] {
			in.Op = Op(op)
		}
	}
	for _, w := range words[1:] {
		if key, value, ok := strings.Cut(w, "="); ok {
			parseLimit(t, &in.Limits, key, value)
			continue
		}
		n, err := strconv.Atoi(w[1:])
		switch {
		case err != nil:
			in.Cause = parseCause(t, w)
		case w[0] == 'f':
			in.Func = FuncID(n)
		case w[0] == 'p':
			in.Pool = Pool(n)
		case w[0] == 'e':
			in.Env = EnvID(n)
		case w[0] == 'r':
			in.Req = ReqID(n)
		case w[0] == 'n', w[0] == 'g':
			in.N = int32(n)
		}
	}
	return in
}

func parseLimit(t *testing.T, l *Limits, key, value string) {
	t.Helper()
	if d, err := time.ParseDuration(value); key == "idle" && err == nil {
		l.IdleTimeout = Time(d)
		return
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatalf("limit %s=%s: %v", key, value, err)
	}
	switch key {
	case "reserved":
		l.Reserved = int32(n)
	case "burst":
		l.StartBurst = int32(n)
	case "rate":
		l.StartsPerSecond = int32(n)
	default:
		t.Fatalf("unknown limit %s", key)
	}
}

func parseCause(t *testing.T, word string) Cause {
	t.Helper()
	for c := InitError; c <= Removed; c++ {
		if c.String() == word {
			return c
		}
	}
	t.Fatalf("unknown word %q", word)
	return 0
}

func describe(ds []Decision) string {
	parts := make([]string, len(ds))
	for i, d := range ds {
		parts[i] = describeOne(d)
	}
	return strings.Join(parts, "; ")
}

func describeOne(d Decision) string {
	s := strings.ToLower(d.Kind.String())
	if d.Env != NoEnv {
		s += fmt.Sprintf(" e%d", d.Env)
	}
	if d.Req != NoReq {
		s += fmt.Sprintf(" r%d", d.Req)
	}
	if d.Cold {
		s += " cold"
	}
	if d.Provisioned {
		s += " provisioned"
	}
	if d.Spill {
		s += " spill"
	}
	if d.Reason != 0 {
		s += " " + d.Reason.String()
	}
	if d.Cause != 0 {
		s += " " + d.Cause.String()
	}
	if d.Why != 0 {
		s += " " + d.Why.String()
	}
	return s
}

// rule is one rule of the fleet, shown by a script.
type rule struct {
	name   string
	opt    Options
	script string
}

func runRules(t *testing.T, rules []rule) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) { runScript(t, r.opt, r.script) })
	}
}
