package dockerbuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// node runs JavaScript from the user's own folder. Only where dependencies had to be installed into the cache is the code copied beside them: Node's
// import looks for node_modules above the real path of the importing file and nowhere else (NODE_PATH is for require alone, and a symbolic link is
// followed first), and nothing may be written to the user's folder. The copies carry source maps, so that stack traces still name the user's files.
//
// For Lambda the artifact is complete: the code, and node_modules with what it needs there, whatever the user has installed for this machine.
func (j *job) node(ctx context.Context) (*Artifact, error) {
	deps, err := j.dependencies(ctx)
	if err != nil {
		return nil, err
	}
	if deps.modules != "" && j.lambda {
		return j.nodeComplete(ctx, deps)
	}
	if deps.modules == "" {
		a, err := j.inPlace("node")
		if err == nil {
			a.Inputs = outermost(append(a.Inputs, deps.inputs...))
		}
		return a, err
	}
	a := &Artifact{NodePath: []string{deps.modules}, Inputs: outermost(append([]string{j.dir}, deps.inputs...)), SourceMaps: true}
	a.Dir, a.Digest, a.Cached, err = j.fromTree(ctx, "node", hash(deps.key, deps.kind), func(tmp string) error {
		return j.copyNode(tmp, deps)
	})
	a.Cached = a.Cached && !deps.installed
	return a, err
}

// fromTree makes a cache entry from the code's folder, named by what the folder holds. If the folder changes meanwhile it starts over: an entry
// must never hold other code than its name says.
func (j *job) fromTree(ctx context.Context, kind, settings string, fill func(tmp string) error) (dir, digest string, cached bool, err error) {
	return j.fromTrees(ctx, kind, settings, []string{j.dir}, fill)
}

func (j *job) fromTrees(ctx context.Context, kind, settings string, trees []string, fill func(tmp string) error) (dir, digest string, cached bool, err error) {
	for range 5 {
		tree, err := j.treeDigest(trees...)
		if err != nil {
			return "", "", false, fmt.Errorf("read code: %w", err)
		}
		digest = hash(kind, settings, tree)
		cached = true
		dir, err = j.store.put(ctx, kind, digest, func(tmp string) error {
			cached = false
			if err := fill(tmp); err != nil {
				return err
			}
			if after, err := j.treeDigest(trees...); err != nil || after != tree {
				return errors.Join(errChanged, err)
			}
			return nil
		})
		if !errors.Is(err, errChanged) {
			return dir, digest, cached, err
		}
	}
	return "", "", false, errChanged
}

var errChanged = errors.New("the code changes faster than it can be copied")

// copyNode copies the code and puts the installed node_modules beside it.
func (j *job) copyNode(tmp string, deps *nodeDeps) error {
	if err := copyTree(j.dir, tmp, false); err != nil {
		return fmt.Errorf("copy code: %w", err)
	}
	// In its own folder the code may have had its "type" from a package.json above it.
	if own := filepath.Join(tmp, "package.json"); deps.kind != "" {
		if _, err := os.Stat(own); errors.Is(err, fs.ErrNotExist) {
			if err := os.WriteFile(own, []byte(`{"type":"`+deps.kind+`"}`), 0o644); err != nil {
				return fmt.Errorf("copy code: %w", err)
			}
		}
	}
	if err := os.Symlink(deps.modules, filepath.Join(tmp, "node_modules")); err != nil {
		return fmt.Errorf("link dependencies: %w", err)
	}
	return addSourceMaps(j.dir, tmp)
}

// packageJSON is what a build needs of a package.json.
type packageJSON struct {
	Type            string            `json:"type"`
	Main            string            `json:"main"`
	Dependencies    map[string]string `json:"dependencies"`
	DevDependencies map[string]string `json:"devDependencies"`
	Optional        map[string]string `json:"optionalDependencies"`
	PackageManager  string            `json:"packageManager"`
}

// nodeDeps are the dependencies of a function and where they are.
type nodeDeps struct {
	pkg packageJSON
	// modules is the node_modules folder in the cache; "" where the user's own is complete, or nothing is asked for.
	modules string
	// installed says that this build had to run npm.
	installed bool
	key       string
	// kind is the "type" that holds for the code's folder.
	kind   string
	inputs []string
	// local are packages that lie in the project, by name: the folders that file: and workspace: mean.
	local map[string]string
}

