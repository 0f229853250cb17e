package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
)

func throttled() error {
	return &lambda.Error{Status: 429, Name: "TooManyRequestsException", Message: "Rate Exceeded.", Type: "User",
		Reason: "ReservedFunctionConcurrentInvocationLimitExceeded"}
}

// What the gateway says when the function gives no answer, to the byte (spec apigateway.md §5.4, §2.7; lambda.md §6.2).
func TestInvokeFailures(t *testing.T) {
	functionError := &fakeInvoker{answer: func(context.Context, *lambda.Invocation) (*lambda.Result, error) {
		return &lambda.Result{Payload: []byte(`{"errorMessage":"x"}`), FunctionError: "Unhandled", ErrorType: "Runtime.ExitError"}, nil
	}}
	missing := failing(&lambda.Error{Status: 404, Name: "ResourceNotFoundException", Message: "Function not found: f", Type: "User"})
	const internal, internalHTTP = `{"message": "Internal server error"}`, `{"message":"Internal Server Error"}`
	tests := []struct {
		name       string
		invoker    *fakeInvoker
		rest, http int
		restBody   string
		httpBody   string
		why        string
	}{
		{"function error", functionError, 502, 500, internal, internalHTTP, "function error Runtime.ExitError"},
		{"throttle", failing(throttled()), 500, 503, internal, `{"message":"Service Unavailable"}`,
			"TooManyRequestsException: Rate Exceeded. (ReservedFunctionConcurrentInvocationLimitExceeded)"},
		{"missing", missing, 500, 500, internal, internalHTTP, "ResourceNotFoundException: Function not found: f"},
		{"other", failing(errors.New("closing")), 500, 500, internal, internalHTTP, "closing"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, Options{APIs: apis(restAPI("GET /x")), Invoker: test.invoker})
			r, body := s.do(t, "GET /dev/x")
			if r.StatusCode != test.rest || body != test.restBody || r.Header.Get("X-Amzn-Errortype") != "InternalServerErrorException" ||
				r.Header.Get("X-Amzn-Trace-Id") != "" || r.Header.Get("X-Amzn-Requestid") == "" {
				t.Errorf("REST: %d %q %v", r.StatusCode, body, r.Header)
			}
			if _, record := s.accesses.next(); record.Error != test.why || record.Status != test.rest {
				t.Errorf("access: %+v", record)
			}
			s = newServer(t, Options{APIs: apis(httpAPI("2.0", "GET /x")), Invoker: test.invoker})
			r, body = s.do(t, "GET /x")
			if r.StatusCode != test.http || body != test.httpBody || r.Header.Get("Apigw-Requestid") == "" {
				t.Errorf("HTTP: %d %q %v", r.StatusCode, body, r.Header)
			}
		})
	}
}

// The integration's timeout answers the caller; the invocation goes on, with its payload untouched.
func TestTimeout(t *testing.T) {
	for _, test := range []struct {
		api     *config.API
		path    string
		own     time.Duration
		want    time.Duration
		status  int
		body    string
		problem string
	}{
		{restAPI("POST /x"), "/dev/x", 0, 29 * time.Second, 504, `{"message": "Endpoint request timed out"}`, "no answer within 29s; the invocation goes on"},
		{httpAPI("2.0", "POST /x"), "/x", 0, 30 * time.Second, 503, `{"message":"Service Unavailable"}`, "no answer within 30s; the invocation goes on"},
		{restAPI("POST /x"), "/dev/x", 50 * time.Millisecond, 50 * time.Millisecond, 504, `{"message": "Endpoint request timed out"}`,
			"no answer within 50ms; the invocation goes on"},
	} {
		synctest.Test(t, func(t *testing.T) {
			finish := make(chan struct{})
			var running sync.WaitGroup
			inv := &fakeInvoker{}
			inv.answer = func(ctx context.Context, call *lambda.Invocation) (*lambda.Result, error) {
				if string(call.Payload) == "" {
					t.Error("no payload")
				}
				before := string(call.Payload)
				running.Add(1)
				go func() {
					defer running.Done()
					<-finish
					if string(call.Payload) != before {
						t.Errorf("the payload changed while the invocation ran: %s", call.Payload)
					}
				}()
				<-ctx.Done()
				return nil, context.Cause(ctx)
			}
			test.api.Routes[0].Integration.Timeout = test.own
			records := newRecorder()
			g, err := New(Options{APIs: apis(test.api), Invoker: inv, Telemetry: records})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for range 3 {
				w := httptest.NewRecorder()
				g.ServeHTTP(w, httptest.NewRequest("POST", test.path, strings.NewReader("some body")))
				if w.Code != test.status || w.Body.String() != test.body {
					t.Errorf("%d %q", w.Code, w.Body)
				}
				if _, r := records.next(); r.Error != test.problem || time.Duration(r.IntegrationLatency) != test.want {
					t.Errorf("access: %+v", r)
				}
			}
			if got := time.Since(start); got != 3*test.want {
				t.Errorf("took %v", got)
			}
			close(finish)
			running.Wait()
		})
	}
}

