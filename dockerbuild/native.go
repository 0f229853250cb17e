package dockerbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"example.com/emulate/emulator/docker"
)

// nativeRecipe is a recipe of packages and commands, and what of their results the function gets.
type nativeRecipe struct {
	packages, commands []string
	// files are programs by name (jq), or paths in the container, absolute or relative to the code's folder; each with ":" and a path in the artifact, or
	// without. Without any, the programs that are called like the packages.
	files []string
}

// native adds native programs to a function: packages are installed and commands run in the build image, as root, and the results come with the shared
// libraries that they need and the runtime's image lacks: programs in bin/, libraries in lib/, which Lambda's LD_LIBRARY_PATH holds. The function's own code
// is built as if it had no BuildMethod.
func (j *job) native(ctx context.Context) (*Artifact, error) {
	r, err := j.nativeRecipe()
	if err != nil {
		return nil, err
	}
	made, key, fresh, err := j.nativeFiles(ctx, r)
	if err != nil {
		return nil, err
	}
	base, err := j.nativeBase(ctx, made)
	if err != nil {
		return nil, err
	}
	a := *base
	a.Digest = hash("native", base.Digest, key)
	a.Dir, err = j.store.put(ctx, "native", a.Digest, func(tmp string) error {
		fresh = true
		copyBase := linkTree
		if !within(base.Dir, j.store.dir) {
			copyBase = func(from, to string) error { return copyTree(from, to, true) }
		}
		if err := copyBase(base.Dir, tmp); err != nil {
			return fmt.Errorf("copy code: %w", err)
		}
		return linkTree(made, tmp)
	})
	a.Cached = base.Cached && !fresh
	return &a, err
}

func (j *job) nativeRecipe() (*nativeRecipe, error) {
	packages, err1 := j.texts("packages")
	commands, err2 := j.texts("commands")
	files, err3 := j.texts("files")
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if len(packages)+len(commands) == 0 {
		return nil, j.fail("read build settings", "a native build needs packages or commands", "build: {method: native, packages: [jq], files: [jq]}", nil)
	}
	if len(files) == 0 {
		files = packages
	}
	return &nativeRecipe{packages: packages, commands: commands, files: files}, nil
}

// nativeBase is the function's own code. A provided runtime may get its bootstrap from the recipe.
func (j *job) nativeBase(ctx context.Context, made string) (*Artifact, error) {
	if family(j.fn.Runtime) == "provided" && isFile(filepath.Join(made, "bootstrap")) {
		return j.inPlace("native")
	}
	return j.byRuntime(ctx)
}

// nativeFiles makes the programs and libraries, once for the same recipe, image and sources.
func (j *job) nativeFiles(ctx context.Context, r *nativeRecipe) (dir, key string, fresh bool, err error) {
	// There is no such thing on this machine: the container is the point of it.
	own := *j
	own.lambda, own.host, own.goarch = true, false, goarch(j.fn.Architecture)
	if err := own.tools(ctx); err != nil {
		return "", "", false, err
	}
	tree := ""
	if len(r.commands) > 0 || slices.ContainsFunc(r.files, func(f string) bool { return strings.Contains(f, "/") && !strings.HasPrefix(f, "/") }) {
		if tree, err = own.treeDigest(j.dir); err != nil {
			return "", "", false, fmt.Errorf("read code: %w", err)
		}
	}
	libs, err := own.runtimeLibraries(ctx)
	if err != nil {
		return "", "", false, err
	}
	parts := slices.Concat([]string{"native 1", own.image.ID, libs.image, tree}, r.packages, []string{"|"}, r.commands, []string{"|"}, r.files)
	key = hash(parts...)
	dir, err = j.store.put(ctx, "native", key, func(tmp string) error {
		fresh = true
		return own.nativeRun(ctx, r, libs, tmp)
	})
	return dir, key, fresh, err
}

