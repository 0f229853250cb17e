package dockerbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"example.com/emulate/emulator/docker"
	"go.yaml.in/yaml/v4"
)

// taskDir is where Lambda has a function's code, and where a Dockerfile for building is expected to leave it.
const taskDir = "/var/task"

// dockerfile builds the user's own Dockerfile and takes a folder of the image as the artifact.
func (j *job) dockerfile(ctx context.Context) (*Artifact, error) {
	b := &imageBuild{context: j.dir, args: map[string]string{}}
	var errs []error
	text := func(name string) string {
		s, err := j.text(name)
		errs = append(errs, err)
		return s
	}
	if c := text("context"); c != "" {
		b.context = j.beside(c)
	}
	b.file = filepath.Join(b.context, "Dockerfile")
	if f := text("dockerfile"); f != "" {
		b.file = resolve(b.context, f)
	}
	b.target = text("target")
	args, err := j.texts("args")
	errs = append(errs, err)
	for _, kv := range args {
		name, value, _ := strings.Cut(kv, "=")
		b.args[name] = value
	}
	path := text("path")
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return j.fromImage(ctx, b, path)
}

// beside is a path of the function's build settings: relative to its code.
func (j *job) beside(path string) string { return resolve(j.dir, path) }

func resolve(dir, path string) string {
	path = filepath.FromSlash(path)
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// fromImage is the artifact of a build that leaves it in an image.
func (j *job) fromImage(ctx context.Context, b *imageBuild, path string) (*Artifact, error) {
	if path == "" {
		path = taskDir
	}
	engine, err := j.findEngine(ctx)
	if err != nil {
		return nil, j.engineFailed("find a container engine", err, forImage)
	}
	b.tag = "emulate-build/" + strings.ToLower(j.fn.LogicalID)
	id, cached, err := j.buildOnce(ctx, engine, b)
	if err != nil {
		return nil, err
	}
	digest := hash("image", id, path)
	dir, err := j.store.put(ctx, "image", digest, func(tmp string) error {
		cached = false
		return j.takeOut(ctx, engine, id, path, tmp)
	})
	if err != nil {
		return nil, err
	}
	return &Artifact{Dir: dir, Digest: digest, Inputs: b.inputs(), Cached: cached}, nil
}

// takeOut copies a folder out of an image.
func (j *job) takeOut(ctx context.Context, engine *docker.Engine, image, path, to string) error {
	// The container never runs; an image without a command still wants one.
	id, err := engine.Create(ctx, docker.Spec{Image: image, Entrypoint: []string{"/bin/true"}, Platform: j.platform(engine), Labels: j.labels()})
	if err != nil {
		return j.engineFailed("open the image", err, forImage)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
		defer cancel()
		_ = engine.Remove(ctx, id)
	}()
	err = copyOut(ctx, engine, id, path, to)
	var failed *docker.Error
	if errors.As(err, &failed) && failed.Kind == docker.NotFound {
		return j.fail("docker build", "the image has no "+path, "The Dockerfile must leave the function's code in "+path+"; another folder is named by path.", err)
	}
	if err != nil {
		return fmt.Errorf("copy %s out of the image: %w", path, err)
	}
	if entries, err := os.ReadDir(to); err != nil || len(entries) == 0 {
		return j.fail("docker build", path+" of the image is empty", "The Dockerfile must leave the function's code in "+path+"; another folder is named by path.", err)
	}
	return nil
}

// labels are those of all containers of builds.
func (j *job) labels() map[string]string {
	labels := map[string]string{ownerLabel: j.fn.Name}
	for k, v := range j.opts.Labels {
		labels[k] = v
	}
	return labels
}

// compose builds a service of the user's compose.yaml, by its build section, and takes a folder of the image as the artifact.
func (j *job) compose(ctx context.Context) (*Artifact, error) {
	service, err1 := j.text("service")
	name, err2 := j.text("file")
	path, err3 := j.text("path")
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	file := j.composeFile(name)
	if file == "" {
		return nil, j.fail("read compose.yaml", "no compose.yaml is in "+j.dir+" or "+j.project, "Name it by file.", nil)
	}
	b, err := composeBuild(file, service)
	if err != nil {
		e := j.fail("read "+relative(file, j.project), err.Error(), "", err)
		e.Inputs = []string{j.dir, file}
		return nil, e
	}
	a, err := j.fromImage(ctx, b, path)
	if err == nil {
		a.Inputs = outermost(append(a.Inputs, file))
	}
	return a, err
}

func (j *job) composeFile(name string) string {
	names := []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}
	if name != "" {
		names = []string{name}
	}
	for _, dir := range []string{j.dir, j.project} {
		for _, n := range names {
			if p := resolve(dir, n); isFile(p) {
				return p
			}
		}
	}
	return ""
}

