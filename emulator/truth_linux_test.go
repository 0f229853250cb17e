//go:build linux

package emulator_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/emulate/emulator"
	bursts "example.com/emulate/emulator/burst"
	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/simulate"
	"example.com/emulate/emulator/telemetry"
)

// replayConfig has a function with provisioned concurrency, and one with a reservation, in an account that is small.
const replayConfig = `functions:
  probe:
    code: ./probe
    runtime: provided.al2023
    timeout: 1
    memory: 1769
    alias: live
    provisionedConcurrency: 3
  reserved:
    code: ./probe
    runtime: provided.al2023
    timeout: 10
    reservedConcurrency: 8
limits:
  concurrency: 118
  startBurst: 20
  startsPerSecond: 5
`

// A live run with crashes, timeouts, throttles, a reload and provisioned concurrency: what its fleet was told gives another one the same decisions, to the
// last.
func TestLiveRunReplays(t *testing.T) {
	files := map[string]string{"emulate.yaml": replayConfig}
	for _, name := range []string{"main.go", "answer.go"} {
		text, err := os.ReadFile(filepath.Join(probeDir(t), name))
		if err != nil {
			t.Fatal(err)
		}
		files["probe/"+name] = string(text)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		files["probe/"+name] = string(text)
	}
	var log fleetLog
	w := serve(t, files, func(o *emulator.Options) { watching(o); log.record(o) })
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 50}}
	defer client.CloseIdleConnections()
	orders := []string{`{"sleepMs":20}`, `{"do":"exit"}`, `{"sleepMs":300}`, `{"do":"error"}`, `{"sleepMs":1500}`}
	send := func(n int, target string) {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				resp, err := client.Post(w.AWSURL()+"/2015-03-31/functions/"+target, "application/json", bytes.NewReader([]byte(orders[i%len(orders)])))
				if err != nil {
					t.Error(err)
					return
				}
				resp.Body.Close()
			})
		}
		wg.Wait()
	}
	if !eventually(after(patience), func() bool { return w.counts("probe").Idle == 3 }) {
		t.Fatalf("%+v, want 3 provisioned environments", w.counts("probe"))
	}
	for round := range 3 {
		var wg sync.WaitGroup
		wg.Go(func() { send(25, "probe/invocations?Qualifier=live") })
		wg.Go(func() { send(20, "probe/invocations") })
		wg.Go(func() { send(15, "reserved/invocations") })
		if round == 1 {
			from := w.now()
			w.write("probe/answer.go", "package main\n\nconst answer = \"second\"\n")
			w.await(from, "reload", func(e telemetry.Event) bool { return e.Type == telemetry.TypeReloaded })
		}
		wg.Wait()
		if _, err := w.Cold("", 2); err != nil {
			t.Error(err)
		}
	}
	if err := w.Close(context.Background()); err != nil {
		t.Error(err)
	}
	log.replay(t)

	met := map[string]int{}
	for _, s := range log.all() {
		met["inputs"]++
		for _, d := range s.out {
			met[d.Kind.String()]++
			switch {
			case d.Kind == fleet.Throttle:
				met[d.Reason.String()]++
			case d.Kind == fleet.Stop:
				met["Stop "+d.Why.String()]++
			case d.Kind == fleet.Assign && d.Provisioned:
				met["provisioned"]++
			case d.Spill:
				met["spill"]++
			}
		}
	}
	t.Logf("the log: %v", met)
	for _, kind := range []string{"Start", "Assign", "Wait", "Throttle", "Fail", "Reset", "Stop", "provisioned", "spill", "Stop Replaced", "Stop Forced",
		"FunctionInvocationRateLimitExceeded", "ReservedFunctionConcurrentInvocationLimitExceeded"} {
		if met[kind] == 0 {
			t.Errorf("the run had no %s", kind)
		}
	}
}

// manyConfig serves the probe in an account whose limit is raised.
const manyConfig = `functions:
  probe:
    code: %s
    runtime: provided.al2023
    timeout: 60
    memory: 1769
limits: { concurrency: 5000%s }
`

// refused counts the throttles among what Invoke returned; any other failure is the test's.
func refused(t *testing.T, r *emulator.Result, err error) (reason string) {
	var throttle *emulator.InvokeError
	switch {
	case errors.As(err, &throttle) && throttle.Status == http.StatusTooManyRequests:
		return throttle.Reason
	case err != nil:
		t.Error(err)
	case r.FunctionError != "":
		t.Errorf("%s: %s", r.FunctionError, r.Payload)
	}
	return ""
}

// 3,000 requests at once meet the scaling rate: a thousand environments start, with 100 more for each second that the burst takes to arrive; the others
// are throttled, each of them at a moment when no start was left. All of them arrive within 3 s.
func TestThreeThousandAtOnce(t *testing.T) {
	const limit = 3 * time.Second
	best := time.Hour
	for try := 0; try < tries && best > limit; try++ {
		best = min(best, threeThousand(t))
	}
	if best > limit {
		t.Errorf("the requests took %v to arrive", best)
	}
}

