package awsapi

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/lambda"
)

const invokeF = "/2015-03-31/functions/f/invocations"

func TestInvokeAnswers(t *testing.T) {
	f := &fakeLambda{result: &lambda.Result{Payload: []byte(`{"ok":true}`), ExecutedVersion: "7", FunctionError: "Unhandled",
		LogTail: []byte(strings.Repeat("x", 5000) + "END")}}
	res, body := send(t, "POST", serve(t, f)+invokeF, `{"a":1}`, "X-Amz-Log-Type: Tail", "X-Amz-Tenant-Id: blue team",
		"X-Amz-Client-Context: "+base64.StdEncoding.EncodeToString([]byte(`{"custom":{"a":1}}`)),
		"X-Amzn-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Self=1-a-b")
	if res.StatusCode != 200 || body != `{"ok":true}` {
		t.Fatalf("got %d %s", res.StatusCode, body)
	}
	trace := res.Header.Get("X-Amzn-Trace-Id")
	if !regexp.MustCompile(`^Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:[0-9a-f]{8}:0$`).MatchString(trace) {
		t.Errorf("trace %q", trace)
	}
	log, _ := base64.StdEncoding.DecodeString(res.Header.Get("X-Amz-Log-Result"))
	if want := strings.Repeat("x", 4093) + "END"; string(log) != want {
		t.Errorf("log of %d bytes, want the last %d", len(log), len(want))
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "Content-Length": "11", "X-Amzn-Requestid": testID,
		"X-Amzn-Remapped-Content-Length": "0", "X-Amz-Executed-Version": "7", "X-Amz-Function-Error": "Unhandled", "X-Amzn-Errortype": "",
		"Access-Control-Allow-Origin": ""} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	want := &lambda.Invocation{Function: "f", RequestID: testID, Payload: []byte(`{"a":1}`), Trace: trace, ClientContext: `{"custom":{"a":1}}`,
		TenantID: "blue team", Tail: true}
	if d := cmp.Diff(want, f.invoked); d != "" {
		t.Error(d)
	}
}

