//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// process is a running emulate serve --json.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	dir    string
	url    string // of the HTTP API
	aws    string
	stderr output
	// records gets the lines of standard output after the first, where a test wants them.
	records io.Writer
	ended   chan error
}

// output is what a process has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed and made anew with every write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until a text is there.
func (o *output) await(t *testing.T, text string) {
	t.Helper()
	for timeout := time.After(limit); ; {
		o.mu.Lock()
		there := strings.Contains(o.text.String(), text)
		if o.more == nil {
			o.more = make(chan struct{})
		}
		more := o.more
		o.mu.Unlock()
		if there {
			return
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("standard error lacks %q:\n%s", text, o)
		}
	}
}

// probeProject makes a folder whose project serves testdata/probe.
func probeProject(t *testing.T, settings string) string {
	t.Helper()
	probe, err := filepath.Abs("../../testdata/probe")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf("functions:\n  probe:\n    code: %s\n    runtime: provided.al2023\n    timeout: 20\n%slimits:\n  concurrency: 2000\n"+
		"apis:\n  web:\n    kind: http\n    routes:\n      GET /: probe\n", probe, settings)
	if err := os.WriteFile(filepath.Join(dir, "emulate.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// serveProbe starts a process that serves testdata/probe.
func serveProbe(t *testing.T) *process {
	t.Helper()
	p := newProcess(t, probeProject(t, ""))
	p.start()
	return p
}

func newProcess(t *testing.T, dir string) *process {
	t.Helper()
	path, err := program.build()
	if err != nil {
		t.Fatal(err)
	}
	return &process{t: t, dir: dir, cmd: exec.Command(path, "serve", dir, "--json", "--port", "0", "--aws-port", "0"), records: io.Discard, ended: make(chan error, 1)}
}

// start waits for the ready line.
func (p *process) start() {
	p.t.Helper()
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	var ready struct {
		AWS  string
		APIs []struct{ URL string }
	}
	if err := errors.Join(err, json.Unmarshal([]byte(first), &ready)); err != nil || len(ready.APIs) != 1 {
		p.t.Fatalf("ready line %q: %v\n%s", first, err, &p.stderr)
	}
	p.aws, p.url = ready.AWS, ready.APIs[0].URL
	go func() {
		_, _ = io.Copy(p.records, lines) // until the process ends
		p.ended <- p.cmd.Wait()
	}()
}

// invoke runs the probe; the error is that of the connection.
func (p *process) invoke(order string) (body string, err error) {
	resp, err := http.Post(p.aws+"/2015-03-31/functions/probe/invocations", "application/json", strings.NewReader(order))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// probeState is what the probe tells of itself.
type probeState struct {
	PID, Invocations int
	Children         []int
	LogStream        string
}

// state runs the probe, which must be well.
func (p *process) state(order string) (s probeState) {
	p.t.Helper()
	body, err := p.invoke(order)
	var resp struct{ Body string }
	if err := errors.Join(err, json.Unmarshal([]byte(body), &resp), json.Unmarshal([]byte(resp.Body), &s)); err != nil {
		p.t.Fatalf("invoke %s: %s: %v", order, body, err)
	}
	return s
}

func (p *process) end() int {
	p.t.Helper()
	select {
	case err := <-p.ended:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		if err != nil {
			p.t.Fatal(err)
		}
		return 0
	case <-time.After(limit):
		p.t.Fatal("the process does not end")
		return 0
	}
}

// functionStats is what the control tells of a function.
type functionStats struct{ Environments, Starting, Idle, Busy, Invocations, ColdStarts int }

func (p *process) stats() functionStats {
	p.t.Helper()
	resp, err := http.Get(p.aws + "/_emulate/status")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var st struct{ Functions []functionStats }
	if err := json.NewDecoder(resp.Body).Decode(&st); err != nil {
		p.t.Fatal(err)
	}
	return st.Functions[0]
}

// pause lies between two looks at something that is waited for.
const pause = 5 * time.Millisecond

// awaitBusy waits until the invocation with this number runs; the one before may look busy for a moment after its answer.
func (p *process) awaitBusy(invocation int) {
	p.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); <-time.After(pause) {
		if st := p.stats(); st.Busy == 1 && st.Starting == 0 && st.Invocations >= invocation {
			return
		}
	}
	p.t.Fatal("no invocation runs")
}

// An interrupt lets what runs finish; the second one does not.
func TestInterrupts(t *testing.T) {
	for _, c := range []struct {
		name    string
		signals []syscall.Signal
		sleepMS int // of the invocation in flight; it outlasts the signals
		code    int
		answer  bool
	}{
		{"SIGINT", []syscall.Signal{syscall.SIGINT}, 3000, 0, true},
		{"SIGTERM", []syscall.Signal{syscall.SIGTERM}, 3000, 0, true},
		{"twice", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 15000, 130, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := serveProbe(t)
			p.state(`{}`)
			answered := make(chan error, 1)
			go func() {
				body, err := p.invoke(fmt.Sprintf(`{"sleepMs":%d}`, c.sleepMS))
				if err == nil && !strings.Contains(body, `"statusCode":200`) {
					err = errors.New(body)
				}
				answered <- err
			}()
			p.awaitBusy(2)
			for i, s := range c.signals {
				if i > 0 {
					p.stderr.await(t, "1 invocation in flight may finish") // the first has been seen
					<-time.After(sameInterrupt)
				}
				if err := p.cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			if err := <-answered; (err == nil) != c.answer {
				t.Errorf("the invocation in flight: %v", err)
			}
			if code := p.end(); code != c.code {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, &p.stderr)
			}
			if !strings.Contains(p.stderr.String(), "1 invocation in flight may finish") {
				t.Errorf("standard error does not say what is waited for:\n%s", &p.stderr)
			}
		})
	}
}

// The ready line is there 100 ms after exec where nothing has to be built.
func TestReadyLineIsQuick(t *testing.T) {
	serveProbe(t) // the program is built, and so is the probe
	best := time.Hour
	for range 40 { // on a machine that does other things as well one of many is not held up
		began := time.Now()
		p := serveProbe(t)
		best = min(best, time.Since(began))
		_ = p.cmd.Process.Kill()
		p.end()
		if best <= 100*time.Millisecond {
			return
		}
	}
	t.Errorf("the ready line came after %v, want 100 ms at most", best)
}

// awaitBuilt waits until the probe is built.
func (p *process) awaitBuilt() {
	p.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); <-time.After(pause) {
		resp, err := http.Get(p.aws + "/2015-03-31/functions/probe/configuration")
		if err != nil {
			p.t.Fatal(err)
		}
		var f struct{ State string }
		err = json.NewDecoder(resp.Body).Decode(&f)
		resp.Body.Close()
		if err != nil {
			p.t.Fatal(err)
		}
		if f.State == "Active" {
			return
		}
	}
	p.t.Fatal("the probe is not built")
}
