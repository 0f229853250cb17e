//go:build unix

package emulator_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/telemetry"
)

// goWorld is a small Go handler without dependencies.
const goWorld = `package main

import (
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(api + "next")
		if err != nil {
			os.Exit(1)
		}
		_, _ = io.Copy(io.Discard, next.Body)
		next.Body.Close()
		answer, err := http.Post(api+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", strings.NewReader("1"))
		if err != nil {
			os.Exit(1)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
}
`

// write makes the files of a project.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// colds keeps what is told of cold starts.
type colds struct {
	mu      sync.Mutex
	inits   []time.Duration
	notices []string
}

func (c *colds) read(batch []telemetry.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ev := range batch {
		switch r := ev.Record.(type) {
		case *telemetry.Report:
			if r.Metrics.InitDuration > 0 {
				c.inits = append(c.inits, time.Duration(r.Metrics.InitDuration))
			}
		case *telemetry.Notice:
			c.notices = append(c.notices, r.Text)
		}
	}
}

// With AWS's cold starts, a Go function's Init Duration is the table's 50 ms rather than the few that it takes here, and the caller waits for the
// sandbox besides. Hello world is measured once.
func TestColdStartsOfAWS(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"emulate.yaml": "functions: { f: { code: ./f, timeout: 60 } }\n", "f/main.go": goWorld, "f/go.mod": "module f\n\ngo 1.21\n"})
	within := func(p50 time.Duration) bool { return p50 >= 45*time.Millisecond && p50 <= 90*time.Millisecond }
	var first, second time.Duration
	for try := 0; try < tries && !(within(first) && within(second)); try++ {
		cache := t.TempDir()
		first, second = medianInit(t, dir, cache, true), medianInit(t, dir, cache, false)
	}
	if !within(first) || !within(second) {
		t.Errorf("p50 of Init Duration %v, and %v by another emulator: the table has 50 ms", first, second)
	}
	if _, err := emulator.New(emulator.Options{ColdStarts: "slow"}); err == nil || err.Error() != `unknown cold starts "slow": it is measured or aws` {
		t.Error(err)
	}
}

// medianInit makes some cold starts of AWS's, for which hello world is measured or not, and tells the median of their Init Durations.
func medianInit(t *testing.T, dir, cache string, measures bool) time.Duration {
	t.Helper()
	seen := &colds{}
	e, err := emulator.New(emulator.Options{Path: dir, NoWatch: true, WaitForBuilds: true, CacheDir: cache, Seed: 5, ColdStarts: "aws", OnEvents: seen.read})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	const starts = 15
	for range starts {
		began := time.Now()
		r, err := e.Invoke(t.Context(), "f", []byte("{}"))
		if err != nil || !r.Cold || string(r.Payload) != "1" {
			t.Fatalf("%+v %v", r, err)
		}
		if took := time.Since(began); took < 60*time.Millisecond {
			t.Errorf("a cold start took its caller %v", took)
		}
		if n, err := e.Cold("f", -1); err != nil || n != 1 {
			t.Fatalf("%d environments stopped: %v", n, err)
		}
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(seen.inits) != starts {
		t.Fatalf("%d cold starts, want %d", len(seen.inits), starts)
	}
	if measured := slices.ContainsFunc(seen.notices, func(s string) bool { return strings.HasPrefix(s, "measuring cold starts of a hello-world function") }); measured != measures {
		t.Errorf("measured %v, want %v: %q", measured, measures, seen.notices)
	}
	slices.Sort(seen.inits)
	t.Logf("p50 of Init Duration %v", seen.inits[starts/2])
	return seen.inits[starts/2]
}

func TestColdControl(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"emulate.yaml": "functions:\n  f: { runtime: python3.13, timeout: 60, inline: \"def handler(event, context):\\n    return 1\\n\" }\n"})
	e, err := emulator.New(emulator.Options{Path: dir, NoWatch: true, WaitForBuilds: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := e.Invoke(t.Context(), "f", []byte("{}")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	warm := e.Stats()[0].Environments
	post := func(body string) string {
		t.Helper()
		resp, err := http.Post(e.AWSURL()+"/_emulate/cold", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%d %s", resp.StatusCode, bytes.TrimSpace(b))
	}
	for body, want := range map[string]string{
		`{"function":"g"}`: `404 {"error":"ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:123456789012:function:g"}`,
		`{"count":-1}`:     `400 {"error":"the body is {\"function\": \"NAME\", \"count\": N}; without a function, or a count, it is all"}`,
		`[]`:               `400 {"error":"the body is {\"function\": \"NAME\", \"count\": N}; without a function, or a count, it is all"}`,
	} {
		if got := post(body); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	if got := post(`{"function":"f","count":1}`); got != `200 {"stopped":1}` {
		t.Error(got)
	}
	if got, want := post(""), fmt.Sprintf(`200 {"stopped":%d}`, warm-1); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var status struct{ Functions []emulator.FunctionStats }
	resp, err := http.Get(e.AWSURL() + "/_emulate/status")
	if err == nil {
		defer resp.Body.Close()
		err = json.NewDecoder(resp.Body).Decode(&status)
	}
	if err != nil || status.Functions[0].Idle != 0 {
		t.Errorf("%+v %v", status, err)
	}
}
