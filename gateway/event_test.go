package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
)

// serveRaw serves one request from its bytes without a network, with its head kept.
func serveRaw(g *Gateway, text []byte) (*httptest.ResponseRecorder, error) {
	c := &conn{}
	feed(c, text)
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
	if err != nil {
		return nil, err
	}
	r.RemoteAddr = "192.0.2.7:4711"
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r.WithContext(ConnContext(context.Background(), c)))
	return w, nil
}

// message is a request as a test draws it.
type message struct {
	verb, path, query string
	headers           []header
	body              []byte
}

func (m *message) bytes() []byte {
	var b bytes.Buffer
	target := m.path
	if m.query != "" {
		target += "?" + m.query
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", m.verb, target)
	for _, h := range m.headers {
		b.WriteString(h.name + ": " + h.value + "\r\n")
	}
	if len(m.body) > 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(m.body))
	}
	b.WriteString("\r\n")
	b.Write(m.body)
	return b.Bytes()
}

func drawMessage(t *rapid.T) *message {
	piece := rapid.SampledFrom([]string{"a", "B", "1", "%20", "%2F", "%C3%A9", "%ff", "+", "~", "@", ".", "%2B", "%00", "%22"})
	text := func(t *rapid.T, name string, low, high int) string {
		return strings.Join(rapid.SliceOfN(piece, low, high).Draw(t, name), "")
	}
	m := &message{verb: rapid.SampledFrom([]string{"GET", "POST", "PUT", "DELETE"}).Draw(t, "verb")}
	for range rapid.IntRange(1, 3).Draw(t, "segments") {
		m.path += rapid.SampledFrom([]string{"/", "/", "/", "//"}).Draw(t, "slash") + text(t, "segment", 1, 4)
	}
	m.path += rapid.SampledFrom([]string{"", "", "/"}).Draw(t, "end")
	for i := range rapid.IntRange(0, 4).Draw(t, "parameters") {
		if i > 0 {
			m.query += "&"
		}
		m.query += rapid.SampledFrom([]string{"k", "K", "a[]", "%C3%A9"}).Draw(t, "key") +
			rapid.SampledFrom([]string{"=", "=", ""}).Draw(t, "sign") + text(t, "value", 0, 3)
	}
	names := rapid.SampledFrom([]string{"x-A", "X-a", "Accept", "cookie", "Cookie", "X-Forwarded-For", "x-forwarded-proto", "user-Agent", "TE",
		"connection", "Content-MD5", "authorization", "x-amzn-trace-id", "Keep-Alive"})
	values := rapid.SampledFrom([]string{"", "v", "a, b", "a=1; b=\"2\"", "\xe9\xff", "Root=1-5e1b4151-5ac6c58f5b5dbf0a3bd0f0a1", "AWS4-HMAC-SHA256 C=x",
		"tab\there", "close"})
	host := rapid.SampledFrom([]string{"api.test:3000", "localhost:3000", "127.0.0.1:1", "abcdefghij.execute-api.localhost", "[::1]:3000"})
	m.headers = append(m.headers, header{"hOST", host.Draw(t, "host")})
	for range rapid.IntRange(0, 6).Draw(t, "headers") {
		m.headers = append(m.headers, header{names.Draw(t, "name"), values.Draw(t, "header")})
	}
	if kind := rapid.SampledFrom([]string{"", "application/json", "text/html; charset=ISO-8859-1", "Text/plain;charset=UTF-8", "image/png",
		"application/x-www-form-urlencoded"}).Draw(t, "type"); kind != "" {
		m.headers = append(m.headers, header{"content-Type", kind})
	}
	m.body = rapid.SliceOfN(rapid.SampledFrom([]byte("a\"\\\n\x00\x7fé\xff<")), 0, 12).Draw(t, "body")
	return m
}

// latin1 reads bytes as characters of Latin-1.
func latin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// valid replaces what is not UTF-8.
func valid(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}

