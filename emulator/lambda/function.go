package lambda

import (
	"context"
	"reflect"
	"sort"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/fleet"
)

// Function is one function of the Service. Service.mu guards its fields.
type Function struct {
	id     fleet.FuncID
	cfg    *config.Function // the newest that is known, even where its build has failed
	counts Stats
	ended  time.Time // when its last invocation did
	warmer *warmer
	// started environments: their number is what is drawn by.
	started uint64

	// versions by pool: $LATEST is the first. file is what the last good build of the user's files gave, which $LATEST runs
	// unless the API has given it something else since (uploaded, configured).
	versions             []*version
	file                 version
	uploaded, configured bool
	// update is the API's change of $LATEST that is under way; updateFailed says why the last one came to nothing.
	update       *update
	updateFailed error
	// follower is the version that SAM's AutoPublishAlias made, 0 where there is none; autoAlias the alias.
	follower  fleet.Pool
	autoAlias string
	aliases   map[string]*alias

	reserved    setting[int32] // concurrency; none where there is none
	provisioned map[string]*provisioned
	async       map[string]*AsyncConfig // by qualifier
	asyncFile   fileAsync

	// pending is not nil while the code is being built: requests wait until it is closed. failed is the last build's error, nil after a good one.
	pending chan struct{}
	failed  error
	removed bool
	ready   bool // there was a good build
}

// settle ends the wait for a build.
func (f *Function) settle(err error) {
	f.failed = err
	if f.pending != nil {
		close(f.pending)
		f.pending = nil
	}
}

// Building says that a new configuration of the function is known, and that its code is being built: requests wait for SetCode or BuildFailed. An
// unknown name is a new function.
func (s *Service) Building(cfg *config.Function) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[cfg.Name]
	if f == nil {
		f = &Function{
			id: fleet.FuncID(len(s.byID)), cfg: cfg, versions: []*version{{cfg: cfg, modified: time.Now(), revision: NewRequestID()}},
			aliases: map[string]*alias{}, provisioned: map[string]*provisioned{}, async: map[string]*AsyncConfig{},
		}
		f.reserved.fromFile(reservedBy(cfg))
		s.byID = append(s.byID, f)
		s.functions[cfg.Name] = f
		s.configure(f) // a reservation counts from now on
		s.autoPublish(f, cfg, Code{})
		s.asyncByFile(f, cfg)
	}
	if f.pending == nil && !s.closing {
		f.pending = make(chan struct{})
	}
}

// SetCode gives the function its configuration and built code, and lets waiting requests go. Where either differs from what runs now, old environments
// finish what they do and are stopped; published versions are not concerned. What the API has changed stays until the file says something new about it.
// It reports whether anything new runs.
func (s *Service) SetCode(cfg *config.Function, code Code) bool {
	s.mu.Lock()
	f := s.functions[cfg.Name]
	if f == nil || s.closing {
		s.mu.Unlock()
		return false
	}
	newCfg, newCode := s.overFile(f, cfg, code)
	changed := !f.ready || !f.versions[0].same(newCfg, newCode)
	f.cfg, f.file, f.ready = newCfg, version{cfg: cfg, code: code}, true
	if f.reserved.fromFile(reservedBy(cfg)) {
		s.o.Log("the reserved concurrency of function %s, from the file, takes the place of what was set by the API", cfg.Name)
	}
	acts := s.configure(f)
	acts = append(acts, s.install(f, 0, newCfg, newCode)...)
	acts = append(acts, s.autoPublish(f, cfg, code)...)
	acts = append(acts, s.provisionByFile(f, cfg)...)
	s.asyncByFile(f, cfg)
	s.warm(f, cfg)
	f.settle(nil)
	s.mu.Unlock()
	s.do(acts)
	return changed
}

