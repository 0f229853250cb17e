package awsapi

import (
	"strings"
	"time"

	"example.com/emulate/emulator/lambda"
)

// traceHeader continues the caller's X-Amzn-Trace-Id, or begins a trace. Root, Parent, Sampled and Lineage of the caller are kept; what the caller
// did not say is filled in, so that a function always sees a whole header (spec lambda.md §1.3, §13.3). A header without a root that X-Ray would
// take begins a trace too.
func traceHeader(caller string) string {
	fresh := lambda.NewTrace(time.Now())
	if caller == "" || !isRoot(traceMember(caller, "Root")) {
		return fresh
	}
	b := make([]byte, 0, len(caller)+len(fresh))
	for _, member := range [...]string{"Root", "Parent", "Sampled", "Lineage"} {
		value := traceMember(caller, member)
		if value == "" {
			value = traceMember(fresh, member)
		}
		if len(b) > 0 {
			b = append(b, ';')
		}
		b = append(b, member...)
		b = append(b, '=')
		b = append(b, value...)
	}
	return string(b)
}

// traceMember finds one member's value, whatever the case of its name (old senders write root=).
func traceMember(header, name string) string {
	for header != "" {
		var field string
		field, header, _ = strings.Cut(header, ";")
		if key, value, _ := strings.Cut(strings.TrimSpace(field), "="); strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// isRoot matches 1-<8 hex>-<24 hex>.
func isRoot(s string) bool {
	return len(s) == 35 && s[:2] == "1-" && s[10] == '-' && every(s[2:10], isHex) && every(s[11:], isHex)
}
