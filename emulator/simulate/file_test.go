package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"

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

// everythingNow is everything with the names that emulate.yaml has.
const everythingNow = `
name: shop
seed: 5
limits: {concurrency: 500, requestRate: 0, startBurst: 20, startsPerSecond: 5}
for: 1h
idleTimeout: 7m
functions:
  api: &api
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
    reservedConcurrency: 50
    provisionedConcurrency: 10
    provisionAtStart: true
    warm: {every: 5m, concurrency: 3, for: 75ms, sequential: true}
    split: true
    routes:
      - {name: get, weight: 3}
      - {name: put, duration: 1s}
  worker:
    runtime: python3.11
    duration: {burst: report.json}
    init: {burst: report.json, function: other}
    limits: {startBurst: 7}
  same: *api
  bigger:
    <<: *api
    memory: 2048
traffic:
  - {to: api, constant: 100/s}
  - {to: {api: 1, worker: 0.5}, ramp: {from: 0, to: 6000/m}, for: 10m, poisson: true, start: 1m}
  - {to: [api, worker], spike: {base: 3600/h, peak: 50, at: 5m, for: 30s}}
  - {to: worker, daily: {low: 1, high: 10, peak: 14h}, for: 10m}
  - {to: worker, atOnce: 300, start: 2s}
  - {trace: t.csv}
`

// The samples that users see can be simulated, and the README's has every property.
func TestSamples(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sample, _ := strings.Cut(string(readme), "FILE is YAML.")
	_, sample, _ = strings.Cut(sample, "```yaml\n")
	sample, _, ok := strings.Cut(sample, "```\n")
	if !ok {
		t.Fatal("README.md has no sample")
	}
	open := opener(map[string]string{"requests.csv": "time,function,duration\n", "burst.json": reportFile(t)})
	for name, text := range map[string]string{"README.md": sample, "the help": Format} {
		s, err := Read(strings.NewReader(text), name, open)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r := run(t, s); r.Requests < 180_000 {
			t.Errorf("%s: %s", name, r.Summary())
		}
	}
	var every func(reflect.Type)
	every = func(of reflect.Type) {
		switch _, leaf := reflect.New(of).Interface().(yaml.Unmarshaler); {
		case leaf:
			return
		case of.Kind() == reflect.Pointer, of.Kind() == reflect.Slice:
			every(of.Elem())
			return
		case of.Kind() != reflect.Struct:
			return
		}
		for i := range of.NumField() {
			f := of.Field(i)
			if name := nameOf(f); name != "requestQuota" && !strings.Contains(sample, name+":") {
				t.Errorf("README.md lacks %s of %v", name, of)
			}
			every(f.Type)
		}
	}
	every(reflect.TypeFor[file]())
}

