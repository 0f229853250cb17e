package lambda

import (
	"cmp"
	"context"
	"errors"
	"time"

	"example.com/emulate/emulator/config"
)

// warmPing is the default event of a warmer. Handlers that use a warming library know it; concurrency 1 keeps such a library from sending further pings
// by itself: the warmer sends as many as there are to be.
const warmPing = `{"warmer":true,"concurrency":1}`

// warmer pings a function to keep environments warm, as people do by a schedule. What it keeps is counted by the environments that really served a
// round: overlapping pings find one each, one ping after the other finds the same one.
type warmer struct {
	s    *Service
	f    *Function
	cfg  config.Warm
	stop context.CancelFunc
	said int // what the last notice told
}

// Warmed counts what a warmer has done. Kept is how many environments served the last round, of Pings; Cold how many of all pings met a cold start, and
// so found nothing kept; Throttled how many were refused.
type Warmed struct {
	// Every and Sequential are the warmer's.
	Every               time.Duration
	Sequential          bool
	Rounds, Kept, Pings int
	// Least is the fewest that served a round, Sum the number over all rounds.
	Least, Sum      int
	Cold, Throttled uint64
}

// warm starts, changes or ends the function's warmer, by its configuration. Service.mu is held.
func (s *Service) warm(f *Function, cfg *config.Function) {
	switch w := f.warmer; {
	case w != nil && cfg != nil && cfg.Warm != nil && *cfg.Warm == w.cfg:
		return
	case w != nil:
		w.stop()
		f.warmer, f.counts.Warm = nil, Warmed{}
	}
	if cfg == nil || cfg.Warm == nil || s.closing {
		return
	}
	ctx, stop := context.WithCancel(s.ctx)
	w := &warmer{s: s, f: f, cfg: *cfg.Warm, stop: stop, said: -1}
	f.warmer = w
	s.wg.Go(func() { w.run(ctx) })
}

// run pings at once and then every so often. A round that takes longer than that holds up the next one.
func (w *warmer) run(ctx context.Context) {
	tick := time.NewTicker(w.cfg.Every)
	defer tick.Stop()
	for {
		w.round(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// round sends one round of pings, waits for them, and counts.
func (w *warmer) round(ctx context.Context) {
	w.s.mu.Lock()
	name, alias := w.f.cfg.Name, w.f.cfg.Alias // which is what callers use
	if w.f.aliases[alias] == nil {
		alias = ""
	}
	w.s.mu.Unlock()
	f, pool, err := w.s.ready(ctx, name, alias)
	if err != nil || f != w.f {
		return
	}
	pings := make([]*request, w.cfg.Concurrency)
	for i := range pings {
		pings[i] = w.s.newRequest(f, pool, &Invocation{Function: name, Qualifier: alias, Payload: []byte(cmp.Or(w.cfg.Payload, warmPing))})
	}
	if w.cfg.Sequential {
		for _, r := range pings {
			w.s.place(r)
			if !w.wait(ctx, r) {
				return
			}
		}
	} else {
		w.s.place(pings...)
		for _, r := range pings {
			if !w.wait(ctx, r) {
				return
			}
		}
	}
	w.count(pings)
}

func (w *warmer) wait(ctx context.Context, r *request) bool {
	select {
	case <-r.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// count notes how many environments served the round, and says so where that is news.
func (w *warmer) count(pings []*request) {
	kept := map[string]bool{}
	var cold, throttled uint64
	for _, r := range pings {
		var e *Error
		switch {
		case r.result.Environment != "":
			kept[r.result.Environment] = true
		case errors.As(r.err, &e) && e.Status == 429:
			throttled++
		}
		if r.result.Cold {
			cold++
		}
	}
	s := w.s
	s.mu.Lock()
	name := w.f.cfg.Name
	n := &w.f.counts.Warm
	first := n.Rounds == 0
	n.Rounds++
	n.Every, n.Sequential = w.cfg.Every, w.cfg.Sequential
	n.Kept, n.Pings = len(kept), len(pings)
	n.Sum += n.Kept
	if first || n.Kept < n.Least {
		n.Least = n.Kept
	}
	n.Cold, n.Throttled = n.Cold+cold, n.Throttled+throttled
	s.mu.Unlock()
	// The first round starts what later ones keep.
	if kept := len(kept); kept != w.said && !first || throttled > 0 && first {
		w.said = kept
		how := "overlapping"
		if w.cfg.Sequential {
			how = "sequential"
		}
		s.o.Log("the warmer of function %s: environments kept by %d %s pings: %d (pings that met a cold start: %d, throttled: %d)", name, len(pings), how, kept, cold, throttled)
	}
}
