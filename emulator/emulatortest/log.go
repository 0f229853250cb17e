package emulatortest

import (
	"fmt"
	"strings"
	"time"

	"example.com/emulate/emulator/telemetry"
)

// log writes events as a test's log shows them.
type log struct {
	// named says that there are several functions: their lines have the function's name before them.
	named bool
}

// text is a batch's lines, "" where it has none.
func (l *log) text(batch []telemetry.Event) string {
	var b strings.Builder
	for _, ev := range batch {
		if p, ok := ev.Record.(*telemetry.Project); ok {
			l.named = len(p.Functions) > 1
		}
		lines := strings.TrimSuffix(lines(ev), "\n")
		if lines == "" {
			continue
		}
		for line := range strings.SplitSeq(lines, "\n") {
			if l.named && ev.Function != "" && ev.Type != telemetry.TypeNotice && ev.Type != telemetry.TypeDiagnostic {
				b.WriteString(ev.Function + " | ")
			}
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// lines are what CloudWatch would show of an event, and what a response alone does not tell: why a request failed or was throttled, and what is
// wrong with the configuration.
func lines(ev telemetry.Event) string {
	switch r := ev.Record.(type) {
	case *telemetry.Notice:
		return r.Text
	case *telemetry.ReloadFailed:
		return r.Error
	case *telemetry.Throttle:
		return "THROTTLE " + r.Reason
	case *telemetry.Access:
		return strings.TrimSpace(fmt.Sprintf("%s %s %d in %s %s", r.Method, r.Path, r.Status, time.Duration(r.Latency).Round(10*time.Microsecond), r.Error))
	case fmt.Stringer: // a diagnostic
		return r.String()
	default:
		return string(telemetry.AppendText(nil, ev))
	}
}
