package docker

import (
	"os"
	"path/filepath"
	"testing"
)

// write writes files into a folder; a name that ends in / is a folder, a text that begins with -> a link.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case name[len(name)-1] == '/':
			err = os.MkdirAll(path, 0o755)
		case len(text) > 2 && text[:2] == "->":
			err = os.Symlink(text[2:], path)
		default:
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
