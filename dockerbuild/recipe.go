package dockerbuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// code chooses the recipe: by BuildMethod, else by the runtime and what the folder holds.
func (j *job) code(ctx context.Context) (*Artifact, error) {
	switch {
	case j.fn.PackageType == "Image":
		return j.imageFunction(ctx)
	case j.fn.Code.Dir == "":
		return j.inline(ctx)
	}
	st, err := os.Stat(j.fn.Code.Dir)
	if err != nil {
		return nil, j.fail("open code", cause(err)+": "+j.fn.Code.Dir, "Mend CodeUri (or dir) of the function, or make the folder.", err)
	}
	if j.dir, err = filepath.EvalSymlinks(j.fn.Code.Dir); err != nil {
		return nil, j.fail("open code", err.Error(), "", err)
	}
	if !st.IsDir() {
		return j.archive(ctx)
	}
	if j.fn.Code.SkipBuild {
		return j.inPlace("as it is")
	}
	switch method := j.fn.Code.BuildMethod; method {
	case "makefile":
		return j.makefile(ctx)
	case "go1.x", "go":
		return j.golang(ctx)
	case "esbuild":
		return j.esbuild(ctx)
	case "python-uv":
		return j.python(ctx)
	case "rust-cargolambda", "rust":
		return j.rust(ctx)
	case "dockerfile":
		return j.dockerfile(ctx)
	case "compose":
		return j.compose(ctx)
	case "native":
		return j.native(ctx)
	case "":
		return j.byRuntime(ctx)
	default:
		// SAM also takes a runtime's name here, which says the same as no method at all.
		if family(method) == family(j.fn.Runtime) && family(method) != "" {
			return j.byRuntime(ctx)
		}
		return nil, j.fail("build", "BuildMethod "+method+" is not known",
			"Known are go1.x, makefile, esbuild, python-uv, rust-cargolambda, dockerfile, compose, native, and a runtime's own name.", nil)
	}
}

func (j *job) byRuntime(ctx context.Context) (*Artifact, error) {
	switch family(j.fn.Runtime) {
	case "provided":
		return j.provided(ctx)
	case "nodejs":
		if entry := typescript(j.dir, j.fn.Handler); entry != "" {
			return j.typescript(ctx, entry)
		}
		return j.node(ctx)
	case "python":
		return j.python(ctx)
	}
	if j.lambda {
		return j.inPlace("as it is") // its language has no recipe: the folder is what a makefile or Dockerfile, or the user, made
	}
	return nil, j.fail("build", "runtime "+j.fn.Runtime+" runs in containers only", "Serve it with --executor docker.", nil)
}

// family is a runtime without its version; go1.x, which AWS has retired, is a bootstrap by another name.
func family(runtime string) string {
	for _, f := range []string{"provided", "nodejs", "python"} {
		if strings.HasPrefix(runtime, f) {
			return f
		}
	}
	if strings.HasPrefix(runtime, "go1") {
		return "provided"
	}
	return ""
}

// provided runs an executable bootstrap as it is, as AWS would; else the folder is a Go package.
func (j *job) provided(ctx context.Context) (*Artifact, error) {
	bootstrap := filepath.Join(j.dir, "bootstrap")
	st, err := os.Stat(bootstrap)
	switch {
	case err == nil && st.Mode().IsRegular() && executable(st):
		return j.inPlace("bootstrap")
	case hasGo(j.dir):
		return j.golang(ctx)
	case isFile(filepath.Join(j.dir, "Cargo.toml")):
		return j.rust(ctx)
	case err == nil:
		return nil, j.fail("find bootstrap", bootstrap+" is not executable", "Run: chmod +x bootstrap", fs.ErrPermission)
	}
	return nil, j.fail("find bootstrap", "neither an executable bootstrap nor a Go package nor a Cargo.toml is in "+j.dir,
		"Runtime "+j.fn.Runtime+" runs the file bootstrap of the code's folder; a folder with a Go main package or a Rust program is built into one.", fs.ErrNotExist)
}

// inPlace is the artifact of code that needs no build: the user's own folder.
func (j *job) inPlace(recipe string) (*Artifact, error) {
	digest, err := treeDigest(j.dir)
	if err != nil {
		return nil, fmt.Errorf("read code: %w", err)
	}
	return &Artifact{Dir: j.dir, Digest: hash(recipe, digest), Inputs: []string{j.dir}, Cached: true}, nil
}

// inline writes the one source file of a function whose code stands in the configuration. AWS names it index, by the runtime's language.
func (j *job) inline(ctx context.Context) (*Artifact, error) {
	var name string
	switch family(j.fn.Runtime) {
	case "nodejs":
		name = "index.js"
	case "python":
		name = "index.py"
	default:
		return nil, j.fail("write inline code", "inline code is for nodejs and python functions only, not for "+j.fn.Runtime, "", nil)
	}
	digest := hash("inline", name, j.fn.Code.Inline)
	dir, err := j.store.put(ctx, "inline", digest, func(tmp string) error {
		return os.WriteFile(filepath.Join(tmp, name), []byte(j.fn.Code.Inline), 0o644)
	})
	if err != nil {
		return nil, fmt.Errorf("write inline code: %w", err)
	}
	return &Artifact{Dir: dir, Digest: digest, Cached: true}, nil
}

// archive unpacks code that is a zip file.
func (j *job) archive(ctx context.Context) (*Artifact, error) {
	if family(j.fn.Runtime) == "" && !j.lambda {
		return j.byRuntime(ctx)
	}
	dir, digest, err := j.unzip(ctx, j.dir)
	if err != nil {
		return nil, err
	}
	return &Artifact{Dir: dir, Digest: digest, Inputs: []string{j.dir}, Cached: true}, nil
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// cause is the reason in an error of package os, without its path.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
