package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/emulate/emulator/docker"
)

// engines is the one engine, connected to at first need.
type engines struct {
	connect func(context.Context) (*docker.Engine, error)
	mu      sync.Mutex
	engine  *docker.Engine
}

var errNoEngine = errors.New("no container engine was chosen")

func (e *engines) get(ctx context.Context) (*docker.Engine, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.engine != nil {
		return e.engine, nil
	}
	if e.connect == nil {
		return nil, errNoEngine
	}
	engine, err := e.connect(ctx)
	e.engine = engine
	return engine, err
}

// wasThere says that the engine has answered before: then it may come back.
func (e *engines) wasThere() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.engine != nil
}

func (e *engines) ping(ctx context.Context) error {
	engine, err := e.get(ctx)
	if err != nil {
		return err
	}
	return engine.Ping(ctx)
}

func (e *engines) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.engine != nil {
		e.engine.Close()
	}
}

// images remembers for a moment what the engine knows of an image, so that many starts at once ask once.
type images struct {
	mu    sync.Mutex
	known map[string]*imageState
}

type imageState struct {
	mu    sync.Mutex
	asked time.Time
	image *docker.Image
}

// imageFresh is how long that is: an image may be built again under the same name.
const imageFresh = 5 * time.Second

// ensure gives an image, and pulls it where it is missing. State changes when the image is known to have been built again.
func (i *images) ensure(ctx context.Context, engine *docker.Engine, ref, platform, state string, progress func(docker.Progress)) (*docker.Image, error) {
	i.mu.Lock()
	if i.known == nil {
		i.known = map[string]*imageState{}
	}
	key := ref + " " + platform + " " + state
	s := i.known[key]
	if s == nil {
		s = &imageState{}
		i.known[key] = s
	}
	i.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.image != nil && time.Since(s.asked) < imageFresh {
		return s.image, nil
	}
	image, err := engine.Ensure(ctx, ref, platform, progress)
	if err != nil {
		return nil, fmt.Errorf("get image %s: %w", ref, err)
	}
	s.image, s.asked = image, time.Now()
	return image, nil
}

// forget makes the next use ask again.
func (i *images) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.known)
}
