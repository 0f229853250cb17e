package burst

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Load is an open-loop load: when a request is sent depends on its Shape alone, never on how fast the server answers.
type Load struct {
	Shape   Shape
	Request Request
	// Connections bounds how many requests are under way at once; those that find no connection wait, and their latency counts from the moment at
	// which they were meant to be sent. 0 means as many as it takes.
	Connections int
	// Ready are connections that are opened before the clock starts, so that a burst does not measure how fast they are made.
	Ready int
	// Timeout of one request, from its sending; 0 means 15 minutes, the longest that a function may run.
	Timeout time.Duration
}

// Sample is one request of a load.
type Sample struct {
	// N counts from 0. At is when it was meant to be sent, Sent when it was, both since the beginning of the load. Took is the time from At to the end
	// of the answer.
	N              int
	At, Sent, Took time.Duration
	// Status is the HTTP status, 0 where Err is set.
	Status int
	// RequestID is AWS's id of the request, where the answer has one. FunctionError says that the Invoke operation answered with the function's error.
	RequestID     string
	FunctionError bool
	// Body is the beginning of an answer that is no success. It is only valid during the call.
	Body []byte
	Err  error
	// Cut says that the end of the load's context met the request: its Err tells nothing of the server.
	Cut bool
}

const defaultTimeout = 15 * time.Minute

