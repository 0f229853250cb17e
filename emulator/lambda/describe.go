package lambda

import (
	"example.com/emulate/emulator/fleet"
)

// Describe tells of one function. A missing function, version or alias is a 404 *Error whose ARN has the qualifier only where one was asked for.
func (s *Service) Describe(name, qualifier string) (Description, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[name]
	if f != nil {
		if pool, ok := f.resolve(qualifier); ok {
			return s.describeLocked(f, qualifier, pool), nil
		}
	}
	return Description{}, s.unknown(name, qualifier)
}

// List tells of $LATEST of every function, sorted by name.
func (s *Service) List() []Description {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Description
	for _, f := range s.sortedLocked() {
		out = append(out, s.describeLocked(f, "", 0))
	}
	return out
}

func (s *Service) describeLocked(f *Function, qualifier string, pool fleet.Pool) Description {
	v := f.versions[pool]
	d := Description{
		Function: v.cfg, ARN: s.arn(f.cfg.Name, qualifier), UnqualifiedARN: s.arn(f.cfg.Name, ""), Version: versionName(pool),
		CodeSHA256: v.code.sha256(), CodeSize: v.code.size, CodeDir: v.code.Dir, LastModified: v.modified, RevisionID: v.revision,
		Reserved: f.reservation(), State: "Active", LastUpdateStatus: "Successful",
	}
	if !f.followsFile(pool) {
		return d
	}
	switch {
	case f.pending != nil && !f.ready:
		d.State, d.LastUpdateStatus = "Pending", "InProgress"
	case f.pending != nil:
		d.LastUpdateStatus = "InProgress"
	case f.failed != nil:
		d.Function, d.LastUpdateStatus, d.LastUpdateStatusReason = f.cfg, "Failed", f.failed.Error()
	case pool == 0 && f.update != nil:
		f.update.describe(&d)
	case pool == 0 && f.updateFailed != nil:
		d.LastUpdateStatus, d.LastUpdateStatusReason = "Failed", f.updateFailed.Error()
	}
	return d
}
