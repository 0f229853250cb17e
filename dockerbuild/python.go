package dockerbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"example.com/emulate/emulator/docker"
)

// python runs Python from the user's own folder. What its requirements ask for and the folder does not hold is installed into the cache. For Lambda the
// artifact is complete: the code and the packages in one folder, as AWS wants them.
func (j *job) python(ctx context.Context) (*Artifact, error) {
	reqs, err := j.requirements()
	if err != nil {
		return nil, err
	}
	if reqs == nil || !j.lambda && reqs.satisfied(j.dir) {
		a, err := j.inPlace("python")
		if err == nil && reqs != nil {
			a.Inputs = outermost(append(a.Inputs, reqs.files...))
		}
		return a, err
	}
	if err := j.tools(ctx); err != nil {
		return nil, err
	}
	version := j.toolState("python3") + j.fn.Runtime + j.goarch
	var py *python
	if !j.inContainer() {
		if py, err = j.interpreter(ctx); err != nil {
			return nil, err
		}
		version = py.version + fmt.Sprint(j.lambda, j.fn.Runtime, j.goarch)
	}
	key, fresh := hash("python 2", reqs.kind, reqs.text, version, j.system(), runtime.GOARCH), false
	dir, err := j.store.put(ctx, "pip", key, func(tmp string) error {
		fresh = true
		if py == nil {
			if py, err = j.interpreter(ctx); err != nil {
				return err
			}
		}
		return j.installPython(ctx, py, reqs, tmp)
	})
	if err != nil {
		return nil, err
	}
	a, err := j.withPackages(ctx, dir, key)
	if err != nil {
		return nil, err
	}
	a.Inputs, a.Cached = outermost(append([]string{j.dir}, reqs.files...)), a.Cached && !fresh
	return a, nil
}

// withPackages joins code and installed packages: in one folder for Lambda, else by a search path. The code's own files win.
func (j *job) withPackages(ctx context.Context, packages, key string) (*Artifact, error) {
	if !j.lambda {
		a, err := j.inPlace("python")
		if err == nil {
			a.PythonPath, a.Digest = []string{packages}, hash(a.Digest, key)
		}
		return a, err
	}
	a := &Artifact{}
	var err error
	a.Dir, a.Digest, a.Cached, err = j.fromTree(ctx, "python", key, func(tmp string) error {
		if err := copyTree(j.dir, tmp, false); err != nil {
			return fmt.Errorf("copy code: %w", err)
		}
		return linkTree(packages, tmp)
	})
	return a, err
}

// python is an interpreter that works.
type python struct {
	once    sync.Once
	path    string
	version string // implementation, version and binary interface: what compiled packages depend on
	err     error
}

// interpreter finds the python that will run the function, once per runtime. A name on PATH proves nothing (version managers put names there for
// versions that are not active), so it is run.
func (j *job) interpreter(ctx context.Context) (*python, error) {
	key := j.fn.Runtime
	if j.image != nil {
		key += " " + j.image.ID
	}
	j.mu.Lock()
	py := j.pythons[key]
	if py == nil {
		py = &python{}
		j.pythons[key] = py
	}
	j.mu.Unlock()
	py.once.Do(func() { py.err = j.findPython(ctx, py) })
	if py.err == nil {
		return py, nil
	}
	j.mu.Lock()
	delete(j.pythons, key) // it may be installed later
	j.mu.Unlock()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if j.image != nil {
		var engine *docker.Error
		if errors.As(py.err, &engine) {
			return nil, j.engineFailed("find "+j.fn.Runtime, py.err, forTools)
		}
		return nil, j.missingTool("find "+j.fn.Runtime, j.fn.Runtime, "", py.err)
	}
	e := j.fail("find "+j.fn.Runtime, py.err.Error(), "Install Python (https://www.python.org): requirements.txt asks for packages.", py.err)
	e.Missing = j.fn.Runtime
	return nil, e
}

func (j *job) findPython(ctx context.Context, py *python) error {
	candidates := []string{j.fn.Runtime, "python3", "python"}
	if j.opts.Interpreter != nil && j.image == nil {
		name, err := j.opts.Interpreter(j.fn.Runtime)
		if err != nil {
			return err
		}
		candidates = []string{name}
	}
	const ask = "import sys, sysconfig; print(sys.executable); print(sys.implementation.name, sys.version_info[:3], sysconfig.get_config_var('SOABI'), sys.version_info >= (3,))"
	var errs []error
	for _, name := range candidates {
		out, err := j.runner.Run(ctx, Command{Quiet: true, Dir: j.dir, Args: []string{name, "-c", ask}})
		path, version, ok := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if err == nil && ok && strings.HasSuffix(version, "True") {
			py.path, py.version = path, version
			return nil
		}
		if err != nil && !errors.Is(err, exec.ErrNotFound) {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(append([]error{errors.New("no Python 3 was found on PATH")}, errs...)...)
}

// requirements are what a function's packages are named by: a requirements.txt and the files that it includes, or a pyproject.toml and its lock.
type requirements struct {
	kind  string // the tool that reads them: pip, uv or poetry
	text  string // all files' text: the key of an install
	files []string
	lines []string
}

// include is a line that reads another file: -r FILE, --requirement=FILE, -c FILE.
var include = regexp.MustCompile(`^(?:-r|-c|--requirement|--constraint)[ =]*(\S.*)$`)

func readRequirements(path string) (*requirements, error) {
	r := &requirements{}
	return r, r.read(path, 0)
}

func (r *requirements) read(path string, depth int) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || depth > 20 {
		return nil // pip says it in its own words
	}
	if err != nil {
		return err
	}
	r.files = append(r.files, path)
	r.text += string(b) + "\x00"
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if m := include.FindStringSubmatch(line); m != nil {
			if err := r.read(filepath.Join(filepath.Dir(path), m[1]), depth+1); err != nil {
				return err
			}
			r.lines = append(r.lines, line)
			continue
		}
		r.lines = append(r.lines, line)
	}
	return nil
}

// plain is a requirement that can be checked without pip: a name, and a version or none.
var plain = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\s*==\s*([0-9A-Za-z.+!-]+))?$`)

// satisfied says whether the folder itself holds everything. Whatever is more than a name and an exact version counts as missing: only pip knows.
func (r *requirements) satisfied(dir string) bool {
	if r.kind != "pip" {
		return false
	}
	have := installed(dir)
	for _, line := range r.lines {
		m := plain.FindStringSubmatch(line)
		if m == nil {
			return false
		}
		version, ok := have[normal(m[1])]
		if !ok || m[2] != "" && m[2] != version {
			return false
		}
	}
	return true
}

// installed are the packages whose metadata lie in a folder, by normal name.
func installed(dir string) map[string]string {
	infos, _ := filepath.Glob(filepath.Join(dir, "*.dist-info"))
	have := map[string]string{}
	for _, i := range infos {
		name, version, _ := strings.Cut(strings.TrimSuffix(filepath.Base(i), ".dist-info"), "-")
		have[normal(name)] = version
	}
	return have
}

// normal is a package's name as PEP 503 compares it.
func normal(name string) string {
	return strings.ToLower(regexp.MustCompile(`[-_.]+`).ReplaceAllString(name, "-"))
}
