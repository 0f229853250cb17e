package sandbox

import (
	"context"
	"testing"

	"example.com/emulate/emulator/lambda"
)

// A limit that comes too late, or that an engine is slow to set, neither holds up the end of its runtime nor reaches the next INIT.
func TestContainerLimitCPUTooLate(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		s := spec(helperCode(t), newRecord(), "MODE", "sleep")
		in := startIn(t, c, s)
		b := in.(*contained).b
		state, err := b.w.engine.Inspect(context.Background(), b.id)
		if err != nil {
			t.Fatal(err)
		}
		group := findContainerCgroup(state.PID).cpu

		b.cpu.Lock() // as one that is being set
		limited := make(chan error, 1)
		go func() { limited <- in.(lambda.CPULimiter).LimitCPU() }()
		select {
		case err := <-limited:
			t.Errorf("it ended with %v, and nothing was set", err)
		default:
		}
		if err := in.Kill(context.Background()); err != nil {
			t.Error(err)
		}
		if err := ended(t, "LimitCPU", limited); err != nil {
			t.Error(err)
		}
		b.cpu.Unlock()
		next, err := in.Reset(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, late := range []lambda.Instance{in, in} {
			if err := late.(lambda.CPULimiter).LimitCPU(); err != nil {
				t.Error(err)
			}
		}
		if quota := stat(t, group, "quota"); quota > 0 {
			t.Errorf("the next INIT has a quota of %d", quota)
		}
		stop(t, next, 0)
		if err := next.(lambda.CPULimiter).LimitCPU(); err != nil {
			t.Errorf("after Stop: %v", err)
		}
	})
}

// Whatever the order in which they come, a reset leaves no limit.
func TestContainerLimitCPUAndReset(t *testing.T) {
	c := newContainer(t, ContainerOptions{Spares: -1, Stream: true})
	in := startIn(t, c, spec(helperCode(t), newRecord(), "MODE", "sleep"))
	b := in.(*contained).b
	state, err := b.w.engine.Inspect(context.Background(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	group := findContainerCgroup(state.PID).cpu
	b.cgroup = containerCgroup{} // the engine is asked
	for range 10 {
		limited := make(chan error, 1)
		go func() { limited <- in.(lambda.CPULimiter).LimitCPU() }()
		next, err := in.Reset(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if err := ended(t, "LimitCPU", limited); err != nil {
			t.Error(err)
		}
		if quota := stat(t, group, "quota"); quota > 0 {
			t.Errorf("the next INIT has a quota of %d", quota)
		}
		in = next
	}
	stop(t, in, 0)
}
