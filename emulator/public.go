package emulator

import (
	"context"
	"errors"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/telemetry"
)

// URL is the base of the port that the APIs share, such as http://127.0.0.1:3000. It is valid after Start.
func (e *Emulator) URL() string { return e.fronts[0].url() }

// AWSURL is the AWS endpoint, for SDKs and the CLI: their --endpoint-url. It is valid after Start.
func (e *Emulator) AWSURL() string { return e.aws.url() }

// Served describes what is served now, and where. It is valid after Start.
func (e *Emulator) Served() *telemetry.Project { return e.served() }

// Project is the configuration that is served now. It must not be changed.
func (e *Emulator) Project() *config.Project {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.project
}

// Route is one way from an API to a function.
type Route struct {
	// API is the API's id, URL its base without the stage, Stage the one that a bare path means.
	API   string `json:"api"`
	URL   string `json:"url"`
	Stage string `json:"stage"`
	// Method is an upper-case verb or ANY, Path a template such as /users/{id}, or $default.
	Method string `json:"method"`
	Path   string `json:"path"`
	// Function is "" for a route that answers by itself; Qualifier is a version or alias, "" for $LATEST.
	Function  string `json:"function"`
	Qualifier string `json:"qualifier"`
}

// Routes are those of all APIs that are served now, in the order of the configuration. It is valid after Start.
func (e *Emulator) Routes() []Route {
	urls := map[string]string{}
	for _, a := range e.served().APIs {
		urls[a.ID] = a.URL
	}
	out := []Route{}
	for _, a := range e.Project().APIs {
		for _, r := range a.Routes {
			out = append(out, Route{API: a.ID, URL: urls[a.ID], Stage: a.Stages[0].Name, Method: r.Method, Path: r.Path,
				Function: r.Integration.Function, Qualifier: r.Integration.Qualifier})
		}
	}
	return out
}

// Limits tells, in plain lines, what this machine cannot do as Lambda does. It is valid after Start.
func (e *Emulator) Limits() []string { return e.run.limits() }

// Result is a function's answer.
type Result struct {
	// Payload is what the function returned, or the error's JSON.
	Payload []byte
	// FunctionError is "" or "Unhandled".
	FunctionError string
	// ExecutedVersion is "$LATEST" or a number.
	ExecutedVersion string
	// RequestID is the invocation's.
	RequestID string
	// Log is the invocation's log, START to REPORT, at most its last 4 KB.
	Log string
	// Cold says that the invocation met a cold start.
	Cold bool
}

// InvokeError is an invocation that AWS answers itself: a throttle, an unknown function.
type InvokeError struct {
	// Status is AWS's HTTP status, Type its error type, such as TooManyRequestsException, Reason that of a throttle.
	Status       int
	Type, Reason string
	Message      string
}

func (e *InvokeError) Error() string { return e.Type + ": " + e.Message }

// Invoke runs a function, by its name, "name:alias" not included, and waits for the answer and its log. A function that fails is no error: see
// Result.FunctionError. The error is an *InvokeError, or the cause of ctx.
func (e *Emulator) Invoke(ctx context.Context, function string, payload []byte) (*Result, error) {
	inv := &lambda.Invocation{Function: function, Payload: payload, Tail: true}
	r, err := e.lambda.Invoke(ctx, inv)
	if err != nil {
		return nil, refusal(err)
	}
	return &Result{Payload: r.Payload, FunctionError: r.FunctionError, ExecutedVersion: r.ExecutedVersion, RequestID: inv.RequestID,
		Log: string(r.LogTail), Cold: r.Cold}, nil
}

// FunctionStats counts one function's environments and invocations.
type FunctionStats struct {
	Function string `json:"function"`
	// Environments that exist: Starting (INIT runs), Idle or Busy; the rest is being stopped.
	Environments int `json:"environments"`
	Starting     int `json:"starting"`
	Idle         int `json:"idle"`
	Busy         int `json:"busy"`
	// InFlight is the function's concurrency.
	InFlight int `json:"inFlight"`
	// What was invoked so far, what of it failed, was throttled, met a cold start.
	Invocations uint64 `json:"invocations"`
	Errors      uint64 `json:"errors"`
	Throttles   uint64 `json:"throttles"`
	ColdStarts  uint64 `json:"coldStarts"`
	// Spills are requests that found all provisioned environments busy, and went to an on-demand one; Provisioned is what is provisioned.
	Spills      uint64 `json:"provisionedSpillovers"`
	Provisioned int    `json:"provisioned"`
	// Warmed counts what the function's warmer does; nil where it has none.
	Warmed *Warmed `json:"warmer,omitempty"`
	// WaitedForMachine is how long starts waited for this machine, which Lambda's numbers leave out.
	WaitedForMachine time.Duration `json:"waitedForMachineNs"`
}

// Warmed counts what a warmer has done: Kept environments served the last round, of Pings. A ping that met a cold start found nothing kept.
type Warmed struct {
	// EverySeconds and Overlapping are as configured: pings of a round go out at once, or one after the other.
	EverySeconds float64 `json:"everySeconds"`
	Overlapping  bool    `json:"overlapping"`
	Rounds       int     `json:"rounds"`
	Kept         int     `json:"kept"`
	Pings        int     `json:"pings"`
	// KeptLeast and KeptMean are of all rounds.
	KeptLeast  int     `json:"keptLeast"`
	KeptMean   float64 `json:"keptMean"`
	ColdStarts uint64  `json:"coldStarts"`
	Throttles  uint64  `json:"throttles"`
}

// Cold takes warm environments away, so that requests meet cold starts again: n of them, those used longest ago first, or all where n is negative; of
// one function, or of all where function is "". One that runs a request finishes it first. Provisioned environments stay. It returns how many were
// taken; the error is an *InvokeError for a function that does not exist.
func (e *Emulator) Cold(function string, n int) (int, error) {
	taken, err := e.lambda.Cold(function, n)
	return taken, refusal(err)
}

// refusal makes what AWS answers itself public.
func refusal(err error) error {
	var refused *lambda.Error
	if errors.As(err, &refused) {
		return &InvokeError{Status: refused.Status, Type: refused.Name, Reason: refused.Reason, Message: refused.Message}
	}
	return err
}

// Stats counts every function, sorted by name.
func (e *Emulator) Stats() []FunctionStats {
	var out []FunctionStats
	for _, s := range e.lambda.Stats() {
		out = append(out, FunctionStats{
			Function: s.Function, Environments: s.Environments, Starting: s.Starting, Idle: s.Idle, Busy: s.Busy, InFlight: s.InFlight,
			Invocations: s.Invocations, Errors: s.Errors, Throttles: s.Throttles, ColdStarts: s.Colds, WaitedForMachine: s.WaitedForMachine,
			Spills: s.Spills, Provisioned: s.Provisioned,
		})
		if w := s.Warm; w.Rounds > 0 {
			out[len(out)-1].Warmed = &Warmed{
				EverySeconds: w.Every.Seconds(), Overlapping: !w.Sequential, Rounds: w.Rounds, Kept: w.Kept, Pings: w.Pings,
				KeptLeast: w.Least, KeptMean: float64(w.Sum) / float64(w.Rounds), ColdStarts: w.Cold, Throttles: w.Throttled,
			}
		}
	}
	return out
}

// Events gives the events from now on. A reader that is more than size events behind loses some: Dropped tells how many.
func (e *Emulator) Events(size int) *telemetry.Tap { return e.stream.Tap(size) }

// Flush waits until Options.OnEvents has seen every event so far.
func (e *Emulator) Flush() { e.stream.Flush() }
