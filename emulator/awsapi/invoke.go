package awsapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"example.com/emulate/emulator/lambda"
)

const (
	// maxSyncPayload and maxAsyncPayload are the limits of a request's body in bytes (spec lambda.md §8.2).
	maxSyncPayload  = 6 << 20
	maxAsyncPayload = 1 << 20
	// maxClientContext is the limit of the header, in base64 characters.
	maxClientContext = 3583
	// maxLogResult is how much of an invocation's log a reply carries, in bytes before base64.
	maxLogResult = 4096
	// maxDrained is how much of a body that is too large is still read, so that its sender reads the answer instead of a broken connection.
	maxDrained = 64 << 20
)

const (
	requestResponse = "RequestResponse"
	event           = "Event"
	dryRun          = "DryRun"
)

// emptyPayload is what a function gets where the request has no body.
var emptyPayload = []byte("{}")

// invoke is the operation Invoke (spec lambda.md §8.2).
func (h *handler) invoke(w http.ResponseWriter, r *http.Request, rawName string) {
	kind := header(r, "X-Amz-Invocation-Type")
	if kind == "" {
		kind = requestResponse
	}
	payload, err := readPayload(r, kind)
	if err != nil {
		writeError(w, err, "")
		return
	}
	inv, err := h.invocation(r, rawName, kind)
	if err == nil {
		inv.Payload = payload
		err = checkPayload(payload)
	}
	if err != nil {
		writeError(w, err, "")
		return
	}
	h.run(w, inv, kind)
}

