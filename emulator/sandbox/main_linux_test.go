package sandbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"

	"go.uber.org/goleak"
)

// helper is the program that tests run as a function: this test binary itself would be slow to start.
var helper struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	if os.Getenv("SANDBOX_TEST_EMULATOR") != "" {
		beEmulator()
		return
	}
	code := m.Run()
	if helper.dir != "" {
		os.RemoveAll(helper.dir)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// helperCode is a /var/task folder whose bootstrap is the program in testdata/helper.
func helperCode(t testing.TB) string {
	t.Helper()
	helper.once.Do(func() {
		if helper.dir, helper.err = os.MkdirTemp("", "sandbox-helper-"); helper.err != nil {
			return
		}
		if helper.err = os.Chmod(helper.dir, 0o755); helper.err != nil { // containers have other users
			return
		}
		cmd := exec.Command("go", "build", "-o", filepath.Join(helper.dir, "bootstrap"), "./testdata/helper")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // for a container's older libraries
		if out, err := cmd.CombinedOutput(); err != nil {
			helper.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if helper.err != nil {
		t.Fatal(helper.err)
	}
	return helper.dir
}

// newProcess is a Process that the test closes; everything that it made must be gone then.
func newProcess(t testing.TB, o ProcessOptions) *Process {
	t.Helper()
	if o.TempDir == "" {
		o.TempDir = t.TempDir()
	}
	if o.CacheDir == "" {
		o.CacheDir = t.TempDir()
	}
	p := NewProcess(o)
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if left, _ := filepath.Glob(filepath.Join(o.TempDir, "*")); len(left) > 0 {
			t.Errorf("left in the temporary folder: %v", left)
		}
	})
	return p
}

// patience is how long tests wait for what must come, on a machine that does much else.
const patience = 2 * time.Minute

// within does something that is to be quick, at most five times: on a machine that does other things as well one of them is not held up.
func within(t *testing.T, most time.Duration, do func() time.Duration) {
	t.Helper()
	best := do()
	for tries := 1; best > most && tries < 5 && !t.Failed(); tries++ {
		best = min(best, do())
	}
	if best > most {
		t.Errorf("it took %v, want at most %v", best, most)
	}
}

// record collects lines, and lets a test wait for one.
type record struct {
	mu    sync.Mutex
	lines []string
	news  chan struct{}
}

func newRecord() *record { return &record{news: make(chan struct{}, 1)} }

func (r *record) output(line []byte) {
	r.mu.Lock()
	r.lines = append(r.lines, string(line))
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}

// await returns the rest of the first line that begins with prefix.
func (r *record) await(t testing.TB, prefix string) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		for _, line := range r.all() {
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return rest
			}
		}
		select {
		case <-r.news:
		case <-deadline:
			t.Fatalf("no line %q; there are %q", prefix, r.all())
		}
	}
}

// spec is an environment of a provided function with the code in dir, whose own variables are pairs of env.
func spec(dir string, out *record, env ...string) lambda.Spec {
	fn := &config.Function{
		LogicalID: "Hello", Name: "hello", Runtime: "provided.al2023", Handler: "bootstrap", PackageType: "Zip", MemoryMB: 128, Timeout: 3 * time.Second,
		Environment: map[string]string{}, Code: config.Code{Dir: dir},
	}
	for i := 0; i+1 < len(env); i += 2 {
		fn.Environment[env[i]] = env[i+1]
	}
	return lambda.Spec{
		Environment: "2026/11/24/[$LATEST]0123456789abcdef0123456789abcdef", Function: fn, Version: "$LATEST", Code: lambda.Code{Dir: dir},
		InitializationType: "on-demand", RuntimeAPI: "127.0.0.1:9001", Region: "eu-central-1",
		Credentials: lambda.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret", SessionToken: "token"},
		Endpoints:   map[string]string{"AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:3001"}, Output: out.output,
	}
}

// script is a code folder whose bootstrap is a shell script.
func script(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bootstrap"), "#!/bin/sh\n"+text)
	return dir
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func start(t testing.TB, p *Process, s lambda.Spec) lambda.Instance {
	t.Helper()
	in, err := p.Start(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func stop(t testing.TB, in lambda.Instance, grace time.Duration) {
	t.Helper()
	if err := in.Stop(context.Background(), grace); err != nil {
		t.Fatal(err)
	}
}

// wait returns the exit of an instance that ends by itself.
func wait(t testing.TB, in lambda.Instance) lambda.Exit {
	t.Helper()
	select {
	case <-in.Done():
		return in.Exit()
	case <-time.After(patience):
		t.Fatal("the runtime does not end")
		return lambda.Exit{}
	}
}
