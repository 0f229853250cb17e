package docker

import "os/exec"

// asAnother leaves the command ours: there is no other user to be here.
func asAnother(*exec.Cmd) {}
