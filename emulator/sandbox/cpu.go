package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/emulate/emulator/lambda"
)

// A function's memory buys its CPU time: 1,769 MB are one vCPU, given out in windows of 20 ms. What is used up stands still until the next window
// (spec lambda.md §7). The kernel allows no less than 1 ms.
const (
	cpuWindow    = 20 * time.Millisecond
	oneCPU       = 1769 // MB
	minimalQuota = time.Millisecond
)

// quotaOf is the CPU time that memory, in MB, buys in each window.
func quotaOf(memoryMB int) time.Duration {
	return max(minimalQuota, cpuWindow*time.Duration(memoryMB)/oneCPU).Truncate(time.Microsecond)
}

// bites says that a function of that memory, in MB, gets less than all of this machine's CPUs; of 0, where it buys nothing, it does not.
func bites(memoryMB, cpus int) bool {
	return memoryMB > 0 && quotaOf(memoryMB) < cpuWindow*time.Duration(cpus)
}

// visibleCPUs is the number of CPUs that a function of that memory, in MB, sees (spec lambda.md §7). 0 is no number: it sees all.
func visibleCPUs(memoryMB int) int {
	if memoryMB == 0 {
		return 0
	}
	for i, most := range []int{3008, 5307, 7076, 8845} {
		if memoryMB <= most {
			return i + 2
		}
	}
	return 6
}

// chooseCPUs picks n of this machine's CPUs for the environment that is started as the turn-th one: each starts where the one before it ended. nil
// means all of them, where there are not more.
func chooseCPUs(all []int, n, turn int) []int {
	if n >= len(all) {
		return nil
	}
	chosen := make([]int, n)
	for i := range chosen {
		chosen[i] = all[(turn*n+i)%len(all)]
	}
	return chosen
}

// cpuGroups says where the CPU time of a Process's environments is limited. The zero value limits nothing.
type cpuGroups struct {
	// prefix is how the paths of the environments' groups in the cpu hierarchy of cgroup v1 begin, "" where that is not used. They stand beside the
	// emulator: under one roof, all environments together would have the share of a single process where CPUs are short.
	prefix string
	// unified says that the environments' own cgroups have the cpu controller.
	unified bool
}

// child makes the group of an environment, whose cgroup is c.
func (g cpuGroups) child(name string, c cgroup) (cpuGroup, error) {
	switch {
	case g.prefix != "":
		path := g.prefix + "-" + name
		return cpuGroup{cgroup: cgroup(path), v1: true}, os.Mkdir(path, 0o755)
	case g.unified:
		return cpuGroup{cgroup: c}, nil
	}
	return cpuGroup{}, nil
}

// removeAll removes what is left of the groups of an emulator that is dead or about to end.
func (g cpuGroups) removeAll() error {
	if g.prefix == "" {
		return nil
	}
	dir, name := filepath.Split(g.prefix)
	entries, err := os.ReadDir(dir)
	errs := []error{err}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), name+"-") {
			errs = append(errs, cpuGroup{cgroup: cgroup(dir + e.Name()), v1: true}.remove())
		}
	}
	return errors.Join(errs...)
}

// cpuGroup is the cgroup in which the CPU time of one environment is limited: one of its own with v1, the environment's cgroup with v2, or none.
type cpuGroup struct {
	cgroup
	v1 bool
}

// limit lets the processes have quota of CPU time in each window.
func (g cpuGroup) limit(quota time.Duration) error {
	const window = int(cpuWindow / time.Microsecond)
	text := strconv.Itoa(int(quota / time.Microsecond))
	if !g.v1 {
		return g.write("cpu.max", text+" "+strconv.Itoa(window))
	}
	if err := g.write("cpu.cfs_period_us", strconv.Itoa(window)); err != nil {
		return err
	}
	err := g.write("cpu.cfs_quota_us", text)
	if errors.Is(err, syscall.EINVAL) { // a group above has less, which holds
		return nil
	}
	return err
}

// lift lets them have what there is.
func (g cpuGroup) lift() error {
	if g.v1 {
		return g.write("cpu.cfs_quota_us", "-1")
	}
	return g.write("cpu.max", "max")
}

// remove removes a group of v1, and kills what is left in it: where there is no cgroup v2, processes may have got away by setsid. (The emulator is
// in it where the spawner is, which would be a mistake.)
func (g cpuGroup) remove() error {
	if !g.v1 {
		return nil
	}
	err := os.Remove(string(g.cgroup))
	for wait := 100 * time.Microsecond; err != nil && !errors.Is(err, fs.ErrNotExist); wait *= 2 {
		if wait > time.Second {
			return fmt.Errorf("remove cgroup: %w", err)
		}
		for _, pid := range g.pids() {
			if p, err := os.FindProcess(pid); err == nil && pid > 1 && pid != os.Getpid() {
				_ = p.Kill() // it may have ended
			}
		}
		time.Sleep(wait)
		err = os.Remove(string(g.cgroup))
	}
	return nil
}

var _ lambda.CPULimiter = (*instance)(nil)

// limited says whether an environment's CPU time is limited.
type limited int

const (
	unlimited limited = iota
	limitedNow
	buried // and never again
)

// LimitCPU holds the environment to the CPU time that its memory buys, where this machine permits it.
func (in *instance) LimitCPU() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.limited != unlimited || in.reaped || !in.slot.joined {
		return nil
	}
	if err := in.slot.cpu.limit(quotaOf(in.spec.Function.MemoryMB)); err != nil {
		return fmt.Errorf("limit the CPU of environment %s: %w", in.spec.Environment, err)
	}
	in.limited = limitedNow
	return nil
}

// liftCPU ends the limit for good, before the processes are killed: dying takes CPU time too, and the slot's next runtime has an INIT.
func (in *instance) liftCPU() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	was := in.limited
	in.limited = buried
	if was != limitedNow {
		return nil
	}
	return in.slot.cpu.lift()
}
