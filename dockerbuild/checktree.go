package dockerbuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// bundleFile is one file of a bundle. Folders are not listed.
type bundleFile struct {
	// name is the path below the bundle's root, with slashes.
	name string
	// size in bytes; 0 for a symbolic link.
	size int64
	mode fs.FileMode
	// link is where a symbolic link leads, as it says itself; "" for a file.
	link string
	// native is nil where the file is no machine code.
	native *native
}

// bundleTree is what a folder holds that becomes /var/task or /opt. It is the same for every function that is made of the folder.
type bundleTree struct {
	// root is the folder's absolute path; shown is what it is called in messages: that of a zip file, where root is a temporary folder.
	root, shown string
	// files are sorted by name.
	files []bundleFile
	// size is what counts against the limit of 250 MB: the sum of the files.
	size int64
	// duplicates are files of the same content.
	duplicates []Duplicate
	// dirs are the names of all folders, and lower the names of files and folders in lower case.
	dirs  map[string]bool
	lower map[string]string
	links bool
	// python names the Python package that a folder or file belongs to.
	python map[string]string
}

// file finds a file by its name; nil where there is none. A link is not followed.
func (t *bundleTree) file(name string) *bundleFile {
	i, ok := slices.BinarySearchFunc(t.files, name, func(f bundleFile, name string) int { return strings.Compare(f.name, name) })
	if !ok {
		return nil
	}
	return &t.files[i]
}

// follow finds a file by its name through symbolic links within the bundle, those of folders too; nil where it leads nowhere.
func (t *bundleTree) follow(name string) *bundleFile {
	if !t.links {
		return t.file(name)
	}
	for range 40 { // as many as Linux follows
		f, rest := t.linkIn(name)
		if f == nil {
			return t.file(name)
		}
		if path.IsAbs(f.link) {
			return nil
		}
		name = path.Join(path.Dir(f.name), f.link, rest)
	}
	return nil
}

// linkIn finds the first symbolic link on the way to a name, and what of the name comes after it.
func (t *bundleTree) linkIn(name string) (link *bundleFile, rest string) {
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '/' {
			continue
		}
		if f := t.file(name[:i]); f != nil && f.link != "" {
			return f, strings.TrimPrefix(name[i:], "/")
		}
	}
	return nil, ""
}

// path is the absolute path of a file.
func (t *bundleTree) path(name string) string { return filepath.Join(t.root, filepath.FromSlash(name)) }

// show is what a file is called in messages.
func (t *bundleTree) show(name string) string {
	return filepath.Join(t.shown, filepath.FromSlash(name))
}

// scanTree reads a folder: all names and sizes, the native files, what is there twice. Folders are read side by side, as are files.
func scanTree(ctx context.Context, root string) (*bundleTree, error) {
	w := &treeWalk{ctx: ctx, root: root, slots: make(chan struct{}, runtime.GOMAXPROCS(0)*2), dirs: map[string]bool{"": true}}
	w.dir("")
	w.wg.Wait()
	if err := errors.Join(w.errs...); err != nil {
		return nil, err
	}
	t := &bundleTree{root: root, shown: root, files: w.files, dirs: w.dirs}
	slices.SortFunc(t.files, func(a, b bundleFile) int { return strings.Compare(a.name, b.name) })
	t.index()
	if err := t.readNatives(ctx); err != nil {
		return nil, err
	}
	return t, t.findDuplicates(ctx)
}

// treeWalk is a walk under way.
type treeWalk struct {
	ctx   context.Context
	root  string
	slots chan struct{}
	wg    sync.WaitGroup

	mu    sync.Mutex
	files []bundleFile
	dirs  map[string]bool
	errs  []error
}

