package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"example.com/emulate/emulator/config"
)

// Limits of a deployment package in bytes (spec lambda.md §8.4, §11).
const (
	maxZip      = 50 << 20
	maxUnzipped = 262144000
)

// update is a change of $LATEST by the API, from its acceptance until it is made: what ran before serves meanwhile (spec lambda.md §8.4).
type update struct {
	cfg  *config.Function
	code Code // as far as it is known
	zip  []byte
	// accepted is the function's LastModified, which what is made of the update keeps.
	accepted time.Time
	// done is closed when it is made, or err says why it was not.
	done chan struct{}
	err  error
}

// describe shows what $LATEST is about to become.
func (u *update) describe(d *Description) {
	d.Function, d.CodeSHA256, d.CodeSize, d.LastUpdateStatus = u.cfg, u.code.sha256(), u.code.size, "InProgress"
}

// CodeUpdate is what UpdateFunctionCode is asked for.
type CodeUpdate struct {
	// Zip is the deployment package.
	Zip []byte
	// Architecture is "" for the present one.
	Architecture string
	// DryRun checks everything and changes nothing; Publish publishes a version of the new code.
	DryRun, Publish bool
	// RevisionID is that which $LATEST must have; "" checks nothing.
	RevisionID string
}

// UpdateCode gives $LATEST other code, which stays until the function's files change. The answer comes at once, with LastUpdateStatus InProgress, while
// the package is unpacked and the code of before serves; with Publish it tells of the new version, once that is there.
func (s *Service) UpdateCode(ctx context.Context, name string, c CodeUpdate) (Description, error) {
	if err := s.awaitPending(ctx, name); err != nil {
		return Description{}, err
	}
	bad := checkZip(c.Zip) // what it is for is looked at first
	sum := sha256.Sum256(c.Zip)
	u := &update{zip: c.Zip, code: Code{SHA256: base64.StdEncoding.EncodeToString(sum[:]), Size: int64(len(c.Zip))}, done: make(chan struct{})}
	d, err := s.begin(name, c.RevisionID, c.DryRun, u, func(cfg *config.Function) error {
		if c.Architecture != "" {
			cfg.Architecture = c.Architecture
		}
		switch {
		case cfg.PackageType == "Image":
			return badParameter("Please provide ImageUri when updating a function with packageType Image.")
		case s.o.Unpack == nil:
			return &Error{Status: 501, Name: "NotImplementedException", Type: "User", Message: "this emulator takes no deployment packages"}
		}
		return bad
	})
	if err != nil || c.DryRun || !c.Publish {
		return d, err
	}
	select {
	case <-u.done:
	case <-ctx.Done():
		return Description{}, context.Cause(ctx)
	}
	if u.err != nil {
		return Description{}, buildError(u.err)
	}
	return s.Publish(ctx, name, Publication{})
}

// ConfigurationUpdate is what UpdateFunctionConfiguration is asked for; nil leaves a member as it is.
type ConfigurationUpdate struct {
	Description, Handler *string
	Timeout              *time.Duration
	MemoryMB             *int
	EphemeralStorageMB   *int
	Environment          *map[string]string
	Tracing              *string
	// RevisionID is that which $LATEST must have; "" checks nothing.
	RevisionID string
}

// UpdateConfiguration gives $LATEST another configuration, which stays until that in the file changes. As with UpdateCode, the answer comes before it is
// made.
func (s *Service) UpdateConfiguration(ctx context.Context, name string, c ConfigurationUpdate) (Description, error) {
	if err := s.awaitPending(ctx, name); err != nil {
		return Description{}, err
	}
	return s.begin(name, c.RevisionID, false, &update{done: make(chan struct{})}, func(cfg *config.Function) error {
		c.apply(cfg)
		return nil
	})
}

func (c *ConfigurationUpdate) apply(cfg *config.Function) {
	setIf(&cfg.Description, c.Description)
	setIf(&cfg.Handler, c.Handler)
	setIf(&cfg.Timeout, c.Timeout)
	setIf(&cfg.MemoryMB, c.MemoryMB)
	setIf(&cfg.EphemeralStorageMB, c.EphemeralStorageMB)
	setIf(&cfg.Environment, c.Environment)
	setIf(&cfg.Tracing, c.Tracing)
}

func setIf[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// awaitPending waits for a build of the function's files that is under way, whatever comes of it.
func (s *Service) awaitPending(ctx context.Context, name string) error {
	s.mu.Lock()
	var pending chan struct{}
	if f := s.functions[name]; f != nil {
		pending = f.pending
	}
	s.mu.Unlock()
	if pending == nil {
		return nil
	}
	select {
	case <-pending:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// begin accepts an update whose configuration change makes, or tells what would come of it.
func (s *Service) begin(name, revision string, dryRun bool, u *update, change func(*config.Function) error) (Description, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[name]
	switch {
	case f == nil:
		return Description{}, s.unknown(name, "")
	case f.update != nil:
		return Description{}, s.conflictOfUpdate(name)
	case revision != "" && revision != f.versions[0].revision:
		return Description{}, errRevision
	case s.closing:
		return Description{}, errClosing
	}
	now := f.versions[0]
	cfg := *now.cfg
	if err := change(&cfg); err != nil {
		return Description{}, err
	}
	u.cfg = &cfg
	if u.zip == nil {
		u.code = now.code
	}
	d := s.describeLocked(f, "", 0)
	u.describe(&d)
	if dryRun {
		d.LastUpdateStatus = "Successful"
		return d, nil
	}
	u.accepted = time.Now()
	now.revision, now.modified = NewRequestID(), u.accepted
	f.update, f.updateFailed = u, nil
	d.RevisionID, d.LastModified = now.revision, now.modified
	s.wg.Go(func() { s.carryOut(f, u) })
	return d, nil
}

// carryOut makes an update, unless something has taken its place meanwhile.
func (s *Service) carryOut(f *Function, u *update) {
	defer close(u.done)
	code, err := u.code, error(nil)
	if u.zip != nil {
		code, err = s.o.Unpack(s.ctx, u.cfg, u.zip)
		code.SHA256, code.Size = u.code.SHA256, u.code.Size
	}
	s.mu.Lock()
	if f.update != u {
		u.err = errors.New("the function's files have changed meanwhile, and take the place of the update")
		s.mu.Unlock()
		return
	}
	f.update, u.err = nil, err
	now := f.versions[0]
	var acts []action
	if err != nil {
		f.updateFailed = err
		now.revision = NewRequestID()
	} else {
		if u.zip != nil {
			f.uploaded, f.failed = true, nil
		}
		f.configured = f.configured || !sameConfig(u.cfg, now.cfg) || u.cfg.Description != now.cfg.Description
		f.cfg = u.cfg
		acts = s.install(f, 0, u.cfg, code)
		now.revision, now.modified = NewRequestID(), u.accepted
	}
	s.mu.Unlock()
	s.do(acts)
}

// checkZip says what is wrong with a deployment package, in AWS's words.
func checkZip(b []byte) error {
	if len(b) > maxZip {
		return badParameter("Zipped size must be smaller than %d bytes", maxZip)
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return errUnzip
	}
	var size uint64
	for _, f := range r.File {
		size += f.UncompressedSize64
	}
	if size > maxUnzipped {
		return badParameter("Unzipped size must be smaller than %d bytes", maxUnzipped)
	}
	return nil
}

var errUnzip = badParameter("Could not unzip uploaded file. Please check your file, then try to upload again.")