// Waiting for a build does not count towards the integration's timeout.
func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inv := replying(`{}`)
		failure := error(nil)
		g, err := New(Options{APIs: apis(restAPI("GET /x")), Invoker: inv, Ready: func(_ context.Context, function string) error {
			if function != "f" {
				t.Errorf("waits for %s", function)
			}
			time.Sleep(time.Minute)
			return failure
		}})
		if err != nil {
			t.Fatal(err)
		}
		get := func() int {
			w := httptest.NewRecorder()
			g.ServeHTTP(w, httptest.NewRequest("GET", "/dev/x", nil))
			return w.Code
		}
		if got := get(); got != 200 {
			t.Errorf("after a build: %d", got)
		}
		failure = throttled()
		if got := get(); got != 500 || len(inv.events) != 1 {
			t.Errorf("after a failure: %d, %d events", got, len(inv.events))
		}
	})
}

// A client that goes away does not end the invocation.
func TestDisconnect(t *testing.T) {
	started, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	inv := &fakeInvoker{answer: func(ctx context.Context, _ *lambda.Invocation) (*lambda.Result, error) {
		close(started)
		<-release
		ended <- ctx.Err()
		return &lambda.Result{Payload: []byte("{}")}, nil
	}}
	s := newServer(t, Options{APIs: apis(restAPI("GET /x")), Invoker: inv})
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "GET /dev/x HTTP/1.1\r\nHost: h\r\n\r\n")
	<-started
	c.Close()
	close(release)
	if err := <-ended; err != nil {
		t.Errorf("the invocation's context ended: %v", err)
	}
	if _, r := s.accesses.next(); r.Status != 200 {
		t.Errorf("access: %+v", r)
	}
}

func TestExplain(t *testing.T) {
	broken := errors.New("main.go:3: undefined: x")
	explain := func(err error) (kind, words string) {
		if errors.Is(err, broken) {
			return "build", err.Error()
		}
		return "", ""
	}
	inv := failing(fmt.Errorf("build function f: %w", broken))
	s := newServer(t, Options{APIs: apis(restAPI("GET /x")), Invoker: inv, Explain: explain})
	r, body := s.do(t, "GET /dev/x")
	if r.StatusCode != 502 || body != "build function f: main.go:3: undefined: x" || r.Header.Get("X-Emulate-Error") != "build" ||
		r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %q %v", r.StatusCode, body, r.Header)
	}
	s = newServer(t, Options{APIs: apis(restAPI("GET /x")), Invoker: failing(throttled()), Explain: explain})
	if r, _ := s.do(t, "GET /dev/x"); r.StatusCode != 500 {
		t.Errorf("throttle: %d", r.StatusCode)
	}
}

func TestBrokenRoute(t *testing.T) {
	c := restAPI("GET /x", "GET /y")
	c.Routes[0].Broken = []config.Diagnostic{{Severity: config.Warning, Position: config.Position{File: "t.yaml", Line: 3, Column: 5}, Message: "no authorizers yet", Hint: "remove it"}}
	s := newServer(t, Options{APIs: apis(c), Invoker: replying(`{}`)})
	r, body := s.do(t, "GET /dev/x")
	if want := "t.yaml:3:5: warning: no authorizers yet\n  remove it\n"; r.StatusCode != 502 || body != want || r.Header.Get("X-Emulate-Error") != "configuration" {
		t.Errorf("%d %q %v", r.StatusCode, body, r.Header)
	}
	if r, _ := s.do(t, "GET /dev/y"); r.StatusCode != 200 {
		t.Errorf("the other route: %d", r.StatusCode)
	}
}

