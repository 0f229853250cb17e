package docker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
)

// oldest is the API version below which an engine is refused: that of Docker 20.10.
const oldest = "1.41"

// answerIn is how long Connect waits until an engine has described itself; over ssh, which takes a login, twice as long.
const answerIn = 20 * time.Second

// closeIn is how long Close lets what goes on in the background come to its end.
const closeIn = 10 * time.Second

// Options say which engine Connect takes.
type Options struct {
	// Host is an address: unix:///path, tcp://host:port or ssh://[user@]host[:port]. "" looks where Docker's own CLI does (DOCKER_HOST, with DOCKER_TLS_VERIFY
	// and DOCKER_CERT_PATH; DOCKER_CONTEXT; the CLI's current context), and else at the usual sockets of Docker, Docker Desktop, colima and podman.
	Host string
}

// Engine is a connection to a container engine. Its methods may be called from any number of goroutines.
type Engine struct {
	api  *client.Client
	dial *dialer
	info Info
	// ahead is how much the engine's clock is ahead of ours.
	ahead time.Duration

	ends  ends
	pulls pulls
	// inBackground counts what goes on after a caller has left: a creation to be undone, a pull, the stream of events. Nothing is added once closed is set.
	inBackground sync.WaitGroup
	mu           sync.Mutex
	closed       bool
	// life ends some time after Close was called.
	life context.Context
	die  context.CancelFunc
}

// Connect finds the engine, agrees on an API version and describes it once. Its errors are of the kinds Absent, Stopped, NoPermission and TooOld.
func Connect(ctx context.Context, o Options) (*Engine, error) {
	return newSeeker().connect(ctx, o.Host)
}

func (s seeker) connect(ctx context.Context, host string) (*Engine, error) {
	places, err := s.find(host)
	if err != nil {
		return nil, err
	}
	return s.first(ctx, places)
}

// first takes the first place where an engine answers. Where none does, the failure of the first that exists is told.
func (s seeker) first(ctx context.Context, places []address) (*Engine, error) {
	var failed error
	for _, at := range places {
		e, err := s.open(ctx, at)
		if err == nil {
			return e, nil
		}
		if failed == nil || kindIs(failed, Absent) && !kindIs(err, Absent) {
			failed = err
		}
	}
	if len(places) > 1 && kindIs(failed, Absent) {
		return nil, &Error{Kind: Absent, Doing: "find a container engine", Mend: mendAbsent,
			Err: errors.New("none of the usual sockets is there, and neither DOCKER_HOST nor a docker context names one")}
	}
	return nil, failed
}

func (s seeker) open(ctx context.Context, at address) (*Engine, error) {
	e := &Engine{dial: newDialer(at)}
	e.life, e.die = context.WithCancel(context.Background())
	var err error
	if e.api, err = e.dial.newClient(); err != nil {
		return nil, e.fail(ctx, err, e.connecting())
	}
	limit := s.patience
	if at.ssh != nil {
		limit *= 2
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errSilent)
	defer cancel()
	if err := e.describe(ctx); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

func (e *Engine) connecting() string {
	s := "connect to the container engine at " + e.dial.at.url
	if e.dial.at.from != "" {
		s += " (named by " + e.dial.at.from + ")"
	}
	return s
}

// Info describes the engine as it was when Connect found it.
func (e *Engine) Info() Info { return e.info }

// Close ends the connections that wait for the next call, and all pulls and waits. It waits for what goes on in the background; calls and streams of other callers
// are theirs to end. It may be called more than once.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.ends.close()
	e.pulls.close()
	hurry := time.AfterFunc(closeIn, e.die)
	defer hurry.Stop()
	e.inBackground.Wait()
	e.die()
	e.api.Close()
}

// background runs f for Close to wait for; after Close it doesn't.
func (e *Engine) background(f func()) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errClosed
	}
	e.inBackground.Go(f)
	return nil
}

// outlast is for what has to be done although its caller's context ends; it ends some time after Close.
func (e *Engine) outlast(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	stop := context.AfterFunc(e.life, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// Ping asks whether the engine answers.
func (e *Engine) Ping(ctx context.Context) error {
	_, err := e.api.Ping(ctx)
	return e.fail(ctx, err, "ask the container engine at "+e.dial.at.url+" whether it answers")
}

// describe fills Info, and refuses an engine that is too old.
func (e *Engine) describe(ctx context.Context) error {
	ping, err := e.api.Ping(ctx)
	if err != nil {
		return e.fail(ctx, err, e.connecting())
	}
	e.api.NegotiateAPIVersionPing(ping)
	if versions.LessThan(e.api.ClientVersion(), oldest) {
		return &Error{Kind: TooOld, Doing: e.connecting(), Err: fmt.Errorf("it speaks version %s of the API, and %s is needed", e.api.ClientVersion(), oldest),
			Mend: "Install Docker 20.10 or newer, or podman 4 or newer."}
	}
	asked := time.Now()
	i, err := e.api.Info(ctx)
	if err != nil {
		return e.fail(ctx, err, e.connecting())
	}
	if now, err := time.Parse(time.RFC3339Nano, i.SystemTime); err == nil {
		e.ahead = now.Sub(asked.Add(time.Since(asked) / 2))
	}
	e.info = Info{
		Address: e.dial.at.url, APIVersion: e.api.ClientVersion(), OS: i.OSType, Arch: goArch(i.Architecture), KernelVersion: i.KernelVersion,
		CPUs: i.NCPU, MemoryBytes: i.MemTotal, CgroupDriver: i.CgroupDriver, UnixSocket: e.dial.at.network == "unix",
	}
	e.info.CgroupVersion, _ = strconv.Atoi(i.CgroupVersion)
	for _, o := range i.SecurityOptions {
		e.info.Rootless = e.info.Rootless || o == "name=rootless"
	}
	e.info.Name, err = e.name(ctx, i.OperatingSystem)
	return e.fail(ctx, err, e.connecting())
}

// name is what people call the engine.
func (e *Engine) name(ctx context.Context, system string) (string, error) {
	v, err := e.api.ServerVersion(ctx)
	if err != nil {
		return "", err
	}
	version, _, _ := strings.Cut(v.Version, "+")
	for _, c := range v.Components {
		if strings.Contains(c.Name, "Podman") {
			return "podman " + version, nil
		}
	}
	if system == "Docker Desktop" {
		return "Docker Desktop, engine " + version, nil
	}
	return "Docker " + version, nil
}

// goArch is an architecture in Go's words.
func goArch(name string) string {
	switch name {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return name
}
