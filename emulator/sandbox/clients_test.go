package sandbox

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What AWS's own clients and ours do on the same handlers is compared here: every request to the Runtime API, every byte of output, the exit.

// clientRun is what a client did with the events of a case.
type clientRun struct {
	// Posts are its requests to response, error and init/error.
	Posts []clientPost
	// Output is standard output and error, as one.
	Output string
	// Exit is "polls" for a process that asked for more events than there were, "hangs" for one that said so, else its exit status.
	Exit string
}

type clientPost struct {
	Path, ContentType, ErrorType, Mode, XRayCause, InvocationID, Body string
	// Trailers of a streamed answer.
	TrailerType, TrailerBody string
}

// clientCase is a function and the events that it gets.
type clientCase struct {
	name    string
	files   map[string]string
	handler string
	env     map[string]string
	// events are payloads; headers are added to each of them.
	events  []string
	headers map[string]string
	// want is a part of the last post's body, wantOutput one of the output, wantExit the exit if not "polls". They say what the case is about.
	want, wantOutput, wantExit string
}

const clientRequestID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"

// fakeRuntimeAPI hands out the events of a case and writes down what it is told. It is not ours: it must not hide a mistake that both have.
type fakeRuntimeAPI struct {
	mu      sync.Mutex
	events  []string
	headers map[string]string
	posts   []clientPost
	polled  chan struct{} // closed by the poll after the last event
	once    sync.Once
}

func (f *fakeRuntimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		f.next(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.posts = append(f.posts, clientPost{
		Path:         r.URL.Path,
		ContentType:  r.Header.Get("Content-Type"),
		ErrorType:    r.Header.Get("Lambda-Runtime-Function-Error-Type"),
		Mode:         r.Header.Get("Lambda-Runtime-Function-Response-Mode"),
		XRayCause:    r.Header.Get("Lambda-Runtime-Function-XRay-Error-Cause"),
		InvocationID: r.Header.Get("Lambda-Runtime-Invocation-Id"),
		TrailerType:  r.Trailer.Get("Lambda-Runtime-Function-Error-Type"),
		TrailerBody:  r.Trailer.Get("Lambda-Runtime-Function-Error-Body"),
		Body:         string(body),
	})
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n")
}

func (f *fakeRuntimeAPI) next(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	if len(f.events) == 0 {
		f.mu.Unlock()
		f.once.Do(func() { close(f.polled) })
		<-r.Context().Done()
		return
	}
	event := f.events[0]
	f.events = f.events[1:]
	f.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", clientRequestID)
	h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:hello")
	h.Set("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1")
	for name, value := range f.headers {
		h.Set(name, value)
	}
	h.Set("Content-Length", fmt.Sprint(len(event)))
	_, _ = io.WriteString(w, event)
}

// run starts argv on the case in dir and returns what it did. A client that neither polls nor ends within the time is an error of the test.
func (c clientCase) run(t *testing.T, dir string, argv ...string) clientRun {
	t.Helper()
	api := &fakeRuntimeAPI{events: slices.Clone(c.events), headers: c.headers, polled: make(chan struct{})}
	server := httptest.NewServer(api)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	output := watchedOutput{said: make(chan struct{})}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = c.environment(server.Listener.Addr(), dir)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", argv[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var exit string
	select {
	case err := <-ended:
		exit = exitText(err)
	case <-api.polled:
		exit = "polls"
	case <-output.said:
		exit = "hangs"
	}
	if exit == "polls" || exit == "hangs" {
		_ = cmd.Process.Kill()
		<-ended
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("%s neither polled nor ended; output:\n%s", argv[0], string(output.bytes))
	}
	server.CloseClientConnections()
	api.mu.Lock()
	defer api.mu.Unlock()
	return clientRun{Posts: api.posts, Output: string(output.bytes), Exit: exit}
}

// watchedOutput closes said when the line "hanging" has been written.
type watchedOutput struct {
	bytes []byte
	said  chan struct{}
	once  sync.Once
}

func (w *watchedOutput) Write(p []byte) (int, error) {
	w.bytes = append(w.bytes, p...)
	if bytes.Contains(w.bytes, []byte("hanging\n")) {
		w.once.Do(func() { close(w.said) })
	}
	return len(p), nil
}

func exitText(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.String()
	}
	if err != nil {
		return err.Error()
	}
	return "exit status 0"
}

func (c clientCase) environment(api net.Addr, dir string) []string {
	env := map[string]string{
		"PATH":                            os.Getenv("PATH"),
		"LANG":                            "en_US.UTF-8",
		"TZ":                              ":UTC",
		"PYTHONDONTWRITEBYTECODE":         "1",
		"PYTHONIOENCODING":                "utf-8",
		"AWS_LAMBDA_RUNTIME_API":          api.String(),
		"LAMBDA_TASK_ROOT":                dir,
		"_HANDLER":                        c.handler,
		"AWS_LAMBDA_FUNCTION_NAME":        "hello",
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/hello",
		"AWS_LAMBDA_LOG_STREAM_NAME":      "2026/11/24/[$LATEST]0123456789abcdef0123456789abcdef",
	}
	for name, value := range c.env {
		env[name] = value
	}
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	return list
}

// write puts the case's files into a new folder.
func (c clientCase) write(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range c.files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// check says whether the run shows what the case is about.
func (c clientCase) check(t *testing.T, run clientRun) {
	t.Helper()
	wantExit := c.wantExit
	if wantExit == "" {
		wantExit = "polls"
	}
	if run.Exit != wantExit {
		t.Errorf("exit = %q, want %q", run.Exit, wantExit)
	}
	last := ""
	if n := len(run.Posts); n > 0 {
		last = run.Posts[n-1].Body
	}
	if !strings.Contains(last, c.want) {
		t.Errorf("last post = %.2000q, want it to contain %q", last, c.want)
	}
	if !strings.Contains(run.Output, c.wantOutput) {
		t.Errorf("output = %q, want it to contain %q", run.Output, c.wantOutput)
	}
}

// alone runs our client on cases where there is nothing to compare it with.
func alone(t *testing.T, cases []clientCase, ours []string) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.check(t, normal(t, c.run(t, c.write(t), append(slices.Clone(ours), c.handler)...)))
		})
	}
}

