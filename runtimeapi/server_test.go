package runtimeapi

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call is one call of an Owner.
type call struct {
	Kind string
	Free int
	ID   string
	R    Response
}

// recorder is an Owner that keeps what it is told. on, where it is set, runs inside each call.
type recorder struct {
	calls chan call
	on    func(call)
}

func newRecorder() *recorder { return &recorder{calls: make(chan call, 1000)} }

func (r *recorder) note(c call) {
	if r.on != nil {
		r.on(c)
	}
	r.calls <- c
}

func (r *recorder) Polled(free int)       { r.note(call{Kind: "polled", Free: free}) }
func (r *recorder) Abandoned(free int)    { r.note(call{Kind: "abandoned", Free: free}) }
func (r *recorder) InitFailed(p Response) { r.note(call{Kind: "initFailed", R: p}) }
func (r *recorder) Responded(id string, resp Response) {
	r.note(call{Kind: "responded", ID: id, R: resp})
}

// payloads compares payloads as wholes, and tells nil from empty only where the contract does.
var payloads = cmp.Comparer(bytes.Equal)

// want fails the test unless the next calls are these.
func (r *recorder) want(t *testing.T, calls ...call) {
	t.Helper()
	for _, want := range calls {
		select {
		case got := <-r.calls:
			if diff := cmp.Diff(want, got, payloads); diff != "" {
				t.Fatalf("call of the owner (-want +got):\n%s", diff)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no call %+v", want)
		}
	}
}

// none fails the test if there was another call.
func (r *recorder) none(t *testing.T) {
	t.Helper()
	select {
	case c := <-r.calls:
		t.Fatalf("unexpected call %+v", c)
	default:
	}
}

func polled(free int) call { return call{Kind: "polled", Free: free} }

func responded(id string, r Response) call { return call{Kind: "responded", ID: id, R: r} }

// start starts a Server that is closed with the test.
func start(t testing.TB, o Owner) *Server {
	t.Helper()
	s := New(o, Options{})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// client is one raw connection.
type client struct {
	t  testing.TB
	nc *net.TCPConn
	r  *bufio.Reader
}

func dial(t testing.TB, s *Server) *client {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &client{t, nc.(*net.TCPConn), bufio.NewReader(nc)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.nc, text); err != nil {
		c.t.Fatal(err)
	}
}

// exactly fails the test unless the next bytes are want.
func (c *client) exactly(want string) {
	c.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c.r, got)
	if diff := cmp.Diff(want, string(got[:n])); diff != "" {
		c.t.Fatalf("answer, %v (-want +got):\n%s", err, diff)
	}
}

// eof fails the test unless the server has ended the connection.
func (c *client) eof() {
	c.t.Helper()
	if b, err := io.ReadAll(c.r); err != nil || len(b) > 0 {
		c.t.Fatalf("connection goes on: %q, %v", b, err)
	}
}

// answer reads one answer.
func (c *client) answer(method string) (int, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// wants fails the test unless the next answer has this status and body.
func (c *client) wants(status int, body string) {
	c.t.Helper()
	gotStatus, gotBody := c.answer("GET")
	if gotStatus != status || gotBody != body {
		c.t.Fatalf("got %d %q, want %d %q", gotStatus, gotBody, status, body)
	}
}

const runtimePath = "/2018-06-01/runtime/"

// get and post are requests as text.
func get(path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n"
}

func post(path, body string, fields ...string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n" + strings.Join(append(fields, ""), "\r\n") +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

var (
	getNext   = get(runtimePath + "invocation/next")
	initError = post(runtimePath+"init/error", `{"errorType":"X"}`)
)

func respond(id, body string, fields ...string) string {
	return post(runtimePath+"invocation/"+id+"/response", body, fields...)
}

func respondError(id, body string, fields ...string) string {
	return post(runtimePath+"invocation/"+id+"/error", body, fields...)
}

const accepted202 = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n"

func TestOneInvocationByteForByte(t *testing.T) {
	owner := newRecorder()
	s := start(t, owner)
	c := dial(t, s)
	c.send(getNext)
	owner.want(t, polled(1))
	if !s.Deliver(&Event{
		RequestID:          "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
		Deadline:           time.UnixMilli(1542409706888),
		InvokedFunctionARN: "arn:aws:lambda:us-east-2:123456789012:function:custom-runtime",
		TraceID:            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
		ClientContext:      "{\"custom\":\n{}}",
		CognitoIdentity:    `{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}`,
		TenantID:           "blue",
		InvocationID:       "attempt-1",
		Payload:            []byte(`{"a":1}`),
	}) {
		t.Fatal("not delivered")
	}
	c.exactly("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" +
		"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n" +
		"Lambda-Runtime-Deadline-Ms: 1542409706888\r\n" +
		"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-2:123456789012:function:custom-runtime\r\n" +
		"Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n" +
		"Lambda-Runtime-Client-Context: {\"custom\": {}}\r\n" +
		"Lambda-Runtime-Cognito-Identity: {\"cognitoIdentityId\":\"i\",\"cognitoIdentityPoolId\":\"p\"}\r\n" +
		"Lambda-Runtime-Aws-Tenant-Id: blue\r\n" +
		"Lambda-Runtime-Invocation-Id: attempt-1\r\n" +
		"Content-Length: 7\r\n\r\n{\"a\":1}")
	c.send(respond("8476a536-e9f4-11e8-9739-2dfe598c3fcd", "\x00\xffdone", "Content-Type: application/octet-stream",
		"Lambda-Runtime-Invocation-Id: attempt-1"))
	owner.want(t, responded("8476a536-e9f4-11e8-9739-2dfe598c3fcd", Response{Payload: []byte("\x00\xffdone"), ContentType: "application/octet-stream"}))
	c.exactly(accepted202)

	c.send(getNext)
	owner.want(t, polled(1))
	if !s.Deliver(&Event{RequestID: "2", ContentType: "text/csv"}) {
		t.Fatal("not delivered")
	}
	c.exactly("HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nLambda-Runtime-Aws-Request-Id: 2\r\nContent-Length: 0\r\n\r\n")
	owner.none(t)
}

func TestOwnerHearsBeforeTheRuntime(t *testing.T) {
	owner := newRecorder()
	s := start(t, owner)
	hold, held := make(chan struct{}), make(chan struct{})
	owner.on = func(c call) {
		if c.Kind == "responded" {
			close(held)
			<-hold
		}
	}
	c := dial(t, s)
	c.send(getNext)
	owner.want(t, polled(1))
	s.Deliver(&Event{RequestID: "1"})
	c.answer("GET")
	c.send(respond("1", "x"))
	<-held
	// While the owner has not returned, there is no 202, and a poll that overtakes the answer is refused.
	other := dial(t, s)
	other.send(getNext)
	other.wants(403, `{"errorMessage":"State transition from InvocationResponse to Ready failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}`+"\n")
	if err := c.nc.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.r.Peek(1); err == nil {
		t.Fatal("answered before the owner returned")
	}
	close(hold)
	if err := c.nc.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c.wants(202, statusOK)
}

func TestDeliverFromPolled(t *testing.T) {
	owner := newRecorder()
	s := start(t, owner)
	owner.on = func(c call) {
		if c.Kind == "polled" && !s.Deliver(&Event{RequestID: "1", Payload: []byte("p")}) {
			t.Error("not delivered")
		}
	}
	c := dial(t, s)
	for range 3 {
		c.send(getNext)
		c.wants(200, "p")
		c.send(respond("1", "r"))
		c.wants(202, statusOK)
	}
}

func TestDeliverWithoutPoll(t *testing.T) {
	owner := newRecorder()
	s := start(t, owner)
	if s.Deliver(&Event{RequestID: "1"}) {
		t.Fatal("delivered to nobody")
	}
	c := dial(t, s)
	c.send(getNext)
	owner.want(t, polled(1))
	second := dial(t, s)
	second.send(getNext)
	owner.want(t, polled(2))
	if !s.Deliver(&Event{RequestID: "1", Payload: []byte("one")}) {
		t.Fatal("not delivered")
	}
	c.wants(200, "one") // the one that waited longest
	if s.Deliver(&Event{RequestID: "2"}) {
		t.Fatal("a second invocation was delivered while one runs")
	}
	c.send(respond("1", ""))
	c.wants(202, statusOK)
	owner.want(t, responded("1", Response{}))
	if !s.Deliver(&Event{RequestID: "2", Payload: []byte("two")}) {
		t.Fatal("not delivered to the second poll")
	}
	second.wants(200, "two")
}

func TestAbandoned(t *testing.T) {
	owner := newRecorder()
	s := start(t, owner)
	a, b := dial(t, s), dial(t, s)
	a.send(getNext)
	owner.want(t, polled(1))
	b.send(getNext)
	owner.want(t, polled(2))
	a.nc.Close()
	owner.want(t, call{Kind: "abandoned", Free: 1})
	if err := b.nc.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	b.nc.Close() // by a reset
	owner.want(t, call{Kind: "abandoned", Free: 0})
	if s.Deliver(&Event{RequestID: "1"}) {
		t.Fatal("delivered to nobody")
	}
	c := dial(t, s)
	c.send(getNext)
	owner.want(t, polled(1))
	c.send("")
	s.Reset()
	owner.none(t) // connections that we close are not abandoned
}

func TestLargeEvent(t *testing.T) {
	owner := newRecorder()
	s := start(t, owner)
	c := dial(t, s)
	payload := bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
	for i := range 2 {
		c.send(getNext)
		owner.want(t, polled(1))
		id := fmt.Sprint(i)
		var wg sync.WaitGroup
		wg.Go(func() { s.Deliver(&Event{RequestID: id, Payload: payload}) })
		status, body := c.answer("GET")
		wg.Wait()
		if status != 200 || body != string(payload) {
			t.Fatalf("got %d with %d bytes", status, len(body))
		}
		c.send(respond(id, body))
		c.wants(202, statusOK)
		owner.want(t, responded(id, Response{Payload: payload}))
	}
}

func TestReset(t *testing.T) {
	owner := newRecorder()
	s := start(t, owner)
	addr := s.Addr()
	entered, leave := make(chan struct{}), make(chan struct{})
	owner.on = func(c call) {
		if c.Kind == "responded" && string(c.R.Payload) == "slow" {
			close(entered)
			<-leave
		}
	}
	half, slow := dial(t, s), dial(t, s)
	slow.send(getNext)
	owner.want(t, polled(1))
	s.Deliver(&Event{RequestID: "1"})
	slow.answer("GET")
	slow.send(respond("1", "slow"))
	<-entered
	half.send("POST " + runtimePath + "invocation/1/response HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: 10\r\n\r\nhalf")

	done := make(chan struct{})
	go func() { s.Reset(); close(done) }()
	select {
	case <-done:
		t.Fatal("Reset returned while the owner was being called")
	case <-time.After(20 * time.Millisecond):
	}
	close(leave)
	<-done
	owner.want(t, responded("1", Response{Payload: []byte("slow")}))
	if _, err := half.r.ReadByte(); err == nil {
		t.Fatal("the old connection goes on")
	}

	if s.Addr() != addr {
		t.Fatalf("address changed from %s to %s", addr, s.Addr())
	}
	c := dial(t, s)
	c.send(respond("1", "late"))
	c.wants(400, invalidRequestID.body())
	c.send(initError) // legal in Started only
	c.wants(202, statusOK)
	owner.want(t, call{Kind: "initFailed", R: Response{Error: true, ErrorType: "Runtime.Unknown", Payload: []byte(`{"errorType":"X"}`)}})
	owner.none(t)
}

func TestStartAndClose(t *testing.T) {
	s := New(newRecorder(), Options{})
	if s.Addr() != "" {
		t.Fatal("an address before Start")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err == nil {
		t.Fatal("started twice")
	}
	taken := New(newRecorder(), Options{Addr: s.Addr()})
	if err := taken.Start(); err == nil || !strings.Contains(err.Error(), "start Runtime API") {
		t.Fatalf("start on a taken address: %v", err)
	}
	c := dial(t, s)
	c.send(getNext)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Start(); err == nil {
		t.Fatal("started after Close")
	}
	if _, err := net.Dial("tcp", s.Addr()); err == nil {
		t.Fatal("still listening")
	}
	if s.Deliver(&Event{}) {
		t.Fatal("delivered after Close")
	}
	s.Reset()
	if err := New(newRecorder(), Options{}).Close(); err != nil {
		t.Fatal(err)
	}
}
