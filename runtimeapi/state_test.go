package runtimeapi

import (
	"strings"
	"testing"
)

// forbidden is AWS's answer to a call that the state does not allow, written out (spec lambda.md §1.7).
func forbidden(from, to string) string {
	return `{"errorMessage":"State transition from ` + from + ` to ` + to +
		` failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}` + "\n"
}

const (
	invalidID        = `{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}` + "\n"
	invalidAttempt   = `{"errorMessage":"Invalid invocation ID","errorType":"InvalidInvocationId"}` + "\n"
	ok202            = `{"status":"OK"}` + "\n"
	responseFor      = "response"
	errorFor         = "error"
	initErrorRequest = "init/error"
)

// step is one thing that happens. do is one of: "next" (a poll that is to wait), "next!" (a poll that is to be answered at once), "deliver ID",
// "expire ID", "reset", "second" (a poll by another connection, that is to wait), "drop second", or an answer: "response ID", "error ID",
// "init/error".
type step struct {
	do     string
	status int
	body   string
}

func TestOrders(t *testing.T) {
	for name, steps := range map[string][]step{
		"legal": {
			{do: "next"}, {do: "deliver 1", status: 200, body: "event 1"}, {"response 1", 202, ok202},
			{do: "next"}, {do: "deliver 2", status: 200, body: "event 2"}, {"error 2", 202, ok202},
			{do: "next"}, {do: "deliver 1", status: 200, body: "event 1"}, {"response 1", 202, ok202},
		},
		"init error": {
			{"init/error", 202, ok202},
			{"init/error", 403, forbidden("InitError", "InitError")},
			{"next!", 403, forbidden("InitError", "Ready")},
			{"response 1", 400, invalidID},
			{do: "reset"}, {do: "next"},
		},
		"init error too late": {
			{do: "next"}, {do: "deliver 1", status: 200, body: "event 1"},
			{"init/error", 403, forbidden("Running", "InitError")},
			{"response 1", 202, ok202},
			{"init/error", 403, forbidden("RuntimeResponseSentState", "InitError")},
			{do: "second"},
			{"init/error", 403, forbidden("Ready", "InitError")},
		},
		"answer before anything": {
			{"response 1", 400, invalidID}, {"error 1", 400, invalidID}, {"response ", 400, invalidID}, {"init/error", 202, ok202},
		},
		"answered twice": {
			{do: "next"}, {do: "deliver 1", status: 200, body: "event 1"},
			{"response 1", 202, ok202},
			{"response 1", 403, forbidden("RuntimeResponseSentState", "InvocationResponse")},
			{"error 1", 403, forbidden("RuntimeResponseSentState", "InvocationErrorResponse")},
			{"response 2", 400, invalidID},
			{do: "next"}, {do: "deliver 2", status: 200, body: "event 2"},
			{"response 1", 400, invalidID},
			{"error 2", 202, ok202},
			{"response 2", 403, forbidden("RuntimeResponseSentState", "InvocationResponse")},
		},
		"answered again after the next poll": {
			{do: "next"}, {do: "deliver 1", status: 200, body: "event 1"}, {"response 1", 202, ok202},
			{do: "second"}, {"response 1", 400, invalidID}, {"error 1", 400, invalidID},
		},
		"next while running": {
			{do: "next"}, {do: "deliver 1", status: 200, body: "event 1"},
			{"next!", 200, "event 1"}, {"next!", 200, "event 1"},
			{"response 1", 202, ok202},
		},
		"second poll waits too": {
			{do: "second"}, {do: "next"}, {do: "drop second"},
			{do: "deliver 1", status: 200, body: "event 1"}, {"response 1", 202, ok202},
		},
		"expired": {
			{do: "next"}, {do: "deliver 1", status: 200, body: "event 1"}, {do: "expire 2"}, {do: "expire 1"},
			{"response 1", 400, invalidID}, {"error 1", 400, invalidID},
			{do: "next"}, {do: "deliver 2", status: 200, body: "event 2"}, {"response 1", 400, invalidID}, {"response 2", 202, ok202},
			{do: "expire 2"}, {"response 2", 400, invalidID}, {do: "next"},
		},
		"reset while running": {
			{do: "next"}, {do: "deliver 1", status: 200, body: "event 1"}, {do: "reset"},
			{"response 1", 400, invalidID}, {do: "next"}, {do: "deliver 1", status: 200, body: "event 1"}, {"response 1", 202, ok202},
		},
		"invocation id": {
			{do: "next"}, {do: "deliver 1", status: 200, body: "event 1"},
			{"response 1 attempt 2", 400, invalidAttempt}, {"error 1 attempt 2", 400, invalidAttempt},
			{"response 2 attempt 1", 400, invalidID}, {"response 1 attempt 1", 202, ok202},
			{"response 1 attempt 2", 400, invalidAttempt},
		},
		"escaped id": {
			{do: "next"}, {do: "deliver 1", status: 200, body: "event 1"}, {"response %31", 202, ok202},
		},
	} {
		t.Run(name, func(t *testing.T) { runSteps(t, steps) })
	}
}