// slowHeaders is the reference for the headers of an event: names in order of first appearance, each with its values. Kinds: rest, v1, v2.
func slowHeaders(m *message, kind string) (order []string, values map[string][]string) {
	drop := map[string][]string{
		"rest": {"connection", "te", "content-md5", "content-length"},
		"v1":   {"connection", "te", "keep-alive"},
		"v2":   {"connection", "te", "keep-alive"},
	}[kind]
	proper := map[string]string{"host": "Host", "user-agent": "User-Agent"}
	if kind != "rest" {
		proper["content-length"] = "Content-Length"
	}
	list := slices.Clone(m.headers)
	if len(m.body) > 0 || kind != "rest" {
		list = append(list, header{"Content-Length", fmt.Sprint(len(m.body))})
	}
	values = map[string][]string{}
	spelt := map[string]string{}
	var hops []string
	for _, h := range list {
		low := strings.ToLower(h.name)
		switch {
		case low == "x-forwarded-for":
			if h.value != "" {
				hops = append(hops, h.value)
			}
			continue
		case slices.Contains(drop, low), low == "x-forwarded-proto", low == "x-amzn-trace-id",
			kind == "rest" && low == "authorization" && strings.HasPrefix(h.value, "AWS4-HMAC-SHA256 "):
			continue
		}
		if spelt[low] == "" {
			spelt[low] = h.name
			if p := proper[low]; p != "" {
				spelt[low] = p
			}
			order = append(order, spelt[low])
		}
		values[spelt[low]] = append(values[spelt[low]], latin1(h.value))
	}
	for _, own := range []header{{"X-Amzn-Trace-Id", "*"}, {"X-Forwarded-For", latin1(strings.Join(append(hops, "192.0.2.7"), ", "))},
		{"X-Forwarded-Port", "3000"}, {"X-Forwarded-Proto", "http"}} {
		order = append(order, own.name)
		values[own.name] = []string{own.value}
	}
	return order, values
}

func slowQuery(m *message) map[string][]string {
	values := map[string][]string{}
	for _, p := range strings.Split(m.query, "&") {
		if p == "" {
			continue
		}
		k, v, _ := strings.Cut(p, "=")
		key, err := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if err != nil || err2 != nil {
			panic(p)
		}
		values[valid(key)] = append(values[valid(key)], valid(value))
	}
	return values
}

func last(m map[string][]string) any {
	if len(m) == 0 {
		return nil
	}
	out := map[string]any{}
	for k, v := range m {
		out[k] = v[len(v)-1]
	}
	return out
}

func lists(m map[string][]string) any {
	if len(m) == 0 {
		return nil
	}
	out := map[string]any{}
	for k, v := range m {
		list := []any{}
		for _, s := range v {
			list = append(list, s)
		}
		out[k] = list
	}
	return out
}

func joined(m map[string][]string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = strings.Join(v, ",")
	}
	return out
}

// slowBody is the reference for body and isBase64Encoded.
func slowBody(m *message, rest bool) (body any, encoded bool) {
	if len(m.body) == 0 {
		return nil, false
	}
	kind := ""
	for _, h := range m.headers {
		if h.name == "content-Type" {
			kind = strings.ToLower(h.value)
		}
	}
	if rest {
		encoded = kind == "image/png"
	} else {
		encoded = kind != "application/json" && kind != "text/plain;charset=utf-8"
	}
	if encoded {
		return base64.StdEncoding.EncodeToString(m.body), true
	}
	return valid(string(m.body)), false
}

