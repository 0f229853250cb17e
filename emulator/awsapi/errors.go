package awsapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"example.com/emulate/emulator/lambda"
)

// Header names as AWS writes them. Clients ignore case; Go's own form of them would be X-Amzn-Requestid.
const (
	headerRequestID       = "x-amzn-RequestId"
	headerErrorType       = "x-amzn-ErrorType"
	headerRemappedLength  = "x-amzn-Remapped-Content-Length"
	headerTraceID         = "X-Amzn-Trace-Id"
	headerExecutedVersion = "X-Amz-Executed-Version"
	headerFunctionError   = "X-Amz-Function-Error"
	headerLogResult       = "X-Amz-Log-Result"
)

// errorBody is the JSON of an error. Which of the two members holds the message depends on the error's type (spec lambda.md §8.5).
type errorBody struct {
	Reason  string  `json:"Reason,omitempty"`
	Type    string  `json:"Type,omitempty"`
	Message *string `json:"Message,omitempty"`
	Lower   *string `json:"message,omitempty"`
}

// writeError answers with an error in Lambda's shape; requestID "" makes one.
func writeError(w http.ResponseWriter, err error, requestID string) {
	e := asError(err)
	body := errorBody{Reason: e.Reason, Type: e.Type, Lower: &e.Message}
	if e.BodyKey() == "Message" {
		body.Message, body.Lower = &e.Message, nil
	}
	w.Header()[headerErrorType] = []string{e.Name}
	writeJSON(w, e.Status, body, requestID)
}

// asError makes a *lambda.Error of whatever the Lambda service returned. One that it did not foresee is a fault of the service.
func asError(err error) *lambda.Error {
	var e *lambda.Error
	if errors.As(err, &e) {
		return e
	}
	return &lambda.Error{Status: http.StatusInternalServerError, Name: "ServiceException", Type: "Service", Message: err.Error(), Err: err}
}

// writeJSON answers with body as JSON; requestID "" makes one.
func writeJSON(w http.ResponseWriter, status int, body any, requestID string) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		panic(fmt.Sprintf("awsapi: encode %T: %v", body, err)) // a type of this package that JSON can't hold: a bug
	}
	writeBody(w, status, "application/json", bytes.TrimSuffix(b.Bytes(), []byte("\n")), requestID)
}

func writeBody(w http.ResponseWriter, status int, contentType string, body []byte, requestID string) {
	if requestID == "" {
		requestID = lambda.NewRequestID()
	}
	h := w.Header()
	h[headerRequestID] = []string{requestID}
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that has gone away needs no answer
}

func userError(status int, name, message string) *lambda.Error {
	return &lambda.Error{Status: status, Name: name, Type: "User", Message: message}
}

func accessDenied(message string) *lambda.Error {
	return userError(http.StatusForbidden, "AccessDeniedException", message)
}

func invalidParameter(message string) *lambda.Error {
	return userError(http.StatusBadRequest, "InvalidParameterValueException", message)
}

func invalidContent(message string) *lambda.Error {
	return userError(http.StatusBadRequest, "InvalidRequestContentException", message)
}

func notImplemented(message string) *lambda.Error {
	return userError(http.StatusNotImplemented, "NotImplementedException", message)
}
