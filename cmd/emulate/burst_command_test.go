package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/burst"
)

// On a terminal the progress is one line that gives way to what else is said; elsewhere it is a line every ten seconds.
func TestTeller(t *testing.T) {
	p := burst.Progress{Elapsed: 1500 * time.Millisecond, Offered: 30, Answered: 20, ColdStarts: 4, Environments: burst.Environments{Idle: 2, Busy: 5}}
	for _, c := range []struct {
		live bool
		want string
	}{
		{true, "\r\x1b[2Kmemory=128  1.5 s: 30 sent, 20 answered, 4 cold, 7 environments …\r\x1b[2Kleft out\n\r\x1b[2Kmemory=128  11.5 s: 30 sent, 20 answered, 4 cold, 7 environments…\r\x1b[2K"},
		{false, "memory=128\nleft out\nmemory=128  11.5 s: 30 sent, 20 answered, 4 cold, 7 environments (0 starting, 5 busy)\n"},
	} {
		var b bytes.Buffer
		told := newTeller(&b)
		told.live, told.width = c.live, 66
		told.label(" memory=128")
		told.progress(p)
		told.say("left %s", "out")
		later := p
		later.Elapsed = 11500 * time.Millisecond
		told.progress(later)
		if !c.live {
			later.Elapsed += time.Second
			told.progress(later)
		}
		told.end()
		told.end()
		if d := cmp.Diff(c.want, b.String()); d != "" {
			t.Errorf("live %v: -want +got:\n%s", c.live, d)
		}
	}
}

// A path finds its route as API Gateway does: more words before variables, those before greedy ones, $default last.
func TestRouteOfATarget(t *testing.T) {
	var s served
	for _, r := range []struct{ method, path string }{
		{"ANY", "$default"}, {"GET", "/users"}, {"GET", "/users/{id}"}, {"DELETE", "/users/{id}"}, {"POST", "/users/me"}, {"ANY", "/users/{proxy+}"}, {"PUT", "/files/{name}"},
	} {
		s.Routes = append(s.Routes, emulator.Route{API: "web", URL: "http://web", Stage: "prod", Method: r.method, Path: r.path, Function: "f"})
	}
	s.Routes = append(s.Routes, emulator.Route{API: "later", URL: "http://later", Stage: "$default", Method: "GET", Path: "/later", Function: "f"})
	for _, c := range []struct{ target, method, want string }{
		{"/users", "", "GET /users GET"},
		{"/users/7?x=/y", "", "GET /users/{id} "},
		{"/users/7", "DELETE", "DELETE /users/{id} DELETE"},
		{"/users/me", "POST", "POST /users/me POST"},
		{"/users/me/and/more", "", "ANY /users/{proxy+} "},
		{"/prod/users", "", "GET /users GET"},
		{"/files/{{uuid}}", "", "PUT /files/{name} PUT"},
		{"/", "", "ANY $default "},
		{"/later", "", "ANY $default "},
	} {
		var at found
		if err := s.route(&at, c.target, c.method); err != nil {
			t.Errorf("%s: %v", c.target, err)
		}
		if got := fmt.Sprintf("%s %s", at.route, at.method); got != c.want || at.url != "http://web"+c.target {
			t.Errorf("%s is %s at %s, want %s", c.target, got, at.url, c.want)
		}
	}
	s.Routes = s.Routes[7:]
	if err := s.route(&found{}, "/", ""); err == nil {
		t.Error("/ is routed")
	}
}

// The word after a bare --json is its FILE only where another argument is the target.
func TestFileOfJSON(t *testing.T) {
	for _, c := range []struct {
		typed      []string
		args       []string
		json, want string // want is the target, "" for wrong usage
	}{
		{[]string{"--json", "/x"}, []string{"/x"}, "-", "/x"},
		{[]string{"/x", "--json"}, []string{"/x"}, "-", "/x"},
		{[]string{"/x", "--json", "out.json"}, []string{"/x", "out.json"}, "out.json", "/x"},
		{[]string{"--json", "out", "/x"}, []string{"out", "/x"}, "out", "/x"},
		{[]string{"--json", "-", "/x"}, []string{"-", "/x"}, "-", "/x"},
		{[]string{"--json", "-"}, []string{"-"}, "-", ""},
		{[]string{"--json", "--at-once", "3", "/x", "/y"}, []string{"/x", "/y"}, "-", ""},
		{[]string{"--json", "/x", "--assert", "p99<1s", "cold_ratio<1"}, []string{"/x", "cold_ratio<1"}, "-", "/x"},
	} {
		f := reportFlags{json: standardOutput}
		target, err := f.sortArguments("burst", "TARGET", "", c.args, c.typed, new([]string))
		if target != c.want || f.json != c.json || (err == nil) != (c.want != "") {
			t.Errorf("%q: target %q, file %q, %v; want %q, %q", c.typed, target, f.json, err, c.want, c.json)
		}
	}
	f := reportFlags{json: "given.json"} // by --json=given.json
	if target, err := f.sortArguments("burst", "TARGET", "", []string{"/x"}, []string{"--json=given.json", "/x"}, new([]string)); target != "/x" || err != nil || f.json != "given.json" {
		t.Errorf("--json=FILE: %q, %q, %v", target, f.json, err)
	}
}

// The words of --parameter-overrides are what neither a claim nor a setting is.
func TestWordsOfABurst(t *testing.T) {
	f := reportFlags{claims: []string{"p99<1s"}, overrides: (&projectFlags{overrides: []string{"A=1"}}).takeOverrides}
	if target, err := f.sortArguments("burst", "TARGET", "", []string{"B=2", "hello", "throttles==1"}, nil, new([]string)); target != "hello" || err != nil {
		t.Errorf("target %q, %v", target, err)
	}
	if d := cmp.Diff([]string{"p99<1s", "throttles==1"}, f.claims); d != "" {
		t.Errorf("claims, -want +got:\n%s", d)
	}
	compare := []string{"freeze=true"}
	f.claims = nil
	if target, err := f.sortArguments("burst", "TARGET", "", []string{"hello", "memory=128,256"}, nil, &compare); target != "hello" || err != nil || len(compare) != 2 {
		t.Errorf("target %q, settings %q, %v", target, compare, err)
	}
}

// Whether a report's file can be written is found out without a trace: what was there stays, a link to what is not there yet too.
func TestTrialOfAReportsFile(t *testing.T) {
	dir := t.TempDir()
	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := (&reportFlags{json: link, html: filepath.Join(dir, "page")}).writable(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Readlink(link); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "page")); err == nil {
		t.Error("an empty page is left")
	}
	if err := (&reportFlags{json: filepath.Join(dir, "none", "x")}).writable(); err == nil {
		t.Error("a file in no folder is taken")
	}
}

// What was said of one setting of a sweep is not said of the next; what is new is. With --quiet nothing is told but what has to be.
func TestTellerSaysThingsOnce(t *testing.T) {
	var b bytes.Buffer
	told := newTeller(&b)
	told.label("memory=128")
	told.say("a limit")
	told.say("a limit")
	told.label("memory=256")
	fmt.Fprint(told, "a limit\nanother\n")
	told.quiet = true
	told.label("memory=512")
	told.progress(burst.Progress{Elapsed: time.Hour})
	told.say("left out")
	if d := cmp.Diff("memory=128\na limit\na limit\nmemory=256\nanother\nleft out\n", b.String()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
