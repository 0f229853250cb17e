// Package awsapi is the one endpoint that AWS SDKs and the AWS CLI call. It serves Lambda's API; a request of any other service is answered with
// the variable that would send it elsewhere.
//
// The way of one request:
//
//	Guard            Host must be this machine's, Origin must not be another site's   guard.go
//	  ▼
//	handler.ServeHTTP
//	  ├─ POST /2015-03-31/functions/NAME/invocations ─▶ invoke: body ▶ checks ▶ Lambda.Invoke or Enqueue   invoke.go
//	  ├─ not a Lambda request (target, credential scope, protocol) ─▶ 501 in that service's own shape      service.go
//	  └─ router ─▶ the other operations that are served: functions.go, versions.go (aliases too), concurrency.go, update.go, async.go
//	            └▶ 501 with the operation's name for those that are not                                    operations.go
//
// Invoke is found by comparing the path's two ends, since mux costs some microseconds per request, and runs without regular expressions or
// reflection unless something is wrong. Its caller's going away ends nothing: on AWS an accepted invocation runs on.
//
// Checks are those of Lambda's model (names, qualifiers, enumerations; name.go, violations.go) and of its JSON parser (payload.go), worded as AWS
// words them. Signatures are not verified, and unsigned requests are served.
//
// An error of Lambda is JSON with its type in the header x-amzn-ErrorType. What is not emulated is HTTP 501 with the type NotImplementedException:
// SDKs know no such type, so that each shows code and message as it does for any service error, and none repeats a request on 501.
package awsapi
