package dockerbuild

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/emulate/emulator/config"
)

// The check of a bundle, that is of what becomes /var/task, finds what would break on Lambda, without an engine and without running anything:
//
//	Checker.Check(fn)     check.go          one function → BundleReport
//	  → locate            checkfind.go      emulate build's folder, else the code as it is
//	  → scanTree          checktree.go      names, sizes, native files (elf.go), duplicates: once for all functions of a folder
//	  → bundleView        checkview.go      the code at /var/task, the layers at /opt
//	  → sizes             checksize.go      the limits, the largest parts
//	  → checkNatives      checknative.go    platform, loader, libraries, symbol versions, against the runtime's system (target.go)
//	  → checkHandler      checkhandler.go   bootstrap, or the handler's file and name (checkexports.go)
//	  → checkBelonging    checkbelong.go    what has no place in a bundle
//	Checker.Zip(report)   checkzip.go       the zipped size, which takes longest

// CheckOptions of NewChecker. The zero value looks at the user's cache.
type CheckOptions struct {
	// CacheDir is the Builder's: it has what was built, and remembers compressed sizes of files by their content. "" is os.UserCacheDir()/emulate.
	CacheDir string
	// Built is a folder that `emulate build -o` filled; "" looks into the cache.
	Built string
}

// Checker checks bundles. It remembers what it has read: functions that share a folder cost little more than one. It is not for concurrent use.
type Checker struct {
	opts   CheckOptions
	trees  map[string]*bundleTree
	zipped map[*bundleTree]int64
	temps  []string
}

// NewChecker makes a Checker. It does no I/O.
func NewChecker(o CheckOptions) *Checker {
	if base, err := os.UserCacheDir(); o.CacheDir == "" && err == nil {
		o.CacheDir = filepath.Join(base, "emulate")
	}
	return &Checker{opts: o, trees: map[string]*bundleTree{}, zipped: map[*bundleTree]int64{}}
}

// Close removes what was unpacked.
func (c *Checker) Close() error {
	for _, dir := range c.temps {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove an unpacked bundle: %w", err)
		}
	}
	c.temps = nil
	return nil
}

// BundleReport is what the check has to say of one function.
type BundleReport struct {
	// Function is the function's name.
	Function string
	// From says where the bundle was found (FromBuild, …), Dir is the folder or file; "" for inline code and images.
	From, Dir string
	// Unzipped is the size of the code and all layers in bytes, Layers that of the layers.
	Unzipped, Layers int64
	// Zipped is the size of the code's zip in bytes, about; -1 where it is not known (yet).
	Zipped int64
	// Largest are the ten largest parts, Duplicates files of the same content of 64 KB and more.
	Largest    []Part
	Duplicates []Duplicate
	// Diagnostics are the problems found; Zip may add one.
	Diagnostics []config.Diagnostic

	code    *bundleTree
	archive int64
	fn      *config.Function
}

// TooLarge says whether AWS refuses the bundle for its size.
func (r *BundleReport) TooLarge() bool { return r.Unzipped >= unzippedLimit }

// warn adds a warning at the function's place.
func (r *BundleReport) warn(code, hint, format string, args ...any) {
	r.Diagnostics = append(r.Diagnostics, config.Diagnostic{
		Severity: config.Warning, Position: r.fn.At, Object: r.fn.LogicalID, Code: code, Hint: hint,
		Message: "function " + r.fn.Name + ": " + fmt.Sprintf(format, args...),
	})
}

