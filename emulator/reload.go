package emulator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"example.com/emulate/dockerbuild"
	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/telemetry"
	"example.com/emulate/gateway"
)

// source is what the emulator knows of one function's code. Emulator.mu guards it.
type source struct {
	cfg     *config.Function
	inputs  []string // what to watch
	inPlace bool     // the code runs in the user's own folder
	build   int      // counts builds asked for: only the last one's result is taken
}

// apply makes p the project that is served: gateways, functions. It returns the functions to build.
func (e *Emulator) apply(p *config.Project) []*config.Function {
	e.mu.Lock()
	old := e.project
	e.project = p
	e.mu.Unlock()
	var build []*config.Function
	for _, f := range p.Functions {
		e.lambda.Building(f)
		e.setSource(f)
		build = append(build, f)
	}
	if old != nil {
		for _, f := range old.Functions {
			if !slices.ContainsFunc(p.Functions, func(g *config.Function) bool { return g.Name == f.Name }) {
				e.lambda.Remove(f.Name)
				e.dropSource(f.Name)
			}
		}
		if settingsOf(old) != settingsOf(p) {
			e.notice("limits, idleTimeout and coldStarts are read when serve starts: start it again for what has changed of them")
		}
	}
	e.run.keep(p)
	e.route(p)
	return build
}

// settings are what a project says of the whole account, which the Lambda service has from the start.
type settings struct {
	concurrency, startBurst, startsPerSecond, requestRate int
	idleTimeout                                           time.Duration
	coldStarts                                            string
}

func settingsOf(p *config.Project) settings {
	return settings{p.AccountConcurrency, p.StartBurst, p.StartsPerSecond, p.RequestRate, p.IdleTimeout, p.ColdStarts}
}

func (e *Emulator) setSource(f *config.Function) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.sources[f.Name]
	if s == nil {
		s = &source{}
		e.sources[f.Name] = s
	}
	s.cfg = f
	if f.Code.Dir != "" {
		s.inputs = []string{f.Code.Dir}
	}
}

func (e *Emulator) dropSource(name string) {
	e.mu.Lock()
	delete(e.sources, name)
	e.mu.Unlock()
}

// route gives every front its gateway. Fronts for APIs that cannot share are opened and closed as needed.
func (e *Emulator) route(p *config.Project) {
	shared, alone := share(p.APIs)
	e.mu.Lock()
	fronts := slices.Clone(e.fronts)
	e.mu.Unlock()
	e.handleAPIs(fronts[0], shared)
	kept := fronts[:1:1]
	for _, a := range alone {
		f := frontOf(fronts, a.ID)
		if f == nil {
			var err error
			if f, err = listenFront(e.o.Host, 0, apiPurpose); err != nil {
				e.notice(err.Error())
				continue
			}
			f.api = a.ID
			f.start()
		}
		e.handleAPIs(f, []*config.API{a})
		kept = append(kept, f)
	}
	e.mu.Lock()
	e.fronts = kept
	e.mu.Unlock()
	for _, f := range fronts {
		if !slices.Contains(kept, f) {
			e.retire(f)
		}
	}
}

func frontOf(fronts []*front, api string) *front {
	for _, f := range fronts[1:] {
		if f.api == api {
			return f
		}
	}
	return nil
}

// handleAPIs makes the gateway of one front.
func (e *Emulator) handleAPIs(f *front, apis []*config.API) {
	if len(apis) == 0 {
		f.handle(http.HandlerFunc(noAPI))
		return
	}
	g, err := gateway.New(gateway.Options{
		APIs: apis, Invoker: e.lambda, Telemetry: e.stream, Account: e.o.Account, Port: f.port(), Explain: explain, Ready: e.lambda.Ready,
	})
	if err != nil { // config has checked the APIs
		e.notice(err.Error())
		f.handle(http.HandlerFunc(noAPI))
		return
	}
	f.handle(g)
}

// noAPI answers where the project has no API.
func noAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte(`{"message":"This project has no API: invoke its functions at the AWS endpoint"}`)) // the client is gone: nobody is left to tell
}

// explain gives a developer the words of a failed build, and of a function that --lenient left broken.
func explain(err error) (kind, words string) {
	var build *dockerbuild.Error
	var broken *brokenError
	switch {
	case errors.As(err, &broken):
		return "configuration", broken.Error()
	case errors.As(err, &build):
		return "build", build.Error()
	}
	return "", ""
}

