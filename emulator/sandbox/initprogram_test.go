package sandbox

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// The Makefile's digest of the sources is ours: only then is what it built taken.
func TestInitDigestIsTheMakefiles(t *testing.T) {
	out, err := exec.Command("sh", "-c", "ls inside/*.go | grep -v _test.go | LC_ALL=C sort | xargs cat | sha256sum").Output()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := initDigest()
	if want, _, _ := strings.Cut(string(out), " "); err != nil || digest != want {
		t.Errorf("digest %s, the Makefile's %s: %v", digest, want, err)
	}
}

func TestEmbeddedInit(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte("program"))
	z.Close()
	files := fstest.MapFS{
		"initbin/sources.sha256":      {Data: []byte("abc\n")},
		"initbin/init-linux-amd64.gz": {Data: packed.Bytes()},
		"initbin/init-linux-arm64.gz": {Data: packed.Bytes()[:5]},
	}
	for _, test := range []struct {
		digest, arch, want string
		fails              bool
	}{
		{"abc", "amd64", "program", false},
		{"other", "amd64", "", false},
		{"abc", "riscv64", "", false},
		{"abc", "arm64", "", true},
	} {
		got, err := embeddedInit(files, test.digest, test.arch)
		if string(got) != test.want || (err != nil) != test.fails {
			t.Errorf("%+v: got %q, %v", test, got, err)
		}
	}
}

func TestInitIsBuiltWithTheGoCommand(t *testing.T) {
	program, err := buildInit(t.Context(), t.TempDir(), "arm64")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "init")
	if err := os.WriteFile(file, program, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if libraries, err := f.ImportedLibraries(); f.Machine != elf.EM_AARCH64 || err != nil || len(libraries) > 0 {
		t.Errorf("machine %v, libraries %v %v", f.Machine, libraries, err)
	}
}

func TestNoGoCommandAndNoEmbeddedInit(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := buildInit(t.Context(), t.TempDir(), "amd64"); err == nil || !strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has no mend: %v", err)
	}
}
