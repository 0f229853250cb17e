package emulator

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/fsnotify/fsnotify"

	"example.com/emulate/emulator/config"
)

// How long files must be quiet before a reload begins, how long they may keep it waiting, and how long after an invocation a write to a function's
// own folder may still be that invocation's.
const (
	quiet    = 10 * time.Millisecond
	empty    = 200 * time.Millisecond // while a file is empty, which mostly means that it is being written
	maxQuiet = 500 * time.Millisecond
	ownWrite = 250 * time.Millisecond
)

// watcher turns changes of files into reloads. The functions concerned are marked as being built at the first event, so that requests sent after an
// edit wait for the new code.
type watcher struct {
	e      *Emulator
	fs     *fsnotify.Watcher
	ignore []string // globs, ** allowed
	done   sync.WaitGroup

	mu      sync.Mutex
	watched map[string]bool // folders
}

// watch begins to watch the project's configuration and code. The folders of code are added as builds tell them.
func (e *Emulator) watch(p *config.Project) (*watcher, error) {
	inner, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files (--no-watch leaves it out): %w", err)
	}
	w := &watcher{e: e, fs: inner, watched: map[string]bool{}}
	for _, pattern := range p.Ignore {
		if !doublestar.ValidatePattern(pattern) {
			_ = inner.Close() // the pattern's error tells more
			return nil, fmt.Errorf("watch.ignore: %q is no glob pattern", pattern)
		}
		w.ignore = append(w.ignore, pattern)
	}
	w.add(p.Inputs)
	var inputs []string
	e.mu.Lock()
	for _, s := range e.sources {
		inputs = append(inputs, s.inputs...)
	}
	e.mu.Unlock()
	w.add(inputs)
	w.done.Go(w.run)
	return w, nil
}

func (w *watcher) close() error {
	err := w.fs.Close()
	w.done.Wait()
	if err != nil {
		return fmt.Errorf("stop watching files: %w", err)
	}
	return nil
}

// add watches files, by their folders, and folders with all that is in them. What is not there is watched for in the nearest folder that is, and a
// folder in the one above it, so that it is seen when it comes again: a change of branches removes folders and makes them anew.
func (w *watcher) add(paths []string) {
	for _, p := range paths {
		info, err := os.Stat(p)
		if err == nil && info.IsDir() {
			w.tree(p)
		}
		above := filepath.Dir(p)
		for err != nil && above != filepath.Dir(above) {
			if _, err = os.Stat(above); err != nil {
				above = filepath.Dir(above)
			}
		}
		w.folder(above)
	}
}

// tree watches a folder and the folders in it, but for those that are left out.
func (w *watcher) tree(root string) {
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error { // what cannot be read cannot be watched
		if err != nil || !d.IsDir() {
			return nil
		}
		if path != root && w.ignored(path) {
			return filepath.SkipDir
		}
		w.folder(path)
		return nil
	})
}

func (w *watcher) folder(dir string) {
	w.mu.Lock()
	known := w.watched[dir]
	w.watched[dir] = true
	w.mu.Unlock()
	if known {
		return
	}
	if err := w.fs.Add(dir); err != nil {
		w.mu.Lock()
		delete(w.watched, dir)
		w.mu.Unlock()
		if !errors.Is(err, fs.ErrNotExist) {
			w.e.noticeOnce(fmt.Sprintf("cannot watch %s, changes in it are not seen: %v", dir, err))
		}
	}
}

// ignored leaves out what no function's code is: version control, dependencies, compiled Python, editors' own files, and the user's globs.
func (w *watcher) ignored(path string) bool {
	base := filepath.Base(path)
	switch base {
	case ".git", ".hg", ".svn", "node_modules", "__pycache__", ".aws-sam", ".idea", ".vscode", ".venv", ".pytest_cache", ".mypy_cache", ".DS_Store", "4913":
		return true
	}
	if strings.HasSuffix(base, "~") || strings.HasSuffix(base, ".swp") || strings.HasSuffix(base, ".swx") || strings.HasSuffix(base, ".pyc") ||
		strings.HasPrefix(base, ".#") || strings.HasPrefix(base, ".goutputstream-") || strings.HasSuffix(base, ".tmp") {
		return true
	}
	w.e.mu.Lock()
	dir := w.e.project.Dir
	w.e.mu.Unlock()
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return false
	}
	rel = filepath.ToSlash(rel)
	return slices.ContainsFunc(w.ignore, func(pattern string) bool { return doublestar.MatchUnvalidated(pattern, rel) })
}

