package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckEnvironment(t *testing.T) {
	value := strings.Repeat("&", maxEnvironment-len(`{"KEY":""}`)) // & is one byte of what is measured
	for _, c := range []struct {
		vars map[string]string
		want EnvironmentFaults
	}{
		{nil, EnvironmentFaults{}},
		{map[string]string{"KEY": "x", "TZ": "UTC", "PATH": "/opt/bin", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR"}, EnvironmentFaults{}},
		{map[string]string{"LAMBDA_TASK_ROOT": "", "AWS_REGION": ""}, EnvironmentFaults{Reserved: []string{"AWS_REGION", "LAMBDA_TASK_ROOT"}}},
		{map[string]string{"a-b": "", "A": "", "": "", "1a": ""}, EnvironmentFaults{Misnamed: []string{"", "1a", "A", "a-b"}}},
		{map[string]string{"_HANDLER": ""}, EnvironmentFaults{Reserved: []string{"_HANDLER"}, Misnamed: []string{"_HANDLER"}}},
		{map[string]string{"KEY": value}, EnvironmentFaults{}},
		{map[string]string{"KEY": value + "&"}, EnvironmentFaults{TooLarge: `{"KEY":"` + value + `&"}`}},
	} {
		if diff := cmp.Diff(c.want, CheckEnvironment(c.vars)); diff != "" {
			t.Errorf("%.80v (-want +got):\n%s", c.vars, diff)
		}
	}
}

// A configuration may have 4,096 bytes of variables, whatever is in them.
func TestSizeOfEnvironment(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "f/index.mjs", nil)
	for n, wrong := range map[int]bool{maxEnvironment: false, maxEnvironment + 1: true} {
		value := strings.Repeat("&", n-len(`{"KEY":""}`))
		writeFile(t, dir, "emulate.yaml", []byte("functions: {f: {code: f, environment: {KEY: '"+value+"'}}}"))
		p, diags, err := Load(Options{Path: dir})
		if err != nil || (p == nil) != wrong || wrong && (len(diags) != 1 || diags[0].Code != "too-large") {
			t.Errorf("%d bytes: %v, %v", n, diags, err)
		}
	}
}

// The variables that all functions of an emulate.yaml share count with the function's own.
func TestSizeOfSharedEnvironment(t *testing.T) {
	dir := t.TempDir()
	half := strings.Repeat("x", maxEnvironment/2)
	writeFile(t, dir, "f/index.mjs", nil)
	writeFile(t, dir, "emulate.yaml", []byte("functions:\n  f: {code: f, environment: {OWN: "+half+"}}\n  g: {code: f, environment: {ALL: "+half+"}}\nenvironment: {ALL: "+half+"}"))
	p, diags, err := Load(Options{Path: dir})
	if err != nil || p != nil || len(diags) != 1 || diags[0].Code != "too-large" || diags[0].Line != 2 {
		t.Errorf("%v, %v", diags, err)
	}
}
