package docker

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// Wait blocks until the container has ended, and gives its exit code; one that does not run yet is waited for too. One that was removed before, or without ever
// having run, is NotFound. If the engine goes away, Wait fails (Unavailable).
//
// All waiters share one stream of the engine's events, so that a waiting caller costs neither a connection nor a goroutine.
func (e *Engine) Wait(ctx context.Context, id string) (int, error) {
	code, err := e.wait(ctx, id)
	return code, e.fail(ctx, err, "wait for container "+short(id))
}

func (e *Engine) wait(ctx context.Context, id string) (int, error) {
	id, code, ended, err := e.ended(ctx, id)
	if ended || err != nil {
		return code, err
	}
	w, err := e.watch(ctx, id)
	if err != nil {
		return 0, err
	}
	defer w.leave()
	// It may have ended before the stream began. If it is gone even, an event has told how, and is on its way.
	_, code, ended, err = e.ended(ctx, id)
	late := (<-chan time.Time)(nil)
	if cerrdefs.IsNotFound(err) {
		late = time.After(2 * time.Second)
	} else if ended || err != nil {
		return code, err
	}
	select {
	case end := <-w.end:
		return end.code, end.err
	case <-late:
		return 0, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// ended asks the engine, and gives the container's whole id.
func (e *Engine) ended(ctx context.Context, id string) (whole string, code int, ended bool, err error) {
	c, err := e.api.ContainerInspect(ctx, id)
	if err != nil {
		return "", 0, false, err
	}
	switch c.State.Status {
	case container.StateExited:
		return c.ID, c.State.ExitCode, true, nil
	case container.StateDead, container.StateRemoving: // one that never ran is removed so, too
		began, err := time.Parse(time.RFC3339Nano, c.State.StartedAt)
		return c.ID, c.State.ExitCode, err == nil && !began.IsZero(), nil
	}
	return c.ID, 0, false, nil
}

// end is how a container ended, or why that is not known.
type end struct {
	code int
	err  error
}

// waiter is one call of Wait.
type waiter struct {
	stream *endStream
	id     string
	end    chan end // holds one
}

// ends shares the stream of events.
type ends struct {
	mu     sync.Mutex
	stream *endStream
}

// endStream is one stream of events. It ends when nobody waits any more.
type endStream struct {
	of      *ends
	cancel  context.CancelCauseFunc
	ready   chan struct{} // closed when the engine has begun to tell
	waiters map[*waiter]bool
}

// watch joins the stream of events, or begins one, and returns when the engine tells them.
func (e *Engine) watch(ctx context.Context, id string) (*waiter, error) {
	e.ends.mu.Lock()
	s := e.ends.stream
	if s == nil {
		run, cancel := context.WithCancelCause(e.life)
		s = &endStream{of: &e.ends, cancel: cancel, ready: make(chan struct{}), waiters: map[*waiter]bool{}}
		if err := e.background(func() { e.tell(run, s) }); err != nil {
			cancel(nil)
			e.ends.mu.Unlock()
			return nil, err
		}
		e.ends.stream = s
	}
	w := &waiter{stream: s, id: id, end: make(chan end, 1)}
	s.waiters[w] = true
	e.ends.mu.Unlock()
	select {
	case <-s.ready:
		return w, nil
	case <-ctx.Done():
		w.leave()
		return nil, ctx.Err()
	}
}

// leave ends the stream with its last waiter.
func (w *waiter) leave() {
	s := w.stream
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	delete(s.waiters, w)
	if len(s.waiters) == 0 {
		s.stop(nil)
	}
}

// stop is called with the lock held.
func (s *endStream) stop(why error) {
	if s.of.stream == s {
		s.of.stream = nil
	}
	s.cancel(why)
}

func (o *ends) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stream != nil {
		o.stream.stop(errClosed)
	}
}

// tell reads events until the stream breaks or nobody waits.
func (e *Engine) tell(ctx context.Context, s *endStream) {
	// An engine may answer a little before it begins to listen; what it tells again does no harm, since ids are never used twice.
	since := time.Now().Add(e.ahead - 10*time.Second)
	told, failed := e.api.Events(ctx, events.ListOptions{
		Since: fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond()),
		Filters: filters.NewArgs(filters.Arg("type", "container"), filters.Arg("event", "die"), filters.Arg("event", "died"),
			filters.Arg("event", "destroy"), filters.Arg("event", "remove")),
	})
	close(s.ready)
	for {
		select {
		case m := <-told:
			s.pass(m.Actor.ID, func() end { return e.endOf(ctx, m) })
		case err := <-failed:
			err = e.fail(ctx, err, "follow the ends of containers")
			s.of.mu.Lock()
			s.stop(nil)
			for w := range s.waiters {
				w.give(end{err: err})
			}
			s.of.mu.Unlock()
			return
		}
	}
}

// pass tells those who wait for a container how it ended.
func (s *endStream) pass(id string, how func() end) {
	s.of.mu.Lock()
	var here []*waiter
	for w := range s.waiters {
		if w.id == id {
			here = append(here, w)
		}
	}
	s.of.mu.Unlock()
	if len(here) == 0 {
		return
	}
	h := how()
	for _, w := range here {
		w.give(h)
	}
}

// give keeps the first end: that of the removal comes after that of the process.
func (w *waiter) give(e end) {
	select {
	case w.end <- e:
	default:
	}
}

// endOf reads an event: Docker tells the exit code as exitCode, podman as containerExitCode.
func (e *Engine) endOf(ctx context.Context, m events.Message) end {
	if m.Action == events.ActionDestroy || m.Action == events.ActionRemove {
		return end{err: &Error{Kind: NotFound, Doing: "wait for container " + short(m.Actor.ID), Err: errGone}}
	}
	for _, name := range []string{"exitCode", "containerExitCode"} {
		if code, err := strconv.Atoi(m.Actor.Attributes[name]); err == nil {
			return end{code: code}
		}
	}
	_, code, _, err := e.ended(ctx, m.Actor.ID)
	return end{code: code, err: err}
}
