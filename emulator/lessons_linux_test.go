//go:build linux

package emulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/emulate/emulator"
	bursts "example.com/emulate/emulator/burst"
	"example.com/emulate/emulator/simulate"
	"example.com/emulate/emulator/telemetry"
)

// The lessons are a sample project, testdata/lessons: what each cure of cold starts buys. Each one is learnt live, by a few requests, and simulated.

func serveLessons(t *testing.T, file string) *world {
	t.Helper()
	return serve(t, nil, func(o *emulator.Options) { o.Path = "../testdata/lessons/" + file })
}

// lesson is a simulation of one of the project's files, with settings.
func lesson(t *testing.T, file string, settings ...bursts.Setting) *bursts.Report {
	t.Helper()
	f, err := os.Open("../testdata/lessons/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := simulate.Read(f, file, func(string) (io.ReadCloser, error) { return nil, os.ErrNotExist })
	if err == nil {
		s, err = s.Apply(settings)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// at once asks for all these paths.
func (w *world) atOnce(paths ...string) {
	w.t.Helper()
	var wg sync.WaitGroup
	for _, path := range paths {
		wg.Go(func() {
			if got := get(w.t, http.DefaultClient, w.base("http")+path); got.status != http.StatusOK {
				w.t.Errorf("GET %s answers %d %s", path, got.status, got.body)
			}
		})
	}
	wg.Wait()
}

func repeat(path string, n int) []string {
	return strings.Split(strings.Repeat(path+" ", n-1)+path, " ")
}

// Provisioned concurrency leaves no cold start up to as many requests at once, and what is beyond spills.
func TestLessonProvisioned(t *testing.T) {
	w := serveLessons(t, "emulate.yaml")
	for _, c := range []struct {
		atOnce        int
		wait          string
		colds, spills uint64
	}{{5, "1000", 0, 0}, {8, "8000", 3, 3}} { // long enough for all to come before the first has its answer, where that matters
		if !eventually(after(patience), func() bool { return w.counts("kept").Idle == 5 }) {
			t.Fatalf("%+v, want 5 idle environments", w.counts("kept"))
		}
		w.atOnce(repeat("/kept?wait="+c.wait, c.atOnce)...)
		if got := w.counts("kept"); got.ColdStarts != c.colds || got.Spills != c.spills {
			t.Errorf("%d at once: %d cold starts and %d spilled, want %d and %d", c.atOnce, got.ColdStarts, got.Spills, c.colds, c.spills)
		}
	}
	for n, want := range map[int]int64{0: 200, 10: 100, 20: 0} {
		r := lesson(t, "wave.yaml", bursts.Setting{Name: "provisioned", Value: fmt.Sprint(n)})
		t.Logf("simulated, %d provisioned: %d of %d requests were cold, %d spilled over", n, r.ColdStarts, r.Requests, r.Spillover)
		if r.ColdStarts != want || n > 0 && r.Spillover != want {
			t.Errorf("%d provisioned: %d cold starts and %d spilled, want %d", n, r.ColdStarts, r.Spillover, want)
		}
	}
}

// One function for all paths has fewer cold starts than one for each, on the same traffic: what is warm serves every path.
func TestLessonMonolith(t *testing.T) {
	w := serveLessons(t, "emulate.yaml")
	paths := []string{"list", "show", "order", "pay", "ship"}
	for i := range 10 {
		for _, kind := range []string{"/monolith/", "/routes/"} {
			w.atOnce(kind+paths[i%5]+"?wait=500", kind+paths[(i+1)%5]+"?wait=500")
		}
		w.rest()
	}
	one, many := w.counts("monolith").ColdStarts, uint64(0)
	for _, name := range paths {
		many += w.counts(name).ColdStarts
	}
	t.Logf("live, 20 requests, two at once: one function %d cold starts, a function for each of five paths %d", one, many)
	if one != 2 || many != 5 {
		t.Errorf("%d and %d cold starts, want 2 and 5", one, many)
	}
	mono := lesson(t, "day.yaml", bursts.Setting{Name: "split", Value: "false"})
	split := lesson(t, "day.yaml", bursts.Setting{Name: "split", Value: "true"})
	t.Logf("simulated, a day of %d requests: one function %d cold starts, five functions %d", mono.Requests, mono.ColdStarts, split.ColdStarts)
	if mono.Requests != split.Requests || mono.ColdStarts*2 > split.ColdStarts {
		t.Errorf("of %d requests %d cold starts, of %d requests in five functions %d", mono.Requests, mono.ColdStarts, split.Requests, split.ColdStarts)
	}
}

// Pings that overlap keep as many environments as there are pings, one after the other they keep one; and it is said.
func TestLessonWarmers(t *testing.T) {
	w := serveLessons(t, "warmers.yaml")
	for function, how := range map[string]string{"overlapping": "20 overlapping pings: 20", "sequential": "20 sequential pings: 1"} {
		want := fmt.Sprintf("the warmer of function %s: environments kept by %s (", function, how)
		w.await(0, want, func(e telemetry.Event) bool {
			n, ok := e.Record.(*telemetry.Notice)
			return ok && strings.HasPrefix(n.Text, want)
		})
	}
	if got := w.counts("overlapping"); got.Warmed == nil || got.Warmed.KeptLeast != 20 || got.Warmed.Kept != 20 || got.Warmed.Pings != 20 || got.Environments != 20 {
		t.Errorf("overlapping: %+v, %d environments; want 20 kept", got.Warmed, got.Environments)
	}
	if got := w.counts("sequential"); got.Warmed == nil || got.Warmed.KeptLeast != 1 || got.Warmed.Pings != 20 {
		t.Errorf("sequential: %+v; want 1 kept", got.Warmed)
	}
	for function, line := range map[string]string{"overlapping": "20 pings at once every 5 s kept 20 environments (at least 20,", "sequential": "20 pings one after the other every 5 s kept 1 environment (at least 1,"} {
		url := w.AWSURL() + "/2015-03-31/functions/" + function + "/invocations"
		report := func() string {
			r, err := bursts.Run(t.Context(), bursts.Options{Source: bursts.NewServe(w.AWSURL()),
				Load: bursts.Load{Shape: bursts.AtOnce(1), Request: bursts.Request{Method: http.MethodPost, URL: url, Body: []byte("{}")}}})
			if err != nil {
				t.Fatal(err)
			}
			return r.Summary()
		}
		// It is of the last round, in which a ping may have met another request.
		if !eventually(after(patience), func() bool { return strings.Contains(report(), line) }) {
			t.Errorf("the live report does not say %q:\n%s", line, report())
		}
	}
	r := lesson(t, "warmed.yaml")
	if len(r.Warmers) != 2 || r.Warmers[0].KeptLeast != 20 || r.Warmers[0].KeptLast != 20 || r.Warmers[1].KeptMean != 1 {
		t.Errorf("simulated: %+v", r.Warmers)
	}
	for _, line := range []string{"20 pings at once every 300 s kept 20 environments (at least 20,", "20 pings one after the other every 300 s kept 1 environment (at least 1,"} {
		if !strings.Contains(r.Summary(), line) {
			t.Errorf("the report does not say %q:\n%s", line, r.Summary())
		}
	}
}

// windows counts those in which a process's CPU was limited, and those in which it was wanted: the counters of its cgroup.
type windows struct{ wanted, limited float64 }

// cpuWindows reads the counters of the cgroup that limits a process's CPU: v1's, else v2's.
func cpuWindows(t *testing.T, pid int) windows {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	dir := ""
	for line := range strings.Lines(string(text)) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		switch {
		case strings.Contains(","+controllers+",", ",cpu,"):
			dir = filepath.Join("/sys/fs/cgroup", controllers, path)
		case id == "0" && dir == "":
			dir = filepath.Join("/sys/fs/cgroup", path)
		}
	}
	text, err = os.ReadFile(filepath.Join(dir, "cpu.stat"))
	if err != nil {
		t.Fatal(err)
	}
	var out windows
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		switch key {
		case "nr_periods":
			out.wanted = n
		case "nr_throttled":
			out.limited = n
		}
	}
	return out
}

// queued is how long the threads of a process have waited for a CPU, by the kernel's count.
func queued(t *testing.T, pid int) (sum time.Duration) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("no threads of process %d: %v", pid, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var ran, waited int64
		if _, err := fmt.Sscan(string(text), &ran, &waited); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(waited)
	}
	return sum
}

