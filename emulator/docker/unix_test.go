//go:build unix

package docker

import (
	"os"
	"os/exec"
	"syscall"
)

// asAnother makes the command another user's, where we are root; whoever is not root is another already.
func asAnother(cmd *exec.Cmd) {
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
}
