package sandbox

import (
	"testing"
)

func TestStartStop(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	t.Log(p.Limits())
	out := newRecord()
	in := start(t, p, spec(helperCode(t), out, "MODE", "sleep"))
	out.await(t, "pid ")
	stop(t, in, 0)
	if got := in.Exit().Signal; got != "killed" {
		t.Error(got, in.Exit())
	}
}
