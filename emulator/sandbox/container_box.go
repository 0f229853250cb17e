package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/sandbox/inside"
)

// box is one running container with its init: a spare as long as no runtime was started in it.
type box struct {
	w            *world
	number, user int
	id           string
	// key and function are those of its blueprint.
	key, function string
	network       network
	// address is the Runtime API's, in the container.
	address string
	link    link
	// api and forward are where the inside's connections come out; the first runtime's Server takes api.
	api, forward net.Listener
	// tmp is the folder of this machine that is /tmp, "" where that is a volume.
	tmp, volume string
	cgroup      containerCgroup
	// copies are those that it has mounted.
	copies     []*treeCopy
	forwarding sync.WaitGroup

	// reports are answers to Start, samples those to Sample.
	reports chan inside.Report
	samples chan inside.Report
	// gone is closed when the link has ended, and with it the container.
	gone chan struct{}

	mu      sync.Mutex
	current *contained
	runs    int
	removed bool

	// cpu guards limited, and is held while the CPU's quota is written.
	cpu     sync.Mutex
	limited bool
}

// link is the way to one container's init.
type link interface {
	// start sends the order to start, and gives the instance its output.
	start(in *contained, o inside.Order) error
	send(o inside.Order) error
	close()
}

// arrival is an init that has said hello.
type arrival struct {
	hello        inside.Report
	link         link
	api, forward net.Listener
	// pid of the init on this machine, 0 where that is another one.
	pid int
}

// errLost says that the container or its engine went away in the midst of a start.
var errLost = errors.New("the container is gone")

// arriveWithin is how long an init that was started may take to say hello: long only on a machine that is overloaded.
const arriveWithin = 20 * time.Second

// newBox makes a container by a blueprint, and waits for its init.
func (c *Container) newBox(ctx context.Context, w *world, p *blueprint) (*box, error) {
	if !w.copies.hold(p.copies) {
		return nil, errSuperseded
	}
	b := &box{w: w, key: p.key, copies: p.copies, function: p.function, network: p.network, reports: make(chan inside.Report, 4), samples: make(chan inside.Report, 1), gone: make(chan struct{})}
	b.number, b.user = c.numbers.next()
	s := p.container
	s.Name, s.Labels = w.nameOf(p.function, b.number), w.labels
	s.User = fmt.Sprintf("%d:%d", b.user, b.user)
	forward := c.options.Forward
	listen := "127.0.0.1:9001"
	switch p.network {
	case sharedNetwork:
		listen, forward = fmt.Sprintf("127.%d.%d.%d:9001", 1+b.number>>16&0x7f, b.number>>8&0xff, b.number&0xff), ""
	case hostNetwork:
		listen = "127.0.0.1:0"
		if w.doors != nil {
			forward = ""
		}
	}
	if err := b.make(ctx, p, s, listen, forward); err != nil {
		if w.stale(p, err) {
			err = fmt.Errorf("%w: %w", errLost, err)
		}
		return nil, errors.Join(fmt.Errorf("make a container: %w", err), b.remove(context.WithoutCancel(ctx)))
	}
	return b, nil
}

// notInNames is what engines do not take in the name of a container.
var notInNames = regexp.MustCompile(`[^a-zA-Z0-9_.-]`)

// nameOf is a container's name, so that docker ps tells whose it is: emulate-FUNCTION-SESSION-NUMBER. The session is in it because other emulators use the
// engine, too; a number is given once.
func (w *world) nameOf(function string, number int) string {
	word := notInNames.ReplaceAllString(cmp.Or(function, "network"), "-")
	return fmt.Sprintf("emulate-%s-%s%d", word, strings.TrimPrefix(w.prefix, "emulate-"), number)
}

