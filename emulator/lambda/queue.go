package lambda

import (
	"cmp"
	"context"
	"errors"
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

// run tries one event until it is done. What is set for its retries holds when it is looked at.
func (q *queue) run(inv *Invocation) {
	accepted := time.Now()
	wait := backOff.first
	for failures := 0; ; {
		res, err := q.s.Invoke(q.ctx, inv)
		retries, age, zero := q.rules(inv)
		var e *Error
		switch {
		case err == nil && res.FunctionError == "":
			return
		case err == nil:
			if failures >= min(len(retryDelays), retries) || time.Since(accepted)+retryDelays[failures] > age {
				q.drop(inv, errors.New(res.ErrorType))
				return
			}
			if !q.sleep(retryDelays[failures]) {
				return
			}
			failures++
		case errors.As(err, &e) && e.Status == 429 && zero:
			q.drop(inv, errZeroReserved)
			return
		case errors.As(err, &e) && (e.Status == 429 || e.Status >= 500) && e != errClosing:
			if time.Since(accepted)+wait > age {
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

// errZeroReserved ends an event at once: nothing will ever run it (spec lambda.md §9).
var errZeroReserved = errors.New("the function's reserved concurrency is 0 (ZeroReservedConcurrency)")

// rules are how often an event is tried again after a function error, how old it may become, and whether the function's reserved concurrency is 0.
func (q *queue) rules(inv *Invocation) (retries int, age time.Duration, zero bool) {
	q.s.mu.Lock()
	defer q.s.mu.Unlock()
	retries, age = len(retryDelays), eventMaxAge
	f := q.s.functions[inv.Function]
	if f == nil {
		return retries, age, false
	}
	if c := f.async[cmp.Or(inv.Qualifier, latest)]; c != nil {
		setIf(&retries, c.MaximumRetryAttempts)
		setIf(&age, c.MaximumEventAge)
	}
	return retries, age, f.reserved.value() == 0
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