// Check checks the bundle of one function but for its zipped size. The problems of the bundle are in the report; an error is for what cannot be read.
func (c *Checker) Check(ctx context.Context, fn *config.Function) (*BundleReport, error) {
	r := &BundleReport{Function: fn.Name, Zipped: -1, fn: fn}
	tree, err := c.locate(ctx, r, fn)
	if err != nil {
		return nil, fmt.Errorf("check function %s: %w", fn.Name, err)
	}
	if tree == nil {
		return r, nil
	}
	r.code = tree
	view := &bundleView{code: tree}
	for _, l := range fn.Layers {
		t, err := c.tree(ctx, l)
		if err != nil {
			return nil, fmt.Errorf("check function %s: read layer %s: %w", fn.Name, filepath.Base(l), err)
		}
		view.layers = append(view.layers, t)
	}
	to := targetOf(fn)
	r.sizes(view)
	natives := checkNatives(view, to, fn.Environment)
	r.Diagnostics = append(r.Diagnostics, natives.diagnostics()...)
	r.Diagnostics = append(r.Diagnostics, checkHandler(view, to, fn)...)
	for _, t := range view.trees() {
		r.Diagnostics = append(r.Diagnostics, checkBelonging(t, to, fn.Environment)...)
		r.Diagnostics = append(r.Diagnostics, checkFiles(t)...)
	}
	for i := range r.Diagnostics {
		r.Diagnostics[i].Object = fn.LogicalID
	}
	// Errors first: of a list that is long only the start may be read.
	slices.SortStableFunc(r.Diagnostics, func(a, b config.Diagnostic) int { return strings.Compare(string(a.Severity), string(b.Severity)) })
	return r, nil
}

// Zip computes the zipped size: from what is remembered of files by their content, else by compressing them. It leaves out bundles that are refused
// anyway. What it adds to the problems is returned.
func (c *Checker) Zip(ctx context.Context, r *BundleReport) ([]config.Diagnostic, error) {
	switch {
	case r.code == nil || r.TooLarge():
		return nil, nil
	case r.archive > 0:
		r.Zipped = r.archive
	default:
		size, known := c.zipped[r.code]
		if !known {
			var err error
			if size, err = r.code.zipSize(ctx, c.opts.CacheDir); err != nil {
				return nil, fmt.Errorf("check function %s: %w", r.Function, err)
			}
			c.zipped[r.code] = size
		}
		r.Zipped = size
	}
	if r.Zipped < zippedLimit {
		return nil, nil
	}
	n := len(r.Diagnostics)
	r.warn("zip-too-large", "Upload it by way of S3, as sam deploy and most tools do.",
		"its zip has about %s; in the request itself, AWS says: Zipped size must be smaller than %d bytes", megabytes(r.Zipped), zippedLimit)
	return r.Diagnostics[n:], nil
}

// tree reads a folder, or a zip file that is unpacked first, once.
func (c *Checker) tree(ctx context.Context, path string) (*bundleTree, error) {
	if t := c.trees[path]; t != nil {
		return t, nil
	}
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	if st, err := os.Stat(root); err != nil {
		return nil, err
	} else if !st.IsDir() {
		zip := root
		if root, err = c.temp(); err != nil {
			return nil, err
		}
		if err := extract(zip, root); err != nil {
			return nil, fmt.Errorf("unpack %s: %w", filepath.Base(zip), err)
		}
	}
	t, err := scanTree(ctx, root)
	if err != nil {
		return nil, err
	}
	t.shown = path
	c.trees[path] = t
	return t, nil
}

func (c *Checker) temp() (string, error) {
	dir, err := os.MkdirTemp("", "emulate-check-")
	if err == nil {
		c.temps = append(c.temps, dir)
	}
	return dir, err
}

// inline is the bundle of code that stands in the configuration.
func (c *Checker) inline(ctx context.Context, fn *config.Function) (*bundleTree, error) {
	dir, err := c.temp()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(fn.Code.InlineName)), []byte(fn.Code.Inline), 0o644); err != nil {
		return nil, err
	}
	t, err := c.tree(ctx, dir)
	if err == nil {
		t.shown = fn.LogicalID + " (inline)"
	}
	return t, err
}

