package runtimeapi

import (
	"net/http"
	"slices"
)

// state of the runtime; the names are part of AWS's error messages (spec lambda.md §1.7).
type state uint8

const (
	stateStarted state = iota
	stateInitError
	stateReady
	stateRunning
	stateInvocationResponse      // while the body of /response is read
	stateInvocationErrorResponse // while the body of /error is read
	stateResponseSent
)

func (s state) String() string {
	return [...]string{"Started", "InitError", "Ready", "Running", "InvocationResponse", "InvocationErrorResponse",
		"RuntimeResponseSentState"}[s]
}

// machine is the state of the runtime and the invocation that it works on. Server.mu guards it.
type machine struct {
	state state
	// event is the invocation that runs; nil when it was answered or expired.
	event *Event
	// requestID and invocationID are those of the last event: they are known until the runtime polls again, so that a second answer is
	// told from one for another invocation. Both are "" when there is none, or the invocation is over for the platform.
	requestID, invocationID string
	// turn changes whenever event does, so that a slow answer finds out that its invocation is over.
	turn uint64
}

// answer is a call of the runtime whose body is being read.
type answer struct {
	requestID string
	turn      uint64
	init      bool
}

func (m *machine) reset() {
	*m = machine{turn: m.turn + 1}
}

// begin makes e the running invocation.
func (m *machine) begin(e *Event) {
	m.state, m.event, m.requestID, m.invocationID = stateRunning, e, e.RequestID, e.InvocationID
	m.turn++
}

// over takes the running invocation away; next is legal after it.
func (m *machine) over() {
	m.state, m.event, m.requestID, m.invocationID = stateResponseSent, nil, "", ""
	m.turn++
}

// ready moves to Ready for a poll. It returns the running event where that has to be given again, or the refusal.
func (m *machine) ready() (again *Event, refusal *apiError) {
	switch m.state {
	case stateStarted, stateResponseSent:
		m.state, m.requestID, m.invocationID = stateReady, "", ""
	case stateReady:
	case stateRunning:
		return m.event, nil
	default:
		return nil, new(invalidTransition(m.state, stateReady))
	}
	return nil, nil
}

// answerTo moves to the state to for an answer to the invocation id. The ids are checked before the state.
func (m *machine) answerTo(id, invocationID []byte, to state) *apiError {
	switch {
	case m.requestID == "" || string(id) != m.requestID:
		return &invalidRequestID
	case len(invocationID) > 0 && string(invocationID) != m.invocationID:
		return &invalidInvocationID
	case m.state != stateRunning:
		return new(invalidTransition(m.state, to))
	}
	m.state = to
	return nil
}

// Deliver hands e to the poll that waits longest, with one write by the calling goroutine: the runtime has it when Deliver returns true. It is
// false where no poll waits, while an invocation is running, or where the connection of every poll proved dead before anything was written.
// Where a connection dies later, Deliver is true: the runtime may poll again and is then given the running event again, or it is dead.
// A runtime that does not read (a frozen one) may block a large event; Reset and Close end that.
func (s *Server) Deliver(e *Event) bool {
	for {
		s.mu.Lock()
		if len(s.waiting) == 0 || s.event != nil {
			s.mu.Unlock()
			return false
		}
		c := s.waiting[0]
		s.waiting = slices.Delete(s.waiting, 0, 1)
		c.waiting = false
		before := s.machine
		s.begin(e)
		turn, f, pipelined := s.turn, c.polled, c.answered != nil
		c.wmu.Lock() // before others can see that c no longer waits: what follows on c is written after e
		s.mu.Unlock()

		n, err := s.writeEvent(c.nc, f, e)
		c.lost = err != nil && n == 0
		c.wmu.Unlock()
		switch {
		case err == nil && f.close:
			_ = c.closeWrite()
		case err != nil:
			_ = c.nc.Close()
		}
		lost := err != nil && n == 0
		if lost || pipelined {
			s.settle(c, lost, turn, before)
		}
		if !lost {
			return true
		}
	}
}

// settle lets a request that waited behind the poll of c go on, and takes back an event that was not written.
func (s *Server) settle(c *conn, lost bool, turn uint64, before machine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.release()
	if lost && s.turn == turn {
		s.machine = before
		s.turn = turn + 1
	}
}

