package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestBroken holds the exact diagnostics of broken configurations. Each archive of testdata/broken is a table: a case is a folder with the
// project's files and want.txt, what Load says of it. The files of the folder "common" are in every case. `-update` writes the want files.
func TestBroken(t *testing.T) {
	names, err := filepath.Glob("testdata/broken/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out := &txtar.Archive{Comment: archive.Comment}
		for _, c := range cases(archive) {
			out.Files = append(out.Files, broken(t, c)...)
		}
		if *update {
			if err := os.WriteFile(name, txtar.Format(out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// brokenCase is one folder of a table; common are the files that all cases share.
type brokenCase struct {
	name          string
	files, common []txtar.File
}

func cases(archive *txtar.Archive) []*brokenCase {
	var list []*brokenCase
	var common []txtar.File
	for _, f := range archive.Files {
		name, _, _ := strings.Cut(f.Name, "/")
		if len(list) == 0 || list[len(list)-1].name != name {
			list = append(list, &brokenCase{name: name})
		}
		c := list[len(list)-1]
		c.files = append(c.files, f)
		if name == "common" {
			common = append(common, f)
		}
	}
	for _, c := range list {
		c.common = common
	}
	return list
}

// broken runs one case and returns its files as they should be.
func broken(t *testing.T, c *brokenCase) []txtar.File {
	if c.name == "common" {
		return c.files
	}
	var got string
	t.Run(c.name, func(t *testing.T) {
		inner := &txtar.Archive{}
		for _, f := range append(append([]txtar.File{}, c.common...), c.files...) {
			_, f.Name, _ = strings.Cut(f.Name, "/")
			inner.Files = append(inner.Files, f)
		}
		dir := t.TempDir()
		_, want, opts := unpack(t, inner, dir)
		project, text := load(t, opts, dir)
		got = text
		if project != "" || !strings.Contains(text, "error: ") {
			t.Errorf("the configuration is served; diagnostics:\n%s", text)
		}
		if diff := cmp.Diff(want, text); diff != "" && !*update {
			t.Errorf("diagnostics (-want +got):\n%s", diff)
		}
	})
	files := c.files
	if last := len(files) - 1; strings.HasSuffix(files[last].Name, "/want.txt") {
		files = files[:last]
	}
	return append(files, txtar.File{Name: c.name + "/want.txt", Data: []byte(got)})
}
