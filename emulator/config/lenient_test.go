package config

import (
	"os"
	"path/filepath"
	"testing"
)

// What --lenient tells as a warning is an error where a function or a route answers with it.
func TestBrokenListsHoldErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "emulate.yaml")
	text := "functions:\n  f: {cod: ./f}\napis:\n  web: {kind: http, routes: {GET /: none, GET /f: f}}\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p, told, err := Load(Options{Path: file, Lenient: true})
	if err != nil || p == nil {
		t.Fatalf("project %v, told %v: %v", p, told, err)
	}
	for _, d := range told {
		if d.Severity != Warning {
			t.Errorf("told: %s", d)
		}
	}
	broken := append([]Diagnostic(nil), p.Functions[0].Broken...)
	for _, r := range p.APIs[0].Routes {
		broken = append(broken, r.Broken...)
	}
	if len(broken) < 2 {
		t.Errorf("only %v", broken)
	}
	for _, d := range broken {
		if d.Severity != Error {
			t.Errorf("broken: %s", d)
		}
	}
}
