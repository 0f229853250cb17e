package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/telemetry"
)

// How often hello world is started to measure it: one after the other, and in rounds of as many as may start at once.
const (
	startsAlone  = 7
	crowdRounds  = 3
	crowdAtMost  = 32
	calibrations = "hello.json" // in the cache folder
	// spread times the median is what a hello world takes at the most: a busy machine's INITs scatter, and what scatters is no work of a function's.
	spread = 2
	// measuredFor is how long a measurement is good: machines and interpreters change.
	measuredFor = 7 * 24 * time.Hour
)

// calibration is what was measured of one runtime.
type calibration struct {
	Alone, Crowded lambda.Hello
	At             time.Time
}

// errNoHello is no failure: there is no hello world to measure.
var errNoHello = errors.New("there is no hello-world function for it")

// calibrate tells what INIT of a hello-world function of f's runtime takes here, where f runs. It is measured once, and kept in the cache.
func (e *Emulator) calibrate(ctx context.Context, f *config.Function, row fleet.ColdStart) (alone, crowded lambda.Hello, err error) {
	hello, err := e.hello(f, row)
	if err != nil {
		return alone, crowded, err
	}
	e.calibrating.Lock() // one at a time, so that they do not disturb each other
	defer e.calibrating.Unlock()
	cache, err := e.cacheDir()
	if err != nil {
		return alone, crowded, fmt.Errorf("find the cache folder: %w", err)
	}
	path := filepath.Join(cache, calibrations)
	key := e.machineKey(hello)
	known := map[string]calibration{}
	if data, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(data, &known) // what cannot be read is measured anew
	}
	if c, ok := known[key]; ok && time.Since(c.At) < measuredFor {
		return c.Alone, c.Crowded, nil
	}
	e.emit(telemetry.TypeNotice, f.Name, &telemetry.Notice{Text: fmt.Sprintf("measuring cold starts of a hello-world function of %s …", f.Runtime), Progress: true})
	c, err := e.measure(ctx, hello)
	if err != nil {
		return alone, crowded, err
	}
	c.At = time.Now()
	known[key] = c
	return c.Alone, c.Crowded, keepCalibrations(path, known)
}

