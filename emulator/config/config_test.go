package config

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoadOfAMissingPath(t *testing.T) {
	_, _, err := Load(Options{Path: filepath.Join(t.TempDir(), "gone")})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of a missing path: %v", err)
	}
}

func TestDiagnosticJSON(t *testing.T) {
	d := Diagnostic{
		Severity: Error, Position: Position{File: "template.yaml", Line: 12, Column: 7}, Excerpt: "x", Message: "wrong", Hint: "mend", Code: "syntax",
		Object: "Hello",
	}
	got, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"diagnostic","severity":"error","file":"template.yaml","line":12,"column":7,"message":"wrong","hint":"mend","code":"syntax"}`
	if string(got) != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestDiagnosticString(t *testing.T) {
	tests := []struct {
		d    Diagnostic
		want string
	}{
		{Diagnostic{Severity: Error, Message: "m"}, "error: m"},
		{Diagnostic{Severity: Warning, Position: Position{File: "f"}, Message: "m", Hint: "h"}, "f: warning: m\n  hint: h"},
		{Diagnostic{Severity: Error, Position: Position{"f", 2, 4}, Excerpt: "\tü: x", Message: "m"}, "f:2:4: error: m\n  \tü: x\n  \t  ^"},
	}
	for _, tt := range tests {
		if got := tt.d.String(); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}

func TestNearest(t *testing.T) {
	candidates := []string{"Handler", "Timeout", "CodeUri", "nodejs22.x", "memory"}
	for name, want := range map[string]string{
		"Handlr": "Handler", "hanlder": "Handler", "TIMEOUT": "Timeout", "Code": "CodeUri", "node22": "nodejs22.x", "memorySize": "memory", "Xyz": "", "": "",
	} {
		if got := nearest(name, candidates); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestNumberText(t *testing.T) {
	for raw, want := range map[string]string{
		"3": "3", "007": "7", "0x1F": "31", "1.50": "1.5", "1.0": "1.0", "1e3": "1000.0", "-0.5": "-0.5", "1_000": "1000", ".inf": ".inf",
		"12345678901234567890": "12345678901234567890",
	} {
		if got := numberText(raw); got != want {
			t.Errorf("numberText(%q) = %q, want %q", raw, got, want)
		}
	}
}

func TestFunctionName(t *testing.T) {
	tests := map[string][2]string{
		"hello":      {"hello", ""},
		"hello:live": {"hello", "live"},
		"arn:aws:lambda:us-east-1:123456789012:function:hello":   {"hello", ""},
		"arn:aws:lambda:us-east-1:123456789012:function:hello:1": {"hello", "1"},
		"123456789012:function:hello:live":                       {"hello", "live"},
	}
	for ref, want := range tests {
		if name, qualifier := functionName(ref); name != want[0] || qualifier != want[1] {
			t.Errorf("functionName(%q) = %q, %q", ref, name, qualifier)
		}
	}
}

// TestSupport holds the support table together: a type stands in it once, a property in one class only, and a nested row belongs to a served or
// warned-about property.
func TestSupport(t *testing.T) {
	types := map[string]bool{}
	for _, s := range Support() {
		if types[s.Type] {
			t.Errorf("%s stands twice in the table", s.Type)
		}
		types[s.Type] = true
		seen := map[string]bool{}
		for _, p := range s.Properties {
			if seen[p.Name] {
				t.Errorf("%s.%s has more than one class", s.Type, p.Name)
			}
			seen[p.Name] = true
			if p.Class == "" {
				t.Errorf("%s.%s has no class", s.Type, p.Name)
			}
		}
	}
	for typ := range types {
		parent, name := "", ""
		if i := strings.LastIndexByte(typ, '.'); i >= 0 && !strings.HasSuffix(typ, ".yaml") && !strings.HasPrefix(typ[i:], ".yaml ") {
			parent, name = typ[:i], typ[i+1:]
		}
		if parent == "" {
			continue
		}
		if row := rowOf(parent); row == nil {
			t.Errorf("%s belongs to no row", typ)
		} else if class, _ := row.classOf(name); class != Served && class != NotEmulated {
			t.Errorf("%s belongs to a property of class %q", typ, class)
		}
	}
}

// TestFind holds the order in which a folder's files are looked for.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	var got []string
	names := []string{
		"openapi.json", "openapi.yml", "openapi.yaml", "up.json", "serverless.json", "serverless.yaml", "serverless.yml", "template.json", "template.yml",
		"template.yaml", "emulate.yaml",
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := find(dir)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, filepath.Base(f.name))
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("each should be found before those above it (-want +got):\n%s", diff)
	}
}

// TestDeepNesting holds that values nested without end are refused, whatever nests them.
func TestDeepNesting(t *testing.T) {
	for name, text := range map[string]string{
		"template.yaml": strings.Repeat("[", 5000), "template.json": strings.Repeat(`{"a":`, 5000),
		"tags.yaml":  "Resources: " + strings.Repeat("!Not [", 1000),
		"alias.yaml": "Resources: &a {b: *a}",
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		p, diags, err := Load(Options{Path: path})
		if err != nil || p != nil || len(diags) == 0 {
			t.Errorf("%s: %v, %v, %v", name, p, diags, err)
		}
	}
}
