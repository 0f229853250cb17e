//go:build unix

package emulator_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator/emulatortest"
)

// cli calls the AWS CLI's lambda commands. An error is what it prints.
func cli(t *testing.T, endpoint string, args ...string) string {
	t.Helper()
	aws, err := filepath.Abs("../.tools/python/bin/aws")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), aws, append([]string{"--endpoint-url", endpoint, "--region", "us-east-1", "--output", "json", "lambda"}, args...)...)
	cmd.Env = append(plainEnv(), "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 250 { // AWS's own errors
		return strings.TrimSpace(string(exit.Stderr))
	}
	if err != nil {
		t.Fatalf("aws %s: %v (run make tools?)\n%s", args[0], err, exit.Stderr)
	}
	return string(out)
}

// field asks the CLI and gives one member of the answer.
func field(t *testing.T, endpoint, name string, args ...string) any {
	t.Helper()
	text := cli(t, endpoint, args...)
	var members map[string]any
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		t.Fatalf("aws %s: %s", args[0], text)
	}
	return members[name]
}

const tellsItself = "import os\n\ndef handler(event, context):\n    return 'CODE ' + context.function_version + ' ' + os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"

// The AWS CLI drives versions, aliases, updates and concurrency, with its own waiters.
func TestControlPlaneByCLI(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"emulate.yaml": "functions:\n  f: { code: ./f, runtime: python3.13, handler: app.handler, timeout: 120 }\n",
		"f/app.py":     strings.Replace(tellsItself, "CODE", "one", 1),
	})
	e := emulatortest.Start(t, dir)
	call := func(args ...string) string { return cli(t, e.AWSURL, args...) }
	get := func(name string, args ...string) any { return field(t, e.AWSURL, name, args...) }
	invoke := func(qualifier string) string {
		out := filepath.Join(t.TempDir(), "out")
		call("invoke", "--function-name", "f", "--qualifier", qualifier, out)
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	f := []string{"--function-name", "f"}
	with := func(operation string, more ...string) []string {
		return append(append([]string{operation}, f...), more...)
	}

	got := []any{get("Version", with("publish-version")...), get("FunctionVersion", with("create-alias", "--name", "live", "--function-version", "1")...)}
	// A published version keeps its code when the user's own folder changes.
	write(t, dir, map[string]string{"f/app.py": strings.Replace(tellsItself, "CODE", "edited", 1)})
	got = append(got, invoke("live"))
	var pack bytes.Buffer
	z := zip.NewWriter(&pack)
	w, err := z.Create("app.py")
	if err == nil {
		_, err = w.Write([]byte(strings.Replace(tellsItself, "CODE", "uploaded", 1)))
	}
	if err := errors.Join(err, z.Close(), os.WriteFile(filepath.Join(dir, "up.zip"), pack.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
	got = append(got, get("LastUpdateStatus", with("update-function-code", "--zip-file", "fileb://"+dir+"/up.zip")...))
	call("wait", "function-updated-v2", "--function-name", "f")
	got = append(got, invoke("$LATEST"), invoke("live"), get("Version", with("publish-version")...))
	call("wait", "published-version-active", "--function-name", "f", "--qualifier", "2")
	got = append(got, get("FunctionVersion", with("update-alias", "--name", "live", "--function-version", "2")...), invoke("live"))
	got = append(got, get("Status", with("put-provisioned-concurrency-config", "--qualifier", "live", "--provisioned-concurrent-executions", "1")...))
	for range 100 {
		if get("Status", with("get-provisioned-concurrency-config", "--qualifier", "live")...) == "READY" {
			break
		}
	}
	got = append(got, invoke("live"), get("ReservedConcurrentExecutions", with("put-function-concurrency", "--reserved-concurrent-executions", "5")...))
	got = append(got, get("MemorySize", with("update-function-configuration", "--memory-size", "256")...))
	call("wait", "function-updated", "--function-name", "f")
	got = append(got, get("MaximumRetryAttempts", with("put-function-event-invoke-config", "--maximum-retry-attempts", "0")...))
	want := []any{"1", "1", `"one 1 on-demand"`, "InProgress", `"uploaded $LATEST on-demand"`, `"one 1 on-demand"`, "2", "2", `"uploaded 2 on-demand"`,
		"IN_PROGRESS", `"uploaded 2 provisioned-concurrency"`, 5.0, 256.0, 0.0}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{with("put-function-concurrency", "--reserved-concurrent-executions", "950"), "An error occurred (InvalidParameterValueException) when calling the PutFunctionConcurrency operation: " +
			"Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."},
		{with("get-provisioned-concurrency-config", "--qualifier", "1"), "An error occurred (ProvisionedConcurrencyConfigNotFoundException) when calling the " +
			"GetProvisionedConcurrencyConfig operation: No Provisioned Concurrency Config found for this function"},
		{with("get-alias", "--name", "no"), "An error occurred (ResourceNotFoundException) when calling the GetAlias operation: Cannot find alias arn: " +
			"arn:aws:lambda:us-east-1:123456789012:function:f:no"},
	} {
		if got := call(c.args...); !strings.HasSuffix(got, c.want) {
			t.Errorf("%v: %s, want %s", c.args, got, c.want)
		}
	}
	if list := get("Versions", with("list-versions-by-function")...).([]any); len(list) != 3 {
		t.Errorf("versions: %v", list)
	}
}

// A function of a folder has the size of its files, and a version keeps its own while the folder changes.
func TestCodeSizeOfAFolder(t *testing.T) {
	dir := t.TempDir()
	app := tellsItself + "# " + strings.Repeat("a", 1000)
	write(t, dir, map[string]string{
		"emulate.yaml": "functions:\n  f: { code: ./f, runtime: python3.13, handler: app.handler }\n",
		"f/app.py":     app,
		"f/data":       "data",
	})
	e := emulatortest.Start(t, dir)
	size := func(operation string, more ...string) int {
		return int(field(t, e.AWSURL, "CodeSize", append([]string{operation, "--function-name", "f"}, more...)...).(float64))
	}
	first := size("publish-version")
	if want := len(app) + len("data"); first != want {
		t.Errorf("CodeSize %d, want %d", first, want)
	}
	write(t, dir, map[string]string{"f/more": "more"})
	if n := size("get-function-configuration", "--qualifier", "1"); n != first {
		t.Errorf("CodeSize of version 1 is %d after an edit, was %d", n, first)
	}
}
