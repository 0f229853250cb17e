package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// makeCgroup makes the cgroup of this emulator, "" where that is not permitted or the kernel is too old. It stands below own, the one in which the
// emulator runs; or, where cpu is wanted, below the nearest one above that lends its children the cpu controller: a cgroup with processes of its own
// cannot. It does not leave one that has limits.
func makeCgroup(own cgroup, name string, cpu bool) (c cgroup, lends bool) {
	if own == "" {
		return "", false
	}
	for parent := own; ; parent = cgroup(filepath.Dir(string(parent))) {
		made := parent.session(name)
		switch {
		case made != "" && cpu && (made.lend(cpuController) || parent.isRoot() && parent.lend(cpuController) && made.lend(cpuController)):
			c.remove()
			return made, true
		case c == "":
			c = made
		default:
			made.remove()
		}
		if !cpu || parent.bounded() || unix.Access(filepath.Dir(string(parent))+"/cgroup.procs", unix.W_OK) != nil {
			return c, false
		}
	}
}

// session makes the cgroup of an emulator below c, "" where it would not have all that is needed.
func (c cgroup) session(name string) cgroup {
	made, err := c.child(name)
	if err != nil {
		return ""
	}
	for _, file := range []string{"cgroup.freeze", "cgroup.kill", "cgroup.events"} {
		if unix.Access(string(made)+"/"+file, unix.R_OK) != nil && unix.Access(string(made)+"/"+file, unix.W_OK) != nil {
			made.remove()
			return ""
		}
	}
	return made
}

// lend gives the children of c a controller, if c has it.
func (c cgroup) lend(controller string) bool {
	text, err := os.ReadFile(string(c) + "/cgroup.controllers")
	return err == nil && slices.Contains(strings.Fields(string(text)), controller) && c.write("cgroup.subtree_control", "+"+controller) == nil
}

// isRoot tells the root of the hierarchy, which may have processes beside children: it alone has no type.
func (c cgroup) isRoot() bool {
	return unix.Access(string(c)+"/cgroup.type", unix.F_OK) == unix.ENOENT && unix.Access(string(c)+"/cgroup.controllers", unix.F_OK) == nil
}

// bounded says that c limits what its processes use.
func (c cgroup) bounded() bool {
	for _, file := range []string{"cpu.max", "memory.max", "memory.high"} {
		if text, err := c.read(file); err == nil && !strings.HasPrefix(text, "max") {
			return true
		}
	}
	return false
}

// cgroupOf is the folder of the cgroup of a process: in the hierarchy of v1 that has the controller, or in that of v2 where controller is "". It is ""
// where there is no such hierarchy, or it is not mounted here.
func cgroupOf(pid int, controller string) (cgroup, error) {
	groups, mounts, err := cgroupTables(pid)
	if err != nil {
		return "", err
	}
	return lookUpCgroup(groups, mounts, controller), nil
}

// cgroupTables are the cgroups of a process (cgroups(7)), and what is mounted here.
func cgroupTables(pid int) (groups, mountinfo string, err error) {
	g, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return "", "", fmt.Errorf("find the cgroup of process %d: %w", pid, err)
	}
	m, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", "", fmt.Errorf("find the cgroup of process %d: %w", pid, err)
	}
	return string(g), string(m), nil
}

// lookUpCgroup finds in these tables what cgroupOf tells.
func lookUpCgroup(groups, mountinfo, controller string) cgroup {
	for line := range strings.Lines(groups) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) == 3 && slices.Contains(strings.Split(fields[1], ","), controller) {
			return findCgroup(fields[2], mountinfo, controller)
		}
	}
	return ""
}

// findCgroup finds the folder of the cgroup path of a hierarchy, named as in cgroupOf, in a mountinfo table (proc_pid_mountinfo(5)).
func findCgroup(path, mountinfo, controller string) cgroup {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(kind) < 3 || !isHierarchy(kind[0], kind[2], controller) {
			continue
		}
		root, point := unescape.Replace(fields[3]), unescape.Replace(fields[4])
		if rest, ok := strings.CutPrefix(path, strings.TrimSuffix(root, "/")); ok && (rest == "" || rest[0] == '/') {
			return cgroup(filepath.Join(point, rest))
		}
	}
	return ""
}

// isHierarchy says whether a file system is the hierarchy that has the controller.
func isHierarchy(fstype, options, controller string) bool {
	if controller == "" {
		return fstype == "cgroup2"
	}
	return fstype == "cgroup" && slices.Contains(strings.Split(options, ","), controller)
}
