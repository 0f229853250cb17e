package awsapi

import (
	"encoding/json"
	"strings"
	"testing"
)

// UpdateFunctionConfiguration refuses the environment variables that Lambda refuses, and changes nothing then (spec lambda.md §5.1).
func TestEnvironmentOfUpdateFunctionConfiguration(t *testing.T) {
	url := controlPlane(t)
	update := func(name string, vars map[string]string) string {
		t.Helper()
		body, err := json.Marshal(map[string]any{"Environment": map[string]any{"Variables": vars}})
		if err != nil {
			t.Fatal(err)
		}
		res, got := send(t, "PUT", url+"/2015-03-31/functions/"+name+"/configuration", string(body))
		return res.Status[:4] + got
	}
	const (
		invalid  = `400 {"Type":"User","message":"Lambda was unable to configure your environment variables because the environment variables you have provided `
		misnamed = `400 {"message":"1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: ` +
			`[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"}`
		reserved = invalid + `contains reserved keys that are currently not supported for modification. Reserved keys used in this request: `
	)
	const around = len(`{"KEY":""}`)
	most := strings.Repeat("&", 4096-around) // each is one byte of what is measured
	for _, c := range []struct {
		name string
		vars map[string]string
		want string
	}{
		{"f", map[string]string{"AWS_REGION": "x"}, reserved + `AWS_REGION"}`},
		{"f", map[string]string{"GOOD": "x", "LAMBDA_TASK_ROOT": "/", "AWS_LAMBDA_RUNTIME_API": "x"}, reserved + `AWS_LAMBDA_RUNTIME_API, LAMBDA_TASK_ROOT"}`},
		{"f", map[string]string{"1a": "x", "a-b=c": "y"}, misnamed},
		{"f", map[string]string{"_HANDLER": "x"}, misnamed},
		{"f", map[string]string{"A": "x"}, misnamed},
		{"f", map[string]string{"KEY": most + "&"}, invalid + `exceeded the 4KB limit. String measured: {\"KEY\":\"` + most + `&\"}"}`},
		{"g", map[string]string{"AWS_REGION": "x"}, `404 {"Type":"User","Message":"Function not found: ` + testARN + `g"}`},
	} {
		if got := update(c.name, c.vars); got != c.want {
			t.Errorf("%.100v:\ngot  %.300s\nwant %.300s", c.vars, got, c.want)
		}
		if _, now := send(t, "GET", url+"/2015-03-31/functions/f/configuration", ""); strings.Contains(now, `"Environment"`) {
			t.Fatalf("%.100v was taken: %s", c.vars, now)
		}
	}
	for _, vars := range []map[string]string{{"KEY": most}, {"PATH": "/opt/bin", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "TZ": "UTC"}, {}} {
		if got := update("f", vars); !strings.HasPrefix(got, "200 ") {
			t.Errorf("%.100v is refused: %.300s", vars, got)
		}
		until(t, url+"/2015-03-31/functions/f/")
	}
}
