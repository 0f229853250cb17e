package sandbox

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"example.com/emulate/emulator/docker"
)

// volumes are those of the engine that are made with something in them.
type volumes struct {
	w  *world
	mu sync.Mutex
	// sticky are the images whose own /tmp is fit to be copied into a volume. mu is held while one is looked at.
	sticky map[string]bool
}

// fill makes a volume with the tree. A helper of the image, which never runs, takes the files.
func (v *volumes) fill(ctx context.Context, image, name string, tree []entry) error {
	return v.help(ctx, image, name, func(helper string) error {
		r, w := io.Pipe()
		go func() { w.CloseWithError(writeTar(w, "", tree)) }()
		defer r.Close()
		return v.w.engine.CopyTo(ctx, helper, helpAt, r)
	})
}

// helpAt is where a helper has the volume.
const helpAt = "/volume"

// help makes the volume and a container that has it.
func (v *volumes) help(ctx context.Context, image, name string, do func(helper string) error) error {
	call, cancel := oneCall(ctx)
	err := v.w.engine.CreateVolume(call, name, v.w.labels)
	cancel()
	if err != nil {
		return err
	}
	return v.w.withHelper(ctx, image, []docker.Mount{{Volume: name, Target: helpAt}}, do)
}

// withHelper makes a container of an image, which never runs, and removes it again.
func (w *world) withHelper(ctx context.Context, image string, mounts []docker.Mount, do func(id string) error) error {
	call, cancel := oneCall(ctx)
	defer cancel()
	id, err := w.engine.Create(call, docker.Spec{Image: image, Entrypoint: []string{"/none"}, Labels: w.labels, Network: "none", Mounts: mounts})
	if err != nil {
		return err
	}
	err = do(id)
	end, cancel := oneCall(ctx)
	defer cancel()
	return errors.Join(err, w.engine.Remove(end, id))
}

// tmp makes the volume that is to be an environment's /tmp. The engine copies what the image has there into it, with its mode; where that is not
// AWS's, the mode is set.
func (v *volumes) tmp(ctx context.Context, image, name string) error {
	v.mu.Lock()
	sticky, known := v.sticky[image]
	if !known {
		var err error
		if sticky, err = v.looksSticky(ctx, image); err != nil {
			v.mu.Unlock()
			return err
		}
		if v.sticky == nil {
			v.sticky = map[string]bool{}
		}
		v.sticky[image] = sticky
	}
	v.mu.Unlock()
	if sticky {
		return v.w.engine.CreateVolume(ctx, name, v.w.labels)
	}
	return v.help(ctx, image, name, func(helper string) error {
		r, w := io.Pipe()
		go func() {
			t := tar.NewWriter(w)
			err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(helpAt, "/") + "/", Mode: 0o1777})
			w.CloseWithError(errors.Join(err, t.Close()))
		}()
		defer r.Close()
		return v.w.engine.CopyTo(ctx, helper, "/", r)
	})
}

// looksSticky tells whether an image's /tmp is open to all.
func (v *volumes) looksSticky(ctx context.Context, image string) (sticky bool, err error) {
	err = v.w.withHelper(ctx, image, nil, func(id string) error {
		head, _, err := firstOf(ctx, v.w.engine, id, "/tmp")
		sticky = head != nil && head.Typeflag == tar.TypeDir && head.Mode&0o1777 == 0o1777
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look into an image: %w", err)
	}
	return sticky, nil
}

// firstOf is the first entry of what a container has under a path, and its content where it is small; nil where there is nothing.
func firstOf(ctx context.Context, engine *docker.Engine, id, path string) (*tar.Header, []byte, error) {
	r, err := engine.CopyFrom(ctx, id, path)
	var known *docker.Error
	if errors.As(err, &known) && known.Kind == docker.NotFound {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	t := tar.NewReader(r)
	head, err := t.Next()
	if err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(io.LimitReader(t, 1<<20))
	return head, content, err
}

func readFrom(ctx context.Context, engine *docker.Engine, id, path string) ([]byte, error) {
	_, content, err := firstOf(ctx, engine, id, path)
	return content, err
}
