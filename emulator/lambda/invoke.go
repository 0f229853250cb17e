package lambda

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"sync/atomic"
	"time"

	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/telemetry"
	"example.com/emulate/runtimeapi"
)

// request is one accepted invocation, from Invoke to its end.
type request struct {
	id   fleet.ReqID
	fn   *Function
	pool fleet.Pool
	tail *tail
	// again says that the request is placed for a second time; losses how often that was since a sandbox was lost before it had the event.
	again  bool
	losses int
	// handover says how far the event has come on its way to the runtime: notHanded, handing, handed or orphaned.
	handover atomic.Int32

	// event is what the runtime receives; began is when it (or the INIT that runs for it alone) began.
	event     runtimeapi.Event
	began     time.Time
	responded time.Time
	initTime  time.Duration
	result    Result
	err       error

	ended atomic.Bool
	done  chan struct{}
}

// end hands the result to the caller, once.
func (r *request) end() {
	if r.ended.CompareAndSwap(false, true) {
		close(r.done)
	}
}

// Invoke runs a function and waits for its answer. The error is an *Error (unknown function, throttled, not built), or the cause of ctx where ctx
// ended first: the invocation then goes on by itself, as on AWS.
func (s *Service) Invoke(ctx context.Context, inv *Invocation) (*Result, error) {
	f, pool, err := s.ready(ctx, inv.Function, inv.Qualifier)
	if err != nil {
		return nil, err
	}
	r := s.newRequest(f, pool, inv)
	s.place(r)
	select {
	case <-r.done:
	default:
		select {
		case <-r.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return &r.result, nil
}

func (s *Service) newRequest(f *Function, pool fleet.Pool, inv *Invocation) *request {
	if inv.RequestID == "" {
		inv.RequestID = NewRequestID()
	}
	r := &request{fn: f, pool: pool, done: make(chan struct{})}
	if inv.Tail {
		r.tail = &tail{}
	}
	trace := inv.Trace
	if trace == "" {
		trace = NewTrace(time.Now())
	}
	r.event = runtimeapi.Event{
		RequestID: inv.RequestID, InvokedFunctionARN: s.arn(inv.Function, inv.Qualifier), TraceID: trace,
		ClientContext: inv.ClientContext, CognitoIdentity: inv.CognitoIdentity, TenantID: inv.TenantID,
		InvocationID: NewRequestID(), Payload: inv.Payload,
	}
	r.result.ExecutedVersion = versionName(pool)
	return r
}

// place asks the fleet where requests go, and carries that out. Several are placed in one moment: none can take the environment of another.
func (s *Service) place(rs ...*request) {
	s.mu.Lock()
	var acts []action
	for _, r := range rs {
		if more := s.placeLocked(r); acts == nil {
			acts = more
		} else {
			acts = append(acts, more...)
		}
	}
	s.mu.Unlock()
	s.do(acts)
}

func (s *Service) placeLocked(r *request) []action {
	if s.closing || r.fn.removed {
		r.err = errClosing
		r.end()
		return nil
	}
	r.id = s.registerLocked(r)
	if !r.again {
		r.fn.counts.Invocations++
	}
	return s.tell(fleet.Input{Op: fleet.OpInvoke, Func: r.fn.id, Pool: r.pool, Req: r.id})
}

func (s *Service) registerLocked(r *request) fleet.ReqID {
	if n := len(s.freeReqs); n > 0 {
		id := s.freeReqs[n-1]
		s.freeReqs = s.freeReqs[:n-1]
		s.requests[id] = r
		return id
	}
	s.requests = append(s.requests, r)
	return fleet.ReqID(len(s.requests) - 1)
}

// forgetLocked makes the request's id free: the fleet does not know it any more.
func (s *Service) forgetLocked(r *request) {
	s.requests[r.id] = nil
	s.freeReqs = append(s.freeReqs, r.id)
}

// reasons of throttles by the fleet's numbers (spec lambda.md §6.2).
var reasons = [...]string{
	fleet.ConcurrentInvocationLimitExceeded:                 "ConcurrentInvocationLimitExceeded",
	fleet.ReservedFunctionConcurrentInvocationLimitExceeded: "ReservedFunctionConcurrentInvocationLimitExceeded",
	fleet.FunctionInvocationRateLimitExceeded:               "FunctionInvocationRateLimitExceeded",
	fleet.ReservedFunctionInvocationRateLimitExceeded:       "ReservedFunctionInvocationRateLimitExceeded",
}

func (s *Service) throttled(r *request, reason fleet.Reason) {
	name := reasons[reason]
	s.o.Telemetry.Emit(telemetry.Event{Time: time.Now(), Type: telemetry.TypeThrottle, Function: r.fn.cfg.Name, Version: versionName(r.pool),
		RequestID: r.event.RequestID, Record: &telemetry.Throttle{Reason: name}})
	r.err = &Error{Status: 429, Name: "TooManyRequestsException", Type: "User", Reason: name, Message: "Rate Exceeded."}
	r.end()
}

// NewRequestID makes a random UUID (version 4).
func NewRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[:8], b[:4])
	out[8] = '-'
	hex.Encode(out[9:13], b[4:6])
	out[13] = '-'
	hex.Encode(out[14:18], b[6:8])
	out[18] = '-'
	hex.Encode(out[19:23], b[8:10])
	out[23] = '-'
	hex.Encode(out[24:], b[10:])
	return string(out[:])
}

// NewTrace makes an unsampled trace header with a root of its own (spec lambda.md §13.3: with PassThrough the header exists with Sampled=0).
func NewTrace(now time.Time) string {
	var b [24]byte
	_, _ = rand.Read(b[:])
	out := make([]byte, 0, 88)
	out = append(out, "Root=1-"...)
	t := uint32(now.Unix())
	out = hex.AppendEncode(out, []byte{byte(t >> 24), byte(t >> 16), byte(t >> 8), byte(t)})
	out = append(out, '-')
	out = hex.AppendEncode(out, b[:12])
	out = append(out, ";Parent="...)
	out = hex.AppendEncode(out, b[12:20])
	out = append(out, ";Sampled=0;Lineage=1:"...)
	out = hex.AppendEncode(out, b[20:24])
	return string(append(out, ":0"...))
}

// tail keeps the last 4 KB of an invocation's log. A nil tail keeps nothing.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) add(e telemetry.Event) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = telemetry.AppendText(t.b, e)
	if len(t.b) > 2*maxTail {
		t.b = append(t.b[:0], t.b[len(t.b)-maxTail:]...)
	}
}

func (t *tail) last() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.b[max(0, len(t.b)-maxTail):])
}

// ceilMB is a size in whole MB, rounded up.
func ceilMB(bytes int64) int {
	mb := bytes >> 20
	if bytes&(1<<20-1) != 0 {
		mb++
	}
	return int(mb)
}
