package gateway

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/config"
)

// Every key path that stands in all recorded events of a kind is in ours.
func TestShapes(t *testing.T) {
	const rest = `body headers httpMethod path pathParameters queryStringParameters requestContext.accountId requestContext.apiId requestContext.httpMethod
		requestContext.identity.accountId requestContext.identity.caller requestContext.identity.cognitoAuthenticationProvider
		requestContext.identity.cognitoAuthenticationType requestContext.identity.cognitoIdentityId requestContext.identity.cognitoIdentityPoolId
		requestContext.identity.sourceIp requestContext.identity.user requestContext.identity.userAgent requestContext.identity.userArn
		requestContext.requestId requestContext.resourceId requestContext.resourcePath requestContext.stage resource stageVariables`
	const v1 = `body headers httpMethod isBase64Encoded multiValueHeaders multiValueQueryStringParameters path pathParameters queryStringParameters
		requestContext.accountId requestContext.apiId requestContext.domainName requestContext.extendedRequestId requestContext.httpMethod
		requestContext.identity.accountId requestContext.identity.caller requestContext.identity.cognitoAuthenticationProvider
		requestContext.identity.cognitoAuthenticationType requestContext.identity.cognitoIdentityPoolId requestContext.identity.sourceIp
		requestContext.identity.user requestContext.identity.userAgent requestContext.identity.userArn requestContext.path requestContext.protocol
		requestContext.requestId requestContext.requestTime requestContext.requestTimeEpoch requestContext.resourceId requestContext.resourcePath
		requestContext.stage resource stageVariables version`
	const v2 = `headers isBase64Encoded rawPath rawQueryString requestContext.accountId requestContext.apiId requestContext.domainName
		requestContext.domainPrefix requestContext.http.method requestContext.http.path requestContext.http.protocol requestContext.http.sourceIp
		requestContext.http.userAgent requestContext.requestId requestContext.routeKey requestContext.stage requestContext.time
		requestContext.timeEpoch routeKey version`
	for _, test := range []struct {
		api   *config.API
		paths string
	}{{restAPI("GET /x"), rest}, {httpAPI("1.0", "GET /x"), v1}, {httpAPI("2.0", "GET /x"), v2}} {
		inv := replying(`{"statusCode":200}`)
		s := newServer(t, Options{APIs: apis(test.api), Invoker: inv})
		s.do(t, "GET /x")
		e := event(t, inv.last(t))
		for path := range strings.FieldsSeq(test.paths) {
			if at(e, path) == "(absent)" {
				t.Errorf("%s %s: no %s", test.api.Kind, test.api.Routes[0].Integration.PayloadFormat, path)
			}
		}
	}
}

// What AWS lets through of a request with every header that HTTP knows, recorded from a REST API with AWS_PROXY.
func TestRecordedHeaders(t *testing.T) {
	inv := replying(`{"statusCode":200,"body":"{}"}`)
	c := restAPI("GET /full")
	c.Routes[0].Integration.RequestParameters = map[string]string{"integration.request.header.Accept": "'x'", "integration.request.header.Via": "'y'"}
	s := newServer(t, Options{APIs: apis(c), Invoker: inv})
	answer := s.raw(t, strings.ReplaceAll(`GET /dev/full HTTP/1.1
Host: abcdefghij.execute-api.localhost:3000
Accept: application/json
Accept-Charset: UTF-8
Accept-Encoding: br
Age: request_Age
Authorization: Unauthorized
Connection: close
Content-Encoding: deflate
Content-MD5: request_Content-MD5
Content-Type: application/json
Date: request_Date
Expect: 100-continue
Max-Forwards: 2
Pragma: cache
Proxy-Authenticate: Basic
Range: bytes=500-999
Referer: https://example.com/
Server: https://example.com/
TE: deflate
Trailer: Expires
Transfer-Encoding: chunked
Upgrade: HTTP/2.0
User-Agent: localStack/0.0
Via: p.example.net
Warn: 299 localStack/0.0
WWW-Authenticate: Basic YWxhZGRpbjpvcGVuc2VzYW1l

0

`, "\n", "\r\n"))
	if !strings.Contains(answer, "HTTP/1.1 200 OK\r\n") {
		t.Fatalf("%q", answer)
	}
	want := map[string]any{"Accept": "application/json", "Accept-Charset": "UTF-8", "Accept-Encoding": "br", "Age": "request_Age",
		"Authorization": "Unauthorized", "Content-Encoding": "deflate", "Content-Type": "application/json", "Date": "request_Date",
		"Host": "abcdefghij.execute-api.localhost:3000", "Pragma": "cache", "Range": "bytes=500-999", "Referer": "https://example.com/",
		"User-Agent": "localStack/0.0", "Via": "p.example.net", "Warn": "299 localStack/0.0", "X-Amzn-Trace-Id": "*", "X-Forwarded-For": "*",
		"X-Forwarded-Port": "*", "X-Forwarded-Proto": "*"}
	if diff := cmp.Diff(any(want), wild(want, at(event(t, inv.last(t)), "headers"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What AWS answers in X-Amzn-Trace-Id to a trace that the client began, recorded from REST APIs.
func TestRecordedTrace(t *testing.T) {
	const root = "Root=1-3152b799-8954dae64eda91bc9a23a7e8"
	s := newServer(t, Options{APIs: apis(restAPI("ANY /{proxy+}")), Invoker: replying(`{}`)})
	r, _ := s.do(t, "GET /dev/x\nx-amzn-trace-id: "+root+";Parent=7fa8c0f79203be72;Sampled=1")
	if got := r.Header.Get("X-Amzn-Trace-Id"); !strings.Contains(got, root+";Parent=7fa8c0f79203be72;Sampled=1") {
		t.Errorf("a whole trace became %s", got)
	}
	r, _ = s.do(t, "GET /dev/x\nx-amzn-trace-id: "+root)
	got := r.Header.Get("X-Amzn-Trace-Id")
	parent, ok := strings.CutPrefix(got, root+";Parent=")
	if !ok || len(parent) < 16 || strings.Trim(parent[:16], "0123456789abcdef") != "" || !strings.HasPrefix(parent[16:], ";Sampled=0;Lineage=1:") {
		t.Errorf("a root became %s", got)
	}
}
