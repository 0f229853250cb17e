package dockerbuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	// keep is how long an entry stays that nothing has used.
	keep = 14 * 24 * time.Hour
	// touchEvery is how often a running emulator renews the stamps of what it uses; far below keep, so that what is in use never looks old.
	touchEvery = 12 * time.Hour
)

// store is the artifact cache on disk. It may be used by several emulators at once:
//
//	<kind>/<name>/          an entry, complete and never changed: made in tmp/ and renamed into place
//	used/<kind>-<name>      its stamp: the time of last use
//	records/<key>.json      what the last build of one source looked at (record.go)
//	tmp/                    entries in the making
//
// Nothing is locked. Two emulators that make the same entry both make it, and the second one's is dropped. Pruning goes by the stamps' age, and every
// emulator renews the stamps of what it uses.
type store struct {
	dir string

	mu    sync.Mutex
	used  map[string]time.Time // entries handed out by this emulator, by "kind-name", and when their stamp was renewed
	timer *time.Timer
	// making holds a lock for every entry in the making, so that two functions that need the same dependencies install them once.
	making map[string]chan struct{}
}

// kinds are the folders of entries; prune looks into these and nowhere else.
func kinds() []string {
	return []string{"go", "node", "esbuild", "inline", "make", "zip", "npm", "pip", "python", "rust", "cargo", "image", "native", "libs"}
}

func openStore(dir string) (*store, error) {
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("find the cache folder: %w", err)
		}
		dir = filepath.Join(base, "emulate")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the cache folder: %w", err)
	}
	for _, d := range append(kinds(), "used", "records", "tmp") {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("make the cache folder: %w", err)
		}
	}
	if err := endPackages(dir); err != nil {
		return nil, fmt.Errorf("make the cache folder: %w", err)
	}
	// Node and esbuild work on real paths; paths in source maps are relative to them.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, fmt.Errorf("find the cache folder: %w", err)
	}
	s := &store{dir: dir, used: map[string]time.Time{}, making: map[string]chan struct{}{}}
	s.timer = time.AfterFunc(touchEvery, s.renew)
	return s, nil
}

// endPackages ends Node's search for the "type" of a script, which is in the next package.json above it, at the cache and not in the user's home. The
// functions of other emulators read the file at any time: it is never changed where it is right, nor seen half written.
func endPackages(dir string) error {
	const none = "{}\n"
	file := filepath.Join(dir, "package.json")
	if b, err := os.ReadFile(file); err == nil && string(b) == none {
		return nil
	}
	return writeAtomic(filepath.Join(dir, "tmp"), file, []byte(none))
}

func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

func (s *store) path(kind, name string) string { return filepath.Join(s.dir, kind, name) }

// get finds a complete entry and stamps it as used.
func (s *store) get(kind, name string) (dir string, ok bool) {
	dir = s.path(kind, name)
	if _, err := os.Stat(dir); err != nil {
		return "", false
	}
	s.touch(kind + "-" + name)
	return dir, true
}

// put makes an entry with fill, which writes into an empty folder, and returns its final folder. An entry that is already there wins.
func (s *store) put(ctx context.Context, kind, name string, fill func(tmp string) error) (string, error) {
	unlock, err := s.lock(ctx, kind+"-"+name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if dir, ok := s.get(kind, name); ok {
		return dir, nil
	}
	tmp, err := s.temp()
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := fill(tmp); err != nil {
		return "", err
	}
	return s.adopt(kind, name, tmp)
}

// lock waits until nobody else in this emulator makes the entry.
func (s *store) lock(ctx context.Context, id string) (unlock func(), err error) {
	for {
		s.mu.Lock()
		busy := s.making[id]
		if busy == nil {
			done := make(chan struct{})
			s.making[id] = done
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.making, id)
				s.mu.Unlock()
				close(done)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// temp makes an empty folder on the cache's file system.
func (s *store) temp() (string, error) {
	tmp, err := os.MkdirTemp(filepath.Join(s.dir, "tmp"), "")
	if err != nil {
		return "", fmt.Errorf("make a folder in the cache: %w", err)
	}
	return tmp, os.Chmod(tmp, 0o755)
}

// adopt moves a finished folder into place. The stamp comes first, so that no entry is ever without one.
func (s *store) adopt(kind, name, tmp string) (string, error) {
	dir := s.path(kind, name)
	s.touch(kind + "-" + name)
	if err := os.Rename(tmp, dir); err != nil {
		if _, there := os.Stat(dir); there == nil {
			return dir, nil
		}
		return "", fmt.Errorf("put an artifact into the cache: %w", err)
	}
	return dir, nil
}

func (s *store) touch(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.used[id]) < time.Hour {
		return
	}
	s.used[id] = time.Now()
	s.stamp(id)
}

// stamp writes the time of last use. A cache that has become read-only still serves, so errors don't matter.
func (s *store) stamp(id string) {
	f := filepath.Join(s.dir, "used", id)
	now := time.Now()
	if os.Chtimes(f, now, now) != nil {
		_ = os.WriteFile(f, nil, 0o644)
	}
}

// renew stamps all that this emulator uses, again and again until close.
func (s *store) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil {
		return
	}
	for id := range s.used {
		s.stamp(id)
	}
	s.timer.Reset(touchEvery)
}

// prune removes entries, records and unfinished folders that nothing has used for long. It runs at most once a day over all emulators.
func (s *store) prune(ctx context.Context, now time.Time) error {
	mark := filepath.Join(s.dir, "pruned")
	if st, err := os.Stat(mark); err == nil && now.Sub(st.ModTime()) < 24*time.Hour {
		return nil
	}
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		return fmt.Errorf("prune the cache: %w", err)
	}
	_ = os.Chtimes(mark, now, now)
	var errs []error
	for _, kind := range kinds() {
		errs = append(errs, s.pruneKind(ctx, kind, now))
	}
	errs = append(errs, removeOld(filepath.Join(s.dir, "records"), now.Add(-keep)), removeOld(filepath.Join(s.dir, "tmp"), now.Add(-24*time.Hour)),
		removeOld(filepath.Join(s.dir, "used"), now.Add(-2*keep)))
	return errors.Join(errs...)
}

// pruneKind renames an old entry away before it is removed, so that nobody ever finds half of one.
func (s *store) pruneKind(ctx context.Context, kind string, now time.Time) error {
	entries, err := os.ReadDir(filepath.Join(s.dir, kind))
	if err != nil {
		return fmt.Errorf("prune the cache: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if ctx.Err() != nil {
			break // the emulator closes; what is left goes another day
		}
		st, err := os.Stat(filepath.Join(s.dir, "used", kind+"-"+e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			st, err = e.Info()
		}
		if err != nil || now.Sub(st.ModTime()) < keep {
			continue
		}
		tmp, err := s.temp()
		if err == nil {
			err = os.Rename(s.path(kind, e.Name()), filepath.Join(tmp, "old"))
		}
		errs = append(errs, err, os.RemoveAll(tmp))
	}
	return errors.Join(errs...)
}

// removeOld removes the entries of dir that were changed before a time.
func removeOld(dir string, before time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("prune the cache: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if st, err := e.Info(); err == nil && st.ModTime().Before(before) {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// within says whether path is dir or lies below it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}
