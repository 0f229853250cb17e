package gateway

import (
	"net/http"
	"slices"
	"strings"
)

// header is one header line: of a request as it came, of an answer as the function gave it. The value of a request's header holds Latin-1 bytes.
type header struct{ name, value string }

// appendHeaders reads the lines of a head. Lines that begin with white space continue the one before, as in net/http.
func appendHeaders(list []header, lines string) []header {
	for lines != "" {
		var line string
		line, lines, _ = strings.Cut(lines, "\n")
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if n := len(list); n > 0 {
				list[n-1].value = trimBlank(list[n-1].value + " " + trimBlank(line))
			}
			continue
		}
		if name, value, ok := strings.Cut(line, ":"); ok {
			list = append(list, header{name, trimBlank(value)})
		}
	}
	return list
}

// trimBlank removes the white space that HTTP allows around a value.
func trimBlank(s string) string { return strings.Trim(s, " \t") }

// appendParsed builds the list from what net/http has read, where no raw head is at hand: names in Go's case, in alphabetical order.
func appendParsed(list []header, r *http.Request) []header {
	start := len(list)
	for name, values := range r.Header {
		for _, v := range values {
			list = append(list, header{name, v})
		}
	}
	slices.SortStableFunc(list[start:], func(a, b header) int { return strings.Compare(a.name, b.name) })
	if r.Host != "" {
		list = append(list, header{"Host", r.Host})
	}
	return list
}

// headerSize counts names, values and line ends, as the limit does (spec apigateway.md §1.10).
func headerSize(list []header) (n int) {
	for _, h := range list {
		n += len(h.name) + len(": ") + len(h.value) + len("\r\n")
	}
	return n
}

// get is the value of the first header of that name, or "".
func get(list []header, name string) string {
	for i := range list {
		if equalFold(list[i].name, name) {
			return list[i].value
		}
	}
	return ""
}

// equalFold compares header names.
func equalFold(a, b string) bool {
	return len(a) == len(b) && (a == b || strings.EqualFold(a, b))
}

// contains tells whether a list of header names has this one.
func contains(names []string, name string) bool {
	for _, n := range names {
		if equalFold(n, name) {
			return true
		}
	}
	return false
}

// names are the tables of headers that a kind of API treats in a way of its own. They are built once per Gateway.
type names struct {
	// restDropped never reach a function behind a REST API (spec apigateway.md §1.6).
	restDropped []string
	// httpDropped never reach a function behind an HTTP API: what belongs to the connection.
	httpDropped []string
	// restProper and edgeProper are shown in this case, whatever the client's (§1.4); v1Proper those of HTTP APIs with payload 1.0 (§2.3, U10).
	restProper, edgeProper, v1Proper []string
	// restRemapped of an answer get the prefix x-amzn-Remapped-; restOwned are the gateway's, and those of the function are left out (§5.3).
	restRemapped, restOwned []string
	// httpReserved of an answer are left out by HTTP APIs (§2.6, U17).
	httpReserved []string
	// corsAnswer are left out of a function's answer where the API has its own CORS settings (§8).
	corsAnswer []string
	// refused targets of a header mapping make every call fail (§1.6); refusedLambda only where a function is called.
	refused, refusedLambda []string
}

func newNames() *names {
	connection := []string{"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"}
	proper := []string{"Host", "User-Agent"}
	return &names{
		restDropped: []string{"Connection", "Content-Length", "Content-MD5", "Expect", "Max-Forwards", "Proxy-Authenticate", "Server", "TE",
			"Transfer-Encoding", "Trailer", "Upgrade", "WWW-Authenticate"},
		httpDropped: append(slices.Clone(connection), "Expect"),
		restProper:  proper,
		edgeProper:  append(slices.Clone(proper), "Authorization"),
		v1Proper:    append(slices.Clone(proper), "Content-Length"),
		restRemapped: []string{"Authorization", "Connection", "Content-Length", "Content-MD5", "Date", "Expect", "Host", "Max-Forwards",
			"Proxy-Authenticate", "Server", "Trailer", "Upgrade", "User-Agent", "WWW-Authenticate", requestIDHeader},
		restOwned: []string{"Transfer-Encoding", extendedIDHeader, traceHeader},
		httpReserved: append(slices.Clone(connection), "Trailers", "Proxy-Authenticate", "Proxy-Authorization", "Content-Length",
			httpRequestIDHeader),
		corsAnswer: []string{"access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers",
			"access-control-expose-headers", "access-control-allow-credentials", "access-control-max-age"},
		refused:       []string{"content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id"},
		refusedLambda: []string{"authorization", "connection", "expect", "proxy-authenticate", "te"},
	}
}

// The headers that the gateway makes itself, in AWS's case.
const (
	traceHeader          = "X-Amzn-Trace-Id"
	forwardedForHeader   = "X-Forwarded-For"
	forwardedPortHeader  = "X-Forwarded-Port"
	forwardedProtoHeader = "X-Forwarded-Proto"
	requestIDHeader      = "x-amzn-RequestId"
	extendedIDHeader     = "x-amz-apigw-id"
	errorTypeHeader      = "x-amzn-ErrorType"
	httpRequestIDHeader  = "apigw-requestid"
	remappedPrefix       = "x-amzn-Remapped-"
)

// requestHeaders turns the client's headers into those of the event, in the same slice: what is dropped goes, what has a fixed case gets it, and
// the gateway's own follow at the end.
func (x *exchange) requestHeaders(dropped, proper []string) {
	hops, hasHost := "", false
	kept := x.headers[:0]
	for _, h := range x.headers {
		switch {
		case equalFold(h.name, forwardedForHeader):
			// The client's hops come before the one that it speaks from (spec apigateway.md §1.5).
			if h.value != "" {
				hops += h.value + ", "
			}
			continue
		case equalFold(h.name, traceHeader), equalFold(h.name, forwardedPortHeader), equalFold(h.name, forwardedProtoHeader):
			continue
		case equalFold(h.name, "Host"):
			if hasHost {
				continue
			}
			h.value, hasHost = x.r.Host, true
		case contains(dropped, h.name), x.api.rest && signed(h):
			continue
		}
		for _, p := range proper {
			if equalFold(h.name, p) {
				h.name = p
			}
		}
		kept = append(kept, h)
	}
	if !hasHost {
		kept = append(kept, header{"Host", x.r.Host})
	}
	x.headers = append(kept,
		header{traceHeader, x.trace.in},
		header{forwardedForHeader, hops + x.clientIP},
		header{forwardedPortHeader, x.gw.port},
		header{forwardedProtoHeader, "http"})
}

// signed tells a SigV4 signature, which a REST API keeps to itself (spec apigateway.md §1.6; amendments.md D, SigV4a).
func signed(h header) bool {
	return equalFold(h.name, "Authorization") &&
		(strings.HasPrefix(h.value, "AWS4-HMAC-SHA256 ") || strings.HasPrefix(h.value, "AWS4-ECDSA-P256-SHA256 "))
}
