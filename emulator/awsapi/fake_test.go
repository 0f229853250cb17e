package awsapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
)

const (
	testRegion  = "us-east-1"
	testAccount = "123456789012"
	testARN     = "arn:aws:lambda:us-east-1:123456789012:function:"
	testID      = "0b2e9a64-6a38-4a5c-9a77-6e0f1d3c2b1a"
)

// fakeLambda has the functions it is given, and remembers what was asked of it.
type fakeLambda struct {
	Lambda
	functions []lambda.Description
	result    *lambda.Result
	err       error
	invoked   *lambda.Invocation
	queued    *lambda.Invocation
	ctx       context.Context
}

func (f *fakeLambda) Invoke(ctx context.Context, inv *lambda.Invocation) (*lambda.Result, error) {
	f.ctx, f.invoked = ctx, inv
	if inv.RequestID == "" {
		inv.RequestID = testID
	}
	if f.err != nil {
		return nil, f.err
	}
	if f.result != nil {
		return f.result, nil
	}
	if _, err := f.find(inv.Function, inv.Qualifier); err != nil {
		return nil, notFound(inv.Function, orLatest(inv.Qualifier))
	}
	return &lambda.Result{Payload: inv.Payload, ExecutedVersion: "$LATEST"}, nil
}

func (f *fakeLambda) Enqueue(inv *lambda.Invocation) error {
	f.queued = inv
	_, err := f.find(inv.Function, inv.Qualifier)
	if err != nil {
		return notFound(inv.Function, orLatest(inv.Qualifier))
	}
	return f.err
}

func (f *fakeLambda) Describe(name, qualifier string) (lambda.Description, error) {
	return f.find(name, qualifier)
}

func (f *fakeLambda) List() []lambda.Description { return f.functions }

func (f *fakeLambda) Account() lambda.Account {
	return lambda.Account{ConcurrentExecutions: 1000, UnreservedConcurrentExecutions: 995, TotalCodeSize: 276, FunctionCount: len(f.functions)}
}

func (f *fakeLambda) Versions(name string) (out []lambda.Description, err error) {
	for _, qualifier := range []string{"$LATEST", "1"} {
		if d, err := f.find(name, qualifier); err == nil {
			out = append(out, d)
		}
	}
	return out, nil
}

// find knows $LATEST of every function and version 1 of those with an alias.
func (f *fakeLambda) find(name, qualifier string) (lambda.Description, error) {
	for _, d := range f.functions {
		if d.Function.Name != name {
			continue
		}
		switch alias := d.Function.Alias; {
		case qualifier == "":
			return d, nil
		case qualifier == "$LATEST":
		case alias != "" && (qualifier == alias || qualifier == "1"):
			d.Version = "1"
		default:
			continue
		}
		d.ARN += ":" + qualifier
		return d, nil
	}
	return lambda.Description{}, notFound(name, qualifier)
}

func orLatest(qualifier string) string {
	if qualifier == "" {
		return "$LATEST"
	}
	return qualifier
}

func notFound(name, qualifier string) error {
	if qualifier != "" {
		name += ":" + qualifier
	}
	return &lambda.Error{Status: 404, Name: "ResourceNotFoundException", Type: "User", Message: "Function not found: " + testARN + name}
}

// description is a small function's.
func description(name string) lambda.Description {
	return lambda.Description{
		Function: &config.Function{LogicalID: name, Name: name, Runtime: "python3.12", Handler: "handler.handler", PackageType: "Zip",
			Architecture: "x86_64", MemoryMB: 128, Timeout: 3 * time.Second, EphemeralStorageMB: 512, Tracing: "PassThrough",
			Code: config.Code{Dir: "/src/f"}, Logging: config.Logging{Format: "Text"}},
		ARN: testARN + name, UnqualifiedARN: testARN + name, Version: "$LATEST", CodeSHA256: "aGVsbG8=", CodeSize: func() int64 { return 276 },
		LastModified: time.Date(2025, 11, 25, 2, 26, 54, 0, time.UTC), RevisionID: testID, State: "Active", LastUpdateStatus: "Successful",
	}
}

// serve starts the endpoint in front of f.
func serve(t testing.TB, f *fakeLambda) string {
	t.Helper()
	s := httptest.NewServer(New(Options{Lambda: f, Region: testRegion, Account: testAccount}))
	t.Cleanup(s.Close)
	return s.URL
}

// send makes one request. head is "Name: value" lines.
func send(t testing.TB, method, url, body string, head ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range head {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(bytes.TrimSpace(b))
}
