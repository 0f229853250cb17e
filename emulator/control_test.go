//go:build unix

package emulator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"testing"
)

// The event stream tells what --json tells, to whoever asks at the control port.
func TestEventStream(t *testing.T) {
	w := serveProbe(t, "", nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.AWSURL()+"/_emulate/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "application/x-ndjson" {
		t.Errorf("content type %q", got)
	}
	if got := get(t, http.DefaultClient, w.base("http")+"/http"); got.status != 200 {
		t.Fatalf("the API answered %d", got.status)
	}
	invocation, cold := "", false
	seen := map[string]bool{}
	for lines := bufio.NewScanner(resp.Body); !seen["platform.report"] || !seen["access"]; {
		if !lines.Scan() {
			t.Fatalf("the stream ended after %v: %v", seen, lines.Err())
		}
		var line struct {
			Type, InvocationID string
			Cold               bool
			Record             json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		seen[line.Type] = true
		switch line.Type {
		case "access":
			invocation, cold = line.InvocationID, line.Cold
		case "platform.start":
			var r struct{ RequestID string }
			if err := json.Unmarshal(line.Record, &r); err != nil || r.RequestID == "" {
				t.Fatalf("start %s: %v", line.Record, err)
			}
			defer func() {
				if r.RequestID != invocation || !cold {
					t.Errorf("the access line names invocation %s, cold %v; it was %s, cold", invocation, cold, r.RequestID)
				}
			}()
		}
	}
}
