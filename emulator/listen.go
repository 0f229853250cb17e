package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/gateway"
)

// front is one listener with its HTTP server; its handler is swapped whole on reload.
type front struct {
	listener net.Listener
	server   *http.Server
	handler  atomic.Pointer[http.Handler]
	raw      bool   // the heads of requests are kept as they came, for events
	api      string // the id of the API that has the front for itself; "" for the shared one
	done     sync.WaitGroup
}

// listenFront opens a listener, with a server that answers 404 until it gets its handler.
func listenFront(host string, port int, purpose string) (*front, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, listenError(host, port, purpose, err)
	}
	f := &front{listener: l, raw: purpose == apiPurpose}
	f.server = gateway.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*f.handler.Load()).ServeHTTP(w, r) }))
	f.server.ErrorLog = log.New(io.Discard, "", 0) // broken clients are no news
	f.handle(http.NotFoundHandler())
	return f, nil
}

// listenError says who holds a port that is taken.
func listenError(host string, port int, purpose string, err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen for %s: %w", purpose, err)
	}
	who := holder(port)
	if who != "" {
		who = " by " + who
	}
	flag := "--port"
	if purpose == awsPurpose {
		flag = "--aws-port"
	}
	return fmt.Errorf("listen for %s: port %d of %s is taken%s: choose another with %s, or %s 0 for a free one", purpose, port, host, who, flag, flag)
}

func (f *front) handle(h http.Handler) { f.handler.Store(&h) }

func (f *front) start() {
	l := f.listener
	if f.raw {
		l = gateway.Listener(l)
	}
	f.done.Go(func() { _ = f.server.Serve(l) }) // always ends with ErrServerClosed: accept errors are retried
}

func (f *front) port() int { return f.listener.Addr().(*net.TCPAddr).Port }

// url is the front's base for clients on this machine.
func (f *front) url() string {
	a := f.listener.Addr().(*net.TCPAddr)
	host := a.IP.String()
	if a.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(a.Port))
}

// close lets requests finish until ctx ends, then cuts them off.
func (f *front) close(ctx context.Context) {
	if err := f.server.Shutdown(ctx); err != nil {
		_ = f.server.Close()
	}
	_ = f.listener.Close() // for a front that was never started
	f.done.Wait()
}

const (
	apiPurpose = "the APIs"
	awsPurpose = "the AWS endpoint"
)

// listen opens all listeners, so that every address is known before anything runs.
func (e *Emulator) listen(p *config.Project) error {
	main, err := listenFront(e.o.Host, e.o.Port, apiPurpose)
	if err != nil {
		return err
	}
	e.fronts = []*front{main}
	if e.aws, err = listenFront(e.o.Host, e.o.AWSPort, awsPurpose); err != nil {
		return err
	}
	_, alone := share(p.APIs)
	for _, a := range alone {
		f, err := listenFront(e.o.Host, 0, apiPurpose)
		if err != nil {
			return err
		}
		f.api = a.ID
		e.fronts = append(e.fronts, f)
	}
	return nil
}

// share divides APIs into those that share the port, and later ones whose routes collide with one of these.
func share(apis []*config.API) (shared, alone []*config.API) {
	for _, a := range apis {
		collides := false
		for _, b := range shared {
			collides = collides || gateway.Collide(a, b)
		}
		if collides {
			alone = append(alone, a)
		} else {
			shared = append(shared, a)
		}
	}
	return shared, alone
}

// closeFronts stops listening everywhere at once.
func (e *Emulator) closeFronts(ctx context.Context) {
	e.mu.Lock()
	fronts := append([]*front(nil), e.fronts...)
	e.mu.Unlock()
	if e.aws != nil {
		fronts = append(fronts, e.aws)
	}
	var wg sync.WaitGroup
	for _, f := range fronts {
		wg.Go(func() { f.close(ctx) })
	}
	wg.Wait()
}

// retire closes a front that no API needs any more, behind the back of the caller.
func (e *Emulator) retire(f *front) {
	e.builds.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), 5*time.Second)
		defer cancel()
		f.close(ctx)
	})
}
