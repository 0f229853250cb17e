package lambda

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/fleet"
)

// version is what the environments of one pool run: $LATEST, or what PublishVersion froze. Service.mu guards it.
type version struct {
	cfg      *config.Function
	code     Code
	modified time.Time
	revision string
	// described is the description that $LATEST had when this version was published of it; its own may be another.
	described string
	// gone: nothing finds it any more, but requests that had found it before are still placed.
	gone bool
}

// same says whether a version makes the environments that configuration and code ask for.
func (v *version) same(cfg *config.Function, code Code) bool {
	return v.code.Digest == code.Digest && sameConfig(v.cfg, cfg)
}

// publishedOf says whether the version was published of what now is $LATEST. Unlike for environments, a description counts.
func (v *version) publishedOf(now *version) bool {
	return v.same(now.cfg, now.code) && v.described == now.cfg.Description
}

// version of a pool; nil where there is none.
func (f *Function) version(pool fleet.Pool) *version {
	if pool < 0 || int(pool) >= len(f.versions) || f.versions[pool].gone {
		return nil
	}
	return f.versions[pool]
}

// resolve finds the pool that a qualifier means: for an alias that divides its requests, its first version's.
func (f *Function) resolve(qualifier string) (pool fleet.Pool, ok bool) {
	if qualifier == "" || qualifier == latest {
		return 0, true
	}
	if a := f.aliases[qualifier]; a != nil {
		return a.pool, true
	}
	n, err := strconv.ParseInt(qualifier, 10, 32)
	pool = fleet.Pool(n)
	return pool, err == nil && n > 0 && versionName(pool) == qualifier && f.version(pool) != nil
}

// route is resolve for one request: a weighted alias draws.
func (f *Function) route(qualifier string) (pool fleet.Pool, ok bool) {
	if a := f.aliases[qualifier]; a != nil && a.other != 0 && a.draws.Float64() < a.weight {
		return a.other, true
	}
	return f.resolve(qualifier)
}

// isVersion says whether a qualifier, which is not empty, is a version's number; an alias's name is not all digits.
func isVersion(qualifier string) bool {
	return strings.Trim(qualifier, "0123456789") == ""
}

func versionName(pool fleet.Pool) string {
	if pool == 0 {
		return latest
	}
	return strconv.Itoa(int(pool))
}

// followsFile says whether the pool runs what the user's files say: $LATEST, and the version that SAM's AutoPublishAlias made.
func (f *Function) followsFile(pool fleet.Pool) bool { return pool == 0 || pool == f.follower }

// autoPublish keeps the version and the alias of SAM's AutoPublishAlias. On AWS a deployment with changed code publishes the next version and moves the
// alias to it. Here a reload is no deployment: one version stands for the last of them, keeps its number, and follows the files, so that what is called
// by the alias runs what was just saved. Service.mu is held.
func (s *Service) autoPublish(f *Function, cfg *config.Function, code Code) (acts []action) {
	if old := f.autoAlias; old != "" && old != cfg.Alias {
		acts = s.unprovision(f, old)
		delete(f.aliases, old)
		f.autoAlias = ""
	}
	if cfg.Alias == "" {
		return append(acts, s.dropFollower(f)...)
	}
	if f.follower == 0 {
		f.follower = fleet.Pool(len(f.versions))
		f.versions = append(f.versions, &version{cfg: cfg, code: code, modified: time.Now(), revision: NewRequestID()})
	}
	acts = append(acts, s.install(f, f.follower, cfg, code)...)
	if f.aliases[cfg.Alias] == nil {
		a := s.newAlias(f, cfg.Alias)
		a.pool = f.follower
		f.aliases[cfg.Alias] = a
		f.autoAlias = cfg.Alias
	}
	return acts
}

// dropFollower takes away the version that stood for deployments, unless an alias made by the API still points to it: it then stays as it is.
func (s *Service) dropFollower(f *Function) []action {
	pool := f.follower
	f.follower = 0
	if pool == 0 {
		return nil
	}
	if len(f.aliasesOf(pool)) > 0 {
		return nil
	}
	return s.dropVersion(f, pool)
}