// The limits, and what stands just below them.
func TestLimits(t *testing.T) {
	const ok = `{"statusCode":200}`
	rest := newServer(t, Options{APIs: apis(restAPI("POST /x")), Invoker: replying(ok)})
	http2 := newServer(t, Options{APIs: apis(httpAPI("2.0", "POST /x")), Invoker: replying(ok)})
	post := func(path, body string) string {
		return fmt.Sprintf("POST %s\nContent-Type: text/plain\nContent-Length: %d\nConnection: close\n\n%s", path, len(body), body)
	}
	padded := func(total int) string {
		// Host: api.test and Connection: close make 35 bytes with their line ends.
		return "POST /dev/x\nConnection: close\nA: " + strings.Repeat("a", total-35-len("Content-Length: 0\r\n")-len("A: \r\n")) + "\nContent-Length: 0\n\n"
	}
	body := func(n int) string { return strings.Repeat("a", n) }
	const large = "HTTP content length exceeded 10485760 bytes."
	tests := []struct {
		name    string
		s       *server
		request string
		status  int
		body    string
		kind    string
	}{
		{"REST 6 MB event", rest, post("/dev/x", body(6291556)), 413, `{"message": "Request Too Long"}`, "BadRequestException"},
		{"REST just below", rest, post("/dev/x", body(6280000)), 200, "", ""},
		{"REST 10 MB", rest, post("/dev/x", body(10485760)), 413, `{"message": "Request Too Long"}`, "BadRequestException"},
		{"HTTP 6 MB event", http2, post("/x", body(6291556)), 413, `{"message":"Request Entity Too Large"}`, ""},
		{"REST headers", rest, padded(10241), 431, "HTTP header is larger than 10240 bytes.", ""},
		{"REST headers just below", rest, padded(10240), 200, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, got := test.s.do(t, test.request)
			if r.StatusCode != test.status || got != test.body || r.Header.Get("X-Amzn-Errortype") != test.kind {
				t.Errorf("%d %q %v", r.StatusCode, got, r.Header)
			}
		})
	}
	t.Run("REST body above 10 MB is refused unread", func(t *testing.T) {
		answer := rest.raw(t, "POST /dev/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10485761\r\nExpect: 100-continue\r\n\r\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 413 ") || !strings.HasSuffix(answer, large) || strings.Contains(answer, "x-amzn-RequestId") {
			t.Errorf("%q", answer)
		}
	})
	t.Run("chunked body above 10 MB", func(t *testing.T) {
		for _, s := range []*server{rest, http2} {
			answer := s.raw(t, "POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\na00001\r\n"+body(10485761)+"\r\n0\r\n\r\n")
			if !strings.HasPrefix(answer, "HTTP/1.1 413 ") {
				t.Errorf("%.200q", answer)
			}
		}
	})
	t.Run("a client that sends all of a refused body gets the answer", func(t *testing.T) {
		c, err := net.Dial("tcp", rest.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go io.WriteString(c, "POST /dev/x HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000\r\n\r\n"+body(20000000))
		if r, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || r.StatusCode != 413 {
			t.Errorf("%v %v", r, err)
		}
	})
	t.Run("head above all limits", func(t *testing.T) {
		if r, _ := http2.do(t, "GET /x\nA: "+strings.Repeat("a", 2*keptHead)); r.StatusCode != 431 {
			t.Errorf("%d", r.StatusCode)
		}
	})
}

