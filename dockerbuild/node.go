package dockerbuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// node runs JavaScript from the user's own folder. Only where dependencies had to be installed into the cache is the code copied beside them: Node's
// import looks for node_modules above the real path of the importing file and nowhere else (NODE_PATH is for require alone, and a symbolic link is
// followed first), and nothing may be written to the user's folder. The copies carry source maps, so that stack traces still name the user's files.
func (j *job) node(ctx context.Context) (*Artifact, error) {
	deps, err := j.dependencies(ctx)
	if err != nil {
		return nil, err
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
	for range 5 {
		tree, err := treeDigest(j.dir)
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
			if after, err := treeDigest(j.dir); err != nil || after != tree {
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
	d := &nodeDeps{inputs: []string{file}}
	if err := json.Unmarshal(content, &d.pkg); err != nil {
		e := j.fail("read package.json", relative(file, j.project)+": "+err.Error(), "", err)
		e.Inputs = []string{j.dir, file}
		return nil, e
	}
	d.kind = d.pkg.Type
	var missing []string
	for name := range d.pkg.Dependencies {
		if findModule(j.dir, name) == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return d, nil
	}
	for _, name := range missing {
		spec := d.pkg.Dependencies[name]
		for _, local := range []string{"file:", "link:", "workspace:", ".", "/"} {
			if strings.HasPrefix(spec, local) {
				return nil, j.fail("npm install", fmt.Sprintf("%s asks for the local package %s (%s), which is not installed", relative(file, j.project), name, spec),
					"Run npm install in "+dir+".", nil)
			}
		}
	}
	return d, j.npm(ctx, dir, content, d)
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

// npm installs the dependencies into the cache, once for the same package.json, lock, registry settings and node.
func (j *job) npm(ctx context.Context, dir string, manifest []byte, d *nodeDeps) error {
	files := map[string][]byte{}
	step := "install"
	for _, name := range []string{"npm-shrinkwrap.json", "package-lock.json", ".npmrc"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		files[name] = b
		d.inputs = append(d.inputs, filepath.Join(dir, name))
		if name != ".npmrc" {
			step = "ci"
		}
	}
	pkg, err := installable(manifest, step == "ci")
	if err != nil {
		return fmt.Errorf("read package.json: %w", err)
	}
	files["package.json"] = pkg
	parts := []string{"npm 1", runtime.GOOS, runtime.GOARCH, toolState("node")}
	for _, name := range []string{"package.json", "npm-shrinkwrap.json", "package-lock.json", ".npmrc"} {
		parts = append(parts, string(files[name]))
	}
	d.key = hash(parts...)
	entry, err := j.store.put(ctx, "npm", d.key, func(tmp string) error {
		d.installed = true
		return j.npmRun(ctx, step, tmp, files)
	})
	d.modules = filepath.Join(entry, "node_modules")
	return err
}

// installable is a package.json for an install away from its sources: without the package's own scripts (which want the sources, and would build or
// set up git hooks), its name and its version, so that changing these installs nothing anew. npm ci compares devDependencies with the lock; npm install
// would ask the registry for them, so they go.
func installable(manifest []byte, locked bool) ([]byte, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, err
	}
	if !locked {
		delete(m, "devDependencies")
	}
	keep := map[string]json.RawMessage{}
	for _, k := range []string{"dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "peerDependenciesMeta",
		"bundleDependencies", "bundledDependencies", "overrides", "workspaces", "engines"} {
		if v, ok := m[k]; ok {
			keep[k] = v
		}
	}
	return json.Marshal(keep)
}

func (j *job) npmRun(ctx context.Context, step, tmp string, files map[string][]byte) error {
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(tmp, name), content, 0o600); err != nil {
			return fmt.Errorf("prepare npm: %w", err)
		}
	}
	args := []string{"npm", step, "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier"}
	err := j.tool(ctx, "npm "+step, "Install Node.js with npm (https://nodejs.org), or install the dependencies into the project yourself.",
		Command{Dir: tmp, Args: args})
	var failed *Error
	if errors.As(err, &failed) && failed.Missing == "" {
		words, _, _ := strings.Cut(strings.ReplaceAll(failed.Output, tmp, "."), "npm error Usage:") // npm adds its manual page
		failed.Output = excerpt(words, "A complete log of this run")
		failed.Hint = "Mend package.json or its lock file; or run npm install in the project: installed dependencies are used as they are."
	}
	if err != nil {
		return err
	}
	_ = os.Remove(filepath.Join(tmp, ".npmrc")) // it may hold a registry's token
	if err := os.MkdirAll(filepath.Join(tmp, "node_modules"), 0o755); err != nil {
		return fmt.Errorf("prepare npm: %w", err)
	}
	return nil
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
