//go:build unix

package emulator_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"example.com/emulate/emulator/emulatortest"
)

// called is what a caller tells.
type called struct {
	Payload                          struct{ N int }
	Log, Version, Missing, Throttled string
}

// The SDKs and the CLI invoke with a log tail, and get typed errors for a missing function and a throttle.
func TestCallers(t *testing.T) {
	dir := t.TempDir()
	config := "functions:\n" +
		"  echo: { runtime: python3.13, inline: \"def handler(event, context):\\n    print('said')\\n    return event\\n\", timeout: 60 }\n" +
		"  none: { runtime: python3.13, inline: \"def handler(event, context):\\n    return event\\n\", reservedConcurrency: 0 }\n"
	if err := os.WriteFile(filepath.Join(dir, "emulate.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	e := emulatortest.Start(t, dir)
	callers, err := filepath.Abs("../testdata/callers")
	if err != nil {
		t.Fatal(err)
	}
	tools, err := filepath.Abs("../.tools")
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(t *testing.T) called{
		"Go SDK":     func(t *testing.T) called { return callWithGo(t, e.AWSURL) },
		"boto3":      run(tools+"/python/bin/python", callers+"/boto3_caller.py", e.AWSURL),
		"JavaScript": run("node", callers+"/caller.mjs", e.AWSURL, tools+"/node"),
		"AWS CLI":    run(callers+"/cli.sh", e.AWSURL, tools+"/python/bin/aws"),
	} {
		t.Run(name, func(t *testing.T) {
			got := call(t)
			if got.Payload.N != 1 || got.Version != "$LATEST" {
				t.Errorf("payload %+v of version %s", got.Payload, got.Version)
			}
			if !strings.HasPrefix(got.Log, "START RequestId: ") || !strings.Contains(got.Log, "\nsaid\nEND RequestId: ") {
				t.Errorf("log %q", got.Log)
			}
			if want := "Function not found: arn:aws:lambda:us-east-1:123456789012:function:missing:$LATEST"; got.Missing != want {
				t.Errorf("a missing function: %q, want a ResourceNotFoundException %q", got.Missing, want)
			}
			want := "ReservedFunctionConcurrentInvocationLimitExceeded"
			if name == "AWS CLI" { // which shows no reason
				want = "by name"
			}
			if got.Throttled != want {
				t.Errorf("a throttle: %q, want a TooManyRequestsException with the reason %q", got.Throttled, want)
			}
		})
	}
}

// run makes a caller of a program that prints JSON.
func run(args ...string) func(*testing.T) called {
	return func(t *testing.T) (got called) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Env = plainEnv()
		out, err := cmd.Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s: %v (run make tools?)\n%s", args[0], err, exit.Stderr)
		}
		if err := errors.Join(err, json.Unmarshal(out, &got)); err != nil {
			t.Fatalf("%s: %v (run make tools?)", args[0], err)
		}
		return got
	}
}

// plainEnv is the environment without what the person who runs the tests has set up for AWS, or for a proxy.
func plainEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "AWS_") || strings.HasPrefix(strings.ToUpper(v), "HTTP_PROXY=") || strings.HasPrefix(strings.ToUpper(v), "ALL_PROXY=")
	})
	return append(env, "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
}

func callWithGo(t *testing.T, endpoint string) (got called) {
	t.Helper()
	client := lambda.New(lambda.Options{
		BaseEndpoint: &endpoint, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
		}),
	})
	answer, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("echo"), Payload: []byte(`{"n":1}`), LogType: types.LogTypeTail})
	if err != nil {
		t.Fatal(err)
	}
	log, err := base64.StdEncoding.DecodeString(*answer.LogResult)
	if err := errors.Join(err, json.Unmarshal(answer.Payload, &got.Payload)); err != nil {
		t.Fatal(err)
	}
	got.Log, got.Version = string(log), *answer.ExecutedVersion
	var missing *types.ResourceNotFoundException
	if _, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("missing")}); errors.As(err, &missing) {
		got.Missing = missing.ErrorMessage()
	}
	var throttled *types.TooManyRequestsException
	if _, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("none")}); errors.As(err, &throttled) {
		got.Throttled = string(throttled.Reason)
	}
	return got
}
