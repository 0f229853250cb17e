package dockerbuild

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/docker"
)

// Where nothing is built with tools, no other build image and no build on this machine is the mend: for an image that a function is, and for what a
// Dockerfile builds on.
func TestImageFunctionHasNoWayAround(t *testing.T) {
	f := newBoxed(t, "-- Dockerfile --\nFROM localhost:1/none:v1\nCOPY Dockerfile /\n")
	own := &config.Function{LogicalID: "own", Name: "own", PackageType: "Image", Architecture: "x86_64"}
	own.Image.URI = "localhost:1/none:v1"
	built := &config.Function{LogicalID: "built", Name: "built", PackageType: "Image", Architecture: "x86_64"}
	built.Image.Context = f.dir
	fails := func(fn *config.Function, word string) {
		t.Helper()
		e := f.fails(fn)
		contains(t, e.Error(), word)
		if e.Hint != "" {
			t.Errorf("function %s: the hint is %q", fn.Name, e.Hint)
		}
	}
	fails(own, "get image localhost:1/none:v1 of function own failed:")
	fails(built, "localhost:1/none:v1")
	f.builder = f.boxedBuilder(func(o *Options) {
		o.Engine = func(ctx context.Context) (*docker.Engine, error) {
			return docker.Connect(ctx, docker.Options{Host: "unix://" + filepath.Join(f.dir, "no.sock")})
		}
	})
	fails(own, "find a container engine of function own failed:")
}

// What stands in for an engine or an image depends on what it was for.
func TestEngineFailedHints(t *testing.T) {
	j := &job{fn: &config.Function{Name: "f"}}
	for _, c := range []struct {
		kind docker.Kind
		need need
		hint string
	}{
		{docker.NotPullable, forTools, "The build needs this image. Name another by container.buildImage, or " + onThisMachine},
		{docker.NotPullable, forRuntime, "The function runs in this image. Name another by container.image."},
		{docker.NotPullable, forImage, ""},
		{docker.Stopped, forTools, "Or " + onThisMachine},
		{docker.Stopped, forRuntime, "Or " + onThisMachine},
		{docker.Stopped, forImage, ""},
		{docker.DiskFull, forTools, ""},
	} {
		var e *Error
		if err := j.engineFailed("step", &docker.Error{Kind: c.kind, Doing: "do it"}, c.need); !errors.As(err, &e) || e.Hint != c.hint {
			t.Errorf("%s for %d: %v, want the hint %q", c.kind, c.need, err, c.hint)
		} else if gone := c.kind == docker.Stopped; (e.Missing != "") != gone {
			t.Errorf("%s for %d: missing %q", c.kind, c.need, e.Missing)
		}
	}
}
