package config

import (
	"slices"
	"strconv"
	"strings"
)

// api reads one entry of emulate.yaml's apis.
func (n *nativeFile) api(fl *field, opts Options) {
	p := open(n.in(fl.name, nil), fl.value, fl.key, "emulate.yaml apis", literal)
	api := &API{ID: shortID(fl.name), LogicalID: fl.name, Name: fl.name, At: fl.key.pos()}
	n.project.APIs = append(n.project.APIs, api)
	api.Kind = APIKind(p.enum("kind", string(HTTP), string(REST), string(HTTP)))
	api.Name = or(p.text("name"), fl.name)
	api.Stages = p.stages(api.Kind)
	api.chooseStage(opts.Stage)
	api.BinaryMediaTypes = p.texts("binaryMediaTypes")
	if api.Kind == HTTP {
		api.CORS = p.cors()
		if p.has("binaryMediaTypes") {
			p.errorf(p.key("binaryMediaTypes"), "wrong-value", "", "binaryMediaTypes are for the kind rest; an http API decides by the content type")
		}
	}
	routes := p.value("routes")
	if !p.require("routes", "routes: {GET /: NAME}") || routes == nil {
		return
	}
	if routes.kind != mapKind {
		p.wrongType(routes, "routes", "a map")
		return
	}
	tree := restTree{}
	for i := range routes.fields {
		n.route(api, tree, &routes.fields[i])
	}
	if api.Kind == REST {
		p.restCORS(api)
	}
}

// restCORS gives a REST API the OPTIONS methods that answer preflight requests: REST APIs have no CORS of their own, so that handlers must set the
// headers of the answers themselves.
func (p *props) restCORS(api *API) {
	c := p.cors()
	if c == nil {
		return
	}
	if len(c.ExposeHeaders) > 0 {
		p.errorf(p.key("cors"), "wrong-value", "set Access-Control-Expose-Headers in the handler", "exposeHeaders has no meaning in a REST API's preflight answer")
	}
	if len(c.AllowOrigins) > 1 {
		p.errorf(p.key("cors"), "wrong-value", "", "a REST API's preflight answer names one origin")
	}
	f := preflight{
		status: 200, origin: strings.Join(c.AllowOrigins, ","), headers: strings.Join(c.AllowHeaders, ","), methods: strings.Join(c.AllowMethods, ","),
		credentials: c.AllowCredentials,
	}
	if f.methods == "*" {
		f.methods = ""
	}
	if c.MaxAge != nil {
		f.maxAge = strconv.Itoa(*c.MaxAge)
	}
	api.addPreflight(f)
}

// stages reads stage (one name) or stages (a list of names, or a map of names to {variables}); variables are those of every stage.
func (p *props) stages(kind APIKind) []Stage {
	fallback := map[APIKind]string{REST: "Prod", HTTP: "$default"}[kind]
	shared := p.textMap("variables")
	var stages []Stage
	add := func(at *node, name string, variables map[string]string) {
		p.checkStageName(at, kind, name)
		if slices.ContainsFunc(stages, func(s Stage) bool { return s.Name == name }) {
			p.errorf(at, "wrong-value", "", "the stage %q is given twice", name)
		}
		if variables == nil {
			variables = shared
		}
		stages = append(stages, Stage{Name: name, Variables: variables})
	}
	switch v := p.value("stages"); {
	case v != nil && p.has("stage"):
		p.errorf(p.key("stages"), "wrong-value", "", "an API has stage or stages, not both")
	case v != nil && v.kind == mapKind:
		for _, f := range v.fields {
			s := open(p.scope, f.value, f.key, "emulate.yaml apis.stages", literal)
			add(f.key, f.name, s.textMap("variables"))
		}
	case v != nil:
		for _, it := range p.scalars("stages") {
			add(it, it.text, nil)
		}
	case p.has("stage"):
		add(p.raw("stage"), p.text("stage"), nil)
	}
	if len(stages) == 0 {
		stages = []Stage{{Name: fallback, Variables: shared}}
	}
	return stages
}

// route reads "GET /path: function" or "GET /path: {function, timeout, payload}".
func (n *nativeFile) route(api *API, tree restTree, fl *field) {
	r := Route{At: fl.key.pos(), Integration: Integration{Type: LambdaProxy, PayloadFormat: "1.0"}}
	sc := n.in(api.LogicalID, &r.Broken)
	v := fl.value
	if v.isScalar() {
		v = v.mapOf(field{name: "function", key: v, value: v})
	}
	rp := open(sc, v, fl.key, "emulate.yaml apis.routes", literal)
	limit := maxTimeoutREST
	if api.Kind == HTTP {
		limit = maxTimeoutHTTP
		r.Integration.PayloadFormat = rp.enum("payload", "2.0", "1.0", "2.0")
	} else if rp.has("payload") && rp.text("payload") != "1.0" {
		rp.errorf(rp.raw("payload"), "wrong-value", "", "a rest API's payload is always 1.0")
	}
	r.Integration.Timeout = rp.duration("timeout", 0, minIntegrationTimeout, limit)
	r.Method, r.Path = rp.routeKey(api.Kind, fl)
	n.target(rp, &r.Integration)
	key := r.Key()
	for _, other := range api.Routes {
		if other.Key() == key && key != "" {
			rp.errorf(fl.key, "duplicate-route", "", "the route %s is given twice", key)
			return
		}
	}
	if problem := tree.add(r.Path); api.Kind == REST && problem != "" {
		rp.errorf(fl.key, "wrong-route", "", "%s", problem)
	}
	api.Routes = append(api.Routes, r)
}

// routeKey takes "GET /users/{id}" apart, and reports what API Gateway would refuse.
func (p *props) routeKey(kind APIKind, fl *field) (method, path string) {
	if fl.name == "$default" {
		if kind == REST {
			p.errorf(fl.key, "wrong-route", "ANY /{proxy+}, and ANY / for the root", "a rest API has no $default route")
		}
		return "ANY", "$default"
	}
	method, path, ok := strings.Cut(fl.name, " ")
	path = strings.TrimSpace(path)
	if !ok || !strings.HasPrefix(path, "/") {
		p.errorf(fl.key, "wrong-route", "METHOD /path, such as GET /users/{id}", "%q is no route", fl.name)
		return strings.ToUpper(method), path
	}
	p.checkPath(fl.key, kind, path)
	return p.checkMethod(fl.key, method), path
}

// target finds the function of a route, "name" or "name:alias". The name alone is that of the function's own alias, where it has one, as in SAM.
func (n *nativeFile) target(p *props, in *Integration) {
	if !p.require("function", "") {
		return
	}
	text := p.text("function")
	name, qualifier, _ := strings.Cut(text, ":")
	for _, f := range n.project.Functions {
		if f.LogicalID != name && f.Name != name {
			continue
		}
		in.Function, in.Qualifier = f.Name, qualifier
		if qualifier != "" && qualifier != f.Alias && qualifier != "$LATEST" {
			p.errorf(p.raw("function"), "unresolved-reference", "", "function %s has no alias %q", name, qualifier)
		}
		if qualifier == "" {
			in.Qualifier = f.Alias
		}
		return
	}
	if text != "" {
		p.errorf(p.raw("function"), "unresolved-reference", didYouMean(name, n.project.functionIDs()), "there is no function %q", name)
	}
}
