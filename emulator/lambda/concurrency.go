package lambda

import (
	"context"
	"maps"
	"slices"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/fleet"
)

// setting is a value that the file gives and the API may replace. What the API sets is kept over a reload, until the file's own value changes.
type setting[T comparable] struct {
	file, api T
	byAPI     bool
}

func (s *setting[T]) value() T {
	if s.byAPI {
		return s.api
	}
	return s.file
}

func (s *setting[T]) set(v T) { s.api, s.byAPI = v, true }

// fromFile takes the file's value; true where it ends what the API has set.
func (s *setting[T]) fromFile(v T) (replaced bool) {
	if v != s.file {
		replaced, s.byAPI = s.byAPI, false
	}
	s.file = v
	return replaced
}

// none is no reservation.
const none int32 = -1

// reservedBy is the reservation that a configuration asks for.
func reservedBy(cfg *config.Function) int32 {
	if cfg.ReservedConcurrency == nil {
		return none
	}
	return int32(*cfg.ReservedConcurrency)
}

// limits of the function for the fleet. Service.mu is held.
func (s *Service) limits(f *Function) fleet.Limits {
	return fleet.Limits{
		Reserved: f.reserved.value(), StartBurst: int32(s.o.StartBurst), StartsPerSecond: int32(s.o.StartsPerSecond), IdleTimeout: fleet.Time(s.o.IdleTimeout),
	}
}

// configure tells the fleet the function's limits. Service.mu is held.
func (s *Service) configure(f *Function) []action {
	return s.tell(fleet.Input{Op: fleet.OpConfigure, Func: f.id, Limits: s.limits(f)})
}

// Reserved is the function's reserved concurrency; nil where it has none.
func (s *Service) Reserved(name string) (*int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[name]
	if f == nil {
		return nil, s.unknown(name, "")
	}
	return f.reservation(), nil
}

func (f *Function) reservation() *int {
	if n := int(f.reserved.value()); n >= 0 {
		return &n
	}
	return nil
}

