package awsapi

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/telemetry"
)

// noSandbox starts nothing: the control plane needs no environment.
type noSandbox struct{}

func (noSandbox) Start(context.Context, lambda.Spec) (lambda.Instance, error) {
	return nil, errors.New("no sandbox")
}

// controlPlane is the endpoint in front of a Lambda service with a function f.
func controlPlane(t *testing.T) string {
	t.Helper()
	stream := telemetry.NewStream()
	s := lambda.New(lambda.Options{Executor: noSandbox{}, Telemetry: stream, Region: testRegion, Account: testAccount,
		Unpack: func(context.Context, *config.Function, []byte) (lambda.Code, error) {
			return lambda.Code{Digest: "uploaded"}, nil
		}})
	f := description("f").Function
	s.Building(f)
	s.SetCode(f, lambda.Code{Dir: "/src/f", Digest: "1"})
	server := httptest.NewServer(New(Options{Lambda: s, Region: testRegion, Account: testAccount}))
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		stream.Close()
	})
	return server.URL
}

var changing = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+0000|:runtime:[0-9a-f]{64}|"LastModified":1\d{9}(\.\d+)?`)

func plainBody(s string) string {
	return changing.ReplaceAllStringFunc(s, func(m string) string {
		switch {
		case strings.HasPrefix(m, ":runtime:"):
			return ":runtime:HASH"
		case strings.HasPrefix(m, `"Last`):
			return `"LastModified":EPOCH`
		case strings.Contains(m, "T"):
			return "DATE"
		}
		return "UUID"
	})
}

