package telemetry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What is written by hand is what encoding/json makes of the same record.
func TestRecordsAreAsEncodingJSONWritesThem(t *testing.T) {
	at := time.Date(2026, 11, 24, 8, 12, 48, 123456789, time.UTC)
	tracing := &Tracing{Type: "X-Amzn-Trace-Id", Value: "Root=1-a;Sampled=0"}
	for _, r := range []any{
		&Start{RequestID: "id", Version: "$LATEST"},
		&Start{RequestID: "id", Version: "1", Tracing: tracing},
		&Start{RequestID: "id", Version: "1", Tracing: &Tracing{SpanID: "s", Type: "t", Value: "v"}},
		&RuntimeDone{RequestID: "id", Status: Success, Metrics: RuntimeMetrics{Duration: Millis(1234567), ProducedBytes: 12}},
		&RuntimeDone{RequestID: "id", Status: Errored, ErrorType: "Runtime.ExitError", Tracing: tracing, Spans: []Span{
			{Name: "responseLatency", Start: at, Duration: Millis(2 * time.Second)}, {Name: "responseDuration", Start: at}}},
		&Report{RequestID: "id", Status: TimedOut, Metrics: ReportMetrics{Duration: Millis(3 * time.Second), BilledDuration: 3000, MemorySizeMB: 128, MaxMemoryUsed: 9}},
		&Report{RequestID: "id", Status: Success, Tracing: tracing, Metrics: ReportMetrics{InitDuration: Millis(50_500_000)}},
		Line{Text: "a \"b\" \\ \n\t\x01 é"},
		Line{Text: `{"level":"INFO"}`, JSON: true},
		&InitReport{InitializationType: "on-demand", Phase: PhaseInit, Status: Success, Metrics: InitMetrics{Duration: 5}},
		&Access{API: "a", Method: "GET", Path: "/x?\"", Route: "GET /{x}", Status: 200, Latency: Millis(1234567), RequestID: "id"},
		&Access{Function: "f", Error: "throttled", Stage: "prod"},
	} {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r); err != nil {
			t.Fatal(err)
		}
		got := string(AppendRecord(nil, r))
		if a, ok := r.(*Access); ok {
			got = string(append(a.AppendAccess([]byte("{")), '}'))
		}
		if diff := cmp.Diff(strings.TrimSuffix(want.String(), "\n"), got); diff != "" {
			t.Errorf("%T (-encoding/json +ours)\n%s", r, diff)
		}
	}
}

func TestAppendStringReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "s")
		var got string
		if err := json.Unmarshal(AppendString(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); strings.ReplaceAll(got, "\ufffd", "") != strings.ReplaceAll(want, "\ufffd", "") {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		record any
		want   string
	}{
		{&InitStart{RuntimeVersion: "python:3.13.v1", RuntimeVersionARN: "arn"}, "INIT_START Runtime Version: python:3.13.v1\tRuntime Version ARN: arn\n"},
		{&InitReport{InitializationType: "on-demand", Status: Success}, ""},
		{&InitReport{InitializationType: "provisioned-concurrency", Phase: PhaseInit, Status: Success, Metrics: InitMetrics{Duration: Millis(1500 * time.Microsecond)}},
			"INIT_REPORT Init Duration: 1.50 ms\tPhase: init\tStatus: success\n"},
		{&InitReport{InitializationType: "on-demand", Phase: PhaseInvoke, Status: Errored, ErrorType: "Extension.Crash"},
			"INIT_REPORT Init Duration: 0.00 ms\tPhase: invoke\tStatus: error\tError Type: Extension.Crash\n"},
		{&Start{RequestID: "id", Version: "$LATEST"}, "START RequestId: id Version: $LATEST\n"},
		{Line{Text: "x\ry"}, "x\ry\n"},
		{&Report{RequestID: "id", Status: Success, Metrics: ReportMetrics{Duration: Millis(3010 * time.Microsecond), BilledDuration: 114, MemorySizeMB: 128, MaxMemoryUsed: 36,
			InitDuration: Millis(110100 * time.Microsecond)}},
			"END RequestId: id\nREPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"},
		{&Report{RequestID: "id", Status: TimedOut, ErrorType: "Sandbox.Timedout"},
			"END RequestId: id\nREPORT RequestId: id\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 0 MB\tMax Memory Used: 0 MB\tStatus: timeout\n"},
		{&Report{RequestID: "id", Status: Errored, ErrorType: "Runtime.ExitError"},
			"END RequestId: id\nREPORT RequestId: id\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 0 MB\tMax Memory Used: 0 MB\tStatus: error\tError Type: Runtime.ExitError\n"},
		{&Access{}, ""},
	} {
		if got := string(AppendText(nil, Event{Record: c.record})); got != c.want {
			t.Errorf("%T\n got %q\nwant %q", c.record, got, c.want)
		}
	}
}

func TestReadersSeeEverythingInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStream()
		var got []string
		stop := s.Read(func(batch []Event) {
			for _, e := range batch {
				got = append(got, e.RequestID)
			}
		})
		for i := range 5000 {
			s.Emit(Event{RequestID: fmt.Sprint(i)})
		}
		stop()
		s.Emit(Event{RequestID: "after"})
		s.Close()
		s.Emit(Event{RequestID: "closed"})
		s.Close()
		if len(got) != 5000 {
			t.Fatalf("%d events, want 5000", len(got))
		}
		for i, id := range got {
			if id != fmt.Sprint(i) {
				t.Fatalf("event %d is %s", i, id)
			}
		}
	})
}

// A stuck reader holds back what handlers write, and nothing else.
func TestBackPressureFallsOnOutputOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStream()
		stuck := make(chan struct{})
		s.Read(func([]Event) { <-stuck })
		s.Emit(Event{})
		time.Sleep(time.Second) // the reader has it now
		var wg sync.WaitGroup
		wrote := 0
		wg.Go(func() {
			for range highWater + 10 {
				s.EmitOutput(Event{})
				wrote++
			}
		})
		synctest.Wait()
		if wrote != highWater {
			t.Errorf("%d lines went through, want %d", wrote, highWater)
		}
		s.Emit(Event{}) // does not block
		close(stuck)
		wg.Wait()
		s.Close()
	})
}

func TestTapDropsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStream()
		tap, other := s.Tap(3), s.Tap(10)
		for range 5 {
			s.Emit(Event{})
		}
		s.Flush()
		if len(tap.C) != 3 || tap.Dropped() != 2 || len(other.C) != 5 || other.Dropped() != 0 {
			t.Errorf("%d events and %d dropped, %d and %d", len(tap.C), tap.Dropped(), len(other.C), other.Dropped())
		}
		tap.Close()
		tap.Close()
		s.Close()
		n := 0
		for range other.C {
			n++
		}
		if n != 5 {
			t.Errorf("%d events after Close, want 5", n)
		}
		if _, open := <-s.Tap(1).C; open {
			t.Error("a tap of a closed stream is open")
		}
	})
}