// install is the script that installs packages with whatever the image has for that.
const install = `set -e
if command -v dnf >/dev/null; then exec dnf install -y "$@"
elif command -v microdnf >/dev/null; then exec microdnf install -y "$@"
elif command -v yum >/dev/null; then exec yum install -y "$@"
elif command -v apt-get >/dev/null; then apt-get update && DEBIAN_FRONTEND=noninteractive exec apt-get install -y --no-install-recommends "$@"
elif command -v apk >/dev/null; then exec apk add "$@"
fi
echo "no package manager is in this image (looked for dnf, microdnf, yum, apt-get, apk)"; exit 1`

// nativeRun carries the recipe out in a container of its own, which nothing else is built in: packages change it.
func (j *job) nativeRun(ctx context.Context, r *nativeRecipe, libs *libraries, tmp string) error {
	spec := *j.runner.(boxRunner).spec
	b, err := j.boxes.create(ctx, &spec, "/nowhere", false)
	if err != nil {
		return j.engineFailed("start a build container", err, forTools)
	}
	defer b.close(ctx)
	b.user = "0:0"
	own := *j
	own.runner = alone{b}
	c := Command{Dir: j.dir, Reads: []string{j.dir}, Env: []string{"HOME=/root", "LAMBDA_TASK_ROOT=" + taskDir}}
	step := func(name string, args ...string) error {
		c.Args = args
		err := own.tool(ctx, name, "", c)
		var failed *Error
		if errors.As(err, &failed) {
			failed.Output = excerpt(relativeTo(j.dir, ".", failed.Output))
		}
		return err
	}
	if len(r.packages) > 0 {
		if err := step("install "+strings.Join(r.packages, " "), append([]string{"/bin/sh", "-c", install, "sh"}, r.packages...)...); err != nil {
			return err
		}
	}
	for _, line := range r.commands {
		if err := step(line, "/bin/sh", "-c", line); err != nil {
			return err
		}
	}
	g := &gathering{job: &own, box: b, libs: libs, dir: tmp}
	for _, f := range r.files {
		if err := g.result(ctx, f); err != nil {
			return err
		}
	}
	return g.needed(ctx)
}

// alone runs commands in one box, whatever becomes of it.
type alone struct{ box *box }

// Run implements Runner.
func (a alone) Run(ctx context.Context, c Command) ([]byte, error) { return a.box.run(ctx, c) }

// gathering collects results and the libraries that they need.
type gathering struct {
	*job
	box  *box
	libs *libraries // what the runtime's image has
	dir  string
	// found are the shared libraries of the container, by name; read once one is asked for.
	found map[string]string
}

// result copies one named result.
func (g *gathering) result(ctx context.Context, file string) error {
	from, to, _ := strings.Cut(file, ":")
	real, err := g.ask(ctx, `f=$1; case $f in */*) ;; *) f=$(command -v "$f") || exit 1;; esac; [ -e "$f" ] && readlink -f "$f"`, from)
	if err != nil {
		var engine *docker.Error
		if errors.As(err, &engine) {
			return err
		}
		return g.fail("collect "+from, "there is no "+from+" after the packages and commands", "files names programs on PATH, or paths; relative ones start at the code's folder.", err)
	}
	scratch, err := g.store.temp()
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	kind, err := g.ask(ctx, `[ -d "$1" ] && echo dir || echo file`, real)
	if err != nil {
		return err
	}
	if err := copyOut(ctx, g.box.engine, g.box.id, real, scratch); err != nil {
		return err
	}
	if to == "" {
		to = path.Base(from)
		if kind != "dir" {
			to = place(filepath.Join(scratch, path.Base(real))) + to
		}
	}
	dest := filepath.Join(g.dir, filepath.FromSlash(path.Clean("/"+to)))
	if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
		return err
	}
	if kind == "dir" {
		return copyTree(scratch, dest, true)
	}
	return copyFile(filepath.Join(scratch, path.Base(real)), dest)
}

// ask runs a line of shell in the code's folder and gives its one line of output.
func (g *gathering) ask(ctx context.Context, line, arg string) (string, error) {
	out, err := g.runner.Run(ctx, Command{Quiet: true, Dir: g.job.dir, Reads: []string{}, Args: []string{"/bin/sh", "-c", line, "sh", arg}})
	return strings.TrimSpace(string(out)), err
}
