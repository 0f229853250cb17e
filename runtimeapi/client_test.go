package runtimeapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// handler is a process of testdata/handler: aws-lambda-go as users have it.
func handler(t *testing.T, s *Server) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "handler")
	if runtime.GOOS == "windows" {
		exe += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", exe, "./testdata/handler").CombinedOutput(); err != nil {
		t.Fatalf("build handler: %v\n%s", err, out)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+s.Addr())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, &stderr
}

// shape is the error that aws-lambda-go reports (spec lambda.md §1.8).
type shape struct {
	ErrorMessage, ErrorType string
	StackTrace              []any
}

func TestGoClient(t *testing.T) {
	owner := newRecorder()
	s := start(t, owner)
	cmd, stderr := handler(t, s)
	n := 0
	invoke := func(payload string) Response {
		t.Helper()
		owner.want(t, polled(1))
		n++
		e := &Event{
			RequestID: fmt.Sprintf("00000000-0000-4000-8000-%012d", n), Deadline: time.Now().Add(time.Minute),
			InvokedFunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:f", TenantID: "blue", InvocationID: fmt.Sprint("attempt-", n),
			CognitoIdentity: `{"cognitoIdentityId":"me","cognitoIdentityPoolId":"pool"}`, ClientContext: `{"custom":{"k":"v"}}`,
			Payload: []byte(payload),
		}
		if !s.Deliver(e) {
			t.Fatal("not delivered")
		}
		select {
		case c := <-owner.calls:
			if c.Kind != "responded" || c.ID != e.RequestID {
				t.Fatalf("got %+v", c)
			}
			return c.R
		case <-time.After(20 * time.Second):
			t.Fatalf("no answer; handler says %s", stderr)
			return Response{}
		}
	}
	failure := func(payload string) (Response, shape) {
		t.Helper()
		r := invoke(payload)
		var got shape
		if err := json.Unmarshal(r.Payload, &got); err != nil || !r.Error {
			t.Fatalf("got %+v, %v", r, err)
		}
		return r, got
	}

	want := Response{ContentType: "application/json", Payload: []byte(
		`{"Text":"hello","RequestID":"00000000-0000-4000-8000-000000000001","ARN":"arn:aws:lambda:us-east-1:123456789012:function:f",` +
			`"Tenant":"blue","Identity":"me","Client":"v","HasDeadline":true}`)}
	if diff := cmp.Diff(want, invoke(`{"Text":"hello"}`), payloads); diff != "" {
		t.Errorf("success (-want +got):\n%s", diff)
	}
	long := strings.Repeat("long ", 200_000)
	if r := invoke(`{"Text":"` + long + `"}`); r.Error || !bytes.Contains(r.Payload, []byte(long)) {
		t.Errorf("long event: %d bytes came back, error %v", len(r.Payload), r.Error)
	}
	r, got := failure(`{"Do":"error"}`)
	if diff := cmp.Diff(shape{"no good", "errorString", nil}, got); diff != "" || r.ErrorType != "Runtime.Unknown" {
		t.Errorf("error, of type %s (-want +got):\n%s", r.ErrorType, diff)
	}
	r, got = failure(`{"Do":"stream","Text":"begun"}`)
	if diff := cmp.Diff(shape{"broke off", "errorString", nil}, got); diff != "" {
		t.Errorf("failed stream, of type %s (-want +got):\n%s", r.ErrorType, diff)
	}
	_, got = failure(`{"Do":"panic"}`)
	if got.ErrorMessage != "oh no" || len(got.StackTrace) == 0 {
		t.Errorf("panic: %+v", got)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the process lived on after a panic")
	}

	// A new process at the same address, after a reset.
	s.Reset()
	cmd, stderr = handler(t, s)
	if r := invoke(`{"Do":"large"}`); !r.TooLarge {
		t.Errorf("7 MiB were taken: %d bytes", len(r.Payload))
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(stderr.String(), "got unexpected status code: 413") {
		t.Errorf("the client was not told 413: %v, %s", err, stderr)
	}
	owner.none(t)
}

// TestGoClientKilled: a runtime that dies while it waits is noticed.
func TestGoClientKilled(t *testing.T) {
	owner := newRecorder()
	s := start(t, owner)
	cmd, _ := handler(t, s)
	owner.want(t, polled(1))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	owner.want(t, call{Kind: "abandoned", Free: 0})
}
