package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// program is emulate as users have it: without the race detector, whose cost would be part of what is measured.
var program built

// built is a program that is built when a test first needs it, for all of them.
type built struct {
	once sync.Once
	path string
	err  error
}

func (b *built) build() (path string, err error) {
	b.once.Do(func() {
		dir, err := os.MkdirTemp("", "emulate-test-")
		if err != nil {
			b.err = err
			return
		}
		b.path = filepath.Join(dir, "emulate")
		if out, err := exec.Command("go", "build", "-o", b.path, ".").CombinedOutput(); err != nil {
			b.err = fmt.Errorf("build emulate: %w\n%s", err, out)
		}
	})
	return b.path, b.err
}

func (b *built) remove() error {
	if b.path == "" {
		return nil
	}
	return os.RemoveAll(filepath.Dir(b.path))
}

// tests removes the program after the last test.
type tests struct{ *testing.M }

func (m tests) Run() int {
	code := m.M.Run()
	if err := program.remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// goEnv is a setting of the Go tool.
func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
