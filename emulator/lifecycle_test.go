//go:build unix

package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/telemetry"
)

// reportOf waits for an invocation's REPORT.
func (w *world) reportOf(requestID string) *telemetry.Report {
	w.t.Helper()
	e := w.await(0, "REPORT of "+requestID, func(e telemetry.Event) bool { return e.Type == telemetry.TypeReport && e.RequestID == requestID })
	return e.Record.(*telemetry.Report)
}

// A function's timeout ends the invocation in AWS's words, at its time, whatever the handler left running; the next one runs in the same environment.
func TestTimeout(t *testing.T) {
	const timeout = 4 * time.Second // long enough for a handler that has little to do
	w := serve(t, map[string]string{"emulate.yaml": strings.Replace(fmt.Sprintf(probeConfig, probeDir(t), ""), "timeout: 120", "timeout: 4", 1)}, nil)
	before, _ := w.invoke(`{"do":"children"}`)
	_, r := w.invoke(`{"do":"children","sleepMs":60000}`)
	want := fmt.Sprintf(`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: %s Error: Task timed out after 4.00 seconds"}`, r.RequestID)
	if string(r.Payload) != want || r.FunctionError != "Unhandled" {
		t.Errorf("%s %s, want %s", r.FunctionError, r.Payload, want)
	}
	if !strings.Contains(r.Log, "Status: timeout") {
		t.Errorf("log %q", r.Log)
	}
	after, _ := w.invoke(`{}`)
	if after.LogStream != before.LogStream || after.PID == before.PID || after.Invocations != 1 {
		t.Errorf("after %+v, before %+v: want the same log stream, another process, and a first invocation", after, before)
	}
	for _, pid := range append([]int{before.PID}, before.Children...) {
		if alive(pid) {
			t.Errorf("process %d of the timed-out runtime lives on", pid)
		}
	}
	report := w.reportOf(r.RequestID)
	for try := 1; try < tries && time.Duration(report.Metrics.Duration) > timeout+2*time.Second; try++ {
		_, r = w.invoke(`{"sleepMs":60000}`)
		report = w.reportOf(r.RequestID)
	}
	if took := time.Duration(report.Metrics.Duration); report.Status != telemetry.TimedOut || took < timeout || took > timeout+2*time.Second {
		t.Errorf("report %+v, want a timeout of %v", report, timeout)
	}
	// Behind the APIs (spec apigateway.md §5.4, §2.7).
	if got := w.get(w.base("rest") + "/rest?sleepMs=60000"); got.status != 502 || got.body != `{"message": "Internal server error"}` {
		t.Errorf("REST: %d %s", got.status, got.body)
	}
	if got := w.get(w.base("http") + "/http?sleepMs=60000"); got.status != 500 || got.body != `{"message":"Internal Server Error"}` {
		t.Errorf("HTTP API: %d %s", got.status, got.body)
	}
}

// REPORT's numbers are those of the function and not of this machine: Init Duration stands in a cold start's alone, Duration is what the handler took,
// memory is what a Go process takes.
func TestReport(t *testing.T) {
	w := serveProbe(t, "    memory: 256\n", nil)
	line := regexp.MustCompile(`REPORT RequestId: \S+\tDuration: (\S+) ms\tBilled Duration: (\d+) ms\tMemory Size: 256 MB\tMax Memory Used: (\d+) MB\t(?:Init Duration: (\S+) ms\t)?\n$`)
	for i, sleep := range []int{100, 300} {
		began := time.Now()
		_, r := w.invoke(fmt.Sprintf(`{"sleepMs":%d}`, sleep))
		whole := float64(time.Since(began)) / float64(time.Millisecond)
		m := line.FindStringSubmatch(r.Log)
		if m == nil {
			t.Fatalf("log %q", r.Log)
		}
		var n [5]float64
		for k := 1; k < len(m); k++ {
			if m[k] != "" {
				var err error
				if n[k], err = strconv.ParseFloat(m[k], 64); err != nil {
					t.Fatal(err)
				}
			}
		}
		duration, billed, memory, initDuration := n[1], n[2], n[3], n[4]
		if duration < float64(sleep) || duration+initDuration > whole {
			t.Errorf("Duration %v and Init Duration %v of a handler that slept %d ms and was waited for %v ms", duration, initDuration, sleep, whole)
		}
		if billed < duration+initDuration || billed > duration+initDuration+2 {
			t.Errorf("Billed Duration %v of %v and %v", billed, duration, initDuration)
		}
		if memory < 2 || memory > 100 {
			t.Errorf("Max Memory Used %v MB", memory)
		}
		if cold := i == 0; (m[4] != "") != cold || r.Cold != cold {
			t.Errorf("invocation %d: Init Duration %q, cold %v", i, m[4], r.Cold)
		}
	}
}

