package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
)

// Image tells what the engine has under a reference or id. Platform "linux/arm64" asks for that one, "" takes any. Not there is ImageMissing, there for another
// processor only is WrongPlatform.
func (e *Engine) Image(ctx context.Context, ref, platform string) (*Image, error) {
	doing := "inspect image " + ref
	var opts []client.ImageInspectOption
	p := parsePlatform(platform)
	if p != nil && versions.GreaterThanOrEqualTo(e.info.APIVersion, "1.49") { // engines that keep several processors' under one reference
		opts = append(opts, client.ImageInspectWithPlatform(p))
	}
	i, err := e.api.ImageInspect(ctx, ref, opts...)
	if err != nil {
		return nil, e.fail(ctx, err, doing)
	}
	out := &Image{ID: i.ID, Arch: goArch(i.Architecture), Size: i.Size}
	if p != nil && p.Architecture != out.Arch {
		return nil, e.fail(ctx, &Error{Kind: WrongPlatform, Doing: doing, Err: fmt.Errorf("it is for %s, and %s is wanted", out.Arch, p.Architecture), Mend: e.mendPlatform()}, doing)
	}
	if c := i.Config; c != nil {
		out.Env, out.Entrypoint, out.Cmd, out.WorkingDir, out.User, out.Labels = c.Env, c.Entrypoint, c.Cmd, c.WorkingDir, c.User, c.Labels
	}
	return out, nil
}

// Pull fetches an image from its registry, with the credentials that the docker CLI has for it. Progress, which may be nil, is called at most ten times a second, and
// at the end.
func (e *Engine) Pull(ctx context.Context, ref, platform string, progress func(Progress)) error {
	doing := "pull image " + ref
	auth, err := newSeeker().auth(ctx, registryOf(ref))
	if err != nil {
		return &Error{Kind: NotPullable, Doing: doing, Err: err, Mend: mendHelper}
	}
	err = e.pull(ctx, ref, platform, auth, progress)
	if auth != "" && err != nil && isDenied(err.Error()) {
		// Credentials that have expired stand in the way of a public image: AWS's registry gives them for 12 hours.
		if e.pull(ctx, ref, platform, "", progress) == nil {
			return nil
		}
	}
	if err = e.fail(ctx, err, doing); err == nil {
		return nil
	}
	return e.notPullable(err, ref)
}

func (e *Engine) pull(ctx context.Context, ref, platform, auth string, progress func(Progress)) error {
	body, err := e.api.ImagePull(ctx, ref, image.PullOptions{Platform: platform, RegistryAuth: auth})
	if err != nil {
		return err
	}
	defer body.Close()
	m := newMeter(ref, progress)
	if err := messages(body, m.message); err != nil {
		return err
	}
	m.done()
	return nil
}

// notPullable makes of an engine's no to a pull what it means. Other failures stay what they are.
func (e *Engine) notPullable(err error, ref string) error {
	var f *Error
	if !errors.As(err, &f) {
		return err
	}
	switch f.Kind {
	case NotFound, ImageMissing, Conflict, Refused:
		f.Kind = NotPullable
		f.Mend = mendPull(ref, f.Err.Error())
	}
	return err
}

func mendPull(ref, text string) string {
	registry, login := registryOf(ref), "docker login "+registryOf(ref)
	if registry == dockerHub {
		registry, login = "Docker Hub", "docker login"
	}
	lower := strings.ToLower(text)
	switch {
	case strings.Contains(lower, "toomanyrequests"), strings.Contains(lower, "rate limit"):
		return fmt.Sprintf("The registry limits pulls: wait, or `%s`.", login)
	case strings.Contains(lower, "expired"):
		return fmt.Sprintf("Credentials have expired: log in again with `%s`.", login)
	case isDenied(lower):
		return fmt.Sprintf("Look for a misspelt name; where the image is private, `%s`.", login)
	case strings.Contains(lower, "unknown"), strings.Contains(lower, "not found"):
		return "Look for a misspelt name or tag."
	}
	return fmt.Sprintf("The engine has to reach %s: look at the network, and at the engine's own proxy settings. An image from another machine comes by `docker save` and `docker load`.", registry)
}

// isDenied says whether a registry wants other credentials.
func isDenied(text string) bool {
	text = strings.ToLower(text)
	for _, w := range []string{"denied", "unauthorized", "authentication required", "no basic auth credentials", "authorization token has expired"} {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// message is one of the JSON messages of a pull or a build.
type message struct {
	ID, Status, Stream, Error string
	ProgressDetail            struct{ Current, Total int64 }
	Aux                       struct{ ID string }
}

// messages reads the engine's stream of messages to its end, or to the error that the engine reports in it.
func messages(r io.Reader, each func(message)) error {
	for d := json.NewDecoder(r); ; {
		var m message
		if err := d.Decode(&m); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if m.Error != "" {
			return errors.New(m.Error)
		}
		each(m)
	}
}
