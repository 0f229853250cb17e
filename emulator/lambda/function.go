package lambda

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/fleet"
)

// Function is one function of the Service. Service.mu guards its fields.
type Function struct {
	id         fleet.FuncID
	cfg        *config.Function
	runs       *config.Function // the configuration of the last good build, which the present generation has
	code       Code
	generation int32
	modified   time.Time
	ended      time.Time // when its last invocation did
	counts     Stats

	// pending is not nil while the code is being built: requests wait until it is closed. failed is the last build's error, nil after a good one.
	pending chan struct{}
	failed  error
	removed bool
	built   bool // there was a good build
}

// pools of a function that SAM's AutoPublishAlias made: version 1 beside $LATEST.
const aliasPool fleet.Pool = 1

// resolve finds the pool that a qualifier means, and the version's name.
func (f *Function) resolve(qualifier string) (pool fleet.Pool, version string, ok bool) {
	switch {
	case qualifier == "" || qualifier == latest:
		return 0, latest, true
	case f.cfg.Alias != "" && (qualifier == f.cfg.Alias || qualifier == "1"):
		return aliasPool, "1", true
	}
	return 0, "", false
}

func versionName(pool fleet.Pool) string {
	if pool == 0 {
		return latest
	}
	return strconv.Itoa(int(pool))
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
		f = &Function{id: fleet.FuncID(len(s.byID)), cfg: cfg, modified: time.Now()}
		s.byID = append(s.byID, f)
		s.functions[cfg.Name] = f
	}
	if f.pending == nil && !s.closing {
		f.pending = make(chan struct{})
	}
}

// SetCode gives the function its configuration and built code, and lets waiting requests go. Where either differs from what runs now, it is a new
// generation: old environments finish what they do and are stopped. It reports whether it was.
func (s *Service) SetCode(cfg *config.Function, code Code) bool {
	s.mu.Lock()
	f := s.functions[cfg.Name]
	if f == nil || s.closing {
		s.mu.Unlock()
		return false
	}
	changed := !f.built || f.code.Digest != code.Digest || !sameConfig(f.runs, cfg)
	f.cfg, f.runs, f.code, f.built = cfg, cfg, code, true
	if changed {
		f.generation++
		f.modified = time.Now()
	}
	acts := s.decide(s.fleet.Configure(s.now(), f.id, s.limits(cfg), f.generation, s.out[:0]))
	f.settle(nil)
	s.mu.Unlock()
	s.do(acts)
	return changed
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
	var acts []action
	if f.built {
		acts = s.decide(s.fleet.Remove(s.now(), f.id, s.out[:0]))
	}
	s.mu.Unlock()
	s.do(acts)
}

func (s *Service) limits(cfg *config.Function) fleet.Limits {
	l := fleet.Limits{Reserved: -1}
	if cfg.ReservedConcurrency != nil {
		l.Reserved = int32(*cfg.ReservedConcurrency)
	}
	return l
}

// sameConfig says whether two configurations make the same environments: where the function is declared, and how it is limited, does not matter.
func sameConfig(a, b *config.Function) bool {
	x, y := *a, *b
	for _, f := range []*config.Function{&x, &y} {
		f.At, f.ReservedConcurrency, f.Tags, f.Broken, f.URL, f.Description = config.Position{}, nil, nil, nil, nil, ""
		f.Code.Dir = "" // its digest is compared
	}
	return reflect.DeepEqual(x, y)
}

// Ready waits until the function's code is built. Its error is that of Invoke; it calls nothing.
func (s *Service) Ready(ctx context.Context, name string) error {
	_, _, err := s.ready(ctx, name, "")
	return err
}

// ready waits until the function's code is built, and finds the pool for the qualifier.
func (s *Service) ready(ctx context.Context, name, qualifier string) (*Function, fleet.Pool, error) {
	for {
		s.mu.Lock()
		f := s.functions[name]
		if f == nil {
			s.mu.Unlock()
			return nil, 0, s.notFound(name, qualifier)
		}
		pool, _, ok := f.resolve(qualifier)
		pending, failed := f.pending, f.failed
		s.mu.Unlock()
		switch {
		case !ok:
			return nil, 0, s.notFound(name, qualifier)
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

// Describe tells of one function. A missing function, version or alias is a 404 *Error whose ARN has the qualifier only where one was asked for.
func (s *Service) Describe(name, qualifier string) (Description, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[name]
	if f != nil {
		if _, version, ok := f.resolve(qualifier); ok {
			return s.describeLocked(f, qualifier, version), nil
		}
	}
	return Description{}, &Error{Status: 404, Name: "ResourceNotFoundException", Type: "User",
		Message: "Function not found: " + s.arn(name, qualifier)}
}

// List tells of $LATEST of every function, sorted by name.
func (s *Service) List() []Description {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Description
	for _, f := range s.sortedLocked() {
		out = append(out, s.describeLocked(f, "", latest))
	}
	return out
}

func (s *Service) describeLocked(f *Function, qualifier, version string) Description {
	sum := sha256.Sum256([]byte(f.code.Digest))
	d := Description{
		Function: f.cfg, ARN: s.arn(f.cfg.Name, qualifier), UnqualifiedARN: s.arn(f.cfg.Name, ""), Version: version,
		CodeSHA256: base64.StdEncoding.EncodeToString(sum[:]), CodeSize: f.code.Size, LastModified: f.modified,
		State: "Active", LastUpdateStatus: "Successful",
	}
	id := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", d.ARN, f.code.Digest, f.generation))
	d.RevisionID = fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
	switch {
	case f.pending != nil && !f.built:
		d.State, d.LastUpdateStatus = "Pending", "InProgress"
	case f.pending != nil:
		d.LastUpdateStatus = "InProgress"
	case f.failed != nil:
		d.LastUpdateStatus, d.LastUpdateStatusReason = "Failed", f.failed.Error()
	}
	return d
}

// Account tells the account's limits and use.
func (s *Service) Account() Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := Account{ConcurrentExecutions: s.o.AccountConcurrency, FunctionCount: len(s.functions)}
	if a.ConcurrentExecutions == 0 {
		a.ConcurrentExecutions = 1000
	}
	a.UnreservedConcurrentExecutions = a.ConcurrentExecutions
	for _, f := range s.functions {
		if r := f.cfg.ReservedConcurrency; r != nil {
			a.UnreservedConcurrentExecutions -= *r
		}
		a.TotalCodeSize += f.code.Size
	}
	return a
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
