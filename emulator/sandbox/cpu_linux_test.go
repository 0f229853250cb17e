package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/emulate/emulator/lambda"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestQuotaOf(t *testing.T) {
	for memory, want := range map[int]time.Duration{
		128: 1447 * time.Microsecond, 129: 1458 * time.Microsecond, 512: 5788 * time.Microsecond, 1769: 20 * time.Millisecond,
		3008: 34007 * time.Microsecond, 10240: 115771 * time.Microsecond, 64: time.Millisecond,
	} {
		if got := quotaOf(memory); got != want {
			t.Errorf("%d MB: %v, want %v", memory, got, want)
		}
	}
}

func TestVisibleCPUs(t *testing.T) {
	for memory, want := range map[int]int{0: 0, 128: 2, 3008: 2, 3009: 3, 5307: 3, 5308: 4, 7076: 4, 7077: 5, 8845: 5, 8846: 6, 10240: 6} {
		if got := visibleCPUs(memory); got != want {
			t.Errorf("%d MB: %d, want %d", memory, got, want)
		}
	}
}

func TestChooseCPUs(t *testing.T) {
	all := []int{0, 1, 4, 5, 7}
	var got [][]int
	for turn := range 5 {
		got = append(got, chooseCPUs(all, 2, turn))
	}
	if diff := cmp.Diff([][]int{{0, 1}, {4, 5}, {7, 0}, {1, 4}, {5, 7}}, got); diff != "" {
		t.Error(diff)
	}
	for _, n := range []int{5, 6} {
		if got := chooseCPUs(all, n, 1); got != nil {
			t.Errorf("%d of 5: %v, want no choice", n, got)
		}
	}
}

// Where this machine has more CPUs than Lambda shows, a process gets as many as are documented, and the next one is not bound by that.
func TestCPUsThatAreSeen(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	p.Limits()
	all := p.host.spawner.cpus
	if len(all) == 0 {
		t.Fatal("no CPUs are known")
	}
	seen := func(memory int) int {
		sl, err := p.slots.get()
		if err != nil {
			t.Fatal(err)
		}
		sl.memoryMB = memory
		out := newRecord()
		o, w, err := newOutput(out.output, &p.buffers)
		if err != nil {
			t.Fatal(err)
		}
		s := spec(script(t, "grep Cpus_allowed_list /proc/self/status"), out)
		l, err := p.plan(context.Background(), s, sl)
		if err != nil {
			t.Fatal(err)
		}
		c, err := p.host.start(l, w)
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		in := newInstance(p, s, sl, c, o)
		in.run()
		wait(t, in)
		stop(t, in, 0)
		return countCPUs(t, out.await(t, "Cpus_allowed_list:\t"))
	}
	check := func(memory, want int) {
		t.Helper()
		if got := seen(memory); got != want {
			t.Errorf("%d MB: %d CPUs are seen, want %d", memory, got, want)
		}
	}
	check(128, min(2, len(all)))
	p.host.spawner.do(func() { p.host.spawner.cpus = slices.Concat(all, all) }) // as if there were twice as many
	check(128, min(2, len(all)))
	check(0, len(all))
	p.host.spawner.do(func() { // the first two are one
		p.host.spawner.cpus, p.host.spawner.turn = append(slices.Repeat(all[:1], 2), all...), 0
	})
	check(128, 1)
	check(10240, len(all))
}

// countCPUs counts a list like 0-3,7.
func countCPUs(t *testing.T, list string) int {
	t.Helper()
	n := 0
	for part := range strings.SplitSeq(list, ",") {
		first, last, ok := strings.Cut(part, "-")
		if !ok {
			last = first
		}
		a, err1 := strconv.Atoi(first)
		b, err2 := strconv.Atoi(last)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		n += b - a + 1
	}
	return n
}

// counters of a busy environment, from the cgroups.
type counters struct {
	// They were read between begin and end.
	begin, end         time.Time
	usage              time.Duration
	periods, throttled int64
}

