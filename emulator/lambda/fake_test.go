package lambda

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/telemetry"
	"example.com/emulate/runtimeapi"
)

// world is a Service over environments that exist only in the test: time and failures are the test's to choose. It is the Executor.
type world struct {
	s      *Service
	stream *telemetry.Stream

	mu      sync.Mutex
	events  []telemetry.Event
	servers map[string]*fakeServer
	live    int // processes
	starts  int // processes ever
	freezes int
	thaws   int
	limits  int
	faults  []string        // what must not happen
	ran     map[string]bool // by InvocationID
	script  func(s Spec, start int) behaviour
}

// behaviour of one process of a handler.
type behaviour struct {
	startError error
	startTakes time.Duration // the process runs already, and may poll
	init       time.Duration
	initError  string // posted to init/error; then the process exits with 1
	initExit   *Exit  // the process ends during INIT
	initHang   bool
	limitTakes time.Duration
	limitError error
	resetError error
	killLoses  bool // Kill finds that the sandbox is gone
	// invoke says what becomes of an event; nil answers it with itself at once.
	invoke func(ev *runtimeapi.Event) outcome
}

// outcome of one invocation.
type outcome struct {
	after, pollAfter time.Duration
	response         runtimeapi.Response
	exit             *Exit // instead of the answer
	dies             *Exit // right after it
	hang             bool
	output           []string
}

func newWorld(t *testing.T, o Options, script func(s Spec, start int) behaviour) *world {
	w := &world{stream: telemetry.NewStream(), servers: map[string]*fakeServer{}, ran: map[string]bool{}, script: script}
	w.stream.Read(func(batch []telemetry.Event) {
		w.mu.Lock()
		w.events = append(w.events, batch...)
		w.mu.Unlock()
	})
	o.Telemetry, o.Executor, o.newServer = w.stream, w, w.newServer
	w.s = New(o)
	t.Cleanup(func() {
		if err := w.s.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Errorf("close: %v", err)
		}
		w.stream.Close()
		if w.live != 0 {
			t.Errorf("%d processes are left after Close", w.live)
		}
		w.checkOnce(t)
		for _, f := range w.faults {
			t.Error(f)
		}
	})
	return w
}

// checkOnce checks what is true of every run: each START has one END, and each environment's INIT is reported.
func (w *world) checkOnce(t *testing.T) {
	open := map[string]int{}
	for _, e := range w.events {
		switch e.Type {
		case telemetry.TypeStart:
			open[e.RequestID]++
		case telemetry.TypeReport:
			open[e.RequestID]--
		}
	}
	for id, n := range open {
		if n != 0 {
			t.Errorf("request %s: %d more START than REPORT", id, n)
		}
	}
}

func (w *world) newServer(owner runtimeapi.Owner) server {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &fakeServer{owner: owner, addr: fmt.Sprint("fake:", len(w.servers))}
	w.servers[s.addr] = s
	return s
}

// fn adds a function with code.
func (w *world) fn(name string, change func(*config.Function)) *config.Function {
	f := &config.Function{Name: name, LogicalID: name, Runtime: "provided.al2023", MemoryMB: 128, Timeout: 3 * time.Second}
	if change != nil {
		change(f)
	}
	w.s.Building(f)
	w.s.SetCode(f, Code{Dir: "/code", Digest: "1"})
	return f
}

// Start is the Executor's.
func (w *world) Start(ctx context.Context, spec Spec) (Instance, error) {
	return w.process(ctx, spec)
}

