package dockerbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/docker"
)

// outputParent is the folder of a project that holds what emulate itself makes, such as Output's folders. It is no source.
const outputParent = ".emulate"

// forLambda says whether a function's artifact is for Lambda's own Linux rather than for this machine.
func (b *Builder) forLambda(fn *config.Function) bool {
	return b.opts.InContainer != nil && b.opts.InContainer(fn)
}

// goarch is AWS's name of a processor in Go's words.
func goarch(architecture string) string {
	if architecture == "arm64" {
		return "arm64"
	}
	return "amd64"
}

// inContainer says whether the tools of this build run in a container.
func (j *job) inContainer() bool { return j.lambda && !j.host }

// tools gets the place where this build's tools run ready: for a container its image, pulled where it is missing. The container itself starts with the
// first command.
func (j *job) tools(ctx context.Context) error {
	if !j.inContainer() || j.image != nil {
		return nil
	}
	engine, err := j.findEngine(ctx)
	if err != nil {
		return j.engineFailed("find a container engine", err, forTools)
	}
	ref, platform := j.buildImage(), j.platform(engine)
	image, err := j.getImage(ctx, engine, ref, forTools)
	if err != nil {
		return err
	}
	j.image = image
	spec := &boxSpec{engine: engine, image: image, ref: ref, platform: platform, roots: j.roots(), temp: filepath.Join(j.store.dir, "tmp")}
	if n := j.fn.Container.Network; n == "host" || !slices.Contains([]string{"", "shared", "own", "none"}, n) {
		spec.network = n
	}
	j.runner = boxRunner{boxes: &j.boxes, spec: spec, slots: j.slots}
	return nil
}

// findEngine is Options.Engine, or the engine that Docker's own tools would use.
func (b *Builder) findEngine(ctx context.Context) (*docker.Engine, error) {
	if b.opts.Engine != nil {
		return b.opts.Engine(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.engine != nil {
		return b.engine, nil
	}
	engine, err := docker.Connect(ctx, docker.Options{})
	if err == nil {
		b.engine = engine
	}
	return engine, err
}

// buildImage is the function's own, else AWS's for its runtime.
func (j *job) buildImage() string {
	if own := j.fn.Container.BuildImage; own != "" {
		return own
	}
	name := j.fn.Runtime
	if name == "go1.x" || name == "provided" || name == "" {
		name = "provided.al2023"
	}
	ref := "public.ecr.aws/sam/build-" + name
	if j.goarch == "arm64" {
		ref += ":latest-arm64"
	}
	return ref
}

// platform is what to ask an engine of another processor for; "" where it has the function's own.
func (j *job) platform(engine *docker.Engine) string {
	if engine.Info().Arch == j.goarch {
		return ""
	}
	return "linux/" + j.goarch
}

// need is what an engine or an image is needed for, which decides the ways around it.
type need int

const (
	forTools   need = iota // the build's tools run there: another image has them too, and so may this machine
	forRuntime             // the function runs in the image, and the build asks what is in it
	forImage               // the image is the function's own, or what a Dockerfile builds on: nothing stands in for it
)

// onThisMachine is the way around build images and engines.
const onThisMachine = "build on this machine: `emulate build --host`, or --build-host of the other commands."

// getImage makes sure that the engine has an image. A pull is told as a step, with a line every few seconds.
func (j *job) getImage(ctx context.Context, engine *docker.Engine, ref string, n need) (*docker.Image, error) {
	step := "pull " + ref
	var mu sync.Mutex
	var began, told time.Time
	image, err := engine.Ensure(ctx, ref, j.platform(engine), func(p docker.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if began.IsZero() {
			began = time.Now()
			j.progress(Progress{Step: step, State: StepStarted})
		}
		if p.Layers == 0 || time.Since(told) < 2*time.Second {
			return
		}
		told = time.Now()
		line := fmt.Sprintf("%d of %d layers, %d of %d MB", p.LayersDone, p.Layers, p.Bytes>>20, p.BytesTotal>>20)
		if p.Left > 0 {
			line += ", " + p.Left.Round(time.Second).String() + " left"
		}
		j.progress(Progress{Step: step, State: StepLine, Line: line})
	})
	if err != nil {
		err = j.engineFailed("get image "+ref, err, n)
	}
	mu.Lock()
	defer mu.Unlock()
	if !began.IsZero() {
		j.progress(Progress{Step: step, State: StepDone, Elapsed: time.Since(began), Err: err})
	}
	return image, err
}

// engineFailed tells what an engine refused, with the ways around it.
func (j *job) engineFailed(step string, err error, n need) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errClosed) {
		return fmt.Errorf("%s: %w", step, err)
	}
	e := j.fail(step, err.Error(), "", err)
	var failed *docker.Error
	if !errors.As(err, &failed) {
		return e
	}
	switch failed.Kind {
	case docker.ImageMissing, docker.NotPullable, docker.WrongPlatform:
		switch n {
		case forTools:
			e.Hint = "The build needs this image. Name another by container.buildImage, or " + onThisMachine
		case forRuntime:
			e.Hint = "The function runs in this image. Name another by container.image."
		}
	case docker.Absent, docker.Stopped, docker.NoPermission, docker.TooOld:
		e.Missing = "container engine"
		if n != forImage {
			e.Hint = "Or " + onThisMachine
		}
	}
	return e
}

