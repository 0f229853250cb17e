package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"

	"example.com/emulate/emulator/lambda"
)

// launch is one start, fully decided: what the platform-dependent files carry out.
type launch struct {
	path      string
	args, env []string
	dir       string
	slot      *slot
	view      view
	// searched are the paths for an InvalidEntrypointError, as the function sees them; nil where the platform chose the program.
	searched []string
}

// view is what the environment's mount namespace shows in other places than the host has it.
type view struct {
	// tmp says that the slot's folder is /tmp.
	tmp bool
	// opt are the layers that are /opt, nil where they are not mounted.
	opt []string
	// keep are paths under the host's /tmp that the processes need.
	keep []string
}

// none says that the environment sees what the host has.
func (v view) none() bool { return !v.tmp && v.opt == nil }

// special says that more than /tmp is shown.
func (v view) special() bool { return v.opt != nil || v.keep != nil }

// where the parts of an environment are, as its processes see them.
type places struct {
	// task is /var/task, runtime /var/runtime.
	task, runtime string
	// opt are the folders that are /opt, the uppermost first.
	opt []string
	// tmp is the environment's own folder, "" where it is /tmp.
	tmp string
	// bin is the interpreter's folder, "" without one.
	bin string
}

// plan decides how the runtime of spec is started in slot.
func (p *Process) plan(ctx context.Context, spec lambda.Spec, slot *slot) (*launch, error) {
	rt, ok := parseRuntime(spec.Function.Runtime)
	if !ok || spec.Function.PackageType == "Image" {
		return nil, fmt.Errorf("start function %s: runtime %q needs the container executor", spec.Function.Name, spec.Function.Runtime)
	}
	l := &launch{dir: spec.Code.Dir, slot: slot}
	at := places{task: spec.Code.Dir, runtime: "/var/runtime"}
	needed := slices.Concat([]string{spec.Code.Dir}, spec.Code.NodePath, spec.Code.PythonPath)
	var argv []string
	if rt.family != provided {
		found, err := p.interpreters.find(ctx, rt)
		if err != nil {
			return nil, fmt.Errorf("start function %s: find the interpreter of %s: %w", spec.Function.Name, rt.id, err)
		}
		clients, err := p.clients()
		if err != nil {
			return nil, fmt.Errorf("write the runtime clients: %w", err)
		}
		argv, at.runtime = p.interpret(rt, found, clients)
		at.bin = filepath.Dir(found.path)
		cache, _ := p.cacheDir()
		needed = append(needed, at.runtime, cache, installation(found.path))
	}
	at.opt = p.layers(l, spec, needed)
	p.privateTmp(l, &at, append(needed, spec.Function.Code.Dir))
	if err := l.choose(rt, spec, at, argv); err != nil {
		return nil, err
	}
	l.env = variables(spec, rt, at)
	return l, nil
}

// interpret is the command of a managed runtime, and the folder that is its /var/runtime.
func (p *Process) interpret(rt runtime, found interpreter, clients string) (argv []string, dir string) {
	dir = filepath.Join(clients, string(rt.family))
	if rt.family == node {
		return []string{found.path, "--enable-source-maps", filepath.Join(clients, nodeClient)}, dir
	}
	// Python's compiled modules go to the cache: /var/task is not written to on AWS, and a write to the user's folder would look like a change.
	cache, _ := p.cacheDir()
	return []string{found.path, "-X", "pycache_prefix=" + filepath.Join(cache, "pycache"), filepath.Join(clients, pythonClient)}, dir
}

// installation is the folder that an interpreter needs beside itself: the one above bin.
func installation(path string) string {
	dir := filepath.Dir(path)
	if filepath.Base(dir) == "bin" {
		return filepath.Dir(dir)
	}
	return dir
}

