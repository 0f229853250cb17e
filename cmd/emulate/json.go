package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/telemetry"
)

// head is what every line of --json begins with.
type head struct {
	Type telemetry.Type `json:"type"`
	Time string         `json:"time"`
}

// The lines of --json, by CONTRACT.md's numbers.
type (
	projectLine struct { // 1
		head
		telemetry.Project
	}
	failedLine struct { // 1
		head
		telemetry.ReloadFailed
	}
	platformLine struct { // 2
		head
		Function    string `json:"function"`
		Version     string `json:"version"`
		Environment string `json:"environment"`
		Record      any    `json:"record"`
	}
	functionLine struct { // 3
		head
		Function    string `json:"function"`
		Version     string `json:"version"`
		Environment string `json:"environment"`
		RequestID   string `json:"requestId"`
		Record      any    `json:"record"`
	}
	accessLine struct { // 4
		head
		telemetry.Access
	}
	throttleLine struct { // 5
		head
		Function string `json:"function"`
		Reason   string `json:"reason"`
	}
)

// jsonEvent shows an event to programs. Notices are for people, on standard error.
func (p *printer) jsonEvent(e telemetry.Event) {
	h := head{e.Type, e.Time.UTC().Format(time.RFC3339Nano)}
	switch r := e.Record.(type) {
	case *telemetry.Notice:
		if !r.Progress {
			fmt.Fprintln(&p.errBuf, r.Text)
		}
	case *telemetry.Project:
		p.jsonLine(projectLine{h, *r})
	case *telemetry.ReloadFailed:
		p.jsonLine(failedLine{h, *r})
	case *telemetry.Access:
		p.jsonLine(accessLine{h, *r})
	case *telemetry.Throttle:
		p.jsonLine(throttleLine{h, e.Function, r.Reason})
	case config.Diagnostic:
		p.jsonDiagnostic(r)
	case telemetry.Line:
		p.jsonLine(functionLine{h, e.Function, e.Version, e.Environment, e.RequestID, r})
	default:
		p.jsonLine(platformLine{h, e.Function, e.Version, e.Environment, e.Record})
	}
}

func (p *printer) jsonLine(v any) {
	enc := json.NewEncoder(&p.outBuf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		fmt.Fprintf(&p.errBuf, "cannot show an event as JSON: %v\n", err)
	}
}

// jsonDiagnostic puts the type before the diagnostic's own members.
func (p *printer) jsonDiagnostic(d config.Diagnostic) {
	var own bytes.Buffer
	enc := json.NewEncoder(&own)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		fmt.Fprintf(&p.errBuf, "cannot show a diagnostic as JSON: %v\n", err)
		return
	}
	p.outBuf.WriteString(`{"type":"diagnostic",`)
	p.outBuf.WriteString(strings.TrimPrefix(own.String(), "{"))
}
