package emulatortest_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/emulatortest"
	"example.com/emulate/emulator/telemetry"
)

// recorder is a test whose end can be looked at.
type recorder struct {
	context.Context
	mu       sync.Mutex
	logged   strings.Builder
	fatal    string
	errs     []string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.errs = append(r.errs, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.logged, format, args...)
}

// withContext is a recorder as Start takes it: the embedded context is what its method of that name returns.
type withContext struct{ *recorder }

func (w withContext) Context() context.Context { return w.recorder.Context }

// record runs a test to its end, cleanups included.
func record(t *testing.T, test func(emulatortest.TB)) *recorder {
	t.Helper()
	r := &recorder{Context: t.Context()}
	var wg sync.WaitGroup
	wg.Go(func() { test(withContext{r}) })
	wg.Wait()
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	if r.errs != nil {
		t.Errorf("errors %q", r.errs)
	}
	return r
}

func TestWhatEndsATest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config, code string
		test               func(*emulatortest.Emulator)
		want               string
	}{
		{"a misspelt property", strings.Replace(config, "runtime:", "runtim:", 1), code, nil, `emulate.yaml:4:5: `},
		{"a folder that is not there", strings.Replace(config, "code: .", "code: ./nowhere", 1), code, nil, "nowhere"},
		{"an event that is no JSON", config, code, func(e *emulatortest.Emulator) { _ = e.Invoke("total", func() {}, nil) },
			"invoke total: the event: json: unsupported type: func()"},
		{"an answer of another type", config, code, func(e *emulatortest.Emulator) { _ = e.Invoke("total", map[string]int{}, new(int)) },
			`invoke total: the answer {"sum": 0, "n": null}: json: cannot unmarshal object into Go value of type int`},
		{"a function that is not there", config, code, func(e *emulatortest.Emulator) { e.ColdStarts("totl") }, "the project has no function totl"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := project(t, c.config, c.code)
			r := record(t, func(tb emulatortest.TB) {
				e := emulatortest.Start(tb, dir)
				if c.test != nil {
					c.test(e)
				}
			})
			if !strings.Contains(r.fatal, c.want) {
				t.Errorf("the test ends with %q, want %q", r.fatal, c.want)
			}
		})
	}
}

// What the handlers write is in the test's log, and the events reach the test's own reader too.
func TestLogOfATest(t *testing.T) {
	t.Parallel()
	dir := project(t, config, code)
	var own, kept int
	r := record(t, func(tb emulatortest.TB) {
		e := emulatortest.Start(tb, dir, func(o *emulator.Options) {
			o.OnEvents = func(batch []telemetry.Event) { own += len(batch) }
		})
		if err := e.Invoke("total", map[string]any{"numbers": []int{1}}, nil); err != nil {
			t.Error(err)
		}
		kept = len(e.Events())
	})
	if r.fatal != "" {
		t.Fatal(r.fatal)
	}
	for _, want := range []string{"START RequestId: ", "adding\n", "END RequestId: ", "REPORT RequestId: "} {
		if !strings.Contains(r.logged.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, r.logged.String())
		}
	}
	if kept == 0 || own < kept {
		t.Errorf("%d events kept, %d of them reached the test's own reader", kept, own)
	}
}

// A test that fails on a status finds the reason in its log, and with several functions the lines' owners.
func TestLogTellsWhy(t *testing.T) {
	t.Parallel()
	dir := project(t, `functions:
  odd: { code: ., runtime: python3.7, handler: app.handler, timeout: 29 }
  none: { code: ., runtime: python3.13, handler: app.handler, reservedConcurrency: 0 }
apis:
  web:
    kind: http
    routes:
      GET /odd: odd
      GET /none: none
`, "def handler(event, context):\n    print('one\\ntwo')\n    return {'statusCode': 'odd'}\n")
	r := record(t, func(tb emulatortest.TB) {
		e := emulatortest.Start(tb, dir)
		for path, want := range map[string]int{"/odd": http.StatusInternalServerError, "/none": http.StatusServiceUnavailable} {
			resp, err := http.Get(e.URL + path)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("GET %s: status %d, want %d", path, resp.StatusCode, want)
			}
		}
	})
	for _, want := range []string{
		`odd \| one\nodd \| two\n`, `odd \| END RequestId: \S+\nodd \| REPORT RequestId: `, `none \| THROTTLE ReservedFunctionConcurrentInvocationLimitExceeded\n`,
		`GET /odd 500 in \S+s \w+`, `GET /none 503 in \S+s \w+`, `emulate\.yaml:2:\d+: warning: runtime python3\.7 is retired`,
	} {
		if !regexp.MustCompile(want).MatchString(r.logged.String()) {
			t.Errorf("no %s in the log:\n%s", want, r.logged.String())
		}
	}
}
