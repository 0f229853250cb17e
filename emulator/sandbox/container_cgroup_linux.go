package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// containerCgroup is where this machine's kernel counts a container, "" where it is another machine's or not to be seen.
type containerCgroup struct {
	// init is the pid of the container's first process.
	init int
	// cpu and procs are the folders with the CPU's quota and with the list of processes. v2 says how the first is written.
	cpu, procs string
	v2         bool
}

// findContainerCgroup finds the cgroups of an init on this machine.
func findContainerCgroup(pid int) containerCgroup {
	if pid == 0 {
		return containerCgroup{}
	}
	paths, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return containerCgroup{}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return containerCgroup{}
	}
	c := containerCgroup{init: pid}
	for line := range strings.Lines(string(paths)) {
		// 4:cpu,cpuacct:/docker/<id> of v1, 0::/system.slice/docker-<id>.scope of v2
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		dir := cgroupDir(string(mounts), controllers, path)
		if dir == "" {
			continue
		}
		if hasController(controllers, "cpu") || controllers == "" && exists(filepath.Join(dir, "cpu.max")) {
			c.cpu, c.v2 = dir, controllers == ""
		}
		if c.procs == "" || hasController(controllers, "memory") {
			c.procs = dir
		}
	}
	return c
}

// cgroupDir is the folder of a cgroup in this machine's file system: v1 by its controllers, v2 by "".
func cgroupDir(mounts, controllers, path string) string {
	for line := range strings.Lines(mounts) {
		// 41 31 0:38 <root> <mount point> <options> … - <type> <source> <super options>
		fields, super, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		f, s := strings.Fields(fields), strings.Fields(super)
		if !ok || len(f) < 5 || len(s) < 3 {
			continue
		}
		v2 := s[0] == "cgroup2" && controllers == ""
		v1 := s[0] == "cgroup" && controllers != "" && strings.HasSuffix(","+s[2], ","+controllers)
		rest, below := strings.CutPrefix(path, strings.TrimSuffix(f[3], "/"))
		if (v1 || v2) && below {
			return filepath.Join(f[4], rest)
		}
	}
	return ""
}

func hasController(list, name string) bool { return strings.Contains(","+list+",", ","+name+",") }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// limitCPU sets the quota per period, both in microseconds; -1 is none.
func (c containerCgroup) limitCPU(period, quota int64) error {
	switch {
	case c.cpu == "":
		return errors.ErrUnsupported
	case !c.v2:
		return errors.Join(writeCgroup(c.cpu, "cpu.cfs_period_us", strconv.FormatInt(period, 10)), writeCgroup(c.cpu, "cpu.cfs_quota_us", strconv.FormatInt(quota, 10)))
	case quota < 0:
		return writeCgroup(c.cpu, "cpu.max", fmt.Sprintf("max %d", period))
	}
	return writeCgroup(c.cpu, "cpu.max", fmt.Sprintf("%d %d", quota, period))
}

func writeCgroup(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// peakMemory is the sum of the peak resident memory of the container's processes without the init, in bytes; false where they are not to be seen.
func (c containerCgroup) peakMemory() (sum int64, ok bool) {
	if c.procs == "" {
		return 0, false
	}
	text, err := os.ReadFile(filepath.Join(c.procs, "cgroup.procs"))
	if err != nil {
		return 0, false
	}
	seen := false
	for line := range strings.Lines(string(text)) {
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil || pid == 0 { // 0 is a process that this machine's processes cannot see
			return 0, false
		}
		if pid == c.init {
			seen = true
			continue
		}
		sum += peakOf(pid)
	}
	return sum, seen
}

// ranOut tells whether the kernel has killed a process of the container because its memory was used up.
func (c containerCgroup) ranOut() bool {
	if c.procs == "" {
		return false
	}
	for _, file := range []string{"memory.oom_control", "memory.events"} { // v1 and v2
		text, err := os.ReadFile(filepath.Join(c.procs, file))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if n, ok := strings.CutPrefix(line, "oom_kill "); ok && strings.TrimSpace(n) != "0" {
				return true
			}
		}
	}
	return false
}