// slowEvent is the reference: the event of the route ANY /{proxy+}, built from maps. Ids and times are "*".
func slowEvent(m *message, kind string) map[string]any {
	order, values := slowHeaders(m, kind)
	host := m.headers[0].value
	prefix, _, _ := strings.Cut(host, ".")
	switch host {
	case "localhost:3000":
		prefix = "localhost"
	case "127.0.0.1:1", "[::1]:3000":
		prefix = "abcdefghij"
	}
	agent := ""
	for _, h := range m.headers {
		if strings.EqualFold(h.name, "User-Agent") {
			agent = latin1(h.value)
			break
		}
	}
	if kind == "v2" {
		return slowV2(m, order, values, host, prefix, agent)
	}
	path, contextPath := "/"+strings.TrimLeft(m.path, "/"), "/dev/"+strings.TrimLeft(m.path, "/")
	proxy := strings.Trim(m.path, "/")
	body, encoded := slowBody(m, kind == "rest")
	identity := map[string]any{"sourceIp": "192.0.2.7", "userAgent": nil}
	if agent != "" {
		identity["userAgent"] = agent
	}
	for _, k := range []string{"accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType", "cognitoIdentityId",
		"cognitoIdentityPoolId", "principalOrgId", "user", "userArn"} {
		identity[k] = nil
	}
	rc := map[string]any{"accountId": "123456789012", "apiId": "abcdefghij", "deploymentId": "*", "domainName": host, "domainPrefix": prefix,
		"extendedRequestId": "*", "httpMethod": m.verb, "identity": identity, "protocol": "HTTP/1.1", "requestId": "*", "requestTime": "*",
		"requestTimeEpoch": "*", "resourceId": "*", "resourcePath": "/{proxy+}", "stage": "dev"}
	e := map[string]any{"resource": "/{proxy+}", "httpMethod": m.verb, "headers": last(values), "multiValueHeaders": lists(values),
		"queryStringParameters": last(slowQuery(m)), "multiValueQueryStringParameters": lists(slowQuery(m)), "stageVariables": nil,
		"requestContext": rc, "body": body, "isBase64Encoded": encoded}
	if kind == "v1" {
		path, _ = url.PathUnescape("/dev" + m.path)
		contextPath = path
		proxy, _ = url.PathUnescape(m.path)
		proxy = valid(strings.Trim(proxy, "/"))
		e["version"] = "1.0"
		rc["resourceId"] = nil
		rc["authorizer"] = map[string]any{"claims": nil, "scopes": nil}
		delete(rc, "deploymentId")
	}
	e["path"], rc["path"] = valid(path), valid(contextPath)
	e["pathParameters"] = map[string]any{"proxy": proxy}
	return e
}

func slowV2(m *message, _ []string, values map[string][]string, host, prefix, agent string) map[string]any {
	headers := map[string]any{}
	var cookies []any
	for k, v := range values {
		if strings.EqualFold(k, "cookie") {
			for _, c := range strings.Split(strings.Join(v, ";"), ";") {
				if c = strings.Trim(c, " \t"); c != "" {
					cookies = append(cookies, c)
				}
			}
			continue
		}
		headers[strings.ToLower(k)] = strings.Join(v, ",")
	}
	path, err := url.PathUnescape("/dev" + m.path)
	if err != nil {
		panic(err)
	}
	proxy, _ := url.PathUnescape(m.path)
	e := map[string]any{"version": "2.0", "routeKey": "ANY /{proxy+}", "rawPath": valid(path), "rawQueryString": m.query, "headers": headers,
		"isBase64Encoded": false, "pathParameters": map[string]any{"proxy": valid(strings.Trim(proxy, "/"))},
		"requestContext": map[string]any{"accountId": "123456789012", "apiId": "abcdefghij", "domainName": host, "domainPrefix": prefix,
			"http":      map[string]any{"method": m.verb, "path": valid(path), "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": agent},
			"requestId": "*", "routeKey": "ANY /{proxy+}", "stage": "dev", "time": "*", "timeEpoch": "*"}}
	if len(cookies) > 0 {
		e["cookies"] = cookies
	}
	if q := slowQuery(m); len(q) > 0 {
		e["queryStringParameters"] = joined(q)
	}
	if body, encoded := slowBody(m, false); body != nil {
		e["body"], e["isBase64Encoded"] = body, encoded
	}
	return e
}

