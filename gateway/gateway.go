package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/telemetry"
)

// Invoker runs functions: a lambda.Service.
type Invoker interface {
	// Invoke waits for the function's answer. Its error is a *lambda.Error, or the cause of ctx where that ended first; the invocation then goes
	// on, and keeps the payload.
	Invoke(ctx context.Context, inv *lambda.Invocation) (*lambda.Result, error)
}

// Emitter takes telemetry events without ever blocking: a telemetry.Stream.
type Emitter interface{ Emit(telemetry.Event) }

// Options of a Gateway.
type Options struct {
	// APIs that share the listener, in the order of the configuration. Where several have a route for a request, the first takes it.
	APIs []*config.API
	// Invoker is obligatory.
	Invoker Invoker
	// Telemetry gets one access event per request; nil drops them.
	Telemetry Emitter
	// Account is the AWS account id that events show; "" is 123456789012.
	Account string
	// Port is what X-Forwarded-Port says: the listener's.
	Port int
	// Explain tells what a developer should read of an error of Invoke that AWS has no words for: kind is "build" or "configuration" and goes into
	// the header X-Emulate-Error, words are the compiler's or the diagnostic's and become the body of a 502. An empty kind means that there is
	// nothing to explain. nil explains nothing.
	Explain func(err error) (kind, words string)
	// Ready waits until a function's code is built, before the integration's clock starts: building is this machine's work and has no counterpart
	// on AWS. Its ctx ends with the client's connection, its error is handled as one of Invoke. nil does not wait.
	Ready func(ctx context.Context, function string) error
}

// Gateway serves REST and HTTP APIs. It is immutable: a reload makes a new one.
type Gateway struct {
	apis      []*api
	invoker   Invoker
	telemetry Emitter
	explain   func(error) (kind, words string)
	ready     func(context.Context, string) error
	account   string
	port      string
	names     *names
	rest      failures
	http      failures
	// nobody stands for the API of a host that names none of ours.
	nobody    *api
	exchanges sync.Pool // of *exchange
	payloads  sync.Pool // of *[]byte
}

// New makes a Gateway of APIs that are already checked.
func New(o Options) (*Gateway, error) {
	if o.Invoker == nil {
		return nil, errors.New("make gateway: no Invoker")
	}
	if o.Port < 0 || o.Port > 65535 {
		return nil, fmt.Errorf("make gateway: port %d is out of range", o.Port)
	}
	g := &Gateway{
		invoker: o.Invoker, telemetry: o.Telemetry, explain: o.Explain, ready: o.Ready, account: o.Account, port: strconv.Itoa(o.Port),
		names: newNames(), rest: restFailures(), http: httpFailures(), nobody: &api{API: &config.API{}},
	}
	if g.account == "" {
		g.account = "123456789012"
	}
	g.exchanges.New = func() any { return new(exchange) }
	g.payloads.New = func() any { return new([]byte) }
	for _, c := range o.APIs {
		a, err := g.newAPI(c)
		if err != nil {
			return nil, err
		}
		g.apis = append(g.apis, a)
	}
	if len(g.apis) == 0 {
		return nil, errors.New("make gateway: no APIs")
	}
	return g, nil
}

// ServeHTTP serves one request of any of the APIs.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := g.exchanges.Get().(*exchange)
	x.begin(g, w, r)
	x.serve()
	x.finish()
	x.reset()
	g.exchanges.Put(x)
}

// locate finds the API, stage and route of a request. Where no API has a route, it tells which one answers that: the one whose host or stage the
// request names, else a REST API where there is any.
func (g *Gateway) locate(t asked, params []string) location {
	apis := g.apis
	if a, named := g.named(t.host); named {
		if a == nil {
			return location{api: g.nobody, verb: t.verb}
		}
		apis = []*api{a}
	}
	t.decoded = t.path
	if strings.ContainsRune(t.path, '%') {
		// A "?" that only decoding brings to light ends the path (spec apigateway.md §2.1).
		t.decoded, _, _ = strings.Cut(decode(t.path, false), "?")
	}
	var found, miss location
	for _, a := range apis {
		l := a.find(t, params)
		switch {
		case l.route == nil:
			if miss.api == nil || l.explicit && !miss.explicit || a.rest && !miss.api.rest && l.explicit == miss.explicit {
				miss = l
			}
		case l.explicit:
			return l
		case found.api == nil:
			found = l
			params = nil // Its memory belongs to found now.
		}
	}
	if found.api != nil {
		return found
	}
	return miss
}

// named tells whether a host is of the form APIID.execute-api.anything, and which API that is; nil where it is not one of ours.
func (g *Gateway) named(host string) (*api, bool) {
	id, rest, ok := strings.Cut(host, ".")
	if !ok || !strings.HasPrefix(rest, "execute-api.") {
		return nil, false
	}
	for _, a := range g.apis {
		if strings.EqualFold(a.ID, id) {
			return a, true
		}
	}
	return nil, true
}