// threeThousand makes the burst, and tells how long it took to arrive.
func threeThousand(t *testing.T) time.Duration {
	const n = 3000
	var log fleetLog
	w := serve(t, map[string]string{"emulate.yaml": fmt.Sprintf(manyConfig, probeDir(t), "")}, log.record)
	g := newGate(t, n)
	var wg sync.WaitGroup
	var mu sync.Mutex
	reasons := map[string]int{}
	begin := make(chan struct{})
	for range n {
		wg.Go(func() {
			<-begin
			r, err := w.Invoke(t.Context(), "probe", []byte(g.order()))
			reason := refused(t, r, err)
			if reason != "" {
				g.come()
			}
			mu.Lock()
			reasons[reason]++
			mu.Unlock()
		})
	}
	close(begin)
	wg.Wait()

	calls, launches := log.history()
	if len(calls) != n {
		t.Fatalf("%d requests in the log", len(calls))
	}
	span := calls[n-1].at
	var last time.Duration
	for _, l := range launches {
		last = max(last, l.ready)
	}
	t.Logf("%d requests within %v: %d environments started, the last one ready after %v; %v", n, span, len(launches), last, reasons)
	if most := 1000 + 100*span.Seconds(); float64(len(launches)) > most || len(launches) < 1000 {
		t.Errorf("%d environments started, want 1,000 to %.1f", len(launches), most)
	}
	if throttled := reasons["FunctionInvocationRateLimitExceeded"]; throttled != n-len(launches) || reasons[""] != len(launches) {
		t.Errorf("%d environments, and of the answers: %v", len(launches), reasons)
	}
	log.limitsHeld(t, 5000, 1000, 100)
	log.replay(t)
	if err := w.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return span
}

// ramp keeps one-second requests in flight: 400 at once, and 60 more each second for 10 seconds. A caller that was throttled tries again a second later.
func ramp(t *testing.T, w *world) {
	const length = 11 * time.Second
	var wg sync.WaitGroup
	began := time.Now()
	caller := func(from time.Duration) {
		timer := time.NewTimer(from)
		defer timer.Stop()
		<-timer.C
		for time.Since(began) < length {
			r, err := w.Invoke(t.Context(), "probe", []byte(`{"sleepMs":1000}`))
			if refused(t, r, err) != "" {
				timer.Reset(time.Second)
				<-timer.C
			}
		}
	}
	for range 400 {
		wg.Go(func() { caller(0) })
	}
	for second := range 10 {
		for range 60 {
			wg.Go(func() { caller(time.Duration(second+1) * time.Second) })
		}
	}
	wg.Wait()
}

// shares are how far apart some counts are.
type shares map[string]float64

func (s shares) String() string {
	var out []string
	for _, what := range slices.Sorted(maps.Keys(s)) {
		out = append(out, fmt.Sprintf("%s %.2f %%", what, 100*s[what]))
	}
	return strings.Join(out, ", ")
}

// worst is the largest of them.
func (s shares) worst() float64 { return slices.Max(slices.Collect(maps.Values(s))) }

// The simulator says what a live run does: with its arrivals, start delays and durations, the sums of starts, cold starts and throttles are within 5 % of
// the live ones at every second.
func TestSimulationIsLikeTheLiveRun(t *testing.T) {
	const most = 0.05
	var got shares
	for try := 0; try < tries && (got == nil || got.worst() > most); try++ {
		got = rampAndSimulate(t)
	}
	for what, share := range got {
		if share > most {
			t.Errorf("%s are %.1f %% apart", what, 100*share)
		}
	}
}

// rampAndSimulate makes the live run and simulates it, and tells how far apart they are.
func rampAndSimulate(t *testing.T) shares {
	const startBurst, perSecond = 400, 40
	var log fleetLog
	limits := fmt.Sprintf(", startBurst: %d, startsPerSecond: %d", startBurst, perSecond)
	w := serve(t, map[string]string{"emulate.yaml": fmt.Sprintf(manyConfig, probeDir(t), limits)}, log.record)
	ramp(t, w)
	log.limitsHeld(t, 5000, startBurst, perSecond)
	log.replay(t)

	calls, launches := log.history()
	measured := simulate.Function{Name: "probe", Duration: simulate.Constant(time.Second), Runtime: "provided.al2023", Language: "go",
		StartBurst: startBurst, StartsPerSecond: perSecond}
	model := measured
	var starts, cold, throttles []time.Duration
	for _, l := range launches {
		starts = append(starts, l.decided)
		measured.Starts = append(measured.Starts, simulate.Start{Before: l.exists - l.decided, Init: l.ready - l.exists})
	}
	var arrivals, undated []simulate.Arrival
	for _, c := range calls {
		took := time.Duration(-1)
		switch {
		case c.throttled:
			throttles = append(throttles, c.decided)
		case c.cold:
			cold = append(cold, c.at)
			fallthrough
		default:
			took = c.held(time.Duration(log.options.Grace))
		}
		arrivals = append(arrivals, simulate.Arrival{At: c.at, Duration: took})
		undated = append(undated, simulate.Arrival{At: c.at, Duration: -1})
	}
	apart := func(f simulate.Function, list []simulate.Arrival) shares {
		s := simulate.Scenario{Name: "ramp", Seed: 1, AccountConcurrency: 5000, IdleTimeout: 10 * time.Minute, Functions: []simulate.Function{f},
			Source: simulate.Arrivals(list), Bucket: time.Second}
		r, err := s.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return shares{
			"starts": bursts.Apart(r.Series.Starts, bySecond(starts)), "cold starts": bursts.Apart(r.Series.ColdStarts, bySecond(cold)),
			"throttles": bursts.Apart(r.Series.Throttles, bySecond(throttles)),
		}
	}
	got := apart(measured, arrivals)
	t.Logf("live: %d requests, %d starts, %d cold, %d throttled; the simulation of it is apart by %v", len(calls), len(launches), len(cold), len(throttles), got)
	t.Logf("with distributions of a model instead of what was measured it is apart by %v", apart(model, undated))
	if len(throttles) == 0 || len(launches) <= startBurst {
		t.Errorf("%d throttles and %d starts: the scaling rate was not met", len(throttles), len(launches))
	}
	if err := w.Close(context.Background()); err != nil {
		t.Error(err)
	}
	return got
}
