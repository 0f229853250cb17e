package sandbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"example.com/emulate/emulator/docker"
)

// spares are containers that wait, with everything set up but the runtime. A function gets one after its first use, more after a burst that found
// none, and fewer again when it is quiet. They are made one at a time, and only while no start is under way, which they would slow down.
type spares struct {
	c *Container

	mu     sync.Mutex
	pools  map[string]*pool // by function
	closed bool
	// running says that the maker works; wake lets it look again.
	running bool
	wake    chan struct{}
	// total is how many wait or are made.
	total int
}

// pool is one function's.
type pool struct {
	plan *blueprint
	free []*box
	// want is how many are to wait.
	want         int
	used, missed time.Time
	failed       time.Time
}

const (
	// spareQuiet is after how long without a start that found none a pool shrinks by half; spareIdle after how long without any start it goes.
	spareQuiet = time.Minute
	spareIdle  = 10 * time.Minute
	// spareMemory is about what a waiting container costs the engine: its shim and its init. A sixteenth of the engine's memory is for them.
	spareMemory = 32 << 20
	// spareSettle is how long after a start the maker waits for the next one.
	spareSettle = 200 * time.Millisecond
	// spareAgain is how long after a failure another one is tried.
	spareAgain = 5 * time.Second
)

// take gives a waiting container for a blueprint, nil where none is; and notes the use.
func (s *spares) take(p *blueprint) *box {
	if s.c.options.Spares < 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	if s.pools == nil {
		s.pools = map[string]*pool{}
	}
	least := max(1, s.c.options.Spares)
	now := time.Now()
	pl := s.pools[p.function]
	if pl == nil {
		pl = &pool{want: least, missed: now}
		s.pools[p.function] = pl
	} else if pl.plan.key != p.key {
		s.empty(pl)
	}
	pl.plan, pl.used = p, now
	defer s.work()
	for len(pl.free) > 0 {
		b := pl.free[len(pl.free)-1]
		pl.free = pl.free[:len(pl.free)-1]
		s.total--
		if !b.isGone() {
			return b
		}
		s.discard(b)
	}
	if !pl.missed.Equal(now) && s.c.options.Spares == 0 {
		pl.want = min(pl.want+1, s.most())
	}
	pl.missed = now
	return nil
}

// most is how many may wait, for all functions together.
func (s *spares) most() int {
	memory := int64(0)
	s.c.mu.Lock()
	if s.c.world != nil {
		memory = s.c.world.engine.Info().MemoryBytes
	}
	s.c.mu.Unlock()
	return int(max(1, memory/16/spareMemory))
}

// work starts the maker where it does not run. s.mu is held.
func (s *spares) work() {
	if s.running {
		select {
		case s.wake <- struct{}{}:
		default:
		}
		return
	}
	s.running, s.wake = true, make(chan struct{}, 1)
	s.c.tidying.Go(s.make)
}

// make fills the pools until Close.
func (s *spares) make() {
	timer := time.NewTimer(spareSettle)
	defer timer.Stop()
	for {
		select {
		case <-s.wake:
			timer.Reset(spareSettle)
			continue
		case <-timer.C:
		case <-s.c.work.Done():
			return
		}
		s.shrink(time.Now())
		if s.c.launching.Load() == 0 && s.makeOne() {
			timer.Reset(0)
		} else {
			timer.Reset(s.rest())
		}
	}
}

// rest is how long the maker sleeps when there is nothing to do, or a start is under way.
func (s *spares) rest() time.Duration {
	if s.c.launching.Load() > 0 {
		return spareSettle
	}
	return spareAgain
}

// makeOne makes one container for the pool that lacks the most; false where none lacks any.
func (s *spares) makeOne() bool {
	s.mu.Lock()
	var neediest *pool
	for _, pl := range s.pools {
		lacks := pl.want - len(pl.free)
		if lacks > 0 && time.Since(pl.failed) > spareAgain && (neediest == nil || lacks > neediest.want-len(neediest.free)) {
			neediest = pl
		}
	}
	if s.closed || neediest == nil || s.total >= s.most() {
		s.mu.Unlock()
		return false
	}
	plan := neediest.plan
	s.total++
	s.mu.Unlock()

	s.c.mu.Lock()
	w := s.c.world
	s.c.mu.Unlock()
	b, err := s.c.newBox(s.c.work, w, plan)

	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.total--
		neediest.failed = time.Now()
		if !docker.Unavailable(err) && !errors.Is(err, errSuperseded) && s.c.work.Err() == nil {
			s.c.told.once(s.c, "spare "+plan.function, "function "+plan.function+" has no spare container: "+err.Error())
		}
	case s.closed || neediest.plan.key != plan.key || s.pools[plan.function] != neediest:
		s.total--
		s.discard(b)
	default:
		neediest.free = append(neediest.free, b)
	}
	return err == nil
}

// shrink lets quiet pools have fewer, and idle ones none.
func (s *spares) shrink(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for function, pl := range s.pools {
		if now.Sub(pl.used) > spareIdle {
			s.empty(pl)
			delete(s.pools, function)
			continue
		}
		least := max(1, s.c.options.Spares)
		if now.Sub(pl.missed) > spareQuiet && pl.want > least {
			pl.want, pl.missed = max(least, pl.want/2), now
		}
		for len(pl.free) > pl.want {
			b := pl.free[0]
			pl.free = pl.free[1:]
			s.total--
			s.discard(b)
		}
	}
}

// empty removes a pool's containers. s.mu is held.
func (s *spares) empty(pl *pool) {
	for _, b := range pl.free {
		s.discard(b)
	}
	s.total -= len(pl.free)
	pl.free = nil
}

// discard removes a container in the background.
func (s *spares) discard(b *box) {
	s.c.tidying.Go(func() { b.remove(context.Background()) })
}

// drop removes the spares of the functions of which which says so.
func (s *spares) drop(which func(function string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for function, pl := range s.pools {
		if which(function) {
			s.empty(pl)
			delete(s.pools, function)
		}
	}
}

func (s *spares) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.drop(func(string) bool { return true })
}
