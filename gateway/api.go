package gateway

import (
	"fmt"
	"strings"
	"time"

	"example.com/emulate/emulator/config"
)

// defaultRoute is the path of an HTTP API's route for whatever no other route takes, and defaultStage the stage that stands in no path.
const (
	defaultRoute = "$default"
	defaultStage = "$default"
)

// api is one API made ready for requests.
type api struct {
	*config.API
	rest   bool
	stages []*stage
	// bare is the stage that a path without a stage's name means.
	bare *stage
	root node
	// fallback is the $default route of an HTTP API.
	fallback *route
	// binary are the binaryMediaTypes in lower case.
	binary       []string
	deploymentID string
}

// stage is one stage of an api.
type stage struct {
	config.Stage
	index int
}

// named tells whether the stage's name stands in paths.
func (s *stage) named() bool { return s.Name != defaultStage }

// route is one route of an api.
type route struct {
	*config.Route
	// names of the path variables, in order.
	names []string
	key   string
	// timeout of the integration.
	timeout time.Duration
	// refused says that the integration cannot be called: HTTPMethod or RequestParameters make AWS answer 500.
	refused string
	v2      bool
	// targets by stage index.
	targets []target
}

// target is what a route calls in one stage, and the parts of its events that never change.
type target struct {
	function, qualifier string
	parts               eventParts
}

// The limits of integrations (spec apigateway.md §1.10, §2.8).
const (
	restTimeout = 29 * time.Second
	httpTimeout = 30 * time.Second
)

func (g *Gateway) newAPI(c *config.API) (*api, error) {
	a := &api{API: c, rest: c.Kind == config.REST, deploymentID: stableID(6, "deployment", c.ID)}
	if c.Kind != config.REST && c.Kind != config.HTTP {
		return nil, fmt.Errorf("prepare API %s: unknown kind %q", c.LogicalID, c.Kind)
	}
	if len(c.Stages) == 0 {
		return nil, fmt.Errorf("prepare API %s: it has no stage", c.LogicalID)
	}
	for i := range c.Stages {
		s := &stage{Stage: c.Stages[i], index: i}
		a.stages = append(a.stages, s)
		if a.bare == nil || !a.rest && !s.named() {
			a.bare = s
		}
	}
	for _, t := range c.BinaryMediaTypes {
		a.binary = append(a.binary, mediaType(t))
	}
	for i := range c.Routes {
		if in := c.Routes[i].Integration; in.Type == config.Mock && (in.MockStatus < 200 || in.MockStatus > 599) {
			return nil, fmt.Errorf("prepare API %s: route %s answers with status %d", c.LogicalID, c.Routes[i].Key(), in.MockStatus)
		}
		r := g.newRoute(a, &c.Routes[i])
		if r.Path == defaultRoute {
			if a.fallback == nil {
				a.fallback = r
			}
			continue
		}
		a.root.add(r)
	}
	return a, nil
}

func (g *Gateway) newRoute(a *api, c *config.Route) *route {
	r := &route{Route: c, key: c.Key(), timeout: c.Integration.Timeout, v2: c.Integration.PayloadFormat == "2.0" && !a.rest}
	if r.timeout == 0 {
		r.timeout = httpTimeout
		if a.rest {
			r.timeout = restTimeout
		}
	}
	if a.rest {
		r.refused = g.refusal(&c.Integration)
	}
	r.targets = make([]target, len(a.stages))
	for _, s := range a.stages {
		t := &r.targets[s.index]
		t.function, t.qualifier = functionOf(&c.Integration, s.Variables)
		t.parts = g.newEventParts(a, s, r)
	}
	return r
}