// sizes sums up, and judges the sum by AWS's limit.
func (r *BundleReport) sizes(v *bundleView) {
	r.Unzipped = v.code.size
	r.Largest = v.code.parts()
	r.Duplicates = v.code.duplicates
	for i, t := range v.layers {
		r.Layers += t.size
		name := "layer " + r.layer(i) + ": "
		for _, p := range t.parts() {
			r.Largest = append(r.Largest, Part{name + p.Path, p.Bytes})
		}
	}
	r.Unzipped += r.Layers
	sortParts(r.Largest)
	r.Largest = r.Largest[:min(len(r.Largest), 10)]
	if r.TooLarge() {
		what := "its code has"
		if n := len(v.layers); n > 0 {
			what = fmt.Sprintf("its code and %s have", counted(n, "layer"))
		}
		r.Diagnostics = append(r.Diagnostics, config.Diagnostic{
			Severity: config.Error, Position: r.fn.At, Code: "too-large", Hint: "Leave out what is not needed, or make it an image (up to 10 GB).",
			Message: fmt.Sprintf("function %s: %s %s (%d bytes), AWS says: Unzipped size must be smaller than %d bytes", r.fn.Name, what, megabytes(r.Unzipped), r.Unzipped, unzippedLimit),
		})
	}
	r.duplicates()
}

// layer is where the project has a layer, as ./layers/shared: several may be in folders of one name.
func (r *BundleReport) layer(i int) string {
	at := r.fn.Layers[i]
	if rel, err := filepath.Rel(projectDir(r.fn), at); err == nil && filepath.IsLocal(rel) {
		return "./" + filepath.ToSlash(rel)
	}
	return at
}

// duplicates warns of what could be spared, where it is worth it.
func (r *BundleReport) duplicates() {
	var wasted int64
	var examples []string
	for _, d := range r.Duplicates {
		wasted += d.wasted()
		examples = append(examples, fmt.Sprintf("%s is the same as %s (%s)", d.Paths[1], d.Paths[0], megabytes(d.Bytes)))
	}
	if wasted >= weight {
		r.warn("duplicates", "", "%s are there more than once: %s", megabytes(wasted), some(examples, 3))
	}
}

// diagnostics tells the findings, equal ones of a package's or a folder's files as one.
func (c *nativeCheck) diagnostics() []config.Diagnostic {
	type group struct {
		finding
		more []string
	}
	var groups []*group
	index := map[string]*group{}
	for _, f := range c.found {
		id := strings.Join([]string{f.code, string(f.severity), f.key, f.file.tree.root, f.place()}, "\x00")
		if g := index[id]; g != nil {
			g.more = append(g.more, f.file.name)
			continue
		}
		index[id] = &group{finding: f}
		groups = append(groups, index[id])
	}
	var list []config.Diagnostic
	for _, g := range groups {
		text := g.text()
		if n := len(g.more); n > 0 {
			text += fmt.Sprintf(" (%s of %s, too)", counted(n, "more file"), g.place())
		}
		list = append(list, config.Diagnostic{
			Severity: g.severity, Position: config.Position{File: g.file.tree.show(g.file.name)}, Code: g.code, Hint: g.hint, Message: text,
		})
	}
	return append(list, c.otherPlatforms()...)
}

// otherPlatforms warns of files that only take room.
func (c *nativeCheck) otherPlatforms() []config.Diagnostic {
	var size int64
	var packages []string
	for _, f := range c.foreign {
		size += f.size
		if p := cmp.Or(f.tree.packageOf(f.name), f.name); !slices.Contains(packages, p) {
			packages = append(packages, p)
		}
	}
	if size < weight {
		return nil
	}
	return []config.Diagnostic{{
		Severity: config.Warning, Position: config.Position{File: c.foreign[0].tree.show(c.foreign[0].name)}, Code: "other-platforms",
		Message: fmt.Sprintf("the bundle has %s for other systems, %s: %s", counted(len(c.foreign), "file"), megabytes(size), some(packages, 3)),
		Hint:    "Install for Lambda's platform alone; `emulate build` does.",
	}}
}

// megabytes is a size as AWS counts it: 250 MB are 262,144,000 bytes.
func megabytes(n int64) string {
	switch {
	case n < 1<<10:
		return counted(int(n), "byte")
	case n < 100<<10:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
