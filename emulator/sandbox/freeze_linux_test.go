package sandbox

import (
	"context"
	"strings"
	"testing"

	"example.com/emulate/emulator/lambda"
)

// Processes that left the group are frozen too, where there are cgroups.
func TestFreezeFamily(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	if !permitted(t, p, "no cgroups") {
		return
	}
	out := newRecord()
	in := start(t, p, spec(helperCode(t), out, "MODE", "family"))
	out.await(t, "pid ")
	for range 2 {
		for i, do := range []func() error{in.(lambda.Freezer).Freeze, in.(lambda.Freezer).Thaw} {
			frozen := []string{"frozen 1", "frozen 0"}[i]
			if err := do(); err != nil {
				t.Fatal(err)
			}
			eventually(t, frozen, func() bool {
				return strings.Contains(read(t, string(in.(*instance).slot.cgroup)+"/cgroup.events"), frozen)
			})
		}
	}
	if err := in.(lambda.Freezer).Freeze(); err != nil {
		t.Fatal(err)
	}
	next, err := in.Reset(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next runtime", func() bool { return strings.Count(strings.Join(out.all(), "\n"), "pid ") == 2 })
	if err := next.(lambda.Freezer).Freeze(); err != nil {
		t.Fatal(err)
	}
	stop(t, next, 0)
}
