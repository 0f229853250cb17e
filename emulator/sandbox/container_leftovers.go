package sandbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
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

// removeAtOnce asks for the removal of containers, several at a time.
func removeAtOnce(ctx context.Context, engine *docker.Engine, states []docker.State) error {
	errs := make([]error, len(states))
	places := make(chan struct{}, 8)
	var all sync.WaitGroup
	for i, s := range states {
		places <- struct{}{}
		all.Go(func() {
			errs[i] = engine.Remove(ctx, s.ID)
			<-places
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// removeLabelled removes the containers and volumes with these labels of which which says so, and returns when they are gone.
func removeLabelled(ctx context.Context, engine *docker.Engine, labels map[string]string, which func(map[string]string) bool) error {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		states, err := engine.Containers(ctx, labels)
		if err != nil {
			return err
		}
		states = slices.DeleteFunc(states, func(s docker.State) bool { return !which(s.Labels) })
		if len(states) == 0 {
			break
		}
		if err := removeAtOnce(ctx, engine, states); err != nil {
			return err
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
