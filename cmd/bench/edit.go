package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// edited is a handler whose answer changes with an edit.
type edited struct {
	runtime, file string
	code          func(answer string) string
	// bare measures what the runtime needs by itself: start to first poll for an interpreter, the build of the same change for a compiler.
	bare func(b *bench, dir string) (time.Duration, error)
}

var editedHandlers = []edited{
	{"nodejs22.x", "index.mjs", func(a string) string {
		return fmt.Sprintf("export const handler = async () => ({ statusCode: 200, body: %q });\n", a)
	}, bareInterpreter},
	{"python3.13", "app.py", func(a string) string {
		return fmt.Sprintf("def handler(event, context):\n    return {\"statusCode\": 200, \"body\": %q}\n", a)
	}, bareInterpreter},
	{"provided.al2023", "main.go", func(a string) string {
		return fmt.Sprintf(`package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

type response struct {
	StatusCode int    `+"`json:\"statusCode\"`"+`
	Body       string `+"`json:\"body\"`"+`
}

func main() {
	lambda.Start(func(context.Context) (response, error) { return response{200, %q}, nil })
}
`, a)
	}, bareBuild},
}

// edit measures from the write of a file to the first answer of the new code.
func (b *bench) edit(r *results) error {
	for _, h := range editedHandlers {
		one, err := b.editOne(h)
		if err != nil {
			return fmt.Errorf("%s: %w", h.runtime, err)
		}
		r.Edit = append(r.Edit, one)
	}
	return nil
}

func (b *bench) editOne(h edited) (editResult, error) {
	// Inside this module's tree, so that the Go handler finds aws-lambda-go; testdata is left out of every pattern.
	dir, err := os.MkdirTemp("testdata", "bench-edit-")
	if err != nil {
		return editResult{}, err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil {
		return editResult{}, err
	}
	write := func(answer string) error {
		return os.WriteFile(filepath.Join(dir, h.file), []byte(h.code(answer)), 0o644)
	}
	if err := write("0"); err != nil {
		return editResult{}, err
	}
	s, err := b.startEmulate("emulate", dir)
	if err != nil {
		return editResult{}, err
	}
	defer func() { _ = s.stop() }() // nothing is measured any more
	url := "http://" + s.addr["http"] + "/"
	if _, err := until(url, "0"); err != nil {
		return editResult{}, err
	}
	var answers, bares, overs []float64
	for i := 1; i <= 2*b.o.coldRuns; i++ {
		bare, err := h.bare(b, dir)
		if err != nil {
			return editResult{}, err
		}
		want := fmt.Sprint(i)
		began := time.Now()
		if err := write(want); err != nil {
			return editResult{}, err
		}
		answered, err := until(url, want)
		if err != nil {
			return editResult{}, err
		}
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		took := answered.Sub(began)
		answers, bares, overs = append(answers, ms(took)), append(bares, ms(bare)), append(overs, ms(took-bare))
	}
	return editResult{Runtime: h.runtime, Answer: median(answers), Bare: median(bares), Over: median(overs)}, nil
}

// until asks until the answer is want, and says when it was.
func until(url, want string) (time.Time, error) {
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); {
		resp, err := http.Get(url)
		if err != nil {
			return time.Time{}, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return time.Time{}, err
		}
		if string(body) == want {
			return time.Now(), nil
		}
	}
	return time.Time{}, fmt.Errorf("no answer %q within a minute", want)
}

// bareInterpreter is the time from the start of the runtime, with the emulator's own client, to its first poll.
func bareInterpreter(_ *bench, dir string) (time.Duration, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return 0, err
	}
	clients, _ := filepath.Glob(filepath.Join(cache, "emulate", "clients-*"))
	if len(clients) == 0 {
		return 0, fmt.Errorf("no runtime clients in %s", cache)
	}
	client := newest(clients)
	args := []string{"node", "--enable-source-maps", filepath.Join(client, "node", "bootstrap.cjs")}
	handler, execution := "index.handler", "AWS_Lambda_nodejs22.x"
	if _, err := os.Stat(filepath.Join(dir, "app.py")); err == nil {
		python, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
		if err != nil {
			return 0, err
		}
		args = []string{strings.TrimSpace(string(python)), "-X", "pycache_prefix=" + filepath.Join(cache, "emulate", "pycache"), filepath.Join(client, "python", "bootstrap.py")}
		handler, execution = "app.handler", "AWS_Lambda_python3.13"
	}
	polled := make(chan struct{}, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		polled <- struct{}{}
		<-r.Context().Done()
	})}
	go func() { _ = srv.Serve(l) }() // ends with Close
	defer srv.Close()
	c := exec.Command(args[0], args[1:]...)
	c.Dir = dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "AWS_LAMBDA_RUNTIME_API=" + l.Addr().String(), "_HANDLER=" + handler, "LAMBDA_TASK_ROOT=" + dir,
		"AWS_EXECUTION_ENV=" + execution, "AWS_LAMBDA_FUNCTION_NAME=f", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128"}
	began := time.Now()
	if err := c.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	select {
	case <-polled:
		return time.Since(began), nil
	case <-time.After(20 * time.Second):
		return 0, fmt.Errorf("%s does not poll", args[0])
	}
}

func newest(paths []string) string {
	best, at := paths[0], time.Time{}
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.ModTime().After(at) {
			best, at = p, info.ModTime()
		}
	}
	return best
}

// bareBuild is the time of go build for a change of the same kind, in a copy, with the flags that the emulator uses by default.
func bareBuild(b *bench, dir string) (time.Duration, error) {
	src, err := os.ReadFile(filepath.Join(dir, "main.go"))
	if err != nil {
		return 0, err
	}
	copied, err := os.MkdirTemp("testdata", "bench-bare-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(copied)
	changed := strings.Replace(string(src), "response{200, \"", fmt.Sprintf("response{200, \"%d ", time.Now().UnixNano()), 1)
	if err := os.WriteFile(filepath.Join(copied, "main.go"), []byte(changed), 0o644); err != nil {
		return 0, err
	}
	c := exec.Command("go", "build", "-buildvcs=false", "-tags=lambda.norpc", "-ldflags=-w", "-o", filepath.Join(b.dir, "bare"), ".")
	c.Dir = copied
	began := time.Now()
	if text, err := c.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build: %w\n%s", err, text)
	}
	return time.Since(began), nil
}
