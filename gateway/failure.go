package gateway

import (
	"net/http"
	"strconv"
)

// failure is an answer that the gateway gives by itself. Bodies are AWS's, to the byte (spec apigateway.md §5.4, §2.7).
type failure struct {
	status int
	body   string
	// errorType is the x-amzn-ErrorType of a REST API.
	errorType string
	// plain says that the answer comes from in front of the API: text, without request ids.
	plain bool
}

// failures are the failures of one kind of API.
type failures struct {
	notFound, bodyTooLarge, eventTooLarge, headersTooLarge failure
	// function is an error of the function or an answer that makes no sense, refused one of the Lambda service or a configuration that cannot
	// work, undecodable an answer whose base64 is wrong.
	function, refused, throttled, timeout, undecodable failure
}

// The limits of requests, in bytes (spec apigateway.md §1.10, §2.8).
const (
	maxBody   = 10485760
	maxEvent  = 6291556
	maxHeader = 10240
)

func restFailures() failures {
	internal := func(status int) failure {
		return failure{status: status, body: `{"message": "Internal server error"}`, errorType: "InternalServerErrorException"}
	}
	return failures{
		notFound:        failure{status: 403, body: `{"message":"Missing Authentication Token"}`, errorType: "MissingAuthenticationTokenException"},
		bodyTooLarge:    failure{status: 413, body: "HTTP content length exceeded 10485760 bytes.", plain: true},
		eventTooLarge:   failure{status: 413, body: `{"message": "Request Too Long"}`, errorType: "BadRequestException"},
		headersTooLarge: headersTooLarge(),
		function:        internal(502),
		refused:         internal(500),
		throttled:       internal(500),
		undecodable:     internal(500),
		timeout:         failure{status: 504, body: `{"message": "Endpoint request timed out"}`, errorType: "InternalServerErrorException"},
	}
}

func httpFailures() failures {
	internal := failure{status: 500, body: `{"message":"Internal Server Error"}`}
	unavailable := failure{status: 503, body: `{"message":"Service Unavailable"}`}
	tooLarge := failure{status: 413, body: `{"message":"Request Entity Too Large"}`}
	return failures{
		notFound:        failure{status: 404, body: `{"message":"Not Found"}`},
		bodyTooLarge:    tooLarge,
		eventTooLarge:   tooLarge,
		headersTooLarge: headersTooLarge(),
		function:        internal,
		refused:         internal,
		undecodable:     internal,
		throttled:       unavailable,
		timeout:         unavailable,
	}
}

// headersTooLarge is U8 of spec apigateway.md §13.
func headersTooLarge() failure {
	return failure{status: 431, body: "HTTP header is larger than 10240 bytes.", plain: true}
}

// fail answers with a failure; why is for the access record.
func (x *exchange) fail(f failure, why string) {
	x.why = why
	if f.plain {
		x.w.Header().Set("Content-Type", "text; charset=utf-8")
	} else {
		x.addIDs()
		x.w.Header()["Content-Type"] = x.single("application/json")
		if f.errorType != "" {
			x.w.Header()[errorTypeHeader] = x.single(f.errorType)
		}
	}
	x.addCORS()
	x.addEdge(f.status)
	x.send(f.status, []byte(f.body))
}

// explain answers with words for the developer that AWS would not say: a build that failed, a configuration that was let pass by --lenient.
func (x *exchange) explain(kind, words string) {
	x.why = kind + " failed"
	x.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	x.w.Header().Set("X-Emulate-Error", kind)
	x.addCORS()
	x.send(http.StatusBadGateway, []byte(words))
}

// addIDs adds the headers that name the request.
func (x *exchange) addIDs() {
	h := x.w.Header()
	if !x.api.rest {
		h[httpRequestIDHeader] = x.single(x.requestID)
		return
	}
	h[requestIDHeader] = x.single(x.requestID)
	h[extendedIDHeader] = x.single(x.extendedID)
}

// send writes status and body, with the length of the body also where none is sent (HEAD; spec apigateway.md §13, U11).
func (x *exchange) send(status int, body []byte) {
	x.status = status
	if status != http.StatusNoContent && status != http.StatusNotModified {
		x.w.Header()["Content-Length"] = x.single(strconv.Itoa(len(body)))
		x.w.WriteHeader(status)
		if x.r.Method != http.MethodHead {
			x.w.Write(body) // An error means that the client has gone.
		}
		return
	}
	x.w.WriteHeader(status)
}
