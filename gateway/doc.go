// Package gateway is API Gateway: it turns HTTP requests into the events of REST and HTTP APIs, has functions invoked, and turns their answers
// into HTTP responses.
//
// The way of one request:
//
//	Listener, conn      keep the request's head as it came, while net/http reads it   rawhead.go
//	Gateway.ServeHTTP   takes an exchange, the state of one request                   gateway.go, exchange.go
//	Gateway.locate      host, stage and path choose API, stage and route              gateway.go, api.go, router.go
//	exchange.preflight  answers for an HTTP API's CORS settings                       cors.go
//	exchange.integrate  answers by itself (mock), or goes on                          integration.go
//	requestHeaders      drops, renames and adds headers                               header.go
//	appendV1, appendV2  write the event into one buffer                               event.go
//	Invoker.Invoke      runs the function: a lambda.Service                           integration.go
//	restAnswer,         read the function's reply and say what it means               reply.go, answer.go
//	httpAnswer
//	exchange.send       writes the response; exchange.finish the access record        failure.go, exchange.go
//
// What AWS does is in spec/apigateway.md, named by section where the code follows it. What AWS leaves unsettled is decided in its §13 (U1 to U18).
// Bodies and headers of errors are in one table, failure.go; the lists of headers with a treatment of their own in another, header.go.
//
// A Gateway never changes; a reload makes another one and leaves the listener and its connections as they are.
package gateway