// With fourteen times the memory, a handler that only works takes a fourteenth of the time: 128 MB buy 0.072 CPUs, 1,769 MB one.
func TestLessonMemory(t *testing.T) {
	w := serveLessons(t, "emulate.yaml")
	work := func(path, thousands string) (took, cpu float64, pid int) {
		t.Helper()
		var out struct {
			PID           int
			TookMS, CPUMS float64
		}
		if got := w.get(w.base("http") + path + "?work=" + thousands); json.Unmarshal([]byte(got.body), &out) != nil {
			t.Fatalf("GET %s answers %d %s", path, got.status, got.body)
		}
		return out.TookMS, out.CPUMS, out.PID
	}
	times := map[string]float64{}
	for _, c := range []struct {
		path   string
		memory float64
	}{{"/small", 128}, {"/whole", 1769}} {
		_, _, pid := work(c.path, "1") // the CPU is limited from the end of INIT on
		once := func() (inTime bool) {
			before, waited := cpuWindows(t, pid), queued(t, pid)
			took, cpu, again := work(c.path, "1500")
			now, delay := cpuWindows(t, pid), queued(t, pid)-waited
			if again != pid {
				t.Fatalf("%s: another environment", c.path)
			}
			want, limited := cpu*1769/c.memory, now.limited-before.limited
			if took < 0.85*want {
				t.Errorf("%.0f MB: %.0f ms for %.0f ms of CPU, want at least %.0f", c.memory, took, cpu, 0.85*want)
			}
			// In a window that was not used up, this machine was busy with something else.
			most := 1.15 * want * took / 20 / max(1, limited)
			if c.memory == 1769 {
				most = 1.15*(want+float64(delay.Milliseconds())) + 20
			}
			t.Logf("%4.0f MB: %.0f ms for %.0f ms of CPU, want %.0f, at most %.0f; limited in %.0f of %.0f windows; queued for %v", c.memory, took, cpu, want, most, limited, now.wanted-before.wanted, delay)
			times[c.path] = took / cpu
			return took <= most
		}
		inTime := false
		for try := 0; try < tries && !inTime; try++ {
			inTime = once()
		}
		if !inTime {
			t.Errorf("%.0f MB: it took longer than that each time", c.memory)
		}
	}
	t.Logf("each ms of CPU took %.1f ms with 128 MB, %.2f ms with 1769 MB", times["/small"], times["/whole"])

	small := lesson(t, "day.yaml", bursts.Setting{Name: "memory", Value: "128"})
	whole := lesson(t, "day.yaml", bursts.Setting{Name: "memory", Value: "1769"})
	if ratio := small.Duration.P50 / whole.Duration.P50; ratio < 13.5 || ratio > 14.1 {
		t.Errorf("simulated: %.1f and %.1f ms", small.Duration.P50, whole.Duration.P50)
	}
}
