package runtimeapi

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
)

const (
	textPlain       = "text/plain; charset=utf-8"
	applicationJSON = "application/json"
)

// statusOK is the body of every 202 (spec lambda.md §1.2).
const statusOK = `{"status":"OK"}` + "\n"

// accepted is the whole of the usual 202. It is never changed.
var accepted = []byte("HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + statusOK)

// apiError is an error answer of the Runtime API (spec lambda.md §1.4, §1.7).
type apiError struct {
	status             int
	errorType, message string
}

// The answers that do not depend on the state. Of InvalidInvocationId only the type is documented (spec lambda.md §1.3).
var (
	invalidRequestID    = apiError{http.StatusBadRequest, "InvalidRequestID", "Invalid request ID"}
	invalidInvocationID = apiError{http.StatusBadRequest, "InvalidInvocationId", "Invalid invocation ID"}
	invalidResponseMode = apiError{http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode"}
	truncatedRequest    = apiError{http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated"}
	entityTooLarge      = apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
		fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", MaxPayload)}
)

// invalidTransition refuses a call that the state does not allow.
func invalidTransition(from, to state) apiError {
	return apiError{http.StatusForbidden, "InvalidStateTransition",
		fmt.Sprintf("State transition from %s to %s failed for runtime. Error: State transition is not allowed", from, to)}
}

// body is the JSON of the error. No member needs to be escaped.
func (e apiError) body() string {
	return `{"errorMessage":"` + e.message + `","errorType":"` + e.errorType + `"}` + "\n"
}

// fail answers with e. The body of the request was read.
func (c *conn) fail(e apiError) bool {
	return c.reply(e.status, applicationJSON, e.body())
}

// refuseCall answers with e before the body of the request is read.
func (c *conn) refuseCall(e apiError) bool {
	return c.reject(e.status, applicationJSON, e.body())
}

// accept answers 202.
func (c *conn) accept() bool {
	if c.head.minor != 0 && !c.head.close {
		return c.send(accepted) == nil
	}
	return c.reply(http.StatusAccepted, applicationJSON, statusOK)
}

// reject answers a request whose body was not read. The body is read over first; where it is too long for that, or the client waits to be
// invited to send it, the connection ends.
func (c *conn) reject(status int, contentType, body string) bool {
	b := c.body()
	if c.head.expects && c.head.length != 0 || !b.discard(maxDiscard) {
		c.head.close = true
	}
	return c.reply(status, contentType, body)
}

// reply sends an answer with one write, and says whether the connection goes on.
func (c *conn) reply(status int, contentType, body string) bool {
	f := c.head.framing
	b := make([]byte, 0, 256+len(body))
	b = appendStatus(b, f, status)
	if c.head.allow != "" {
		b = appendField(b, "Allow", c.head.allow)
	}
	if contentType != "" {
		b = appendField(b, "Content-Type", contentType)
	}
	if contentType == textPlain {
		b = appendField(b, "X-Content-Type-Options", "nosniff")
	}
	b = appendLength(b, len(body))
	if c.head.method != http.MethodHead {
		b = append(b, body...)
	}
	return c.send(b) == nil && !f.close
}

// appendStatus begins an answer.
func appendStatus(b []byte, f framing, status int) []byte {
	b = append(b, "HTTP/1.1 "...)
	if f.minor == 0 {
		b[len(b)-2] = '0'
	}
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	b = append(b, "\r\n"...)
	switch {
	case f.close:
		b = appendField(b, "Connection", "close")
	case f.minor == 0:
		b = appendField(b, "Connection", "keep-alive")
	}
	return b
}

// appendField adds a field. A line end in a value becomes a space, as with net/http: client contexts are JSON of the caller's making.
func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	start := len(b)
	b = append(b, value...)
	for i := start; i < len(b); i++ {
		if b[i] == '\r' || b[i] == '\n' {
			b[i] = ' '
		}
	}
	return append(b, "\r\n"...)
}

// appendLength ends the head of an answer.
func appendLength(b []byte, n int) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, "\r\n\r\n"...)
}

// appendEvent adds the head of the answer to GET next (spec lambda.md §1.3): fields without a value are left out.
func appendEvent(b []byte, f framing, e *Event) []byte {
	b = appendStatus(b, f, http.StatusOK)
	contentType := e.ContentType
	if contentType == "" {
		contentType = applicationJSON
	}
	b = appendField(b, "Content-Type", contentType)
	b = appendGiven(b, "Lambda-Runtime-Aws-Request-Id", e.RequestID)
	if !e.Deadline.IsZero() {
		b = append(b, "Lambda-Runtime-Deadline-Ms: "...)
		b = strconv.AppendInt(b, e.Deadline.UnixMilli(), 10)
		b = append(b, "\r\n"...)
	}
	b = appendGiven(b, "Lambda-Runtime-Invoked-Function-Arn", e.InvokedFunctionARN)
	b = appendGiven(b, "Lambda-Runtime-Trace-Id", e.TraceID)
	b = appendGiven(b, "Lambda-Runtime-Client-Context", e.ClientContext)
	b = appendGiven(b, "Lambda-Runtime-Cognito-Identity", e.CognitoIdentity)
	b = appendGiven(b, "Lambda-Runtime-Aws-Tenant-Id", e.TenantID)
	b = appendGiven(b, "Lambda-Runtime-Invocation-Id", e.InvocationID)
	return appendLength(b, len(e.Payload))
}

func appendGiven(b []byte, name, value string) []byte {
	if value = strings.TrimSpace(value); value == "" {
		return b
	}
	return appendField(b, name, value)
}

// oneBuffer is the payload up to which copying it behind the head is cheaper than writing the two with writev.
const oneBuffer = 16 << 10

// writeEvent sends e as the answer to GET next, with one write.
func (s *Server) writeEvent(nc net.Conn, f framing, e *Event) (int64, error) {
	p := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(p)
	*p = appendEvent((*p)[:0], f, e)
	if len(e.Payload) <= oneBuffer {
		*p = append(*p, e.Payload...)
		n, err := nc.Write(*p)
		return int64(n), err
	}
	both := net.Buffers{*p, e.Payload}
	return both.WriteTo(nc)
}