// AWS spells its headers in its own way; clients that read raw lines see it.
func TestInvokeHeaderSpelling(t *testing.T) {
	url := serve(t, &fakeLambda{functions: []lambda.Description{description("f")}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnull", invokeF)
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`(?m)^(Date: ).*\r$`).ReplaceAllString(string(b), "Date: now\r")
	got = regexp.MustCompile(`(X-Amzn-Trace-Id: Root=1-)[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=1:[0-9a-f]{8}:0`).ReplaceAllString(got, "${1}trace")
	want := strings.ReplaceAll(`HTTP/1.1 200 OK
Content-Length: 4
Content-Type: application/json
X-Amz-Executed-Version: $LATEST
X-Amzn-Trace-Id: Root=1-trace
x-amzn-Remapped-Content-Length: 0
x-amzn-RequestId: `+testID+`
Date: now
Connection: close

null`, "\n", "\r\n")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestInvokeNames(t *testing.T) {
	f := &fakeLambda{result: &lambda.Result{Payload: []byte("1")}}
	url := serve(t, f)
	for path, want := range map[string][2]string{
		"f":             {"f", ""},
		"f:live":        {"f", "live"},
		"f%3Alive":      {"f", "live"},
		"f%3A%24LATEST": {"f", "$LATEST"},
		"f:$LATEST/invocations?Qualifier=%24LATEST": {"f", "$LATEST"},
		"f/invocations?Qualifier=2":                 {"f", "2"},
		"123456789012%3Afunction%3Af%3A2":           {"f", "2"},
		"function:f":                                {"f", ""},
		"arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af%3Alive": {"f", "live"},
		testARN + "my_f-1.x": {"my_f-1.x", ""},
	} {
		f.invoked = nil
		name, query, hasQuery := strings.Cut(path, "/invocations")
		if !hasQuery {
			query = ""
		}
		res, body := send(t, "POST", url+"/2015-03-31/functions/"+name+"/invocations"+query, "{}")
		if f.invoked == nil {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
			continue
		}
		if got := [2]string{f.invoked.Function, f.invoked.Qualifier}; got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestInvokeKinds(t *testing.T) {
	f := &fakeLambda{functions: []lambda.Description{description("f")}}
	url := serve(t, f)

	res, body := send(t, "POST", url+invokeF, `{"a":1}`, "X-Amz-Invocation-Type: Event", "X-Amz-Log-Type: Tail", "X-Amz-Client-Context: !")
	if res.StatusCode != 202 || body != "" || !isUUID(res.Header.Get("x-amzn-RequestId")) {
		t.Errorf("Event: %d %q %v", res.StatusCode, body, res.Header)
	}
	if f.queued == nil || string(f.queued.Payload) != `{"a":1}` || f.queued.Tail || f.queued.ClientContext != "" {
		t.Errorf("queued %+v", f.queued)
	}
	for _, name := range []string{"X-Amz-Executed-Version", "X-Amz-Log-Result", "X-Amz-Function-Error"} {
		if v := res.Header.Get(name); v != "" {
			t.Errorf("Event: %s: %s", name, v)
		}
	}

	f.queued = nil
	res, body = send(t, "POST", url+invokeF, "", "X-Amz-Invocation-Type: DryRun")
	if res.StatusCode != 204 || body != "" || f.queued != nil || f.invoked != nil {
		t.Errorf("DryRun: %d %q, ran %v %v", res.StatusCode, body, f.queued, f.invoked)
	}

	res, body = send(t, "POST", url+"/2014-11-13/functions/f/invoke-async/", `[]`)
	if res.StatusCode != 202 || body != `{"Status":202}` || string(f.queued.Payload) != "[]" {
		t.Errorf("InvokeAsync: %d %q", res.StatusCode, body)
	}

	if res, body = send(t, "POST", url+invokeF, ""); res.StatusCode != 200 || body != "{}" {
		t.Errorf("empty body: %d %q", res.StatusCode, body)
	}
	if res, _ = send(t, "POST", url+invokeF, "{}", "x-amzn-RequestId: 8a6b62d4-3d3a-4b7e-8a8b-0a4c7f3f0c11"); res.Header.Get("x-amzn-RequestId") != "8a6b62d4-3d3a-4b7e-8a8b-0a4c7f3f0c11" {
		t.Errorf("own request id: %v", res.Header)
	}
}

func TestInvokeRefusals(t *testing.T) {
	url := serve(t, &fakeLambda{functions: []lambda.Description{description("f")}})
	named := func(name string) string { return "/2015-03-31/functions/" + name + "/invocations" }
	nameError := func(value string) string {
		return "1 validation error detected: Value '" + value + "' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: " + namePattern
	}
	long := strings.Repeat("a", 257)
	tests := []struct {
		name, path, body string
		head             []string
		status           int
		code, want       string
	}{
		{"missing", named("nope"), "{}", nil, 404, "ResourceNotFoundException", `{"Type":"User","Message":"Function not found: ` + testARN + `nope:$LATEST"}`},
		{"missing, Event", named("nope"), "{}", []string{"X-Amz-Invocation-Type: Event"}, 404, "ResourceNotFoundException", `{"Type":"User","Message":"Function not found: ` + testARN + `nope:$LATEST"}`},
		{"missing, DryRun", named("nope"), "{}", []string{"X-Amz-Invocation-Type: DryRun"}, 404, "ResourceNotFoundException", `{"Type":"User","Message":"Function not found: ` + testARN + `nope:$LATEST"}`},
		{"lower-case $latest", named("f") + "?Qualifier=%24latest", "{}", nil, 404, "ResourceNotFoundException", `{"Type":"User","Message":"Function not found: ` + testARN + `f:$latest"}`},
		{"two qualifiers", named(testARN+"f:$LATEST") + "?Qualifier=1", "{}", nil, 400, "InvalidParameterValueException", `{"Type":"User","message":"The derived qualifier from the function name does not match the specified qualifier."}`},
		{"no account", named("arn:aws:lambda:us-east-1::function:f"), "{}", nil, 400, "ValidationException", nameError("arn:aws:lambda:us-east-1::function:f")},
		{"no region", named("arn:aws:lambda::123456789012:function:f"), "{}", nil, 400, "ValidationException", nameError("arn:aws:lambda::123456789012:function:f")},
		{"$LATES", named(testARN + "f:$LATES"), "{}", nil, 400, "ValidationException", nameError(testARN + "f:$LATES")},
		{"bad character", named("f!"), "{}", nil, 400, "ValidationException", nameError("f!")},
		{"slash", named("a%2Fb"), "{}", nil, 400, "ValidationException", nameError("a/b")},
		{"too long", named(long), "{}", nil, 400, "ValidationException", "1 validation error detected: Value '" + long + "' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 256"},
		{"qualifier", named("f") + "?Qualifier=a.b", "{}", nil, 400, "ValidationException", "1 validation error detected: Value 'a.b' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: " + qualifierPattern},
		{"long qualifier", named("f") + "?Qualifier=" + long[:129], "{}", nil, 400, "ValidationException", "1 validation error detected: Value '" + long[:129] + "' at 'qualifier' failed to satisfy constraint: Member must have length less than or equal to 128"},
		{"several", named("f"), "{}", []string{"X-Amz-Invocation-Type: Sync", "X-Amz-Log-Type: All"}, 400, "ValidationException",
			"2 validation errors detected: Value 'Sync' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]; " +
				"Value 'All' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]"},
		{"region", named("arn:aws:lambda:eu-west-1:123456789012:function:f"), "{}", nil, 404, "ResourceNotFoundException", `{"Type":"User","Message":"Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"}`},
		{"account", named("arn:aws:lambda:us-east-1:999999999999:function:f"), "{}", nil, 403, "AccessDeniedException", `{"Type":"User","message":"User: arn:aws:iam::123456789012:root is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:999999999999:function:f because no resource-based policy allows the lambda:InvokeFunction action"}`},
		{"request id", named("f"), "{}", []string{"x-amzn-RequestId: 1"}, 400, "InvalidRequestContentException", `{"Type":"User","message":"The header x-amzn-RequestId must be a UUID."}`},
		{"client context", named("f"), "{}", []string{"X-Amz-Client-Context: string"}, 400, "InvalidRequestContentException", `{"Type":"User","message":"Client context must be a valid Base64-encoded JSON object."}`},
		{"client context, array", named("f"), "{}", []string{"X-Amz-Client-Context: W10="}, 400, "InvalidRequestContentException", `{"Type":"User","message":"Client context must be a valid Base64-encoded JSON object."}`},
		{"client context, long", named("f"), "{}", []string{"X-Amz-Client-Context: " + strings.Repeat("A", 3584)}, 400, "InvalidRequestContentException", `{"Type":"User","message":"The header X-Amz-Client-Context must not be longer than 3583 bytes."}`},
		{"not JSON", named("f"), "\x99\xeb,j\x07\xa1zYh", nil, 400, "InvalidRequestContentException",
			`{"Type":"User","message":"Could not parse request body into json: Could not parse payload into json: Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: REDACTED (` + "`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION`" + ` disabled); line: 1, column: 1]"}`},
		{"durable", named("f"), "{}", []string{"X-Amz-Durable-Execution-Name: x"}, 501, "NotImplementedException", `{"Type":"User","Message":"emulate does not emulate durable executions yet (header X-Amz-Durable-Execution-Name)"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			res, body := send(t, "POST", url+test.path, test.body, test.head...)
			if test.code == "ValidationException" {
				test.want = `{"message":"` + strings.ReplaceAll(test.want, `\`, `\\`) + `"}`
			}
			if res.StatusCode != test.status || res.Header.Get("x-amzn-ErrorType") != test.code || body != test.want {
				t.Errorf("got  %d %s %s\nwant %d %s %s", res.StatusCode, res.Header.Get("x-amzn-ErrorType"), body, test.status, test.code, test.want)
			}
			if !isUUID(res.Header.Get("x-amzn-RequestId")) || res.Header.Get("Content-Type") != "application/json" {
				t.Errorf("headers %v", res.Header)
			}
		})
	}
}

func TestInvokeSizes(t *testing.T) {
	f := &fakeLambda{functions: []lambda.Description{description("f")}}
	url := serve(t, f)
	text := func(n int) string { return `"` + strings.Repeat("a", n-2) + `"` }
	if res, body := send(t, "POST", url+invokeF, text(maxSyncPayload)); res.StatusCode != 200 || len(body) != maxSyncPayload {
		t.Errorf("6 MiB: %d, %d bytes back", res.StatusCode, len(body))
	}
	tooLargeSync := `{"Type":"User","message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}`
	if res, body := send(t, "POST", url+invokeF, text(maxSyncPayload+1)); res.StatusCode != 413 || body != tooLargeSync {
		t.Errorf("above 6 MiB: %d %s", res.StatusCode, body)
	}
	res, err := http.Post(url+invokeF, "application/json", io.MultiReader(strings.NewReader(text(maxSyncPayload)), strings.NewReader(" ")))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 413 || res.Header.Get("x-amzn-ErrorType") != "RequestTooLargeException" {
		t.Errorf("above 6 MiB, chunked: %d %v", res.StatusCode, res.Header)
	}
	res, err = http.Post(url+invokeF, "application/json", io.MultiReader(strings.NewReader(`{"a":`), strings.NewReader("1}")))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 || string(f.invoked.Payload) != `{"a":1}` {
		t.Errorf("chunked: %d %s", res.StatusCode, f.invoked.Payload)
	}
	if res, _ := send(t, "POST", url+invokeF, text(maxAsyncPayload), "X-Amz-Invocation-Type: Event"); res.StatusCode != 202 {
		t.Errorf("Event of 1 MiB: %d", res.StatusCode)
	}
	want := `{"Type":"User","message":"1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"}`
	if res, body := send(t, "POST", url+invokeF, text(maxAsyncPayload+1), "X-Amz-Invocation-Type: Event"); res.StatusCode != 413 || body != want {
		t.Errorf("Event above 1 MiB: %d %s", res.StatusCode, body)
	}
}

func TestInvokeServiceErrors(t *testing.T) {
	for _, test := range []struct {
		err    error
		status int
		want   string
	}{
		{&lambda.Error{Status: 429, Name: "TooManyRequestsException", Type: "User", Reason: "ReservedFunctionConcurrentInvocationLimitExceeded", Message: "Rate Exceeded."},
			429, `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`},
		{fmt.Errorf("invoke f: %w", &lambda.Error{Status: 500, Name: "ServiceException", Type: "Service", Message: "main.go:3: a < b & c"}),
			500, `{"Type":"Service","Message":"main.go:3: a < b & c"}`},
		{io.ErrUnexpectedEOF, 500, `{"Type":"Service","Message":"unexpected EOF"}`},
	} {
		res, body := send(t, "POST", serve(t, &fakeLambda{err: test.err})+invokeF, "{}")
		if res.StatusCode != test.status || body != test.want || res.Header.Get("x-amzn-RequestId") != testID {
			t.Errorf("got %d %s %v, want %d %s", res.StatusCode, body, res.Header, test.status, test.want)
		}
	}
}

// The caller's going away must not end the invocation.
func TestInvokeContextOutlivesTheCaller(t *testing.T) {
	f := &fakeLambda{functions: []lambda.Description{description("f")}}
	if res, _ := send(t, "POST", serve(t, f)+invokeF, "{}"); res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	if f.ctx.Done() != nil {
		t.Error("the invocation's context can be cancelled")
	}
}