func TestChunked(t *testing.T) {
	inv := replying(`{}`)
	s := newServer(t, Options{APIs: apis(restAPI("PUT /x"), httpAPI("2.0", "POST /y")), Invoker: inv})
	const chunks = "Host: h\r\nConnection: close\r\ncontent-type: text/plain\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n"
	s.raw(t, "PUT /dev/x HTTP/1.1\r\n"+chunks)
	checkMembers(t, inv.last(t), map[string]any{"body": "abcde", "headers.Transfer-Encoding": "(absent)", "headers.Content-Length": "(absent)"})
	s.raw(t, "POST /y HTTP/1.1\r\n"+chunks)
	checkMembers(t, inv.last(t), map[string]any{"body": "abcde", "headers.transfer-encoding": "(absent)", "headers.content-length": "5", "headers.trailer": "(absent)"})
}

// A body that breaks off gets an answer, and a record, but no invocation.
func TestBrokenBody(t *testing.T) {
	inv := replying(`{}`)
	s := newServer(t, Options{APIs: apis(restAPI("PUT /x")), Invoker: inv})
	s.raw(t, "PUT /dev/x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")
	if _, r := s.accesses.next(); r.Status != 400 || r.Error != "the body could not be read: unexpected EOF" || len(inv.events) != 0 {
		t.Errorf("%+v, %d events", r, len(inv.events))
	}
}

// Several APIs on one listener: the path finds the one that has a route, a host names one.
func TestSharedListener(t *testing.T) {
	rest, web := restAPI("GET /orders", "GET /both"), httpAPI("2.0", "GET /users", "GET /dev/{any}", "GET /both")
	inv := &fakeInvoker{answer: func(_ context.Context, inv *lambda.Invocation) (*lambda.Result, error) {
		return &lambda.Result{Payload: []byte(`{"statusCode":200}`)}, nil
	}}
	for _, order := range [][]*config.API{{rest, web}, {web, rest}} {
		s := newServer(t, Options{APIs: order, Invoker: inv})
		tests := []struct {
			request string
			status  int
			api     string
		}{
			{"GET /dev/orders", 200, rest.ID},
			{"GET /orders", 200, rest.ID},
			{"GET /users", 200, web.ID},
			{"GET /dev/other", 200, web.ID},
			{"GET /both", 200, order[0].ID},
			{"GET /dev/both", 200, rest.ID},
			{"GET /nothing", 403, rest.ID},
			{"GET /nothing\nHost: klmnopqrst.execute-api.localhost:3000", 404, web.ID},
			{"GET /both\nHost: KLMNOPQRST.execute-api.us-east-1.amazonaws.com", 200, web.ID},
			{"GET /orders\nHost: klmnopqrst.execute-api.localhost", 404, web.ID},
			{"GET /users\nHost: abcdefghij.execute-api.localhost", 403, rest.ID},
			{"GET /users\nHost: aaaaaaaaaa.execute-api.localhost", 404, ""},
		}
		for _, test := range tests {
			r, _ := s.do(t, test.request)
			if _, record := s.accesses.next(); r.StatusCode != test.status || record.API != test.api {
				t.Errorf("%s: %d, API %q", test.request, r.StatusCode, record.API)
			}
		}
	}
}

func TestAccessRecord(t *testing.T) {
	c := restAPI("ANY /users/{id}")
	c.Routes[0].Integration.Function = "users"
	s := newServer(t, Options{APIs: apis(c), Invoker: replying(`{"statusCode":404}`)})
	r, _ := s.do(t, "GET /dev/users/a%20b?q=1")
	e, record := s.accesses.next()
	if record.Latency < record.IntegrationLatency || record.IntegrationLatency <= 0 {
		t.Errorf("latencies: %v %v", record.Latency, record.IntegrationLatency)
	}
	if record.RequestID != r.Header.Get("X-Amzn-Requestid") || e.RequestID != "8476a536-e9f4-11e8-9739-2dfe598c3fcd" || e.Function != "users" || e.Type != "access" {
		t.Errorf("ids: %+v %+v", e, record)
	}
	record.Latency, record.IntegrationLatency, record.RequestID = 0, 0, ""
	got := fmt.Sprintf("%+v", *record)
	want := "{API:abcdefghij Method:GET Path:/dev/users/a%20b Route:ANY /users/{id} Status:404 Latency:0 IntegrationLatency:0 Function:users RequestID: Error: Stage:dev InvocationID:8476a536-e9f4-11e8-9739-2dfe598c3fcd Cold:false}"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.do(t, "GET /dev/nothing")
	if _, record := s.accesses.next(); record.Status != 403 || record.Error != "no route" || record.Stage != "dev" || record.Function != "" {
		t.Errorf("%+v", record)
	}
}