// stale tells whether a container could not be made because of what its blueprint names and is gone: the image, or the holder of the network. The
// next blueprint has new ones.
func (w *world) stale(p *blueprint, err error) bool {
	var known *docker.Error
	if !errors.As(err, &known) {
		return false
	}
	if known.Kind == docker.ImageMissing {
		w.c.images.forget()
		return true
	}
	if p.network != sharedNetwork {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holder == nil || "container:"+w.holder.id != p.container.Network {
		return true
	}
	ctx, cancel := oneCall(context.Background())
	defer cancel()
	state, err := w.engine.Inspect(ctx, w.holder.id)
	if errors.As(err, &known) && known.Kind == docker.NotFound || err == nil && !state.Running {
		w.holder.link.close() // gone follows
		<-w.holder.gone
		return true
	}
	return false
}

// callTimeout bounds one call of the engine, which is not broken off when a start is given up: what it makes would be nobody's.
const callTimeout = time.Minute

// oneCall is the context of such a call.
func oneCall(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
}

// newHolder makes the container whose network functions share. It never has a runtime.
func (w *world) newHolder(ctx context.Context, image *docker.Image, platform string) (*box, error) {
	p := &blueprint{image: image, network: ownNetwork, container: docker.Spec{
		Image: image.ID, Platform: platform, MemoryBytes: 64 << 20, ReadOnly: true, Confined: true, AutoRemove: true, Unlogged: true, OpenStdin: w.doors == nil, WorkingDir: "/",
		ExtraHosts: extraHosts(),
	}}
	var err error
	var mount docker.Mount
	if p.init, mount, err = w.init(ctx, image); err != nil {
		return nil, err
	}
	p.container.Mounts = []docker.Mount{mount}
	return w.c.newBox(ctx, w, p)
}

// make creates and starts the container. What it has made when it fails, remove takes away.
func (b *box) make(ctx context.Context, p *blueprint, s docker.Spec, listen, forward string) error {
	if err := b.furnish(ctx, &s); err != nil {
		return err
	}
	// The init's own, not the runtime's: one processor, and a small heap.
	s.Env = []string{"GOMAXPROCS=1", "GOGC=20", "GODEBUG="}
	var come <-chan arrival
	if d := b.w.doors; d != nil {
		token := d.expect()
		defer d.forget(token)
		come = d.waiting(token)
		s.Entrypoint, s.Cmd = []string{p.init}, []string{"local", emulateDir + "/" + socketName, token, listen}
	} else {
		s.Entrypoint, s.Cmd = []string{p.init}, []string{"stream", listen}
	}
	if forward != "" {
		s.Cmd = append(s.Cmd, forward)
	}
	call, cancel := oneCall(ctx)
	defer cancel()
	var err error
	if b.id, err = b.w.engine.Create(call, s); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if b.w.doors == nil {
		if come, err = b.attach(call); err != nil {
			return err
		}
	}
	if err := b.w.engine.Start(call, b.id); err != nil {
		return err
	}
	a, err := b.await(ctx, come)
	if err != nil {
		return err
	}
	return b.welcome(a, forward)
}

// welcome takes what an init brings.
func (b *box) welcome(a arrival, forward string) error {
	b.link, b.api, b.forward, b.address = a.link, a.api, a.forward, a.hello.Address
	if l, ok := a.link.(interface{ serve(b *box) }); ok {
		l.serve(b)
	}
	if a.hello.Error != "" || b.api == nil {
		return fmt.Errorf("listen in the container: %s", a.hello.Error)
	}
	if b.tmp != "" || b.volume != "" {
		if !a.hello.TmpWritable {
			return fmt.Errorf("use /tmp in the container: %w", os.ErrPermission)
		}
	}
	b.cgroup = findContainerCgroup(a.pid)
	if b.forward != nil {
		b.forwarding.Go(func() { forwardTo(b.forward, forward) })
	}
	return nil
}

// await waits for the init's hello. A container that ends before is asked why.
func (b *box) await(ctx context.Context, come <-chan arrival) (arrival, error) {
	deadline := time.After(arriveWithin)
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case a := <-come:
			return a, nil
		case <-look.C:
			state, err := b.w.engine.Inspect(ctx, b.id)
			if err != nil {
				return arrival{}, fmt.Errorf("wait for the init of a container: %w", err)
			}
			if !state.Running {
				return arrival{}, fmt.Errorf("wait for the init of a container: it ended with status %d %s", state.ExitCode, state.Error)
			}
		case <-deadline:
			return arrival{}, errors.New("wait for the init of a container: it does not come")
		case <-ctx.Done():
			return arrival{}, context.Cause(ctx)
		}
	}
}

// launch starts a runtime: the first one, or the next after a reset. Where that fails, or ctx ends first, the container is removed.
func (b *box) launch(ctx context.Context, spec lambda.Spec, p *blueprint) (*contained, error) {
	in, err := b.run(ctx, spec, p)
	if err != nil {
		return nil, errors.Join(err, b.remove(context.Background()))
	}
	b.w.c.add(in)
	return in, nil
}

func (b *box) run(ctx context.Context, spec lambda.Spec, p *blueprint) (*contained, error) {
	b.mu.Lock()
	b.runs++
	in := newContained(b, spec, p, b.runs)
	b.current = in
	api := b.api
	b.api = nil
	b.mu.Unlock()
	if api != nil {
		serve(spec, api)
	}
	if err := b.link.start(in, p.order(spec, b.address, in.run)); err != nil {
		return nil, fmt.Errorf("%w: %w", errLost, err)
	}
	if err := b.started(ctx, in); err != nil {
		in.out.close()
		return nil, err
	}
	return in, nil
}

// started waits until the init has said that the runtime runs. One that says nothing, as in a container that somebody paused, is as good as gone.
func (b *box) started(ctx context.Context, in *contained) error {
	timer := time.NewTimer(b.w.c.answerWithin)
	defer timer.Stop()
	for {
		select {
		case r := <-b.reports:
			switch {
			case r.Run != in.run:
			case r.Event == inside.Started:
				return nil
			default:
				return in.plan.failure(in.spec, r)
			}
		case <-b.gone:
			return errLost
		case <-timer.C:
			return fmt.Errorf("%w: its init does not answer", errLost)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// serve lets the environment's Runtime API answer on the listener.
func serve(spec lambda.Spec, ln net.Listener) {
	if spec.Serve == nil {
		ln.Close()
		return
	}
	spec.Serve(ln)
}

// report takes what the init tells, in the link's goroutine.
func (b *box) report(r inside.Report) {
	switch r.Event {
	case inside.Started, inside.Failed:
		b.reports <- r
	case inside.Sampled:
		select {
		case b.samples <- r:
		default:
		}
		if in := b.running(); in != nil {
			in.sampled(r)
		}
	case inside.Exited:
		if in := b.running(); in != nil && in.run == r.Run {
			in.finish(lambda.Exit{Code: exitCode(r), Signal: r.Signal})
		}
	}
}

func exitCode(r inside.Report) int {
	if r.Signal != "" {
		return -1
	}
	return r.Code
}

// lost is called by the link's goroutine when the link has ended.
func (b *box) lost() {
	in := b.running()
	close(b.gone)
	if in != nil {
		in.finish(lambda.Exit{Code: -1, Signal: "killed", Lost: true})
	}
}

func (b *box) running() *contained {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current
}

func (b *box) isGone() bool {
	select {
	case <-b.gone:
		return true
	default:
		return false
	}
}
