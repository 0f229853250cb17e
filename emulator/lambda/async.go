package lambda

import (
	"cmp"
	"slices"
	"time"

	"example.com/emulate/emulator/config"
)

// AsyncConfig is what the file's EventInvokeConfig, or PutFunctionEventInvokeConfig, sets for the events of $LATEST, a version or an alias; nil leaves
// AWS's default.
type AsyncConfig struct {
	ARN string
	// MaximumRetryAttempts is 0 to 2.
	MaximumRetryAttempts *int
	// MaximumEventAge is 60 s to 6 h.
	MaximumEventAge *time.Duration
	LastModified    time.Time

	byAPI bool // not from the file
}

// fileAsync is the AsyncConfig that a configuration asks for; the zero value asks for none.
type fileAsync struct {
	// qualifier is the alias of SAM's AutoPublishAlias where the function has one, since SAM's EventInvokeConfig is then the alias's.
	qualifier string
	retries   int // none is AWS's default
	age       time.Duration
}

func asyncBy(cfg *config.Function) fileAsync {
	if cfg.MaximumRetryAttempts == nil && cfg.MaximumEventAge == 0 {
		return fileAsync{}
	}
	a := fileAsync{qualifier: cmp.Or(cfg.Alias, latest), retries: int(none), age: cfg.MaximumEventAge}
	setIf(&a.retries, cfg.MaximumRetryAttempts)
	return a
}

// asyncByFile sets what the configuration asks for, in place of what it asked for before and of what the API has set since. While it asks for the same,
// what the API has set, or deleted, stays. Service.mu is held.
func (s *Service) asyncByFile(f *Function, cfg *config.Function) {
	was, now := f.asyncFile, asyncBy(cfg)
	if now == was {
		return
	}
	f.asyncFile = now
	for _, qualifier := range []string{was.qualifier, now.qualifier} {
		if c := f.async[qualifier]; c != nil && c.byAPI {
			s.o.Log("the file's EventInvokeConfig of function %s takes the place of what was set by the API", cfg.Name+":"+qualifier)
		}
		delete(f.async, qualifier)
	}
	if now.qualifier == "" {
		return
	}
	c := &AsyncConfig{ARN: s.arn(cfg.Name, now.qualifier), LastModified: time.Now()}
	if now.retries != int(none) {
		c.MaximumRetryAttempts = &now.retries
	}
	if now.age > 0 {
		c.MaximumEventAge = &now.age
	}
	f.async[now.qualifier] = c
}

// ConfigureAsync sets how events of a function, version or alias are retried; members that are nil stay as they are where keep is set
// (UpdateFunctionEventInvokeConfig). An empty qualifier is $LATEST.
func (s *Service) ConfigureAsync(name, qualifier string, c AsyncConfig, keep bool) (AsyncConfig, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, qualifier, err := s.asyncOf(name, qualifier)
	if err != nil {
		return AsyncConfig{}, err
	}
	c.ARN, c.LastModified, c.byAPI = s.arn(name, qualifier), time.Now(), true
	if old := f.async[qualifier]; keep {
		if old == nil {
			return AsyncConfig{}, s.noAsync(name, qualifier)
		}
		if c.MaximumRetryAttempts == nil {
			c.MaximumRetryAttempts = old.MaximumRetryAttempts
		}
		if c.MaximumEventAge == nil {
			c.MaximumEventAge = old.MaximumEventAge
		}
	}
	f.async[qualifier] = &c
	return c, nil
}

// Async tells what ConfigureAsync, or the file, has set.
func (s *Service) Async(name, qualifier string) (AsyncConfig, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, qualifier, err := s.asyncOf(name, qualifier)
	if err != nil {
		return AsyncConfig{}, err
	}
	if c := f.async[qualifier]; c != nil {
		return *c, nil
	}
	return AsyncConfig{}, s.noAsync(name, qualifier)
}

// DeleteAsync forgets what ConfigureAsync, or the file, has set.
func (s *Service) DeleteAsync(name, qualifier string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, qualifier, err := s.asyncOf(name, qualifier)
	if err == nil && f.async[qualifier] == nil {
		err = s.noAsync(name, qualifier)
	}
	if err == nil {
		delete(f.async, qualifier)
	}
	return err
}

// AsyncList lists all that is set for a function, by qualifier.
func (s *Service) AsyncList(name string) ([]AsyncConfig, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, _, err := s.asyncOf(name, "")
	if err != nil {
		return nil, err
	}
	var out []AsyncConfig
	for _, c := range f.async {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b AsyncConfig) int { return cmp.Compare(a.ARN, b.ARN) })
	return out, nil
}

func (s *Service) asyncOf(name, qualifier string) (*Function, string, error) {
	if qualifier == "" {
		qualifier = latest
	}
	f := s.functions[name]
	if f != nil {
		if _, ok := f.resolve(qualifier); ok {
			return f, qualifier, nil
		}
	}
	return nil, "", &Error{Status: 404, Name: "ResourceNotFoundException", Type: "User", Message: "The function doesn't exist."}
}

func (s *Service) noAsync(name, qualifier string) error {
	return &Error{Status: 404, Name: "ResourceNotFoundException", Type: "User",
		Message: "The function " + s.arn(name, qualifier) + " doesn't have an EventInvokeConfig"}
}