// dir reads one folder, and what lies below it in other goroutines where there is room.
func (w *treeWalk) dir(name string) {
	if w.ctx.Err() != nil {
		w.add(nil, nil, context.Cause(w.ctx))
		return
	}
	entries, err := os.ReadDir(filepath.Join(w.root, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) && name != "" {
		return // gone meanwhile
	}
	var files []bundleFile
	var dirs []string
	for _, e := range entries {
		child := path.Join(name, e.Name())
		if e.IsDir() {
			dirs = append(dirs, child)
		} else if f, ok := w.entry(child, e); ok {
			files = append(files, f)
		}
	}
	w.add(files, dirs, err)
	for _, d := range dirs {
		select {
		case w.slots <- struct{}{}:
			w.wg.Go(func() { defer func() { <-w.slots }(); w.dir(d) })
		default:
			w.dir(d)
		}
	}
}

// entry describes a file; ok is false for what has gone, and for sockets and the like, which no zip holds.
func (w *treeWalk) entry(name string, e fs.DirEntry) (f bundleFile, ok bool) {
	info, err := e.Info()
	if err != nil {
		return f, false
	}
	f = bundleFile{name: name, size: info.Size(), mode: info.Mode()}
	switch {
	case info.Mode().IsRegular():
		return f, true
	case info.Mode()&fs.ModeSymlink != 0:
		f.size = 0
		f.link, err = os.Readlink(filepath.Join(w.root, filepath.FromSlash(name)))
		f.link = filepath.ToSlash(f.link)
		return f, err == nil
	}
	return f, false
}

func (w *treeWalk) add(files []bundleFile, dirs []string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files = append(w.files, files...)
	for _, d := range dirs {
		w.dirs[d] = true
	}
	if err != nil {
		w.errs = append(w.errs, fmt.Errorf("read the bundle: %w", err))
	}
}

// index fills what is looked up later.
func (t *bundleTree) index() {
	t.lower = make(map[string]string, len(t.files)+len(t.dirs))
	t.python = map[string]string{}
	for i := range t.files {
		f := &t.files[i]
		t.size += f.size
		t.links = t.links || f.link != ""
		t.lower[strings.ToLower(f.name)] = f.name
	}
	for d := range t.dirs {
		t.lower[strings.ToLower(d)] = d
		if strings.HasSuffix(d, ".dist-info") {
			t.pythonPackage(d)
		}
	}
}

// pythonPackage notes what an installed Python package consists of: its metadata lists its files, whose folders often have another name (PIL of pillow).
func (t *bundleTree) pythonPackage(info string) {
	site, base := path.Dir(info), path.Base(info)
	name, _, _ := strings.Cut(base, "-")
	pkg := path.Join(site, strings.ToLower(name))
	t.python[info] = pkg
	record, err := os.ReadFile(t.path(path.Join(info, "RECORD")))
	if err != nil {
		return // some tools remove it to save space
	}
	for line := range strings.Lines(string(record)) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, `"`), "/")
		first, _, _ = strings.Cut(first, ",")
		switch first {
		case base, "..", "bin", "__pycache__":
			continue
		}
		if p := path.Join(site, first); t.python[p] == "" || t.python[p] == pkg {
			t.python[p] = pkg
		} else {
			t.python[p] = p // a name that several packages share, such as google
		}
	}
}

// codeless are the endings of files that are never machine code, of which a bundle has thousands.
func codeless(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".map", ".json", ".md", ".txt", ".py", ".pyi", ".pyc", ".html", ".css", ".scss", ".yml",
		".yaml", ".xml", ".csv", ".svg", ".rst", ".h", ".hpp", ".c", ".cc", ".cpp", ".class", ".jar", ".rb", ".toml", ".cfg", ".ini", ".gz", ".zip", ".png", ".jpg",
		".woff", ".woff2", ".ttf", ".go", ".rs", ".proto", ".flow", ".lock", ".npy", ".dat", ".pem":
		return true
	}
	return false
}

// readNatives finds the native files. One that cannot be read is found by its mode later.
func (t *bundleTree) readNatives(ctx context.Context) error {
	var candidates []*bundleFile
	for i := range t.files {
		if f := &t.files[i]; f.link == "" && f.size >= 16 && !codeless(f.name) {
			candidates = append(candidates, f)
		}
	}
	return inParallel(ctx, len(candidates), func(i int) error {
		n, err := readNative(t.path(candidates[i].name))
		candidates[i].native = n
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// inParallel calls do(0..n-1), as many at once as there are processors, and returns the first error or the context's.
func inParallel(ctx context.Context, n int, do func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), n)
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			for errs[w] == nil && ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				errs[w] = do(i)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(errs...)
}
