package dockerbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// requirements finds what names the function's packages: a lock of uv or poetry, else requirements.txt, else the dependencies in pyproject.toml, which
// are only read where somebody asks for it (BuildMethod python-uv) or the artifact is for Lambda. nil where there are none.
func (j *job) requirements() (*requirements, error) {
	at := func(name string) string { return filepath.Join(j.dir, name) }
	has := func(name string) bool { _, err := os.Stat(at(name)); return err == nil }
	r := &requirements{kind: "pip"}
	uv := j.fn.Code.BuildMethod == "python-uv"
	var files []string
	switch {
	case has("uv.lock") && has("pyproject.toml"):
		r.kind, files = "uv", []string{"pyproject.toml", "uv.lock"}
	case has("poetry.lock") && has("pyproject.toml"):
		r.kind, files = "poetry", []string{"pyproject.toml", "poetry.lock"}
	case has("requirements.txt"):
		if uv {
			r.kind = "uv"
		}
		if err := r.read(at("requirements.txt"), 0); err != nil {
			return nil, fmt.Errorf("read requirements: %w", err)
		}
		return r, nil
	case has("pyproject.toml") && (uv || j.lambda):
		content, err := os.ReadFile(at("pyproject.toml"))
		if err != nil {
			return nil, fmt.Errorf("read requirements: %w", err)
		}
		switch {
		case poetryTable.Match(content):
			r.kind = "poetry"
		case projectDeps.Match(content):
			r.kind = "uv"
		default:
			return nil, nil
		}
		files = []string{"pyproject.toml"}
	default:
		return nil, nil
	}
	for _, name := range files {
		if err := r.read(at(name), 20); err != nil { // the depth says that no line of it includes another file
			return nil, fmt.Errorf("read requirements: %w", err)
		}
	}
	return r, nil
}

var (
	poetryTable = regexp.MustCompile(`(?m)^\[tool\.poetry\.dependencies\]`)
	projectDeps = regexp.MustCompile(`(?m)^dependencies\s*=\s*\[\s*[^\]\s]`)
)

// localRequirement is a line that names a folder or a file.
var localRequirement = regexp.MustCompile(`^(-e|--editable|\.|/)|(^|@\s*)file:`)

func (r *requirements) local() bool {
	return slices.ContainsFunc(r.lines, localRequirement.MatchString)
}

// pythonTool is a tool of Python that may have to be fetched: its packages, and the words that start it.
type pythonTool struct {
	args, env []string
}

// installPython installs the requirements into tmp. pip runs in the code's folder, since requirements.txt may name files there.
func (j *job) installPython(ctx context.Context, py *python, r *requirements, tmp string) error {
	list, err := j.exportRequirements(ctx, py, r)
	if err != nil {
		return err
	}
	dir, from := j.dir, inside(list)
	switch {
	case filepath.Dir(list) != j.dir:
		defer os.RemoveAll(filepath.Dir(list))
	case j.lambda && r.local():
		// Packages are built beside their sources: those of the project get a copy.
		if dir, err = j.store.temp(); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if err := copyTree(j.dir, dir, false); err != nil {
			return fmt.Errorf("copy code: %w", err)
		}
		fallthrough
	default:
		from = "requirements.txt" // so pip's words name it
	}
	reads := append([]string{filepath.Dir(list), dir}, j.roots()...)
	if r.kind == "uv" {
		tool, err := j.pythonTool(ctx, py, "uv", "uv")
		if err != nil {
			return err
		}
		args := append(tool.args, "pip", "install", "--target", inside(tmp), "--python", py.path, "--no-progress", "--color=never", "-r", from)
		return j.pythonFailed(j.tool(ctx, "uv pip install", "Install uv (https://docs.astral.sh/uv).",
			Command{Dir: dir, Args: append(args, j.uvTarget()...), Env: tool.env, Reads: reads, Writes: []string{tmp}}), py)
	}
	args := []string{py.path, "-m", "pip", "install", "--target", inside(tmp), "-r", from, "--disable-pip-version-check", "--no-input",
		"--no-warn-script-location", "--progress-bar=off"}
	if j.lambda {
		args = append(args, "--no-compile")
	}
	return j.pythonFailed(j.tool(ctx, "pip install", "Install Python with pip (https://www.python.org).",
		Command{Dir: dir, Args: append(args, j.pipTarget()...), Env: []string{"PIP_USER=0", "PIP_ROOT_USER_ACTION=ignore"}, Reads: reads, Writes: []string{tmp}}), py)
}

func (j *job) pythonFailed(err error, py *python) error {
	var failed *Error
	if errors.As(err, &failed) && failed.Missing == "" && failed.Hint == "" {
		switch {
		case strings.Contains(failed.Output, "No module named pip"):
			failed.Hint, failed.Missing = "Install pip: "+py.path+" -m ensurepip", "pip"
		case j.lambda && !j.inContainer():
			failed.Hint = "On this machine only ready-made wheels can be installed for Lambda: build in a container, without --build-host, what has none."
		case j.lambda:
			failed.Hint = "Mend the requirements."
		default:
			failed.Hint = "Mend requirements.txt; or install into the code's folder: " + py.path + " -m pip install -t . -r requirements.txt"
		}
		failed.Output = excerpt(failed.Output, "[notice]")
	}
	return err
}

// glibcs are the C libraries' versions that wheels are made for, as far as the function's runtime has them.
func (j *job) glibcs() []string {
	if targetOf(j.fn).name == amazonLinux2().name {
		return []string{"2_26", "2_17"}
	}
	return []string{"2_34", "2_28", "2_26", "2_17"}
}

