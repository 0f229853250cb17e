package dockerbuild

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/evanw/esbuild/pkg/api"
)

// bundle is one run of esbuild.
type bundle struct {
	options api.BuildOptions
	// flags identify the options in a record.
	flags []string
	deps  *nodeDeps
	// external are the packages that stay outside of the bundle, and the folders where they are. nil bundles everything.
	external *externals
	// complete says that the bundle is for Lambda: packages come from what was installed for it, and outside names those that must lie beside it.
	complete bool
	outside  []string
	// tree is the digest of the code's folder where its other files belong to the artifact, too; "" where only the bundle does.
	tree string
}

// typescript bundles a TypeScript handler (no BuildMethod given): the user's own files, with installed packages left outside and linked beside the
// bundle, so that native modules, packages that look at their own files, and singletons work. The folder's other files (templates, data) are linked
// beside it, too. The format is that of the file, as TypeScript and Node have it: .mts, or .ts below "type": "module", is ESM.
func (j *job) typescript(ctx context.Context, entry string) (*Artifact, error) {
	deps, err := j.dependencies(ctx)
	if err != nil {
		return nil, err
	}
	flags := []string{"--format=cjs", "--target=node" + nodeMajor(j.fn.Runtime), "--sourcemap", "--sources-content=false", "--keep-names"}
	switch {
	case moduleFormat(entry) == "esm":
		flags[0] = "--format=esm"
		flags = append(flags, "--out-extension:.js=.mjs")
	case filepath.Ext(entry) == ".cts":
		flags = append(flags, "--out-extension:.js=.cjs")
	}
	b, err := j.newBundle(append(flags, entry), deps)
	if err != nil {
		return nil, err
	}
	if b.tree, err = j.treeDigest(j.dir); err != nil {
		return nil, fmt.Errorf("read code: %w", err)
	}
	b.options.Outbase = j.dir
	b.external = &externals{dirs: map[string]string{}, esm: b.options.Format == api.FormatESModule}
	return j.bundle(ctx, b)
}

// esbuild is SAM's BuildMethod: everything becomes one file, by the given properties over SAM's defaults.
func (j *job) esbuild(ctx context.Context) (*Artifact, error) {
	flags, err := esbuildFlags(j.fn.Code.BuildProperties)
	if err != nil {
		return nil, j.fail("esbuild", err.Error(), "", err)
	}
	entries, err := j.entryPoints()
	if err != nil {
		return nil, j.fail("esbuild", err.Error(), "Name the files below Metadata, BuildProperties, EntryPoints.", err)
	}
	deps, err := j.dependencies(ctx)
	if err != nil {
		return nil, err
	}
	b, err := j.newBundle(append(flags, entries...), deps)
	if err != nil {
		return nil, err
	}
	return j.bundle(ctx, b)
}

func (j *job) newBundle(flags []string, deps *nodeDeps) (*bundle, error) {
	options, err := parseFlags(append(flags, "--bundle", "--platform=node"))
	if err != nil {
		return nil, j.fail("esbuild", err.Error(), "", err)
	}
	// Source maps name files relative to the output's folder. Any name will do for its last part: the entry's own is known after the build.
	options.Outdir = j.store.path("esbuild", "out")
	options.AbsWorkingDir = j.dir
	options.Metafile = true
	options.LogLevel = api.LogLevelSilent
	b := &bundle{options: options, flags: append(flags, deps.key, fmt.Sprint(j.lambda)), deps: deps, complete: j.lambda && deps.modules != ""}
	if deps.modules != "" {
		b.options.NodePaths = []string{deps.modules}
	}
	if b.complete {
		b.outside = b.options.External
	}
	return b, nil
}

