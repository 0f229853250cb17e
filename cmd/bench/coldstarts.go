package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/telemetry"
)

// published are cold starts of hello-world functions on AWS in ms (spec lambda.md §7). python3.11 has none of its own: it takes those of python3.12.
var published = []struct {
	runtime, file, code string
	p50, p99            float64
}{
	{"provided.al2023", "main.go", goHello, 50, 74},
	{"nodejs20.x", "index.mjs", "export const handler = async () => 'hello'\n", 142, 193},
	{"python3.11", "lambda_function.py", "def lambda_handler(event, context):\n    return 'hello'\n", 85, 128},
}

const goHello = `package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context) (string, error) { return "hello", nil })
}
`

// coldStarters start at the same time; each has a function of its own, so that every request meets a cold start.
const coldStarters = 4

// coldStarts starts hello-world functions with coldStarts: aws, and compares their Init Durations with what is published.
func (b *bench) coldStarts(r *results) error {
	for i := range published {
		inits, err := b.awsStarts(i)
		if err != nil {
			return fmt.Errorf("%s: %w", published[i].runtime, err)
		}
		slices.Sort(inits)
		one := coldStartResult{Runtime: published[i].runtime, Draws: len(inits), TableP50: published[i].p50, TableP99: published[i].p99}
		one.P50, one.P99 = quantile(inits, 0.5), quantile(inits, 0.99)
		r.ColdStarts = append(r.ColdStarts, one)
	}
	return nil
}

// quantile of sorted values, by the nearest rank.
func quantile(sorted []float64, q float64) float64 {
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// awsStarts is the Init Durations of all cold starts of one runtime, in ms.
func (b *bench) awsStarts(index int) (inits []float64, err error) {
	p := published[index]
	dir := filepath.Join(b.dir, fmt.Sprint("hello-", index))
	if err := b.helloProject(dir, index); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	e, err := emulator.New(emulator.Options{
		Path: dir, NoWatch: true, WaitForBuilds: true, ColdStarts: "aws", Seed: 1, CacheDir: filepath.Join(b.dir, "cache"), OnEvents: func(batch []telemetry.Event) {
			mu.Lock()
			defer mu.Unlock()
			for _, ev := range batch {
				if report, ok := ev.Record.(*telemetry.Report); ok && report.Metrics.InitDuration > 0 {
					inits = append(inits, float64(report.Metrics.InitDuration)/1e6)
				}
			}
		}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close(context.WithoutCancel(b.ctx))) }()
	if err := e.Start(b.ctx); err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	failed := make([]error, coldStarters)
	for i := range coldStarters {
		wg.Go(func() {
			for range b.o.draws / coldStarters {
				if failed[i] = b.startOnce(e, fmt.Sprint("hello", i)); failed[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	e.Flush()
	mu.Lock()
	defer mu.Unlock()
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	if want := b.o.draws / coldStarters * coldStarters; len(inits) != want {
		return nil, fmt.Errorf("%d cold starts of %s, want %d", len(inits), p.runtime, want)
	}
	return slices.Clone(inits), nil
}

// startOnce makes one cold start, and waits until its environment is gone.
func (b *bench) startOnce(e *emulator.Emulator, function string) error {
	got, err := e.Invoke(b.ctx, function, []byte("{}"))
	if err == nil && !(got.Cold && string(got.Payload) == `"hello"`) {
		err = fmt.Errorf("%s answers %s, cold %v", function, got.Payload, got.Cold)
	}
	if err != nil {
		return err
	}
	if _, err := e.Cold(function, -1); err != nil {
		return err
	}
	return waitFor(10*time.Second, func() (bool, error) {
		stats := e.Stats()
		i := slices.IndexFunc(stats, func(s emulator.FunctionStats) bool { return s.Function == function })
		return stats[i].Environments == 0, b.ctx.Err()
	})
}

// helloProject writes a project of hello-world functions, all alike.
func (b *bench) helloProject(dir string, index int) error {
	p := published[index]
	files := map[string]string{"code/" + p.file: p.code}
	if strings.HasSuffix(p.file, ".go") {
		for _, name := range []string{"go.mod", "go.sum"} {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			files["code/"+name] = string(text)
		}
	}
	text := "functions:\n"
	for i := range coldStarters {
		text += fmt.Sprintf("  hello%d: { code: ./code, runtime: %s, memory: 1769 }\n", i, p.runtime)
	}
	files["emulate.yaml"] = text
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			return err
		}
	}
	return nil
}
