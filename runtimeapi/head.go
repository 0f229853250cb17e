package runtimeapi

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxHead is the largest head of a request: net/http's default of 1 MiB and its slack of 4 KiB. It cannot be much smaller: runtimes send their
// X-Ray cause as a header of up to 1 MiB (spec lambda.md §1.6).
const maxHead = 1<<20 + 4<<10

// maxTrailer is the largest block of trailers. The error that ends a stream comes in one, in base64 (spec lambda.md §1.5).
const maxTrailer = maxHead

// httpError refuses a request that is not good HTTP. The connection is closed after it.
type httpError struct {
	status int
	text   string
}

func (e *httpError) Error() string { return e.text }

func badRequest(text string) error { return &httpError{http.StatusBadRequest, text} }

// framing is what an answer must know of its request.
type framing struct {
	// minor is y of HTTP/1.y; close says that the connection ends with the answer.
	minor int
	close bool
}

// head is the head of one request. Its byte slices point into the connection's buffer: they end with the next read.
type head struct {
	framing
	method string
	path   []byte // as it was sent, still escaped, without the query

	length  int64 // of the body; -1 where it is chunked
	expects bool  // Expect: 100-continue
	foreign bool  // sent by a web page

	allow string // the method that the path has, where it is not this one

	contentType, errorType, responseMode, invocationID []byte

	hosts             int
	host              []byte
	hasLength         bool
	transferEncodings int
	chunked           bool
	keepAlive         bool
	hasContentType    bool
	hasErrorType      bool
	hasResponseMode   bool
	hasInvocationID   bool
}

// endOfBlock says where the block of fields at the start of b ends, its blank line included, or -1 where more is needed. The search may go on
// from where it stopped: next is the start of the first line that was not complete.
func endOfBlock(b []byte, from int) (end, next int) {
	for {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return -1, from
		}
		line := b[from : from+i]
		from += i + 1
		if len(line) == 0 || len(line) == 1 && line[0] == '\r' {
			return from, from
		}
	}
}

// parse reads a whole head: the request line, the fields and the blank line.
func (h *head) parse(b []byte) error {
	*h = head{}
	line, rest := cutLine(b)
	if err := h.parseLine(line); err != nil {
		return err
	}
	if len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		return badRequest("malformed MIME header initial line")
	}
	for {
		key, value, after, err := nextField(rest)
		if err != nil {
			return err
		}
		if key == nil {
			return h.finish()
		}
		if err := h.field(key, value); err != nil {
			return err
		}
		rest = after
	}
}

// parseLine reads the request line.
func (h *head) parseLine(line []byte) error {
	method, rest, ok := bytes.Cut(line, []byte{' '})
	target, proto, ok2 := bytes.Cut(rest, []byte{' '})
	if !ok || !ok2 {
		return badRequest("malformed HTTP request")
	}
	if !isToken(method) {
		return badRequest("invalid method")
	}
	h.method = methodName(method)
	if err := h.parseVersion(proto); err != nil {
		return err
	}
	return h.parseTarget(target)
}

func (h *head) parseVersion(proto []byte) error {
	const form = "HTTP/1.1"
	if len(proto) != len(form) || string(proto[:5]) != form[:5] || !isDigit(proto[5]) || proto[6] != '.' || !isDigit(proto[7]) {
		return badRequest("malformed HTTP version")
	}
	if proto[5] != '1' {
		return &httpError{http.StatusHTTPVersionNotSupported, "unsupported protocol version"}
	}
	h.minor = int(proto[7] - '0')
	return nil
}

// parseTarget takes the path out of the target. The runtimes' own targets are plain paths; all others are left to net/url.
func (h *head) parseTarget(target []byte) error {
	if isPlainPath(target) {
		h.path = target
		return nil
	}
	raw := string(target)
	if h.method == http.MethodConnect && !strings.HasPrefix(raw, "/") {
		raw = "http://" + raw
	}
	u, err := url.ParseRequestURI(raw)
	if err != nil {
		return badRequest("malformed request target")
	}
	h.path = []byte(u.EscapedPath())
	return nil
}

// nextField takes the first field off a block; key is nil at the blank line. Both slices point into b, except for a value that was folded
// over several lines, which is joined with single spaces as net/textproto does.
func nextField(b []byte) (key, value, rest []byte, err error) {
	line, rest := cutLine(b)
	if len(line) == 0 {
		return nil, nil, rest, nil
	}
	if bytes.IndexByte(line, ':') < 0 {
		return nil, nil, nil, badRequest("malformed MIME header: missing colon")
	}
	line = trim(line)
	if len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		line = bytes.Clone(line)
		for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
			var more []byte
			more, rest = cutLine(rest)
			line = append(append(line, ' '), trim(more)...)
		}
	}
	key, value, _ = bytes.Cut(line, []byte{':'})
	if !isToken(key) {
		return nil, nil, nil, badRequest("invalid header name")
	}
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil, nil, nil, badRequest("invalid header value")
		}
	}
	return key, trimLeft(value), rest, nil
}