func (w *world) process(ctx context.Context, spec Spec) (Instance, error) {
	w.mu.Lock()
	w.starts++
	b := w.script(spec, w.starts)
	if b.startError != nil {
		w.mu.Unlock()
		select { // an engine is waited for
		case <-time.After(max(b.startTakes, 1)):
			return nil, b.startError
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	w.live++
	srv := w.servers[spec.RuntimeAPI]
	w.mu.Unlock()
	i := &fakeInstance{w: w, spec: spec, b: b, srv: srv, done: make(chan struct{})}
	srv.attach(i)
	go i.run()
	i.wait(b.startTakes)
	return i, nil
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// loseAll takes away all sandboxes at once, as an engine that ends does.
func (w *world) loseAll() {
	w.mu.Lock()
	var all []*fakeInstance
	for _, s := range w.servers {
		s.mu.Lock()
		if s.process != nil {
			all = append(all, s.process)
		}
		s.mu.Unlock()
	}
	w.mu.Unlock()
	for _, i := range all {
		i.end(Exit{Lost: true})
	}
}

// fakeInstance is one process.
type fakeInstance struct {
	w    *world
	spec Spec
	b    behaviour
	srv  *fakeServer
	once sync.Once
	exit Exit
	done chan struct{}

	limits  atomic.Int32
	limited atomic.Bool
}

func (i *fakeInstance) run() {
	i.wait(i.b.init)
	switch {
	case i.b.initHang:
	case i.b.initExit != nil:
		i.end(*i.b.initExit)
	case i.b.initError != "":
		i.srv.from(i, func(o runtimeapi.Owner) {
			o.InitFailed(runtimeapi.Response{Payload: []byte(i.b.initError), Error: true, ErrorType: "Runtime.Unknown"})
		})
		i.end(Exit{Code: 1})
	default:
		i.srv.poll(i)
	}
}

func (i *fakeInstance) invoke(ev *runtimeapi.Event) {
	if !i.limited.Load() {
		i.w.fault("request %s came before the CPU was limited", ev.RequestID)
	}
	i.w.mu.Lock()
	twice := i.w.ran[ev.InvocationID]
	i.w.ran[ev.InvocationID] = true
	i.w.mu.Unlock()
	if twice {
		i.w.fault("request %s runs twice", ev.RequestID)
	}
	out := outcome{response: runtimeapi.Response{Payload: ev.Payload}}
	if i.b.invoke != nil {
		out = i.b.invoke(ev)
	}
	for _, line := range out.output {
		i.spec.Output([]byte(line))
	}
	i.wait(out.after)
	switch {
	case out.hang:
		return
	case out.exit != nil:
		i.end(*out.exit)
		return
	}
	i.srv.from(i, func(o runtimeapi.Owner) { o.Responded(ev.RequestID, out.response) })
	if out.dies != nil {
		i.end(*out.dies)
		return
	}
	i.wait(out.pollAfter)
	i.srv.poll(i)
}

// wait lets time pass, unless the process ends. (A timer that is due at once crashes Go 1.26's race detector in a synctest bubble.)
func (i *fakeInstance) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-i.done:
	}
}

func (i *fakeInstance) end(x Exit) {
	i.once.Do(func() {
		i.exit = x
		i.w.mu.Lock()
		i.w.live--
		i.w.mu.Unlock()
		close(i.done)
	})
}

func (i *fakeInstance) Done() <-chan struct{} { return i.done }
func (i *fakeInstance) Exit() Exit            { return i.exit }
func (i *fakeInstance) Drain()                {}
func (i *fakeInstance) Kill(context.Context) error {
	i.end(Exit{Signal: "killed", Lost: i.b.killLoses})
	return nil
}
func (i *fakeInstance) Reset(ctx context.Context) (Instance, error) {
	i.end(Exit{Signal: "killed"})
	if i.exit.Lost {
		i.w.fault("a lost sandbox is reset")
	}
	if i.b.resetError != nil {
		return nil, i.b.resetError
	}
	return i.w.process(ctx, i.spec)
}
func (i *fakeInstance) LimitCPU() error {
	i.w.mu.Lock()
	i.w.limits++
	i.w.mu.Unlock()
	if i.limits.Add(1) > 1 {
		i.w.fault("the CPU of one process is limited twice")
	}
	i.wait(i.b.limitTakes)
	i.limited.Store(true)
	return i.b.limitError
}
func (i *fakeInstance) Stop(context.Context, time.Duration) error {
	i.end(Exit{Signal: "killed"})
	return nil
}
func (i *fakeInstance) Freeze() error {
	i.w.mu.Lock()
	defer i.w.mu.Unlock()
	i.w.freezes++
	return nil
}
func (i *fakeInstance) Thaw() error {
	i.w.mu.Lock()
	defer i.w.mu.Unlock()
	i.w.thaws++
	return nil
}

// fakeServer is a Runtime API without sockets.
type fakeServer struct {
	owner   runtimeapi.Owner
	addr    string
	mu      sync.Mutex
	process *fakeInstance
	waiting bool
	slow    time.Duration // that Deliver takes, and then finds the connection gone where missed is set
	missed  bool
	lose    int // so many events find that the poll's connection is gone; the runtime polls again 10 ms later
}

func (s *fakeServer) Start() error     { return nil }
func (s *fakeServer) Addr() string     { return s.addr }
func (*fakeServer) Serve(net.Listener) {}
func (s *fakeServer) Expire(string)    {}
func (s *fakeServer) Close() error     { s.attach(nil); return nil }
func (s *fakeServer) Reset()           { s.attach(nil) }

func (s *fakeServer) attach(i *fakeInstance) {
	s.mu.Lock()
	s.process, s.waiting = i, false
	s.mu.Unlock()
}

// from calls the owner, unless the process is not the present one.
func (s *fakeServer) from(i *fakeInstance, call func(runtimeapi.Owner)) {
	select {
	case <-i.done:
		return
	default:
	}
	s.mu.Lock()
	ok := s.process == i
	s.mu.Unlock()
	if ok {
		call(s.owner)
	}
}

func (s *fakeServer) poll(i *fakeInstance) {
	s.from(i, func(o runtimeapi.Owner) {
		s.mu.Lock()
		s.waiting = true
		s.mu.Unlock()
		o.Polled(1)
	})
}

func (s *fakeServer) Deliver(ev *runtimeapi.Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.waiting {
		return false
	}
	s.waiting = false
	if i := s.process; s.slow > 0 {
		s.mu.Unlock()
		time.Sleep(s.slow)
		s.mu.Lock()
		if s.missed || i == nil {
			return false
		}
		go i.invoke(ev)
		return true
	}
	if s.lose > 0 {
		s.lose--
		i := s.process
		time.AfterFunc(10*time.Millisecond, func() { s.poll(i) })
		return false
	}
	go s.process.invoke(ev)
	return true
}