// run collects events until files are quiet, then reloads.
func (w *watcher) run() {
	var (
		config  bool
		names   []string
		since   time.Time
		timer   = time.NewTimer(time.Hour)
		pending bool
	)
	defer timer.Stop()
	for {
		select {
		case ev, ok := <-w.fs.Events:
			if !ok {
				return
			}
			c, fns := w.meaning(ev)
			if !c && len(fns) == 0 {
				continue
			}
			if !pending {
				pending, since = true, time.Now()
			}
			config = config || c
			for _, n := range fns {
				if !slices.Contains(names, n) {
					names = append(names, n)
					w.e.expect(n)
				}
			}
			if time.Since(since) < maxQuiet {
				timer.Reset(quietAfter(ev.Name))
			}
		case err, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			w.e.notice(fmt.Sprintf("watching files: %v: save again what was changed just now", err))
		case <-timer.C:
			timer.Reset(time.Hour)
			if len(names) > 0 {
				w.e.reloadFunctions(names, since)
			}
			if config {
				w.e.reloadConfig(since)
			}
			config, names, pending = false, nil, false
		}
	}
}

// quietAfter is how long nothing may follow a change of path before the reload begins.
func quietAfter(path string) time.Duration {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		return empty
	}
	return quiet
}

// expect lets requests of a function wait for the build that is about to come.
func (e *Emulator) expect(name string) {
	e.mu.Lock()
	s := e.sources[name]
	var cfg *config.Function
	if s != nil {
		cfg = s.cfg
	}
	e.mu.Unlock()
	if cfg != nil {
		e.lambda.Building(cfg)
	}
}

// meaning says what an event changes: the configuration, or the code of functions.
func (w *watcher) meaning(ev fsnotify.Event) (isConfig bool, functions []string) {
	if ev.Op == fsnotify.Chmod || w.ignored(ev.Name) {
		return false, nil
	}
	paths := []string{ev.Name}
	if ev.Has(fsnotify.Create) {
		if info, err := os.Stat(ev.Name); err == nil && info.IsDir() && w.e.concerns(ev.Name) {
			w.tree(ev.Name)
			paths = w.filesIn(ev.Name) // what came before the folder was watched
		}
	}
	if ev.Has(fsnotify.Remove) || ev.Has(fsnotify.Rename) {
		w.mu.Lock()
		delete(w.watched, ev.Name)
		w.mu.Unlock()
	}
	for _, path := range paths {
		c, fns := w.changes(path)
		isConfig = isConfig || c
		functions = append(functions, fns...)
	}
	slices.Sort(functions)
	return isConfig, slices.Compact(functions)
}

// filesIn are the files of a folder that are not left out.
func (w *watcher) filesIn(root string) []string {
	var out []string
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error { // what cannot be read is no code
		switch {
		case err != nil:
		case w.ignored(path) && d.IsDir():
			return filepath.SkipDir
		case !d.IsDir() && !w.ignored(path):
			out = append(out, path)
		}
		return nil
	})
	return out
}

// changes says what a change of one file means.
func (w *watcher) changes(path string) (isConfig bool, functions []string) {
	e := w.e
	e.mu.Lock()
	isConfig = slices.Contains(e.project.Inputs, path)
	for name, s := range e.sources {
		if slices.ContainsFunc(s.inputs, func(in string) bool { return within(in, path) }) {
			functions = append(functions, name)
		}
	}
	e.mu.Unlock()
	return isConfig, slices.DeleteFunc(functions, func(name string) bool { return e.wroteItself(name, path) })
}

// concerns says whether a folder is, holds or lies in something that is watched; its neighbours are nobody's business.
func (e *Emulator) concerns(dir string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	related := func(in string) bool { return within(in, dir) || within(dir, in) }
	if slices.ContainsFunc(e.project.Inputs, related) {
		return true
	}
	for _, s := range e.sources {
		if slices.ContainsFunc(s.inputs, related) {
			return true
		}
	}
	return false
}

// within says whether path is root or lies in it.
func within(root, path string) bool {
	return path == root || strings.HasPrefix(path, root) && path[len(root)] == filepath.Separator
}

// wroteItself says whether a change is taken as the running handler's own work: a file that is no source, in the folder that the handler runs in,
// changed while the function runs or just did. On AWS the code is read-only, so that such writes fail; where they work here, they must not reload the
// function that makes them. A function that is built runs in the artifact, and never writes into its sources.
func (e *Emulator) wroteItself(function, path string) bool {
	e.mu.Lock()
	s := e.sources[function]
	inPlace := s != nil && s.inPlace
	e.mu.Unlock()
	return inPlace && !isSource(path) && e.lambda.Active(function, ownWrite)
}

// isSource says whether a file of a folder that runs as it is is code, rather than data. The language is no help: a bootstrap may run any.
func isSource(path string) bool {
	switch filepath.Ext(path) {
	case ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".node", ".py", ".pyi", ".so", ".sh", ".rb", ".php", ".pl", ".lua", ".class", ".jar",
		".wasm":
		return true
	}
	switch filepath.Base(path) {
	case "bootstrap", "package.json", "package-lock.json", "npm-shrinkwrap.json", "tsconfig.json", "requirements.txt":
		return true
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
