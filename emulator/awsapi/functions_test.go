package awsapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/lambda"
)

// plain is GetFunctionConfiguration's answer for description("f"), but for the version's ARN.
const plain = `{"FunctionName":"f","FunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:f","Runtime":"python3.12",` +
	`"Role":"arn:aws:iam::123456789012:role/emulate","Handler":"handler.handler","CodeSize":276,"Description":"","Timeout":3,"MemorySize":128,` +
	`"LastModified":"2025-11-25T02:26:54.000+0000","CodeSha256":"aGVsbG8=","Version":"$LATEST","TracingConfig":{"Mode":"PassThrough"},` +
	`"RevisionId":"0b2e9a64-6a38-4a5c-9a77-6e0f1d3c2b1a","State":"Active","LastUpdateStatus":"Successful","PackageType":"Zip","Architectures":["x86_64"],` +
	`"EphemeralStorage":{"Size":512},"SnapStart":{"ApplyOn":"None","OptimizationStatus":"Off"},` +
	`"RuntimeVersionConfig":{"RuntimeVersionArn":"arn:aws:lambda:us-east-1::runtime:HASH"},` +
	`"LoggingConfig":{"LogFormat":"Text","LogGroup":"/aws/lambda/f"}}`

// withoutHash replaces the runtime version's hash, which stands for nothing.
func withoutHash(s string) string {
	const before = "::runtime:"
	i := strings.Index(s, before)
	if i < 0 || len(s) < i+len(before)+64 || !every(s[i+len(before):i+len(before)+64], isHex) {
		return s
	}
	return s[:i+len(before)] + "HASH" + s[i+len(before)+64:]
}

