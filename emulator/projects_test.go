//go:build unix

package emulator_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/emulatortest"
)

var variable = regexp.MustCompile(`\{[^}]*\}`)

// platformErrors are failures before the code of a function has run.
var platformErrors = regexp.MustCompile(`"errorType": ?"(Runtime|Sandbox)\.`)

// Templates as public projects write them are served: every GET route answers by its function, every function can be invoked.
func TestProjectsAreServed(t *testing.T) {
	dirs, err := filepath.Glob("config/testdata/projects/*")
	if err != nil {
		t.Fatal(err)
	}
	served := 0
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		served++
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			var o config.Options
			if data, err := os.ReadFile(dir + ".options.json"); err == nil {
				if err := json.Unmarshal(data, &o); err != nil {
					t.Fatal(err)
				}
			}
			e := emulatortest.Start(t, filepath.Join(dir, o.Path), func(eo *emulator.Options) { eo.Parameters = o.Parameters })
			for _, a := range e.Emulator().Served().APIs {
				for _, r := range a.Routes {
					if r.Method != "GET" && r.Method != "ANY" || r.Path == "$default" {
						continue
					}
					path := "/" + strings.TrimPrefix(variable.ReplaceAllString(r.Path, "42"), "/")
					if a.Kind == "rest" {
						path = "/" + a.Stage + path
					}
					if got := get(t, http.DefaultClient, a.URL+path); got.status >= 500 {
						t.Errorf("GET %s answers %d %s", path, got.status, got.body)
					}
				}
			}
			for _, f := range e.Emulator().Served().Functions {
				// An event that a function does not know may fail in its code; it must not fail before.
				r, err := e.Emulator().Invoke(t.Context(), f.Name, []byte("{}"))
				if err != nil {
					t.Errorf("invoke %s: %v", f.Name, err)
				} else if r.FunctionError != "" && platformErrors.Match(r.Payload) {
					t.Errorf("invoke %s: %s", f.Name, r.Payload)
				}
			}
		})
	}
	if served < 10 {
		t.Errorf("only %d projects", served)
	}
}