// knownTrace checks the trace header apart, and takes it out of the comparison.
func hideTrace(e map[string]any) {
	for _, key := range []string{"headers", "multiValueHeaders"} {
		m, _ := e[key].(map[string]any)
		for _, name := range []string{"X-Amzn-Trace-Id", "x-amzn-trace-id"} {
			if s, ok := m[name].(string); ok && strings.HasPrefix(s, "Root=1-") {
				m[name] = "*"
			}
			if l, ok := m[name].([]any); ok && len(l) == 1 {
				m[name] = []any{"*"}
			}
		}
	}
}

func eventProperty(t *rapid.T) {
	kind := rapid.SampledFrom([]string{"rest", "v1", "v2"}).Draw(t, "kind")
	m := drawMessage(t)
	if decoded, _ := url.PathUnescape(m.path); strings.Trim(decoded, "/") == "" || strings.Trim(m.path, "/") == "" {
		return // No route.
	}
	c := restAPI("ANY /{proxy+}")
	if kind != "rest" {
		c = httpAPI(map[string]string{"v1": "1.0", "v2": "2.0"}[kind], "ANY /{proxy+}")
	}
	c.ID, c.Stages[0].Name, c.BinaryMediaTypes = "abcdefghij", "dev", []string{"image/png"}
	inv := replying(`{"statusCode":200}`)
	g, err := New(Options{APIs: apis(c), Invoker: inv, Port: 3000})
	if err != nil {
		t.Fatal(err)
	}
	w, err := serveRaw(g, m.bytes())
	if err != nil {
		t.Fatalf("%v: %q", err, m.bytes())
	}
	if w.Code != 200 || len(inv.events) != 1 {
		t.Fatalf("status %d, %d events: %q", w.Code, len(inv.events), m.bytes())
	}
	if !utf8.Valid(inv.events[0]) {
		t.Fatalf("the event is not UTF-8: %q", inv.events[0])
	}
	var got any
	if err := json.Unmarshal(inv.events[0], &got); err != nil {
		t.Fatalf("%v: %s", err, inv.events[0])
	}
	want := slowEvent(m, kind)
	hideTrace(got.(map[string]any))
	if diff := cmp.Diff(any(want), wild(any(want), got)); diff != "" {
		t.Fatalf("%q\n%s\n(-want +got):\n%s", m.bytes(), inv.events[0], diff)
	}
}

func TestEventReference(t *testing.T) { rapid.Check(t, eventProperty) }
func FuzzEvent(f *testing.F)          { f.Fuzz(rapid.MakeFuzz(eventProperty)) }

// FuzzRequest takes any bytes that net/http takes for a request: the event is always JSON in UTF-8.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET /dev/a%zz?x=%&;=;;&+ HTTP/1.1\r\nHost: h\r\n\r\n"))
	f.Add([]byte("POST http://h/a HTTP/1.1\r\nHost: \xff\r\nCookie: a;;b\r\nX:\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"))
	f.Add([]byte("OPTIONS * HTTP/1.1\r\nHost: h\r\nOrigin: o\r\nAccess-Control-Request-Method: GET\r\n\r\n"))
	inv := &fakeInvoker{}
	all := apis(restAPI("ANY /{proxy+}", "ANY /"), httpAPI("2.0", "$default"))
	g, err := New(Options{APIs: all, Invoker: inv})
	if err != nil {
		f.Fatal(err)
	}
	one, err := New(Options{APIs: apis(withRoutes(&config.API{Kind: config.HTTP, Stages: []config.Stage{{Name: "$default"}}}, "1.0", []string{"$default"})), Invoker: inv})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		inv.events, inv.calls = nil, nil
		inv.answer = func(_ context.Context, call *lambda.Invocation) (*lambda.Result, error) {
			if !json.Valid(call.Payload) || !utf8.Valid(call.Payload) {
				t.Fatalf("not JSON: %q", call.Payload)
			}
			return &lambda.Result{Payload: []byte("{}")}, nil
		}
		serveRaw(g, text)
		serveRaw(one, text)
	})
}