func runSteps(t *testing.T, steps []step) {
	owner := newRecorder()
	s := start(t, owner)
	c, second := dial(t, s), dial(t, s)
	waiting := 0
	for i, st := range steps {
		t.Logf("step %d: %s", i, st.do)
		verb, rest, _ := strings.Cut(st.do, " ")
		id, attempt, _ := strings.Cut(rest, " attempt ")
		var fields []string
		if attempt != "" {
			fields = append(fields, "lambda-runtime-INVOCATION-id: attempt "+attempt)
		}
		switch verb {
		case "next", "second":
			waiting++
			map[string]*client{"next": c, "second": second}[verb].send(getNext)
			owner.want(t, polled(waiting))
			continue
		case "drop":
			waiting--
			second.nc.Close()
			owner.want(t, call{Kind: "abandoned", Free: waiting})
			continue
		case "deliver":
			waiting--
			if !s.Deliver(&Event{RequestID: id, InvocationID: "attempt 1", Payload: []byte("event " + id)}) {
				t.Fatal("not delivered")
			}
		case "expire":
			s.Expire(id)
			continue
		case "reset":
			s.Reset()
			waiting = 0
			c, second = dial(t, s), dial(t, s)
			continue
		case "next!":
			c.send(getNext)
		case responseFor:
			c.send(respond(id, "r", fields...))
		case errorFor:
			c.send(respondError(id, "e", fields...))
		case initErrorRequest:
			c.send(post(runtimePath+"init/error", "e"))
		default:
			t.Fatalf("unknown step %q", st.do)
		}
		c.wants(st.status, st.body)
		if st.status == 202 {
			id = strings.Replace(id, "%31", "1", 1)
			want := map[string]call{
				responseFor:      responded(id, Response{Payload: []byte("r")}),
				errorFor:         responded(id, Response{Payload: []byte("e"), Error: true, ErrorType: "Runtime.Unknown"}),
				initErrorRequest: {Kind: "initFailed", R: Response{Payload: []byte("e"), Error: true, ErrorType: "Runtime.Unknown"}},
			}[verb]
			owner.want(t, want)
		}
	}
	owner.none(t)
}

// TestExpireWhileAnswering: an answer whose body is still coming when the invocation is over is a late one.
func TestExpireWhileAnswering(t *testing.T) {
	for _, what := range []string{"response", "error"} {
		owner := newRecorder()
		s := start(t, owner)
		c := dial(t, s)
		c.send(getNext)
		owner.want(t, polled(1))
		s.Deliver(&Event{RequestID: "1"})
		c.answer("GET")
		c.send("POST " + runtimePath + "invocation/1/" + what + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
		c.exactly("HTTP/1.1 100 Continue\r\n\r\n") // the server is reading the body now
		other := dial(t, s)
		other.send(getNext)
		other.wants(403, forbidden(map[string]string{"response": "InvocationResponse", "error": "InvocationErrorResponse"}[what], "Ready"))
		s.Expire("1")
		other.send(getNext)
		owner.want(t, polled(1))
		s.Deliver(&Event{RequestID: "1", Payload: []byte("again")}) // a retry has the same id
		other.wants(200, "again")
		c.send("late")
		c.wants(400, invalidID)
		owner.none(t)
		other.send(respond("1", ""))
		other.wants(202, ok202)
		owner.want(t, responded("1", Response{}))
	}
}
