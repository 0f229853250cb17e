package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/registry"
)

// BuildSpec is an image to be built.
type BuildSpec struct {
	// Context is the folder that is sent, without what its .dockerignore names (or DOCKERFILE.dockerignore beside the Dockerfile, which goes first).
	Context string
	// Dockerfile is a path, relative to Context or absolute, inside or outside of it; "" is Context/Dockerfile.
	Dockerfile string
	// Tag is the image's name, "" for none.
	Tag string
	// Args are build arguments. Target is the stage to stop at, Platform "linux/arm64" or "".
	Args             map[string]string
	Target, Platform string
	Labels           map[string]string
	// Network is that of the build's steps: "" for the engine's default, "host", "none", or a network's name.
	Network string
	// NoCache builds every step anew; Pull asks the registry for newer base images.
	NoCache, Pull bool
}

// Build builds an image with the engine's own builder. Progress, which may be nil, gets every line of the build's output, in order, after what is told while the context
// is sent (Step "send context", at most ten times a second). A failed build is BuildFailed, with the failed step's own last words; a base image that
// cannot be had is NotPullable, a processor that cannot be emulated WrongPlatform.
func (e *Engine) Build(ctx context.Context, s BuildSpec, progress func(Progress)) (*Image, error) {
	doing := "build image " + s.Tag
	if s.Tag == "" {
		doing = "build an image of " + s.Context
	}
	c, err := openContext(s.Context, s.Dockerfile)
	if err != nil {
		return nil, &Error{Kind: BuildFailed, Doing: doing, Err: err}
	}
	b := &building{tag: s.Tag, progress: progress, began: time.Now()}
	id, err := e.send(ctx, s, c, b)
	if err != nil {
		return nil, e.buildFailed(ctx, err, doing, b)
	}
	if id == "" {
		id = s.Tag
	}
	return e.Image(ctx, id, "")
}

// send sends the context while the engine builds already, and reads what the build says.
func (e *Engine) send(ctx context.Context, s BuildSpec, c *buildContext, b *building) (id string, err error) {
	o, err := e.buildOptions(ctx, s, c)
	if err != nil {
		return "", err
	}
	r, w := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := c.pack(&counter{w: w, b: b})
		w.CloseWithError(err)
		packed <- err
	}()
	resp, err := e.api.ImageBuild(ctx, r, o)
	if err == nil {
		defer resp.Body.Close()
		err = messages(resp.Body, b.message)
	}
	// Whoever ends the reading, this or the client whose connection broke, ends the packing: that is no failure of the context's.
	r.Close()
	if unpacked := <-packed; unpacked != nil && !errors.Is(unpacked, io.ErrClosedPipe) {
		return "", &Error{Kind: BuildFailed, Doing: "send the build context " + c.dir, Err: unpacked}
	}
	return b.id, err
}

func (e *Engine) buildOptions(ctx context.Context, s BuildSpec, c *buildContext) (build.ImageBuildOptions, error) {
	o := build.ImageBuildOptions{
		Dockerfile: c.dockerfile, BuildArgs: map[string]*string{}, Target: s.Target, Platform: s.Platform, Labels: s.Labels, NetworkMode: s.Network,
		NoCache: s.NoCache, PullParent: s.Pull, Remove: true, ForceRemove: true, Version: build.BuilderV1, AuthConfigs: map[string]registry.AuthConfig{},
	}
	if s.Tag != "" {
		o.Tags = []string{s.Tag}
	}
	for k, v := range s.Args {
		o.BuildArgs[k] = &v
	}
	for _, ref := range bases(c.recipe, s.Args) {
		host := registryOf(ref)
		if _, has := o.AuthConfigs[host]; has {
			continue
		}
		a, err := newSeeker().credentials(ctx, host)
		if err != nil {
			return o, &Error{Kind: NotPullable, Doing: "find the credentials for base image " + ref, Err: err, Mend: mendHelper}
		}
		if a != nil {
			o.AuthConfigs[host] = *a
		}
	}
	return o, nil
}

// bases are the images that a Dockerfile begins from: FROM lines, with the arguments that stand before the first of them.
func bases(recipe []byte, args map[string]string) (refs []string) {
	given := map[string]string{}
	for line := range strings.Lines(string(recipe)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch strings.ToUpper(f[0]) {
		case "ARG":
			name, value, _ := strings.Cut(f[1], "=")
			if v, ok := args[name]; ok {
				value = v
			}
			given[name] = strings.Trim(value, `"'`)
		case "FROM":
			ref := f[1]
			if strings.HasPrefix(ref, "--") && len(f) > 2 {
				ref = f[2]
			}
			refs = append(refs, expand(ref, given))
		}
	}
	return refs
}

// expand puts arguments in, with a default as in ${NAME:-default}.
func expand(text string, args map[string]string) string {
	return os.Expand(text, func(name string) string {
		name, otherwise, _ := strings.Cut(name, ":-")
		if v := args[name]; v != "" {
			return v
		}
		return otherwise
	})
}

// building is what is known of a build that is under way.
type building struct {
	tag   string
	began time.Time
	id    string
	// mu makes one call at a time of progress: the context is sent while the build speaks.
	mu       sync.Mutex
	progress func(Progress)
	// step is the instruction that is being carried out; said is what it said last.
	step string
	said []string
}

// lastWords is how many lines of a failed step are told.
const lastWords = 40

func (b *building) message(m message) {
	if m.Aux.ID != "" {
		b.id = m.Aux.ID
	}
	text := m.Stream
	if text == "" && m.Status != "" && m.ProgressDetail.Total == 0 { // a base image is pulled
		text = strings.TrimSpace(m.ID + " " + m.Status)
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			b.line(line)
		}
	}
}

func (b *building) line(line string) {
	if strings.HasPrefix(line, "Step ") {
		b.step, b.said = line, b.said[:0]
	} else if b.said = append(b.said, line); len(b.said) > lastWords {
		b.said = b.said[1:]
	}
	b.tell(Progress{Step: b.step, Line: line})
}

func (b *building) tell(p Progress) {
	if b.progress == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p.Image, p.Elapsed = b.tag, time.Since(b.began)
	b.progress(p)
}

// buildFailed tells a build that failed from an engine that did.
func (e *Engine) buildFailed(ctx context.Context, err error, doing string, b *building) error {
	failed := e.fail(ctx, err, doing)
	var f *Error
	if !errors.As(failed, &f) || errors.Is(err, failed) {
		return failed
	}
	said := strings.Join(append(b.said, f.Err.Error()), "\n")
	_, instruction, _ := strings.Cut(b.step, " : ")
	from, isFrom := strings.CutPrefix(instruction, "FROM ")
	switch kind := kindOfWords(said); {
	case f.Kind == Canceled, f.Kind == Stopped, f.Kind == DiskFull:
	case kind == WrongPlatform:
		f.Kind, f.Err, f.Mend = WrongPlatform, errors.New(said), e.mendPlatform()
	case isFrom:
		f.Kind = NotPullable
		f.Doing += ": pull " + from
		f.Mend = mendPull(from, f.Err.Error())
	default:
		f.Kind, f.Mend = BuildFailed, ""
		f.Err = fmt.Errorf("%s\n%s", b.step, said)
		if b.step == "" {
			f.Err = errors.New(said)
		}
	}
	return f
}

// counter counts what is sent of a context.
type counter struct {
	w    io.Writer
	b    *building
	sent int64
	told time.Time
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.sent += int64(n)
	if now := time.Now(); now.Sub(c.told) >= often {
		c.told = now
		c.b.tell(Progress{Step: "send context", Bytes: c.sent})
	}
	return n, err
}
