package gateway

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/emulate/emulator/telemetry"
)

// exchange is one request on its way to an answer. Exchanges are used again; nothing of one may be kept.
type exchange struct {
	gw    *Gateway
	w     http.ResponseWriter
	r     *http.Request
	start time.Time
	location
	target *target

	headers             []header
	query               []pair
	groups              []group
	body                []byte
	paramMemory         []string // of location.params
	clientIP, userAgent string
	// extendedID is requestID for HTTP APIs.
	requestID, extendedID string
	trace                 traces

	// values is memory for the values of the answer's headers. net/http reads them after the exchange has ended: it is never used again.
	values []string

	// What the access record tells.
	status             int
	why                string
	invocation         string
	cold               bool
	integrationLatency time.Duration
}

func (x *exchange) begin(g *Gateway, w http.ResponseWriter, r *http.Request) {
	x.gw, x.w, x.r, x.start = g, w, r, time.Now()
	if lines, ok := rawHead(r); ok {
		x.headers = appendHeaders(x.headers, lines)
	} else {
		x.headers = appendParsed(x.headers, r)
	}
	x.clientIP = r.RemoteAddr
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		x.clientIP, _, _ = strings.Cut(host, "%")
	}
	x.userAgent = get(x.headers, "User-Agent")
}

// reset forgets the request and keeps the memory, unless it is much.
func (x *exchange) reset() {
	body, headers, query, groups, params := x.body, x.headers, x.query, x.groups, x.paramMemory
	if cap(x.params) > cap(params) {
		params = x.params
	}
	clear(headers)
	clear(query)
	clear(params)
	if cap(body) > keptPayload {
		body = nil
	}
	*x = exchange{headers: headers[:0], query: query[:0], groups: groups[:0], paramMemory: params[:0], body: body[:0]}
}

// failures are those of the API's kind.
func (x *exchange) failures() *failures {
	if x.api.rest {
		return &x.gw.rest
	}
	return &x.gw.http
}

// requestPath is the path of the request line as it was sent.
func requestPath(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if _, rest, absolute := strings.Cut(path, "://"); absolute && !strings.HasPrefix(path, "/") {
		_, path, _ = strings.Cut(rest, "/")
		return "/" + path
	}
	if !strings.HasPrefix(path, "/") {
		return "/" + path
	}
	return path
}

// serve goes through the checks in AWS's order: limits, stage and API, route, integration (spec apigateway.md §5.5).
func (x *exchange) serve() {
	t := asked{host: x.r.Host, path: requestPath(x.r), verb: x.r.Method}
	if override := get(x.headers, "X-HTTP-Method-Override"); override != "" {
		t.override = strings.ToUpper(override)
	}
	if x.preflight(t) {
		return
	}
	x.location = x.gw.locate(t, x.paramMemory)
	x.identify()
	f := x.failures()
	switch {
	case x.headersTooLarge():
		x.fail(f.headersTooLarge, "the headers are larger than 10,240 bytes")
	case x.r.ContentLength > maxBody:
		x.fail(f.bodyTooLarge, "the body is larger than 10 MB")
	case x.route == nil:
		x.fail(f.notFound, "no route")
	default:
		x.target = &x.route.targets[x.stage.index]
		x.integrate()
	}
}

// headersTooLarge checks the limit, which for HTTP APIs includes the request line (spec apigateway.md §1.10, §2.8).
func (x *exchange) headersTooLarge() bool {
	n := headerSize(x.headers)
	if !x.api.rest {
		n += len(x.r.Method) + len(x.r.RequestURI) + len(x.r.Proto) + len("  \r\n")
	}
	return n > maxHeader
}

// identify makes the request's ids.
func (x *exchange) identify() {
	n := newIDs()
	x.requestID, x.extendedID = n.extended, n.extended
	if x.api.rest {
		x.requestID = n.uuid
	}
	x.trace = newTraces(get(x.headers, traceHeader), x.start)
}

// readBody reads the whole body, one byte more than is allowed at most.
func (x *exchange) readBody() error {
	if x.r.ContentLength == 0 || x.r.Body == nil {
		return nil
	}
	if n := x.r.ContentLength; n > 0 {
		x.body = slices.Grow(x.body, int(n)+1)
	}
	body := io.LimitReader(x.r.Body, maxBody+1)
	for {
		if len(x.body) == cap(x.body) {
			x.body = slices.Grow(x.body, 4096)
		}
		n, err := body.Read(x.body[len(x.body):cap(x.body)])
		x.body = x.body[:len(x.body)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// finish writes the access record: one for each request, whatever came of it.
func (x *exchange) finish() {
	if x.gw.telemetry == nil {
		return
	}
	now := time.Now()
	record := &telemetry.Access{
		API: x.api.ID, Method: x.r.Method, Path: requestPath(x.r), Status: x.status, Latency: telemetry.Millis(now.Sub(x.start)),
		IntegrationLatency: telemetry.Millis(x.integrationLatency), RequestID: x.requestID, Error: x.why,
		InvocationID: x.invocation, Cold: x.cold,
	}
	if x.route != nil {
		record.Route = x.route.key
	}
	if x.stage != nil {
		record.Stage = x.stage.Name
	}
	if x.target != nil {
		record.Function = x.target.function
	}
	x.gw.telemetry.Emit(telemetry.Event{
		Time: now, Type: telemetry.TypeAccess, Function: record.Function, RequestID: x.invocation, Record: record})
}
