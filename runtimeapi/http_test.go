package runtimeapi

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const notFound = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 19\r\n\r\n404 page not found\n"

// TestRoutes: each request goes over one connection, with a ping behind it to show that the connection goes on in good order.
func TestRoutes(t *testing.T) {
	const pong = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 4\r\n\r\npong"
	notAllowed := func(allow string) string {
		return "HTTP/1.1 405 Method Not Allowed\r\nAllow: " + allow + "\r\nContent-Length: 0\r\n\r\n"
	}
	s := start(t, newRecorder())
	c := dial(t, s)
	for _, tc := range []struct{ request, want string }{
		{get("/2018-06-01/ping"), pong},
		{get("/2018-06-01/ping?x=y"), pong},
		{get("http://127.0.0.1:9001/2018-06-01/ping"), pong},
		{"GET /2018-06-01/ping HTTP/1.1\nhOsT:  [::1]:9001 \n\n", pong},
		{"GET /2018-06-01/ping HTTP/1.1\r\nHost: localhost\r\nX-Folded: a\r\n b\r\n\r\n", pong},
		{"GET /2018-06-01/ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
			strings.Replace(pong, "1.1 200 OK\r\n", "1.0 200 OK\r\nConnection: keep-alive\r\n", 1)},
		{"GET /2018-06-01/ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", pong},
		{"GET /2018-06-01/ping HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n", pong},
		{get("/"), notFound},
		{get("/2018-06-01"), notFound},
		{get("//2018-06-01/ping"), notFound},
		{get("/2018-06-01/ping/"), notFound},
		{get("/2018-06-01/runtime/restore/next"), notFound},
		{get("/2018-06-01/runtime/invocation/1/other"), notFound},
		{get("/2018-06-01/runtime/invocation/1/response/more"), notFound},
		{get("/2020-01-01/extension/event/next"), notFound},
		{post("/2020-01-01/extension/register", "{}"), notFound},
		{post("/2018-06-01/runtime/restore/error", "{}"), notFound},
		{strings.Replace(get("/2018-06-01/other"), "GET", "HEAD", 1), strings.TrimSuffix(notFound, "404 page not found\n")},
		{post("/2018-06-01/runtime/invocation/next", "{}"), notAllowed("GET")},
		{strings.Replace(getNext, "GET", "HEAD", 1), notAllowed("GET")},
		{get("/2018-06-01/runtime/invocation/1/response"), notAllowed("POST")},
		{get("/2018-06-01/runtime/init/error"), notAllowed("POST")},
		{strings.Replace(get("/anything"), "GET", "BREW", 1), "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n"},
		{post("/2018-06-01/runtime/invocation/1/response", "x") + "\r\n", // a line end too many
			"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 69\r\n\r\n" + invalidID},
	} {
		c.send(tc.request)
		c.exactly(tc.want)
		c.send(get("/2018-06-01/ping"))
		c.exactly(pong)
	}
}

