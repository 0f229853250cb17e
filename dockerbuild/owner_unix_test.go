//go:build unix

package dockerbuild

import (
	"debug/elf"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func owner(st fs.FileInfo) int { return int(st.Sys().(*syscall.Stat_t).Uid) }

// interp is the loader that a dynamic program names.
func interp(t *testing.T, a *Artifact) string {
	t.Helper()
	f, err := elf.Open(filepath.Join(a.Dir, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := f.Section(".interp")
	if s == nil {
		return ""
	}
	b, err := io.ReadAll(s.Open())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimRight(string(b), "\x00")
}
