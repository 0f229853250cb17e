package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
)

// errTimeout is the cause with which an integration's context ends.
var errTimeout = errors.New("integration timeout")

// keptPayload is the size in bytes above which a buffer is not kept for the next request.
const keptPayload = 256 << 10

// integrate calls what stands behind the route.
func (x *exchange) integrate() {
	switch {
	case len(x.route.Broken) > 0:
		x.explain("configuration", diagnostics(x.route.Broken))
	case x.route.refused != "":
		x.fail(x.failures().refused, x.route.refused)
	case x.route.Integration.Type == config.Mock:
		x.mock()
	case x.target.function == "":
		x.fail(x.failures().refused, "the integration names no function: "+x.route.Integration.Function)
	default:
		x.proxy()
	}
}

// diagnostics puts the problems of a route in words.
func diagnostics(list []config.Diagnostic) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%s:%d:%d: %s: %s\n", d.File, d.Line, d.Column, d.Severity, d.Message)
		if d.Hint != "" {
			fmt.Fprintf(&b, "  %s\n", d.Hint)
		}
	}
	return b.String()
}

// mock answers without a function, as the OPTIONS methods do that SAM and CDK make for CORS. It has no trace (spec apigateway.md §5.3).
func (x *exchange) mock() {
	in := &x.route.Integration
	typed := false
	for name, value := range in.MockHeaders {
		x.put(name, value)
		typed = typed || equalFold(name, "Content-Type")
	}
	if !typed && x.api.rest {
		x.put("Content-Type", "application/json")
	}
	x.addIDs()
	x.addEdge(in.MockStatus)
	x.send(in.MockStatus, []byte(in.MockBody))
}

// proxy makes the event, has the function invoked, and maps its answer.
func (x *exchange) proxy() {
	f := x.failures()
	if err := x.readBody(); err != nil {
		// The client has gone, or broken off its own request: there is no answer of AWS's to give.
		x.why, x.status = "the body could not be read: "+err.Error(), http.StatusBadRequest
		http.Error(x.w, http.StatusText(x.status), x.status)
		return
	}
	if len(x.body) > maxBody {
		x.fail(f.bodyTooLarge, "the body is larger than 10 MB")
		return
	}
	accept, binary := get(x.headers, "Accept"), false
	payload := x.gw.payloads.Get().(*[]byte)
	event := slices.Grow((*payload)[:0], len(x.body)+len(x.body)/3+2048)
	contentType := get(x.headers, "Content-Type")
	if x.api.rest {
		binary = binaryType(x.api.binary, mediaType(contentType))
		event = x.restEvent(event, binary)
	} else {
		event = x.httpEvent(event, !textType(contentType))
	}
	*payload = event
	if len(event) > maxEvent {
		x.gw.payloads.Put(payload)
		x.fail(f.eventTooLarge, "the event is larger than 6 MB")
		return
	}
	if x.gw.ready != nil {
		if err := x.gw.ready(x.r.Context(), x.target.function); err != nil {
			x.gw.payloads.Put(payload)
			x.invokeFailed(err)
			return
		}
	}
	result, err := x.invoke(payload)
	if err != nil {
		x.invokeFailed(err)
		return
	}
	x.answer(result, accept)
}

// restEvent writes the event of a REST API.
func (x *exchange) restEvent(event []byte, binary bool) []byte {
	n := x.gw.names
	proper := n.restProper
	if x.api.EdgeOptimized {
		proper = n.edgeProper
	}
	x.requestHeaders(n.restDropped, proper)
	if x.api.EdgeOptimized {
		x.edgeHeaders()
	}
	x.query = appendQuery(x.query, x.r.URL.RawQuery, "&;")
	return x.appendV1(event, &x.target.parts, binary)
}

// httpEvent writes the event of an HTTP API. It always shows a Content-Length (spec apigateway.md §2.1, §2.3), and path variables are decoded.
func (x *exchange) httpEvent(event []byte, binary bool) []byte {
	if !hasHeader(x.headers, "Content-Length") {
		x.headers = append(x.headers, header{"Content-Length", strconv.Itoa(len(x.body))})
	}
	x.requestHeaders(x.gw.names.httpDropped, x.gw.names.v1Proper)
	x.query = appendQuery(x.query, x.r.URL.RawQuery, "&")
	if x.route.v2 {
		return x.appendV2(event, &x.target.parts, binary)
	}
	return x.appendV1(event, &x.target.parts, binary)
}

// invoke runs the function. The client's going away does not end the wait, since it does not end the invocation on AWS either. The payload's
// buffer is used again, unless the invocation still runs.
func (x *exchange) invoke(payload *[]byte) (*lambda.Result, error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(x.r.Context()), x.route.timeout, errTimeout)
	defer cancel()
	inv := &lambda.Invocation{Function: x.target.function, Qualifier: x.target.qualifier, Payload: *payload, Trace: x.trace.out}
	began := time.Now()
	result, err := x.gw.invoker.Invoke(ctx, inv)
	x.integrationLatency = time.Since(began)
	x.invocation = inv.RequestID
	x.cold = result != nil && result.Cold
	if ctx.Err() == nil && cap(*payload) <= keptPayload {
		x.gw.payloads.Put(payload)
	}
	return result, err
}

// invokeFailed answers where the function did not run, or not in time (spec lambda.md §6.2).
func (x *exchange) invokeFailed(err error) {
	f := x.failures()
	if x.gw.explain != nil {
		if kind, words := x.gw.explain(err); kind != "" {
			x.explain(kind, words)
			return
		}
	}
	var refused *lambda.Error
	switch {
	case errors.Is(err, errTimeout):
		x.fail(f.timeout, fmt.Sprintf("no answer within %v; the invocation goes on", x.route.timeout))
	case errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests:
		x.fail(f.throttled, refused.Error())
	default:
		x.fail(f.refused, err.Error())
	}
}

// answer maps what the function returned.
func (x *exchange) answer(result *lambda.Result, accept string) {
	f := x.failures()
	if result.FunctionError != "" {
		x.fail(f.function, strings.TrimSpace("function error "+result.ErrorType))
		return
	}
	var a answer
	var err error
	clear(x.headers)
	if x.api.rest {
		a, err = restAnswer(result.Payload, x.headers[:0], binaryType(x.api.binary, mediaType(accept)))
	} else {
		a, err = httpAnswer(result.Payload, x.headers[:0], x.route.v2)
	}
	switch {
	case errors.Is(err, errUndecodable):
		x.fail(f.undecodable, "the answer's "+err.Error())
		return
	case err != nil:
		x.fail(f.function, "malformed answer: "+err.Error())
		return
	}
	x.headers = a.headers
	if x.api.rest {
		x.putRest(a.headers)
		x.w.Header()[traceHeader] = x.single(x.trace.out)
		x.addEdge(a.status)
	} else {
		x.putHTTP(a.headers)
		x.addCORS()
	}
	x.addIDs()
	x.send(a.status, a.body)
}