// bundle runs esbuild, unless nothing that it read last time has changed.
func (j *job) bundle(ctx context.Context, b *bundle) (*Artifact, error) {
	settings := hash(append([]string{"esbuild 1", b.tree}, b.flags...)...)
	rec := j.store.record(j.key, settings)
	now := newSnapshot()
	if rec != nil {
		var changed []string
		if now, changed = rec.Snapshot.compare(); len(changed) == 0 && j.store.valid(&rec.Artifact) {
			return j.unchanged(rec, now), nil
		}
	}
	begun := time.Now()
	b.addFallbacks()
	j.progress(Progress{Step: "esbuild", State: StepStarted})
	result := api.Build(b.options)
	var err error
	if len(result.Errors) > 0 {
		err = j.esbuildFailed(b, result.Errors, rec)
	}
	j.progress(Progress{Step: "esbuild", State: StepDone, Elapsed: time.Since(begun), Err: err})
	if err != nil {
		return nil, err
	}
	read, err := j.inputs(result.Metafile, b)
	if err != nil {
		return nil, err
	}
	read.keep(now, begun)
	a, err := j.storeBundle(ctx, b, result.OutputFiles)
	if err != nil {
		return nil, err
	}
	a.Inputs = outermost(append([]string{j.dir}, slices.Concat(read.watch(), b.deps.inputs)...))
	return a, j.store.saveRecord(j.key, &record{Settings: settings, Snapshot: read, Artifact: *a})
}

// storeBundle writes the output, and links the packages that stayed outside beside it.
func (j *job) storeBundle(ctx context.Context, b *bundle, files []api.OutputFile) (*Artifact, error) {
	parts := []string{"bundle", b.tree}
	for _, f := range files {
		parts = append(parts, relative(f.Path, b.options.Outdir), f.Hash)
	}
	links := b.links(j.dir)
	for _, name := range sortedKeys(links) {
		parts = append(parts, name, links[name])
	}
	if b.complete {
		b.outside = append(b.outside, sortedKeys(links)...)
	}
	parts = append(parts, b.outside...)
	if j.lambda {
		parts = append(parts, b.deps.key)
	}
	digest := hash(parts...)
	dir, err := j.store.put(ctx, "esbuild", digest, func(tmp string) error {
		for _, f := range files {
			dest := filepath.Join(tmp, relative(f.Path, b.options.Outdir))
			if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
				return fmt.Errorf("write bundle: %w", err)
			}
			if err := os.WriteFile(dest, f.Contents, 0o644); err != nil {
				return fmt.Errorf("write bundle: %w", err)
			}
		}
		beside, rest := linkModules, linkRest
		if j.lambda {
			beside, rest = b.completeBundle, copyRest
		}
		if err := beside(tmp, links); err != nil || b.tree == "" {
			return err
		}
		return rest(j.dir, tmp)
	})
	if err != nil {
		return nil, err
	}
	a := &Artifact{Dir: dir, Digest: digest, SourceMaps: b.options.Sourcemap != api.SourceMapNone, Handler: builtHandler(dir, j.fn.Handler)}
	if b.deps.modules != "" && !j.lambda {
		a.NodePath = []string{b.deps.modules}
	}
	return a, nil
}

// builtHandler is the handler without its folders, where the bundle lies without them; SAM renames it by the same rule.
func builtHandler(dir, handler string) string {
	module := handlerModule(handler)
	has := func(m string) bool {
		return slices.ContainsFunc([]string{".js", ".mjs", ".cjs"}, func(ext string) bool {
			_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(m)+ext))
			return err == nil
		})
	}
	if base := path.Base(module); base != module && !has(module) && has(base) {
		return path.Base(handler)
	}
	return ""
}

// handlerModule is the file of a Node handler without its extension: all before the first dot of the last path element.
func handlerModule(handler string) string {
	dir, base := path.Split(handler)
	module, _, _ := strings.Cut(base, ".")
	return path.Join(dir, module)
}

// typescript is the TypeScript file of a handler; "" where the handler is JavaScript. JavaScript beside it wins: it is what Lambda would run.
func typescript(dir, handler string) string {
	module := filepath.Join(dir, filepath.FromSlash(handlerModule(handler)))
	for _, ext := range []string{"", ".js", ".mjs", ".cjs"} {
		if st, err := os.Stat(module + ext); err == nil && st.Mode().IsRegular() {
			return ""
		}
	}
	for _, ext := range []string{".ts", ".mts", ".cts", ".tsx"} {
		if st, err := os.Stat(module + ext); err == nil && st.Mode().IsRegular() {
			return module + ext
		}
	}
	return ""
}

// moduleFormat is "esm" or "cjs", as Node would load the file: by its extension, else by the next package.json.
func moduleFormat(file string) string {
	switch filepath.Ext(file) {
	case ".mts", ".mjs":
		return "esm"
	case ".cts", ".cjs":
		return "cjs"
	}
	for d := filepath.Dir(file); ; d = filepath.Dir(d) {
		var pkg packageJSON
		if b, err := os.ReadFile(filepath.Join(d, "package.json")); err == nil && json.Unmarshal(b, &pkg) == nil {
			if pkg.Type == "module" {
				return "esm"
			}
			return "cjs"
		}
		if d == filepath.Dir(d) || filepath.Base(d) == "node_modules" {
			return "cjs"
		}
	}
}

