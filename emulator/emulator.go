package emulator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"example.com/emulate/dockerbuild"
	"example.com/emulate/emulator/awsapi"
	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/telemetry"
)

// drainTime is how long Close waits for invocations in flight when its context has no deadline of its own.
const drainTime = 30 * time.Second

// Emulator serves one project. Many can run in one process.
type Emulator struct {
	o       Options
	stream  *telemetry.Stream
	run     *executors
	lambda  *lambda.Service
	builder *dockerbuild.Builder
	aws     *front
	watcher *watcher

	mu      sync.Mutex
	project *config.Project
	fronts  []*front              // the first is that of Port; the others belong to one API each
	sources map[string]*source    // by function name
	first   map[string]chan built // the builds that Start began, by function name
	told    map[string]bool       // what is said once, and was
	started bool
	closed  bool
	builds  sync.WaitGroup
	ctx     context.Context
	cancel  context.CancelCauseFunc

	calibrating sync.Mutex // held while hello-world functions are measured; no other lock is taken in it but for a moment
}

// New checks the options. It does no I/O.
func New(o Options) (*Emulator, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.Path, o.Host = or(o.Path, "."), or(o.Host, "127.0.0.1")
	o.Region, o.Account = or(o.Region, "us-east-1"), or(o.Account, "123456789012")
	for o.Seed == 0 {
		o.Seed = rand.Uint64() >> 11 // fits a JSON number of every language
	}
	e := &Emulator{o: o, sources: map[string]*source{}, told: map[string]bool{}}
	e.ctx, e.cancel = context.WithCancelCause(context.Background())
	return e, nil
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

var errClosed = errors.New("the emulator is closed")

// Start loads the project, listens, and builds the functions behind it; it returns as soon as requests can come. Its error is a *ConfigError for a
// configuration that cannot be served, a *UsageError for an option, a *BuildError with Options.WaitForBuilds. After an error nothing is left running.
func (e *Emulator) Start(ctx context.Context) (err error) {
	if e.o.Began.IsZero() {
		e.o.Began = time.Now()
	}
	e.mu.Lock()
	if e.started || e.closed {
		e.mu.Unlock()
		return errors.New("start emulator: it was started or closed before")
	}
	e.started = true
	e.mu.Unlock()
	defer func() {
		if err != nil {
			_ = e.Close(context.WithoutCancel(ctx)) // the first error tells more
		}
	}()

	p, warnings, err := e.load()
	if err != nil {
		return err
	}
	credentials, err := e.credentials(ctx)
	if err != nil {
		return err
	}
	e.stream = telemetry.NewStream()
	if e.o.OnEvents != nil {
		e.stream.Read(e.o.OnEvents)
	}
	if err := e.listen(p); err != nil {
		return err
	}
	e.assemble(p, credentials)
	if err := e.serve(); err != nil {
		return err
	}
	changes := e.apply(p)
	e.ready(warnings)
	if !e.o.NoWatch {
		if e.watcher, err = e.watch(p); err != nil {
			return err
		}
	}
	first := map[string]chan built{}
	for i, done := range e.build(changes, e.notBuilt) {
		first[changes[i].Name] = done
	}
	e.mu.Lock()
	e.first = first
	e.mu.Unlock()
	if e.o.WaitForBuilds {
		return e.AwaitBuilds(ctx)
	}
	return nil
}

// AwaitBuilds waits until these functions are built that Start began to build, all of them where none is named. Its error is a *BuildError where one of
// them was not, or where ctx ended before; an event tells what a build failed of, too.
func (e *Emulator) AwaitBuilds(ctx context.Context, functions ...string) error {
	e.mu.Lock()
	first := e.first
	e.mu.Unlock()
	if len(functions) == 0 {
		functions = slices.Sorted(maps.Keys(first))
	}
	var failed []error
	for _, name := range functions {
		done, begun := first[name]
		if !begun {
			continue
		}
		select {
		case b := <-done:
			done <- b // for who asks next
			if b.err != nil {
				failed = append(failed, b.err)
			}
		case <-ctx.Done():
			return &BuildError{append(failed, context.Cause(ctx))}
		}
	}
	if failed != nil {
		return &BuildError{failed}
	}
	return nil
}

// load reads the configuration.
func (e *Emulator) load() (*config.Project, []config.Diagnostic, error) {
	p, list, err := load(e.o)
	if err == nil && p == nil {
		err = &ConfigError{list}
	}
	return p, list, err
}

// credentials that the handlers get: those of the profile, or none, which means dummies.
func (e *Emulator) credentials(ctx context.Context) (lambda.Credentials, error) {
	if e.o.Profile == "" {
		return lambda.Credentials{}, nil
	}
	c, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithSharedConfigProfile(e.o.Profile))
	if err != nil {
		return lambda.Credentials{}, &UsageError{fmt.Sprintf("profile %s: %v", e.o.Profile, err)}
	}
	got, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return lambda.Credentials{}, &UsageError{fmt.Sprintf("profile %s: %v", e.o.Profile, err)}
	}
	return lambda.Credentials{AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken}, nil
}

