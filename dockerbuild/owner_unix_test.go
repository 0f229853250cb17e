//go:build unix

package dockerbuild

import (
	"io/fs"
	"syscall"
)

// owner is the user that a file belongs to.
func owner(st fs.FileInfo) int { return int(st.Sys().(*syscall.Stat_t).Uid) }
