package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// cpuController is the name of the controller in both versions.
const cpuController = "cpu"

// findCPU finds out where the CPU time of environments can be limited: in the cgroups that c will have, if it lends them the controller; or in the
// cpu hierarchy of cgroup v1, also beside a v2 without controllers. why says what stands in the way, where something does.
func findCPU(s *spawner, c cgroup, lends bool, name string) (g cpuGroups, why string) {
	if lends {
		return cpuGroups{unified: true}, ""
	}
	own, err := cgroupOf(os.Getpid(), cpuController)
	switch {
	case err != nil:
		return cpuGroups{}, err.Error()
	case own != "":
		g = cpuGroups{prefix: filepath.Join(string(own), name)}
		if err := s.tryCPU(g, own); err != nil {
			return cpuGroups{}, err.Error()
		}
		return g, ""
	case c != "":
		return cpuGroups{}, fmt.Sprintf("the cpu controller is not enabled in %s", filepath.Dir(string(c)))
	}
	return cpuGroups{}, "no cgroup with a cpu controller can be made here"
}

// tryCPU makes a group, limits it, moves the spawner's thread there and back to home, and removes the group.
func (s *spawner) tryCPU(groups cpuGroups, home cgroup) error {
	g, err := groups.child("trial", "")
	if err != nil {
		return fmt.Errorf("make a cgroup: %w", err)
	}
	err = g.limit(quotaOf(oneCPU))
	if err == nil {
		s.do(func() {
			s.home = home
			if err = s.join(g); err == nil {
				err = s.goHome()
			}
		})
	}
	if err = errors.Join(err, g.remove()); err != nil {
		s.do(func() { s.home = "" })
	}
	return err
}

// join moves the spawner's thread into a group of cgroup v1, so that what it starts is there from the beginning. To move a process takes the kernel
// milliseconds, to move the calling thread a few microseconds (Linux 5.17 and later).
func (s *spawner) join(g cpuGroup) error {
	if !g.v1 {
		return nil
	}
	return g.write("tasks", "0")
}

// goHome moves the thread back to where the rest of the emulator is, which somebody may have moved elsewhere meanwhile.
func (s *spawner) goHome() error {
	err := s.home.write("tasks", "0")
	if err == nil {
		return nil
	}
	home, found := cgroupOf(os.Getpid(), cpuController)
	if found != nil || home == "" {
		return errors.Join(err, found)
	}
	s.home = home
	return s.home.write("tasks", "0")
}

// pin lets the thread, and with it what it starts, see n of this machine's CPUs; 0 means all.
func (s *spawner) pin(n int) error {
	if n == 0 || n >= len(s.cpus) {
		n = 0
	}
	if n == 0 && !s.pinned {
		return nil
	}
	chosen := s.cpus
	if n > 0 {
		chosen = chooseCPUs(s.cpus, n, s.turn)
		s.turn++
	}
	var set unix.CPUSet
	for _, cpu := range chosen {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("choose CPUs: %w", err)
	}
	s.pinned = n > 0
	return nil
}

// ownCPUs are the CPUs on which the calling thread may run.
func ownCPUs() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	var cpus []int
	for cpu := range 8 * len(set) * 8 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}
