package sandbox

import (
	"context"
	"fmt"
	"time"
)

// limitWithin bounds how long an engine may take to limit the CPU: the first event waits for it.
const limitWithin = 10 * time.Second

// LimitCPU holds the container to MemoryMB/1769 vCPU in windows of 20 ms (spec lambda.md §7). It returns when Kill, Stop or Reset is called, at the
// latest; what the engine does for it then is undone before the next INIT.
func (in *contained) LimitCPU() error {
	c := in.b.w.c
	if c.options.NoCPULimit {
		return nil
	}
	limited := make(chan error, 1)
	c.tidying.Go(func() { limited <- in.b.limit(in) })
	select {
	case err := <-limited:
		if err != nil && !in.isBuried() && !in.b.isGone() {
			return fmt.Errorf("limit the CPU of environment %s: %w", in.spec.Environment, err)
		}
	case <-in.buried:
	}
	return nil
}

// limit holds the container to what the instance's memory buys, unless that one is to end.
func (b *box) limit(in *contained) error {
	b.cpu.Lock()
	defer b.cpu.Unlock()
	if in.isBuried() {
		return nil
	}
	b.limited = true
	ctx, cancel := context.WithTimeout(context.Background(), limitWithin)
	defer cancel()
	return b.setQuota(ctx, quotaOf(in.spec.Function.MemoryMB).Microseconds())
}

// unlimit lifts the limit for another INIT, when limit has ended.
func (b *box) unlimit(ctx context.Context) error {
	b.cpu.Lock()
	defer b.cpu.Unlock()
	if !b.limited || b.isGone() {
		return nil
	}
	b.limited = false
	return b.setQuota(ctx, -1)
}

// setQuota writes the container's cgroup where that is permitted, else it asks the engine. The quota is of microseconds in each window; -1 is none.
func (b *box) setQuota(ctx context.Context, quota int64) error {
	if b.cgroup.limitCPU(cpuWindow.Microseconds(), quota) == nil {
		return nil
	}
	return b.w.engine.UpdateCPU(ctx, b.id, cpuWindow.Microseconds(), quota)
}
