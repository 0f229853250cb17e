package sandbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"example.com/emulate/emulator/docker"
)

// Sweep removes the containers and volumes of emulators of this machine that died, for a start and for `emulate clean`.
func (c *Container) Sweep(ctx context.Context) error {
	engine, err := c.engines.get(ctx)
	if err != nil {
		return err
	}
	sweep(c.options.TempDir, time.Now())
	return sweepEngine(ctx, engine)
}

func sweepEngine(ctx context.Context, engine *docker.Engine) error {
	host, _ := os.Hostname()
	return removeLabelled(ctx, engine, map[string]string{labelHost: host}, func(labels map[string]string) bool {
		return labels[labelFolder] != "" && !lives(labels[labelFolder])
	})
}

// lives tells whether an emulator holds a session's folder.
func lives(folder string) bool {
	f, err := os.OpenFile(filepath.Join(folder, lockName), os.O_RDWR, 0)
	if err != nil {
		return errors.Is(err, os.ErrPermission)
	}
	defer f.Close()
	return !lockFile(f)
}

// removeLabelled removes the containers and volumes with these labels of which which says so, and returns when they are gone.
func removeLabelled(ctx context.Context, engine *docker.Engine, labels map[string]string, which func(map[string]string) bool) error {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		states, err := engine.Containers(ctx, labels)
		if err != nil {
			return err
		}
		left := 0
		for _, s := range states {
			if which(s.Labels) {
				left++
				err = errors.Join(err, engine.Remove(ctx, s.ID))
			}
		}
		if err != nil {
			return err
		}
		if left == 0 {
			break
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	volumes, err := engine.Volumes(ctx, labels)
	for _, v := range volumes {
		if which(v.Labels) {
			err = errors.Join(err, engine.RemoveVolume(ctx, v.Name))
		}
	}
	return err
}
