package docker

import (
	"context"

	"github.com/docker/docker/client"
)

// Options say which engine Connect takes.
type Options struct {
	// Host is an address: unix:///path, tcp://host:port or ssh://[user@]host[:port]; "" looks for one as Docker's own CLI does.
	Host string
}

// Engine is a connection to a container engine. Its methods may be called from any number of goroutines.
type Engine struct {
	api  *client.Client
	at   address
	info Info
}

// Connect finds the engine, agrees on an API version and describes it once. Its errors are of the kinds Absent, Stopped, NoPermission and TooOld.
func Connect(ctx context.Context, o Options) (*Engine, error) {
	at, err := locate(o.Host)
	if err != nil {
		return nil, err
	}
	e := &Engine{at: at}
	if e.api, err = newClient(at); err != nil {
		return nil, e.fail(err, "connect to the container engine at "+at.url)
	}
	if err := e.describe(ctx); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Info describes the engine as it was when Connect found it.
func (e *Engine) Info() Info { return e.info }

// Close ends the connections that wait for the next call. Calls and streams that are under way end by themselves.
func (e *Engine) Close() { e.api.Close() }

// Ping asks whether the engine answers.
func (e *Engine) Ping(ctx context.Context) error {
	_, err := e.api.Ping(ctx)
	return e.fail(err, "ask the container engine at "+e.at.url+" whether it answers")
}