// Expire says that the invocation is over for the platform (a timeout, a crash): an answer to it that still comes is refused with
// InvalidRequestID, and the runtime may poll again. It does nothing where requestID is not the current invocation.
func (s *Server) Expire(requestID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if requestID != "" && s.requestID == requestID {
		s.over()
	}
}

// poll puts c on the list of those that wait and tells the owner. It returns the event instead where one is running already.
func (s *Server) poll(c *conn) (again *Event, refusal *apiError) {
	s.mu.Lock()
	if c.dead {
		s.mu.Unlock()
		return nil, &internalError
	}
	again, refusal = s.ready()
	if again != nil || refusal != nil {
		s.mu.Unlock()
		return again, refusal
	}
	c.mayWait, c.waiting, c.polled = true, true, c.head.framing
	s.waiting = append(s.waiting, c)
	free := len(s.waiting)
	s.calls++
	s.mu.Unlock()
	s.owner.Polled(free)
	s.returned()
	return nil, nil
}

// awaitAnswer returns when the poll of c has its answer. It is called when more was read from c: there is a request behind the poll.
func (s *Server) awaitAnswer(c *conn) {
	s.mu.Lock()
	if !c.waiting {
		s.mu.Unlock()
		return
	}
	c.answered = make(chan struct{})
	answered := c.answered
	s.mu.Unlock()
	<-answered
}

// release lets the goroutine of c go on behind its poll. s.mu is held.
func (c *conn) release() {
	if c.answered != nil {
		close(c.answered)
		c.answered = nil
	}
}

// beginAnswer admits an answer to the invocation id, or refuses it.
func (s *Server) beginAnswer(c *conn, id []byte, to state) (answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.dead {
		return answer{}, &invalidRequestID
	}
	if refusal := s.answerTo(id, c.head.invocationID, to); refusal != nil {
		return answer{}, refusal
	}
	return answer{requestID: s.requestID, turn: s.turn}, nil
}

// beginInitError admits an init/error, or refuses it.
func (s *Server) beginInitError(c *conn) (answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.dead || s.state != stateStarted {
		return answer{}, new(invalidTransition(s.state, stateInitError))
	}
	s.state = stateInitError
	return answer{turn: s.turn, init: true}, nil
}

// endAnswer gives r to the owner, unless the invocation ended or the runtime was reset while r was read. The state moves on when the owner
// has it: a poll that overtakes the answer is refused, so that the owner never hears of it first.
func (s *Server) endAnswer(c *conn, a answer, r Response) *apiError {
	s.mu.Lock()
	if c.dead || s.turn != a.turn {
		s.mu.Unlock()
		return &invalidRequestID
	}
	s.calls++
	s.mu.Unlock()
	if a.init {
		s.owner.InitFailed(r)
		s.returned()
		return nil
	}
	s.owner.Responded(a.requestID, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn == a.turn {
		s.state, s.event = stateResponseSent, nil
	}
	s.hush()
	return nil
}

// abandon tells the owner that a poll is gone.
func (s *Server) abandon(c *conn) {
	s.mu.Lock()
	if c.dead {
		s.mu.Unlock()
		return
	}
	free := len(s.waiting)
	s.calls++
	s.mu.Unlock()
	s.owner.Abandoned(free)
	s.returned()
}

// returned notes that a call of the owner has returned.
func (s *Server) returned() {
	s.mu.Lock()
	s.hush()
	s.mu.Unlock()
}

// hush is returned with s.mu held.
func (s *Server) hush() {
	if s.calls--; s.calls == 0 {
		s.quiet.Broadcast()
	}
}

// forget takes c off the lists. s.mu is held.
func (s *Server) forget(c *conn) {
	without := func(list []*conn) []*conn {
		if i := slices.Index(list, c); i >= 0 {
			return slices.Delete(list, i, i+1)
		}
		return list
	}
	s.conns = without(s.conns)
	if c.waiting {
		s.waiting, c.waiting = without(s.waiting), false
	}
}

// internalError is documented as not recoverable: the runtime should exit (spec lambda.md §1.7).
var internalError = apiError{http.StatusInternalServerError, "InternalServerError", "Internal Server Error"}