// TestRefused: after these the connection ends.
func TestRefused(t *testing.T) {
	long := strings.Repeat("x", maxHead)
	s := start(t, newRecorder())
	for _, tc := range []struct{ request, status, text string }{
		{"GET /\r\n\r\n", "400 Bad Request", "malformed HTTP request"},
		{"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request", "malformed HTTP request"},
		{"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request", "invalid method"},
		{"GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request", "malformed request target"},
		{"GET / HTTP/1.1x\r\nHost: a\r\n\r\n", "400 Bad Request", "malformed HTTP version"},
		{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505 HTTP Version Not Supported", "unsupported protocol version"},
		{"GET / HTTP/1.1\r\n\r\n", "400 Bad Request", "missing required Host header"},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400 Bad Request", "too many Host headers"},
		{"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400 Bad Request", "malformed MIME header initial line"},
		{"GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n", "400 Bad Request", "malformed MIME header: missing colon"},
		{"GET / HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n", "400 Bad Request", "invalid header name"},
		{"GET / HTTP/1.1\r\nHost: a\r\nA: \x00\r\n\r\n", "400 Bad Request", "invalid header value"},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400 Bad Request", "bad Content-Length"},
		{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400 Bad Request", "bad Content-Length"},
		{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "501 Not Implemented", "unsupported transfer encoding"},
		{"GET / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n", "417 Expectation Failed", "expectation failed"},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: " + long + "\r\n\r\n", "431 Request Header Fields Too Large", "the head is over its limit"},
	} {
		c := dial(t, s)
		// What is too long is refused before it was all sent, so an error here is no surprise.
		_, _ = io.WriteString(c.nc, tc.request)
		text := tc.status + ": " + tc.text + "\n"
		c.exactly(fmt.Sprintf("HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"+
			"X-Content-Type-Options: nosniff\r\nContent-Length: %d\r\n\r\n%s", tc.status, len(text), text))
		c.eof()
	}
}

func TestWebPagesAreRefused(t *testing.T) {
	s := start(t, newRecorder())
	c := dial(t, s)
	for _, field := range []string{"Host: evil.example", "Host: localhost.evil.example:80", "Host: localhost\r\nOrigin: http://127.0.0.1:3000",
		"Host: 127.0.0.1\r\nSec-Fetch-Site: cross-site", "Host: 127.0.0.1\r\nSec-Fetch-Site: same-origin"} {
		c.send("GET /2018-06-01/ping HTTP/1.1\r\n" + field + "\r\n\r\n")
		c.wants(403, "requests from web pages are refused\n")
	}
	for _, field := range []string{"Host: localhost:9001", "Host: a.localhost", "Host: 172.17.0.1:80", "Host: [fe80::1]", "Host: " + s.Addr(), "Host:",
		"Host: ::1\r\nSec-Fetch-Site: none\r\nSec-Fetch-Mode: cors"} {
		c.send("GET /2018-06-01/ping HTTP/1.1\r\n" + field + "\r\n\r\n")
		c.wants(200, "pong")
	}
}

// running is a client whose runtime has invocation 1.
func running(t *testing.T) (*recorder, *Server, *client) {
	t.Helper()
	owner := newRecorder()
	s := start(t, owner)
	c := dial(t, s)
	c.send(getNext)
	owner.want(t, polled(1))
	if !s.Deliver(&Event{RequestID: "1", Payload: []byte("event")}) {
		t.Fatal("not delivered")
	}
	c.wants(200, "event")
	return owner, s, c
}

// pollAgain shows that the connection and the state machine are in order after an answer.
func pollAgain(t *testing.T, owner *recorder, s *Server, c *client) {
	t.Helper()
	c.send(getNext)
	owner.want(t, polled(1))
	if !s.Deliver(&Event{RequestID: "2", Payload: []byte("more")}) {
		t.Fatal("not delivered")
	}
	c.wants(200, "more")
}

const chunkedResponse = "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n" +
	"Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n"

func TestBodies(t *testing.T) {
	long := strings.Repeat("0123456789", 10_000)
	body64 := base64.StdEncoding.EncodeToString([]byte(`{"errorType":"Oh"}`))
	for name, tc := range map[string]struct {
		request string
		want    Response
	}{
		"empty":         {respond("1", ""), Response{}},
		"long":          {respond("1", long), Response{Payload: []byte(long)}},
		"largest":       {respond("1", strings.Repeat("x", MaxPayload)), Response{Payload: []byte(strings.Repeat("x", MaxPayload))}},
		"chunked":       {chunkedResponse + "\r\n5\r\nhello\r\n7;a=b\r\n, world\r\n0\r\n\r\n", Response{Payload: []byte("hello, world")}},
		"chunked empty": {chunkedResponse + "\r\n0\r\n\r\n", Response{}},
		"chunked long": {chunkedResponse + "\r\n" + strings.Repeat(fmt.Sprintf("%x\r\n%s\r\n", len(long), long), 3) + "0\r\nX: y\r\n\r\n",
			Response{Payload: []byte(strings.Repeat(long, 3))}},
		"chunked overrides length": {chunkedResponse + "Content-Length: 3\r\n\r\n1\r\nx\r\n0\r\n\r\n", Response{Payload: []byte("x")}},
		"streamed": {chunkedResponse + "lambda-runtime-function-response-mode: streaming\r\nContent-Type: text/html\r\n\r\n1\r\nx\r\n0\r\n\r\n",
			Response{Payload: []byte("x"), Streamed: true, ContentType: "text/html"}},
		"stream failed": {chunkedResponse + "Lambda-Runtime-Function-Response-Mode: streaming\r\n\r\n1\r\nx\r\n0\r\n" +
			"Lambda-Runtime-Function-Error-Type: Function.Oh\r\nLambda-Runtime-Function-Error-Body: " + body64 + "\r\n\r\n",
			Response{Payload: []byte(`{"errorType":"Oh"}`), Streamed: true, Error: true, ErrorType: "Function.Oh", ContentType: "application/json"}},
		"stream failed with a bad body": {chunkedResponse + "\r\n0\r\nLambda-Runtime-Function-Error-Body: %%%\r\n\r\n",
			Response{Payload: []byte(`"Invalid error body"`), Error: true, ErrorType: "Runtime.Unknown", ContentType: "application/json"}},
		"error": {respondError("1", `{"errorMessage":"m"}`, "Content-Type: application/json", "Lambda-Runtime-Function-Error-Type: Runtime.Oh",
			"Lambda-Runtime-Function-XRay-Error-Cause: "+strings.Repeat("x", 1_000_000)),
			Response{Payload: []byte(`{"errorMessage":"m"}`), Error: true, ErrorType: "Runtime.Oh", ContentType: "application/json"}},
		"error with cause": {respondError("1", `{"errorMessage":"m","errorType":"t","stackTrace":["a","b"],"errorCause":{"x":1}}`,
			"Content-Type: application/vnd.aws.lambda.error.cause+json"),
			Response{Payload: []byte(`{"errorMessage":"m","errorType":"t","stackTrace":["a","b"]}`), Error: true, ErrorType: "Runtime.Unknown",
				ContentType: "application/json"}},
		"error with unreadable cause": {respondError("1", `{`, "Content-Type: application/vnd.aws.lambda.error.cause+json"),
			Response{Payload: []byte(`"Invalid error body"`), Error: true, ErrorType: "Runtime.Unknown", ContentType: "application/octet-stream"}},
	} {
		t.Run(name, func(t *testing.T) {
			owner, s, c := running(t)
			c.send(tc.request)
			owner.want(t, responded("1", tc.want))
			c.exactly(accepted202)
			pollAgain(t, owner, s, c)
		})
	}
}

func TestBadAnswers(t *testing.T) {
	const tooLarge = `{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}` + "\n"
	const badMode = `{"errorMessage":"Invalid function response mode","errorType":"InvalidFunctionResponseMode"}` + "\n"
	oversize := strings.Repeat("x", MaxPayload+1)
	for name, tc := range map[string]struct {
		request string
		want    Response
		status  int
		body    string
	}{
		"too large":       {respond("1", oversize), Response{TooLarge: true}, 413, tooLarge},
		"error too large": {respondError("1", oversize), Response{TooLarge: true, Error: true, ErrorType: "Runtime.Unknown"}, 413, tooLarge},
		"chunks too large": {chunkedResponse + "\r\n1\r\nx\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", MaxPayload, oversize[1:]),
			Response{TooLarge: true}, 413, tooLarge},
		"mode": {respond("1", "x", "Lambda-Runtime-Function-Response-Mode: Streaming"), Response{InvalidMode: true}, 400, badMode},
	} {
		t.Run(name, func(t *testing.T) {
			owner, s, c := running(t)
			c.send(tc.request)
			owner.want(t, responded("1", tc.want))
			c.wants(tc.status, tc.body)
			pollAgain(t, owner, s, c)
		})
	}
}

func TestTruncated(t *testing.T) {
	const truncated = `{"errorMessage":"HTTP request detected as truncated","errorType":"TruncatedHTTPRequest"}` + "\n"
	want := Response{Truncated: true, Error: true, ErrorType: "Runtime.TruncatedResponse"}
	length := "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n"
	for name, request := range map[string]string{
		"length":            length + "half",
		"no body":           length,
		"chunk":             chunkedResponse + "\r\n5\r\nhel",
		"chunk size":        chunkedResponse + "\r\n5",
		"no last chunk":     chunkedResponse + "\r\n5\r\nhello\r\n",
		"no trailer":        chunkedResponse + "\r\n0\r\n",
		"bad chunk size":    chunkedResponse + "\r\nx\r\nhello\r\n0\r\n\r\n",
		"bad chunk end":     chunkedResponse + "\r\n5\r\nhelloX\r\n0\r\n\r\n",
		"bare line feed":    chunkedResponse + "\r\n5\nhello\r\n0\r\n\r\n",
		"bad trailer":       chunkedResponse + "\r\n0\r\nx\r\n\r\n",
		"mostly extensions": chunkedResponse + "\r\n" + strings.Repeat("1;"+strings.Repeat("x", 3000)+"\r\nx\r\n", 10) + "0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			owner, s, c := running(t)
			c.send(request)
			if err := c.nc.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			owner.want(t, responded("1", want))
			c.wants(400, truncated)
			c.eof()
			pollAgain(t, owner, s, dial(t, s))
		})
	}
}

