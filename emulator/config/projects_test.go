package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestProjects loads whole projects, as people write them, and compares the model and the diagnostics with NAME.golden. Options stand in
// NAME.options.json. `go test -run Projects -update` writes the golden files.
func TestProjects(t *testing.T) {
	entries, err := os.ReadDir("testdata/projects")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		count++
		t.Run(e.Name(), func(t *testing.T) { testProject(t, filepath.Join("testdata/projects", e.Name())) })
	}
	if count < 10 {
		t.Errorf("only %d projects", count)
	}
}

func testProject(t *testing.T, dir string) {
	opts := Options{}
	if data, err := os.ReadFile(dir + ".options.json"); err == nil {
		if err := json.Unmarshal(data, &opts); err != nil {
			t.Fatal(err)
		}
	}
	opts.Path = filepath.Join(dir, opts.Path)
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	project, text := load(t, opts, abs)
	if project == "" {
		t.Fatalf("not served:\n%s", text)
	}
	got := strings.ReplaceAll(text, dir+string(filepath.Separator), "") + strings.ReplaceAll(project, dir+string(filepath.Separator), "")
	if *update {
		if err := os.WriteFile(dir+".golden", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(dir + ".golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("project (-want +got):\n%s", diff)
	}
}
