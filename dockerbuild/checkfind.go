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

// locate finds the bundle's tree, and tells what keeps it from being the whole.
func (c *Checker) locate(ctx context.Context, r *BundleReport, fn *config.Function, project string) (*bundleTree, error) {
	switch {
	case fn.PackageType == "Image":
		r.From = FromImage
		return nil, nil
	case fn.Code.Dir == "":
		r.From = FromInline
		return c.inline(ctx, fn)
	}
	built := filepath.Join(project, ".emulate", "build", fn.LogicalID)
	st, err := os.Stat(built)
	if err == nil && st.IsDir() {
		if newer := newerSource(fn, st.ModTime()); newer == "" {
			r.From, r.Dir = FromBuild, built
			return c.tree(ctx, built)
		} else {
			r.add(fn, "stale-build", "Run `emulate build` first.", "%s is newer than %s, which is left aside", relative(newer, project), relative(built, project))
		}
	}
	r.Dir = fn.Code.Dir
	st, err = os.Stat(fn.Code.Dir)
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
		r.add(fn, "not-built", "Run `emulate build` first.", "%s: what is deployed cannot be checked before it is built", why)
		return nil, nil
	}
	r.From = FromCode
	t, err := c.tree(ctx, fn.Code.Dir)
	if err != nil {
		return nil, err
	}
	if missing := notInstalled(fn); len(missing) > 0 {
		r.add(fn, "not-built", "Run `emulate build` first.", "the code's folder does not have its dependencies (%s): they are not checked", some(missing, 3))
	}
	return t, nil
}

// newerSource is a source file that was changed after a build, "" where there is none.
func newerSource(fn *config.Function, built time.Time) (newer string) {
	_ = filepath.WalkDir(fn.Code.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be read is the build's affair
		}
		if d.IsDir() && path != fn.Code.Dir && (skipDir(d.Name()) || d.Name() == ".emulate") {
			return fs.SkipDir
		}
		if info, err := d.Info(); err == nil && !d.IsDir() && info.ModTime().After(built) {
			newer = path
			return fs.SkipAll
		}
		return nil
	})
	return newer
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
