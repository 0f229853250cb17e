package awsapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"example.com/emulate/emulator/lambda"
)

// Lambda is the service behind the endpoint; *lambda.Service is one. Errors that are a *lambda.Error are answered as they are.
type Lambda interface {
	// Invoke runs a function and returns its end; it writes the request id into inv.
	Invoke(ctx context.Context, inv *lambda.Invocation) (*lambda.Result, error)
	// Enqueue accepts an asynchronous invocation.
	Enqueue(inv *lambda.Invocation) error
	// Describe tells of a function, version or alias.
	Describe(name, qualifier string) (lambda.Description, error)
	// List tells of $LATEST of every function, sorted by name.
	List() []lambda.Description
	// Account tells of the account's limits.
	Account() lambda.Account
	versions
	concurrencies
	asyncs
}

// versions and aliases, and what changes $LATEST. Methods are those of lambda.Service.
type versions interface {
	Versions(name string) ([]lambda.Description, error)
	Publish(ctx context.Context, name string, p lambda.Publication) (lambda.Description, error)
	DeleteVersion(name, version string) error
	UpdateCode(ctx context.Context, name string, c lambda.CodeUpdate) (lambda.Description, error)
	UpdateConfiguration(ctx context.Context, name string, c lambda.ConfigurationUpdate) (lambda.Description, error)
	Aliases(name, version string) ([]lambda.Alias, error)
	Alias(name, alias string) (lambda.Alias, error)
	CreateAlias(ctx context.Context, name, alias string, c lambda.AliasChange) (lambda.Alias, error)
	UpdateAlias(name, alias string, c lambda.AliasChange) (lambda.Alias, error)
	DeleteAlias(name, alias string) error
}

// concurrencies are reserved and provisioned concurrency.
type concurrencies interface {
	Reserved(name string) (*int, error)
	Reserve(name string, n *int) error
	Provision(ctx context.Context, name, qualifier string, n int) (lambda.Provisioned, error)
	Provisioned(name, qualifier string) (lambda.Provisioned, error)
	ProvisionedList(name string) ([]lambda.Provisioned, error)
	Unprovision(name, qualifier string) error
}

// asyncs are the settings of asynchronous invocations.
type asyncs interface {
	ConfigureAsync(name, qualifier string, c lambda.AsyncConfig, keep bool) (lambda.AsyncConfig, error)
	Async(name, qualifier string) (lambda.AsyncConfig, error)
	AsyncList(name string) ([]lambda.AsyncConfig, error)
	DeleteAsync(name, qualifier string) error
}

// Options for New. Lambda is required.
type Options struct {
	Lambda Lambda
	// Region and Account are those that ARNs in requests must have.
	Region, Account string
	// Hosts are Host names to answer to beside the loopback ones (see Guard).
	Hosts []string
}

// New makes the endpoint's handler, with its Guard around it. It starts nothing.
func New(o Options) http.Handler {
	h := &handler{Options: o}
	h.router = h.routes()
	return Guard(h, o.Hosts...)
}

type handler struct {
	Options
	router *mux.Router
}

const (
	functionsPrefix   = "/2015-03-31/functions/"
	invocationsSuffix = "/invocations"
)

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, ok := invokedName(r); ok {
		h.invoke(w, r, name)
		return
	}
	if s, ok := foreignService(r); ok {
		s.refuse(w, r)
		return
	}
	h.router.ServeHTTP(w, r)
}

// invokedName finds the function's name in the path of an Invoke, decoded. ok is false for every other request.
func invokedName(r *http.Request) (name string, ok bool) {
	if r.Method != http.MethodPost {
		return "", false
	}
	path, encoded := r.URL.Path, r.URL.RawPath != ""
	if encoded {
		path = r.URL.RawPath
	}
	if name, ok = strings.CutPrefix(path, functionsPrefix); !ok {
		return "", false
	}
	if name, ok = strings.CutSuffix(name, invocationsSuffix); !ok || strings.IndexByte(name, '/') >= 0 {
		return "", false
	}
	if encoded {
		name = unescape(name)
	}
	return name, true
}