// dropVersion takes a version away, with what is set for it. Its number is never used again, and what runs there finishes. Service.mu is held.
func (s *Service) dropVersion(f *Function, pool fleet.Pool) []action {
	acts := s.unprovision(f, versionName(pool))
	delete(f.async, versionName(pool))
	f.versions[pool].gone = true
	return append(acts, s.renew(f, pool)...)
}

// DeleteVersion is DeleteFunction with a qualifier: it deletes one published version that no alias points to (spec lambda.md §8.1, §8.4). One that does
// not exist is no error, as on AWS. The words about aliases are those of public reports.
func (s *Service) DeleteVersion(name, qualifier string) error {
	s.mu.Lock()
	acts, err := s.deleteVersion(s.functions[name], name, qualifier)
	s.mu.Unlock()
	s.do(acts)
	return err
}

// deleteVersion is DeleteVersion with Service.mu held.
func (s *Service) deleteVersion(f *Function, name, qualifier string) ([]action, error) {
	switch {
	case qualifier == latest:
		return nil, errDeleteLatest
	case !isVersion(qualifier):
		return nil, errDeleteAlias
	case f == nil:
		return nil, s.unknown(name, "")
	}
	pool, ok := f.resolve(qualifier)
	if !ok {
		return nil, nil
	}
	if list := f.aliasesOf(pool); len(list) > 0 {
		return nil, &Error{Status: 409, Name: "ResourceConflictException", Type: "User",
			Message: "Unable to delete version because the following aliases reference it: [" + strings.Join(list, ", ") + "]"}
	}
	if pool == f.follower {
		f.follower = 0
	}
	return s.dropVersion(f, pool), nil
}

// install gives a pool its configuration and code. Where either differs from what runs there, its environments finish what they do and are stopped.
// Service.mu is held.
func (s *Service) install(f *Function, pool fleet.Pool, cfg *config.Function, code Code) []action {
	v := f.versions[pool]
	if v.same(cfg, code) {
		v.cfg, v.code = cfg, code // where it is declared, and what does not concern environments
		return nil
	}
	*v = version{cfg: cfg, code: code, modified: time.Now(), revision: NewRequestID()}
	return s.renew(f, pool)
}

func (s *Service) renew(f *Function, pool fleet.Pool) []action {
	return s.tell(fleet.Input{Op: fleet.OpRenew, Func: f.id, Pool: pool})
}

// Publication is what PublishVersion is asked for. "" checks nothing, and takes the function's description.
type Publication struct {
	Description string
	// CodeSHA256 and RevisionID are those that $LATEST must have.
	CodeSHA256, RevisionID string
}

// Publish freezes code and configuration of $LATEST as the next version; where nothing has changed since the last one that it made, it tells of that one
// (spec lambda.md §8.4). It waits until the function is built. The error is an *Error, or the cause of ctx.
func (s *Service) Publish(ctx context.Context, name string, p Publication) (Description, error) {
	if err := s.awaitBuild(ctx, name, ""); err != nil {
		return Description{}, err
	}
	var frozen *version
	for {
		s.mu.Lock()
		f := s.functions[name]
		if err := s.publishable(f, name, p); err != nil {
			s.mu.Unlock()
			return Description{}, err
		}
		now := *f.versions[0]
		if n := f.lastFrozen(); n > 0 && f.versions[n].publishedOf(&now) {
			defer s.mu.Unlock()
			return s.describeLocked(f, versionName(n), n), nil
		}
		if frozen != nil && frozen.publishedOf(&now) {
			defer s.mu.Unlock()
			n := fleet.Pool(len(f.versions))
			f.versions = append(f.versions, frozen)
			return s.describeLocked(f, versionName(n), n), nil
		}
		s.mu.Unlock()
		code, err := s.snapshot(ctx, now.code)
		if err != nil {
			return Description{}, &Error{Status: 500, Name: "ServiceException", Type: "Service", Message: err.Error(), Err: err}
		}
		cfg := *now.cfg
		if p.Description != "" {
			cfg.Description = p.Description
		}
		frozen = &version{cfg: &cfg, code: code, modified: time.Now(), revision: NewRequestID(), described: now.cfg.Description}
	}
}

