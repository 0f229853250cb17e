package burst

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Options of Run.
type Options struct {
	// Target is what the report calls the target; "" means the request's URL.
	Target string
	Load   Load
	// Source is the emulator that answers. Without one the report has what the answers tell: no cold starts, environments or cost.
	Source Source
	// Seed of the sample of points; the report tells it. That of the emulator makes the report say how to repeat its chance.
	Seed uint64
	// Progress is called some ten times a second, from one goroutine; it may be nil.
	Progress func(Progress)
}

// Progress of a load.
type Progress struct {
	Elapsed time.Duration
	// Offered requests were sent, or are about to be; Answered are those of them that have ended, Failed and Throttled ones included.
	Offered, Answered, Failed, Throttled, ColdStarts int64
	// Environments of the functions that the load has met.
	Environments Environments
}

// How often environments are counted and progress is told, and how long events may come after the last answer.
const (
	countEvery = 25 * time.Millisecond
	tellEvery  = 100 * time.Millisecond
	settleTime = 3 * time.Second
)

// news is one thing for the collector: the beginning, a sample, an event of the emulator, or a count of its environments.
type news struct {
	began  time.Time
	sample *Sample
	event  *line
	counts map[string]Environments
	at     time.Time // of counts
}

// Run sends a load and reports what it met. Where ctx ends before the load does, the report is that of what was sent, and the error the cause of ctx.
// Memory does not grow with the number of requests, but with that of those which wait for a connection at the same time: 16 bytes each.
func Run(ctx context.Context, o Options) (*Report, error) {
	c, err := newCollector(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("watch the emulator: %w", err)
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &runner{collector: c, news: make(chan news, 4096), ended: make(chan error, 1), lost: make(chan error, 1), watching: watching}
	defer func() {
		stop()
		r.watchers.Wait()
	}()
	if o.Source != nil {
		if err := r.watch(ctx); err != nil {
			return nil, fmt.Errorf("watch the emulator: %w", err)
		}
	}
	load := o.Load
	load.Shape = counted(load.Shape, &r.offered)
	go func() { r.ended <- load.Run(ctx, r.begin, r.sample) }()
	err = r.collect(ctx)
	if err != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("send the load: %w", err)
	}
	r.countOnce()
	c.interrupted = ctx.Err() != nil
	return c.report(r.offered.Load()), err
}

// runner brings together what happens at once.
type runner struct {
	*collector
	news     chan news
	ended    chan error // of the load
	lost     chan error // of the events
	offered  atomic.Int64
	watching context.Context
	watchers sync.WaitGroup
}

// counted counts the arrivals of a shape.
func counted(s Shape, n *atomic.Int64) Shape {
	return func(yield func(time.Duration) bool) {
		for at := range s {
			n.Add(1)
			if !yield(at) {
				return
			}
		}
	}
}

// tell gives the collector something, unless it has ended.
func (r *runner) tell(n news) {
	select {
	case r.news <- n:
	case <-r.watching.Done():
	}
}

// watch reads the source's events, and returns when none can be missed.
func (r *runner) watch(ctx context.Context) error {
	began := make(chan struct{})
	r.watchers.Go(func() {
		r.lost <- r.o.Source.Lines(r.watching, func() { close(began) }, func(text []byte) {
			if e := parseLine(text); e != nil {
				r.tell(news{event: e})
			}
		})
	})
	select {
	case <-began:
		return nil
	case err := <-r.lost:
		if err == nil {
			err = errors.New("its events have ended")
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(patience):
		return fmt.Errorf("no events within %v", patience)
	}
}

// begin is the load's beginning.
func (r *runner) begin(t time.Time) {
	r.tell(news{began: t})
	if r.o.Source != nil {
		r.watchers.Go(r.count)
	}
}

// sample passes on the end of a request.
func (r *runner) sample(s Sample) {
	if len(s.Body) > 0 {
		s.Body = bytes.Clone(s.Body)
	}
	r.tell(news{sample: &s})
}

// count asks for the environments again and again.
func (r *runner) count() {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		if counts, err := r.o.Source.Environments(r.watching); err == nil { // the end of the events tells of a failure
			r.tell(news{counts: counts, at: time.Now()})
		}
		select {
		case <-tick.C:
		case <-r.watching.Done():
			return
		}
	}
}

// countOnce counts the environments at the end, and what warmers keep, of a load that was shorter than the time between two counts too.
func (r *runner) countOnce() {
	if r.o.Source == nil || r.began.IsZero() {
		return
	}
	if counts, err := r.o.Source.Environments(r.watching); err == nil { // without an answer the counts so far stand
		r.collector.count(time.Since(r.began), counts)
	}
	r.warmers, _ = r.o.Source.Warmers(r.watching) // likewise
}

// collect takes the news until the load is over and nothing more is to be expected of the emulator.
func (r *runner) collect(ctx context.Context) (err error) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	ended, lost := r.ended, r.lost
	var enough <-chan time.Time
	for {
		select {
		case n := <-r.news:
			r.take(n)
		case err = <-ended:
			ended = nil
			settle := settleTime
			if ctx.Err() != nil {
				settle /= 10
			}
			enough = time.After(settle)
			for len(r.news) > 0 {
				r.take(<-r.news)
			}
		case <-lost:
			lost = nil
			r.blind()
		case <-tick.C:
			r.progress()
		case <-enough:
			return err
		}
		if ended == nil && len(r.news) == 0 && r.settled() {
			r.progress()
			return err
		}
	}
}

// progress tells how far the load is.
func (r *runner) progress() {
	if r.o.Progress != nil && !r.began.IsZero() {
		p := r.so
		p.Elapsed, p.Offered = time.Since(r.began), r.offered.Load()
		r.o.Progress(p)
	}
}
