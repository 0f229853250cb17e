package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
)

// ProcessOptions configure a Process. The zero value is usable.
type ProcessOptions struct {
	// CacheDir holds what is kept between runs: the embedded runtime clients and compiled Python modules. "" means the folder "emulate" in the
	// user's cache folder.
	CacheDir string
	// TempDir is where the environments' /tmp folders are made and removed again. "" means os.TempDir().
	TempDir string
	// NoPrivateTmp lets handlers see the host's own /tmp and /opt, even where a mount namespace is permitted; TMPDIR leads to the environment's folder.
	// A handler that talks to a socket in the host's /tmp needs it.
	NoPrivateTmp bool
	// NoCgroups keeps off cgroups even where they are permitted: process groups and signals do their work, and CPU time is not limited.
	NoCgroups bool
	// NoCPULimit lets handlers have all CPU time and see all CPUs of this machine, whatever their memory buys on Lambda.
	NoCPULimit bool

	// onlyV1 keeps off cgroup v2, so that tests see what a machine without it does.
	onlyV1 bool
}

// Process is the lambda.Executor that runs every environment as a process group on this machine.
type Process struct {
	options ProcessOptions
	// buffers are the reading buffers of all output pipes, *[]byte of readSize.
	buffers sync.Pool

	open    func() error
	clients func() (string, error)

	// Set by open, and constant from then on.
	session *session
	host    *host
	slots   *slots

	mu        sync.Mutex
	closed    bool
	ended     chan struct{} // closed when Close has ended
	starting  sync.WaitGroup
	instances map[*instance]struct{}

	interpreters interpreters
}

var _ lambda.Executor = (*Process)(nil)

// NewProcess returns the process executor. It does no I/O: the first Start or Limits looks at what this machine permits, and removes the temporary
// folders of emulators that died.
func NewProcess(o ProcessOptions) *Process {
	if o.TempDir == "" {
		o.TempDir = os.TempDir()
	}
	p := &Process{options: o, instances: map[*instance]struct{}{}, ended: make(chan struct{})}
	p.buffers.New = func() any { b := make([]byte, readSize); return &b }
	p.open = sync.OnceValue(p.openOnce)
	p.clients = sync.OnceValues(func() (string, error) {
		cache, err := p.cacheDir()
		if err != nil {
			return "", err
		}
		return writeClients(cache)
	})
	return p
}

func (p *Process) cacheDir() (string, error) {
	if p.options.CacheDir != "" {
		return p.options.CacheDir, nil
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder: %w", err)
	}
	return filepath.Join(user, "emulate"), nil
}

// openOnce makes the session's folder and asks the host what it permits.
func (p *Process) openOnce() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	sweep(p.options.TempDir, time.Now())
	session, err := openSession(p.options.TempDir)
	if err != nil {
		return fmt.Errorf("make the folder of this emulator's environments: %w", err)
	}
	host, err := openHost(p.options, session)
	if err != nil {
		return errors.Join(fmt.Errorf("prepare the process executor: %w", err), session.close())
	}
	p.session, p.host = session, host
	p.slots = &slots{dir: session.dir, cgroups: host.cgroups, cpu: host.cpu}
	return nil
}

var errClosed = errors.New("the process executor is closed")

// Start makes an environment's sandbox and starts the function's runtime in it. Where there is nothing to start the error is, or wraps, a
// *lambda.InvalidEntrypointError.
func (p *Process) Start(ctx context.Context, spec lambda.Spec) (lambda.Instance, error) {
	if err := p.open(); err != nil {
		return nil, err
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.starting.Done()
	slot, err := p.slots.get()
	if err != nil {
		return nil, fmt.Errorf("make /tmp of environment %s: %w", spec.Environment, err)
	}
	in, err := p.launch(ctx, spec, slot)
	if err != nil {
		return nil, errors.Join(err, p.slots.put(slot))
	}
	return in, nil
}

// enter holds off Close until the start that it announces is done.
func (p *Process) enter() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errClosed
	}
	p.starting.Add(1)
	return nil
}

// launch starts the runtime of spec in slot: the first one of an environment, or the next one after a reset.
func (p *Process) launch(ctx context.Context, spec lambda.Spec, slot *slot) (*instance, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if slot.memoryMB, slot.joined = 0, false; !p.options.NoCPULimit {
		slot.memoryMB = spec.Function.MemoryMB
	}
	l, err := p.plan(ctx, spec, slot)
	if err != nil {
		return nil, err
	}
	out, write, err := newOutput(spec.Output, &p.buffers)
	if err != nil {
		return nil, fmt.Errorf("make the output pipe of function %s: %w", spec.Function.Name, err)
	}
	child, err := p.host.start(l, write)
	write.Close()
	if err != nil {
		out.close()
		if errNotRunnable(err) && l.searched != nil {
			return nil, fmt.Errorf("start %s: %w: %w", l.path, err, &lambda.InvalidEntrypointError{Searched: l.searched})
		}
		return nil, fmt.Errorf("start %s of function %s: %w", l.path, spec.Function.Name, err)
	}
	in := newInstance(p, spec, slot, child, out)
	p.mu.Lock()
	p.instances[in] = struct{}{}
	p.mu.Unlock()
	in.run()
	return in, nil
}