// Run sends the load, and returns when every answer is there or ctx has ended. done is called with each Sample, from many goroutines at once. began is
// told the moment that all times count from; it may be nil.
func (l Load) Run(ctx context.Context, began func(time.Time), done func(Sample)) error {
	t, err := prepare(l.Request)
	if err != nil {
		return err
	}
	if l.Timeout <= 0 {
		l.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := &generator{load: l, target: t, done: done, ctx: ctx}
	if err := g.warm(); err != nil {
		return err
	}
	g.began = time.Now()
	if began != nil {
		began(g.began)
	}
	g.dispatch()
	g.finish()
	g.wg.Wait()
	return context.Cause(ctx)
}

// generator hands out the arrivals of one load to workers, each with a connection of its own.
type generator struct {
	load   Load
	target *target
	done   func(Sample)
	ctx    context.Context
	began  time.Time
	wg     sync.WaitGroup

	mu      sync.Mutex
	idle    []*worker // used last is taken first
	workers int
	backlog []arrival
	head    int // of backlog
	over    bool
}

type arrival struct {
	n  int
	at time.Duration
}

type worker struct {
	wire
	next chan arrival
}

// warm opens connections before the clock starts.
func (g *generator) warm() error {
	n := g.load.Ready
	if g.load.Connections > 0 {
		n = min(n, g.load.Connections)
	}
	errs := make(chan error, n)
	gate := make(chan struct{}, 64)
	var mu sync.Mutex
	var ready []*worker
	for range n {
		gate <- struct{}{}
		go func() {
			defer func() { <-gate }()
			w := &worker{next: make(chan arrival, 1)}
			err := g.target.open(g.ctx, &w.wire, time.Time{})
			mu.Lock()
			if err == nil {
				ready = append(ready, w)
			}
			mu.Unlock()
			errs <- err
		}()
	}
	var failed error // the first: many would say the same
	for range n {
		if err := <-errs; failed == nil {
			failed = err
		}
	}
	if len(ready) == 0 && failed != nil {
		return failed
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.idle, g.workers = ready, len(ready)
	for _, w := range ready {
		g.wg.Go(func() { g.wait(w) })
	}
	return nil
}

// dispatch offers each arrival at its time.
func (g *generator) dispatch() {
	n := 0
	for at := range g.load.Shape {
		if wait := at - time.Since(g.began); wait > 0 && !sleep(g.ctx, wait) || g.ctx.Err() != nil {
			return
		}
		g.offer(arrival{n, at})
		n++
	}
}

// offer gives an arrival to a worker, or to the backlog where there may be no more of them.
func (g *generator) offer(a arrival) {
	g.mu.Lock()
	if n := len(g.idle); n > 0 {
		w := g.idle[n-1]
		g.idle = g.idle[:n-1]
		g.mu.Unlock()
		w.next <- a
		return
	}
	if g.load.Connections > 0 && g.workers >= g.load.Connections {
		g.backlog = append(g.backlog, a)
		g.mu.Unlock()
		return
	}
	g.workers++
	g.mu.Unlock()
	w := &worker{next: make(chan arrival, 1)}
	w.next <- a
	g.wg.Go(func() { g.wait(w) })
}

// finish lets the workers end once the backlog is empty.
func (g *generator) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	for _, w := range g.idle {
		close(w.next)
	}
	g.idle = nil
}

// wait is a worker's life.
func (g *generator) wait(w *worker) {
	defer func() {
		if w.nc != nil {
			_ = w.nc.Close()
		}
	}()
	stop := context.AfterFunc(g.ctx, func() { g.interrupt(w) })
	defer stop()
	for a := range w.next {
		for more := true; more; a, more = g.another(w) {
			g.send(w, a)
		}
		if g.ctx.Err() != nil {
			return
		}
	}
}

// another takes the longest waiting arrival for a worker that is done; without one the worker is idle.
func (g *generator) another(w *worker) (arrival, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.head < len(g.backlog) && g.ctx.Err() == nil {
		a := g.backlog[g.head]
		if g.head++; g.head > len(g.backlog)/2 { // a backlog that never gets empty must not keep what it has handed out
			g.backlog, g.head = g.backlog[:copy(g.backlog, g.backlog[g.head:])], 0
		}
		return a, true
	}
	if g.over {
		close(w.next)
	} else {
		g.idle = append(g.idle, w)
	}
	return arrival{}, false
}

// interrupt ends what a worker is doing, because the load was cancelled.
func (g *generator) interrupt(w *worker) {
	g.mu.Lock()
	nc := w.nc
	g.mu.Unlock()
	if nc != nil {
		_ = nc.SetDeadline(time.Now())
	}
}

// send makes one exchange and tells of it.
func (g *generator) send(w *worker, a arrival) {
	s := Sample{N: a.n, At: a.at, Sent: time.Since(g.began)}
	got, err := g.try(w, a.n)
	if errors.Is(err, errStale) {
		g.drop(w)
		got, err = g.try(w, a.n)
	}
	w.last = time.Now()
	s.Took = w.last.Sub(g.began) - a.at
	if err != nil {
		g.drop(w)
		s.Err, s.Cut = plain(err), g.ctx.Err() != nil
	} else {
		s.Status, s.RequestID, s.FunctionError, s.Body = got.status, string(got.requestID), got.functionError, got.body
		if got.close {
			g.drop(w)
		}
	}
	g.done(s)
}

// try makes one exchange, on a new connection where the worker has none.
func (g *generator) try(w *worker, n int) (answer, error) {
	var err error
	if w.out, err = g.target.make(w.out, n); err != nil {
		return answer{}, err
	}
	now := time.Now()
	if w.nc != nil && w.ended(now) {
		g.drop(w)
	}
	deadline := now.Add(g.load.Timeout)
	if w.nc == nil {
		var fresh wire
		fresh.r = w.r
		ctx, cancel := context.WithDeadline(g.ctx, deadline)
		err := g.target.open(ctx, &fresh, deadline)
		cancel()
		if err != nil {
			return answer{}, err
		}
		g.mu.Lock()
		w.nc, w.r, w.used, w.last = fresh.nc, fresh.r, false, fresh.last
		g.mu.Unlock()
	} else if err := w.nc.SetDeadline(deadline); err != nil {
		return answer{}, err
	}
	if g.ctx.Err() != nil {
		return answer{}, context.Cause(g.ctx)
	}
	return w.exchange(g.load.Request.method())
}

// drop closes a worker's connection.
func (g *generator) drop(w *worker) {
	g.mu.Lock()
	nc := w.nc
	w.nc = nil
	g.mu.Unlock()
	if nc != nil {
		_ = nc.Close()
	}
}

// plain takes the addresses out of a network error, so that equal failures are counted as one.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return errors.New(op.Op + ": " + op.Err.Error())
	}
	return err
}