// The invocation carries what the environment's runtime needs; its id is Lambda's own business.
func TestInvocation(t *testing.T) {
	inv := replying(`{}`)
	c := httpAPI("2.0", "GET /x")
	c.Routes[0].Integration.Function, c.Routes[0].Integration.Qualifier = "f", "live"
	s := newServer(t, Options{APIs: apis(c), Invoker: inv})
	s.do(t, "GET /x\nx-amzn-trace-id: Root=1-3152b799-8954dae64eda91bc9a23a7e8;Sampled=1")
	call := inv.calls[0]
	if call.Function != "f" || call.Qualifier != "live" || call.Tail {
		t.Errorf("%+v", call)
	}
	if !strings.HasPrefix(call.Trace, "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Sampled=1;Parent=") {
		t.Errorf("trace %s", call.Trace)
	}
}

// A reload swaps the Gateway under the connections.
func TestSwap(t *testing.T) {
	s := newServer(t, Options{APIs: apis(restAPI("GET /x")), Invoker: replying(`{"body":"old"}`)})
	inv := replying(`{"body":"new"}`)
	next, err := New(Options{APIs: apis(restAPI("GET /x")), Invoker: inv})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	read := func() string {
		io.WriteString(c, "GET /dev/x HTTP/1.1\r\nHost: h\r\nx-CaSe: 1\r\n\r\n")
		b := make([]byte, 2000)
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := strings.Cut(string(b[:n]), "\r\n\r\n")
		return body
	}
	if got := read(); got != "old" {
		t.Errorf("%q", got)
	}
	s.swap(next)
	if got := read(); got != "new" {
		t.Errorf("%q", got)
	}
	checkMembers(t, inv.last(t), map[string]any{"headers.x-CaSe": "1"})
}

func TestNewRefuses(t *testing.T) {
	ok := replying(`{}`)
	bare := restAPI("GET /x")
	bare.Stages = nil
	odd := restAPI("GET /x")
	mute := restAPI("GET /x")
	mute.Routes[0].Integration.Type = config.Mock
	odd.Kind = "soap"
	got := map[string]string{}
	for name, o := range map[string]Options{
		"no invoker": {APIs: apis(restAPI())}, "no APIs": {Invoker: ok}, "port": {APIs: apis(restAPI()), Invoker: ok, Port: 70000},
		"no stage": {APIs: apis(bare), Invoker: ok}, "mock": {APIs: apis(mute), Invoker: ok}, "kind": {APIs: apis(odd), Invoker: ok},
	} {
		if _, err := New(o); err != nil {
			got[name] = err.Error()
		}
	}
	want := map[string]string{"no invoker": "make gateway: no Invoker", "no APIs": "make gateway: no APIs", "port": "make gateway: port 70000 is out of range",
		"no stage": "prepare API Rest: it has no stage", "mock": "prepare API Rest: route GET /x answers with status 0", "kind": `prepare API Rest: unknown kind "soap"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Requests at once do not see each other's headers, bodies or answers.
func TestParallel(t *testing.T) {
	inv := &fakeInvoker{answer: func(_ context.Context, inv *lambda.Invocation) (*lambda.Result, error) {
		return &lambda.Result{Payload: fmt.Appendf(nil, `{"statusCode":200,"body":%s}`, appendJSON(nil, inv.Payload))}, nil
	}}
	s := newServer(t, Options{APIs: apis(restAPI("POST /{id}")), Invoker: inv})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			for i := range 30 {
				id := fmt.Sprintf("w%d-%d", worker, i)
				r, err := client.Post("http://"+s.addr+"/dev/"+id+"?q="+id, "text/plain", strings.NewReader(strings.Repeat(id, 100)))
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(r.Body)
				r.Body.Close()
				checkMembers(t, body, map[string]any{"pathParameters.id": id, "queryStringParameters.q": id, "body": strings.Repeat(id, 100), "path": "/" + id})
			}
		})
	}
	wg.Wait()
}
