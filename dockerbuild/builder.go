package dockerbuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/docker"
)

// Options of New. The zero value builds on the host into the user's cache folder.
type Options struct {
	// CacheDir is the artifact cache; "" is os.UserCacheDir()/emulate. Several emulators may share it.
	CacheDir string
	// Progress is told of every step that takes time, from several goroutines at once. It may be nil.
	Progress func(Progress)
	// Interpreter names the python that will run a function of this runtime (an absolute path or a name on PATH), so that pip installs for that
	// one. nil takes the first that works of python3.X (the runtime's version), python3 and python.
	Interpreter func(runtime string) (string, error)
	// Runner runs the tools of builds on this machine; nil is Host.
	Runner Runner
	// InContainer says of which functions the artifact is for Lambda's own Linux and the function's architecture, complete with its dependencies: it is
	// built in a container of the runtime's build image. nil builds all for this machine. It must answer the same for the same function.
	InContainer func(*config.Function) bool
	// Host builds on this machine what InContainer wants, as far as that is safe: for Lambda all the same.
	Host bool
	// Engine finds the container engine. It is called at the first build that needs one, and again after it failed. nil is docker.Connect.
	Engine func(context.Context) (*docker.Engine, error)
	// Labels are put on build containers, so that those of a dead emulator are known.
	Labels map[string]string
}

// Progress is one moment of a build step, for the terminal.
type Progress struct {
	// Function is the function's name. Where several functions share one build it is the first that asked.
	Function string
	// Step is what is done, such as "go build" or "npm ci".
	Step  string
	State ProgressState
	// Line is what the tool wrote; set with StepLine.
	Line string
	// Elapsed and Err are set with StepDone.
	Elapsed time.Duration
	Err     error
}

// ProgressState is where a step stands.
type ProgressState int

// The states, in their order; StepLine comes any number of times.
const (
	StepStarted ProgressState = iota + 1
	StepLine
	StepDone
)

// Builder turns functions' sources into artifacts. Its methods are safe for concurrent use.
type Builder struct {
	opts    Options
	goSlots chan struct{} // a running go build holds one
	slots   chan struct{} // a tool that runs in a container holds one
	boxes   boxes
	ctx     context.Context
	cancel  context.CancelCauseFunc
	wg      sync.WaitGroup

	openOnce sync.Once
	store    *store
	openErr  error

	mu      sync.Mutex
	flights map[string]*flight
	pythons map[string]*python // by runtime
	closed  bool
	engine  *docker.Engine // the one that docker.Connect found
}

// errClosed is the cause of builds that Close ended.
var errClosed = errors.New("the builder is closed")

// New makes a Builder. It does no I/O.
func New(o Options) *Builder {
	if o.Runner == nil {
		o.Runner = Host{}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Builder{opts: o, goSlots: make(chan struct{}, runtime.NumCPU()), slots: make(chan struct{}, max(4, runtime.NumCPU())), ctx: ctx, cancel: cancel,
		flights: map[string]*flight{}, pythons: map[string]*python{},
		boxes: boxes{labels: o.Labels, slots: map[string]*boxSlot{}}}
}

// Close ends running builds, whose callers get an error, and waits for them. It is idempotent.
func (b *Builder) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel(errClosed)
	done := make(chan struct{})
	go func() { b.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("wait for running builds: %w", context.Cause(ctx))
	}
	b.boxes.close(ctx)
	if b.engine != nil {
		b.engine.Close()
	}
	b.openOnce.Do(func() { b.openErr = errClosed })
	if b.store != nil {
		b.store.close()
	}
	return nil
}

// open makes the cache folder at the first build, and removes what is old in it beside that.
func (b *Builder) open() error {
	b.openOnce.Do(func() {
		if b.store, b.openErr = openStore(b.opts.CacheDir); b.openErr == nil {
			b.wg.Go(func() { _ = b.store.prune(b.ctx, time.Now()) })
		}
	})
	return b.openErr
}

// Build returns the artifact of a function, and builds it if its source changed. A build that fails in the tool's own words is an *Error. Calls for
// the same source at the same time share one build, and none gets a build that began before its call.
func (b *Builder) Build(ctx context.Context, fn *config.Function) (*Artifact, error) {
	key, began := b.sourceKey(fn), time.Now()
	call, err := b.join(key, fn)
	if err != nil {
		return nil, err
	}
	defer b.leave(call)
	select {
	case <-call.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("build function %s: %w", fn.Name, context.Cause(ctx))
	}
	if call.err != nil {
		var failed *Error
		if errors.As(call.err, &failed) {
			mine := *failed
			mine.Function = fn.Name
			return nil, &mine
		}
		return nil, fmt.Errorf("build function %s: %w", fn.Name, call.err)
	}
	a := *call.artifact
	if b.forLambda(fn) && a.Dir != "" {
		return &a, rememberBuilt(b.store.dir, fn, &a, began)
	}
	return &a, nil
}

// flight is the builds of one source: the one that runs, and the one that all who came since wait for.
type flight struct{ running, next *call }

type call struct {
	fn       *config.Function
	key      string
	waiters  int
	cancel   context.CancelFunc
	done     chan struct{}
	artifact *Artifact
	err      error
}

func (b *Builder) join(key string, fn *config.Function) (*call, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, fmt.Errorf("build function %s: %w", fn.Name, errClosed)
	}
	f := b.flights[key]
	if f == nil {
		f = &flight{}
		b.flights[key] = f
	}
	if f.next == nil {
		f.next = &call{fn: fn, key: key, done: make(chan struct{})}
	}
	c := f.next
	c.waiters++
	b.startNext(key, f)
	return c, nil
}

