package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"example.com/emulate/emulator/burst"
	"example.com/emulate/emulator/simulate"
)

// endless is traffic that never ends; it interrupts when it begins.
type endless struct {
	interrupt func()
	at        time.Duration
}

func (e *endless) Next() (simulate.Arrival, bool, error) {
	if e.at == 0 {
		e.interrupt()
	}
	e.at += time.Millisecond
	return simulate.Arrival{At: e.at}, true, nil
}

// An interrupted sweep tells of the runs before, whatever claims say of them, and fails.
func TestInterruptedSweep(t *testing.T) {
	claims, _, err := parseClaims([]string{"requests==3", "requests==4"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := simulate.Constant(time.Second)
	functions := []simulate.Function{{Name: "f", Duration: first, Init: &first}}
	for _, done := range []int{0, 1} {
		ctx, cancel := context.WithCancelCause(t.Context())
		points := []simulatePoint{
			{[]burst.Setting{{Name: "memory", Value: "128"}}, &simulate.Scenario{
				Name: "short.yaml", Functions: functions, Traffic: []simulate.Traffic{{To: []simulate.Share{{Function: 0, Weight: 1}}, AtOnce: 3}}}},
			{[]burst.Setting{{Name: "memory", Value: "256"}}, &simulate.Scenario{
				Name: "long.yaml", Functions: functions, Source: &endless{interrupt: func() { cancel(&interruptedError{os.Interrupt}) }}}},
		}
		var f simulateFlags
		var out, errOut bytes.Buffer
		err := f.simulate(ctx, streams{out: &out, err: &errOut}, points[1-done:], claims)
		if code := exitCode(err, &errOut); code != exitFailed || !errors.As(err, new(*interruptedError)) {
			t.Errorf("after %d runs: %v, code %d", done, err, code)
		}
		if !strings.HasPrefix(errOut.String(), "emulate: simulate long.yaml: stopped at ") || !strings.HasSuffix(errOut.String(), ": interrupted\n") {
			t.Errorf("after %d runs: standard error %q", done, errOut.String())
		}
		for _, want := range []string{"\n128 ", "ok     requests==3", "FAILED requests==4"} {
			if done == 1 && !strings.Contains(out.String(), want) {
				t.Errorf("standard output lacks %q:\n%s", want, &out)
			}
		}
		if done == 0 && out.Len() > 0 {
			t.Errorf("standard output %q", &out)
		}
	}
}