// count reads them: the CPU time from the environment's cgroup v2, whose cpu.stat needs no controller, the windows from where the limit is.
func count(t *testing.T, sl *slot) counters {
	t.Helper()
	c := counters{begin: time.Now()}
	for _, dir := range []string{string(sl.cgroup), string(sl.cpu.cgroup)} {
		for line := range strings.Lines(read(t, dir+"/cpu.stat")) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			switch key {
			case "usage_usec":
				c.usage = time.Duration(n) * time.Microsecond
			case "nr_periods":
				c.periods = n
			case "nr_throttled":
				c.throttled = n
			}
		}
	}
	c.end = time.Now()
	return c
}

// limitable starts a Process on a machine where CPU time can be limited and cgroup v2 counts it, as where the tests run.
func limitable(t *testing.T) (*Process, bool) {
	t.Helper()
	p := newProcess(t, ProcessOptions{})
	return p, permitted(t, p, "CPU not limited") && permitted(t, p, "no cgroups")
}

// Busy loops get the CPU time that their memory buys, within 15 %, by the cgroup's own counters. Where they were throttled in a window, they had had all
// that it gives; in the others this machine was too busy itself.
func TestMemoryBuysCPU(t *testing.T) {
	p, ok := limitable(t)
	if !ok {
		return
	}
	for _, memory := range []int{128, 512, 1024, 1769} {
		t.Run(fmt.Sprint(memory), func(t *testing.T) {
			out := newRecord()
			s := spec(helperCode(t), out, "MODE", "busy")
			s.Function.MemoryMB = memory
			in := start(t, p, s)
			sl := in.(*instance).slot
			out.await(t, "pid ")
			before := count(t, sl)
			eventually(t, "CPU time in INIT", func() bool { return count(t, sl).usage-before.usage > 200*time.Millisecond })
			if got := count(t, sl); got.throttled != before.throttled {
				t.Errorf("throttled %d times in INIT", got.throttled-before.throttled)
			}
			if err := in.(lambda.CPULimiter).LimitCPU(); err != nil {
				t.Fatal(err)
			}
			a := count(t, sl)
			eventually(t, "two seconds", func() bool { return time.Since(a.end) > 2*time.Second })
			b := count(t, sl)
			// The time between the two readings is not known better than that.
			used, longest, shortest := float64(b.usage-a.usage), float64(b.end.Sub(a.begin)), float64(b.begin.Sub(a.end))
			want := float64(memory) / oneCPU
			windows, throttled := longest/float64(cpuWindow), b.throttled-a.throttled
			t.Logf("%.3f of a CPU, want %.3f; throttled in %d of %.0f windows", used/longest, want, throttled, windows)
			if used/longest > 1.15*want {
				t.Errorf("%.3f of a CPU, want at most %.3f", used/longest, 1.15*want)
			}
			if least := 0.85 * want * min(1, float64(throttled)/windows); used/shortest < least {
				t.Errorf("%.3f of a CPU, want at least %.3f", used/shortest, least)
			}
			if b.periods-a.periods > int64(windows)+2 {
				t.Errorf("%d windows in %v", b.periods-a.periods, b.end.Sub(a.begin))
			}
			stop(t, in, 0)
		})
	}
}