// built is the result of one build.
type built struct {
	function string
	changed  bool // the function runs new code or configuration
	err      error
}

// build builds functions side by side, and tells each that fails. Each result is sent once, and the channels need not be read.
func (e *Emulator) build(list []*config.Function, failed func(*config.Function, error)) []chan built {
	var results []chan built
	for _, f := range list {
		done := make(chan built, 1)
		results = append(results, done)
		e.mu.Lock()
		s := e.sources[f.Name]
		if s == nil || e.closed {
			e.mu.Unlock()
			done <- built{function: f.Name}
			continue
		}
		s.build++
		number := s.build
		e.builds.Go(func() { done <- e.buildOne(f, number, failed) })
		e.mu.Unlock()
	}
	return results
}

// buildOne builds a function and hands the code to the Lambda service, unless a later build of it was asked for meanwhile.
func (e *Emulator) buildOne(f *config.Function, number int, failed func(*config.Function, error)) built {
	code, inputs, err := e.artifact(f)
	e.mu.Lock()
	s := e.sources[f.Name]
	current := s != nil && s.build == number
	if current && inputs != nil {
		s.inputs = inputs
		s.inPlace = err == nil && slices.ContainsFunc(inputs, func(in string) bool { return within(in, code.Dir) })
	}
	var watched []string // a build that failed early has read nothing: then it is what the last one read
	if s != nil {
		watched = s.inputs
	}
	e.mu.Unlock()
	switch {
	case !current || e.ctx.Err() != nil:
		return built{function: f.Name}
	case err != nil:
		if e.watcher != nil {
			e.watcher.add(watched)
		}
		e.lambda.BuildFailed(f, err)
		var broken *brokenError
		if errors.As(err, &broken) && engineMissing(broken.list) {
			e.builds.Go(func() { e.awaitEngine(f, number) })
		}
		if errors.As(err, &broken) && len(f.Broken) > 0 { // told with the configuration, and served so because --lenient asks for it
			return built{function: f.Name}
		}
		failed(f, err)
		return built{function: f.Name, err: err}
	}
	changed := e.lambda.SetCode(f, code)
	if e.watcher != nil && inputs != nil {
		e.watcher.add(inputs)
	}
	return built{function: f.Name, changed: changed}
}

// await collects the results of builds.
func await(ctx context.Context, results []chan built) (changed []string, failed []error) {
	for _, r := range results {
		select {
		case b := <-r:
			if b.err != nil {
				failed = append(failed, b.err)
			} else if b.changed {
				changed = append(changed, b.function)
			}
		case <-ctx.Done():
			return changed, append(failed, context.Cause(ctx))
		}
	}
	return changed, failed
}

// artifact builds the function's code.
func (e *Emulator) artifact(f *config.Function) (lambda.Code, []string, error) {
	if len(f.Broken) > 0 {
		return lambda.Code{}, nil, &brokenError{f.Broken}
	}
	if why := e.run.choice(f).why; why != "" {
		e.noticeOnce("in a container: " + why)
	}
	for _, d := range e.run.check(f) {
		if d.Severity == config.Error {
			return lambda.Code{}, nil, &brokenError{[]config.Diagnostic{d}}
		}
		e.diagnoseOnce(e.firstOf(d, f))
	}
	code, inputs, err := e.compile(f)
	code.Measure = measure(code)
	if err == nil && e.run.choice(f).container {
		err = e.run.container.Prepare(e.ctx, f, code)
	}
	if err == nil {
		code.ColdStart, err = e.coldStart(e.ctx, f, code)
	}
	return code, inputs, err
}

// compile makes the function's code folder.
func (e *Emulator) compile(f *config.Function) (lambda.Code, []string, error) {
	if (e.o.NoBuild || f.Code.SkipBuild) && f.Code.Dir != "" {
		return asItIs(f)
	}
	a, err := e.builder.Build(e.ctx, f)
	var failed *dockerbuild.Error
	if errors.As(err, &failed) {
		return lambda.Code{}, failed.Inputs, err
	}
	if err != nil {
		return lambda.Code{}, nil, err
	}
	return lambda.Code{
		Dir: a.Dir, Handler: a.Handler, NodePath: a.NodePath, PythonPath: a.PythonPath, Layers: a.Layers, Digest: a.Digest, Image: a.Image,
	}, a.Inputs, nil
}

