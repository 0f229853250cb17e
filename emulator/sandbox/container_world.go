package sandbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"sync"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/lambda"
)

// world is what all containers of one emulator share: its folder, its link, its network, its volumes.
type world struct {
	c       *Container
	engine  *docker.Engine
	session *session
	labels  map[string]string
	// prefix begins the names of this emulator's volumes.
	prefix string
	// doors is where inits that see our files come to, nil where they do not.
	doors *doors
	// why says what keeps them from it, for Limits.
	why     string
	volumes volumes
	copies  copies
	// work ends with close: the context of what no single start should end.
	work   context.Context
	giveUp context.CancelFunc

	// mu guards the holder of the shared network; held while one is made.
	mu     sync.Mutex
	holder *box
	// looking guards the user tables of images, by the image's id; held while one is read.
	looking sync.Mutex
	passwds map[string][]byte
}

// The labels of everything that is made, by which what dead emulators left is known.
const (
	labelSession = "emulate.session"
	// labelHost and labelFolder lead to the session's folder, whose lock says whether its emulator lives.
	labelHost   = "emulate.host"
	labelFolder = "emulate.folder"
)

// open makes the world at first need, with the image of the function that is about to start as that of the probe.
func (c *Container) open(ctx context.Context, fn *config.Function, code lambda.Code) (*world, error) {
	for {
		c.mu.Lock()
		w, opening := c.world, c.opening
		if w == nil && opening == nil {
			opening = make(chan struct{})
			c.opening = opening
			c.mu.Unlock()
			w, err := c.openOnce(ctx, fn, code)
			if err != nil {
				w = nil
			} else {
				c.tidying.Go(c.watchTmp)
			}
			c.mu.Lock()
			c.world, c.opening = w, nil
			c.mu.Unlock()
			close(opening)
			return w, err
		}
		c.mu.Unlock()
		if w != nil {
			return w, nil
		}
		select {
		case <-opening:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (c *Container) openOnce(ctx context.Context, fn *config.Function, code lambda.Code) (_ *world, err error) {
	engine, err := c.engines.get(ctx)
	if err != nil {
		return nil, err
	}
	image, platform, err := c.image(ctx, engine, fn, code)
	if err != nil {
		return nil, err
	}
	sweep(c.options.TempDir, time.Now())
	w := &world{c: c, engine: engine, passwds: map[string][]byte{}}
	w.work, w.giveUp = context.WithCancel(c.work)
	if w.session, err = openSession(c.options.TempDir); err != nil {
		return nil, fmt.Errorf("make the folder of this emulator's containers: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close(context.WithoutCancel(ctx)))
		}
	}()
	name := c.options.Session
	if name == "" {
		name = filepath.Base(w.session.dir)[len(sessionPrefix):]
	}
	host, _ := os.Hostname()
	w.labels = map[string]string{labelSession: name, labelHost: host, labelFolder: w.session.dir}
	sum := sha256.Sum256([]byte(host + "\n" + w.session.dir))
	w.prefix = fmt.Sprintf("emulate-%x-", sum[:6])
	w.volumes.w, w.copies.w = w, w
	if err := sweepEngine(ctx, engine); err != nil {
		return nil, fmt.Errorf("remove what dead emulators left: %w", err)
	}
	return w, w.choose(ctx, image, platform)
}

// choose finds out whether containers see this machine's files: one container is made whose init is to come to our socket. It stays as the holder of
// the network that functions share.
func (w *world) choose(ctx context.Context, image *docker.Image, platform string) error {
	info := w.engine.Info()
	switch {
	case w.c.options.Stream:
		w.why = "as asked"
	case goruntime.GOOS != "linux":
		w.why = "Linux containers do not share this system's kernel"
	case !info.UnixSocket:
		w.why = "the engine is at " + info.Address
	default:
		err := w.openDoors(ctx, image, platform)
		if err == nil {
			return nil
		}
		if docker.Unavailable(err) || ctx.Err() != nil {
			return err
		}
		w.why = err.Error()
		if w.doors != nil {
			w.doors.close()
			w.doors = nil
		}
	}
	return w.holdNetwork(ctx, image, platform)
}

func (w *world) openDoors(ctx context.Context, image *docker.Image, platform string) (err error) {
	if w.doors, err = openDoors(filepath.Join(w.session.dir, "run")); err != nil {
		return fmt.Errorf("open the containers' socket: %w", err)
	}
	return w.holdNetwork(ctx, image, platform)
}

// holdNetwork makes the container whose network functions share. w.mu is held, or w is not known to others yet.
func (w *world) holdNetwork(ctx context.Context, image *docker.Image, platform string) error {
	b, err := w.newHolder(ctx, image, platform)
	if err != nil {
		return fmt.Errorf("prepare the network that functions share: %w", err)
	}
	w.holder = b
	return nil
}

// shared is the network of the holder, which is made anew where it is gone.
func (w *world) shared(ctx context.Context, image *docker.Image, platform string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holder == nil || w.holder.isGone() {
		if w.holder != nil {
			w.holder.remove(ctx)
			w.holder = nil
		}
		if err := w.holdNetwork(ctx, image, platform); err != nil {
			return "", err
		}
	}
	return "container:" + w.holder.id, nil
}

// init is the path of the init in the container, and what is to be mounted for it.
func (w *world) init(ctx context.Context, image *docker.Image) (string, docker.Mount, error) {
	cache, err := w.c.cacheDir()
	if err != nil {
		return "", docker.Mount{}, err
	}
	program, err := initProgram(ctx, cache, image.Arch)
	if err != nil {
		return "", docker.Mount{}, err
	}
	name := filepath.Base(program)
	if w.doors != nil {
		err := w.doors.bring(program)
		return emulateDir + "/" + name, docker.Mount{Bind: w.doors.dir, Target: emulateDir, ReadOnly: true}, err
	}
	// Every container has it: it is never released.
	volume, err := w.copies.volume(ctx, image.ID, "init-"+filepath.Base(filepath.Dir(program))+image.Arch, filesOf(program))
	if err != nil {
		return "", docker.Mount{}, err
	}
	return emulateDir + "/" + name, docker.Mount{Volume: volume.name, Target: emulateDir, ReadOnly: true}, nil
}

// emulateDir is where a container has the init, and the socket of that name.
const (
	emulateDir = "/.emulate"
	socketName = "socket"
)

// closeTimeout bounds how long a busy engine is waited for at the end.
const closeTimeout = 30 * time.Second

// close removes the holder, everything that carries the session's label, and the folder.
func (w *world) close(ctx context.Context) error {
	w.giveUp()
	w.mu.Lock()
	if w.holder != nil {
		w.holder.remove(ctx)
	}
	w.mu.Unlock()
	w.c.tidying.Wait()
	if w.doors != nil {
		w.doors.close()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	err := removeLabelled(ctx, w.engine, map[string]string{labelSession: w.labels[labelSession]}, func(map[string]string) bool { return true })
	switch {
	case docker.Unavailable(err):
		err = nil // it removes them when it starts, or the next emulator does
	case err != nil && ctx.Err() != nil: // an engine that was killed may keep one that it was making
		w.c.options.Notice(fmt.Sprintf("the engine has not removed all containers of this run within %v: the next emulator does, or `emulate clean`", closeTimeout))
		err = nil
	}
	return errors.Join(err, w.session.close())
}