// The limit ends with the processes: a reset runtime has an INIT, and so has the next environment in a recycled slot.
func TestCPULimitIsLifted(t *testing.T) {
	for name, o := range map[string]ProcessOptions{"all": {}, "v1": {onlyV1: true}} {
		t.Run(name, func(t *testing.T) {
			code := outsideTmp(t) // so that nothing is kept in the slot's /tmp
			write(t, filepath.Join(code, "bootstrap"), read(t, filepath.Join(helperCode(t), "bootstrap")))
			o.TempDir, o.CacheDir = outsideTmp(t), outsideTmp(t)
			p := newProcess(t, o)
			if !permitted(t, p, "CPU not limited") {
				return
			}
			out := newRecord()
			in := start(t, p, spec(code, out, "MODE", "family"))
			out.await(t, "pid ")
			checkLimited(t, in, false)
			limit(t, in)
			checkLimited(t, in, true)
			limit(t, in) // twice is once
			everyProcessIsLimited(t, in, out)

			if err := in.(lambda.Freezer).Freeze(); err != nil {
				t.Fatal(err)
			}
			next, err := in.Reset(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			checkLimited(t, next, false)
			limit(t, in) // late: it has been reset
			checkLimited(t, next, false)
			limit(t, next)
			checkLimited(t, next, true)
			sl := next.(*instance).slot
			if err := next.Kill(context.Background()); err != nil {
				t.Fatal(err)
			}
			checkLimited(t, next, false)
			limit(t, next)
			checkLimited(t, next, false)
			stop(t, next, 0)
			limit(t, next)

			again := start(t, p, spec(code, newRecord(), "MODE", "sleep"))
			if reused := again.(*instance).slot == sl; reused != (p.host.cgroups != "") {
				t.Errorf("the slot is used again: %v", reused)
			}
			checkLimited(t, again, false)
			stop(t, again, 0)
		})
	}
}

func limit(t *testing.T, in lambda.Instance) {
	t.Helper()
	if err := in.(lambda.CPULimiter).LimitCPU(); err != nil {
		t.Fatal(err)
	}
}

// checkLimited checks whether the kernel limits the environment.
func checkLimited(t *testing.T, in lambda.Instance, want bool) {
	t.Helper()
	g := in.(*instance).slot.cpu
	file, none := "/cpu.max", "max"
	if g.v1 {
		file, none = "/cpu.cfs_quota_us", "-1"
	}
	if text := read(t, string(g.cgroup)+file); strings.HasPrefix(text, none) == want {
		t.Errorf("%s has %q, limited should be %v", file, text, want)
	}
}

// everyProcessIsLimited checks that the children of a family are in the group as well, and nothing else is.
func everyProcessIsLimited(t *testing.T, in lambda.Instance, out *record) {
	t.Helper()
	var want []int
	for _, prefix := range []string{"pid ", "child false ", "child true "} {
		pid, err := strconv.Atoi(out.await(t, prefix))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, pid)
	}
	got := in.(*instance).slot.cpu.pids()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// More than one CPU is a limit too; all that there are is none, and costs nothing.
func TestMemoryThatBuysAllCPUs(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	if !permitted(t, p, "CPU not limited") {
		return
	}
	all := len(p.host.spawner.cpus)
	for memory, want := range map[int]bool{1769*all - 1: true, 1769 * all: false, 1769*all + 1: false} {
		out := newRecord()
		s := spec(helperCode(t), out, "MODE", "sleep")
		s.Function.MemoryMB = memory
		in := start(t, p, s)
		pid := out.await(t, "pid ")
		limit(t, in)
		checkLimited(t, in, want)
		g := in.(*instance).slot.cpu
		if got := slices.Contains(strings.Fields(read(t, string(g.cgroup)+"/cgroup.procs")), pid); g.v1 && got != want {
			t.Errorf("%d MB of %d CPUs: in the group %v, want %v", memory, all, got, want)
		}
		stop(t, in, 0)
	}
}

// The option switches it off, and Limits tell so.
func TestNoCPULimit(t *testing.T) {
	p := newProcess(t, ProcessOptions{NoCPULimit: true})
	if got := strings.Join(p.Limits(), "\n"); !strings.Contains(got, "CPU not limited: as asked") {
		t.Errorf("Limits: %s", got)
	}
	out := newRecord()
	in := start(t, p, spec(helperCode(t), out, "MODE", "sleep"))
	limit(t, in)
	if sl := in.(*instance).slot; sl.cpu != (cpuGroup{}) || sl.memoryMB != 0 {
		t.Errorf("it has the group %+v and %d MB", sl.cpu, sl.memoryMB)
	}
	stop(t, in, 0)
}

// After Close no group is left in the cpu hierarchy of v1.
func TestCPUGroupsAreRemoved(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	if !permitted(t, p, "CPU not limited") || p.host.cpu.prefix == "" {
		return
	}
	groups := func() []string {
		left, err := filepath.Glob(p.host.cpu.prefix + "*")
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	out := newRecord()
	stop(t, start(t, p, spec(helperCode(t), newRecord(), "MODE", "sleep")), 0)
	in := start(t, p, spec(helperCode(t), out, "MODE", "family"))
	out.await(t, "pid ")
	limit(t, in)
	if err := in.(lambda.Freezer).Freeze(); err != nil {
		t.Fatal(err)
	}
	if n := len(groups()); n != 1 {
		t.Errorf("%d groups for one slot", n)
	}
	if err := p.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if left := groups(); left != nil {
		t.Errorf("left: %v", left)
	}
}

// The next emulator removes the groups of one that died together with its watchdog.
func TestCPUGroupsAreSwept(t *testing.T) {
	temp := t.TempDir()
	p := newProcess(t, ProcessOptions{TempDir: t.TempDir(), CacheDir: temp})
	if !permitted(t, p, "CPU not limited") || p.host.cpu.prefix == "" {
		return
	}
	prefix := filepath.Join(filepath.Dir(p.host.cpu.prefix), sessionPrefix+"dead-"+filepath.Base(temp))
	left, err := cpuGroups{prefix: prefix}.child("1", "")
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(temp, sessionPrefix+"dead")
	write(t, filepath.Join(dead, lockName), "\n"+prefix)
	sweep(temp, time.Now())
	for _, path := range []string{dead, string(left.cgroup)} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}

// A group above that has less than the memory buys holds by itself.
func TestCPULimitBelowALowerOne(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	if !permitted(t, p, "CPU not limited") || p.host.cpu.prefix == "" {
		return
	}
	above, err := p.host.cpu.child("above", "")
	if err != nil {
		t.Fatal(err)
	}
	defer above.remove()
	if err := above.limit(quotaOf(512)); err != nil {
		t.Fatal(err)
	}
	below, err := cpuGroups{prefix: filepath.Join(string(above.cgroup), "x")}.child("1", "")
	if err != nil {
		t.Fatal(err)
	}
	defer below.remove()
	for memory, want := range map[int]string{128: "1447\n", 1769: "-1\n"} {
		if err := errors.Join(below.lift(), below.limit(quotaOf(memory))); err != nil {
			t.Errorf("%d MB: %v", memory, err)
		}
		if got := read(t, string(below.cgroup)+"/cpu.cfs_quota_us"); got != want {
			t.Errorf("%d MB: quota %q, want %q", memory, got, want)
		}
	}
}

// With cgroup v2 the environments' own groups are limited. The files are ordinary ones here: the kernel has its controllers in v1 or in v2.
func TestCPULimitOfV2(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "cpu.max"), "max 100000\n")
	g, err := cpuGroups{unified: true}.child("1", cgroup(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.limit(quotaOf(1024)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(dir, "cpu.max")); !strings.HasPrefix(got, "11577 20000") {
		t.Errorf("cpu.max has %q", got)
	}
	if err := errors.Join(g.lift(), g.remove()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(dir, "cpu.max")); !strings.HasPrefix(got, "max") {
		t.Errorf("cpu.max has %q", got)
	}
}

// The emulator itself stays where it was.
func TestSpawnerComesHome(t *testing.T) {
	before, err := cgroupOf(os.Getpid(), cpuController)
	if err != nil {
		t.Fatal(err)
	}
	p := newProcess(t, ProcessOptions{})
	stop(t, start(t, p, spec(helperCode(t), newRecord())), 0)
	p.host.spawner.do(func() {
		if here, err := cgroupOf(unix.Gettid(), cpuController); err != nil || here != before {
			t.Errorf("the spawner is in %q, the emulator was in %q: %v", here, before, err)
		}
		p.host.spawner.home += "/no such"
		if err := p.host.spawner.goHome(); err != nil && before != "" {
			t.Errorf("it does not find its way: %v", err)
		}
	})
}
