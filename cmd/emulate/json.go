package main

import (
	"encoding/json"
	"fmt"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/telemetry"
)

// head is what every line of --json begins with.
type head struct {
	Type telemetry.Type `json:"type"`
	Time string         `json:"time"`
}

// notNil makes an empty list of none, for JSON.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func headOf(e telemetry.Event) head { return head{e.Type, e.Time.UTC().Format(time.RFC3339Nano)} }

// The lines of --json that are seldom, by CONTRACT.md's numbers.
type (
	projectLine struct { // 1
		head
		AWS       string               `json:"aws"`
		APIs      []telemetry.API      `json:"apis"`
		Functions []telemetry.Function `json:"functions"`
		Seed      uint64               `json:"seed"`
		// Changed are the functions that a reload gave new code or configuration.
		Changed []string `json:"changed,omitempty"`
	}
	failedLine struct { // 1
		head
		telemetry.ReloadFailed
	}
	throttleLine struct { // 5
		head
		Function string `json:"function"`
		Reason   string `json:"reason"`
	}
)

// jsonEvent shows an event to programs. Notices are for people, on standard error.
func (p *printer) jsonEvent(e telemetry.Event) {
	switch r := e.Record.(type) {
	case *telemetry.Notice:
		if !r.Progress && p.wants(r) {
			fmt.Fprintln(&p.errBuf, r.Text)
		}
	case *telemetry.Project:
		p.jsonLine(projectLine{headOf(e), r.AWS, notNil(r.APIs), notNil(r.Functions), r.Seed, r.Changed})
	case *telemetry.ReloadFailed:
		p.jsonLine(failedLine{headOf(e), *r})
	case *telemetry.Throttle:
		p.jsonLine(throttleLine{headOf(e), e.Function, r.Reason})
	case config.Diagnostic:
		p.jsonLine(r) // 6, with its type
	default:
		p.outBuf.Write(appendEvent(p.outBuf.AvailableBuffer(), e))
	}
}

// appendEvent writes the lines 2, 3 and 4, of which every request has several.
func appendEvent(b []byte, e telemetry.Event) []byte {
	b = append(append(append(b, `{"type":"`...), e.Type...), `","time":"`...)
	b = append(e.Time.UTC().AppendFormat(b, time.RFC3339Nano), `",`...)
	if a, ok := e.Record.(*telemetry.Access); ok { // 4
		return append(a.AppendAccess(b), "}\n"...)
	}
	b = telemetry.AppendString(append(b, `"function":`...), e.Function)
	b = telemetry.AppendString(append(b, `,"version":`...), e.Version)
	b = telemetry.AppendString(append(b, `,"environment":`...), e.Environment)
	if _, ok := e.Record.(telemetry.Line); ok { // 3
		b = telemetry.AppendString(append(b, `,"requestId":`...), e.RequestID)
	}
	return append(telemetry.AppendRecord(append(b, `,"record":`...), e.Record), "}\n"...)
}

func (p *printer) jsonLine(v any) {
	enc := json.NewEncoder(&p.outBuf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		fmt.Fprintf(&p.errBuf, "cannot show an event as JSON: %v\n", err)
	}
}
