package emulator

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/sandbox"
	"example.com/emulate/emulator/telemetry"
)

// executors starts each function's environments where they belong: it is the lambda.Executor of the emulator.
type executors struct {
	asked     string // Options.Executor
	process   *sandbox.Process
	container *sandbox.Container

	mu     sync.Mutex
	chosen map[*config.Function]choice
}

var _ lambda.Executor = (*executors)(nil)

// choice is where a function runs. why is "" where it is the ordinary thing.
type choice struct {
	container bool
	why       string
}

func (c choice) String() string {
	if c.container {
		return "docker"
	}
	return "process"
}

// newExecutors makes both; neither does anything before it is needed.
func (e *Emulator) newExecutors() *executors {
	spares := 0 // as bursts need
	if e.o.Spares != nil {
		if spares = *e.o.Spares; spares == 0 {
			spares = -1
		}
	}
	notice := func(line string) { e.notice(line) }
	return &executors{
		asked: e.o.Executor, chosen: map[*config.Function]choice{},
		process: sandbox.NewProcess(sandbox.ProcessOptions{CacheDir: e.o.CacheDir, NoCPULimit: e.o.NoCPULimit}),
		container: sandbox.NewContainer(sandbox.ContainerOptions{
			CacheDir: e.o.CacheDir, Spares: spares, NoCPULimit: e.o.NoCPULimit, Forward: e.aws.listener.Addr().String(), Notice: notice, Progress: e.pulling,
			Connect: func(ctx context.Context) (*docker.Engine, error) { return docker.Connect(ctx, docker.Options{}) },
		}),
	}
}

// check tells what stands in the way of running a function where it belongs.
func (x *executors) check(fn *config.Function) []config.Diagnostic {
	if x.choice(fn).container {
		return x.container.Check(fn)
	}
	return x.process.Check(fn)
}

// limits tells what the executors that are in use cannot do.
func (x *executors) limits() []string {
	x.mu.Lock()
	used := map[bool]bool{}
	for _, c := range x.chosen {
		used[c.container] = true
	}
	x.mu.Unlock()
	var out []string
	if used[false] {
		out = x.process.Limits()
	}
	if used[true] {
		out = append(out, x.container.Limits()...)
	}
	return out
}

// engineEvery is how often an engine that was not there is looked for.
const engineEvery = 2 * time.Second

// awaitEngine builds a function again once there is a container engine, whose absence made its build fail.
func (e *Emulator) awaitEngine(f *config.Function, number int) {
	tick := time.NewTicker(engineEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-e.ctx.Done():
			return
		}
		e.mu.Lock()
		s := e.sources[f.Name]
		current := s != nil && s.build == number
		e.mu.Unlock()
		if !current {
			return
		}
		if !engineMissing(e.run.container.Check(f)) {
			since := time.Now()
			if changed, failed := await(e.ctx, e.build([]*config.Function{f}, e.notRebuilt)); failed == nil && changed != nil {
				e.reloaded(since, changed)
			}
			return
		}
	}
}

func engineMissing(list []config.Diagnostic) bool {
	return slices.ContainsFunc(list, func(d config.Diagnostic) bool { return d.Code == "no-container-engine" })
}

func (x *executors) close(ctx context.Context) error {
	return errors.Join(x.process.Close(ctx), x.container.Close(ctx))
}

// Start implements lambda.Executor.
func (x *executors) Start(ctx context.Context, spec lambda.Spec) (lambda.Instance, error) {
	if x.choice(spec.Function).container {
		return x.container.Start(ctx, spec)
	}
	return x.process.Start(ctx, spec)
}

// choice is made once for each configuration of a function.
func (x *executors) choice(fn *config.Function) choice {
	x.mu.Lock()
	defer x.mu.Unlock()
	c, ok := x.chosen[fn]
	if !ok {
		c = x.choose(fn)
		x.chosen[fn] = c
	}
	return c
}

// keep forgets the choices of configurations that are gone.
func (x *executors) keep(p *config.Project) {
	var names []string
	for _, f := range p.Functions {
		names = append(names, f.Name)
	}
	x.container.Retain(names)
	x.mu.Lock()
	defer x.mu.Unlock()
	old := x.chosen
	x.chosen = make(map[*config.Function]choice, len(p.Functions))
	for _, f := range p.Functions {
		if c, ok := old[f]; ok {
			x.chosen[f] = c
		}
	}
}

// executorOf is what the function asks for, else what the command line does.
func executorOf(fn *config.Function, asked string) string { return or(fn.Executor, or(asked, "auto")) }

// choose takes what is asked for, else a process wherever the function can run as one.
func (x *executors) choose(fn *config.Function) choice {
	switch executorOf(fn, x.asked) {
	case "docker":
		return choice{container: true}
	case "process":
		return choice{}
	}
	if why := x.needsContainer(fn); why != "" {
		return choice{true, why}
	}
	return choice{}
}

// needsContainer says why a function cannot run as a process here, or "".
func (x *executors) needsContainer(fn *config.Function) string {
	if d, unsupported := sandbox.Unsupported(fn); unsupported {
		return d.Message
	}
	if name := sandbox.Uninstalled(fn); name != "" {
		return fmt.Sprintf("function %s has the runtime %s, and no %s is on PATH", fn.Name, fn.Runtime, name)
	}
	if fn.Code.Dir == "" {
		return ""
	}
	return foreign(filepath.Join(fn.Code.Dir, "bootstrap"), fn)
}

// foreign says why a program that was built already does not run on this machine, or "".
func foreign(path string, fn *config.Function) string {
	f, err := elf.Open(path)
	if err != nil {
		return "" // a script, a source folder, or nothing
	}
	defer f.Close()
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	switch {
	case runtime.GOOS != "linux":
		return fmt.Sprintf("bootstrap of function %s is a Linux program", fn.Name)
	case f.Machine != machine:
		return fmt.Sprintf("bootstrap of function %s is for another processor (%v)", fn.Name, f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		name := make([]byte, min(p.Filesz, 4096))
		if n, _ := p.ReadAt(name, 0); n > 1 {
			if _, err := os.Stat(string(name[:n-1])); err != nil {
				return fmt.Sprintf("bootstrap of function %s needs %s, which is not here", fn.Name, name[:n-1])
			}
		}
	}
	return ""
}

// pulling tells of an image's pull, a line every few seconds: the package rates them.
func (e *Emulator) pulling(p docker.Progress) {
	var text string
	switch {
	case p.Done:
		text = fmt.Sprintf("pulled %s in %s", p.Image, short(p.Elapsed))
	case p.BytesTotal == 0:
		text = fmt.Sprintf("pulling %s …", p.Image)
	default:
		text = fmt.Sprintf("pulling %s: %d of %d layers, %.1f of %.1f MB", p.Image, p.LayersDone, p.Layers, float64(p.Bytes)/1e6, float64(p.BytesTotal)/1e6)
		if p.Left > 0 {
			text += ", about " + short(p.Left) + " left"
		}
	}
	e.emit(telemetry.TypeNotice, "", &telemetry.Notice{Text: text, Progress: true})
}