// overFile is what $LATEST is to run when the files say cfg and code: where they have changed it is that, and else what the API has set. Service.mu is
// held.
func (s *Service) overFile(f *Function, cfg *config.Function, code Code) (*config.Function, Code) {
	now := f.versions[0]
	if f.file.cfg == nil {
		return cfg, code
	}
	newCode, newCfg := f.file.code.Digest != code.Digest, !sameConfig(f.file.cfg, cfg)
	if f.update != nil && (newCode || newCfg) {
		f.update = nil
		s.o.Log("an update of function %s by the API is dropped: its files have changed", cfg.Name)
	}
	if f.uploaded && newCode {
		f.uploaded = false
		s.o.Log("the code of function %s, which has changed, takes the place of what UpdateFunctionCode has set", cfg.Name)
	}
	if f.configured && newCfg {
		f.configured = false
		s.o.Log("the configuration of function %s, which has changed, takes the place of what UpdateFunctionConfiguration has set", cfg.Name)
	}
	if f.uploaded {
		code = now.code
	}
	if f.configured {
		cfg = now.cfg
	}
	return cfg, code
}

// BuildFailed answers waiting and further requests of the function with err, until the next SetCode. Environments stay, for a mend that undoes the
// change.
func (s *Service) BuildFailed(cfg *config.Function, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.functions[cfg.Name]; f != nil {
		f.cfg = cfg
		f.settle(err)
	}
}

// Remove takes the function out of the service: waiting requests fail, environments finish and are stopped.
func (s *Service) Remove(name string) {
	s.mu.Lock()
	f := s.functions[name]
	if f == nil {
		s.mu.Unlock()
		return
	}
	delete(s.functions, name)
	f.removed = true
	f.settle(s.notFound(name, latest))
	f.update = nil
	s.warm(f, nil)
	acts := s.tell(fleet.Input{Op: fleet.OpRemove, Func: f.id})
	s.mu.Unlock()
	s.do(acts)
}

// sameConfig says whether two configurations make the same environments: where the function is declared, and how it is limited, does not matter.
func sameConfig(a, b *config.Function) bool {
	x, y := *a, *b
	for _, f := range []*config.Function{&x, &y} {
		f.At, f.ReservedConcurrency, f.Tags, f.Broken, f.URL, f.Description = config.Position{}, nil, nil, nil, nil, ""
		f.Alias, f.ProvisionedConcurrency, f.MaximumRetryAttempts, f.MaximumEventAge, f.Warm = "", 0, nil, 0, nil
		f.Code.Dir = "" // its digest is compared
	}
	return reflect.DeepEqual(x, y)
}

// Ready waits until the function's code is built. Its error is that of Invoke; it calls nothing.
func (s *Service) Ready(ctx context.Context, name string) error {
	_, _, err := s.ready(ctx, name, "")
	return err
}

// ready waits until the function's code is built, and finds the pool for one request with the qualifier. What was published runs whatever becomes of a
// build, unless it follows the files.
func (s *Service) ready(ctx context.Context, name, qualifier string) (*Function, fleet.Pool, error) {
	for {
		s.mu.Lock()
		f := s.functions[name]
		if f == nil {
			s.mu.Unlock()
			return nil, 0, s.notFound(name, qualifier)
		}
		pool, ok := f.route(qualifier)
		pending, failed := f.pending, f.failed
		own := ok && !f.followsFile(pool)
		s.mu.Unlock()
		switch {
		case !ok:
			return nil, 0, s.notFound(name, qualifier)
		case own:
			return f, pool, nil
		case pending != nil:
			select {
			case <-pending:
			case <-ctx.Done():
				return nil, 0, context.Cause(ctx)
			}
		case failed != nil:
			return nil, 0, buildError(failed)
		default:
			return f, pool, nil
		}
	}
}

// buildError is what callers of a function get whose build failed.
func buildError(err error) error {
	if e, ok := err.(*Error); ok {
		return e
	}
	return &Error{Status: 500, Name: "ServiceException", Type: "Service", Message: err.Error(), Err: err}
}

func (s *Service) notFound(name, qualifier string) *Error {
	if qualifier == "" {
		qualifier = latest
	}
	return &Error{Status: 404, Name: "ResourceNotFoundException", Type: "User",
		Message: "Function not found: " + s.arn(name, qualifier)}
}

func (s *Service) sortedLocked() []*Function {
	out := make([]*Function, 0, len(s.functions))
	for _, f := range s.functions {
		out = append(out, f)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].cfg.Name < out[j].cfg.Name })
	return out
}

// Active says whether an invocation of the function runs, or ended less than within ago.
func (s *Service) Active(name string, within time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[name]
	if f == nil {
		return false
	}
	st := s.fleet.Stats(f.id)
	return st.Busy > 0 || st.Starting > 0 || time.Since(f.ended) < within
}