func zipFile(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "handler.py"}) // no time: the same bytes each time
	if err == nil {
		_, err = w.Write([]byte("x"))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// The control plane, one request after the other: its answers, literally.
func TestControlPlane(t *testing.T) {
	const (
		old, conc, prov, async = "/2015-03-31/functions/", "/2017-10-31/functions/", "/2019-09-30/functions/", "/2019-09-25/functions/"
		oneError               = `{"message":"1 validation error detected: `
		whole                  = `400 {"Type":"User","message":"This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. ` +
			`Please specify either a function name or an unqualified function ARN."}`
	)
	url := controlPlane(t)
	archive := zipFile(t)
	requests := []struct{ request, body, want string }{
		{"GET " + prov + "f/concurrency", "", `200 {}`},
		{"PUT " + conc + "f/concurrency", `{"ReservedConcurrentExecutions":0}`, `200 {"ReservedConcurrentExecutions":0}`},
		{"GET " + prov + "f/concurrency", "", `200 {"ReservedConcurrentExecutions":0}`},
		{"DELETE " + conc + "f/concurrency", "", `204 `},
		{"GET " + prov + "f/concurrency", "", `200 {}`},
		{"PUT " + conc + "f/concurrency", ``, `400 ` + oneError + `Value null at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must not be null"}`},
		{"PUT " + conc + "f/concurrency", `{"ReservedConcurrentExecutions":-1}`, `400 ` + oneError + `Value '-1' at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 0"}`},
		{"PUT " + conc + "f/concurrency", `{`, `400 {"Message":"Could not parse the request body: unexpected end of JSON input"}`},
		{"PUT " + conc + "f/concurrency", `{"ReservedConcurrentExecutions":1001}`, `400 {"message":"Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."}`},
		{"PUT " + conc + "f:1/concurrency", `{"ReservedConcurrentExecutions":1}`, whole},
		{"PUT " + conc + "g/concurrency", `{"ReservedConcurrentExecutions":1}`, `404 {"Type":"User","Message":"Function not found: ` + testARN + `g"}`},

		{"POST " + old + "f/versions", `{"Description":"one"}`, `201 ` + versionBody("f:1", "1", "one")},
		{"POST " + old + "f/versions", ``, `201 ` + versionBody("f:1", "1", "one")},
		{"POST " + old + "f/versions", `{"RevisionId":"x"}`, `412 {"Type":"User","message":"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"}`},
		{"POST " + old + "f:1/versions", ``, whole},
		{"GET " + old + "f/versions", "", `200 {"Versions":[` + listed(versionBody("f:$LATEST", "$LATEST", "")) + `,` + listed(versionBody("f:1", "1", "one")) + `]}`},
		{"GET " + old + "f/versions?MaxItems=1", "", `200 {"Versions":[` + listed(versionBody("f:$LATEST", "$LATEST", "")) + `],"NextMarker":"JExBVEVTVA"}`},
		{"GET " + old + "f/versions?MaxItems=1&Marker=JExBVEVTVA", "", `200 {"Versions":[` + listed(versionBody("f:1", "1", "one")) + `]}`},

		{"POST " + old + "f/aliases", `{"Name":"live","FunctionVersion":"1"}`, `201 {"AliasArn":"` + testARN + `f:live","Name":"live","FunctionVersion":"1","Description":"","RevisionId":"UUID"}`},
		{"POST " + old + "f/aliases", `{"Name":"7","FunctionVersion":"x"}`, `400 {"message":"2 validation errors detected: Value '7' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+); ` +
			`Value 'x' at 'functionVersion' failed to satisfy constraint: Member must satisfy regular expression pattern: (\\$LATEST|[0-9]+)"}`},
		{"POST " + old + "f/aliases", `{}`, `400 {"message":"2 validation errors detected: Value null at 'name' failed to satisfy constraint: Member must not be null; Value null at 'functionVersion' failed to satisfy constraint: Member must not be null"}`},
		{"POST " + old + "f/aliases", `{"Name":"live","FunctionVersion":"1"}`, `409 {"Type":"User","message":"Alias already exists: ` + testARN + `f:live"}`},
		{"PUT " + old + "f/aliases/live", `{"RoutingConfig":{"AdditionalVersionWeights":{"1":0.5}}}`, `400 {"Type":"User","message":"Invalid function version 1. Function version 1 is already included in routing configuration."}`},
		{"PUT " + old + "f/aliases/live", `{"RoutingConfig":{"AdditionalVersionWeights":{"1":2}}}`, `400 ` + oneError + `Value '2' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Member must have value less than or equal to 1.0"}`},
		{"PUT " + old + "f/aliases/live", `{"Description":"d"}`, `200 {"AliasArn":"` + testARN + `f:live","Name":"live","FunctionVersion":"1","Description":"d","RevisionId":"UUID"}`},
		{"GET " + old + "f/aliases/live", "", `200 {"AliasArn":"` + testARN + `f:live","Name":"live","FunctionVersion":"1","Description":"d","RevisionId":"UUID"}`},
		{"GET " + old + "f/aliases/no", "", `404 {"Type":"User","Message":"Cannot find alias arn: ` + testARN + `f:no"}`},
		{"PUT " + old + "f/aliases/no", "{}", `404 {"Type":"User","Message":"Alias not found: ` + testARN + `f:no"}`},
		{"GET " + old + "f/aliases?FunctionVersion=1", "", `200 {"Aliases":[{"AliasArn":"` + testARN + `f:live","Name":"live","FunctionVersion":"1","Description":"d","RevisionId":"UUID"}]}`},
		{"GET " + old + "f/aliases?FunctionVersion=2", "", `200 {"Aliases":[]}`},

		{"PUT " + prov + "f/provisioned-concurrency", `{"ProvisionedConcurrentExecutions":1}`, `400 ` + oneError + `Value null at 'qualifier' failed to satisfy constraint: Member must not be null"}`},
		{"PUT " + prov + "f/provisioned-concurrency?Qualifier=1", `{"ProvisionedConcurrentExecutions":0}`, `400 ` + oneError + `Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 1"}`},
		{"PUT " + prov + "f/provisioned-concurrency?Qualifier=$LATEST", `{"ProvisionedConcurrentExecutions":1}`, `400 {"Type":"User","message":"Provisioned Concurrency Configs cannot be applied to unpublished function versions."}`},
		{"GET " + prov + "f/provisioned-concurrency?Qualifier=live", "", `404 {"Type":"User","message":"No Provisioned Concurrency Config found for this function"}`},
		{"PUT " + prov + "f/provisioned-concurrency?Qualifier=live", `{"ProvisionedConcurrentExecutions":2}`, `202 {"RequestedProvisionedConcurrentExecutions":2,` +
			`"AvailableProvisionedConcurrentExecutions":0,"AllocatedProvisionedConcurrentExecutions":0,"Status":"IN_PROGRESS","LastModified":"DATE"}`},
		{"PUT " + prov + "f:1/provisioned-concurrency", `{"ProvisionedConcurrentExecutions":1}`, `409 {"Type":"User","message":"Version is pointed by a Provisioned Concurrency alias"}`},
		{"DELETE " + prov + "f/provisioned-concurrency?Qualifier=live", "", `204 `},
		{"GET " + prov + "f/provisioned-concurrency?List=ALL", "", `200 {"ProvisionedConcurrencyConfigs":[]}`},
		{"PUT " + prov + "f/provisioned-concurrency?Qualifier=no", `{"ProvisionedConcurrentExecutions":1}`, `404 {"Type":"User","Message":"Cannot find alias arn: ` + testARN + `f:no"}`},
		{"GET " + prov + "g:no/provisioned-concurrency", "", `404 {"Type":"User","Message":"Cannot find alias arn: ` + testARN + `g:no"}`},
		{"DELETE " + prov + "f:9/provisioned-concurrency", "", `404 {"Type":"User","Message":"Function not found: ` + testARN + `f:9"}`},
		{"GET " + prov + "f/provisioned-concurrency?List=ALL&MaxItems=51", "", `400 ` + oneError + `Value '51' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 50"}`},
		{"GET " + async + "f/event-invoke-config/list?MaxItems=51", "", `400 ` + oneError + `Value '51' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 50"}`},

		{"DELETE " + old + "f?Qualifier=1", "", `409 {"Type":"User","message":"Unable to delete version because the following aliases reference it: [live]"}`},
		{"DELETE " + old + "f?Qualifier=live", "", `400 {"Type":"User","message":"Deletion of aliases is not currently supported."}`},
		{"DELETE " + old + "f:$LATEST", "", `400 {"Type":"User","message":"$LATEST version cannot be deleted without deleting the function."}`},
		{"DELETE " + old + "g?Qualifier=1", "", `404 {"Type":"User","Message":"Function not found: ` + testARN + `g"}`},
		{"DELETE " + old + "f", "", `501 {"Type":"User","Message":"emulate does not emulate DeleteFunction of a whole function: take it out of the project's file. With a Qualifier it deletes a version"}`},
		{"DELETE " + old + "f/aliases/live", "", `204 `},
		{"DELETE " + old + "f?Qualifier=1", "", `204 `},
		{"DELETE " + old + "f?Qualifier=1", "", `204 `},
		{"GET " + old + "f/versions", "", `200 {"Versions":[` + listed(versionBody("f:$LATEST", "$LATEST", "")) + `]}`},

		{"GET " + async + "f/event-invoke-config", "", `404 {"Type":"User","Message":"The function ` + testARN + `f:$LATEST doesn't have an EventInvokeConfig"}`},
		{"GET " + async + "g/event-invoke-config", "", `404 {"Type":"User","Message":"The function doesn't exist."}`},
		{"PUT " + async + "f/event-invoke-config", "{}", `400 {"Type":"User","message":"You must specify at least one of error handling or destination setting."}`},
		{"PUT " + async + "f/event-invoke-config", `{"MaximumRetryAttempts":3,"MaximumEventAgeInSeconds":59}`, `400 {"message":"2 validation errors detected: ` +
			`Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 2; ` +
			`Value '59' at 'maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60"}`},
		{"PUT " + async + "f/event-invoke-config", `{"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:123456789012:q"}}}`, `501 {"Type":"User","Message":"emulate does not emulate destinations of asynchronous invocations yet"}`},
		{"PUT " + async + "f/event-invoke-config", `{"MaximumRetryAttempts":0}`, `200 {"LastModified":EPOCH,"FunctionArn":"` + testARN + `f:$LATEST","MaximumRetryAttempts":0,"DestinationConfig":{"OnSuccess":{},"OnFailure":{}}}`},
		{"POST " + async + "f/event-invoke-config", `{"MaximumEventAgeInSeconds":60}`, `200 {"LastModified":EPOCH,"FunctionArn":"` + testARN + `f:$LATEST","MaximumRetryAttempts":0,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnSuccess":{},"OnFailure":{}}}`},
		{"GET " + async + "f/event-invoke-config/list", "", `200 {"FunctionEventInvokeConfigs":[{"LastModified":EPOCH,"FunctionArn":"` + testARN + `f:$LATEST","MaximumRetryAttempts":0,"MaximumEventAgeInSeconds":60,"DestinationConfig":{"OnSuccess":{},"OnFailure":{}}}]}`},
		{"DELETE " + async + "f/event-invoke-config", "", `204 `},

		{"PUT " + old + "f/code", `{"ZipFile":"bm8gemlw"}`, `400 {"Type":"User","message":"Could not unzip uploaded file. Please check your file, then try to upload again."}`},
		{"PUT " + old + "f/code", `{}`, `400 {"Type":"User","message":"The request has no ZipFile"}`},
		{"PUT " + old + "f/code", `{"S3Bucket":"b","S3Key":"k"}`, `501 {"Type":"User","Message":"emulate does not emulate UpdateFunctionCode from S3 yet: send ZipFile"}`},
		{"PUT " + old + "f/code", `{"ZipFile":"` + archive + `","Architectures":["x86_64","arm64"]}`, `400 ` + oneError + `Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1"}`},
		{"PUT " + old + "f/configuration", `{"Timeout":901,"MemorySize":64}`, `400 {"message":"2 validation errors detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900; ` +
			`Value '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"}`},
		{"PUT " + old + "f/configuration", `{"Role":"r1"}`, `400 ` + oneError + `Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: ` +
			`arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+"}`},
		{"PUT " + old + "f/configuration", `{"Runtime":"python9"}`, `400 {"Type":"User","message":"Value python9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: ` +
			`[nodejs22.x, nodejs24.x, nodejs26.x, java8.al2, java8.al2023, java11, java11.al2023, java17, java17.al2023, java21, java25, python3.10, python3.11, python3.12, ` +
			`python3.13, python3.14, python3.15, dotnet8, dotnet10, ruby3.3, ruby3.4, ruby4.0, provided.al2023, custom] or be a valid ARN"}`},
		{"PUT " + old + "f/configuration", `{"Runtime":"nodejs22.x"}`, `501 {"Type":"User","Message":"emulate does not emulate a change of Runtime by UpdateFunctionConfiguration yet: change it in the project's file"}`},
		{"PUT " + old + "g/code", `{"ZipFile":"bm8gemlw"}`, `404 {"Type":"User","Message":"Function not found: ` + testARN + `g"}`},
		{"PUT /2017-10-31/functions/f/concurrency", `{"ReservedConcurrentExecutions":"5"}`, `400 {"Message":"STRING_VALUE can not be converted to an Integer"}`},
		{"PUT " + old + "f/configuration", `{"Environment":{"Variables":{"A":1}}}`, `400 {"Message":"NUMBER_VALUE can not be converted to a String"}`},
		{"PUT " + old + "f/configuration", `{"Environment":{"Variables":[]}}`, `400 {"Message":"Could not parse the request body: Environment.Variables cannot be of the JSON type array"}`},
		{"PUT " + old + "f/configuration", `[]`, `400 {"Message":"Could not parse the request body: it cannot be of the JSON type array"}`},
		{"PUT " + old + "f/configuration", `{"Layers":["arn:aws:lambda:us-east-1:123456789012:layer:x:1"]}`, `501 {"Type":"User","Message":"emulate does not emulate a change of Layers by UpdateFunctionConfiguration yet: change it in the project's file"}`},
	}
	for _, r := range requests {
		method, path, _ := strings.Cut(r.request, " ")
		res, body := send(t, method, url+path, r.body)
		if d := cmp.Diff(r.want, plainBody(fmt.Sprintf("%d %s", res.StatusCode, body))); d != "" {
			t.Errorf("%s %s: %s", r.request, r.body, d)
		}
	}
}

// versionBody is the configuration of f's version.
func versionBody(arn, version, text string) string {
	s := withoutHash(plain)
	s = strings.Replace(s, `function:f"`, `function:`+arn+`"`, 1)
	s = strings.Replace(s, `"Version":"$LATEST"`, `"Version":"`+version+`"`, 1)
	s = strings.Replace(s, `"Description":""`, `"Description":"`+text+`"`, 1)
	s = strings.Replace(s, `"CodeSize":276`, `"CodeSize":0`, 1)
	s = strings.Replace(s, `"CodeSha256":"aGVsbG8="`, `"CodeSha256":"a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s="`, 1)
	return plainBody(s)
}

// listed is the same in a list.
func listed(body string) string {
	body = strings.Replace(body, `"State":"Active","LastUpdateStatus":"Successful",`, "", 1)
	return strings.Replace(body, `"RuntimeVersionConfig":{"RuntimeVersionArn":"arn:aws:lambda:us-east-1::runtime:HASH"},`, "", 1)
}

// An update answers InProgress and becomes Successful; a dry run does neither.
func TestUpdateFunctionCode(t *testing.T) {
	url := controlPlane(t) + "/2015-03-31/functions/f/"
	archive := zipFile(t)
	if _, body := send(t, "PUT", url+"code", `{"ZipFile":"`+archive+`","DryRun":true}`); !strings.Contains(body, `"LastUpdateStatus":"Successful"`) {
		t.Error(body)
	}
	_, body := send(t, "PUT", url+"code", `{"ZipFile":"`+archive+`","Architectures":["arm64"]}`)
	for _, part := range []string{`"LastUpdateStatus":"InProgress","LastUpdateStatusReason":"The function is being created.","LastUpdateStatusReasonCode":"Creating"`, `"Architectures":["arm64"]`} {
		if !strings.Contains(body, part) {
			t.Errorf("no %s in %s", part, body)
		}
	}
	until(t, url)
	if _, body := send(t, "PUT", url+"configuration", `{"Timeout":9,"MemorySize":256,"Environment":{"Variables":{"KEY":"b"}},"Description":"d","Role":"arn:aws:iam::123456789012:role/x"}`); !strings.Contains(body, `"InProgress"`) {
		t.Error(body)
	}
	until(t, url)
	_, body = send(t, "GET", url+"configuration", "")
	for _, part := range []string{`"Timeout":9,"MemorySize":256`, `"Environment":{"Variables":{"KEY":"b"}}`, `"Description":"d"`, `"Architectures":["arm64"]`} {
		if !strings.Contains(body, part) {
			t.Errorf("no %s in %s", part, body)
		}
	}
	for _, empty := range []string{`{"Environment":{"Variables":{}}}`, `{"Environment":{}}`} {
		if _, body := send(t, "PUT", url+"configuration", empty); !strings.Contains(body, `"Environment":{"Variables":{}}`) {
			t.Errorf("%s: %s", empty, body)
		}
		until(t, url)
		if _, body := send(t, "GET", url+"configuration", ""); !strings.Contains(body, `"Environment":{"Variables":{}}`) {
			t.Errorf("%s: %s", empty, body)
		}
	}
	if res, body := send(t, "PUT", url+"code", `{"ZipFile":"`+archive+`","Publish":true}`); res.StatusCode != 200 || !strings.Contains(body, `"Version":"1"`) {
		t.Error(body)
	}
}

// until waits as SDKs' waiters do.
func until(t *testing.T, url string) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
		if _, body := send(t, "GET", url+"configuration", ""); strings.Contains(body, `"LastUpdateStatus":"Successful"`) {
			return
		}
	}
	t.Fatal("the update is not done")
}