func keepCalibrations(path string, known map[string]calibration) error {
	data, err := json.MarshalIndent(known, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err == nil {
		err = errors.Join(os.WriteFile(tmp, data, 0o644), os.Rename(tmp, path))
	}
	if err != nil {
		return fmt.Errorf("keep what was measured of hello-world functions: %w", err)
	}
	return nil
}

// machineKey names what the measurement depends on: runtime and what runs it, the kind of executor, and the machine.
func (e *Emulator) machineKey(hello *config.Function) string {
	host, _ := os.Hostname() // one without a name is one too
	choice := e.run.choice(hello)
	parts := []string{hello.Runtime, hello.Architecture, choice.String(), hello.Container.Image, runtime.GOOS, runtime.GOARCH, fmt.Sprint(runtime.NumCPU()), host}
	if program, err := e.run.process.Interpreter(hello.Runtime); err == nil && !choice.container {
		parts = append(parts, program)
	}
	return strings.Join(parts, " ")
}

// goHello is a handler for a provided runtime with what a Go function has in it anyway: HTTP and JSON.
const goHello = `package main

import (
	"encoding/json"
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
		body, _ := json.Marshal("hello")
		answer, err := http.Post(api+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", strings.NewReader(string(body)))
		if err != nil {
			os.Exit(1)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
}
`

// hello is a hello-world function that runs where f does.
func (e *Emulator) hello(f *config.Function, row fleet.ColdStart) (*config.Function, error) {
	h := &config.Function{
		Name: "emulate-hello-" + strings.NewReplacer(".", "-").Replace(f.Runtime), Runtime: f.Runtime, PackageType: "Zip", Architecture: f.Architecture,
		MemoryMB: f.MemoryMB, Timeout: time.Minute, EphemeralStorageMB: 512, Executor: f.Executor, Container: f.Container, Logging: config.Logging{Format: "Text"},
	}
	h.LogicalID = h.Name
	switch {
	case f.PackageType == "Image":
		return nil, errNoHello
	case strings.HasPrefix(f.Runtime, "nodejs"):
		h.Handler, h.Code.InlineName, h.Code.Inline = "index.handler", "index.js", "exports.handler = async () => 'hello'\n"
	case strings.HasPrefix(f.Runtime, "python"):
		h.Handler, h.Code.InlineName, h.Code.Inline = "index.handler", "index.py", "def handler(event, context):\n    return 'hello'\n"
	case row.Language == "go":
		dir, err := e.kept("hello-go", func(to string) error {
			return errors.Join(os.WriteFile(filepath.Join(to, "main.go"), []byte(goHello), 0o644),
				os.WriteFile(filepath.Join(to, "go.mod"), []byte("module hello\n\ngo 1.21\n"), 0o644))
		})
		if err != nil {
			return nil, err
		}
		h.Handler, h.Code.Dir = "bootstrap", dir
	default:
		return nil, errNoHello
	}
	return h, nil
}

// measure starts hello world in a Lambda service of its own, with the project's executors.
func (e *Emulator) measure(ctx context.Context, hello *config.Function) (c calibration, err error) {
	code, _, err := e.compile(hello)
	if err == nil && e.run.choice(hello).container {
		err = e.run.container.Prepare(ctx, hello, code)
	}
	if err != nil {
		return c, err
	}
	m := meter{stream: telemetry.NewStream()}
	m.stream.Read(m.read)
	m.service = lambda.New(lambda.Options{
		Executor: e.run, Telemetry: m.stream, Region: e.o.Region, Account: e.o.Account, FreezeAfter: -1, RequestRate: -1,
		Log: func(format string, args ...any) { e.notice(fmt.Sprintf(format, args...)) },
	})
	defer func() {
		err = errors.Join(err, m.service.Close(context.WithoutCancel(ctx)))
		m.stream.Close()
	}()
	m.service.Building(hello)
	m.service.SetCode(hello, code)
	if _, err := m.round(ctx, hello.Name, 1); err != nil { // fills the machine's caches
		return c, err
	}
	c.Alone, err = m.rounds(ctx, hello.Name, startsAlone, 1)
	if err == nil {
		c.Crowded, err = m.rounds(ctx, hello.Name, crowdRounds, min(crowdAtMost, m.service.StartSlots()))
	}
	return c, err
}

// meter measures INITs.
type meter struct {
	service *lambda.Service
	stream  *telemetry.Stream
	mu      sync.Mutex
	inits   []time.Duration
}

func (m *meter) read(batch []telemetry.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, ev := range batch {
		if r, ok := ev.Record.(*telemetry.InitReport); ok && r.Status == telemetry.Success {
			m.inits = append(m.inits, time.Duration(r.Metrics.Duration))
		}
	}
}

// rounds starts n environments at once, some times, and tells how long INIT took.
func (m *meter) rounds(ctx context.Context, function string, rounds, n int) (lambda.Hello, error) {
	var all []time.Duration
	for range rounds {
		some, err := m.round(ctx, function, n)
		if err != nil {
			return lambda.Hello{}, err
		}
		all = append(all, some...)
	}
	slices.Sort(all)
	median := all[len(all)/2]
	return lambda.Hello{Median: median, High: spread * median}, nil
}

// round makes n cold starts at once, and waits until their environments are gone.
func (m *meter) round(ctx context.Context, function string, n int) ([]time.Duration, error) {
	errs := make(chan error, n)
	for range n {
		go func() {
			r, err := m.service.Invoke(ctx, &lambda.Invocation{Function: function, Payload: []byte("{}")})
			if err == nil && r.FunctionError != "" {
				err = fmt.Errorf("it fails: %s", r.Payload)
			}
			errs <- err
		}()
	}
	var err error
	for range n {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		return nil, err
	}
	if _, err := m.service.Cold("", -1); err != nil {
		return nil, err
	}
	for m.service.Stats()[0].Environments > 0 {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	m.stream.Flush()
	m.mu.Lock()
	defer m.mu.Unlock()
	inits := m.inits
	m.inits = nil
	if len(inits) == 0 {
		return nil, errors.New("nothing was measured")
	}
	return inits, nil
}
