//go:build linux

package emulator_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/telemetry"
)

const failuresConfig = `functions:
  probe: { code: %[1]s, runtime: provided.al2023, timeout: 120 }
  short: { code: %[1]s, runtime: provided.al2023, timeout: 1 }
  initError: { code: %[1]s, runtime: provided.al2023, environment: { INIT: error } }
  initExit: { code: %[1]s, runtime: provided.al2023, environment: { INIT: exit } }
  nothing: { code: ./nothing, runtime: provided.al2023, build: none }
`

// outcome is what the world sees of an invocation: its answer, its report, and its log without ids, times and addresses.
type outcome struct {
	FunctionError, Payload string
	Status                 telemetry.Status
	ErrorType              string
	Log                    string
	Full                   bool // it used all of its memory
}

var (
	requestIDs = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	moments    = regexp.MustCompile(`\d{4}/\d\d/\d\d [0-9:]+|\d+(\.\d+)? (ms|MB)|http://127[0-9.:]+`)
)

// outcome invokes a function.
func (w *world) outcome(function, order string) outcome {
	w.t.Helper()
	w.rest()
	r, err := w.Invoke(w.t.Context(), function, []byte(order))
	if err != nil {
		w.t.Errorf("%s %s: %v", function, order, err)
		return outcome{}
	}
	report := w.reportOf(r.RequestID)
	log := moments.ReplaceAllString(requestIDs.ReplaceAllString(r.Log, "ID"), "…")
	payload := requestIDs.ReplaceAllString(string(r.Payload), "ID")
	return outcome{r.FunctionError, payload, report.Status, report.ErrorType, log, report.Metrics.MaxMemoryUsed >= report.Metrics.MemorySizeMB}
}

// What fails in a container fails in AWS's words as it does in a process: payload, report and log.
func TestFailuresInBothExecutors(t *testing.T) {
	t.Parallel()
	program := t.TempDir()
	bootstrap(t, program, "../testdata/containers/probe")
	worlds := map[string]*world{}
	for _, executor := range []string{"process", "docker"} {
		worlds[executor] = serve(t, map[string]string{"emulate.yaml": fmt.Sprintf(failuresConfig, program), "nothing/file": ""},
			func(o *emulator.Options) { o.Executor = executor })
	}
	exited := func(how string) string {
		return `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited ` + how + `"}`
	}
	for _, c := range []struct {
		name, function, order string
		want                  outcome
		container             bool // only a container has it
	}{
		{name: "error", order: `{"do":"error"}`, want: outcome{"Unhandled", `{"errorMessage":"asked for","errorType":"errorString"}`, telemetry.Errored, "Runtime.Unknown", "", false}},
		{name: "exit 0", order: `{"do":"exit 0"}`, want: outcome{"Unhandled", exited("without providing a reason"), telemetry.Errored, "Runtime.ExitError", "", false}},
		{name: "exit 3", order: `{"do":"exit 3"}`, want: outcome{"Unhandled", exited("with error: exit status 3"), telemetry.Errored, "Runtime.ExitError", "", false}},
		{name: "SIGSEGV", order: `{"do":"SIGSEGV"}`, want: outcome{"Unhandled", exited("with error: signal: segmentation fault"), telemetry.Errored, "Runtime.ExitError", "", false}},
		{name: "SIGKILL", order: `{"do":"SIGKILL"}`, want: outcome{"Unhandled", exited("with error: signal: killed"), telemetry.Errored, "Runtime.ExitError", "", false}},
		{name: "timeout", function: "short", order: `{"sleepMs":60000}`, want: outcome{"Unhandled",
			`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 1.00 seconds"}`, telemetry.TimedOut, "Sandbox.Timedout", "", false}},
		{name: "oversize", order: `{"do":"large"}`, want: outcome{"Unhandled",
			`{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`,
			telemetry.Errored, "Runtime.ExitError", "", false}}, // Go's runtime client ends when it is told
		{name: "INIT's error", function: "initError", order: `{}`, want: outcome{"Unhandled",
			`{"errorMessage":"asked for at INIT","errorType":"InitError","stackTrace":[]}`, telemetry.Errored, "Runtime.Unknown", "", false}},
		{name: "INIT's exit", function: "initExit", order: `{}`, want: outcome{"Unhandled", exited("with error: exit status 7"), telemetry.Errored, "Runtime.ExitError", "", false}},
		{name: "no bootstrap", function: "nothing", order: `{}`, want: outcome{"Unhandled",
			`{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: ID Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}`,
			telemetry.Errored, "Runtime.InvalidEntrypoint", "", false}},
		{name: "memory", order: `{"do":"memory"}`, want: outcome{"Unhandled", exited("with error: signal: killed"), telemetry.Errored, "Runtime.ExitError", "", true}, container: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.function == "" {
				c.function = "probe"
			}
			got := map[string]outcome{}
			for executor, w := range worlds {
				if c.container && executor == "process" {
					continue
				}
				o := w.outcome(c.function, c.order)
				got[executor] = o
				o.Log = ""
				if diff := cmp.Diff(c.want, o); diff != "" {
					t.Errorf("%s: %s", executor, diff)
				}
				if c.function == "probe" { // the next one finds a working runtime
					if next := w.outcome("probe", `{}`); next.Payload != `"well"` || next.Status != telemetry.Success {
						t.Errorf("%s, the next invocation: %+v", executor, next)
					}
				}
			}
			if diff := cmp.Diff(got["process"].Log, got["docker"].Log); diff != "" && !c.container {
				t.Errorf("the logs differ: %s", diff)
			}
		})
	}
}
