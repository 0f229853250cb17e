package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/emulate/emulator/lambda"

	"github.com/google/go-cmp/cmp"
)

func TestGrace(t *testing.T) {
	eachWay(t, func(t *testing.T, p *Process) {
		out := newRecord()
		in := start(t, p, spec(helperCode(t), out, "MODE", "term"))
		out.await(t, "pid ")
		if err := in.(lambda.Freezer).Freeze(); err != nil {
			t.Fatal(err)
		}
		stop(t, in, 20*time.Second)
		if diff := cmp.Diff(lambda.Exit{Code: 3}, in.Exit()); diff != "" {
			t.Error(diff)
		}
		out.await(t, "asked to end")

		out = newRecord()
		in = start(t, p, spec(helperCode(t), out, "MODE", "stubborn"))
		out.await(t, "pid ")
		stop(t, in, 50*time.Millisecond)
		if got := in.Exit().Signal; got != "killed" {
			t.Errorf("a stubborn runtime ended by %q", got)
		}

		ctx, cancel := context.WithCancel(context.Background())
		in = start(t, p, spec(helperCode(t), newRecord(), "MODE", "stubborn"))
		cancel()
		if err := in.Stop(ctx, time.Hour); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestFreeze(t *testing.T) {
	eachWay(t, func(t *testing.T, p *Process) {
		out := newRecord()
		in := start(t, p, spec(helperCode(t), out, "MODE", "sleep"))
		pid, _ := strconv.Atoi(out.await(t, "pid "))
		f := in.(lambda.Freezer)
		for range 3 {
			for range 2 {
				if err := f.Freeze(); err != nil {
					t.Fatal(err)
				}
			}
			awaitState(t, pid, true)
			for range 2 {
				if err := f.Thaw(); err != nil {
					t.Fatal(err)
				}
			}
			awaitState(t, pid, false)
		}
		// A frozen environment can be reset, and the next runtime runs.
		if err := f.Freeze(); err != nil {
			t.Fatal(err)
		}
		next, err := in.Reset(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the next runtime's line", func() bool { return len(out.all()) == 2 })
		if err := next.(lambda.Freezer).Freeze(); err != nil {
			t.Fatal(err)
		}
		stop(t, next, 0)
		// So does one whose slot was left frozen by another.
		out = newRecord()
		in = start(t, p, spec(helperCode(t), out, "MODE", "sleep"))
		out.await(t, "pid ")
		stop(t, in, 0)
	})
}

// awaitState waits until the kernel calls the runtime stopped or not.
func awaitState(t *testing.T, pid int, frozen bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("frozen=%v", frozen), func() bool {
		return strings.Contains(read(t, fmt.Sprintf("/proc/%d/status", pid)), "State:\tT") == frozen
	})
}

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
