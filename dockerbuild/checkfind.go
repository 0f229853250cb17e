package dockerbuild

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/emulate/emulator/config"
)

// What is deployed is what `emulate build` made, where it did and nothing has changed since; else the code's folder or zip file as it is.

// Where a report's bundle was found.
const (
	// FromBuild is a folder that `emulate build` made, newer than the sources.
	FromBuild = "build"
	// FromCode is the code's folder as it is; FromArchive its zip file; FromInline the text of the configuration.
	FromCode, FromArchive, FromInline = "code", "archive", "inline"
	// FromSources is a folder of sources that no build has made a bundle of: nothing in it can be checked yet.
	FromSources = "sources"
	// FromImage is a function of package type Image, whose content an engine has.
	FromImage = "image"
)

// buildFirst is the mend of what cannot be checked before it is built.
const buildFirst = "Run `emulate build` first."

// locate finds the bundle's tree, and tells what keeps it from being the whole. There is none for images and sources.
func (c *Checker) locate(ctx context.Context, r *BundleReport, fn *config.Function) (*bundleTree, error) {
	switch {
	case fn.PackageType == "Image":
		r.From = FromImage
		return nil, nil
	case fn.Code.Dir == "":
		r.From = FromInline
		return c.inline(ctx, fn)
	}
	if dir := c.built(r, fn); dir != "" {
		r.From, r.Dir = FromBuild, dir
		return c.tree(ctx, dir)
	}
	r.Dir = fn.Code.Dir
	st, err := os.Stat(fn.Code.Dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("find the code: %w", err)
	case !st.IsDir():
		r.From = FromArchive
		r.archive = st.Size()
		return c.tree(ctx, fn.Code.Dir)
	}
	if why := sourcesOf(fn); why != "" {
		r.From = FromSources
		r.warn("not-built", buildFirst, "%s: what is deployed cannot be checked before it is built", why)
		return nil, nil
	}
	r.From = FromCode
	if missing := notInstalled(fn); len(missing) > 0 {
		r.warn("not-built", buildFirst, "the code's folder does not have its dependencies (%s): they are not checked", some(missing, 3))
	}
	return c.tree(ctx, fn.Code.Dir)
}

// built finds what `emulate build` made of a function: in the folder that it was told, or in the cache, by the record of the last build. "" where there
// is nothing, or something has changed since, which is told.
func (c *Checker) built(r *BundleReport, fn *config.Function) string {
	if c.opts.Built != "" {
		dir := filepath.Join(c.opts.Built, fn.LogicalID)
		if abs, err := filepath.Abs(dir); err == nil && isFolder(abs) {
			return abs
		}
		r.warn("no-build", "Run `emulate build -o "+c.opts.Built+"` first.", "%s is not there, the code is checked as it is", dir)
		return ""
	}
	b := readBuilt(c.opts.CacheDir, fn)
	if b == nil {
		return ""
	}
	if newer := newerThan(b.Inputs, b.Began); newer != "" {
		r.warn("stale-build", buildFirst, "%s has changed since the last `emulate build`, whose result is left aside", relative(newer, projectDir(fn)))
		return ""
	}
	return b.Dir
}

// builtRecord is what the check must know of the last build of a function for Lambda.
type builtRecord struct {
	// Dir is the artifact's folder, Inputs what it was made of.
	Dir    string
	Inputs []string
	// Began is when the build began to read its inputs.
	Began time.Time
}

// builtFile is the record's file. Another setting of the function is another record.
func builtFile(cacheDir string, fn *config.Function) string {
	key, err := json.Marshal([]any{fn.LogicalID, fn.Runtime, fn.Handler, fn.Code, fn.Architecture, projectDir(fn)})
	if err != nil {
		key = fmt.Appendf(nil, "%#v", fn.Code) // a property that is not JSON, as in Builder.sourceKey
	}
	return filepath.Join(cacheDir, "records", "built-"+hash(string(key))+".json")
}

// rememberBuilt notes the artifact of a function that was built for Lambda, so that the check looks at it. began is when the build began.
func rememberBuilt(cacheDir string, fn *config.Function, a *Artifact, began time.Time) error {
	content, err := json.Marshal(builtRecord{a.Dir, a.Inputs, began})
	if err != nil {
		return fmt.Errorf("note the build of function %s: %w", fn.Name, err)
	}
	file := builtFile(cacheDir, fn)
	return writeAtomic(filepath.Dir(file), file, content)
}

