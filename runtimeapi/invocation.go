package runtimeapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// errorCauseType marks an error body that also carries what X-Ray shows of it (spec lambda.md §1.6).
const errorCauseType = "application/vnd.aws.lambda.error.cause+json"

// invalidErrorBody takes the place of an error body that cannot be read.
const invalidErrorBody = `"Invalid error body"`

// ping answers GET ping.
func (c *conn) ping([]byte) bool { return c.reject(http.StatusOK, textPlain, "pong") }

// next answers GET invocation/next: it puts the connection on the list of those that wait, or gives the event of the running invocation again.
func (c *conn) next([]byte) bool {
	b := c.body()
	if !b.discard(maxDiscard) {
		c.head.close = true
		return false
	}
	again, err := c.s.poll(c)
	switch {
	case err != nil:
		return c.fail(*err)
	case again != nil:
		c.wmu.Lock()
		defer c.wmu.Unlock()
		_, err := c.s.writeEvent(c.nc, c.head.framing, again)
		return err == nil && !c.head.close
	}
	return true
}

// response answers POST invocation/{id}/response.
func (c *conn) response(id []byte) bool {
	a, refusal := c.s.beginAnswer(c, id, stateInvocationResponse)
	if refusal != nil {
		return c.refuseCall(*refusal)
	}
	r := Response{ContentType: c.keepContentType(), Streamed: string(c.head.responseMode) == "streaming"}
	if len(c.head.responseMode) > 0 && !r.Streamed {
		r.InvalidMode = true
		if refusal := c.s.endAnswer(c, a, r); refusal != nil {
			return c.refuseCall(*refusal)
		}
		return c.refuseCall(invalidResponseMode)
	}
	b := c.body()
	var err error
	if r.Payload, err = b.readAll(MaxPayload); err == nil && b.failed {
		r.failStream(&b)
	}
	return c.conclude(a, r, &b, err)
}

// invocationError answers POST invocation/{id}/error.
func (c *conn) invocationError(id []byte) bool {
	a, refusal := c.s.beginAnswer(c, id, stateInvocationErrorResponse)
	if refusal != nil {
		return c.refuseCall(*refusal)
	}
	r, b, err := c.readError()
	return c.conclude(a, r, b, err)
}

// initError answers POST init/error.
func (c *conn) initError([]byte) bool {
	a, refusal := c.s.beginInitError(c)
	if refusal != nil {
		return c.refuseCall(*refusal)
	}
	r, b, err := c.readError()
	return c.conclude(a, r, b, err)
}

// readError reads what /error and init/error have in common: the type in a header, the error as the body.
func (c *conn) readError() (Response, *body, error) {
	r := Response{Error: true, ErrorType: sanitiseErrorType(string(c.head.errorType)), ContentType: c.keepContentType()}
	b := c.body()
	var err error
	if r.Payload, err = b.readAll(MaxPayload); err == nil && r.ContentType == errorCauseType {
		r.dropCause()
	}
	return r, &b, err
}

// conclude hands r to the owner, then answers the runtime. err is what befell the body.
func (c *conn) conclude(a answer, r Response, b *body, err error) bool {
	switch err {
	case errTooLarge:
		r.Payload, r.TooLarge = nil, true
	case errTruncated:
		c.head.close = true
		r.Payload, r.Truncated, r.Error, r.ErrorType = nil, true, true, truncatedResponse
	}
	refusal := c.s.endAnswer(c, a, r)
	if err == errTooLarge && !b.discard(maxOversize) {
		c.head.close = true
	}
	switch {
	case refusal != nil:
		return c.fail(*refusal)
	case err == errTooLarge:
		return c.fail(entityTooLarge)
	case err == errTruncated:
		return c.fail(truncatedRequest)
	}
	return c.accept()
}

// truncatedResponse is Lambda's type for an answer that broke off (spec lambda.md §1.5).
const truncatedResponse = "Runtime.TruncatedResponse"

// keepContentType is the request's content type as a string. A runtime sends the same one again and again.
func (c *conn) keepContentType() string {
	if string(c.head.contentType) != c.contentType {
		c.contentType = string(c.head.contentType)
	}
	return c.contentType
}

// failStream makes r the error that the trailers of a stream tell: they supersede what was sent before (spec lambda.md §1.5).
func (r *Response) failStream(b *body) {
	r.Error, r.ErrorType, r.ContentType = true, sanitiseErrorType(string(b.errorType)), applicationJSON
	text, err := base64.StdEncoding.AppendDecode(nil, bytes.TrimSpace(b.errorBody))
	if err != nil {
		text = []byte(invalidErrorBody)
	}
	r.Payload = text
}

// dropCause leaves of an error body with a cause only what the caller is to see.
func (r *Response) dropCause() {
	var shown struct {
		ErrorMessage string   `json:"errorMessage"`
		ErrorType    string   `json:"errorType"`
		StackTrace   []string `json:"stackTrace,omitempty"`
	}
	if err := json.Unmarshal(r.Payload, &shown); err != nil {
		r.Payload, r.ContentType = []byte(invalidErrorBody), "application/octet-stream"
		return
	}
	text, err := json.Marshal(shown)
	if err != nil {
		text = []byte(invalidErrorBody)
	}
	r.Payload, r.ContentType = text, applicationJSON
}

// errorTypePattern is not anchored, on AWS's side neither (spec lambda.md §1.6).
var errorTypePattern = regexp.MustCompile(`(Runtime|Function)\.[A-Z][a-zA-Z]+`)

func sanitiseErrorType(t string) string {
	switch {
	case errorTypePattern.MatchString(t):
		return t
	case strings.HasPrefix(t, "Function."):
		return "Function.Unknown"
	}
	return "Runtime.Unknown"
}