// run hands the invocation to the service and answers with what became of it.
func (h *handler) run(w http.ResponseWriter, inv *lambda.Invocation, kind string) {
	var err error
	switch kind {
	case event:
		err = h.Lambda.Enqueue(inv)
	case dryRun:
		err = h.exists(inv)
	default:
		var res *lambda.Result
		if res, err = h.Lambda.Invoke(context.Background(), inv); err == nil {
			writeResult(w, inv, res)
			return
		}
	}
	if inv.RequestID == "" {
		inv.RequestID = lambda.NewRequestID()
	}
	if err != nil {
		writeError(w, err, inv.RequestID)
		return
	}
	head := w.Header()
	head[headerRequestID] = []string{inv.RequestID}
	head[headerTraceID] = []string{inv.Trace}
	if kind == dryRun {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	head["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusAccepted)
}

// exists is all that DryRun asks. Invoke's error for a missing function names $LATEST where no qualifier was given, Describe's does not.
func (h *handler) exists(inv *lambda.Invocation) error {
	qualifier := inv.Qualifier
	if qualifier == "" {
		qualifier = "$LATEST"
	}
	_, err := h.Lambda.Describe(inv.Function, qualifier)
	return err
}

// invocation checks everything of the request but its body.
func (h *handler) invocation(r *http.Request, rawName, kind string) (*lambda.Invocation, error) {
	var v violations
	name, hasQualifier := newNameCheck(&v, rawName, r.URL.RawQuery)
	if kind != requestResponse {
		v.enum("invocationType", kind, event, requestResponse, dryRun)
	}
	logType := header(r, "X-Amz-Log-Type")
	if logType != "" {
		v.enum("logType", logType, "None", "Tail")
	}
	if hasQualifier {
		checkQualifier(&v, name.asked)
	}
	tenant := header(r, "X-Amz-Tenant-Id")
	if tenant != "" {
		v.length("tenantId", tenant, maxTenantLength)
		v.pattern("tenantId", tenant, tenantPattern, isTenant(tenant))
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	if header(r, "X-Amz-Durable-Execution-Name") != "" {
		return nil, notImplemented("emulate does not emulate durable executions yet (header X-Amz-Durable-Execution-Name)")
	}
	function, qualifier, err := h.resolve(name, "lambda:InvokeFunction")
	if err != nil {
		return nil, err
	}
	inv := &lambda.Invocation{Function: function, Qualifier: qualifier, TenantID: tenant, Tail: logType == "Tail" && kind == requestResponse,
		Trace: traceHeader(header(r, "X-Amzn-Trace-Id"))}
	if inv.RequestID = header(r, "X-Amzn-Requestid"); inv.RequestID != "" && !isUUID(inv.RequestID) {
		return nil, invalidContent("The header x-amzn-RequestId must be a UUID.")
	}
	if c := header(r, "X-Amz-Client-Context"); c != "" && kind == requestResponse {
		inv.ClientContext, err = clientContext(c)
	}
	return inv, err
}

// writeResult answers a synchronous invocation. It sets the header's map by hand, names as AWS writes them, with one allocation for all values.
func writeResult(w http.ResponseWriter, inv *lambda.Invocation, res *lambda.Result) {
	head := w.Header()
	v := [...]string{"application/json", strconv.Itoa(len(res.Payload)), inv.RequestID, "0", res.ExecutedVersion, inv.Trace}
	values := v[:]
	head["Content-Type"] = values[0:1:1]
	head["Content-Length"] = values[1:2:2]
	head[headerRequestID] = values[2:3:3]
	head[headerRemappedLength] = values[3:4:4]
	head[headerExecutedVersion] = values[4:5:5]
	head[headerTraceID] = values[5:6:6]
	if res.FunctionError != "" {
		head[headerFunctionError] = []string{res.FunctionError}
	}
	if inv.Tail {
		log := res.LogTail
		log = log[max(0, len(log)-maxLogResult):]
		head[headerLogResult] = []string{base64.StdEncoding.EncodeToString(log)}
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(res.Payload) // a caller that has gone away needs no answer
}

// invokeAsync is the deprecated operation InvokeAsync: an Event invocation with an answer of its own.
func (h *handler) invokeAsync(w http.ResponseWriter, r *http.Request, rawName string) {
	payload, err := readPayload(r, event)
	if err != nil {
		writeError(w, err, "")
		return
	}
	inv, err := h.invocation(r, rawName, event)
	if err == nil {
		err = checkPayload(payload)
	}
	if err == nil {
		inv.Payload = payload
		err = h.Lambda.Enqueue(inv)
	}
	if err != nil {
		writeError(w, err, "")
		return
	}
	writeJSON(w, http.StatusAccepted, struct{ Status int }{http.StatusAccepted}, inv.RequestID)
}

// readPayload reads the request's body whole, into one buffer where its length is known.
func readPayload(r *http.Request, kind string) ([]byte, error) {
	limit := maxSyncPayload
	if kind == event {
		limit = maxAsyncPayload
	}
	switch n := r.ContentLength; {
	case n == 0:
		return emptyPayload, nil
	case n > int64(limit):
		if header(r, "Expect") == "" { // a sender that waits for leave to go on has sent nothing yet
			_, _ = io.CopyN(io.Discard, r.Body, maxDrained)
		}
		return nil, tooLarge(kind, n)
	case n > 0:
		b := make([]byte, n)
		if _, err := io.ReadFull(r.Body, b); err != nil {
			return nil, unreadable(err)
		}
		return b, nil
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(b) > limit:
		rest, _ := io.CopyN(io.Discard, r.Body, maxDrained)
		return nil, tooLarge(kind, int64(len(b))+rest)
	case len(b) == 0:
		return emptyPayload, nil
	}
	return b, nil
}

func unreadable(err error) error {
	e := invalidContent("Could not read the request body: " + err.Error())
	e.Err = err
	return e
}

// tooLarge is the answer to a body above the limit. The text for Event is the one seen while the limit was 256 KB; which of the two types AWS
// uses for the limit of 1 MB is not known (spec lambda.md §8.2).
func tooLarge(kind string, size int64) error {
	if kind == event {
		return userError(http.StatusRequestEntityTooLarge, "SerializedRequestEntityTooLargeException",
			fmt.Sprintf("%d byte payload is too large for the Event invocation type (limit %d bytes)", size, maxAsyncPayload))
	}
	return userError(http.StatusRequestEntityTooLarge, "RequestTooLargeException",
		fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", maxSyncPayload))
}

var errNotObject = errors.New("not a JSON object")

// clientContext decodes the header X-Amz-Client-Context: the base64 of a JSON object.
func clientContext(encoded string) (string, error) {
	if len(encoded) > maxClientContext {
		return "", invalidContent(fmt.Sprintf("The header X-Amz-Client-Context must not be longer than %d bytes.", maxClientContext))
	}
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err == nil && (!json.Valid(b) || !bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{"))) {
		err = errNotObject
	}
	if err != nil {
		e := invalidContent("Client context must be a valid Base64-encoded JSON object.")
		e.Err = err
		return "", e
	}
	return string(b), nil
}
