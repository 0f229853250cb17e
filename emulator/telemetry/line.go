package telemetry

import (
	"bytes"
	"encoding/json"
	"time"
)

// head is what every line of --json begins with.
type head struct {
	Type Type   `json:"type"`
	Time string `json:"time"`
}

func headOf(e Event) head { return head{e.Type, e.Time.UTC().Format(time.RFC3339Nano)} }

// The lines of --json that are seldom, by CONTRACT.md's numbers.
type (
	projectLine struct { // 1
		head
		AWS       string     `json:"aws"`
		APIs      []API      `json:"apis"`
		Functions []Function `json:"functions"`
		Seed      uint64     `json:"seed"`
		// Changed are the functions that a reload gave new code or configuration.
		Changed []string `json:"changed,omitempty"`
	}
	failedLine struct { // 1
		head
		ReloadFailed
	}
	throttleLine struct { // 5
		head
		Function string `json:"function"`
		Reason   string `json:"reason"`
	}
	noticeLine struct {
		head
		Notice
	}
)

// AppendLine appends the event as one line of --json (CONTRACT.md), with its line end. Of a TypeDiagnostic event the record is the line.
func AppendLine(b []byte, e Event) []byte {
	switch r := e.Record.(type) {
	case *Project:
		return appendValue(b, projectLine{headOf(e), r.AWS, notNil(r.APIs), notNil(r.Functions), r.Seed, r.Changed})
	case *ReloadFailed:
		return appendValue(b, failedLine{headOf(e), *r})
	case *Throttle:
		return appendValue(b, throttleLine{headOf(e), e.Function, r.Reason})
	case *Notice:
		return appendValue(b, noticeLine{headOf(e), *r})
	}
	if e.Type == TypeDiagnostic {
		return appendValue(b, e.Record) // 6, with its type
	}
	return appendEvent(b, e)
}

// appendEvent writes the lines 2, 3 and 4, of which every request has several.
func appendEvent(b []byte, e Event) []byte {
	b = append(append(append(b, `{"type":"`...), e.Type...), `","time":"`...)
	b = append(e.Time.UTC().AppendFormat(b, time.RFC3339Nano), `",`...)
	if a, ok := e.Record.(*Access); ok { // 4
		return append(a.AppendAccess(b), "}\n"...)
	}
	b = AppendString(append(b, `"function":`...), e.Function)
	b = AppendString(append(b, `,"version":`...), e.Version)
	b = AppendString(append(b, `,"environment":`...), e.Environment)
	if _, ok := e.Record.(Line); ok { // 3
		b = AppendString(append(b, `,"requestId":`...), e.RequestID)
	}
	return append(AppendRecord(append(b, `,"record":`...), e.Record), "}\n"...)
}

// appendValue writes one of the seldom lines.
func appendValue(b []byte, v any) []byte {
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return append(AppendString(b, err.Error()), '\n') // no record of this package fails
	}
	return buf.Bytes()
}

// notNil makes an empty list of none, for JSON.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
