//go:build !unix

package dockerbuild

import "os/exec"

// ownGroup does nothing where there are no process groups: cancelling kills the tool only.
func ownGroup(*exec.Cmd) {}