func nodeMajor(runtime string) string {
	major, _, _ := strings.Cut(strings.TrimPrefix(runtime, "nodejs"), ".")
	if major == "" {
		return "18"
	}
	return major
}

// inputs looks at what esbuild read: the user's files, the manifests of installed packages, the names in the user's folders (a new file can change how an import is found), and the package.json and
// tsconfig.json that hold for them, there or not.
func (j *job) inputs(metafile string, b *bundle) (snapshot, error) {
	var meta struct {
		Inputs map[string]json.RawMessage `json:"inputs"`
	}
	s := newSnapshot()
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return s, fmt.Errorf("read esbuild's metafile: %w", err)
	}
	dirs := map[string]bool{j.dir: true}
	for name := range meta.Inputs {
		file := name
		if !filepath.IsAbs(file) {
			file = filepath.Join(j.dir, filepath.FromSlash(name))
		}
		if _, err := os.Stat(file); err != nil {
			continue // a module of esbuild's own making, such as "(disabled):fs"
		}
		switch pkg := installedManifest(file); {
		case within(file, j.store.dir): // never changes
		case pkg != "":
			s.addFile(pkg)
		default:
			s.addFile(file)
			s.addDir(filepath.Dir(file), true)
			for d := filepath.Dir(file); !dirs[d]; d = filepath.Dir(d) {
				dirs[d] = true
			}
		}
	}
	for d := j.dir; d != filepath.Dir(d); d = filepath.Dir(d) {
		dirs[d] = true
	}
	for d := range dirs {
		s.addFile(filepath.Join(d, "package.json"))
		s.addFile(filepath.Join(d, "tsconfig.json"))
		others, _ := filepath.Glob(filepath.Join(d, "tsconfig*.json")) // one may extend another
		for _, o := range others {
			s.addFile(o)
		}
	}
	for _, link := range b.links(j.dir) {
		s.addFile(filepath.Join(link, "package.json"))
	}
	return s, nil
}

// installedManifest is the package.json of the installed package that a file belongs to; "" for the user's own files. A bundle may hold thousands of
// such files; an install changes this one.
func installedManifest(file string) string {
	const modules = string(filepath.Separator) + "node_modules" + string(filepath.Separator)
	i := strings.LastIndex(file, modules)
	if i < 0 {
		return ""
	}
	i += len(modules)
	return filepath.Join(file[:i], filepath.FromSlash(packageName(filepath.ToSlash(file[i:]))), "package.json")
}

// watch is the watcher's list of what lies outside of node_modules and exists.
func (s snapshot) watch() []string {
	var paths []string
	for f, st := range s.Files {
		if st.Size >= 0 && !inModules(f) {
			paths = append(paths, f)
		}
	}
	for d := range s.Dirs {
		paths = append(paths, d)
	}
	return paths
}

func (j *job) esbuildFailed(b *bundle, messages []api.Message, rec *record) *Error {
	for i := range messages {
		j.relocate(messages[i].Location)
		for n := range messages[i].Notes {
			j.relocate(messages[i].Notes[n].Location)
		}
	}
	words := api.FormatMessages(messages, api.FormatMessagesOptions{Kind: api.ErrorMessage})
	e := j.fail("esbuild", strings.TrimSpace(strings.Join(words, "")), "", fmt.Errorf("%d errors", len(messages)))
	for _, m := range messages {
		for name := range b.deps.pkg.DevDependencies {
			if strings.HasPrefix(m.Text, `Could not resolve "`+name) {
				e.Hint = name + " is a devDependency, and those are not installed by the build: run npm install, or move it to dependencies."
			}
		}
	}
	if rec != nil {
		e.Inputs = rec.Artifact.Inputs
	}
	return e
}

// relocate makes a message's file relative to the project.
func (j *job) relocate(l *api.Location) {
	if l == nil || l.File == "" || filepath.IsAbs(l.File) {
		return
	}
	if abs := filepath.Join(j.dir, filepath.FromSlash(l.File)); l.Namespace == "" || l.Namespace == "file" {
		l.File = relative(abs, j.project)
	}
}