// readBuilt reads the record of a function; nil where there is none, or the folder is gone.
func readBuilt(cacheDir string, fn *config.Function) *builtRecord {
	var b builtRecord
	content, err := os.ReadFile(builtFile(cacheDir, fn))
	if err != nil || json.Unmarshal(content, &b) != nil {
		return nil
	}
	if !isFolder(b.Dir) {
		return nil
	}
	return &b
}

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// newerThan is one of some files, or of the files of some folders, that was changed after a time; "" where there is none.
func newerThan(inputs []string, when time.Time) (newer string) {
	for _, input := range inputs {
		_ = filepath.WalkDir(input, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				if path == input {
					newer = path // it is gone
				}
				return nil
			}
			if d.IsDir() {
				if path != input && skipDir(d.Name()) {
					return fs.SkipDir
				}
				return nil
			}
			if info, err := d.Info(); err == nil && info.ModTime().After(when) {
				newer = path
				return fs.SkipAll
			}
			return nil
		})
		if newer != "" {
			return newer
		}
	}
	return ""
}

// sourcesOf says why a function's folder holds sources only; "" where it may be deployed as it is.
func sourcesOf(fn *config.Function) string {
	dir := fn.Code.Dir
	if m := fn.Code.BuildMethod; m != "" && !fn.Code.SkipBuild && family(m) == "" {
		return "its BuildMethod is " + m
	}
	t := targetOf(fn)
	switch t.family {
	case "provided":
		if _, err := os.Stat(filepath.Join(dir, "bootstrap")); err == nil {
			return ""
		}
		if hasGo(dir) {
			return "its folder holds Go sources"
		}
		return sourcesBy(dir, "Cargo.toml", "Makefile", "CMakeLists.txt", "Package.swift", "build.zig", "pom.xml", "build.gradle", "build.gradle.kts", "*.csproj")
	case "nodejs":
		if typescript(dir, fn.Handler) != "" {
			return "its handler is TypeScript"
		}
	case "java":
		return sourcesBy(dir, "pom.xml", "build.gradle", "build.gradle.kts")
	case "dotnet":
		return sourcesBy(dir, "*.csproj", "*.fsproj")
	}
	return ""
}

func sourcesBy(dir string, patterns ...string) string {
	for _, p := range patterns {
		if found, _ := filepath.Glob(filepath.Join(dir, p)); len(found) > 0 {
			return "its folder holds sources (" + filepath.Base(found[0]) + ")"
		}
	}
	return ""
}

// notInstalled are the dependencies that a manifest in the code's folder asks for and neither the folder nor a layer nor the runtime has.
func notInstalled(fn *config.Function) []string {
	var missing []string
	switch t := targetOf(fn); t.family {
	case "nodejs":
		var pkg packageJSON
		content, err := os.ReadFile(filepath.Join(fn.Code.Dir, "package.json"))
		if err != nil || json.Unmarshal(content, &pkg) != nil {
			return nil
		}
		dirs := []string{filepath.Join(fn.Code.Dir, "node_modules")}
		for _, l := range fn.Layers {
			dirs = append(dirs, filepath.Join(l, "nodejs", "node_modules"), filepath.Join(l, "nodejs", "node"+t.major, "node_modules"))
		}
		for name := range pkg.Dependencies {
			inRuntime := strings.HasPrefix(name, "@aws-sdk/") || name == "aws-sdk" || strings.HasPrefix(name, "@types/")
			if !inRuntime && !slices.ContainsFunc(dirs, func(d string) bool { _, err := os.Stat(filepath.Join(d, filepath.FromSlash(name))); return err == nil }) {
				missing = append(missing, name)
			}
		}
	case "python":
		missing = requirementsMissing(fn, t.major)
	}
	slices.Sort(missing)
	return missing
}

// requirementsMissing compares requirements.txt with the metadata of what is installed.
func requirementsMissing(fn *config.Function, version string) []string {
	reqs, err := readRequirements(filepath.Join(fn.Code.Dir, "requirements.txt"))
	if err != nil {
		return nil
	}
	have := installed(fn.Code.Dir)
	for _, l := range fn.Layers {
		for _, dir := range []string{"python", filepath.Join("python", "lib", "python"+version, "site-packages")} {
			for name, v := range installed(filepath.Join(l, dir)) {
				have[name] = v
			}
		}
	}
	var missing []string
	for _, line := range reqs.lines {
		end := strings.IndexAny(line, " <>=!~[;@(")
		if end < 0 {
			end = len(line)
		}
		name := normal(line[:end])
		if _, ok := have[name]; !ok && line[0] != '-' && line[0] != '.' && name != "boto3" && name != "botocore" {
			missing = append(missing, name)
		}
	}
	return missing
}