// A function without a duration of its own may be reached where each route has one, or a trace's lines do.
func TestReadNeedsNoDuration(t *testing.T) {
	for _, text := range []string{
		"functions: {f: {init: 1s, routes: [{name: a, duration: 1s}, {name: b, duration: 0ms}]}}\ntraffic: [{atOnce: 1}]",
		"functions: {f: {init: 1s}}\ntraffic: [{trace: t.csv}]",
		"functions: {f: {init: 1s, duration: 0ms}, g: {init: 1s}}\ntraffic: [{to: f, atOnce: 1}]",
	} {
		if _, err := Read(strings.NewReader(text), "s.yaml", opener(map[string]string{"t.csv": "0,f,5\n"})); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A line of a trace without a duration needs one of the function's.
func TestTraceWithoutDurations(t *testing.T) {
	s, err := Read(strings.NewReader("functions: {f: {init: 1s}}\ntraffic: [{trace: t.csv}]"), "s.yaml", opener(map[string]string{"t.csv": "0,f,5\n1,f\n"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context()); err == nil || err.Error() != "simulate s.yaml: the arrival at 1s has no duration, and f has none either" {
		t.Error(err)
	}
}

// What emulate.yaml and a scenario both tell has the same names in both; the older ones go on.
func TestReadTheNamesOfEmulateYAML(t *testing.T) {
	open := opener(map[string]string{"report.json": reportFile(t), "t.csv": "0,worker\n1,api/put,5\n"})
	read := func(text string) *Scenario {
		s, err := Read(strings.NewReader(text), "shop.yaml", open)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	want, got := read(everything), read(everythingNow)
	same, bigger := want.Functions[0], want.Functions[0]
	same.Name, bigger.Name, bigger.MemoryMB = "same", "bigger", 2048
	want.Functions = append(want.Functions, same, bigger)
	want.Functions[1].StartBurst, want.Functions[1].StartsPerSecond = 7, 5
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Scenario{}, "Open")); diff != "" {
		t.Error(diff)
	}
	if s := read("limits: {requestRate: 3}\nfunctions: {f: {init: 1s, duration: 1s}}\ntraffic: [{atOnce: 1}]"); s.RequestRate != 3 || s.NoRequestQuota {
		t.Errorf("%+v", s)
	}
}

// A spike without a time is the middle tenth, as a burst's.
func TestSpikeInTheMiddle(t *testing.T) {
	for text, want := range map[string][]Segment{
		"{base: 5, peak: 50}":                    Spike(5, 50, 27*time.Second, 6*time.Second, time.Minute),
		"{base: 5, peak: 50, at: 10s}":           Spike(5, 50, 10*time.Second, 6*time.Second, time.Minute),
		"{base: 5, peak: 50, for: 10s}":          Spike(5, 50, 25*time.Second, 10*time.Second, time.Minute),
		"{base: 5, peak: 50, at: 0s, for: 10s}":  Spike(5, 50, 0, 10*time.Second, time.Minute),
		"{base: 5, peak: 50, at: 50s, for: 10s}": Spike(5, 50, 50*time.Second, 10*time.Second, time.Minute),
	} {
		s, err := Read(strings.NewReader("functions: {f: {init: 1s, duration: 1s}}\ntraffic: [{for: 1m, spike: "+text+"}]"), "s.yaml", nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if diff := cmp.Diff(want, s.Traffic[0].Segments); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// Everything that is wrong is told at once, each at its place, and no type of Go's is named.
func TestReadTellsOfAll(t *testing.T) {
	text := `functions:
  hello: ./hello
  f: {durration: 5s, memory: large, init: [1s, soon], reserved: 1, reservedConcurrency: 2}
for: 10
traffic:
  - {constant: 50/d, colour: 1}
  - {spike: 9}
`
	const want = `s.yaml:2:10: error: functions: here stands {name, runtime, duration, memory, package, …}, not "./hello"
    hello: ./hello
           ^
s.yaml:3:7: error: there is no property "durration" in functions
    f: {durration: 5s, memory: large, init: [1s, soon], reserved: 1, reservedConcurrency: 2}
        ^
  hint: did you mean "duration"?
s.yaml:3:30: error: memory is a whole number, not "large"
    f: {durration: 5s, memory: large, init: [1s, soon], reserved: 1, reservedConcurrency: 2}
                               ^
s.yaml:3:48: error: init: "soon" is no duration
    f: {durration: 5s, memory: large, init: [1s, soon], reserved: 1, reservedConcurrency: 2}
                                                 ^
  hint: a number with its unit, such as 120ms or 1h30m
s.yaml:3:68: error: reservedConcurrency is there twice
    f: {durration: 5s, memory: large, init: [1s, soon], reserved: 1, reservedConcurrency: 2}
                                                                     ^
s.yaml:4:6: error: for: "10" is no duration
  for: 10
       ^
  hint: a number with its unit, such as 120ms or 1h30m
s.yaml:6:16: error: constant: "50/d" is no rate
    - {constant: 50/d, colour: 1}
                 ^
  hint: requests per second, minute or hour, such as 100/s, 6000/m or 5/h
s.yaml:6:22: error: there is no property "colour" in traffic
    - {constant: 50/d, colour: 1}
                       ^
  hint: there are to, start, for, constant, ramp, spike, daily, atOnce, trace, poisson
s.yaml:7:13: error: spike: here stands {base, peak, at, for}, not "9"
    - {spike: 9}
              ^`
	_, err := Read(strings.NewReader(text), "s.yaml", nil)
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

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
		"":                                   "read s.yaml: it is empty",
		"---\n":                              "read s.yaml: it is empty",
		"time,function\n0,f\n":               "s.yaml:1:1: error: the file: here stands {name, seed, limits, for, idleTimeout, …}, not \"time,function 0,f\"",
		"-":                                  "s.yaml:1:1: error: the file: here stands {name, seed, limits, for, idleTimeout, …}, not a list",
		"a: b: c":                            "s.yaml:1: error: mapping values are not allowed in this context",
		"functions: 5":                       "s.yaml:1:12: error: functions is a list of {name, runtime, duration, memory, package, …}, not \"5\"",
		f + "name: [x]":                      `name is a text, not a list`,
		f + "account: {quota: 5}":            `there is no property "quota" in limits`,
		f + "trafic: []":                     "hint: did you mean \"traffic\"?",
		f:                                    "there is no traffic",
		"functions: [{name: f, init: soon}]": `s.yaml:1:29: error: init: "soon" is no duration`,
		"functions: [{name: f, init: -1s}]":  `"-1s" is no duration`,
		"functions: [{name: f, init: {p50: 1s, p98: 2s}}]":                                      `s.yaml:1:39: error: init: a distribution has no "p98"`,
		"functions: [{name: f, init: {p50: 3s, p99: 2s}}]\ntraffic: [{atOnce: 1}]":              "function f: init: p50 3s and p99 2s",
		"functions: [{name: f, init: {burst: report.json}}]":                                    "report.json has not measured it",
		"functions: [{name: f, duration: {burst: report.json, function: g}}]":                   "report.json has no function g",
		"functions: [{name: f, duration: {burst: none.json}}]":                                  "open none.json",
		"functions: [{name: f, duration: {burst: broken.json}}]":                                "read a burst's report broken.json",
		f + "traffic: [{constant: fast}]":                                                       `"fast" is no rate`,
		f + "traffic: [{constant: 5/d}]":                                                        `"5/d" is no rate`,
		f + "traffic: [{constant: 5}]":                                                          "traffic 1: for how long?",
		f + "traffic: [{constant: 5, ramp: {from: 1, to: 2}, for: 1s}]":                         "traffic 1: exactly one shape",
		f + "traffic: [{to: g, atOnce: 5}]":                                                     `traffic 1: line 2: there is no function "g"`,
		f + "traffic: [{to: {f: much}, atOnce: 5}]":                                             `"much" is no weight`,
		f + "for: 10s\ntraffic: [{spike: {base: 1, peak: 2, at: 8s, for: 5s}}]":                 "a spike of 5s at 8s, of a traffic that lasts 10s: it must last some time, and end within it",
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
	s, err := Read(strings.NewReader("functions: [{name: a, init: 1s, duration: 1s}, {name: b, init: 1s, reserved: 3}]\ntraffic: [{to: a, atOnce: 1}]"), "s.yaml", nil)
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