func (j *job) machine() string {
	if j.goarch == "arm64" {
		return "aarch64"
	}
	return "x86_64"
}

// pipTarget makes pip on this machine install what runs on Lambda: wheels only, since what is compiled here is for here.
func (j *job) pipTarget() []string {
	if !j.lambda || j.inContainer() {
		return nil
	}
	args := []string{"--only-binary=:all:", "--implementation=cp", "--python-version=" + strings.TrimPrefix(j.fn.Runtime, "python")}
	for _, v := range j.glibcs() {
		args = append(args, "--platform=manylinux_"+v+"_"+j.machine())
	}
	return append(args, "--platform=manylinux2014_"+j.machine())
}

// uvTarget is the same for uv, which takes one platform.
func (j *job) uvTarget() []string {
	if !j.lambda || j.inContainer() {
		return nil
	}
	glibc := "2_34"
	if j.glibcs()[0] == "2_26" {
		glibc = "2_17"
	}
	return []string{"--only-binary=:all:", "--python-version=" + strings.TrimPrefix(j.fn.Runtime, "python"), "--python-platform=" + j.machine() + "-manylinux_" + glibc}
}

// exportRequirements turns a lock, or a pyproject.toml, into a list of requirements in a folder of its own. uv takes a requirements.txt as it is.
func (j *job) exportRequirements(ctx context.Context, py *python, r *requirements) (string, error) {
	if len(r.files) == 0 || filepath.Base(r.files[0]) == "requirements.txt" {
		return filepath.Join(j.dir, "requirements.txt"), nil
	}
	tmp, err := j.store.temp()
	if err != nil {
		return "", err
	}
	list := filepath.Join(tmp, "requirements.txt")
	out := inside(list)
	locked := len(r.files) > 1
	if r.kind == "uv" {
		args := []string{"pip", "compile", "--quiet", "--no-header", "--python", py.path, "-o", out, "pyproject.toml"}
		if locked {
			args = []string{"export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-editable", "--python", py.path, "-o", out}
		}
		return list, j.pythonStep(ctx, py, "uv", []string{"uv"}, Command{Dir: j.dir, Args: args, Env: []string{"UV_PYTHON_DOWNLOADS=never"}, Writes: []string{tmp}})
	}
	// poetry writes beside the project: it gets a copy of what it reads.
	for _, f := range r.files {
		if err := copyFile(f, filepath.Join(tmp, filepath.Base(f))); err != nil {
			return "", fmt.Errorf("copy requirements: %w", err)
		}
	}
	packages := []string{"poetry", "poetry-plugin-export"}
	c := Command{Dir: tmp, Reads: []string{}, Writes: []string{tmp}}
	if !locked {
		c.Args = []string{"lock", "--no-interaction", "--no-ansi"}
		if err := j.pythonStep(ctx, py, "poetry", packages, c); err != nil {
			return "", err
		}
	}
	c.Args = []string{"export", "--format", "requirements.txt", "--no-interaction", "--no-ansi", "--output", out}
	return list, j.pythonStep(ctx, py, "poetry", packages, c)
}

// pythonStep runs a tool of Python's.
func (j *job) pythonStep(ctx context.Context, py *python, name string, packages []string, c Command) error {
	tool, err := j.pythonTool(ctx, py, name, packages...)
	if err != nil {
		return err
	}
	step := name + " " + c.Args[0]
	c.Args, c.Env = append(tool.args, c.Args...), append(tool.env, c.Env...)
	err = j.tool(ctx, step, "Install "+name+".", c)
	var failed *Error
	if errors.As(err, &failed) && failed.Hint == "" {
		failed.Output, failed.Hint = excerpt(relativeTo(c.Dir, ".", failed.Output)), "Mend pyproject.toml or its lock file."
		if strings.Contains(failed.Output, `command "export"`) || strings.Contains(failed.Output, "command export") {
			failed.Hint = "Install poetry's plugin: poetry self add poetry-plugin-export"
		}
	}
	return err
}

// pythonTool finds a tool. AWS's build images have none of these for all users: there pip puts it into the volume of caches, once.
func (j *job) pythonTool(ctx context.Context, py *python, name string, packages ...string) (*pythonTool, error) {
	if j.image == nil {
		return &pythonTool{args: []string{name}}, nil
	}
	check := Command{Dir: j.dir, Args: []string{name, "--version"}, Reads: []string{}}
	if _, err := j.runner.Run(ctx, check); err == nil && len(packages) == 1 {
		return &pythonTool{args: []string{name}}, nil
	} else if err != nil && !errors.Is(err, exec.ErrNotFound) && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	dir := boxCache + "/tools/" + name
	tool := &pythonTool{args: []string{py.path, "-m", name}, env: []string{"PYTHONPATH=" + dir}}
	check.Args, check.Env = append(tool.args, "--version"), tool.env
	if _, err := j.runner.Run(ctx, check); err == nil {
		return tool, nil
	}
	args := append([]string{py.path, "-m", "pip", "install", "--quiet", "--upgrade", "--target", dir, "--disable-pip-version-check", "--no-input", "--progress-bar=off"}, packages...)
	return tool, j.pythonFailed(j.tool(ctx, "install "+name, "", Command{Dir: "/", Args: args, Env: []string{"PIP_USER=0"}, Reads: []string{}}), py)
}
