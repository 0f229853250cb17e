package lambda

import (
	"cmp"
	"slices"
	"time"
)

// AsyncConfig is what PutFunctionEventInvokeConfig sets for the events of $LATEST, a version or an alias; nil leaves AWS's default.
type AsyncConfig struct {
	ARN string
	// MaximumRetryAttempts is 0 to 2.
	MaximumRetryAttempts *int
	// MaximumEventAge is 60 s to 6 h.
	MaximumEventAge *time.Duration
	LastModified    time.Time
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
	c.ARN, c.LastModified = s.arn(name, qualifier), time.Now()
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

// Async tells what ConfigureAsync has set.
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

// DeleteAsync forgets what ConfigureAsync has set.
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

// AsyncList lists all that ConfigureAsync has set for a function, by qualifier.
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