// assemble wires the machine. The addresses are known.
func (e *Emulator) assemble(p *config.Project, credentials lambda.Credentials) {
	e.run = e.newExecutors()
	e.builder = dockerbuild.New(dockerbuild.Options{
		CacheDir: e.o.CacheDir, Progress: e.progress, Interpreter: e.run.process.Interpreter, Host: e.o.BuildOnHost,
		InContainer: func(f *config.Function) bool { return e.run.choice(f).container },
	})
	idle := e.o.IdleTimeout
	if idle == 0 {
		idle = p.IdleTimeout
	}
	var lifetimes fleet.Lifetimes
	if e.awsColdStarts(p) {
		lifetimes = fleet.AWSLifetimes(e.o.Seed)
	}
	freezeAfter := time.Duration(0)
	if e.o.NoFreeze {
		freezeAfter = -1
	}
	o := lambda.Options{
		Executor: e.run, Telemetry: e.stream, Region: e.o.Region, Account: e.o.Account,
		AccountConcurrency: p.AccountConcurrency, IdleTimeout: idle, FreezeAfter: freezeAfter,
		Seed: e.o.Seed, Lifetimes: lifetimes, Snapshot: e.snapshot, Unpack: e.unpack,
		RequestRate: p.RequestRate, StartBurst: p.StartBurst, StartsPerSecond: p.StartsPerSecond,
		Credentials: credentials, Endpoints: map[string]string{"AWS_ENDPOINT_URL_LAMBDA": e.aws.url()},
		Log: func(format string, args ...any) { e.notice(fmt.Sprintf(format, args...)) },
	}
	if e.o.recorder != nil {
		o.Record = e.o.recorder(o.FleetOptions())
	}
	e.lambda = lambda.New(o)
}

// serve starts the AWS endpoint; the APIs' fronts get their gateway from apply.
func (e *Emulator) serve() error {
	aws := awsapi.New(awsapi.Options{Lambda: e.lambda, Region: e.o.Region, Account: e.o.Account, Hosts: e.hosts()})
	e.aws.handle(e.control(aws))
	e.aws.start()
	for _, f := range e.fronts {
		f.start()
	}
	return nil
}

// hosts are names that the AWS endpoint answers to beside the loopback ones.
func (e *Emulator) hosts() []string {
	if e.o.Host == "127.0.0.1" {
		return nil
	}
	return []string{e.o.Host}
}

// Close stops listening, lets invocations in flight finish (until ctx ends, or for 30 s), ends every process and removes what was made for them. It
// is idempotent, and waits for everything that was started.
func (e *Emulator) Close(ctx context.Context) error {
	e.mu.Lock()
	first := !e.closed
	e.closed = true
	e.mu.Unlock()
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, drainTime)
		defer cancel()
	}
	e.cancel(errClosed)
	var errs []error
	if e.watcher != nil {
		errs = append(errs, e.watcher.close())
	}
	// A request whose function runs gets its answer; what is idle goes at once.
	stopped := make(chan struct{})
	go func() { e.closeFronts(ctx); close(stopped) }()
	if e.builder != nil {
		errs = append(errs, e.builder.Close(ctx))
	}
	e.builds.Wait()
	if e.lambda != nil {
		errs = append(errs, e.lambda.Close(ctx))
	}
	<-stopped
	if e.run != nil {
		errs = append(errs, e.run.close(context.WithoutCancel(ctx)))
	}
	if e.stream != nil {
		e.stream.Close()
	}
	if !first {
		return nil
	}
	return errors.Join(errs...)
}

// notice tells the user something.
func (e *Emulator) notice(text string) {
	e.emit(telemetry.TypeNotice, "", &telemetry.Notice{Text: text})
}

// noticeOnce tells it only the first time.
func (e *Emulator) noticeOnce(text string) {
	if e.isNew(text) {
		e.notice(text)
	}
}

// isNew says true the first time that it is asked about a text.
func (e *Emulator) isNew(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	known := e.told[text]
	e.told[text] = true
	return !known
}

func (e *Emulator) emit(t telemetry.Type, function string, record any) {
	e.stream.Emit(telemetry.Event{Time: time.Now(), Type: t, Function: function, Record: record})
}

// progress tells of a build's steps.
func (e *Emulator) progress(p dockerbuild.Progress) {
	var text string
	switch p.State {
	case dockerbuild.StepStarted:
		text = fmt.Sprintf("%s: %s …", p.Function, p.Step)
	case dockerbuild.StepDone:
		if p.Err != nil {
			return // told by whoever asked for the build
		}
		text = fmt.Sprintf("%s: %s done in %s", p.Function, p.Step, short(p.Elapsed))
	default:
		return
	}
	e.emit(telemetry.TypeNotice, p.Function, &telemetry.Notice{Text: text, Progress: true})
}

// short is a duration as people say it: 84 ms, 1.2 s.
func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// control adds the emulator's own paths to the AWS endpoint.
func (e *Emulator) control(aws http.Handler) http.Handler {
	own := awsapi.Guard(e.controls(), e.hosts()...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.Path) >= len(controlPath) && r.URL.Path[:len(controlPath)] == controlPath {
			own.ServeHTTP(w, r)
			return
		}
		aws.ServeHTTP(w, r)
	})
}