// dependencies finds the function's package.json, in the code's folder or above it within the project, and installs what it asks for if the user has
// not. A dependency counts as there when some node_modules in reach has it, in whatever version: which one is the user's affair.
func (j *job) dependencies(ctx context.Context) (*nodeDeps, error) {
	dir := j.packageDir()
	if dir == "" {
		return &nodeDeps{}, nil
	}
	file := filepath.Join(dir, "package.json")
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read dependencies: %w", err)
	}
	d := &nodeDeps{inputs: []string{file}, local: map[string]string{}}
	if err := json.Unmarshal(content, &d.pkg); err != nil {
		e := j.fail("read package.json", relative(file, j.project)+": "+err.Error(), "", err)
		e.Inputs = []string{j.dir, file}
		return nil, e
	}
	d.kind = d.pkg.Type
	missing := j.missing(d)
	if len(missing) == 0 {
		return d, nil
	}
	for _, name := range missing {
		spec := d.pkg.Dependencies[name]
		at, local := localPackage(dir, j.dir, name, spec)
		switch {
		case local && (!j.lambda || at == ""):
			return nil, j.fail("npm install", fmt.Sprintf("%s asks for the local package %s (%s), which is not installed", relative(file, j.project), name, spec),
				"Run npm install in "+dir+".", nil)
		case local || j.lambda && at != "":
			d.local[name] = at
			d.inputs = append(d.inputs, at)
		}
	}
	return d, j.install(ctx, dir, content, d)
}

// missing are the dependencies to install: what the user has not; for Lambda all, since what is installed here is for this machine.
func (j *job) missing(d *nodeDeps) []string {
	if j.lambda && len(d.pkg.Dependencies) == 0 && len(d.pkg.Optional) > 0 {
		return sortedKeys(d.pkg.Optional)
	}
	var missing []string
	for _, name := range sortedKeys(d.pkg.Dependencies) {
		if j.lambda || findModule(j.dir, name) == "" {
			missing = append(missing, name)
		}
	}
	return missing
}

// localPackage says whether a dependency is no package of a registry, and where it lies: the folder of file: and link:, or the one that a workspace has
// linked into node_modules; "" where that is not to be found.
func localPackage(dir, code, name, spec string) (at string, local bool) {
	for _, prefix := range []string{"file:", "link:", "portal:"} {
		if p, ok := strings.CutPrefix(spec, prefix); ok {
			spec, local = p, true
		}
	}
	if local || strings.HasPrefix(spec, ".") || strings.HasPrefix(spec, "/") {
		at = filepath.FromSlash(spec)
		if !filepath.IsAbs(at) {
			at = filepath.Join(dir, at)
		}
		if _, err := os.Stat(at); err != nil {
			at = ""
		}
		return at, true
	}
	if m := findModule(code, name); m != "" {
		if real, err := filepath.EvalSymlinks(m); err == nil && !inModules(real) {
			at = real
		}
	}
	return at, strings.HasPrefix(spec, "workspace:")
}

// packageDir is the folder of the package.json that holds for the code; "" where there is none.
func (j *job) packageDir() string {
	top := j.dir
	if real, err := filepath.EvalSymlinks(j.project); err == nil && within(j.dir, real) {
		top = real
	}
	for d := j.dir; ; d = filepath.Dir(d) {
		if st, err := os.Stat(filepath.Join(d, "package.json")); err == nil && st.Mode().IsRegular() {
			return d
		}
		if d == top || d == filepath.Dir(d) {
			return ""
		}
	}
}

// findModule looks for an installed package as Node does; "" where there is none.
func findModule(from, name string) string {
	for d := from; ; d = filepath.Dir(d) {
		m := filepath.Join(d, "node_modules", filepath.FromSlash(name))
		if st, err := os.Stat(m); err == nil && st.IsDir() {
			return m
		}
		if d == filepath.Dir(d) {
			return ""
		}
	}
}

// excerpt is a tool's words without the middle where they are long: a reason stands at the start (npm) or at the end (pip, make). Lines with one of
// the given texts are left out.
func excerpt(output string, without ...string) string {
	var lines []string
	for line := range strings.Lines(output) {
		if !slices.ContainsFunc(without, func(w string) bool { return strings.Contains(line, w) }) {
			lines = append(lines, line)
		}
	}
	if n := len(lines); n > 60 {
		lines = slices.Concat(lines[:20], []string{"…\n"}, lines[n-39:])
	}
	return strings.TrimSpace(strings.Join(lines, ""))
}
