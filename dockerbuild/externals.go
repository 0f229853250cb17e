package dockerbuild

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/evanw/esbuild/pkg/api"
)

// externals are the packages that a bundle leaves outside.
type externals struct {
	esm  bool // the bundle's format
	mu   sync.Mutex
	dirs map[string]string // package → its folder, <…>/node_modules/<package>
}

// resolving marks a question that our own plugin asks, so that it does not answer itself.
type resolving struct{}

// addFallbacks adds the rules that esbuild does not have: AWS's SDK (v3), which Lambda's Node runtimes bring along, stays outside where the user has
// not installed it; and, if the bundle has externals, so do installed packages that the user's own files import.
func (b *bundle) addFallbacks() {
	b.options.Plugins = []api.Plugin{{Name: "emulate", Setup: func(pb api.PluginBuild) {
		pb.OnResolve(api.OnResolveOptions{Filter: `^[^./]`}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			if _, ours := a.PluginData.(resolving); ours || a.Kind == api.ResolveEntryPoint || filepath.IsAbs(a.Path) {
				return api.OnResolveResult{}, nil
			}
			sdk := strings.HasPrefix(a.Path, "@aws-sdk/") || strings.HasPrefix(a.Path, "@smithy/")
			own := b.complete && !inModules(a.Importer) && isDir(filepath.Join(b.deps.modules, filepath.FromSlash(packageName(a.Path))))
			if own {
				a.ResolveDir = filepath.Dir(b.deps.modules)
			}
			if !own && !sdk && (b.external == nil || inModules(a.Importer) || b.complete) {
				return api.OnResolveResult{}, nil
			}
			found := pb.Resolve(a.Path, api.ResolveOptions{Importer: a.Importer, Namespace: a.Namespace, ResolveDir: a.ResolveDir, Kind: a.Kind,
				With: a.With, PluginData: resolving{}})
			if len(found.Errors) > 0 {
				if sdk {
					return api.OnResolveResult{Path: a.Path, External: true}, nil
				}
				return api.OnResolveResult{}, nil // esbuild says it in its own words
			}
			if b.external == nil || inModules(a.Importer) || found.External || b.complete && !own {
				return b.resolved(own, found), nil
			}
			path, ok := b.external.take(a, found.Path, b.options.NodePaths)
			if !ok {
				return b.resolved(own, found), nil
			}
			return api.OnResolveResult{Path: path, External: true}, nil
		})
	}}}
}

// resolved is the answer for a package that is bundled: the one that was installed for Lambda, else what esbuild finds by itself.
func (b *bundle) resolved(own bool, found api.ResolveResult) api.OnResolveResult {
	if !own {
		return api.OnResolveResult{}
	}
	r := api.OnResolveResult{Path: found.Path, External: found.External, Namespace: found.Namespace, Suffix: found.Suffix, PluginData: found.PluginData}
	if !found.SideEffects {
		r.SideEffects = api.SideEffectsFalse
	}
	return r
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// take decides whether a package stays outside, and under which path it is imported then. Bundled are: what really lies outside of node_modules (a
// workspace, maybe of TypeScript), what Node could not load from a bundle of this format, and a second version of a package that is already outside.
func (e *externals) take(a api.OnResolveArgs, file string, nodePaths []string) (path string, ok bool) {
	real, err := filepath.EvalSymlinks(file)
	if err != nil || !inModules(real) || !e.loadable(a.Kind, real) {
		return "", false
	}
	name := packageName(a.Path)
	found := findModule(a.ResolveDir, name)
	for _, p := range nodePaths {
		if found == "" {
			found = findModule(filepath.Dir(p), name)
		}
	}
	if found == "" {
		return "", false // an alias of a tsconfig.json
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if have, ok := e.dirs[name]; ok && have != found {
		return "", false
	}
	e.dirs[name] = found
	if e.esm && a.Path != name {
		return exactPath(a.Path, name, found, real), true
	}
	return a.Path, true
}

// loadable says whether Node can load a package's file from the bundle. Versions before 22.12 cannot require an ES module; an import of JSON wants
// an attribute that TypeScript's users need not write.
func (e *externals) loadable(kind api.ResolveKind, real string) bool {
	switch {
	case e.esm:
		return filepath.Ext(real) != ".json"
	case kind == api.ResolveJSDynamicImport:
		return true
	}
	return moduleFormat(real) != "esm"
}

// exactPath is the import of a file within a package as an ES module must write it, with its extension, where the package does not name its entries
// itself (exports).
func exactPath(imported, name, dir, real string) string {
	var pkg struct {
		Exports json.RawMessage `json:"exports"`
	}
	b, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err == nil && json.Unmarshal(b, &pkg) == nil && pkg.Exports != nil {
		return imported
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil || !within(real, dir) {
		return imported
	}
	return name + "/" + filepath.ToSlash(relative(real, dir))
}

// packageName is the package of an import: its first path element, or two where it has a scope.
func packageName(imported string) string {
	parts := strings.SplitN(imported, "/", 3)
	if strings.HasPrefix(imported, "@") && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

// links are the packages to put beside the bundle: those that it imports, and the other dependencies of package.json, which code may ask for by a
// computed name.
func (b *bundle) links(dir string) map[string]string {
	if b.external == nil {
		return nil
	}
	b.external.mu.Lock()
	defer b.external.mu.Unlock()
	links := maps.Clone(b.external.dirs)
	for name := range b.deps.pkg.Dependencies {
		if links[name] != "" {
			continue
		}
		if m := findModule(dir, name); m != "" {
			links[name] = m
		} else if b.deps.modules != "" {
			links[name] = filepath.Join(b.deps.modules, filepath.FromSlash(name))
		}
	}
	return links
}

// linkModules makes a node_modules folder of links. Node follows them, so a package finds its own dependencies where it really is.
func linkModules(dir string, links map[string]string) error {
	for name, to := range links {
		link := filepath.Join(dir, "node_modules", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return fmt.Errorf("link dependencies: %w", err)
		}
		if err := os.Symlink(to, link); err != nil {
			return fmt.Errorf("link dependencies: %w", err)
		}
	}
	return nil
}

// linkRest links the files of the code's folder that are not TypeScript and not made by the bundle.
func linkRest(dir, to string) error {
	files, _, err := walkTree(dir)
	if err != nil {
		return fmt.Errorf("link files: %w", err)
	}
	for _, f := range files {
		switch filepath.Ext(f.path) {
		case ".ts", ".mts", ".cts", ".tsx":
			continue
		}
		link := filepath.Join(to, relative(f.path, dir))
		if _, err := os.Lstat(link); err == nil || f.info.IsDir() || inModules(link) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return fmt.Errorf("link files: %w", err)
		}
		if err := os.Symlink(f.path, link); err != nil {
			return fmt.Errorf("link files: %w", err)
		}
	}
	return nil
}

// inModules says whether a file belongs to an installed package.
func inModules(path string) bool {
	return slices.Contains(strings.Split(filepath.ToSlash(path), "/"), "node_modules")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
