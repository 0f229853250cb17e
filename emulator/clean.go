package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/sandbox"
)

// The labels of what emulators make in a container engine. Those of one emulator's own things lead to its session's folder, which is gone when the
// emulator is; caches and built images (dockerbuild marks both) outlive it.
const (
	hostLabel   = "emulate.host"
	folderLabel = "emulate.folder"
	cacheLabel  = "emulate.cache"
	imageLabel  = "emulate.build"
)

// Removed is one thing that Clean removed.
type Removed struct {
	// Kind is "container", "volume", "image", "folder" or "cache".
	Kind string `json:"kind"`
	// Name is a path, or what the engine calls it.
	Name string `json:"name"`
	// Bytes are what it took, 0 where that is not known: engines do not tell of volumes.
	Bytes int64 `json:"bytes"`
}

// Cleaned is what Clean did.
type Cleaned struct {
	Removed []Removed `json:"removed"`
	// Bytes is the sum of what is known.
	Bytes int64 `json:"bytes"`
	// Kept says, in plain lines, what was not looked for or not removed, and why.
	Kept []string `json:"kept,omitempty"`
}

func (c *Cleaned) add(kind, name string, bytes int64) {
	c.Removed = append(c.Removed, Removed{kind, name, bytes})
	c.Bytes += bytes
}

func (c *Cleaned) keep(format string, args ...any) {
	c.Kept = append(c.Kept, fmt.Sprintf(format, args...))
}

// Clean removes what emulators left that died: folders, containers and volumes. With all it removes the caches too: built code, dependencies, images
// that were built, compilers' caches; not while an emulator of this user lives, which works on them. Nothing is removed of emulators that live.
func Clean(ctx context.Context, o Options, all bool) (Cleaned, error) {
	c := Cleaned{Removed: []Removed{}} // an empty list for JSON, rather than null
	if err := o.check(); err != nil {
		return c, err
	}
	folders, living := sandbox.Sweep("")
	for dir, bytes := range folders {
		c.add("folder", dir, bytes)
	}
	if all && living > 0 {
		c.keep("the caches: %d emulators use them", living)
		if living == 1 {
			c.Kept = []string{"the caches: an emulator uses them"}
		}
		all = false
	}
	err := c.engine(ctx, all)
	if all {
		err = errors.Join(err, c.cache(o.CacheDir))
	}
	slices.SortFunc(c.Removed, func(a, b Removed) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return c, err
}

// engine removes what is in the container engine. One that cannot be reached holds nothing that could be removed.
func (c *Cleaned) engine(ctx context.Context, all bool) error {
	engine, err := docker.Connect(ctx, docker.Options{})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("look for containers: %w", context.Cause(ctx))
	}
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		c.keep("containers: %s", first)
		return nil
	}
	defer engine.Close()
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("look for containers: %w", err)
	}
	err = errors.Join(c.containers(ctx, engine, host), c.volumes(ctx, engine, map[string]string{hostLabel: host}, leftOver))
	if !all {
		return err
	}
	anything := func(map[string]string) bool { return true }
	return errors.Join(err, c.volumes(ctx, engine, map[string]string{cacheLabel: ""}, anything), c.images(ctx, engine, map[string]string{imageLabel: ""}))
}

// leftOver says whether labels are those of an emulator of this machine whose session's folder is gone.
func leftOver(labels map[string]string) bool {
	folder := labels[folderLabel]
	if folder == "" {
		return false
	}
	_, err := os.Lstat(folder)
	return errors.Is(err, fs.ErrNotExist)
}

func (c *Cleaned) containers(ctx context.Context, engine *docker.Engine, host string) error {
	list, err := engine.Containers(ctx, map[string]string{hostLabel: host})
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range list {
		if !leftOver(s.Labels) {
			continue
		}
		if err := engine.Remove(ctx, s.ID); err != nil {
			errs = append(errs, err)
			continue
		}
		c.add("container", cmp.Or(s.Name, s.ID), 0)
	}
	return errors.Join(errs...)
}

func (c *Cleaned) volumes(ctx context.Context, engine *docker.Engine, labels map[string]string, which func(map[string]string) bool) error {
	list, err := engine.Volumes(ctx, labels)
	if err != nil {
		return err
	}
	var errs []error
	for _, v := range list {
		if !which(v.Labels) {
			continue
		}
		err := engine.RemoveVolume(ctx, v.Name)
		switch {
		case err == nil:
			c.add("volume", v.Name, 0)
		case docker.KindOf(err) == docker.Conflict:
			c.keep("volume %s: a container uses it", v.Name)
		default:
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (c *Cleaned) images(ctx context.Context, engine *docker.Engine, labels map[string]string) error {
	list, err := engine.Images(ctx, labels)
	if err != nil {
		return err
	}
	var errs []error
	for _, i := range list {
		err := engine.RemoveImage(ctx, i.ID)
		switch {
		case err == nil:
			c.add("image", i.ID, i.Size)
		case docker.KindOf(err) == docker.Conflict:
			c.keep("image %s: a container uses it", i.ID)
		default:
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// cache removes the cache folder. It is renamed first, so that no emulator that starts meanwhile finds half of it. A folder that is not ours stays.
func (c *Cleaned) cache(dir string) error {
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("find the cache folder: %w", err)
		}
		dir = filepath.Join(user, "emulate")
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range []string{"records", "used", "tmp"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.IsDir() {
			c.keep("folder %s: it does not look like a cache of emulate", dir)
			return nil
		}
	}
	bytes := sandbox.Bytes(dir)
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-")
	if err != nil {
		return fmt.Errorf("remove the cache: %w", err)
	}
	err = os.Rename(dir, filepath.Join(tmp, "old"))
	if err = errors.Join(err, sandbox.RemoveAll(tmp)); err != nil {
		return fmt.Errorf("remove the cache: %w", err)
	}
	c.add("cache", dir, bytes)
	return nil
}