// composeBuild reads one service's build section.
func composeBuild(file, service string) (*imageBuild, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Services map[string]struct {
			Build yaml.Node
		}
	}
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return nil, err
	}
	s, ok := doc.Services[service]
	switch {
	case !ok:
		return nil, fmt.Errorf("it has no service %q; it has %s", service, strings.Join(sortedKeys(doc.Services), ", "))
	case s.Build.IsZero():
		return nil, fmt.Errorf("service %s has no build section", service)
	}
	var build struct {
		Context, Dockerfile, Target string
		Inline                      string    `yaml:"dockerfile_inline"`
		Args                        yaml.Node `yaml:"args"`
	}
	if s.Build.Kind == yaml.ScalarNode {
		build.Context = s.Build.Value
	} else if err := s.Build.Decode(&build); err != nil {
		return nil, fmt.Errorf("service %s: build: %w", service, err)
	}
	if build.Inline != "" {
		return nil, fmt.Errorf("service %s: dockerfile_inline is not supported: put it into a file", service)
	}
	fill := composeValues(filepath.Dir(file))
	b := &imageBuild{context: resolve(filepath.Dir(file), fill(build.Context)), target: fill(build.Target)}
	b.file = filepath.Join(b.context, "Dockerfile")
	if build.Dockerfile != "" {
		b.file = resolve(b.context, fill(build.Dockerfile))
	}
	b.args, err = composeArgs(&build.Args, fill)
	return b, err
}

// composeArgs are a map, or a list of KEY=VALUE; a key without a value takes it from the environment.
func composeArgs(n *yaml.Node, fill func(string) string) (map[string]string, error) {
	args := map[string]string{}
	if n.IsZero() {
		return args, nil
	}
	var list []string
	if n.Decode(&list) == nil {
		for _, kv := range list {
			name, value, given := strings.Cut(kv, "=")
			if args[name] = fill(value); !given {
				args[name] = os.Getenv(name)
			}
		}
		return args, nil
	}
	var m map[string]*string
	if err := n.Decode(&m); err != nil {
		return nil, fmt.Errorf("build: args: %w", err)
	}
	for name, value := range m {
		if value == nil {
			args[name] = os.Getenv(name)
		} else {
			args[name] = fill(*value)
		}
	}
	return args, nil
}

// composeVar is $NAME, ${NAME}, ${NAME:-default}, ${NAME-default}, or $$ for a dollar.
var composeVar = regexp.MustCompile(`\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?-)([^}]*))?\})`)

// composeValues fills in variables as compose does: from the environment, else from the .env file beside compose.yaml.
func composeValues(dir string) func(string) string {
	file := map[string]string{}
	content, _ := os.ReadFile(filepath.Join(dir, ".env"))
	for line := range strings.Lines(string(content)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			file[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return func(s string) string {
		return composeVar.ReplaceAllStringFunc(s, func(m string) string {
			p := composeVar.FindStringSubmatch(m)
			if m == "$$" {
				return "$"
			}
			name := p[1] + p[2]
			value, given := os.LookupEnv(name)
			if !given {
				value, given = file[name]
			}
			if !given && p[3] != "" || p[3] == ":-" && value == "" {
				return p[4]
			}
			return value
		})
	}
}
