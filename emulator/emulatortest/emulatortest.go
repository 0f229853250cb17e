package emulatortest

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/telemetry"
)

// TB is what Start needs of a test: *testing.T and *testing.B have it.
type TB interface {
	Helper()
	Cleanup(func())
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// Emulator is a project that is served for the length of a test.
type Emulator struct {
	// URL is the base of the first API, AWSURL the AWS endpoint, for an SDK's endpoint URL.
	URL, AWSURL string

	t     TB
	inner *emulator.Emulator
	log   log // only the reader of events uses it

	mu     sync.Mutex
	events []telemetry.Event
}

// Option changes the emulator's options before it is started.
type Option func(*emulator.Options)

// Start serves the project in a folder, or of a configuration file, on free ports, and stops it when the test ends. It returns when every function
// is built, and ends the test where the project cannot be served.
func Start(t TB, path string, options ...Option) *Emulator {
	t.Helper()
	e := &Emulator{t: t}
	o := emulator.Options{Path: path, NoWatch: true, WaitForBuilds: true}
	for _, change := range options {
		change(&o)
	}
	o.OnEvents = e.take(o.OnEvents)
	inner, err := emulator.New(o)
	if err != nil {
		t.Fatalf("serve %s: %v", path, err)
	}
	if err := inner.Start(t.Context()); err != nil {
		t.Fatalf("serve %s:\n%v", path, err)
	}
	e.inner = inner
	t.Cleanup(func() {
		if err := inner.Close(context.Background()); err != nil {
			t.Errorf("stop %s: %v", path, err)
		}
	})
	served := inner.Served()
	e.URL, e.AWSURL = served.URL, served.AWS
	if len(served.APIs) > 0 {
		e.URL = served.APIs[0].URL
	}
	return e
}

// take makes a reader that keeps the events, logs them, and hands them on to the reader that the test's own options name, if any.
func (e *Emulator) take(next func([]telemetry.Event)) func([]telemetry.Event) {
	return func(batch []telemetry.Event) {
		e.keep(batch)
		if next != nil {
			next(batch)
		}
	}
}

// keep keeps a batch of events, and logs them: go test prints its log where the test fails.
func (e *Emulator) keep(batch []telemetry.Event) {
	e.mu.Lock()
	e.events = append(e.events, batch...)
	e.mu.Unlock()
	if text := e.log.text(batch); text != "" {
		e.t.Logf("%s", text)
	}
}

// FunctionError is the answer of a function that failed.
type FunctionError struct {
	// Payload is the error's JSON, as the caller of Invoke gets it.
	Payload []byte
}

func (e *FunctionError) Error() string { return "the function failed: " + string(e.Payload) }

// Invoke runs a function with the event in JSON, and decodes its answer into result, unless that is nil. A function that fails is a *FunctionError;
// everything else that keeps it from answering, such as a throttle, is an *emulator.InvokeError. An event or answer that is no JSON ends the test.
func (e *Emulator) Invoke(function string, event, result any) error {
	e.t.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		e.t.Fatalf("invoke %s: the event: %v", function, err)
	}
	got, err := e.inner.Invoke(e.t.Context(), function, payload)
	if err != nil {
		return err
	}
	if got.FunctionError != "" {
		return &FunctionError{got.Payload}
	}
	if result != nil {
		if err := json.Unmarshal(got.Payload, result); err != nil {
			e.t.Fatalf("invoke %s: the answer %.200s: %v", function, got.Payload, err)
		}
	}
	return nil
}

// Events are all events so far.
func (e *Emulator) Events() []telemetry.Event {
	e.inner.Flush()
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.events)
}

// ColdStarts is how many invocations of the function met a cold start so far.
func (e *Emulator) ColdStarts(function string) int {
	return int(e.stats(function).ColdStarts)
}

// Throttles is how many invocations of the function were throttled so far.
func (e *Emulator) Throttles(function string) int {
	return int(e.stats(function).Throttles)
}

func (e *Emulator) stats(function string) emulator.FunctionStats {
	e.t.Helper()
	for _, s := range e.inner.Stats() {
		if s.Function == function {
			return s
		}
	}
	e.t.Fatalf("the project has no function %s", function)
	return emulator.FunctionStats{}
}

// Emulator gives the whole API of the served project.
func (e *Emulator) Emulator() *emulator.Emulator { return e.inner }