// asItIs takes a folder without building it. What is new in it is seen by the times of its files.
func asItIs(f *config.Function) (lambda.Code, []string, error) {
	digest := sha256.New()
	err := filepath.WalkDir(f.Code.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && !d.IsDir() {
			fmt.Fprintln(digest, path, info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		return lambda.Code{}, nil, fmt.Errorf("read the code of function %s: %w", f.Name, err)
	}
	return lambda.Code{Dir: f.Code.Dir, Layers: f.Layers, Digest: hex.EncodeToString(digest.Sum(nil))}, []string{f.Code.Dir}, nil
}

// ready tells that the project is served.
func (e *Emulator) ready(warnings []config.Diagnostic) {
	p := e.served()
	p.Took = telemetry.Millis(time.Since(e.o.Began))
	e.emit(telemetry.TypeReady, "", p)
	e.mu.Lock()
	envFile, summary := e.project.EnvFile, e.project.Summary
	e.mu.Unlock()
	if summary != "" {
		e.emit(telemetry.TypeNotice, "", &telemetry.Notice{Text: summary, Good: true})
	}
	if envFile != "" && e.o.EnvFile == "" {
		e.emit(telemetry.TypeNotice, "", &telemetry.Notice{Text: "variables from " + envFile, Good: true})
	}
	for _, d := range warnings {
		e.emit(telemetry.TypeDiagnostic, d.Object, d)
	}
}

// reloadConfig loads the configuration again. A wrong one leaves the old project serving.
func (e *Emulator) reloadConfig(since time.Time) {
	p, warnings, err := e.load()
	if err != nil {
		var wrong *ConfigError
		if errors.As(err, &wrong) {
			for _, d := range wrong.Diagnostics {
				e.emit(telemetry.TypeDiagnostic, d.Object, d)
			}
		}
		e.emit(telemetry.TypeReloadFailed, "", &telemetry.ReloadFailed{Error: err.Error()})
		return
	}
	results := e.build(e.apply(p), e.notRebuilt)
	e.watcher.add(p.Inputs)
	for _, d := range warnings {
		e.emit(telemetry.TypeDiagnostic, d.Object, d)
	}
	e.builds.Go(func() {
		if changed, failed := await(e.ctx, results); failed == nil {
			e.reloaded(since, changed)
		}
	})
}

// reloadFunctions builds functions again whose files have changed.
func (e *Emulator) reloadFunctions(names []string, since time.Time) {
	var list []*config.Function
	e.mu.Lock()
	for _, n := range names {
		if s := e.sources[n]; s != nil {
			list = append(list, s.cfg)
		}
	}
	e.mu.Unlock()
	results := e.build(list, e.notRebuilt)
	e.builds.Go(func() {
		if changed, failed := await(e.ctx, results); failed == nil && changed != nil {
			e.reloaded(since, changed)
		}
	})
}

// reloaded tells that a reload is done.
func (e *Emulator) reloaded(since time.Time, changed []string) {
	p := e.served()
	p.Took = telemetry.Millis(time.Since(since))
	p.Changed = changed
	e.emit(telemetry.TypeReloaded, "", p)
}

// served describes the project as it is served now.
func (e *Emulator) served() *telemetry.Project {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := &telemetry.Project{AWS: e.aws.url(), URL: e.fronts[0].url(), Seed: e.o.Seed, APIs: []telemetry.API{}, Functions: []telemetry.Function{}}
	for _, a := range e.project.APIs {
		f := e.fronts[0]
		if own := frontOf(e.fronts, a.ID); own != nil {
			f = own
		}
		api := telemetry.API{ID: a.ID, Name: a.Name, Kind: string(a.Kind), Stage: a.Stages[0].Name, URL: f.url()}
		for _, r := range a.Routes {
			api.Routes = append(api.Routes, telemetry.Route{Method: r.Method, Path: r.Path, Function: r.Integration.Function})
		}
		out.APIs = append(out.APIs, api)
	}
	for _, f := range e.project.Functions {
		out.Functions = append(out.Functions, telemetry.Function{
			Name: f.Name, ARN: fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", e.o.Region, e.o.Account, f.Name), Runtime: f.Runtime, Executor: e.run.choice(f).String()})
	}
	return out
}
