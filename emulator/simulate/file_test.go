package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/emulate/emulator/burst"
)

// everything is a file with every property.
const everything = `
name: shop
seed: 5
account: {concurrency: 500, requestQuota: false}
for: 1h
idleTimeout: 7m
functions:
  - name: api
    runtime: provided.al2023
    language: rust
    architecture: arm64
    package: {type: Image, mb: 250.5}
    memory: 512
    measuredAt: 1024
    cpu: 0.75
    duration: {p50: 80ms, p99: 400ms}
    init: [100ms, 200ms]
    sandbox: 90ms
    reserved: 50
    provisioned: 10
    provisionAtStart: true
    scaling: {burst: 20, perSecond: 5}
    warm: {every: 5m, concurrency: 3, for: 75ms, sequential: true}
    split: true
    routes:
      - {name: get, weight: 3}
      - {name: put, duration: 1s}
  - name: worker
    runtime: python3.11
    duration: {burst: report.json}
    init: {burst: report.json, function: other}
traffic:
  - {to: api, constant: 100/s}
  - {to: {api: 1, worker: 0.5}, ramp: {from: 0, to: 6000/m}, for: 10m, poisson: true, start: 1m}
  - {to: [api, worker], spike: {base: 3600/h, peak: 50, at: 5m, for: 30s}}
  - {to: worker, daily: {low: 1, high: 10, peak: 14h}, for: 10m}
  - {to: worker, atOnce: 300, start: 2s}
  - {trace: t.csv}
`

func opener(files map[string]string) OpenFile {
	return func(name string) (io.ReadCloser, error) {
		if text, ok := files[name]; ok {
			return io.NopCloser(strings.NewReader(text)), nil
		}
		return nil, fmt.Errorf("open %s: no such file", name)
	}
}

