package lambda

import (
	"context"
	"sync"
	"time"
)

// freezer freezes environments some milliseconds after they became idle. An environment stands in its queue at most once, so that a busy one costs
// nothing per invocation but a look at the clock.
type freezer struct {
	after time.Duration
	mu    sync.Mutex
	queue []*Environment
	wake  chan struct{}
}

func newFreezer(after time.Duration) *freezer {
	return &freezer{after: after, wake: make(chan struct{}, 1)}
}

// add puts an idle environment into the queue, unless it is there.
func (f *freezer) add(e *Environment) {
	if f.after >= 0 && e.queued.CompareAndSwap(false, true) {
		f.push(e)
	}
}

func (f *freezer) push(e *Environment) {
	f.mu.Lock()
	f.queue = append(f.queue, e)
	first := len(f.queue) == 1
	f.mu.Unlock()
	if first {
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// run freezes what is due, every freezeAfter while something waits.
func (f *freezer) run(ctx context.Context) {
	var batch []*Environment
	for {
		select {
		case <-f.wake:
		case <-ctx.Done():
			return
		}
		for {
			select {
			case <-time.After(f.after):
			case <-ctx.Done():
				return
			}
			f.mu.Lock()
			batch, f.queue = f.queue, batch[:0]
			f.mu.Unlock()
			if len(batch) == 0 {
				break
			}
			f.sweep(batch)
		}
	}
}

// sweep freezes the environments of the batch that are due, and queues those again that are idle but not due. An assignment sets idleSince to 0
// before it takes the environment's lock to thaw: what is frozen here too late is thawed there, and nothing is frozen after that.
func (f *freezer) sweep(batch []*Environment) {
	now := time.Now()
	for i, e := range batch {
		batch[i] = nil
		e.mu.Lock()
		since := e.idleSince.Load()
		due := since != 0 && now.UnixNano()-since >= int64(f.after)
		if due {
			e.freezeLocked()
		}
		e.mu.Unlock()
		e.queued.Store(false)
		if again := e.idleSince.Load(); again != 0 && (!due || again != since) {
			f.add(e)
		}
	}
}

// freezeLocked stops the environment's processes from running. Environment.mu is held: an assignment at the same moment waits for the one system
// call, and thaws.
func (e *Environment) freezeLocked() {
	if fr, ok := e.instance.(Freezer); ok && !e.frozen {
		if err := fr.Freeze(); err != nil {
			e.s.o.Log("freeze an environment of function %s: %v", e.cfg.Name, err)
			return
		}
		e.frozen = true
	}
}

// thawLocked lets them go on. Environment.mu is held.
func (e *Environment) thawLocked() {
	if !e.frozen {
		return
	}
	e.frozen = false
	if err := e.instance.(Freezer).Thaw(); err != nil {
		e.s.o.Log("thaw an environment of function %s: %v", e.cfg.Name, err)
	}
}