// Reserve sets the function's reserved concurrency, nil removes it. It is kept over a reload, until the file's own value changes. The error is that of
// PutFunctionConcurrency (spec lambda.md §6.3): at least 100 of the account stay unreserved, and no less is reserved than is provisioned.
func (s *Service) Reserve(name string, n *int) error {
	s.mu.Lock()
	f := s.functions[name]
	var err error
	switch {
	case f == nil:
		err = s.unknown(name, "")
	case n == nil:
		f.reserved.set(none)
	case *n < int(s.fleet.ProvisionedTotal(f.id)):
		err = overLimit(" ReservedConcurrentExecutions  %d should not be lower than function's total provisioned concurrency [%d].", *n, s.fleet.ProvisionedTotal(f.id))
	case *n > int(s.fleet.Reservable(f.id)):
		err = overLimit("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", s.unreservable())
	default:
		f.reserved.set(int32(*n))
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	acts := s.configure(f)
	s.mu.Unlock()
	s.do(acts)
	return nil
}

// overLimit is an answer of what keeps the account's concurrency. It has no Type (recorded: concurrency-limits).
func overLimit(format string, args ...any) *Error {
	e := badParameter(format, args...)
	e.Type = ""
	return e
}

// unreservable is what stays unreserved of the account.
func (s *Service) unreservable() int32 {
	return min(fleet.MinimumUnreserved, s.fleet.Account().Concurrency)
}

// provisioned is the provisioned concurrency of an alias or version. Service.mu guards it.
type provisioned struct {
	n        setting[int32] // 0 is none
	pool     fleet.Pool
	modified time.Time
}

// Provisioned is what GetProvisionedConcurrencyConfig tells.
type Provisioned struct {
	ARN                             string
	Requested, Available, Allocated int
	// Status is IN_PROGRESS, READY or FAILED; StatusReason says why the last.
	Status, StatusReason string
	LastModified         time.Time
}

// Provision asks for n provisioned environments, at least 1, of an alias or a published version. It waits until the function is built. The allocation
// goes on by itself: see Provisioned. The error is that of PutProvisionedConcurrencyConfig (spec lambda.md §6.3). What is provisioned for an alias that
// divides its requests is all of its first version.
func (s *Service) Provision(ctx context.Context, name, qualifier string, n int) (Provisioned, error) {
	if err := s.awaitBuild(ctx, name, qualifier); err != nil {
		return Provisioned{}, err
	}
	s.mu.Lock()
	f := s.functions[name]
	pool, err := s.provisionable(f, name, qualifier, n)
	if err != nil {
		s.mu.Unlock()
		return Provisioned{}, err
	}
	p := f.provisionedFor(qualifier, pool)
	p.n.set(int32(n))
	acts := s.allocate(f, p)
	out := s.provisionState(f, qualifier, p)
	s.mu.Unlock()
	s.do(acts)
	return out, nil
}

// provisionedOn is what is provisioned on a qualifier, nil where nothing is.
func (f *Function) provisionedOn(qualifier string) *provisioned {
	if p := f.provisioned[qualifier]; p != nil && p.n.value() > 0 {
		return p
	}
	return nil
}

func (f *Function) provisionedFor(qualifier string, pool fleet.Pool) *provisioned {
	p := f.provisioned[qualifier]
	if p == nil {
		p = &provisioned{}
		f.provisioned[qualifier] = p
	}
	p.pool = pool
	return p
}

// allocate asks the fleet for what p says. Service.mu is held.
func (s *Service) allocate(f *Function, p *provisioned) []action {
	p.modified = time.Now()
	return s.tell(fleet.Input{Op: fleet.OpProvision, Func: f.id, Pool: p.pool, N: p.n.value()})
}

// provisionable checks what Provision is asked for. Service.mu is held.
func (s *Service) provisionable(f *Function, name, qualifier string, n int) (fleet.Pool, error) {
	pool, ok := fleet.Pool(0), false
	if f != nil {
		pool, ok = f.resolve(qualifier)
	}
	switch {
	case !ok:
		return 0, s.noQualifier(name, qualifier)
	case pool == 0:
		return 0, errProvisionLatest
	}
	for other, p := range f.provisioned {
		if other == qualifier || p.pool != pool || p.n.value() == 0 {
			continue
		}
		if f.aliases[other] != nil && f.aliases[qualifier] == nil {
			return 0, errVersionOfAlias
		}
		return 0, errAliasOfProvisioned
	}
	left := s.fleet.Provisionable(f.id, pool)
	switch unreserved := left + s.unreservable(); {
	case n <= int(left):
		return pool, nil
	case f.reserved.value() >= 0:
		return 0, overLimit("Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function")
	case n > int(unreserved):
		return 0, overLimit("Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [%d].", unreserved)
	}
	return 0, overLimit("Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", s.unreservable())
}

// provisionState tells how far an allocation is. Service.mu is held.
func (s *Service) provisionState(f *Function, qualifier string, p *provisioned) Provisioned {
	st := s.fleet.Provisioned(f.id, p.pool)
	out := Provisioned{
		ARN: s.arn(f.cfg.Name, qualifier), Requested: int(st.Requested), Allocated: int(st.Allocated), Available: int(st.Available),
		Status: st.Status.String(), LastModified: p.modified,
	}
	if st.Status == fleet.AllocationFailed { // AWS has a reason for INIT only; a sandbox that cannot be made at all is given the same one
		out.StatusReason = "FUNCTION_ERROR_INIT_FAILURE"
	}
	return out
}

// Provisioned tells of the provisioned concurrency of an alias or version.
func (s *Service) Provisioned(name, qualifier string) (Provisioned, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, p, err := s.provisionedOf(name, qualifier)
	if err != nil {
		return Provisioned{}, err
	}
	if p == nil {
		return Provisioned{}, &Error{Status: 404, Name: "ProvisionedConcurrencyConfigNotFoundException", Type: "User",
			Message: "No Provisioned Concurrency Config found for this function"}
	}
	return s.provisionState(f, qualifier, p), nil
}

func (s *Service) provisionedOf(name, qualifier string) (*Function, *provisioned, error) {
	f := s.functions[name]
	pool, ok := fleet.Pool(0), false
	if f != nil {
		pool, ok = f.resolve(qualifier)
	}
	switch {
	case !ok:
		return nil, nil, s.noQualifier(name, qualifier)
	case pool == 0:
		return nil, nil, errLatestProvisioned
	}
	return f, f.provisionedOn(qualifier), nil
}

// noQualifier is the answer of these operations where there is no such alias or version, whether the function exists or not.
func (s *Service) noQualifier(name, qualifier string) *Error {
	if qualifier == latest || isVersion(qualifier) {
		return s.unknown(name, qualifier)
	}
	return s.noAlias(name, qualifier)
}

// ProvisionedList tells of all that is provisioned of a function, by qualifier.
func (s *Service) ProvisionedList(name string) ([]Provisioned, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[name]
	if f == nil {
		return nil, s.unknown(name, "")
	}
	var out []Provisioned
	for _, qualifier := range slices.Sorted(maps.Keys(f.provisioned)) {
		if p := f.provisioned[qualifier]; p.n.value() > 0 {
			out = append(out, s.provisionState(f, qualifier, p))
		}
	}
	return out, nil
}

// Unprovision takes the provisioned concurrency of an alias or version away. Where there is none, nothing happens.
func (s *Service) Unprovision(name, qualifier string) error {
	s.mu.Lock()
	f, p, err := s.provisionedOf(name, qualifier)
	var acts []action
	if err == nil && p != nil {
		p.n.set(0)
		acts = s.allocate(f, p)
	}
	s.mu.Unlock()
	s.do(acts)
	return err
}

// unprovision forgets what is provisioned on a qualifier that goes. Service.mu is held.
func (s *Service) unprovision(f *Function, qualifier string) []action {
	p := f.provisionedOn(qualifier)
	delete(f.provisioned, qualifier)
	if p == nil {
		return nil
	}
	return s.tell(fleet.Input{Op: fleet.OpProvision, Func: f.id, Pool: p.pool})
}

// follow moves what is provisioned on an alias to the version that the alias now points to. Service.mu is held.
func (s *Service) follow(f *Function, a *alias) []action {
	p := f.provisionedOn(a.name)
	if p == nil || p.pool == a.pool {
		return nil
	}
	acts := s.tell(fleet.Input{Op: fleet.OpProvision, Func: f.id, Pool: p.pool})
	p.pool = a.pool
	return append(acts, s.allocate(f, p)...)
}

// provisionByFile applies the configuration's provisioned concurrency, which is that of SAM's AutoPublishAlias. Service.mu is held.
func (s *Service) provisionByFile(f *Function, cfg *config.Function) []action {
	if cfg.Alias == "" || f.provisioned[cfg.Alias] == nil && cfg.ProvisionedConcurrency == 0 {
		return nil
	}
	n := int32(cfg.ProvisionedConcurrency)
	if p := f.provisioned[cfg.Alias]; p != nil && p.n.file == n {
		return nil // what it is now, or what the API has set since
	}
	if n > 0 {
		if _, err := s.provisionable(f, cfg.Name, cfg.Alias, int(n)); err != nil {
			s.o.Log("provisioned concurrency of function %s: %s", cfg.Name, err.(*Error).Message)
			return nil
		}
	}
	p := f.provisionedFor(cfg.Alias, f.aliases[cfg.Alias].pool)
	if p.n.fromFile(n) {
		s.o.Log("provisioned concurrency %d of function %s, from the file, takes the place of what was set by the API", n, cfg.Name)
	}
	return s.allocate(f, p)
}

// Account tells the account's limits and use.
func (s *Service) Account() Account {
	a, codes := s.accountOf()
	for _, c := range codes {
		a.TotalCodeSize += c.size()
	}
	return a
}

// accountOf is Account but for the size of the code, which is all of what it returns.
func (s *Service) accountOf() (Account, []Code) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.fleet.Account()
	a := Account{ConcurrentExecutions: int(n.Concurrency), UnreservedConcurrentExecutions: int(n.Unreserved), FunctionCount: len(s.functions)}
	var codes []Code
	for _, f := range s.functions {
		for _, v := range f.versions {
			if !v.gone {
				codes = append(codes, v.code)
			}
		}
	}
	return a, codes
}

// Cold takes warm on-demand environments away, so that requests meet cold starts again: n of them, those used longest ago first, or all where n is
// negative; of one function, or of all where the name is "". One that runs a request finishes it. Provisioned environments stay. It returns how many
// were taken; the error is a 404 *Error.
func (s *Service) Cold(name string, n int) (int, error) {
	s.mu.Lock()
	id := fleet.AllFuncs
	if name != "" {
		f := s.functions[name]
		if f == nil {
			s.mu.Unlock()
			return 0, s.unknown(name, "")
		}
		id = f.id
	}
	in := fleet.Input{Op: fleet.OpCold, Time: s.now(), Func: id, N: int32(max(min(n, 1<<30), -1))}
	out, taken := s.fleet.Cold(in.Time, in.Func, in.N, s.out[:0])
	s.record(in, out)
	acts := s.decide(out)
	s.mu.Unlock()
	s.do(acts)
	return int(taken), nil
}
