package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/lambda"
)

// ContainerOptions configure a Container. Only Connect is needed.
type ContainerOptions struct {
	// CacheDir holds what is kept between runs: the built init. "" means the folder "emulate" in the user's cache folder.
	CacheDir string
	// TempDir is where the environments' /tmp folders are made and removed again. "" means os.TempDir().
	TempDir string
	// Connect finds the engine. It is called at first need, and again as long as it fails.
	Connect func(context.Context) (*docker.Engine, error)
	// Session names this emulator in its containers' labels; "" makes a name.
	Session string
	// Spares is how many containers wait ready for a function that was used: 0 lets the number grow with its bursts and shrink again, from one on;
	// a positive one is the least; below 0 none wait.
	Spares int
	// Network is the network of functions that ask for none: "" or "shared", "own", "host", "none", or one of the engine's.
	Network string
	// Forward is the host:port of the emulator's AWS endpoint on this machine. The same address leads to it inside every container. "" forwards nothing.
	Forward string
	// Images replace AWS's images of runtimes, by the runtime's identifier.
	Images map[string]string
	// NoCPULimit lets handlers have all CPU time of the engine's machine, whatever their memory buys on Lambda.
	NoCPULimit bool
	// Stream keeps to the attached stream even where containers see this machine's files.
	Stream bool
	// Notice gets plain lines for the user, Progress the steps of a pull. Both may be nil.
	Notice   func(line string)
	Progress func(docker.Progress)
	// Patience is how long a start waits for an engine that is gone; 0 means a minute.
	Patience time.Duration
}

// Container is the lambda.Executor that runs every environment in a container of its own.
type Container struct {
	options ContainerOptions
	buffers sync.Pool
	engines engines
	images  images
	numbers numbers
	spares  spares
	told    told
	// work ends with Close: the context of what is done in the background.
	work     context.Context
	giveUp   context.CancelCauseFunc
	tidying  sync.WaitGroup
	starting sync.WaitGroup
	// launching counts the starts that are under way.
	launching atomic.Int32
	tmpEvery  time.Duration
	// answerWithin is how long an init may take to answer the order to start.
	answerWithin time.Duration

	mu        sync.Mutex
	closed    bool
	ended     chan struct{} // closed when Close has ended
	world     *world
	opening   chan struct{} // closed when the attempt to open the world that is under way has ended
	instances map[*contained]struct{}
}

var _ lambda.Executor = (*Container)(nil)

var errContainersClosed = errors.New("the container executor is closed")

// NewContainer returns the container executor. It does no I/O: the first Start connects to the engine.
func NewContainer(o ContainerOptions) *Container {
	if o.TempDir == "" {
		o.TempDir = os.TempDir()
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	c := &Container{options: o, tmpEvery: tmpEvery, answerWithin: arriveWithin, ended: make(chan struct{}), instances: map[*contained]struct{}{}}
	c.work, c.giveUp = context.WithCancelCause(context.Background())
	c.buffers.New = func() any { b := make([]byte, readSize); return &b }
	c.engines.connect = o.Connect
	c.spares.c = c
	return c
}

func (c *Container) cacheDir() (string, error) {
	return (&Process{options: ProcessOptions{CacheDir: c.options.CacheDir}}).cacheDir()
}

// enter holds off Close until the start that it announces is done.
func (c *Container) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errContainersClosed
	}
	c.starting.Add(1)
	return nil
}

// Start takes a container that waits, or makes one, and starts the function's runtime in it. Where there is nothing to start the error is, or wraps,
// a *lambda.InvalidEntrypointError or a *lambda.LaunchError; where the engine is gone, and stays so, a *lambda.UnavailableError.
func (c *Container) Start(ctx context.Context, spec lambda.Spec) (lambda.Instance, error) {
	if err := c.enter(); err != nil {
		return nil, err
	}
	defer c.starting.Done()
	in, err := c.start(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("start function %s: %w", spec.Function.Name, err)
	}
	return in, nil
}

