package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/docker/docker/api/types/image"
)

// Image tells what the engine has under a reference or id. Platform "linux/arm64" asks for that one, "" takes any. Not there is ImageMissing, another
// processor's WrongPlatform.
func (e *Engine) Image(ctx context.Context, ref, platform string) (*Image, error) {
	i, err := e.api.ImageInspect(ctx, ref)
	if err != nil {
		return nil, e.fail(err, "inspect image "+ref)
	}
	out := &Image{ID: i.ID, Arch: goArch(i.Architecture), Size: i.Size}
	if c := i.Config; c != nil {
		out.Env, out.Entrypoint, out.Cmd, out.WorkingDir, out.User, out.Labels = c.Env, c.Entrypoint, c.Cmd, c.WorkingDir, c.User, c.Labels
	}
	return out, nil
}

// Pull fetches an image from its registry. Progress may be nil.
func (e *Engine) Pull(ctx context.Context, ref, platform string, progress func(Progress)) error {
	doing := "pull image " + ref
	body, err := e.api.ImagePull(ctx, ref, image.PullOptions{Platform: platform})
	if err != nil {
		return e.fail(err, doing)
	}
	defer body.Close()
	_, err = messages(body, func(string) {})
	return e.fail(err, doing)
}

// Ensure gives the image, pulling it first where it is missing.
func (e *Engine) Ensure(ctx context.Context, ref, platform string, progress func(Progress)) (*Image, error) {
	i, err := e.Image(ctx, ref, platform)
	if !kindIs(err, ImageMissing) {
		return i, err
	}
	if err := e.Pull(ctx, ref, platform, progress); err != nil {
		return nil, err
	}
	return e.Image(ctx, ref, platform)
}

// messages reads the engine's stream of JSON messages: the id of a built image, or the error that the engine reports in it.
func messages(r io.Reader, text func(string)) (id string, err error) {
	for d := json.NewDecoder(r); ; {
		var m struct {
			Stream string
			Error  string
			Aux    struct{ ID string }
		}
		if err := d.Decode(&m); err == io.EOF {
			return id, nil
		} else if err != nil {
			return id, err
		}
		if m.Error != "" {
			return id, errors.New(m.Error)
		}
		if m.Aux.ID != "" {
			id = m.Aux.ID
		}
		text(m.Stream)
	}
}

func since(t time.Time) time.Duration { return time.Since(t) }