// startNext runs the waiting call of a flight if none runs. b.mu is held.
func (b *Builder) startNext(key string, f *flight) {
	if f.running != nil {
		return
	}
	if f.next == nil {
		delete(b.flights, key)
		return
	}
	c := f.next
	f.running, f.next = c, nil
	ctx, cancel := context.WithCancel(b.ctx)
	c.cancel = cancel
	b.wg.Go(func() {
		defer cancel()
		c.artifact, c.err = b.run(ctx, c.key, c.fn)
		close(c.done)
		b.mu.Lock()
		defer b.mu.Unlock()
		f.running = nil
		b.startNext(key, f)
	})
}

// leave ends a build that nobody waits for any more.
func (b *Builder) leave(c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.waiters--; c.waiters > 0 {
		return
	}
	if c.cancel != nil {
		c.cancel()
	} else if f := b.flights[c.key]; f != nil && f.next == c {
		f.next = nil
	}
}

// sourceKey is equal for functions that share one build.
func (b *Builder) sourceKey(fn *config.Function) string {
	parts := []any{fn.Runtime, fn.Handler, fn.Code, fn.Layers, projectDir(fn), runtime.GOOS, runtime.GOARCH}
	if b.forLambda(fn) {
		parts = append(parts, fn.PackageType, fn.Image, fn.Container, fn.Architecture, b.opts.Host)
	}
	key, err := json.Marshal(parts)
	if err != nil {
		// Only a property that is not JSON, which no configuration file can hold; its Go form will do.
		key = fmt.Appendf(nil, "%#v", fn.Code)
	}
	return hash(string(key))
}

// projectDir is where the project's configuration lies: compilers' messages name files relative to it.
func projectDir(fn *config.Function) string {
	if fn.At.File != "" {
		// It is told as the user wrote it, relative to the current folder.
		if dir, err := filepath.Abs(filepath.Dir(fn.At.File)); err == nil {
			return dir
		}
	}
	return fn.Code.Dir
}

// job is one build.
type job struct {
	*Builder
	fn  *config.Function
	key string
	// dir is the real path of the code's folder; "" for inline code.
	dir string
	// project is the folder that messages are relative to.
	project string
	// lambda says that the artifact is for Lambda, not for this machine. goarch is the processor that it is for.
	lambda bool
	goarch string
	// host says that what is for Lambda is built on this machine all the same.
	host bool
	// runner runs the tools. With a build container, image is its image; nil on this machine.
	runner Runner
	image  *docker.Image
}

func (b *Builder) run(ctx context.Context, key string, fn *config.Function) (*Artifact, error) {
	if err := b.open(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	j := &job{Builder: b, fn: fn, key: key, project: projectDir(fn), runner: b.opts.Runner, lambda: b.forLambda(fn), host: b.opts.Host, goarch: runtime.GOARCH}
	if j.lambda {
		j.goarch = goarch(fn.Architecture)
	}
	a, err := j.code(ctx)
	if err != nil {
		return nil, j.watchable(err)
	}
	if err := j.layers(ctx, a); err != nil {
		return nil, err
	}
	if j.lambda && j.host && a.Dir != "" {
		if err := j.safe(ctx, a); err != nil {
			return nil, j.watchable(err)
		}
	}
	return a, nil
}

// watchable makes sure that a failed build says what to watch for its mend.
func (j *job) watchable(err error) error {
	var failed *Error
	if errors.As(err, &failed) && failed.Inputs == nil && j.dir != "" {
		failed.Inputs = []string{j.dir}
	}
	return err
}

// layers adds the function's layers: folders as they are, zip files unpacked.
func (j *job) layers(ctx context.Context, a *Artifact) error {
	for _, l := range j.fn.Layers {
		dir, digest := l, ""
		st, err := os.Stat(l)
		switch {
		case err != nil:
			return j.fail("open layer "+filepath.Base(l), "", "Layers must be local folders or zip files.", err)
		case st.IsDir():
			if digest, err = treeDigest(l); err != nil {
				return fmt.Errorf("read layer %s: %w", l, err)
			}
		default:
			if dir, digest, err = j.unzip(ctx, l); err != nil {
				return err
			}
		}
		a.Layers = append(a.Layers, dir)
		a.Inputs = append(slices.Clone(a.Inputs), l)
		a.Digest = hash(a.Digest, digest)
	}
	return nil
}

// fail makes the *Error of a step.
func (j *job) fail(step, output, hint string, err error) *Error {
	return &Error{Function: j.fn.Name, Step: step, Output: output, Hint: hint, Err: err}
}

// tool runs a command as one step of the build. missing says how to get the tool where it is not installed.
func (j *job) tool(ctx context.Context, step, missing string, c Command) error {
	start := time.Now()
	j.progress(Progress{Step: step, State: StepStarted})
	c.Line = func(l string) { j.progress(Progress{Step: step, State: StepLine, Line: l}) }
	out, err := j.runner.Run(ctx, c)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		err = fmt.Errorf("%s: %w", step, context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound):
		err = j.missingTool(step, c.Args[0], missing, err)
	case isEngineError(err):
		err = j.engineFailed(step, err, forTools)
	default:
		err = j.fail(step, strings.TrimRight(string(out), "\n"), "", err)
	}
	j.progress(Progress{Step: step, State: StepDone, Elapsed: time.Since(start), Err: err})
	return err
}

func (j *job) progress(p Progress) {
	if j.opts.Progress != nil {
		p.Function = j.fn.Name
		j.opts.Progress(p)
	}
}
