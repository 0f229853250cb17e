package telemetry

import (
	"math"
	"strconv"
	"time"
)

// AppendText appends the event as CloudWatch shows it with the log format Text: lines with their ends, or nothing for an event that has no line
// (spec lambda.md §4.3).
func AppendText(dst []byte, e Event) []byte {
	switch r := e.Record.(type) {
	case *InitStart:
		if r.RuntimeVersion == "" {
			return dst
		}
		dst = append(append(dst, "INIT_START Runtime Version: "...), r.RuntimeVersion...)
		dst = append(append(dst, "\tRuntime Version ARN: "...), r.RuntimeVersionARN...)
		return append(dst, '\n')
	case *InitReport:
		return r.appendText(dst)
	case *Start:
		dst = append(append(dst, "START RequestId: "...), r.RequestID...)
		dst = append(append(dst, " Version: "...), r.Version...)
		return append(dst, '\n')
	case Line:
		return append(append(dst, r.Text...), '\n')
	case *Report:
		return r.appendText(dst)
	case Fault:
		return append(append(dst, r...), '\n')
	}
	return dst
}

// appendText shows INIT_REPORT where AWS prints it: always for provisioned concurrency, otherwise only when INIT did not succeed.
func (r *InitReport) appendText(dst []byte) []byte {
	if r.Status == Success && r.InitializationType == "on-demand" {
		return dst
	}
	dst = append(dst, "INIT_REPORT Init Duration: "...)
	dst = appendMillis(dst, r.Metrics.Duration)
	dst = append(append(dst, " ms\tPhase: "...), r.Phase...)
	dst = append(append(dst, "\tStatus: "...), r.Status...)
	if r.ErrorType != "" {
		dst = append(append(dst, "\tError Type: "...), r.ErrorType...)
	}
	return append(dst, '\n')
}

// appendText writes the END line too: AWS sends no record of its own for it.
func (r *Report) appendText(dst []byte) []byte {
	dst = append(append(dst, "END RequestId: "...), r.RequestID...)
	dst = append(append(dst, "\nREPORT RequestId: "...), r.RequestID...)
	dst = appendMillis(append(dst, "\tDuration: "...), r.Metrics.Duration)
	dst = strconv.AppendInt(append(dst, " ms\tBilled Duration: "...), r.Metrics.BilledDuration, 10)
	dst = strconv.AppendInt(append(dst, " ms\tMemory Size: "...), int64(r.Metrics.MemorySizeMB), 10)
	dst = strconv.AppendInt(append(dst, " MB\tMax Memory Used: "...), int64(r.Metrics.MaxMemoryUsed), 10)
	dst = append(dst, " MB\t"...)
	if r.Metrics.InitDuration > 0 {
		dst = append(appendMillis(append(dst, "Init Duration: "...), r.Metrics.InitDuration), " ms\t"...)
	}
	if r.Status != Success {
		dst = append(append(dst, "Status: "...), r.Status...)
		if r.ErrorType != "" && r.Status != TimedOut {
			dst = append(append(dst, "\tError Type: "...), r.ErrorType...)
		}
	}
	return append(dst, '\n')
}

// appendMillis writes milliseconds with two decimals, as Lambda's lines do.
func appendMillis(dst []byte, m Millis) []byte {
	return strconv.AppendFloat(dst, math.Round(float64(time.Duration(m).Microseconds())/10)/100, 'f', 2, 64)
}
