package lambda

import "fmt"

// Error is an answer of the Lambda service that is not the function's: what AWS's API says with a status other than 200. Its members are those of
// AWS's error bodies.
type Error struct {
	// Status is the HTTP status, Name the exception's name (ResourceNotFoundException).
	Status int
	Name   string
	// Message as AWS words it.
	Message string
	// Type is the body's "User" or "Service"; "" where AWS sends none.
	Type string
	// Reason of a TooManyRequestsException.
	Reason string
	// Err is the cause on this machine, for logs; never shown as AWS's words.
	Err error
}

func (e *Error) Error() string {
	if e.Reason != "" {
		return fmt.Sprintf("%s: %s (%s)", e.Name, e.Message, e.Reason)
	}
	return e.Name + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// BodyKey is the name of the message's member in the JSON body: ResourceNotFoundException and faults use "Message", the others "message"
// (spec lambda.md §8.5); so does SerializationException (public reports).
func (e *Error) BodyKey() string {
	if e.Name == "ResourceNotFoundException" || e.Name == "SerializationException" || e.Status >= 500 {
		return "Message"
	}
	return "message"
}
