package lambda

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// queue holds the events of asynchronous invocations, in memory (spec lambda.md §9). Each has a goroutine of its own, which most of the time waits.
type queue struct {
	s      *Service
	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	closed bool
}

// Retries after a function error, and the back-off after throttles and errors of the service.
var (
	retryDelays = [...]time.Duration{time.Minute, 2 * time.Minute}
	backOff     = struct{ first, last time.Duration }{time.Second, 5 * time.Minute}
)

func newQueue(s *Service) *queue {
	q := &queue{s: s}
	q.ctx, q.cancel = context.WithCancel(context.Background())
	return q
}

// close drops what waits; an invocation that runs is left to the Service.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.cancel()
}

// Enqueue takes an Event invocation: it runs soon, is tried again after a function error (1 and 2 minutes later) and after a throttle (with a
// back-off, for up to 6 h), and its result is dropped. The error is an *Error for a function that does not exist.
func (s *Service) Enqueue(inv *Invocation) error {
	if _, err := s.Describe(inv.Function, inv.Qualifier); err != nil {
		return s.notFound(inv.Function, inv.Qualifier)
	}
	if inv.RequestID == "" {
		inv.RequestID = NewRequestID()
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	if s.queue.closed {
		return errClosing
	}
	s.wg.Go(func() { s.queue.run(inv) })
	return nil
}

// run tries one event until it is done.
func (q *queue) run(inv *Invocation) {
	deadline := time.Now().Add(eventMaxAge)
	wait := backOff.first
	for failures := 0; ; {
		res, err := q.s.Invoke(q.ctx, inv)
		var e *Error
		switch {
		case err == nil && res.FunctionError == "":
			return
		case err == nil:
			if failures >= min(len(retryDelays), q.retries(inv.Function)) {
				q.drop(inv, fmt.Errorf("%s", res.ErrorType))
				return
			}
			if !q.sleep(retryDelays[failures]) {
				return
			}
			failures++
		case errors.As(err, &e) && (e.Status == 429 || e.Status >= 500) && e != errClosing:
			if time.Now().Add(wait).After(deadline) {
				q.drop(inv, err)
				return
			}
			if !q.sleep(wait) {
				return
			}
			wait = min(2*wait, backOff.last)
		default:
			if q.ctx.Err() == nil {
				q.drop(inv, err)
			}
			return
		}
	}
}

// retries that the function's configuration allows.
func (q *queue) retries(name string) int {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	if f := q.s.functions[name]; f != nil && f.cfg.MaximumRetryAttempts != nil {
		return *f.cfg.MaximumRetryAttempts
	}
	return len(retryDelays)
}

func (q *queue) drop(inv *Invocation, err error) {
	q.s.o.Log("event %s of function %s is dropped: %v", inv.RequestID, inv.Function, err)
}

func (q *queue) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-q.ctx.Done():
		return false
	}
}
