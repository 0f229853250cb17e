package telemetry

import (
	"encoding/json"
	"time"
)

// Type of an Event; Lambda's names where Lambda has one (spec lambda.md §3.2).
type Type string

// The types of events.
const (
	TypeInitStart       Type = "platform.initStart"
	TypeInitRuntimeDone Type = "platform.initRuntimeDone"
	TypeInitReport      Type = "platform.initReport"
	TypeStart           Type = "platform.start"
	TypeRuntimeDone     Type = "platform.runtimeDone"
	TypeReport          Type = "platform.report"
	TypeFault           Type = "platform.fault"
	TypeFunction        Type = "function"
	TypeExtension       Type = "extension"
	TypeAccess          Type = "access"
	TypeThrottle        Type = "throttle"
)

// Event is one thing that happened. Everything that the emulator shows of itself is read from a Stream of them.
type Event struct {
	Time time.Time
	Type Type
	// Function is the function's name, Version "$LATEST" or a number, Environment the log stream's name, RequestID the invocation's.
	Function, Version, Environment, RequestID string
	// Record is one of the record types of this package: *InitStart for TypeInitStart, and so on; a Line for TypeFunction and TypeExtension.
	Record any
}

// Status of an init, an invocation or its runtime.
type Status string

// The statuses (spec lambda.md §3.2).
const (
	Success  Status = "success"
	Failure  Status = "failure"
	Errored  Status = "error"
	TimedOut Status = "timeout"
)

// Phase in which INIT runs: "init" by itself, "invoke" where it is repeated within an invocation (suppressed init).
type Phase string

// The phases.
const (
	PhaseInit   Phase = "init"
	PhaseInvoke Phase = "invoke"
)

// Millis is a duration that JSON shows in milliseconds, with three decimals at most.
type Millis time.Duration

// MarshalJSON writes the milliseconds as a number.
func (m Millis) MarshalJSON() ([]byte, error) {
	return json.Marshal(float64(time.Duration(m).Microseconds()) / 1000)
}

// Line is one line that a handler or extension wrote, without its line end. JSON shows it as a string, or as the object that it is where the
// function's log format is JSON and the line holds one.
type Line struct {
	Text string
	// JSON says that Text is a JSON object and is shown as one.
	JSON bool
}

// MarshalJSON writes the line as JSON text or, with JSON set, as it is.
func (l Line) MarshalJSON() ([]byte, error) {
	return AppendRecord(nil, l), nil
}

// Tracing is the trace header that an invocation carries.
type Tracing struct {
	SpanID string `json:"spanId,omitempty"`
	Type   string `json:"type"` // X-Amzn-Trace-Id
	Value  string `json:"value"`
}

// InitStart is the record of TypeInitStart.
type InitStart struct {
	InitializationType string `json:"initializationType"`
	Phase              Phase  `json:"phase"`
	RuntimeVersion     string `json:"runtimeVersion,omitempty"`
	RuntimeVersionARN  string `json:"runtimeVersionArn,omitempty"`
	FunctionName       string `json:"functionName"`
	FunctionVersion    string `json:"functionVersion"`
	InstanceID         string `json:"instanceId"`
	InstanceMaxMemory  int64  `json:"instanceMaxMemory"` // bytes
}

// InitRuntimeDone is the record of TypeInitRuntimeDone.
type InitRuntimeDone struct {
	InitializationType string `json:"initializationType"`
	Phase              Phase  `json:"phase"`
	Status             Status `json:"status"`
	ErrorType          string `json:"errorType,omitempty"`
}

// InitReport is the record of TypeInitReport.
type InitReport struct {
	InitializationType string      `json:"initializationType"`
	Phase              Phase       `json:"phase"`
	Status             Status      `json:"status"`
	ErrorType          string      `json:"errorType,omitempty"`
	Metrics            InitMetrics `json:"metrics"`
}

// InitMetrics are the figures of an InitReport.
type InitMetrics struct {
	Duration Millis `json:"durationMs"`
	// WaitedForMachine is the time between the decision to start and the moment the process existed: this machine's slowness, not Lambda's.
	// Not a member of AWS's record.
	WaitedForMachine Millis `json:"waitedForMachineMs,omitempty"`
}

// Start is the record of TypeStart.
type Start struct {
	RequestID string   `json:"requestId"`
	Version   string   `json:"version"`
	Tracing   *Tracing `json:"tracing,omitempty"`
}

// Span is a part of an invocation's time.
type Span struct {
	Name     string    `json:"name"`
	Start    time.Time `json:"start"`
	Duration Millis    `json:"durationMs"`
}

