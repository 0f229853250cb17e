package lambda

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"example.com/emulate/emulator/telemetry"
)

// event of this environment.
func (e *Environment) event(t telemetry.Type, now time.Time, requestID string, record any) telemetry.Event {
	return telemetry.Event{Time: now, Type: t, Function: e.cfg.Name, Version: versionName(e.pool), Environment: e.name, RequestID: requestID, Record: record}
}

func (e *Environment) emitInitStart() {
	version, arn := runtimeVersion(e.cfg.Runtime, e.s.o.Region)
	e.s.o.Telemetry.Emit(e.event(telemetry.TypeInitStart, e.exists, "", &telemetry.InitStart{
		InitializationType: e.initType, Phase: telemetry.PhaseInit, RuntimeVersion: version, RuntimeVersionARN: arn,
		FunctionName: e.cfg.Name, FunctionVersion: versionName(e.pool), InstanceID: e.name, InstanceMaxMemory: int64(e.cfg.MemoryMB) << 20,
	}))
}

var runtimeID = regexp.MustCompile(`^([a-z]+?)([0-9][0-9.a-z_]*?)?(?:\.x)?$`)

// runtimeVersion is how INIT_START names a runtime: "python:3.13.v1" and an ARN of 64 hex digits (spec lambda.md §4.3). AWS's numbers mean its own
// builds; ours is always v1.
func runtimeVersion(runtime, region string) (version, arn string) {
	if runtime == "" {
		return "", ""
	}
	sum := sha256.Sum256([]byte(runtime))
	arn = "arn:aws:lambda:" + region + "::runtime:" + hex.EncodeToString(sum[:])
	if family, v, ok := strings.Cut(runtime, "."); ok && family == "provided" {
		return family + ":" + v + ".v1", arn
	}
	if m := runtimeID.FindStringSubmatch(runtime); m != nil && m[2] != "" {
		return m[1] + ":" + m[2] + ".v1", arn
	}
	return runtime + ".v1", arn
}

// reportInit tells how INIT ended, and what it took. Service.mu is held.
func (e *Environment) reportInit(took time.Duration, status telemetry.Status, errorType string) {
	now := time.Now()
	e.s.o.Telemetry.EmitPair(
		e.event(telemetry.TypeInitRuntimeDone, now, "", &telemetry.InitRuntimeDone{
			InitializationType: e.initType, Phase: e.initPhase, Status: status, ErrorType: errorType}),
		e.event(telemetry.TypeInitReport, now, "", &telemetry.InitReport{
			InitializationType: e.initType, Phase: e.initPhase, Status: status, ErrorType: errorType,
			Metrics: telemetry.InitMetrics{Duration: telemetry.Millis(took), WaitedForMachine: telemetry.Millis(e.exists.Sub(e.decided) + max(0, -e.delay.rest))}}))
}

// emitStart tells that the invocation begins. Service.mu is held.
func (e *Environment) emitStart(r *request) {
	e.logID.Store(&r.event.RequestID)
	e.tail.Store(r.tail)
	ev := e.event(telemetry.TypeStart, r.began, r.event.RequestID, &telemetry.Start{
		RequestID: r.event.RequestID, Version: versionName(e.pool), Tracing: &telemetry.Tracing{Type: "X-Amzn-Trace-Id", Value: r.event.TraceID}})
	r.tail.add(ev)
	e.s.o.Telemetry.Emit(ev)
}

// finish ends the invocation that the environment answered: report, books, and the caller that waited for the log. Service.mu is held.
func (e *Environment) finish(r *request, now time.Time, status telemetry.Status, errorType string) {
	e.report(r, now, status, errorType)
	e.s.forgetLocked(r)
	e.cur = nil
	r.end()
}

// report tells how the invocation ended, and completes the log that its caller asked for. Service.mu is held.
func (e *Environment) report(r *request, now time.Time, status telemetry.Status, errorType string) {
	e.fn.ended = now
	duration := now.Sub(r.began)
	produced := int64(len(r.result.Payload))
	report := e.event(telemetry.TypeReport, now, r.event.RequestID, &telemetry.Report{
		RequestID: r.event.RequestID, Status: status, ErrorType: errorType,
		Metrics: telemetry.ReportMetrics{
			Duration: telemetry.Millis(duration), BilledDuration: billed(duration + r.initTime), MemorySizeMB: e.cfg.MemoryMB,
			MaxMemoryUsed: ceilMB(e.peakMemory.Load()), InitDuration: telemetry.Millis(r.initTime)}})
	e.s.o.Telemetry.EmitPair(e.event(telemetry.TypeRuntimeDone, now, r.event.RequestID, &telemetry.RuntimeDone{
		RequestID: r.event.RequestID, Status: status, ErrorType: errorType,
		Metrics: telemetry.RuntimeMetrics{Duration: telemetry.Millis(duration), ProducedBytes: produced}, Spans: r.spans(now)}), report)
	if r.tail != nil {
		r.tail.add(report)
		r.result.LogTail = r.tail.last()
	}
	e.logID.Store(nil)
	e.tail.Store(nil)
}

// spans of an answered invocation (spec lambda.md §3.2).
func (r *request) spans(now time.Time) []telemetry.Span {
	if r.responded.IsZero() {
		return nil
	}
	return []telemetry.Span{
		{Name: "responseLatency", Start: r.began, Duration: telemetry.Millis(r.responded.Sub(r.began))},
		{Name: "responseDuration", Start: r.responded},
		{Name: "runtimeOverhead", Start: r.responded, Duration: telemetry.Millis(now.Sub(r.responded))},
	}
}

// billed is a duration in whole milliseconds, rounded up; INIT is paid for since August 2025 (spec lambda.md §4.1).
func billed(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// output takes a line that a process of the environment wrote. CloudWatch drops empty lines (recorded: logs-multi-line-print).
func (e *Environment) output(line []byte) {
	if len(line) == 0 {
		return
	}
	var id string
	if p := e.logID.Load(); p != nil {
		id = *p
	}
	l := telemetry.Line{Text: string(line), JSON: e.cfg.Logging.Format == "JSON" && line[0] == '{' && json.Valid(line)}
	ev := e.event(telemetry.TypeFunction, time.Now(), id, l)
	e.tail.Load().add(ev)
	e.s.o.Telemetry.EmitOutput(ev)
}