func (p *Process) forget(in *instance) {
	p.mu.Lock()
	delete(p.instances, in)
	p.mu.Unlock()
}

// Limits tells in plain lines what this executor cannot do on this machine, for the start of serve.
func (p *Process) Limits() []string {
	if err := p.open(); err != nil {
		return []string{err.Error()}
	}
	return slices.Clone(p.host.limits)
}

// Close kills the environments that are left, removes their folders, and ends the spawner and the watchdog. It is idempotent, and another
// call waits for the first; Start fails from then on.
func (p *Process) Close(ctx context.Context) error {
	p.mu.Lock()
	already := p.closed
	p.closed = true
	p.mu.Unlock()
	if already {
		return ending(ctx, p.ended)
	}
	defer close(p.ended)
	p.starting.Wait()
	if p.host == nil {
		return nil
	}
	return errors.Join(p.stopAll(ctx), p.slots.close(), p.host.close(), p.session.close())
}

// ending waits for the end of what another call does.
func ending(ctx context.Context, ended <-chan struct{}) error {
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *Process) stopAll(ctx context.Context) error {
	p.mu.Lock()
	left := make([]*instance, 0, len(p.instances))
	for in := range p.instances {
		left = append(left, in)
	}
	p.mu.Unlock()
	var errs []error
	for _, in := range left {
		in.signal(sigKill)
	}
	for _, in := range left {
		errs = append(errs, in.Stop(ctx, 0))
	}
	return errors.Join(errs...)
}

// Unsupported tells whether fn cannot run as a process on any machine: an image, or a runtime that only containers have.
func Unsupported(fn *config.Function) (d config.Diagnostic, unsupported bool) {
	d = config.Diagnostic{Severity: config.Error, Position: fn.At, Object: fn.LogicalID, Code: "needs-container-executor",
		Hint: "leave its executor at auto, or make it docker: processes run provided.*, nodejs* and python*"}
	_, ok := parseRuntime(fn.Runtime)
	switch {
	case fn.PackageType == "Image":
		d.Message = fmt.Sprintf("function %s is a container image, which needs the container executor", fn.Name)
	case !ok:
		d.Message = fmt.Sprintf("function %s has the runtime %s, which needs the container executor", fn.Name, fn.Runtime)
	default:
		return config.Diagnostic{}, false
	}
	return d, true
}

// Uninstalled is the language of fn's runtime where no interpreter of it is on PATH, else "". It starts none, so that a project is served at once; what
// is there and does not work is told by Check.
func Uninstalled(fn *config.Function) string {
	rt, ok := parseRuntime(fn.Runtime)
	if !ok || rt.family == provided {
		return ""
	}
	for _, name := range rt.names() {
		if _, err := exec.LookPath(name); err == nil {
			return ""
		}
	}
	return rt.language()
}

// Check tells what stands in the way of running fn here: what Unsupported says, an interpreter that is missing (errors), or one of another version
// than the function asks for (a warning, given once per runtime over the life of the Process, and not for a retired runtime, of which the
// configuration warns).
func (p *Process) Check(fn *config.Function) []config.Diagnostic {
	if d, unsupported := Unsupported(fn); unsupported {
		return []config.Diagnostic{d}
	}
	rt, _ := parseRuntime(fn.Runtime)
	if rt.family == provided {
		return nil
	}
	return p.checkInterpreter(fn, rt, config.Diagnostic{Severity: config.Error, Position: fn.At, Object: fn.LogicalID})
}

func (p *Process) checkInterpreter(fn *config.Function, rt runtime, d config.Diagnostic) []config.Diagnostic {
	found, err := p.interpreters.find(context.Background(), rt)
	if err != nil {
		d.Code = "interpreter-missing"
		d.Message = fmt.Sprintf("function %s has the runtime %s, and no %s runs here: %v", fn.Name, fn.Runtime, rt.language(), err)
		d.Hint = fmt.Sprintf("install %s %s", rt.language(), rt.version)
		return []config.Diagnostic{d}
	}
	if rt.matches(found.version) || config.Retired(fn.Runtime) || !p.interpreters.tell(rt) {
		return nil
	}
	d.Severity = config.Warning
	d.Code = "interpreter-version"
	d.Message = fmt.Sprintf("runtime %s runs on %s %s (%s), since no %s is on PATH", fn.Runtime, rt.language(), found.version, found.path, rt.names()[0])
	d.Hint = fmt.Sprintf("install %s %s", rt.language(), rt.version)
	return []config.Diagnostic{d}
}

// Interpreter is the path of the program that runs functions of a managed runtime here, for those who install dependencies for it.
func (p *Process) Interpreter(runtime string) (string, error) {
	rt, ok := parseRuntime(runtime)
	if !ok || rt.family == provided {
		return "", fmt.Errorf("find the interpreter of %s: it has none", runtime)
	}
	found, err := p.interpreters.find(context.Background(), rt)
	if err != nil {
		return "", fmt.Errorf("find the interpreter of %s: %w", runtime, err)
	}
	return found.path, nil
}
