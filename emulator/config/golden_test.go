package config

import (
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what Load gives into the golden files")

// TestGolden loads each project of testdata/*.txtar and compares the model and the diagnostics with what the archive says. An archive holds the
// project's files (a name that ends in "/" makes an empty folder), and:
//
//	options.json  Options, where they are not the zero value; Path is relative to the archive's files
//	want.json     the Project without empty fields, "$DIR" for its folder; absent where Load gives none
//	want.txt      the diagnostics as a terminal shows them
//
// A file whose first line is "#!" is executable. `go test -run Golden -update` writes the two want files.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			want, wantText, opts := unpack(t, archive, dir)
			got, gotText := load(t, opts, dir)
			if *update {
				repack(t, name, archive, got, gotText)
				return
			}
			if diff := cmp.Diff(wantText, gotText); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("project (-want +got):\n%s", diff)
			}
		})
	}
}

func unpack(t *testing.T, archive *txtar.Archive, dir string) (want, wantText string, opts Options) {
	t.Helper()
	for _, f := range archive.Files {
		switch f.Name {
		case "want.json":
			want = string(f.Data)
			continue
		case "want.txt":
			wantText = string(f.Data)
			continue
		case "options.json":
			if err := json.Unmarshal(f.Data, &opts); err != nil {
				t.Fatalf("options.json: %v", err)
			}
			continue
		}
		writeFile(t, dir, f.Name, f.Data)
	}
	opts.Path = filepath.Join(dir, opts.Path)
	if opts.EnvFile != "" {
		opts.EnvFile = filepath.Join(dir, opts.EnvFile)
	}
	return want, wantText, opts
}

func writeFile(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	path, mode := filepath.Join(dir, name), fs.FileMode(0o644)
	if strings.HasSuffix(name, "/") {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		return
	}
	if strings.HasPrefix(string(data), "#!") {
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
}

// load returns the project as JSON ("" where there is none) and the diagnostics as text, with "$DIR" for the archive's folder.
func load(t *testing.T, opts Options, dir string) (project, text string) {
	t.Helper()
	p, diags, err := Load(opts)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	var b strings.Builder
	for _, d := range diags {
		b.WriteString(d.String() + "\n")
	}
	if p != nil {
		data, err := json.MarshalIndent(compact(reflect.ValueOf(p)), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		project = strings.ReplaceAll(string(data), dir, "$DIR") + "\n"
	}
	text = strings.ReplaceAll(b.String(), dir+string(filepath.Separator), "")
	return project, strings.ReplaceAll(text, dir, "$DIR")
}

// compact turns a model into maps without its empty fields, so that a golden file shows what was said and no more. Positions become text.
func compact(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case Position:
		return x.String()
	case time.Duration:
		return x.String()
	case Diagnostic:
		return x.Message
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return compact(v.Elem())
	case reflect.Struct:
		m := map[string]any{}
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				m[v.Type().Field(i).Name] = compact(f)
			}
		}
		return m
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = compact(v.Index(i))
		}
		return list
	}
	return v.Interface()
}

func repack(t *testing.T, name string, archive *txtar.Archive, project, text string) {
	t.Helper()
	out := &txtar.Archive{Comment: archive.Comment}
	for _, f := range archive.Files {
		if f.Name != "want.json" && f.Name != "want.txt" {
			out.Files = append(out.Files, f)
		}
	}
	if text != "" {
		out.Files = append(out.Files, txtar.File{Name: "want.txt", Data: []byte(text)})
	}
	if project != "" {
		out.Files = append(out.Files, txtar.File{Name: "want.json", Data: []byte(project)})
	}
	if err := os.WriteFile(name, txtar.Format(out), 0o644); err != nil {
		t.Fatal(err)
	}
}
