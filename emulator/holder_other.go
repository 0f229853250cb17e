//go:build !linux

package emulator

import (
	"fmt"
	"os/exec"
	"strings"
)

// holder names the process that listens on a TCP port, where lsof is there to tell: "node (pid 4711)".
func holder(port int) string {
	out, err := exec.Command("lsof", "-nP", "-sTCP:LISTEN", "-Fpc", fmt.Sprintf("-iTCP:%d", port)).Output()
	if err != nil {
		return ""
	}
	var pid, name string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "p") && pid == "":
			pid = line[1:]
		case strings.HasPrefix(line, "c") && name == "":
			name = line[1:]
		}
	}
	if pid == "" {
		return ""
	}
	return fmt.Sprintf("%s (pid %s)", name, pid)
}