// field keeps what the server needs of one field. Where a field comes twice the first one counts, as for http.Header.Get.
func (h *head) field(key, value []byte) error {
	switch len(key) {
	case len("Host"):
		if is(key, "host") {
			if h.hosts++; h.hosts > 1 {
				return badRequest("too many Host headers")
			}
			h.host = value
		}
	case len("Expect"): // and Origin
		if is(key, "expect") {
			if len(value) > 0 && !is(value, "100-continue") {
				return &httpError{http.StatusExpectationFailed, "expectation failed"}
			}
			h.expects = h.expects || len(value) > 0
		} else if is(key, "origin") {
			h.foreign = true
		}
	case len("Connection"):
		if is(key, "connection") {
			h.close = h.close || hasToken(value, "close")
			h.keepAlive = h.keepAlive || hasToken(value, "keep-alive")
		}
	case len("Content-Type"):
		if !h.hasContentType && is(key, "content-type") {
			h.contentType, h.hasContentType = value, true
		}
	case len("Content-Length"): // and Sec-Fetch-Site
		if is(key, "content-length") {
			return h.contentLength(value)
		}
		h.foreign = h.foreign || is(key, "sec-fetch-site") && !is(value, "none")
	case len("Transfer-Encoding"):
		if is(key, "transfer-encoding") {
			h.transferEncodings++
			h.chunked = is(value, "chunked")
		}
	default:
		h.lambdaField(key, value)
	}
	return nil
}

// lambdaField keeps the fields of Lambda's own. The X-Ray cause is accepted and not read: there is no trace yet that would carry it.
func (h *head) lambdaField(key, value []byte) {
	switch {
	case !h.hasErrorType && is(key, "lambda-runtime-function-error-type"):
		h.errorType, h.hasErrorType = value, true
	case !h.hasResponseMode && is(key, "lambda-runtime-function-response-mode"):
		h.responseMode, h.hasResponseMode = value, true
	case !h.hasInvocationID && is(key, "lambda-runtime-invocation-id"):
		h.invocationID, h.hasInvocationID = value, true
	}
}

func (h *head) contentLength(value []byte) error {
	n, err := strconv.ParseUint(string(trim(value)), 10, 63)
	if err != nil || h.hasLength && int64(n) != h.length {
		return badRequest("bad Content-Length")
	}
	h.length, h.hasLength = int64(n), true
	return nil
}

// finish settles how the body is framed and whether the connection lasts.
func (h *head) finish() error {
	if h.minor == 0 {
		h.close = h.close || !h.keepAlive
		h.expects = false
		return nil // Transfer-Encoding is not known to HTTP/1.0
	}
	if h.hosts == 0 && h.method != http.MethodConnect {
		return badRequest("missing required Host header")
	}
	if h.transferEncodings > 1 || h.transferEncodings == 1 && !h.chunked {
		return &httpError{http.StatusNotImplemented, "unsupported transfer encoding"}
	}
	if h.transferEncodings == 1 {
		h.length = -1 // it overrides a Content-Length
	}
	return nil
}

// cutLine splits b after its first line, whose end ("\n" or "\r\n") is taken off.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, rest
}

func trimLeft(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

func trim(b []byte) []byte {
	b = trimLeft(b)
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// is compares without regard to ASCII case; lower is in lower case.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// hasToken says whether the comma-separated list b holds the token lower.
func hasToken(b []byte, lower string) bool {
	for len(b) > 0 {
		var one []byte
		one, b, _ = bytes.Cut(b, []byte{','})
		if is(trim(one), lower) {
			return true
		}
	}
	return false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlnum(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }

// isToken says whether b is a token of RFC 9110 §5.6.2: a method or the name of a field.
func isToken(b []byte) bool {
	for _, c := range b {
		if !isAlnum(c) && strings.IndexByte("-_!#$%&'*+.^`|~", c) < 0 {
			return false
		}
	}
	return len(b) > 0
}

// isPlainPath says whether target is an absolute path in which nothing is escaped, or needs to be.
func isPlainPath(target []byte) bool {
	if len(target) == 0 || target[0] != '/' || len(target) > 1 && target[1] == '/' {
		return false
	}
	for _, c := range target {
		if !isAlnum(c) && c != '/' && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// methodName is string(b), without an allocation for the methods that are used.
func methodName(b []byte) string {
	switch string(b) {
	case http.MethodGet:
		return http.MethodGet
	case http.MethodPost:
		return http.MethodPost
	}
	return string(b)
}

// errTruncated says that a request ended, or stopped making sense, before its body was complete.
var errTruncated = errors.New("HTTP request detected as truncated")

// errTooLarge says that a body is over its limit.
var errTooLarge = errors.New("request body over its limit")