// side compares our client with AWS's on each case.
func side(t *testing.T, cases []clientCase, ours, theirs []string) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := c.write(t)
			got := normal(t, c.run(t, dir, append(slices.Clone(ours), c.handler)...))
			want := normal(t, c.run(t, dir, append(slices.Clone(theirs), c.handler)...))
			c.check(t, got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("our client differs from AWS's (-AWS +ours):\n%s", diff)
			}
		})
	}
}

// These must differ between two clients, and only these: the time; places in the client's own code, and so the frames of a trace that lie there or
// in what started it (but for the caller of the handler, whose name is kept); the line that the command of aws-lambda-ric prints before it becomes
// the client (AWS's images start it without).
var clientDifferences = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z`), "TIME"},
	{regexp.MustCompile(`\AExecuting '.*' in function directory '.*'\n`), ""},
	{regexp.MustCompile(`(file://)?[^\s("]*/(aws-lambda-ric/(dist|bin)|var/runtime)/index\.mjs(:\d+:\d+)?`), "CLIENT"},
	{regexp.MustCompile(`at Runtime\.handleOnceNonStreaming \(CLIENT\)`), "at Runtime.handleOnceNonStreaming"},
	{regexp.MustCompile(`,"    at (async )?([^"(]* \()?(CLIENT|node:[^"]*)\)?"`), ""},
	{regexp.MustCompile(`[^\s"\\]*/(awslambdaric|var/runtime)/bootstrap\.py(\\*"), line \d+`), "CLIENT$2, line N"},
}

func normalText(text string) string {
	for _, d := range clientDifferences {
		text = d.pattern.ReplaceAllString(text, d.with)
	}
	return text
}

func normal(t *testing.T, run clientRun) clientRun {
	t.Helper()
	run.Output = normalText(run.Output)
	run.Posts = slices.Clone(run.Posts)
	for i := range run.Posts {
		p := &run.Posts[i]
		p.Body, p.XRayCause = normalText(p.Body), normalXRay(t, p.XRayCause)
		trailer, err := base64.StdEncoding.DecodeString(p.TrailerBody)
		if err != nil {
			t.Fatalf("trailer %q: %v", p.TrailerBody, err)
		}
		p.TrailerBody = normalText(string(trailer))
		if len(p.Body) > 1<<20 {
			p.Body = fmt.Sprintf("%d bytes beginning with %q", len(p.Body), p.Body[:20])
		}
	}
	return run
}

// normalXRay orders the paths, which are a set, and takes out the places in the client's code.
func normalXRay(t *testing.T, cause string) string {
	t.Helper()
	if cause == "" {
		return ""
	}
	var x struct {
		WorkingDirectory string           `json:"working_directory"`
		Exceptions       []map[string]any `json:"exceptions"`
		Paths            []string         `json:"paths"`
	}
	if err := json.Unmarshal([]byte(cause), &x); err != nil {
		t.Fatalf("X-Ray cause %q: %v", cause, err)
	}
	for _, e := range x.Exceptions {
		e["stack"] = slices.DeleteFunc(e["stack"].([]any), func(f any) bool { return isClientPath(fmt.Sprint(f.(map[string]any)["path"])) })
	}
	x.Paths = slices.DeleteFunc(x.Paths, isClientPath)
	slices.Sort(x.Paths)
	out, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// isClientPath is true of a path in a client's code or Node's; "file" and "node" are what AWS's client makes of a URL with such a scheme.
func isClientPath(path string) bool {
	return path == "file" || path == "node" || strings.HasSuffix(path, "/bootstrap.py")
}

// toolPath is a file of .tools, which `make tools` installs.
func toolPath(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", ".tools", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make tools", err)
	}
	return path
}

func nodeCommand(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("%v: run make tools", err)
	}
	return path
}

// sharedClients is a folder with our clients for all tests.
func sharedClients(t *testing.T) string {
	t.Helper()
	dir, err := writeClients(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWriteClients(t *testing.T) {
	t.Run("many at once", func(t *testing.T) {
		cache := t.TempDir()
		var wg sync.WaitGroup
		dirs := make([]string, 16)
		errs := make([]error, len(dirs))
		for i := range dirs {
			wg.Go(func() { dirs[i], errs[i] = writeClients(cache) })
		}
		wg.Wait()
		for i, dir := range dirs {
			if errs[i] != nil || dir != dirs[0] {
				t.Fatalf("writeClients = %q, %v, want %q", dir, errs[i], dirs[0])
			}
		}
		entries, err := os.ReadDir(cache)
		if err != nil || len(entries) != 1 {
			t.Errorf("cache holds %v, %v, want one folder", entries, err)
		}
		err = walkClients(func(name string, content []byte) error {
			got, err := os.ReadFile(filepath.Join(dirs[0], name))
			if !bytes.Equal(got, content) {
				t.Errorf("%s has other content than it should", name)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		for _, entry := range []string{nodeClient, pythonClient} {
			if _, err := os.Stat(filepath.Join(dirs[0], entry)); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("cache cannot be made", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := writeClients(filepath.Join(file, "cache")); err == nil || !strings.HasPrefix(err.Error(), "write runtime clients: ") {
			t.Errorf("writeClients below a file = %v, want an error", err)
		}
	})
}
