package main

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator"
)

var buildEvents = []emulator.BuildProgress{
	{Function: "orders", Step: "go build"},
	{Function: "web", Step: "npm ci"},
	{Function: "web", Step: "npm ci", Line: "added 1 package\tin 2 s\r"},
	{Function: "orders", Step: "go build", Done: true, Elapsed: 360 * time.Millisecond},
	{Function: "web", Step: "npm ci", Done: true, Elapsed: 2 * time.Second, Err: errors.New("exit status 1")},
}

// Elsewhere than on a terminal every step has a line at its begin and its end.
func TestBuildStepsInCI(t *testing.T) {
	var out bytes.Buffer
	b := newBuildSteps(&out, false)
	for _, p := range buildEvents {
		b.step(p)
	}
	b.end()
	want := "orders: go build …\nweb: npm ci …\norders: go build done in 360 ms\nweb: npm ci failed after 2.00 s\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// On a terminal every function has one line, which is drawn over.
func TestBuildStepsOnATerminal(t *testing.T) {
	var out bytes.Buffer
	b := &buildSteps{w: &out, live: true, width: 16}
	for _, p := range buildEvents {
		b.last = time.Time{} // time for the line of a tool's output
		b.step(p)
	}
	const up1, up2, clear = "\x1b[1A", "\x1b[2A", "\r\x1b[2K"
	want := clear + "orders: go buil…\n" +
		up1 + clear + "orders: go buil…\n" + clear + "web: npm ci …\n" +
		up2 + clear + "orders: go buil…\n" + clear + "web: npm ci: ad…\n" +
		up2 + clear + "orders: go buil…\n" + clear + "web: npm ci: ad…\n" +
		up2 + clear + "orders: go buil…\n" + clear + "web: npm ci fai…\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	if got := fit("a\tb\x1b[2Jc", 20); got != "a b [2Jc" {
		t.Errorf("control characters of a tool reach the terminal: %q", got)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 3_420_000: "3.4 MB", 2e9: "2.0 GB", 5e15: "5000.0 TB"} {
		if got := size(n); got != want {
			t.Errorf("%d bytes: %q, want %q", n, got, want)
		}
	}
}