// publishable checks what PublishVersion is asked for. Service.mu is held.
func (s *Service) publishable(f *Function, name string, p Publication) error {
	switch {
	case f == nil:
		return s.unknown(name, "")
	case f.update != nil:
		return s.conflictOfUpdate(name)
	case p.RevisionID != "" && p.RevisionID != f.versions[0].revision:
		return errRevision
	}
	if now := f.versions[0].code.sha256(); p.CodeSHA256 != "" && p.CodeSHA256 != now {
		return badParameter("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", p.CodeSHA256, now)
	}
	return nil
}

// lastFrozen is the newest version that keeps its code, 0 where there is none. The one that follows the files is not one: what is published must not
// change with the next edit.
func (f *Function) lastFrozen() fleet.Pool {
	for n := fleet.Pool(len(f.versions) - 1); n > 0; n-- {
		if n != f.follower && f.version(n) != nil {
			return n
		}
	}
	return 0
}

func (s *Service) snapshot(ctx context.Context, code Code) (Code, error) {
	if s.o.Snapshot == nil {
		return code, nil
	}
	return s.o.Snapshot(ctx, code)
}

// Versions tells of $LATEST and every published version, each by its qualified ARN, in order.
func (s *Service) Versions(name string) ([]Description, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[name]
	if f == nil {
		return nil, s.unknown(name, "")
	}
	var out []Description
	for n, v := range f.versions {
		if pool := fleet.Pool(n); !v.gone {
			out = append(out, s.describeLocked(f, versionName(pool), pool))
		}
	}
	return out, nil
}

// unknown is the answer of operations other than Invoke for what does not exist: its ARN has a qualifier only where one was asked for.
func (s *Service) unknown(name, qualifier string) *Error {
	return &Error{Status: 404, Name: "ResourceNotFoundException", Type: "User", Message: "Function not found: " + s.arn(name, qualifier)}
}

// awaitBuild is ready for operations that find out by themselves what does not exist.
func (s *Service) awaitBuild(ctx context.Context, name, qualifier string) error {
	_, _, err := s.ready(ctx, name, qualifier)
	if e, ok := err.(*Error); ok && e.Status == 404 {
		return nil
	}
	return err
}

// conflictOfUpdate is the answer to what cannot be done during an update.
func (s *Service) conflictOfUpdate(name string) *Error {
	return &Error{Status: 409, Name: "ResourceConflictException", Type: "User",
		Message: "The operation cannot be performed at this time. An update is in progress for resource: " + s.arn(name, "")}
}

func badParameter(format string, args ...any) *Error {
	return &Error{Status: 400, Name: "InvalidParameterValueException", Type: "User", Message: fmt.Sprintf(format, args...)}
}

// Answers of the control plane that are always the same (spec lambda.md §6.3, §8.4, §8.5).
var (
	errRevision = &Error{Status: 412, Name: "PreconditionFailedException", Type: "User",
		Message: "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"}
	errDeleteLatest       = badParameter("$LATEST version cannot be deleted without deleting the function.")
	errDeleteAlias        = badParameter("Deletion of aliases is not currently supported.")
	errLatestAlias        = badParameter("$LATEST is not supported for an alias pointing to more than 1 version")
	errProvisionLatest    = badParameter("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	errLatestProvisioned  = badParameter("The function resource provided must be an alias or a published version.")
	errAliasOfProvisioned = &Error{Status: 409, Name: "ResourceConflictException", Type: "User",
		Message: "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"}
	errVersionOfAlias = &Error{Status: 409, Name: "ResourceConflictException", Type: "User",
		Message: "Version is pointed by a Provisioned Concurrency alias"}
)
