package awsapi

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"time"
)

// traceHeader continues the caller's X-Amzn-Trace-Id, or begins a trace. Root, Parent, Sampled and Lineage of the caller are kept; what the caller
// did not say is filled in, so that a function always sees a whole header (spec lambda.md §1.3, §13.3). A header without a root that X-Ray would
// take begins a trace too.
func traceHeader(caller string) string {
	fresh := newTrace(time.Now())
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

// newTrace begins a trace that is not sampled: Root=1-<8 hex of time>-<24 hex>;Parent=<16 hex>;Sampled=0;Lineage=1:<8 hex>:0.
func newTrace(now time.Time) string {
	var random [24]byte
	for i := 0; i < len(random); i += 8 {
		binary.NativeEndian.PutUint64(random[i:], rand.Uint64())
	}
	var epoch [4]byte
	binary.BigEndian.PutUint32(epoch[:], uint32(now.Unix()))
	b := make([]byte, 0, 96)
	b = append(b, "Root=1-"...)
	b = hex.AppendEncode(b, epoch[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, random[:12])
	b = append(b, ";Parent="...)
	b = hex.AppendEncode(b, random[12:20])
	b = append(b, ";Sampled=0;Lineage=1:"...)
	b = hex.AppendEncode(b, random[20:])
	return string(append(b, ":0"...))
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