func reportFile(t testing.TB) string {
	t.Helper()
	data, err := json.Marshal(burst.Report{
		Totals: burst.Totals{Duration: burst.Latency{Count: 5, P50: 20, P99: 50}},
		Functions: []burst.FunctionReport{
			{Name: "worker", Totals: burst.Totals{Duration: burst.Latency{Count: 5, P50: 30, P99: 60}}},
			{Name: "other", Totals: burst.Totals{Init: burst.Latency{Count: 5, P50: 200, P99: 600}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRead(t *testing.T) {
	open := opener(map[string]string{"report.json": reportFile(t), "t.csv": "0,worker\n1,api/put,5\n"})
	s, err := Read(strings.NewReader(everything), "shop.yaml", open)
	if err != nil {
		t.Fatal(err)
	}
	const ms = time.Millisecond
	fifty := 50
	sandbox := Constant(90 * ms)
	hour := time.Hour
	want := &Scenario{
		Name: "shop", Seed: 5, AccountConcurrency: 500, NoRequestQuota: true, IdleTimeout: 7 * time.Minute,
		Functions: []Function{
			{
				Name: "api", Runtime: "provided.al2023", Language: "rust", PackageType: "Image", Architecture: "arm64", PackageMB: 250.5,
				MemoryMB: 512, Duration: Dist{P50: 80 * ms, P99: 400 * ms}, MeasuredMB: 1024, CPUShare: 0.75,
				Init: &Dist{Values: []time.Duration{100 * ms, 200 * ms}}, Sandbox: &sandbox, Reserved: &fifty, Provisioned: 10,
				ProvisionAtStart: true, StartBurst: 20, StartsPerSecond: 5,
				Warm:   &Warm{Every: 5 * time.Minute, Concurrency: 3, For: 75 * ms, Sequential: true},
				Routes: []Route{{"get", 3, Dist{P50: 80 * ms, P99: 400 * ms}}, {"put", 1, Constant(time.Second)}}, Split: true,
			},
			{
				Name: "worker", Runtime: "python3.11", Duration: Dist{P50: 30 * ms, P99: 60 * ms}, Init: &Dist{P50: 200 * ms, P99: 600 * ms},
			},
		},
		Traffic: []Traffic{
			{To: []Share{{0, 1}}, Segments: []Segment{{hour, 100, 100}}},
			{To: []Share{{0, 1}, {1, 0.5}}, Segments: []Segment{{10 * time.Minute, 0, 100}}, Poisson: true, Start: time.Minute},
			{To: []Share{{0, 1}, {1, 1}}, Segments: Spike(1, 50, 5*time.Minute, 30*time.Second, hour)},
			{To: []Share{{1, 1}}, Segments: Daily(1, 10, 14*time.Hour, 10*time.Minute)},
			{To: []Share{{1, 1}}, AtOnce: 300, Start: 2 * time.Second},
			{Trace: "t.csv"},
		},
	}
	if diff := cmp.Diff(want, s, cmpopts.IgnoreFields(Scenario{}, "Open")); diff != "" {
		t.Error(diff)
	}
	r, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Functions) != 3 || r.Functions[0].Name != "api/get" || len(r.Warmers) != 2 || r.Requests < 390_000 {
		t.Errorf("%s", r.Summary())
	}
}

func TestReadSaysWhatIsWrong(t *testing.T) {
	open := opener(map[string]string{"report.json": reportFile(t), "broken.json": "{"})
	const f = "functions: [{name: f, init: 1s, duration: 1s}]\n"
	for text, want := range map[string]string{
		"":  "read s.yaml:",
		"-": "read s.yaml:",
		"functions:\n  - {name: f, durration: 5s}": "line 2: there is no property durration here",
		f + "trafic: []":                     "there is no property trafic here",
		f:                                    "there is no traffic",
		"functions: [{name: f, init: soon}]": `line 1: "soon" is no duration`,
		"functions: [{name: f, init: -1s}]":  `"-1s" is no duration`,
		"functions: [{name: f, init: {p50: 1s, p98: 2s}}]":                                      `line 1: a distribution has no "p98"`,
		"functions: [{name: f, init: {p50: 3s, p99: 2s}}]\ntraffic: [{atOnce: 1}]":              "function f: init: p50 3s and p99 2s",
		"functions: [{name: f, init: {burst: report.json}}]":                                    "report.json has not measured it",
		"functions: [{name: f, duration: {burst: report.json, function: g}}]":                   "report.json has no function g",
		"functions: [{name: f, duration: {burst: none.json}}]":                                  "open none.json",
		"functions: [{name: f, duration: {burst: broken.json}}]":                                "read a burst's report broken.json",
		f + "traffic: [{constant: fast}]":                                                       `"fast" is no rate`,
		f + "traffic: [{constant: 5/d}]":                                                        `"5/d" is no rate`,
		f + "traffic: [{constant: 5}]":                                                          "traffic 1: for how long?",
		f + "traffic: [{constant: 5, ramp: {from: 1, to: 2}, for: 1s}]":                         "traffic 1: exactly one shape",
		f + "traffic: [{to: g, atOnce: 5}]":                                                     "traffic 1: line 2: there is no function g",
		f + "traffic: [{to: {f: much}, atOnce: 5}]":                                             `"much" is no weight`,
		f + "for: 10s\ntraffic: [{spike: {base: 1, peak: 2, at: 8s, for: 5s}}]":                 "ends before it starts",
		"functions: [{name: a, init: 1s}, {name: b, init: 1s}]\ntraffic: [{atOnce: 1}]":         "traffic 1: no function to send it to",
		"functions: [{name: f, init: 1s, memory: 64}]\ntraffic: [{atOnce: 1}]":                  "memory 64 MB",
		"functions: [{name: f, init: 1s, routes: [{weight: 1}]}]\ntraffic: [{atOnce: 1}]":       "a route without a name",
		"functions: [{name: f, runtime: cobol85, duration: 1s}]\ntraffic: [{atOnce: 1}]":        "no cold starts are known of runtime cobol85",
		"functions: [{name: f, init: 1s, warm: {concurrency: 3}}]\ntraffic: [{atOnce: 1}]":      "a warmer needs every and concurrency",
		"functions: [{name: f, init: 1s, reserved: 1, provisioned: 2}]\ntraffic: [{atOnce: 1}]": "provisioned concurrency 2 is more than is reserved (1)",
	} {
		if _, err := Read(strings.NewReader(text), "s.yaml", open); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives %v, want %q", text, err, want)
		}
	}
}

func TestApply(t *testing.T) {
	s, err := Read(strings.NewReader("functions: [{name: a, init: 1s}, {name: b, init: 1s, reserved: 3}]\ntraffic: [{to: a, atOnce: 1}]"), "s.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Apply([]burst.Setting{
		{Name: "memory", Value: "512"}, {Name: "reserved", Value: "20"}, {Name: "b.reserved", Value: ""}, {Name: "a.provisioned", Value: "10"},
		{Name: "warm", Value: "4"}, {Name: "b.warm", Value: "0"}, {Name: "package", Value: "2.5"}, {Name: "runtime", Value: "nodejs22.x"},
		{Name: "architecture", Value: "arm64"}, {Name: "split", Value: "true"}, {Name: "concurrency", Value: "777"},
	})
	if err != nil {
		t.Fatal(err)
	}
	a, b := got.Functions[0], got.Functions[1]
	if a.MemoryMB != 512 || *a.Reserved != 20 || b.Reserved != nil || a.Provisioned != 10 || b.Provisioned != 0 || a.Warm.Concurrency != 4 || b.Warm != nil ||
		a.PackageMB != 2.5 || b.Runtime != "nodejs22.x" || b.Architecture != "arm64" || a.Split || got.AccountConcurrency != 777 {
		t.Errorf("%+v", got)
	}
	if s.Functions[0].MemoryMB != 0 || *s.Functions[1].Reserved != 3 {
		t.Errorf("the scenario itself is changed: %+v", s)
	}
	for want, set := range map[string]burst.Setting{
		"there is no setting":    {Name: "colour", Value: "1"},
		"come to 902":            {Name: "reserved", Value: "451"},
		"come to 901":            {Name: "a.provisioned", Value: "898"},
		"at most 0":              {Name: "concurrency", Value: "77"},
		"there is no function c": {Name: "c.memory", Value: "1"},
		"memory 5 MB":            {Name: "memory", Value: "5"},
		"no number":              {Name: "provisioned", Value: "-3"},
		"syntax":                 {Name: "split", Value: "perhaps"},
		"invalid":                {Name: "package", Value: "x"},
	} {
		if _, err := s.Apply([]burst.Setting{set}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v gives %v", set, err)
		}
	}
}

// What is read can be simulated, or says why not, and never panics or hangs.
func FuzzRead(f *testing.F) {
	f.Add(everything)
	f.Add("functions: [{name: f, init: 1s, duration: 1s}]\ntraffic: [{atOnce: 10}]")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Read(strings.NewReader(text), "s.yaml", opener(map[string]string{"t.csv": "0,f\n"}))
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if r, err := s.Run(ctx); err == nil && r.Requests != r.Completed+r.Throttled {
			t.Errorf("%s", r.Summary())
		}
	})
}

func FuzzTrace(f *testing.F) {
	f.Add("time,function,duration\n0,f,5\n1.5,f\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := Trace(strings.NewReader(text), "t.csv", map[string]int{"f": 0}, 0)
		for {
			a, ok, err := s.Next()
			if err != nil || !ok {
				return
			}
			if a.At < 0 || a.Function != 0 || a.Duration < -1 {
				t.Fatalf("%+v", a)
			}
		}
	})
}
