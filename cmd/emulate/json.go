package main

import (
	"encoding/json"
	"fmt"

	"example.com/emulate/emulator/telemetry"
)

// jsonEvent shows an event to programs. Notices are for people, on standard error.
func (p *printer) jsonEvent(e telemetry.Event) {
	if r, ok := e.Record.(*telemetry.Notice); ok {
		if !r.Progress && p.wants(r) {
			fmt.Fprintln(&p.errBuf, r.Text)
		}
		return
	}
	p.outBuf.Write(telemetry.AppendLine(p.outBuf.AvailableBuffer(), e))
}

func (p *printer) jsonLine(v any) {
	enc := json.NewEncoder(&p.outBuf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		fmt.Fprintf(&p.errBuf, "cannot show an event as JSON: %v\n", err)
	}
}
