package lambda

import (
	"context"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"

	"example.com/emulate/emulator/fleet"
)

// alias points to a version, or divides its requests between two. Service.mu guards it.
type alias struct {
	name, description string
	pool              fleet.Pool
	// other gets the share weight of the requests; 0 is none ($LATEST cannot be one).
	other    fleet.Pool
	weight   float64
	revision string
	draws    *rand.Rand
}

// newAlias makes an alias whose draws depend on the seed, the function's and the alias's name alone.
func (s *Service) newAlias(f *Function, name string) *alias {
	h := fnv.New64a()
	_, _ = h.Write([]byte(f.cfg.Name + ":" + name)) // never fails
	return &alias{name: name, revision: NewRequestID(), draws: rand.New(rand.NewPCG(s.o.Seed, h.Sum64()))}
}

// Alias is an alias as its operations show it.
type Alias struct {
	ARN, Name, Description string
	// Version is the number, or "$LATEST".
	Version string
	// Weights are the shares, 0 to 1, of other versions; at most one.
	Weights    map[string]float64
	RevisionID string
}

// AliasChange is what CreateAlias and UpdateAlias set. nil leaves a member as it is, or makes it empty.
type AliasChange struct {
	Version, Description *string
	// Weights replace the old ones; an empty map ends the division.
	Weights    *map[string]float64
	RevisionID string
}

func (s *Service) show(f *Function, a *alias) Alias {
	out := Alias{ARN: s.arn(f.cfg.Name, a.name), Name: a.name, Description: a.description, Version: versionName(a.pool), RevisionID: a.revision}
	if a.other != 0 {
		out.Weights = map[string]float64{versionName(a.other): a.weight}
	}
	return out
}

// aliasesOf are the names, sorted, of the aliases that point to a version, or send it a share of their requests.
func (f *Function) aliasesOf(pool fleet.Pool) []string {
	var names []string
	for name, a := range f.aliases {
		if a.pool == pool || a.other == pool {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Aliases lists a function's aliases by name, those of one version where version is not "".
func (s *Service) Aliases(name, version string) ([]Alias, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[name]
	if f == nil {
		return nil, s.unknown(name, "")
	}
	var out []Alias
	for _, key := range slices.Sorted(maps.Keys(f.aliases)) {
		a := f.aliases[key]
		if version == "" || version == versionName(a.pool) || a.other != 0 && version == versionName(a.other) {
			out = append(out, s.show(f, a))
		}
	}
	return out, nil
}

// Alias tells of one alias.
func (s *Service) Alias(name, aliasName string) (Alias, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[name]
	if f == nil {
		return Alias{}, s.unknown(name, "")
	}
	if a := f.aliases[aliasName]; a != nil {
		return s.show(f, a), nil
	}
	return Alias{}, s.noAlias(name, aliasName)
}

func (s *Service) noAlias(name, aliasName string) *Error {
	return &Error{Status: 404, Name: "ResourceNotFoundException", Type: "User", Message: "Cannot find alias arn: " + s.arn(name, aliasName)}
}

// CreateAlias makes an alias. It waits until the function is built.
func (s *Service) CreateAlias(ctx context.Context, name, aliasName string, c AliasChange) (Alias, error) {
	if err := s.awaitBuild(ctx, name, ""); err != nil {
		return Alias{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[name]
	switch {
	case f == nil:
		return Alias{}, s.unknown(name, "")
	case f.aliases[aliasName] != nil:
		return Alias{}, &Error{Status: 409, Name: "ResourceConflictException", Type: "User", Message: "Alias already exists: " + s.arn(name, aliasName)}
	}
	a := s.newAlias(f, aliasName)
	if err := s.change(f, a, c); err != nil {
		return Alias{}, err
	}
	f.aliases[aliasName] = a
	return s.show(f, a), nil
}

// UpdateAlias changes an alias. Provisioned concurrency on it moves with it to another version, and is allocated there anew.
func (s *Service) UpdateAlias(name, aliasName string, c AliasChange) (Alias, error) {
	s.mu.Lock()
	f := s.functions[name]
	var a *alias
	if f != nil {
		a = f.aliases[aliasName]
	}
	var err error
	switch {
	case f == nil:
		err = s.unknown(name, "")
	case a == nil:
		err = &Error{Status: 404, Name: "ResourceNotFoundException", Type: "User", Message: "Alias not found: " + s.arn(name, aliasName)}
	case c.RevisionID != "" && c.RevisionID != a.revision:
		err = errRevision
	}
	if err == nil {
		err = s.change(f, a, c)
	}
	if err != nil {
		s.mu.Unlock()
		return Alias{}, err
	}
	if aliasName == f.autoAlias {
		f.autoAlias = "" // it is the caller's from now on
	}
	a.revision = NewRequestID()
	acts := s.follow(f, a)
	out := s.show(f, a)
	s.mu.Unlock()
	s.do(acts)
	return out, nil
}

// change checks all of c, and then makes it. Service.mu is held.
func (s *Service) change(f *Function, a *alias, c AliasChange) error {
	next := *a
	if c.Description != nil {
		next.description = *c.Description
	}
	if c.Version != nil {
		pool, ok := f.resolve(*c.Version)
		if !ok || f.aliases[*c.Version] != nil {
			return s.unknown(f.cfg.Name, *c.Version)
		}
		next.pool = pool
	}
	if c.Weights != nil {
		next.other, next.weight = 0, 0
		if len(*c.Weights) > 1 {
			return badParameter("Number of items in AdditionalVersionWeights cannot be greater than 1")
		}
		for v, weight := range *c.Weights {
			pool, ok := f.resolve(v)
			if !ok || f.aliases[v] != nil {
				return s.unknown(f.cfg.Name, v)
			}
			next.other, next.weight = pool, weight
			if pool == 0 {
				return errLatestAlias
			}
		}
	}
	switch {
	case next.other != 0 && next.pool == 0:
		return errLatestAlias
	case next.other != 0 && next.other == next.pool:
		v := versionName(next.pool)
		return badParameter("Invalid function version %s. Function version %[1]s is already included in routing configuration.", v)
	case f.provisionedOn(a.name) != nil && next.pool == 0:
		return errProvisionLatest
	case f.provisionedOn(a.name) != nil && next.pool != a.pool && f.provisionedOn(versionName(next.pool)) != nil:
		return errAliasOfProvisioned
	}
	*a = next
	return nil
}

// DeleteAlias removes an alias, with what is provisioned on it. One that does not exist is no error, as on AWS.
func (s *Service) DeleteAlias(name, aliasName string) error {
	s.mu.Lock()
	f := s.functions[name]
	if f == nil {
		s.mu.Unlock()
		return s.unknown(name, "")
	}
	acts := s.unprovision(f, aliasName)
	delete(f.aliases, aliasName)
	if f.autoAlias == aliasName {
		f.autoAlias = ""
	}
	s.mu.Unlock()
	s.do(acts)
	return nil
}