// An Event invocation is answered at once, with 202 and nothing, and runs; one of a function whose build failed runs when that is mended.
func TestEventInvocations(t *testing.T) {
	w := serve(t, map[string]string{
		"emulate.yaml": "functions:\n  probe: { code: ./f, runtime: nodejs22.x, handler: index.handler }\n",
		"f/index.ts":   "export const handler = async (event: object) => console.log('ran', JSON.stringify(event));\n",
	}, watching)
	send := func(payload string) (requestID string) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", w.AWSURL()+"/2015-03-31/functions/probe/invocations", strings.NewReader(payload))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Amz-Invocation-Type", "Event")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted || resp.ContentLength != 0 {
			t.Errorf("Event: status %d, %d bytes", resp.StatusCode, resp.ContentLength)
		}
		return resp.Header.Get("X-Amzn-Requestid")
	}
	ran := func(id, payload string) {
		t.Helper()
		w.await(0, "the line of event "+id, func(e telemetry.Event) bool {
			l, ok := e.Record.(telemetry.Line)
			return ok && e.RequestID == id && strings.Contains(l.Text, "ran "+payload)
		})
	}
	ran(send(`{"n":1}`), `{"n":1}`)
	from := w.now()
	w.write("f/index.ts", "export const handler = async (")
	w.await(from, "reloadFailed", func(e telemetry.Event) bool { return e.Type == telemetry.TypeReloadFailed })
	id := send(`{"n":2}`)
	w.write("f/index.ts", "export const handler = async (event: object) => console.log('mended, ran', JSON.stringify(event));\n")
	ran(id, `{"n":2}`)
}

// The exit code of a handler is told as AWS tells it, to every kind of caller.
func TestExit(t *testing.T) {
	w := serveProbe(t, "", nil)
	_, r := w.invoke(`{"do":"exit"}`)
	if want := fmt.Sprintf(`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited with error: exit status 3"}`, r.RequestID); string(r.Payload) != want {
		t.Errorf("payload %s, want %s", r.Payload, want)
	}
	if got := w.get(w.base("rest") + "/rest?do=exit"); got.status != 502 || got.body != `{"message": "Internal server error"}` {
		t.Errorf("REST: %d %s", got.status, got.body)
	}
	if got := w.get(w.base("http") + "/http?do=exit"); got.status != 500 || got.body != `{"message":"Internal Server Error"}` {
		t.Errorf("HTTP API: %d %s", got.status, got.body)
	}
	if s, _ := w.invoke(`{}`); s.Invocations != 1 {
		t.Errorf("invocation %d after an exit", s.Invocations)
	}
}

// Close answers what runs, refuses what comes, and its deadline ends what does not come to an end.
func TestCloseInMidInvoke(t *testing.T) {
	for _, c := range []struct {
		name    string
		sleepMS int
		within  time.Duration
		well    bool
	}{{"in time", 1000, patience, true}, {"too long", 60000, 300 * time.Millisecond, false}} {
		t.Run(c.name, func(t *testing.T) {
			w := serveProbe(t, "", nil)
			s, _ := w.invoke(`{}`)
			from := w.now()
			answered := make(chan error, 1)
			go func() {
				_, err := w.Invoke(t.Context(), "probe", fmt.Appendf(nil, `{"sleepMs":%d}`, c.sleepMS))
				answered <- err
			}()
			w.await(from, "START", func(e telemetry.Event) bool { return e.Type == telemetry.TypeStart })
			ctx, cancel := context.WithTimeout(context.Background(), c.within)
			defer cancel()
			err := w.Close(ctx)
			if (err == nil) != c.well {
				t.Errorf("close: %v", err)
			}
			if err := <-answered; (err == nil) != c.well {
				t.Errorf("the invocation in flight: %v", err)
			}
			if alive(s.PID) {
				t.Errorf("process %d is left", s.PID)
			}
			if _, err := w.Invoke(t.Context(), "probe", []byte("{}")); err == nil {
				t.Error("a closed emulator takes an invocation")
			}
		})
	}
}

// Both files that an AWS profile may stand in are read for the handlers; a missing profile is a mistake of the user's.
func TestProfile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
	for name, text := range map[string]string{"config": "[profile mine]\nregion = eu-west-1\n", "credentials": "[mine]\naws_access_key_id = AKIAREAL\naws_secret_access_key = real\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := serveProbe(t, "", func(o *emulator.Options) { o.Profile = "mine" })
	s, _ := w.invoke(`{"do":"environment"}`)
	if s.Environment["AWS_ACCESS_KEY_ID"] != "AKIAREAL" || s.Environment["AWS_SECRET_ACCESS_KEY"] != "real" {
		t.Errorf("credentials %s %s", s.Environment["AWS_ACCESS_KEY_ID"], s.Environment["AWS_SECRET_ACCESS_KEY"])
	}
	if _, there := s.Environment["AWS_SESSION_TOKEN"]; there && s.Environment["AWS_SESSION_TOKEN"] != "" {
		t.Errorf("session token %q with long-lived credentials", s.Environment["AWS_SESSION_TOKEN"])
	}
	e, err := emulator.New(emulator.Options{Path: w.dir, Profile: "missing"})
	if err != nil {
		t.Fatal(err)
	}
	var usage *emulator.UsageError
	if err := e.Start(t.Context()); !errors.As(err, &usage) || !strings.Contains(usage.Message, "missing") {
		t.Errorf("a missing profile: %v, want a usage error", err)
	}
}