// layers decides where /opt is: mounted where that is permitted and hides nothing that is needed, else in the layers' own folders.
func (p *Process) layers(l *launch, spec lambda.Spec, needed []string) []string {
	layers := spec.Code.Layers
	if len(layers) == 0 {
		return nil
	}
	info, err := os.Stat("/opt")
	if p.host.private() && err == nil && info.IsDir() && !slices.ContainsFunc(needed, func(path string) bool { return under(path, "/opt") }) {
		l.view.opt = layers
		return []string{"/opt"}
	}
	above := slices.Clone(layers)
	slices.Reverse(above)
	return above
}

// privateTmp decides whether the slot's folder is /tmp, and what of the host's /tmp has to stay in sight.
func (p *Process) privateTmp(l *launch, at *places, needed []string) {
	if l.view.opt == nil {
		needed = append(needed, at.opt...)
	}
	if !p.host.private() || slices.Contains(needed, "/tmp") {
		at.tmp = l.slot.tmp
		return
	}
	l.view.tmp = true
	slices.Sort(needed)
	for _, path := range needed {
		if !under(path, "/tmp") || slices.ContainsFunc(l.view.keep, func(kept string) bool { return under(path, kept) }) {
			continue
		}
		if _, err := os.Stat(path); err == nil {
			l.view.keep = append(l.view.keep, path)
		}
	}
}

// under tells whether path is dir or lies in it.
func under(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}

// choose sets the program: bootstrap for provided runtimes, the interpreter for managed ones, behind the function's wrapper where it names one
// (spec lambda.md §5.1, §5.3).
func (l *launch) choose(rt runtime, spec lambda.Spec, at places, argv []string) error {
	if rt.family == provided {
		path, err := bootstrap(spec.Code)
		if err != nil {
			return err
		}
		l.searched = bootstraps
		l.path, l.args = at.seen(path, spec.Code, l.view), []string{at.seen(path, spec.Code, l.view)}
		return nil
	}
	if wrapper := spec.Function.Environment["AWS_LAMBDA_EXEC_WRAPPER"]; wrapper != "" {
		// The shell that AWS's bootstrap is says what is wrong with a wrapper, and ends with 127 or 126; and it runs one without "#!".
		argv = append([]string{"/bin/sh", "-c", `exec "$@"`, "bootstrap", at.wrapper(wrapper)}, argv...)
	}
	l.path, l.args = argv[0], argv
	return nil
}

// bootstraps are where a provided runtime's program is looked for, as the function sees it.
var bootstraps = []string{"/var/task/bootstrap", "/opt/bootstrap"}

// bootstrap finds the program of a provided runtime on the host: in the code, then in the layers, the uppermost first (spec lambda.md §5.3).
func bootstrap(code lambda.Code) (string, error) {
	name := "bootstrap"
	if goruntime.GOOS == "windows" {
		name += ".exe"
	}
	dirs := slices.Clone(code.Layers)
	slices.Reverse(dirs)
	for _, dir := range slices.Concat([]string{code.Dir}, dirs) {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && (info.Mode()&0o111 != 0 || goruntime.GOOS == "windows") {
			return path, nil
		}
	}
	return "", &lambda.InvalidEntrypointError{Searched: bootstraps}
}

// seen is a file of the code or of a layer under the name that the processes see: a mounted layer may lie where nothing else is in sight.
func (at places) seen(path string, code lambda.Code, v view) string {
	if v.opt == nil || filepath.Dir(path) == code.Dir {
		return path
	}
	return filepath.Join("/opt", filepath.Base(path))
}

// wrapper turns a container's path into this machine's, where that is another one.
func (at places) wrapper(path string) string {
	if rest, ok := strings.CutPrefix(path, "/var/task/"); ok {
		return filepath.Join(at.task, rest)
	}
	rest, ok := strings.CutPrefix(path, "/opt/")
	if !ok {
		return path
	}
	for _, dir := range at.opt {
		if _, err := os.Stat(filepath.Join(dir, rest)); !errors.Is(err, os.ErrNotExist) {
			return filepath.Join(dir, rest)
		}
	}
	return path
}

// handler is the function's handler, or what its build made of it.
func handler(spec lambda.Spec) string {
	return cmp.Or(spec.Code.Handler, spec.Function.Handler)
}
