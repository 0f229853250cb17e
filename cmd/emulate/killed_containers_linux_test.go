package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// kill -9 of the emulator under load leaves no container after two seconds, of busy environments and of frozen ones; the next one removes its folder and
// serves. No request hangs, and none runs twice.
func TestKilledEmulatorLeavesNoContainer(t *testing.T) {
	dir, temp := containerProject(t), t.TempDir()
	var log output
	numbers := &load{t: t, well: map[int]bool{}}
	// A machine that does other things as well gets another try for the two seconds; that all ends in the end, and the rest, it always has to show.
	for try := 0; ; try++ {
		took := killedUnderLoad(t, dir, temp, &log, numbers)
		t.Logf("all containers were gone after %v", took.Round(time.Millisecond))
		if took <= 2*time.Second {
			break
		}
		if try == 3 {
			t.Errorf("the last container was gone after %v, want 2 s at most", took)
			break
		}
	}
	p := serveContainers(t, dir, temp, &log)
	numbers.post(p.aws, 0)
	if !numbers.well[numbers.last] {
		t.Error("the next emulator does not serve")
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "emulate-*")); len(left) != 1 {
		t.Errorf("in the temporary folder are %v, want the living emulator's own only", left)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.end(); code != 0 {
		t.Errorf("exit code %d\n%s", code, &p.stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 {
		t.Errorf("left in TMPDIR: %v", left)
	}
	ran := timesRan(t, log.String())
	for n, times := range ran {
		if times > 1 {
			t.Errorf("request %d ran %d times", n, times)
		}
	}
	if len(ran) < 40 || ran[numbers.last] != 1 { // the last lines of a killed emulator are lost
		t.Errorf("only %d requests are known to have run", len(ran))
	}
	t.Logf("%d requests, %d answered, %d ran", numbers.last, len(numbers.well), len(ran))
}

// containerProject is a folder that serves a program that was built before.
func containerProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "code", "bootstrap"), "../../testdata/containers/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the probe: %v\n%s", err, out)
	}
	const config = "functions:\n  probe: { code: ./code, runtime: provided.al2023, timeout: 60 }\napis:\n  web: { kind: http, routes: { GET /: probe } }\n"
	if err := os.WriteFile(filepath.Join(dir, "emulate.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func serveContainers(t *testing.T, dir, temp string, log *output) *process {
	p := newProcess(t, dir)
	p.cmd.Args = append(p.cmd.Args, "--executor", "docker")
	p.cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	p.records = log
	p.start()
	p.awaitBuilt()
	return p
}

// load makes requests, each with a number of its own.
type load struct {
	t    *testing.T
	mu   sync.Mutex
	last int
	well map[int]bool
}

// post makes one. Whether it is answered is noted.
func (l *load) post(aws string, sleepMS int) (answered bool) {
	l.mu.Lock()
	l.last++
	n := l.last
	l.mu.Unlock()
	order := fmt.Sprintf(`{"n":%d,"sleepMs":%d}`, n, sleepMS)
	resp, err := http.Post(aws+"/2015-03-31/functions/probe/invocations", "application/json", strings.NewReader(order))
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var body string
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return false // killed while it answered
	}
	if body != "well" {
		l.t.Errorf("request %d: %d %s", n, resp.StatusCode, body)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.well[n] = true
	return true
}

// killedUnderLoad serves, kills the emulator with SIGKILL, and returns how long its containers lived on.
func killedUnderLoad(t *testing.T, dir, temp string, log *output, l *load) time.Duration {
	p := serveContainers(t, dir, temp, log)
	var all sync.WaitGroup
	for range 5 { // environments of which most are idle soon, and frozen
		all.Go(func() { l.post(p.aws, 300) })
	}
	all.Wait()
	all.Go(func() { l.post(p.aws, 60000) })
	for range 2 {
		all.Go(func() {
			for l.post(p.aws, 20) {
			}
		})
	}
	const environments = 5
	for end := time.Now().Add(limit); ; <-time.After(pause) {
		st := p.stats()
		if st.Idle >= 2 && st.Busy >= 2 && st.Invocations > 40 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not under load: %+v", st)
		}
	}
	if n := len(containersOf(t, temp)); n <= environments { // and the network's holder, and spares
		t.Errorf("only %d containers run", n)
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.end()
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(limit):
		t.Fatal("a request hangs")
	}
	for {
		left := containersOf(t, temp)
		took := time.Since(began)
		if len(left) == 0 {
			return took
		}
		if took > limit {
			t.Fatalf("of the emulator's containers %v are left", left)
		}
		<-time.After(pause)
	}
}

// containersOf are the containers, running or not, of emulators whose temporary folder this is.
func containersOf(t *testing.T, temp string) (ids []string) {
	t.Helper()
	out, err := exec.Command("docker", "ps", "-a", "--filter", "label=emulate.folder", "--format", `{{.ID}} {{.Label "emulate.folder"}}`).CombinedOutput()
	if err != nil {
		t.Fatalf("list containers: %v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if id, folder, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(folder, temp+"/") {
			ids = append(ids, id)
		}
	}
	return ids
}

// timesRan counts by their numbers the requests that functions told of.
func timesRan(t *testing.T, records string) map[int]int {
	t.Helper()
	ran := map[int]int{}
	for line := range strings.Lines(records) {
		var r struct {
			Type   string
			Record json.RawMessage
		}
		if json.Unmarshal([]byte(line), &r) != nil || r.Type != "function" {
			continue // the last line of a killed process may be half a line
		}
		var text string
		var n int
		if err := json.Unmarshal(r.Record, &text); err != nil {
			t.Errorf("line %s: %v", line, err)
		}
		if _, err := fmt.Sscanf(text, "ran %d", &n); err == nil {
			ran[n]++
		}
	}
	return ran
}
