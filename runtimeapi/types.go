package runtimeapi

import "time"

// Event is one invocation as the runtime receives it from GET next (spec lambda.md §1.3). A header is sent only where its value is not empty.
type Event struct {
	RequestID          string
	Deadline           time.Time
	InvokedFunctionARN string
	TraceID            string
	// ClientContext is the decoded JSON text; CognitoIdentity its JSON.
	ClientContext, CognitoIdentity string
	TenantID                       string
	// InvocationID is unique per attempt, where RequestID stays the same over retries.
	InvocationID string
	// ContentType of Payload; "" means application/json.
	ContentType string
	// Payload is handed over byte for byte. The server does not change it, and keeps it until the runtime has answered.
	Payload []byte
}

// Response is what a runtime posted to /response or /error.
type Response struct {
	// Payload is the body. It belongs to the receiver.
	Payload     []byte
	ContentType string
	// Error says that it came by /error (or ended with the error trailers of a stream); ErrorType is the sanitised
	// Lambda-Runtime-Function-Error-Type: kept where it matches (Runtime|Function)\.[A-Z][a-zA-Z]+, else Function.Unknown or Runtime.Unknown.
	Error     bool
	ErrorType string
	// TooLarge says that the body was over MaxPayload; Payload is nil then, and the runtime was answered 413.
	TooLarge bool
	// InvalidMode says that Lambda-Runtime-Function-Response-Mode had a value other than streaming; the runtime was answered 400.
	InvalidMode bool
	// Streamed says that the runtime chose the streaming mode.
	Streamed bool
	// Truncated says that the connection ended, or stopped making sense, before the body was complete; Payload is nil then, Error is set and
	// ErrorType is Runtime.TruncatedResponse (spec lambda.md §1.5). A runtime that dies while it answers does this too, just before its
	// process is seen to exit.
	Truncated bool
}

// MaxPayload is the size limit of a runtime's answer in bytes: 6 MiB + 100 (spec lambda.md §1.4).
const MaxPayload = 6*1024*1024 + 100

// Owner is the execution environment that a Server belongs to. Its methods are called from the goroutine of the connection on which the runtime
// spoke, with no lock of the Server held; they must not block for long. They may call Deliver and Expire, but not Reset and Close, which wait for
// them to return.
type Owner interface {
	// Polled says that the runtime asked for its next event; free is the number of polls that wait for one now. The first Polled after Start or
	// Reset ends INIT. Deliver may be called from inside it.
	Polled(free int)
	// Responded brings the answer to the invocation requestID. It is called before the runtime gets its 202 (or 413 or 400).
	Responded(requestID string, r Response)
	// InitFailed brings the body and type of a POST to init/error.
	InitFailed(r Response)
	// Abandoned says that the connection of a waiting poll was closed by the runtime; free is what is left. A runtime that dies does this too.
	Abandoned(free int)
}
