package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.com/emulate/emulator/lambda"
)

// instance is one started runtime with its sandbox.
type instance struct {
	p     *Process
	spec  lambda.Spec
	slot  *slot
	child *child
	out   *output
	peak  peak

	// done is closed when the runtime has ended and exit is set.
	done chan struct{}
	exit lambda.Exit

	// mu guards the process group's number: once reaped, it may be another's.
	mu      sync.Mutex
	reaped  bool
	frozen  frozen
	limited limited

	// used is set by the one Stop or Reset that ends this instance; ended is closed when that has been done.
	used  atomic.Bool
	ended chan struct{}
}

// frozen says how an environment was stopped from running.
type frozen int

const (
	running frozen = iota
	stopped
	inCgroup
)

var _ lambda.Instance = (*instance)(nil)

// gone is how long a killed process may take to end before it is given up as stuck in the kernel.
const gone = 5 * time.Second

func newInstance(p *Process, spec lambda.Spec, slot *slot, c *child, out *output) *instance {
	return &instance{p: p, spec: spec, slot: slot, child: c, out: out, done: make(chan struct{}), ended: make(chan struct{})}
}

// run waits for output and for the end.
func (in *instance) run() {
	go in.out.run()
	in.p.host.watch(in.child, in.finish)
}

// finish is called when the runtime has ended. While it has not been reaped its number is still its group's; on AWS nothing of an environment
// survives its runtime.
func (in *instance) finish() {
	in.mu.Lock()
	in.child.signal(sigKill)
	in.exit = in.child.reap()
	in.reaped = true
	in.mu.Unlock()
	in.p.host.ended(in.child)
	close(in.done)
}

// Done is closed when the runtime has ended.
func (in *instance) Done() <-chan struct{} { return in.done }

// Exit says how the runtime ended; it is valid once Done is closed.
func (in *instance) Exit() lambda.Exit { return in.exit }

// Drain hands over all output written before the call, a last line without its end too.
func (in *instance) Drain() { in.out.drain() }

// Kill ends all processes at once, hands over their last output, and keeps the sandbox for Reset or Stop.
func (in *instance) Kill(ctx context.Context) error { return in.bury(ctx) }

// Reset kills what is left and starts the runtime again; /tmp stays.
func (in *instance) Reset(ctx context.Context) (lambda.Instance, error) {
	if !in.used.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("reset environment %s: it was stopped or reset before", in.spec.Environment)
	}
	if err := in.p.enter(); err != nil {
		in.used.Store(false)
		return nil, err
	}
	defer in.p.starting.Done()
	defer close(in.ended)
	defer in.p.forget(in)
	err := in.bury(ctx)
	if err == nil {
		var next *instance
		if next, err = in.p.launch(ctx, in.spec, in.slot); err == nil {
			return next, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("reset environment %s: %w", in.spec.Environment, err), in.slot.remove())
}

// Stop ends the environment: SIGTERM to the group, the grace, SIGKILL to everything. It returns when nothing is left.
func (in *instance) Stop(ctx context.Context, grace time.Duration) error {
	if !in.used.CompareAndSwap(false, true) {
		return ending(ctx, in.ended)
	}
	defer close(in.ended)
	defer in.p.forget(in)
	if grace > 0 {
		in.terminate(ctx, grace)
	}
	if err := in.bury(ctx); err != nil {
		return errors.Join(err, in.slot.remove())
	}
	return in.p.slots.put(in.slot)
}

// terminate asks the processes to end, and waits until the runtime has, the grace is over or ctx has ended.
func (in *instance) terminate(ctx context.Context, grace time.Duration) {
	in.Thaw()
	in.signal(sigTerm)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-in.done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// bury kills everything, waits for the end, and hands over the last output.
func (in *instance) bury(ctx context.Context) error {
	lifted := in.liftCPU()
	in.signal(sigKill)
	timer := time.NewTimer(gone)
	defer timer.Stop()
	select {
	case <-in.done:
	case <-timer.C:
		return fmt.Errorf("stop environment %s: process %d does not end", in.spec.Environment, in.child.pid)
	}
	if err := errors.Join(lifted, in.settle()); err != nil {
		return fmt.Errorf("stop environment %s: %w", in.spec.Environment, err)
	}
	return in.lastOutput(ctx)
}

// settle kills what the runtime left behind, and thaws the cgroup: what is started in a frozen one would not run.
func (in *instance) settle() error {
	if in.slot.cgroup == "" {
		in.child.awaitGroup()
	}
	return errors.Join(in.slot.cgroup.clear(gone), in.Thaw())
}

// lastOutput waits for the end of the output. Processes that got away by setsid, where no cgroup holds them, may keep the pipe open for ever:
// then what is there is all.
func (in *instance) lastOutput(ctx context.Context) error {
	select {
	case <-in.out.ended:
		in.out.close()
		return nil
	default:
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		in.out.drain()
		in.out.close()
		<-in.out.ended
	}()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("hand over the last output of environment %s: %w", in.spec.Environment, context.Cause(ctx))
	}
}

// signal sends s to the process group.
func (in *instance) signal(s signal) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.reaped {
		in.child.signal(s)
	}
}
