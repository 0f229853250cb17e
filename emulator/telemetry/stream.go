package telemetry

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// How long the first event of a batch waits for company, and how many events may wait before a handler's output is held back.
const (
	batchDelay = 2 * time.Millisecond
	highWater  = 20_000
)

// Stream carries events from those who cause them to those who read them, in one order for all readers.
// The zero value is not usable: see NewStream.
type Stream struct {
	mu      sync.Mutex
	pending []Event
	drained *sync.Cond // pending was taken, or read
	readers []*reader
	taps    []*Tap
	emitted uint64 // events ever appended
	read    uint64 // events that all readers have seen
	closed  bool

	wake chan struct{}
	done chan struct{}
}

type reader struct{ fn func([]Event) }

// NewStream starts a stream. Close ends it.
func NewStream() *Stream {
	s := &Stream{wake: make(chan struct{}, 1), done: make(chan struct{})}
	s.drained = sync.NewCond(&s.mu)
	go s.dispatch()
	return s
}

// Emit adds an event. It never blocks. After Close events are dropped.
func (s *Stream) Emit(e Event) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.append(e)
	s.mu.Unlock()
}

// EmitPair adds two events that belong together under one lock.
func (s *Stream) EmitPair(a, b Event) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.append(a)
	s.append(b)
	s.mu.Unlock()
}

// EmitOutput adds an event of a handler's output. It blocks while the readers are more than 20,000 events behind.
func (s *Stream) EmitOutput(e Event) {
	s.mu.Lock()
	for len(s.pending) >= highWater && !s.closed {
		s.drained.Wait()
	}
	if !s.closed {
		s.append(e)
	}
	s.mu.Unlock()
}

func (s *Stream) append(e Event) {
	s.pending = append(s.pending, e)
	s.emitted++
	if len(s.pending) == 1 {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// Read registers a lossless reader. It is called with each batch from the stream's goroutine, and must not keep the slice. The returned function
// ends it: after that fn is not called again.
func (s *Stream) Read(fn func([]Event)) (stop func()) {
	r := &reader{fn}
	s.mu.Lock()
	s.readers = append(s.readers, r)
	s.mu.Unlock()
	return func() {
		s.Flush()
		s.mu.Lock()
		s.readers = slices.DeleteFunc(s.readers, func(x *reader) bool { return x == r })
		s.mu.Unlock()
	}
}

// Tap is a lossy reader: what does not fit into its channel is dropped and counted.
type Tap struct {
	// C carries the events; it is closed when the tap or the stream is.
	C       <-chan Event
	c       chan Event
	dropped atomic.Uint64
	stream  *Stream
}

// Tap registers a lossy reader with room for size events.
func (s *Stream) Tap(size int) *Tap {
	c := make(chan Event, size)
	t := &Tap{C: c, c: c, stream: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		close(c)
		return t
	}
	s.taps = append(s.taps, t)
	return t
}

// Dropped is the number of events that found no room.
func (t *Tap) Dropped() uint64 { return t.dropped.Load() }

// Close ends the tap and closes C.
func (t *Tap) Close() {
	t.stream.mu.Lock()
	defer t.stream.mu.Unlock()
	if i := slices.Index(t.stream.taps, t); i >= 0 {
		t.stream.taps = slices.Delete(t.stream.taps, i, i+1)
		close(t.c)
	}
}

// Flush waits until the readers have seen every event that was emitted before the call.
func (s *Stream) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for want := s.emitted; s.read < want; {
		s.drained.Wait()
	}
}

// Close lets the readers see what was emitted, ends the stream and closes all taps. It is idempotent.
func (s *Stream) Close() {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.drained.Broadcast()
	s.mu.Unlock()
	if first {
		close(s.wake)
	}
	<-s.done
}

func (s *Stream) dispatch() {
	defer close(s.done)
	var spare []Event
	for open := true; open; {
		_, open = <-s.wake
		if open {
			time.Sleep(batchDelay)
		}
		spare = s.hand(spare)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.taps {
		close(t.c)
	}
	s.taps = nil
}

// hand takes what is pending and gives it to the readers; spare is the slice of the batch before, used again.
func (s *Stream) hand(spare []Event) []Event {
	s.mu.Lock()
	batch := s.pending
	s.pending = spare[:0]
	readers := slices.Clone(s.readers)
	for _, t := range s.taps {
		t.offer(batch)
	}
	s.drained.Broadcast()
	s.mu.Unlock()

	for _, r := range readers {
		r.fn(batch)
	}

	s.mu.Lock()
	s.read += uint64(len(batch))
	s.drained.Broadcast()
	s.mu.Unlock()
	clear(batch)
	if cap(batch) > 4096 {
		return nil // a burst's memory is given back
	}
	return batch
}

func (t *Tap) offer(batch []Event) {
	for i, e := range batch {
		select {
		case t.c <- e:
		default:
			t.dropped.Add(uint64(len(batch) - i))
			return
		}
	}
}