// RuntimeDone is the record of TypeRuntimeDone.
type RuntimeDone struct {
	RequestID string         `json:"requestId"`
	Status    Status         `json:"status"`
	ErrorType string         `json:"errorType,omitempty"`
	Metrics   RuntimeMetrics `json:"metrics"`
	Spans     []Span         `json:"spans,omitempty"`
	Tracing   *Tracing       `json:"tracing,omitempty"`
}

// RuntimeMetrics are the figures of a RuntimeDone.
type RuntimeMetrics struct {
	Duration Millis `json:"durationMs"`
	// ProducedBytes is the size of the response.
	ProducedBytes int64 `json:"producedBytes"`
}

// Report is the record of TypeReport.
type Report struct {
	RequestID string        `json:"requestId"`
	Status    Status        `json:"status"`
	ErrorType string        `json:"errorType,omitempty"`
	Metrics   ReportMetrics `json:"metrics"`
	Tracing   *Tracing      `json:"tracing,omitempty"`
}

// ReportMetrics are the figures of a Report.
type ReportMetrics struct {
	Duration       Millis `json:"durationMs"`
	BilledDuration int64  `json:"billedDurationMs"`
	MemorySizeMB   int    `json:"memorySizeMB"`
	MaxMemoryUsed  int    `json:"maxMemoryUsedMB"`
	// InitDuration only stands in the report of an invocation that met a cold start.
	InitDuration Millis `json:"initDurationMs,omitempty"`
}

// Fault is the record of TypeFault: a failure of the platform, told in words.
type Fault string

// Access is the record of TypeAccess: one HTTP request through an API. Its members stand beside the event's own in --json output.
type Access struct {
	API                string `json:"api"`
	Method             string `json:"method"`
	Path               string `json:"path"`
	Route              string `json:"route"`
	Status             int    `json:"status"`
	Latency            Millis `json:"latencyMs"`
	IntegrationLatency Millis `json:"integrationLatencyMs"`
	Function           string `json:"function"`
	RequestID          string `json:"requestId"`
	Error              string `json:"error"`
	// Stage that the request met.
	Stage string `json:"stage,omitempty"`
	// InvocationID is the request id that the function saw; Cold says that the invocation met a cold start.
	InvocationID string `json:"invocationId,omitempty"`
	Cold         bool   `json:"cold,omitempty"`
}

// Throttle is the record of TypeThrottle.
type Throttle struct {
	Reason string `json:"reason"`
}

// The types of the emulator's own events.
const (
	TypeReady        Type = "ready"
	TypeReloaded     Type = "reloaded"
	TypeReloadFailed Type = "reloadFailed"
	// TypeDiagnostic has a config.Diagnostic as its record.
	TypeDiagnostic Type = "diagnostic"
	TypeNotice     Type = "notice"
)

// Project is the record of TypeReady and TypeReloaded: what is served, and where.
type Project struct {
	// Took is how long it took from the start, or from the change of a file.
	Took Millis `json:"tookMs"`
	// AWS is the URL of the AWS endpoint, URL that of the port that APIs share.
	AWS       string     `json:"aws"`
	URL       string     `json:"-"`
	APIs      []API      `json:"apis"`
	Functions []Function `json:"functions"`
	Seed      uint64     `json:"seed"`
	// Changed are the names of the functions that a reload gave new code or configuration.
	Changed []string `json:"changed,omitempty"`
}

// API is one API of a Project.
type API struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Stage string `json:"stage"`
	// URL is the base, without the stage.
	URL    string  `json:"url"`
	Routes []Route `json:"-"`
}

// Route of an API, for the table that the terminal shows.
type Route struct{ Method, Path, Function string }

// Function of a Project.
type Function struct {
	Name     string `json:"name"`
	ARN      string `json:"arn"`
	Runtime  string `json:"runtime"`
	Executor string `json:"executor"`
	URL      string `json:"url,omitempty"`
}

// ReloadFailed is the record of TypeReloadFailed.
type ReloadFailed struct {
	Error string `json:"error"`
	// Function is the one that could not be built; "" where the configuration is wrong.
	Function string `json:"function,omitempty"`
}

// Notice is the record of TypeNotice: a line for the user, on standard error. Quiet notices are only progress.
type Notice struct {
	Text     string `json:"text"`
	Progress bool   `json:"progress,omitempty"`
	// Good is no problem: it is left out where only problems are asked for.
	Good bool `json:"good,omitempty"`
}
