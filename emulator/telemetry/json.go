package telemetry

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendRecord appends the event's record as JSON. The records of every invocation are written by hand, as encoding/json would: the emulator's own
// time per request is short, and this is a part of it.
func AppendRecord(dst []byte, record any) []byte {
	switch r := record.(type) {
	case *Start:
		return r.appendJSON(dst)
	case *RuntimeDone:
		return r.appendJSON(dst)
	case *Report:
		return r.appendJSON(dst)
	case Line:
		if r.JSON {
			return append(dst, r.Text...)
		}
		return AppendString(dst, r.Text)
	}
	data, err := json.Marshal(record)
	if err != nil {
		return AppendString(dst, err.Error()) // no record of this package fails
	}
	return append(dst, data...)
}

func (r *Start) appendJSON(dst []byte) []byte {
	dst = AppendString(append(dst, `{"requestId":`...), r.RequestID)
	dst = AppendString(append(dst, `,"version":`...), r.Version)
	return append(r.Tracing.appendJSON(dst), '}')
}

func (t *Tracing) appendJSON(dst []byte) []byte {
	if t == nil {
		return dst
	}
	dst = append(dst, `,"tracing":{`...)
	if t.SpanID != "" {
		dst = append(AppendString(append(dst, `"spanId":`...), t.SpanID), ',')
	}
	dst = AppendString(append(dst, `"type":`...), t.Type)
	return append(AppendString(append(dst, `,"value":`...), t.Value), '}')
}

func (r *RuntimeDone) appendJSON(dst []byte) []byte {
	dst = appendOutcome(dst, r.RequestID, r.Status, r.ErrorType)
	dst = appendMillisJSON(append(dst, `,"metrics":{"durationMs":`...), r.Metrics.Duration)
	dst = append(strconv.AppendInt(append(dst, `,"producedBytes":`...), r.Metrics.ProducedBytes, 10), '}')
	for i, s := range r.Spans {
		if i == 0 {
			dst = append(dst, `,"spans":[`...)
		} else {
			dst = append(dst, ',')
		}
		dst = AppendString(append(dst, `{"name":`...), s.Name)
		dst = s.Start.AppendFormat(append(dst, `,"start":"`...), time.RFC3339Nano)
		dst = append(appendMillisJSON(append(dst, `","durationMs":`...), s.Duration), '}')
	}
	if len(r.Spans) > 0 {
		dst = append(dst, ']')
	}
	return append(r.Tracing.appendJSON(dst), '}')
}

func (r *Report) appendJSON(dst []byte) []byte {
	dst = appendOutcome(dst, r.RequestID, r.Status, r.ErrorType)
	dst = appendMillisJSON(append(dst, `,"metrics":{"durationMs":`...), r.Metrics.Duration)
	dst = strconv.AppendInt(append(dst, `,"billedDurationMs":`...), r.Metrics.BilledDuration, 10)
	dst = strconv.AppendInt(append(dst, `,"memorySizeMB":`...), int64(r.Metrics.MemorySizeMB), 10)
	dst = strconv.AppendInt(append(dst, `,"maxMemoryUsedMB":`...), int64(r.Metrics.MaxMemoryUsed), 10)
	if r.Metrics.InitDuration != 0 {
		dst = appendMillisJSON(append(dst, `,"initDurationMs":`...), r.Metrics.InitDuration)
	}
	return append(r.Tracing.appendJSON(append(dst, '}')), '}')
}

func appendOutcome(dst []byte, id string, status Status, errorType string) []byte {
	dst = AppendString(append(dst, `{"requestId":`...), id)
	dst = AppendString(append(dst, `,"status":`...), string(status))
	if errorType != "" {
		dst = AppendString(append(dst, `,"errorType":`...), errorType)
	}
	return dst
}

// AppendAccess appends the members of an access record, without the braces.
func (r *Access) AppendAccess(dst []byte) []byte {
	dst = AppendString(append(dst, `"api":`...), r.API)
	dst = AppendString(append(dst, `,"method":`...), r.Method)
	dst = AppendString(append(dst, `,"path":`...), r.Path)
	dst = AppendString(append(dst, `,"route":`...), r.Route)
	dst = strconv.AppendInt(append(dst, `,"status":`...), int64(r.Status), 10)
	dst = appendMillisJSON(append(dst, `,"latencyMs":`...), r.Latency)
	dst = appendMillisJSON(append(dst, `,"integrationLatencyMs":`...), r.IntegrationLatency)
	dst = AppendString(append(dst, `,"function":`...), r.Function)
	dst = AppendString(append(dst, `,"requestId":`...), r.RequestID)
	dst = AppendString(append(dst, `,"error":`...), r.Error)
	if r.Stage != "" {
		dst = AppendString(append(dst, `,"stage":`...), r.Stage)
	}
	if r.InvocationID != "" {
		dst = AppendString(append(dst, `,"invocationId":`...), r.InvocationID)
	}
	if r.Cold {
		dst = append(dst, `,"cold":true`...)
	}
	return dst
}

// appendMillisJSON writes milliseconds with three decimals at most.
func appendMillisJSON(dst []byte, m Millis) []byte {
	return strconv.AppendFloat(dst, math.Round(float64(time.Duration(m).Microseconds()))/1000, 'f', -1, 64)
}

// AppendString appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			if c < 0x20 {
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			} else {
				dst = append(dst, `\ufffd`...)
			}
		}
		i++
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}