// refusal says why AWS answers 500 without calling the integration, or "" (spec apigateway.md §1.6, §5.4).
func (g *Gateway) refusal(in *config.Integration) string {
	if in.Type == config.LambdaProxy && in.HTTPMethod != "" && in.HTTPMethod != "POST" {
		return "the integration's HTTP method is " + in.HTTPMethod + ": a Lambda function is only called by POST"
	}
	for target := range in.RequestParameters {
		name, ok := strings.CutPrefix(strings.ToLower(target), "integration.request.header.")
		if ok && (contains(g.names.refused, name) || in.Type == config.LambdaProxy && contains(g.names.refusedLambda, name)) {
			return "the integration maps the header " + name + ", which may not be mapped"
		}
	}
	return ""
}

// functionOf resolves stage variables in an integration's function; a missing one is empty text (spec apigateway.md §6). What comes out may be a
// name, name:qualifier or an ARN.
func functionOf(in *config.Integration, variables map[string]string) (function, qualifier string) {
	function, qualifier = stageVariables(in.Function, variables), stageVariables(in.Qualifier, variables)
	if rest, ok := strings.CutPrefix(function, "arn:"); ok {
		if parts := strings.SplitN(rest, ":", 6); len(parts) == 6 {
			function = parts[5]
		}
	}
	if name, q, ok := strings.Cut(function, ":"); ok {
		function = name
		if qualifier == "" {
			qualifier = q
		}
	}
	return function, qualifier
}

func stageVariables(s string, variables map[string]string) string {
	out := ""
	for {
		before, rest, found := strings.Cut(s, "${stageVariables.")
		name, rest, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return out + s
		}
		out += before + variables[name]
		s = rest
	}
}

// asked is what a request asks for: what routes are chosen by.
type asked struct {
	host, path, verb string
	// override is the verb of X-HTTP-Method-Override, "" where there is none; REST APIs go by it (spec apigateway.md §1.5).
	override string
	decoded  string
}

// location is where a request meets an API.
type location struct {
	api   *api
	verb  string
	stage *stage
	route *route
	// explicit says that the path begins with the stage's name.
	explicit bool
	// path and contextPath are what events show: of REST APIs without and with the stage, of HTTP APIs both with a named stage.
	path, contextPath string
	params            []string
}

// locate reads the stage from a path. The event of a bare path is that of the same path below its stage.
//
// A REST API's path stays encoded, and slashes at its begin and behind the stage collapse into one; an HTTP API's is decoded, and its slashes
// stay (spec apigateway.md §1.9, §2.1).
func (a *api) locate(raw, decoded string) (l location, match string) {
	l = location{api: a, stage: a.bare}
	p := decoded
	if a.rest {
		p = "/" + strings.TrimLeft(raw, "/")
	}
	first, _, _ := strings.Cut(p[1:], "/")
	below := p
	for _, s := range a.stages {
		if s.named() && s.Name == first {
			l.stage, l.explicit = s, true
			below = p[1+len(first):]
			break
		}
	}
	switch {
	case l.explicit:
		l.contextPath = p
	case l.stage.named():
		l.contextPath = "/" + l.stage.Name + p
	default:
		l.contextPath = p
	}
	if !a.rest {
		l.path = l.contextPath
		return l, strings.TrimRight(strings.TrimPrefix(below, "/"), "/")
	}
	l.path = "/" + strings.TrimLeft(below, "/")
	return l, strings.Trim(below, "/")
}

// find looks for the route of a request. The values of its path variables go into the memory of params.
func (a *api) find(t asked, params []string) location {
	l, match := a.locate(t.path, t.decoded)
	l.verb, params = t.verb, params[:0]
	if a.rest {
		if t.override != "" {
			l.verb = t.override
		}
		l.route, l.params = a.root.find(match, l.verb, params, everything)
		return l
	}
	l.route, l.params = a.root.find(match, l.verb, params, fullOnly)
	if l.route == nil {
		l.route, l.params = a.root.find(match, l.verb, params, greedyOnly)
	}
	if l.route == nil {
		l.route = a.fallback
	}
	return l
}

// edge tells whether CloudFront stands in front.
func (a *api) edge() bool { return a.rest && a.EdgeOptimized }