func TestGetFunction(t *testing.T) {
	five := 5
	full := description("full")
	full.Function.Description = "a <b> & c"
	full.Function.Environment = map[string]string{"B": "2", "A": "1"}
	full.Reserved = &five
	full.Function.Tags = map[string]string{"team": "blue"}
	full.Function.Layers = []string{"/src/layers/common.libs", "/src/x y.zip"}
	full.Function.Logging.Format, full.Function.Logging.Group = "JSON", "/mine"
	full.Function.Alias = "live"
	building, updating, failed := description("building"), description("updating"), description("failed")
	building.State, building.LastUpdateStatus = "Pending", "InProgress"
	updating.LastUpdateStatus = "InProgress"
	failed.LastUpdateStatus, failed.LastUpdateStatusReason = "Failed", "main.go:1:1: expected package"
	image := description("image")
	image.Function.PackageType, image.Function.Runtime, image.Function.Handler, image.Function.Code.Dir = "Image", "", "", ""
	url := serve(t, &fakeLambda{functions: []lambda.Description{description("f"), full, building, updating, failed, image}})

	get := func(path string) (int, string) {
		res, body := send(t, "GET", url+"/2015-03-31/functions/"+path, "")
		return res.StatusCode, withoutHash(body)
	}
	state := func(name, now, then string) string {
		return strings.Replace(strings.ReplaceAll(strings.ReplaceAll(withoutHash(plain), ":f\"", ":"+name+"\""), "\"f\"", "\""+name+"\""), now, then, 1)
	}
	tests := []struct{ path, want string }{
		{"f/configuration", withoutHash(plain)},
		{"f", `{"Configuration":` + withoutHash(plain) + `,"Code":{"RepositoryType":"S3","Location":"file:///src/f"}}`},
		{"f?Qualifier=$LATEST", strings.Replace(`{"Configuration":`+withoutHash(plain)+`,"Code":{"RepositoryType":"S3","Location":"file:///src/f"}}`, `function:f"`, `function:f:$LATEST"`, 1)},
		{"arn:aws:lambda:us-east-1:123456789012:function:f/configuration", withoutHash(plain)},
		{"building/configuration", strings.ReplaceAll(state("building", `"State":"Active","LastUpdateStatus":"Successful"`,
			`"State":"Pending","StateReason":"The function is being created.","StateReasonCode":"Creating"`), "/lambda/f", "/lambda/building")},
		{"updating/configuration", strings.ReplaceAll(state("updating", `"LastUpdateStatus":"Successful"`,
			`"LastUpdateStatus":"InProgress","LastUpdateStatusReason":"The function is being created.","LastUpdateStatusReasonCode":"Creating"`), "/lambda/f", "/lambda/updating")},
		{"failed/configuration", strings.ReplaceAll(state("failed", `"LastUpdateStatus":"Successful"`,
			`"LastUpdateStatus":"Failed","LastUpdateStatusReason":"main.go:1:1: expected package","LastUpdateStatusReasonCode":"InvalidConfiguration"`), "/lambda/f", "/lambda/failed")},
	}
	for _, test := range tests {
		status, got := get(test.path)
		if d := cmp.Diff(test.want, got); status != 200 || d != "" {
			t.Errorf("%s: %d %s", test.path, status, d)
		}
	}

	_, got := get("full:live")
	for _, part := range []string{
		`"FunctionArn":"` + testARN + `full:live"`, `"Version":"1"`, `"Description":"a <b> & c"`, `"Environment":{"Variables":{"A":"1","B":"2"}}`,
		`"Layers":[{"Arn":"arn:aws:lambda:us-east-1:123456789012:layer:common:1"},{"Arn":"arn:aws:lambda:us-east-1:123456789012:layer:x_y:1"}]`,
		`"LoggingConfig":{"LogFormat":"JSON","ApplicationLogLevel":"INFO","SystemLogLevel":"INFO","LogGroup":"/mine"}`,
		`"Tags":{"team":"blue"},"Concurrency":{"ReservedConcurrentExecutions":5}}`,
	} {
		if !strings.Contains(got, part) {
			t.Errorf("full: no %s in %s", part, got)
		}
	}
	_, got = get("image")
	for _, part := range []string{`"Runtime"`, `"Handler"`, `"RuntimeVersionConfig"`, `"Location"`} {
		if strings.Contains(got, part) {
			t.Errorf("image: %s in %s", part, got)
		}
	}
	if !strings.Contains(got, `"PackageType":"Image"`) || !strings.Contains(got, `"Code":{"RepositoryType":"ECR"}`) {
		t.Errorf("image: %s", got)
	}
	for path, want := range map[string]string{
		"nope":               `{"Type":"User","Message":"Function not found: ` + testARN + `nope"}`,
		"nope/configuration": `{"Type":"User","Message":"Function not found: ` + testARN + `nope"}`,
		"f?Qualifier=9":      `{"Type":"User","Message":"Function not found: ` + testARN + `f:9"}`,
		"f:1?Qualifier=2":    `{"Type":"User","message":"The derived qualifier from the function name does not match the specified qualifier."}`,
		"arn:aws:lambda:us-west-2:123456789012:function:f": `{"Type":"User","Message":"Functions from 'us-west-2' are not reachable in this region ('us-east-1')"}`,
	} {
		if _, got := get(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestListFunctions(t *testing.T) {
	f := &fakeLambda{}
	for i := range 120 {
		f.functions = append(f.functions, description(fmt.Sprintf("f%03d", i)))
	}
	f.functions[7].Function.Alias = "live"
	url := serve(t, f)
	type page struct {
		Functions  []struct{ FunctionName, FunctionArn, Version, State string }
		NextMarker string
	}
	list := func(query string) (p page) {
		t.Helper()
		res, body := send(t, "GET", url+"/2015-03-31/functions?"+query, "")
		if res.StatusCode != 200 {
			t.Fatalf("%s: %s", query, body)
		}
		if strings.Contains(body, "RuntimeVersionConfig") || strings.Contains(body, "LastUpdateStatus") {
			t.Fatalf("members about state: %s", body[:200])
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for query, sizes := range map[string][]int{"": {50, 50, 20}, "MaxItems=10000": {50, 50, 20}, "MaxItems=40": {40, 40, 40}, "FunctionVersion=ALL": {50, 50, 21}} {
		seen, marker := map[string]bool{}, ""
		for _, size := range sizes {
			p := list(query + "&Marker=" + marker)
			if len(p.Functions) != size {
				t.Errorf("%q: page of %d, want %d", query, len(p.Functions), size)
			}
			for _, f := range p.Functions {
				if seen[f.FunctionArn] {
					t.Errorf("%q: %s twice", query, f.FunctionArn)
				}
				seen[f.FunctionArn] = true
			}
			marker = p.NextMarker
		}
		if marker != "" {
			t.Errorf("%q: a marker after the last page", query)
		}
	}
	p := list("FunctionVersion=ALL&MaxItems=9")
	if got, want := p.Functions[8], (struct{ FunctionName, FunctionArn, Version, State string }{"f007", testARN + "f007:1", "1", ""}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if p := list("MasterRegion=us-east-1&FunctionVersion=ALL"); len(p.Functions) != 0 {
		t.Errorf("replicas: %v", p)
	}
	for query, want := range map[string]string{
		"MaxItems=0":        "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1",
		"MaxItems=10001":    "1 validation error detected: Value '10001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 10000",
		"MaxItems=x":        "MaxItems is not a number: x",
		"FunctionVersion=1": "1 validation error detected: Value '1' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]",
		"MasterRegion=mars": `1 validation error detected: Value 'mars' at 'masterRegion' failed to satisfy constraint: Member must satisfy regular expression pattern: ALL|[a-z]{2}(-gov)?-[a-z]+-\\d{1}`,
		"Marker=%25":        "Invalid Marker: %",
	} {
		res, body := send(t, "GET", url+"/2015-03-31/functions?"+query, "")
		if res.StatusCode != 400 || !strings.Contains(body, `essage":"`+want+`"`) {
			t.Errorf("%s: %d %s", query, res.StatusCode, body)
		}
	}
	if p, _ := send(t, "GET", serve(t, &fakeLambda{})+"/2015-03-31/functions/", ""); p.StatusCode != 200 {
		t.Error(p.Status)
	}
}

func TestGetAccountSettings(t *testing.T) {
	url := serve(t, &fakeLambda{functions: []lambda.Description{description("f")}})
	for _, path := range []string{"/2016-08-19/account-settings", "/2016-08-19/account-settings/"} {
		_, body := send(t, "GET", url+path, "")
		want := `{"AccountLimit":{"TotalCodeSize":80530636800,"CodeSizeUnzipped":262144000,"CodeSizeZipped":52428800,"ConcurrentExecutions":1000,` +
			`"UnreservedConcurrentExecutions":995},"AccountUsage":{"TotalCodeSize":276,"FunctionCount":1}}`
		if d := cmp.Diff(want, body); d != "" {
			t.Error(d)
		}
	}
}
