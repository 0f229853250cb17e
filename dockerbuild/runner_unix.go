//go:build unix

package dockerbuild

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the tool into a process group of its own and kills the whole group on cancel: go, npm and make do their work in children. It also
// keeps the terminal's interrupt away from the tool, which the emulator passes on by cancelling.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
