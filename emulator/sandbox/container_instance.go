package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/sandbox/inside"
)

// contained is one started runtime in its container.
type contained struct {
	b    *box
	spec lambda.Spec
	plan *blueprint
	run  int
	// emit is where output goes, line by line; out where it arrives.
	emit func([]byte)
	out  sink

	// done is closed when the runtime has ended and exit is set.
	done chan struct{}
	exit lambda.Exit
	once sync.Once

	mu     sync.Mutex
	frozen bool
	// peak is the highest memory seen, in bytes; asked when it was asked for.
	peak  int64
	asked time.Time

	// used is set by the one Stop or Reset that ends this instance; ended is closed when that has been done.
	used  atomic.Bool
	ended chan struct{}
	// buried is closed by the first Kill, Stop or Reset.
	buried  chan struct{}
	burying sync.Once
}

// sink is where a runtime's output arrives.
type sink interface {
	// drain hands over all output written before the call, a last line without its end too.
	drain()
	// over is closed when no more output can come.
	over() <-chan struct{}
	close()
}

var (
	_ lambda.Instance   = (*contained)(nil)
	_ lambda.Freezer    = (*contained)(nil)
	_ lambda.Sampler    = (*contained)(nil)
	_ lambda.CPULimiter = (*contained)(nil)
)

func newContained(b *box, spec lambda.Spec, p *blueprint, run int) *contained {
	in := &contained{b: b, spec: spec, plan: p, run: run, emit: spec.Output, out: noSink{}, done: make(chan struct{}), ended: make(chan struct{}), buried: make(chan struct{})}
	if b.network == sharedNetwork {
		in.emit = in.watchPorts(spec.Output)
	}
	return in
}

// watchPorts looks for a program that cannot listen because another environment's does, in the network that they share.
func (in *contained) watchPorts(emit func([]byte)) func([]byte) {
	return func(line []byte) {
		if bytes.Contains(line, []byte("EADDRINUSE")) || bytes.Contains(line, []byte("ddress already in use")) {
			in.b.w.c.told.once(in.b.w.c, "port "+in.b.function, fmt.Sprintf("function %s listens on a port that another environment has in the network "+
				"that the project's functions share: give it one of its own (network: own)", in.b.function))
		}
		emit(line)
	}
}

// finish notes the end of the runtime.
func (in *contained) finish(exit lambda.Exit) {
	in.once.Do(func() {
		in.exit = exit
		if exit.Signal == "killed" && in.b.cgroup.ranOut() {
			in.mu.Lock()
			in.peak = int64(in.spec.Function.MemoryMB) << 20
			in.mu.Unlock()
		}
		close(in.done)
	})
}

// Done is closed when the runtime has ended.
func (in *contained) Done() <-chan struct{} { return in.done }

// Exit says how the runtime ended; it is valid once Done is closed.
func (in *contained) Exit() lambda.Exit { return in.exit }

// Drain hands over all output written before the call, a last line without its end too.
func (in *contained) Drain() { in.out.drain() }

// Kill ends all processes at once, hands over their last output, and keeps the container for Reset or Stop.
func (in *contained) Kill(ctx context.Context) error { return in.bury(ctx) }

