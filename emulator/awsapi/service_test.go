package awsapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/telemetry"
)

func TestOtherServices(t *testing.T) {
	url := serve(t, &fakeLambda{})
	signed := func(service string) string {
		return "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261124/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=00"
	}
	message := func(title, variable string) string {
		return "This endpoint of emulate serves Lambda only, and this request is for " + title + ". Set " + variable +
			" to the endpoint that it should go to, or leave AWS_ENDPOINT_URL unset"
	}
	asJSON := func(title, variable string) string {
		return `{"__type":"NotImplementedException","message":"` + message(title, variable) + `"}`
	}
	const form = "Content-Type: application/x-www-form-urlencoded; charset=utf-8"
	tests := []struct {
		name, method, path string
		head               []string
		contentType, want  string
	}{
		{"DynamoDB", "POST", "/", []string{signed("dynamodb"), "X-Amz-Target: DynamoDB_20120810.GetItem", "Content-Type: application/x-amz-json-1.0"},
			"application/x-amz-json-1.0", asJSON("DynamoDB", "AWS_ENDPOINT_URL_DYNAMODB")},
		{"SQS", "POST", "/", []string{signed("sqs"), "X-Amz-Target: AmazonSQS.SendMessage"}, "application/x-amz-json-1.0", asJSON("SQS", "AWS_ENDPOINT_URL_SQS")},
		{"Secrets Manager", "POST", "/", []string{signed("secretsmanager"), "X-Amz-Target: secretsmanager.GetSecretValue", "Content-Type: application/x-amz-json-1.1"},
			"application/x-amz-json-1.1", asJSON("Secrets Manager", "AWS_ENDPOINT_URL_SECRETS_MANAGER")},
		{"dotted target", "POST", "/", []string{signed("codeconnections"), "X-Amz-Target: com.amazonaws.codeconnections.CodeConnections_20231201.ListConnections"},
			"application/x-amz-json-1.0", asJSON("CodeConnections", "AWS_ENDPOINT_URL_CODECONNECTIONS")},
		{"unsigned target", "POST", "/", []string{"X-Amz-Target: AWSCognitoIdentityProviderService.SignUp"}, "application/x-amz-json-1.1",
			asJSON("Cognito Identity Provider", "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER")},
		{"SQS, old query", "POST", "/", []string{signed("sqs"), form}, "text/xml", "<Message>" + message("SQS", "AWS_ENDPOINT_URL_SQS") + "</Message></Error><RequestId>"},
		{"STS", "POST", "/", []string{signed("sts"), form}, "text/xml", "<ErrorResponse><Error><Type>Sender</Type><Code>NotImplemented</Code><Message>" + message("STS", "AWS_ENDPOINT_URL_STS")},
		{"STS, unsigned", "POST", "/", []string{form}, "text/xml", "Set AWS_ENDPOINT_URL_&lt;SERVICE&gt; to"},
		{"EC2", "POST", "/", []string{signed("ec2"), form}, "text/xml", "<Response><Errors><Error><Code>NotImplemented</Code><Message>" + message("EC2", "AWS_ENDPOINT_URL_EC2")},
		{"S3", "GET", "/bucket/key", []string{signed("s3")}, "application/xml", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NotImplemented</Code><Message>" + message("S3", "AWS_ENDPOINT_URL_S3")},
		{"S3, presigned", "GET", "/bucket/key?X-Amz-Credential=AKID%2F20261124%2Fus-east-1%2Fs3%2Faws4_request", nil, "application/xml", "<Error><Code>NotImplemented</Code>"},
		{"Route 53", "GET", "/2013-04-01/hostedzone", []string{signed("route53")}, "application/xml", "<ErrorResponse><Error><Type>Sender</Type><Code>NotImplemented</Code>"},
		{"API Gateway", "GET", "/restapis", []string{signed("apigateway")}, "application/json",
			`{"Type":"User","Message":"` + message("API Gateway", "AWS_ENDPOINT_URL_API_GATEWAY") + `"}`},
		{"API Gateway v2", "GET", "/v2/apis", []string{signed("apigateway")}, "application/json", message("ApiGatewayV2", "AWS_ENDPOINT_URL_APIGATEWAYV2")},
		{"S3 Control", "GET", "/v20180820/jobs", []string{signed("s3")}, "application/xml", "<ErrorResponse><Error><Type>Sender</Type><Code>NotImplemented</Code><Message>" + message("S3 Control", "AWS_ENDPOINT_URL_S3_CONTROL")},
		{"EventBridge", "POST", "/", []string{signed("events"), "X-Amz-Target: AWSEvents.PutEvents"}, "application/x-amz-json-1.1",
			asJSON("CloudWatch Events or EventBridge", "AWS_ENDPOINT_URL_CLOUDWATCH_EVENTS or AWS_ENDPOINT_URL_EVENTBRIDGE")},
		{"management API", "POST", "/@connections/x", []string{signed("execute-api")}, "application/json", "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"},
		{"CloudWatch, CBOR", "POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", []string{signed("monitoring"), "smithy-protocol: rpc-v2-cbor", "Content-Type: application/cbor"},
			"application/cbor", "\xa2\x66__type\x77NotImplementedException\x67message\x78\xb6" + message("CloudWatch", "AWS_ENDPOINT_URL_CLOUDWATCH")},
		{"unknown", "GET", "/x", []string{signed("quantum-ledger")}, "application/json", message("quantum-ledger", "AWS_ENDPOINT_URL_QUANTUM_LEDGER")},
		{"SigV4a", "GET", "/x", []string{"Authorization: AWS4-ECDSA-P256-SHA256 Credential=AKID/20261124/s3/aws4_request, SignedHeaders=host, Signature=00"}, "application/xml", "S3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			res, body := send(t, test.method, url+test.path, "Action=X&Version=1", test.head...)
			if res.StatusCode != 501 || res.Header.Get("Content-Type") != test.contentType || !strings.Contains(body, test.want) {
				t.Errorf("got  %d %s %q\nwant 501 %s %q", res.StatusCode, res.Header.Get("Content-Type"), body, test.contentType, test.want)
			}
		})
	}
}

