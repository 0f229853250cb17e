package emulator

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/emulate/emulator/docker"
)

// leftovers are a container and a volume as an emulator makes them.
func leftovers(t *testing.T, engine *docker.Engine, image string, labels map[string]string) (container, volume string) {
	t.Helper()
	ctx := t.Context()
	container, err := engine.Create(ctx, docker.Spec{Image: image, Entrypoint: []string{"/nothing"}, Labels: labels})
	if err != nil {
		t.Fatal(err)
	}
	volume = "emulate-test-" + container[:12]
	if err := engine.CreateVolume(ctx, volume, labels); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(ctx)
		if err := errors.Join(engine.Remove(ctx, container), engine.RemoveVolume(ctx, volume)); err != nil {
			t.Error(err)
		}
	})
	return container, volume
}

// emptyImage is an image of nothing, with a label.
func emptyImage(t *testing.T, engine *docker.Engine, labels map[string]string) *docker.Image {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"Dockerfile": "FROM scratch\nCOPY file /\n", "file": t.Name()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	image, err := engine.Build(t.Context(), docker.BuildSpec{Context: dir, Labels: labels}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.RemoveImage(context.WithoutCancel(t.Context()), image.ID); err != nil {
			t.Error(err)
		}
	})
	return image
}

func (c *Cleaned) has(kind, name string) bool {
	return slices.ContainsFunc(c.Removed, func(r Removed) bool { return r.Kind == kind && (r.Name == name || strings.HasSuffix(r.Name, name)) })
}

// What a dead emulator left in the engine goes; what belongs to one that lives, or to another machine, stays.
func TestCleanTheEngine(t *testing.T) {
	engine, err := docker.Connect(t.Context(), docker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	mine := map[string]string{imageLabel: t.Name() + filepath.Base(t.TempDir())}
	image := emptyImage(t, engine, mine)
	living, gone := t.TempDir(), filepath.Join(t.TempDir(), "gone")
	dead, deadVolume := leftovers(t, engine, image.ID, map[string]string{hostLabel: host, folderLabel: gone})
	alive, aliveVolume := leftovers(t, engine, image.ID, map[string]string{hostLabel: host, folderLabel: living})
	far, farVolume := leftovers(t, engine, image.ID, map[string]string{hostLabel: "another-" + host, folderLabel: gone})

	var c Cleaned
	if err := c.engine(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{dead: true, alive: false, far: false} {
		if _, err := engine.Inspect(t.Context(), id); (docker.KindOf(err) == docker.NotFound) != want {
			t.Errorf("container %s: removed is %v, want %v (%v)", id, !want, want, err)
		}
	}
	for name, want := range map[string]bool{deadVolume: true, aliveVolume: false, farVolume: false} {
		if got := c.has("volume", name); got != want {
			t.Errorf("volume %s: removed is %v, want %v", name, got, want)
		}
	}

	// An image that was built goes with --all, and with the names that containers do not hold.
	c = Cleaned{}
	if err := errors.Join(engine.Remove(t.Context(), alive), engine.Remove(t.Context(), far), c.images(t.Context(), engine, mine)); err != nil {
		t.Fatal(err)
	}
	if !c.has("image", image.ID) || c.Bytes != int64(len(t.Name())) {
		t.Errorf("removed %+v", c)
	}
}

// The folders of dead emulators go, and --all leaves the caches to those that live.
func TestCleanFoldersAndCaches(t *testing.T) {
	temp, cache := t.TempDir(), filepath.Join(t.TempDir(), "cache")
	t.Setenv("TMPDIR", temp)
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(temp, "nowhere.sock"))
	for _, dir := range []string{"records", "used", "tmp", "go/abc"} {
		if err := os.MkdirAll(filepath.Join(cache, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(cache, "go/abc/bootstrap"), make([]byte, 1000), 0o555); err != nil {
		t.Fatal(err)
	}
	e, err := New(Options{Path: "../testdata/hello", NoWatch: true, NoBuild: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.Limits() // makes the session's folder
	c, err := Clean(t.Context(), Options{CacheDir: cache}, true)
	if err != nil || len(c.Removed) > 0 || len(c.Kept) != 2 || c.Kept[0] != "the caches: an emulator uses them" {
		t.Errorf("beside a living emulator: %+v, %v", c, err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err = Clean(t.Context(), Options{CacheDir: cache}, true)
	if err != nil || !c.has("cache", cache) || c.Bytes != 1000 {
		t.Errorf("%+v, %v", c, err)
	}
	if left, err := os.ReadDir(filepath.Dir(cache)); err != nil || len(left) > 0 {
		t.Errorf("left beside the cache: %v, %v", left, err)
	}
	if err := os.Mkdir(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	if c, err = Clean(t.Context(), Options{CacheDir: cache}, true); err != nil || len(c.Removed) > 0 {
		t.Errorf("a folder that is no cache: %+v, %v", c, err)
	}
}
