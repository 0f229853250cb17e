//go:build unix

package docker

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asAnother makes the command another user's, where we are root; whoever is not root is another already.
func asAnother(cmd *exec.Cmd) {
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
}

func TestContextOfOddFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"Dockerfile": "D", "real/Dockerfile": "R", "linked": "->real/Dockerfile", "away/x": ""})
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mknod(filepath.Join(dir, "sock"), syscall.S_IFSOCK|0o644, 0); err != nil {
		t.Fatal(err)
	}
	c, err := openContext(dir, "linked")
	if err != nil || c.dockerfile != "real/Dockerfile" || string(c.recipe) != "R" {
		t.Errorf("%+v, %v", c, err)
	}
	list, _ := listing(t, c)
	if got := strings.Join(list, " "); !strings.Contains(got, "fifo 644") || strings.Contains(got, "sock") {
		t.Error(got)
	}
	// The recipe behind a link that leads out of the context is sent beside it.
	if c, err = openContext(filepath.Join(dir, "away"), "../linked"); err != nil || !c.outside || !strings.HasPrefix(c.dockerfile, ".dockerfile.") {
		t.Errorf("%+v, %v", c, err)
	}
	list, _ = listing(t, c)
	if want := []string{"x 644", ".dockerignore 644 .dockerignore\n" + c.dockerfile, c.dockerfile + " 644 R"}; cmp.Diff(want, list) != "" {
		t.Error(cmp.Diff(want, list))
	}
}