func TestServicesTable(t *testing.T) {
	if strings.Contains(services, "|Lambda|") {
		t.Error("Lambda is in the table of other services")
	}
	for _, row := range serviceRows(func(serviceRow) bool { return true }) {
		switch row.protocol {
		case protocolJSON, protocolCBOR:
			if row.target == "" || row.jsonVersion == "" {
				t.Errorf("%v: no target or version", row)
			}
		case protocolQuery, protocolEC2, protocolRESTJSON, protocolRESTXML:
		default:
			t.Errorf("%v: protocol", row)
		}
	}
}

func TestUnservedOperations(t *testing.T) {
	url := serve(t, &fakeLambda{})
	for _, o := range unserved {
		path := strings.ReplaceAll(o.path, "{}", "a%3Ab%2Fc")
		if o.query != "" {
			path += "?" + o.query
		}
		res, body := send(t, o.method, url+path, "")
		want := `{"Type":"User","Message":"emulate does not emulate Lambda's operation ` + o.name + ` yet"}`
		if res.StatusCode != 501 || res.Header.Get("x-amzn-ErrorType") != "NotImplementedException" || body != want {
			t.Errorf("%s %s: %d %s, want %s", o.method, path, res.StatusCode, body, want)
		}
	}
	res, body := send(t, "GET", url+"/favicon.ico", "")
	if want := `{"Type":"User","message":"GET /favicon.ico is no operation of Lambda's API, which is what this endpoint serves"}`; res.StatusCode != 404 || body != want {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res, _ := send(t, "PATCH", url+"/2015-03-31/functions/f", ""); res.StatusCode != 404 {
		t.Error(res.Status)
	}
}

// FuzzRoutes sends any path: there is always one well-formed answer, and only an Invoke's path invokes.
func FuzzRoutes(f *testing.F) {
	for _, seed := range []string{invokeF, "/2015-03-31/functions/a%2Fb/invocations", "/2015-03-31/functions//invocations", "/2015-03-31/functions/f/x/invocations", "//2015-03-31/functions/f/invocations",
		"/2015-03-31/functions/../functions/f/invocations", "/2015-03-31/functions/f", "/2015-03-31/functions", "/", "", "/2018-10-31/layers/x/versions/1/policy/2", "/service/x/operation/y", "/%zz", "/2014-11-13/functions/f/invoke-async/"} {
		f.Add("POST", seed)
		f.Add("GET", seed)
	}
	stream := telemetry.NewStream()
	rest := lambda.New(lambda.Options{Executor: noSandbox{}, Telemetry: stream}) // what is no Invoke
	f.Cleanup(func() {
		if err := rest.Close(context.Background()); err != nil {
			f.Error(err)
		}
		stream.Close()
	})
	for _, seed := range []string{"/2015-03-31/functions/f/versions", "/2015-03-31/functions/f/aliases/a", "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1", "/2017-10-31/functions/f/concurrency"} {
		f.Add("PUT", seed)
		f.Add("POST", seed)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Host != "" || !isToken(method) {
			return
		}
		fake := &fakeLambda{Lambda: rest}
		r := httptest.NewRequest("GET", "http://localhost/", nil)
		r.Method, r.URL = method, u
		w := httptest.NewRecorder()
		New(Options{Lambda: fake, Region: testRegion, Account: testAccount}).ServeHTTP(w, r)
		ids := 0
		for name, values := range w.Header() {
			if name == headerRequestID && len(values) == 1 && isUUID(values[0]) {
				ids++
			}
		}
		if ids != 1 {
			t.Fatalf("%s %s: %d without a request id", method, path, w.Code)
		}
		if fake.invoked != nil && (method != http.MethodPost || !strings.HasSuffix(u.EscapedPath(), invocationsSuffix)) {
			t.Fatalf("%s %s invoked %q", method, path, fake.invoked.Function)
		}
	})
}

func isToken(s string) bool {
	return s != "" && every(s, func(c byte) bool { return isWord(c) })
}

func TestMatchPath(t *testing.T) {
	for _, test := range []struct {
		pattern, path string
		want          bool
	}{
		{"/a/{}/b", "/a/x/b", true}, {"/a/{}/b", "/a//b", false}, {"/a/{}/b", "/a/x", false}, {"/a/{}", "/a/x/b", false}, {"/a", "/a", true}, {"/a", "a", false}, {"/a", "", false}, {"/a/{}", "/a/", false},
	} {
		if got := matchPath(test.pattern, test.path); got != test.want {
			t.Errorf("%s %s: %v", test.pattern, test.path, got)
		}
	}
}