// isEngineError tells a failure of the engine from one of a tool that it ran.
func isEngineError(err error) bool {
	var failed *docker.Error
	return errors.As(err, &failed)
}

// missingTool is the failure of a tool that is not there: on this machine, or in the build image.
func (j *job) missingTool(step, tool, mend string, err error) error {
	if j.image != nil {
		return j.fail(step, tool+" is not in the build image "+j.buildImage(), "Name an image that has "+tool+" by container.buildImage, or "+onThisMachine, err)
	}
	e := j.fail(step, tool+" is not installed, or not on PATH", mend, err)
	e.Missing = tool
	return e
}

// toolState identifies the version of a tool without running it: the image that it is in, or its file on this machine.
func (j *job) toolState(name string) string {
	if j.image != nil {
		return j.image.ID
	}
	return toolState(name)
}

// system is the system that the artifact is for.
func (j *job) system() string {
	if j.lambda {
		return "linux"
	}
	return runtime.GOOS
}

// roots are the folders that the tools of this build may read: the project, the code, and for Go and Cargo what their workspaces and modules name.
func (j *job) roots() []string {
	roots := []string{j.dir}
	if real, err := filepath.EvalSymlinks(j.project); err == nil {
		roots = append(roots, real)
	}
	for d := j.dir; d != filepath.Dir(d); d = filepath.Dir(d) {
		for _, name := range []string{"go.mod", "go.work", "Cargo.toml", "Cargo.lock"} {
			file := filepath.Join(d, name)
			if content, err := os.ReadFile(file); err == nil {
				roots = append(roots, d)
				roots = append(roots, localPaths(d, name, string(content))...)
			}
		}
	}
	return outermost(roots)
}

// Paths in a go.mod (replace x => ../x), a go.work (use ../x) and a Cargo.toml (path = "../x").
var (
	goModPath  = regexp.MustCompile(`=>\s+"?(\.{1,2}/[^\s"]*|/[^\s"]+)`)
	goWorkPath = regexp.MustCompile(`(?:=>|use|\n)\s*"?(\.{1,2}/[^\s"]*|/[^\s"]+)`)
	cargoPath  = regexp.MustCompile(`\bpath\s*=\s*"([^"]+)"`)
)

func localPaths(dir, name, content string) []string {
	var re *regexp.Regexp
	switch name {
	case "go.mod":
		re = goModPath
	case "go.work":
		re = goWorkPath
	case "Cargo.toml":
		re = cargoPath
	default:
		return nil
	}
	var paths []string
	for _, m := range re.FindAllStringSubmatch(content, -1) {
		p := filepath.FromSlash(m[1])
		if !filepath.IsAbs(p) {
			p = filepath.Join(dir, p)
		}
		if st, err := os.Stat(p); err == nil && st.IsDir() {
			paths = append(paths, p)
		}
	}
	return paths
}

// boxRunner runs the tools of one build in its build container.
type boxRunner struct {
	boxes *boxes
	spec  *boxSpec
	slots chan struct{} // bounds how many tools run at once
}

// Run implements Runner. A container that went away since the last command is made anew.
func (r boxRunner) Run(ctx context.Context, c Command) ([]byte, error) {
	if c.Reads == nil {
		c.Reads = r.spec.roots
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for again := false; ; again = true {
		box, err := r.boxes.get(ctx, r.spec)
		if err != nil {
			return nil, err
		}
		out, err := box.run(ctx, c)
		var failed *docker.Error
		if again || ctx.Err() != nil || !errors.As(err, &failed) || failed.Kind != docker.NotFound && failed.Kind != docker.Conflict && failed.Kind != docker.Stopped {
			return out, err
		}
		box.forget()
	}
}

// relativeTo replaces a folder's path in a tool's words.
func relativeTo(dir, name, words string) string {
	return strings.ReplaceAll(strings.ReplaceAll(words, inside(dir), name), dir, name)
}
