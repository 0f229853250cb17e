package docker

import (
	"archive/tar"
	"context"
	"io"
	"os"
	"strings"
	"time"

	"github.com/docker/docker/api/types/build"
)

// BuildSpec is an image to be built.
type BuildSpec struct {
	// Context is the folder that is sent, without what its .dockerignore names.
	Context string
	// Dockerfile is a path, relative to Context or absolute, inside or outside of it; "" is Context/Dockerfile.
	Dockerfile string
	// Tag is the image's name, "" for none.
	Tag string
	// Args are build arguments. Target is the stage to stop at, Platform "linux/arm64" or "".
	Args             map[string]string
	Target, Platform string
	Labels           map[string]string
	// NoCache builds every step anew; Pull asks the registry for newer base images.
	NoCache, Pull bool
}

// Build builds an image. Progress, which may be nil, gets the build's output line by line. A failed build is BuildFailed, with its own last words.
func (e *Engine) Build(ctx context.Context, s BuildSpec, progress func(Progress)) (*Image, error) {
	doing := "build image " + s.Tag
	r, w := io.Pipe()
	go func() { w.CloseWithError(pack(w, s.Context)) }()
	defer r.Close()
	args := map[string]*string{}
	for k, v := range s.Args {
		args[k] = &v
	}
	o := build.ImageBuildOptions{
		Dockerfile: s.Dockerfile, BuildArgs: args, Target: s.Target, Platform: s.Platform, Labels: s.Labels, NoCache: s.NoCache, PullParent: s.Pull,
		Remove: true, ForceRemove: true, Version: build.BuilderV1,
	}
	if s.Tag != "" {
		o.Tags = []string{s.Tag}
	}
	resp, err := e.api.ImageBuild(ctx, r, o)
	if err != nil {
		return nil, e.fail(err, doing)
	}
	defer resp.Body.Close()
	began := time.Now()
	id, err := messages(resp.Body, func(text string) {
		for line := range strings.Lines(text) {
			if line = strings.TrimRight(line, "\n"); line != "" && progress != nil {
				progress(Progress{Image: s.Tag, Step: line, Line: line, Elapsed: since(began)})
			}
		}
	})
	if err != nil {
		return nil, &Error{Kind: BuildFailed, Doing: doing, Err: err}
	}
	return e.Image(ctx, id, s.Platform)
}

func pack(w io.Writer, dir string) error {
	t := tar.NewWriter(w)
	if err := t.AddFS(os.DirFS(dir)); err != nil {
		return err
	}
	return t.Close()
}