func TestRejectedWithLongBody(t *testing.T) {
	_, _, c := running(t)
	c.send(respond("2", strings.Repeat("x", maxDiscard))) // is read over
	c.exactly("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 69\r\n\r\n" + invalidID)
	c.send(fmt.Sprintf("POST /2018-06-01/runtime/invocation/2/response HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n", maxDiscard+1))
	c.exactly("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 69\r\n\r\n" + invalidID)
	c.eof()
}

func TestExpectContinue(t *testing.T) {
	owner, s, c := running(t)
	c.send("POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n")
	c.exactly("HTTP/1.1 100 Continue\r\n\r\n")
	c.send("ok")
	owner.want(t, responded("1", Response{Payload: []byte("ok")}))
	c.exactly(accepted202)
	pollAgain(t, owner, s, c)
	// A call that is refused anyway does not invite the body.
	c.send("POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
	c.wants(400, invalidID)
	c.eof()
}

func TestConnectionClose(t *testing.T) {
	for _, version := range []string{"1.0", "1.1"} {
		owner := newRecorder()
		s := start(t, owner)
		c := dial(t, s)
		c.send("GET " + runtimePath + "invocation/next HTTP/" + version + "\r\nHost: 127.0.0.1\r\nConnection: x, Close\r\n\r\n" + getNext)
		owner.want(t, polled(1))
		s.Deliver(&Event{RequestID: "1", Payload: []byte("event")})
		c.exactly("HTTP/" + version + " 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: 1\r\n" +
			"Content-Length: 5\r\n\r\nevent")
		c.eof()
		owner.none(t) // the request behind it is not read
		c = dial(t, s)
		c.send("POST " + runtimePath + "invocation/1/response HTTP/" + version + "\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
		owner.want(t, responded("1", Response{Payload: []byte("x")}))
		c.exactly("HTTP/" + version + strings.Replace(strings.TrimPrefix(accepted202, "HTTP/1.1"), "\r\n", "\r\nConnection: close\r\n", 1))
		c.eof()
	}
}

// TestPipelined sends a whole life at once; each request waits for the answer to the one before.
func TestPipelined(t *testing.T) {
	owner := newRecorder()
	s := start(t, owner)
	c := dial(t, s)
	c.send(get("/2018-06-01/ping") + getNext + respond("1", "r") + getNext)
	c.wants(200, "pong")
	owner.want(t, polled(1))
	if err := c.nc.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.r.Peek(1); err == nil {
		t.Fatal("a request was answered before the poll that it follows")
	}
	if err := c.nc.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	s.Deliver(&Event{RequestID: "1", Payload: []byte("event")})
	c.wants(200, "event")
	c.wants(202, statusOK)
	owner.want(t, responded("1", Response{Payload: []byte("r")}), polled(1))
	// And one behind a poll that never gets an answer must not keep Reset or Close.
	c.send(getNext)
	s.Reset()
	owner.none(t)
}

func TestErrorTypes(t *testing.T) {
	for in, want := range map[string]string{
		"Runtime.ExitError":     "Runtime.ExitError",
		"Function.Oh":           "Function.Oh",
		"xRuntime.Oh!":          "xRuntime.Oh!", // AWS's pattern is not anchored
		"Function.oh":           "Function.Unknown",
		"Function.":             "Function.Unknown",
		"Function.O":            "Function.Unknown",
		"Runtime.oh":            "Runtime.Unknown",
		"unhandled":             "Runtime.Unknown",
		"":                      "Runtime.Unknown",
		"Extension.Crash":       "Runtime.Unknown",
		"AFunction.Oh Function": "AFunction.Oh Function",
	} {
		if got := sanitiseErrorType(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestStandardClient: net/http's client, which reuses, closes and pipelines nothing, gets along.
func TestStandardClient(t *testing.T) {
	s := start(t, ownerFuncs{})
	hc := &http.Client{Transport: &http.Transport{}}
	defer hc.CloseIdleConnections()
	for range 3 {
		resp, err := hc.Get("http://" + s.Addr() + "/2018-06-01/ping")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(b) != "pong" {
			t.Fatalf("got %q, %v", b, err)
		}
	}
}
