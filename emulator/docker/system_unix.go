//go:build unix

package docker

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"syscall"
)

// detach gives the command a session of its own.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// groupOf names a file's group; root's is nobody's to join, and stays what engines use by custom.
func groupOf(info os.FileInfo, custom string) string {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Gid != 0 {
		if g, err := user.LookupGroupId(fmt.Sprint(st.Gid)); err == nil {
			return g.Name
		}
	}
	return custom
}