func (c *Container) start(ctx context.Context, spec lambda.Spec) (*contained, error) {
	c.launching.Add(1)
	defer c.launching.Add(-1)
	ctx, cancel := c.untilClose(ctx)
	defer cancel()
	var in *contained
	err := c.patiently(ctx, func() error {
		w, err := c.open(ctx, spec.Function, spec.Code)
		if err != nil {
			return err
		}
		p, err := c.plan(ctx, w, spec)
		if err != nil {
			return err
		}
		defer w.copies.release(p.copies...)
		b := c.spares.take(p)
		if b == nil {
			if b, err = c.newBox(ctx, w, p); err != nil {
				return err
			}
		}
		in, err = b.launch(ctx, spec, p)
		return err
	})
	return in, err
}

// untilClose is ctx, which Close ends too.
func (c *Container) untilClose(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.work, func() { cancel(errContainersClosed) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// patiently tries again what failed because the engine, or a container that it had started, is gone.
func (c *Container) patiently(ctx context.Context, try func() error) error {
	var gone time.Time
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := try()
		lost := errors.Is(err, errLost)
		if err == nil || !lost && !(docker.Unavailable(err) && c.engines.wasThere()) {
			return err
		}
		if gone.IsZero() {
			gone = time.Now()
		}
		if time.Since(gone) > c.options.Patience {
			return &lambda.UnavailableError{Err: err}
		}
		if docker.Unavailable(err) {
			c.told.once(c, "engine", "the container engine does not answer: starts wait for it, up to "+c.options.Patience.String())
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-c.work.Done():
			return errContainersClosed
		}
		if err := c.engines.ping(ctx); err == nil {
			c.told.forget("engine")
		}
	}
}

func (c *Container) add(in *contained) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.instances[in] = struct{}{}
}

func (c *Container) forget(in *contained) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.instances, in)
}

// Retain drops the spare containers of functions other than these, and the copies of their code, after a reload.
func (c *Container) Retain(functions []string) {
	c.spares.drop(func(function string) bool { return !slices.Contains(functions, function) })
	c.mu.Lock()
	w := c.world
	c.mu.Unlock()
	if w != nil {
		w.copies.retain(functions)
	}
}

// Close ends the environments that are left, removes their containers, folders and volumes, and returns when nothing is left. It is idempotent, and
// another call waits for the first; Start fails from then on. An engine that is gone is not waited for: the next emulator removes what stays.
func (c *Container) Close(ctx context.Context) error {
	c.mu.Lock()
	already := c.closed
	c.closed = true
	c.mu.Unlock()
	if already {
		return ending(ctx, c.ended)
	}
	defer close(c.ended)
	c.giveUp(errContainersClosed)
	c.starting.Wait()
	c.spares.close()
	errs := []error{c.stopAll(ctx)}
	c.tidying.Wait()
	c.mu.Lock()
	w := c.world
	c.mu.Unlock()
	if w != nil {
		errs = append(errs, w.close(ctx))
	}
	c.engines.close()
	return errors.Join(errs...)
}

func (c *Container) stopAll(ctx context.Context) error {
	c.mu.Lock()
	left := make([]*contained, 0, len(c.instances))
	for in := range c.instances {
		left = append(left, in)
	}
	c.mu.Unlock()
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	for _, in := range left {
		all.Go(func() {
			err := in.Stop(ctx, 0)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// told keeps a line from being said twice.
type told struct {
	mu   sync.Mutex
	what map[string]bool
}

func (t *told) once(c *Container, key, line string) {
	t.mu.Lock()
	if t.what == nil {
		t.what = map[string]bool{}
	}
	said := t.what[key]
	t.what[key] = true
	t.mu.Unlock()
	if !said {
		c.options.Notice(line)
	}
}

func (t *told) forget(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.what, key)
}

// numbers gives each container a number, and those that it lives with a user of its own: RLIMIT_NPROC counts per user over the whole machine.
type numbers struct {
	mu    sync.Mutex
	last  int
	users map[int]bool
	// first is where this emulator begins in the range of users.
	first int
}

const (
	firstUser = 20000
	users     = 40000
)

func (n *numbers) next() (number, user int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.users == nil {
		n.users, n.first = map[int]bool{}, os.Getpid()*97%users
	}
	n.last++
	for i := 0; ; i++ {
		user = firstUser + (n.first+i)%users
		if !n.users[user] || i == users {
			break
		}
	}
	n.users[user] = true
	return n.last, user
}

func (n *numbers) giveBack(user int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.users, user)
}

// own is the file or folder of a container in the session's folder.
func (w *world) own(number int, name string) string {
	return filepath.Join(w.session.dir, fmt.Sprintf("%d-%s", number, name))
}
