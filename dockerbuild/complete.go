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

	"example.com/emulate/emulator/config"
)

// nodeComplete is the artifact for Lambda: the code and its node_modules in one folder.
func (j *job) nodeComplete(ctx context.Context, deps *nodeDeps) (*Artifact, error) {
	a := &Artifact{Inputs: outermost(append([]string{j.dir}, deps.inputs...))}
	var err error
	a.Dir, a.Digest, a.Cached, err = j.fromTree(ctx, "node", hash("complete", deps.key, deps.kind), func(tmp string) error {
		if err := copyTree(j.dir, tmp, false); err != nil {
			return fmt.Errorf("copy code: %w", err)
		}
		if err := keepKind(tmp, deps.kind); err != nil {
			return err
		}
		return linkTree(deps.modules, filepath.Join(tmp, "node_modules"))
	})
	a.Cached = a.Cached && !deps.installed
	return a, err
}

// keepKind writes the package.json that a copy of code needs which had its "type" from one above it.
func keepKind(dir, kind string) error {
	own := filepath.Join(dir, "package.json")
	if _, err := os.Stat(own); kind == "" || !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.WriteFile(own, []byte(`{"type":"`+kind+`"}`), 0o644); err != nil {
		return fmt.Errorf("copy code: %w", err)
	}
	return nil
}

// linkTree makes a folder like another one of the cache, whose files never change: they are shared, not copied. What is there already stays.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		dest := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(dest, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return ignoreThere(os.Symlink(link, dest))
		case !d.Type().IsRegular():
			return nil
		}
		err = os.Link(path, dest)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return nil
		}
		return copyFile(path, dest) // a file system without links
	})
}

func ignoreThere(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// closure are the packages of a node_modules folder that some of its packages need, with these: package.json's dependencies, theirs, and so on. What a
// package has in a node_modules of its own comes with it, and may need others.
func closure(modules string, names []string) []string {
	seen := map[string]bool{}
	for queue := names; len(queue) > 0; queue = queue[1:] {
		dir := filepath.Join(modules, filepath.FromSlash(queue[0]))
		if seen[queue[0]] || !isDir(dir) {
			continue
		}
		seen[queue[0]] = true
		queue = append(queue, needs(dir)...)
	}
	return sortedKeys(seen)
}

// needs are the dependencies of a package and of those in its own node_modules.
func needs(dir string) []string {
	var pkg struct {
		packageJSON
		Peers map[string]string `json:"peerDependencies"`
	}
	content, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil || json.Unmarshal(content, &pkg) != nil {
		return nil
	}
	names := slices.Concat(sortedKeys(pkg.Dependencies), sortedKeys(pkg.Optional), sortedKeys(pkg.Peers))
	for _, pattern := range []string{"*", "@*/*"} {
		nested, _ := filepath.Glob(filepath.Join(dir, "node_modules", pattern))
		for _, n := range nested {
			names = append(names, needs(n)...)
		}
	}
	return names
}

// completeBundle puts the packages that a bundle for Lambda leaves outside beside it.
func (b *bundle) completeBundle(tmp string, _ map[string]string) error {
	if !b.complete {
		return nil
	}
	for _, name := range closure(b.deps.modules, b.outside) {
		name = filepath.FromSlash(name)
		if err := linkTree(filepath.Join(b.deps.modules, name), filepath.Join(tmp, "node_modules", name)); err != nil {
			return fmt.Errorf("link dependencies: %w", err)
		}
	}
	return nil
}

// copyRest copies the files of the code's folder that are not TypeScript and not made by the bundle.
func copyRest(dir, to string) error {
	files, _, err := walkTree(dir)
	if err != nil {
		return fmt.Errorf("copy files: %w", err)
	}
	for _, f := range files {
		dest := filepath.Join(to, relative(f.path, dir))
		if _, err := os.Lstat(dest); err == nil || !f.info.Mode().IsRegular() || inModules(relative(f.path, dir)) || isTypeScript(f.path) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
			return fmt.Errorf("copy files: %w", err)
		}
		if err := copyFile(f.path, dest); err != nil {
			return fmt.Errorf("copy files: %w", err)
		}
	}
	return nil
}

func isTypeScript(path string) bool {
	switch filepath.Ext(path) {
	case ".ts", ".mts", ".cts", ".tsx":
		return true
	}
	return false
}

// safe refuses what this machine's tools made for this machine: native files that would not run on Lambda.
func (j *job) safe(ctx context.Context, a *Artifact) error {
	tree, err := scanTree(ctx, a.Dir)
	if err != nil {
		return fmt.Errorf("check what was built: %w", err)
	}
	var words []string
	for _, d := range checkNatives(&bundleView{code: tree}, targetOf(j.fn), j.fn.Environment).diagnostics() {
		if d.Severity == config.Error {
			words = append(words, relative(d.File, a.Dir)+": "+d.Message)
		}
	}
	if len(words) == 0 {
		return nil
	}
	return j.fail("build on this machine", strings.Join(words, "\n"), "Build in a container: without --build-host.", nil)
}
