package sandbox

import (
	"cmp"
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
	groups, mounts, err := cgroupTables(pid)
	if err != nil {
		return containerCgroup{}
	}
	c := containerCgroup{init: pid}
	unified := string(lookUpCgroup(groups, mounts, ""))
	if c.cpu = string(lookUpCgroup(groups, mounts, cpuController)); c.cpu == "" && unified != "" {
		if _, err := os.Stat(filepath.Join(unified, "cpu.max")); err == nil {
			c.cpu, c.v2 = unified, true
		}
	}
	c.procs = cmp.Or(string(lookUpCgroup(groups, mounts, "memory")), unified, c.cpu)
	return c
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