// Reset kills what is left and starts the runtime again in the same container; /tmp stays.
func (in *contained) Reset(ctx context.Context) (lambda.Instance, error) {
	if !in.used.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("reset environment %s: it was stopped or reset before", in.spec.Environment)
	}
	c := in.b.w.c
	if err := c.enter(); err != nil {
		in.used.Store(false)
		return nil, err
	}
	defer c.starting.Done()
	ctx, cancel := c.untilClose(ctx)
	defer cancel()
	defer close(in.ended)
	defer c.forget(in)
	err := in.bury(ctx)
	if err == nil {
		err = in.b.unlimit(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reset environment %s: %w", in.spec.Environment, err), in.b.remove(ctx))
	}
	next, err := in.b.launch(ctx, in.spec, in.plan)
	if errors.Is(err, errLost) {
		err = &lambda.UnavailableError{Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("reset environment %s: %w", in.spec.Environment, err)
	}
	return next, nil
}

// Stop ends the environment: SIGTERM to the runtime's group, the grace, SIGKILL to everything. It returns when no process is left.
func (in *contained) Stop(ctx context.Context, grace time.Duration) error {
	if !in.used.CompareAndSwap(false, true) {
		return ending(ctx, in.ended)
	}
	in.toBury()
	defer close(in.ended)
	defer in.b.w.c.forget(in)
	if grace > 0 {
		in.terminate(ctx, grace)
	}
	err := in.bury(ctx)
	return errors.Join(err, in.b.remove(ctx))
}

func (in *contained) terminate(ctx context.Context, grace time.Duration) {
	in.Thaw()
	in.b.link.send(inside.Order{Do: inside.Terminate}) // a broken link has ended the container
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-in.done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// bury kills everything, waits for the end, and hands over the last output.
func (in *contained) bury(ctx context.Context) error {
	in.toBury()
	select {
	case <-in.done:
	default:
		in.b.link.send(inside.Order{Do: inside.Kill})
		timer := time.NewTimer(gone)
		defer timer.Stop()
		select {
		case <-in.done:
		case <-timer.C:
			return fmt.Errorf("stop environment %s: its processes do not end", in.spec.Environment)
		}
	}
	in.mu.Lock()
	in.frozen = false
	in.mu.Unlock()
	return in.lastOutput(ctx)
}

// toBury says that the runtime is to end: its CPU is not limited any more.
func (in *contained) toBury() { in.burying.Do(func() { close(in.buried) }) }

func (in *contained) isBuried() bool {
	select {
	case <-in.buried:
		return true
	default:
		return false
	}
}

// lastOutput waits for the end of the output: every process that could write has ended.
func (in *contained) lastOutput(ctx context.Context) error {
	select {
	case <-in.out.over():
		in.out.close()
		return nil
	default:
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		in.out.drain()
		in.out.close()
		<-in.out.over()
	}()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("hand over the last output of environment %s: %w", in.spec.Environment, context.Cause(ctx))
	}
}

// Freeze stops every process of the container but the init.
func (in *contained) Freeze() error { return in.freeze(true, inside.Stop, "freeze") }

// Thaw lets them go on. It does not wait until they do.
func (in *contained) Thaw() error { return in.freeze(false, inside.Continue, "thaw") }

func (in *contained) freeze(on bool, do inside.Verb, what string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	select {
	case <-in.done:
		return nil
	default:
	}
	if in.frozen == on || on && in.used.Load() {
		return nil
	}
	if err := in.b.link.send(inside.Order{Do: do}); err != nil && !in.b.isGone() {
		return fmt.Errorf("%s environment %s: %w", what, in.spec.Environment, err)
	}
	in.frozen = on
	return nil
}

// containerSampleEvery bounds how often the memory is looked at.
const containerSampleEvery = 500 * time.Millisecond

// PeakMemory is the sum of the peak resident memory of the environment's processes, without the init, the highest that any call saw. The kernel's
// own counter of the container would count files too that were read or written. It looks at most twice a second; where only the init can look, what
// it says is known at the next call.
func (in *contained) PeakMemory() int64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	select {
	case <-in.done:
		return in.peak
	default:
	}
	if now := time.Now(); now.Sub(in.asked) >= containerSampleEvery {
		in.asked = now
		if bytes, ok := in.b.cgroup.peakMemory(); ok {
			in.peak = max(in.peak, bytes)
		} else {
			in.b.link.send(inside.Order{Do: inside.Sample})
		}
	}
	return in.peak
}

func (in *contained) sampled(r inside.Report) {
	in.mu.Lock()
	in.peak = max(in.peak, r.Memory)
	in.mu.Unlock()
	in.tmpIs(r.Tmp)
}

// noSink is the output of a runtime that was never started.
type noSink struct{}

func (noSink) drain() {}
func (noSink) over() <-chan struct{} {
	over := make(chan struct{})
	close(over)
	return over
}
func (noSink) close() {}
