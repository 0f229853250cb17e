package config

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// apiBuilder collects the routes of one API of a template, from wherever they come: events of functions, an OpenAPI document, resources.
type apiBuilder struct {
	// props are those of the API's resource. Of an implicit API they are what Globals say.
	*props
	t   *template
	r   *resource
	api *API
	// tree holds the resources of a REST API, by their paths.
	tree restTree
	// resources are the logical ids of the AWS::ApiGateway::Resources of a REST API, by their paths.
	resources map[string]string
	// documented says that the API is defined without events: by an OpenAPI document, or as a type of CloudFormation's own.
	documented bool
	// pending are the operations of the API's OpenAPI document that have no integration yet: events of functions may give them one.
	pending []*operation
	// cors is the answer to preflight requests of a REST API that SAM's Cors asks for.
	cors *preflight
}

// loadAPIs makes the project's APIs of the functions' events and of the template's API resources.
func (t *template) loadAPIs() {
	apis := &apiSet{t: t, skipped: map[string]bool{}}
	for _, r := range t.resources {
		switch r.typ {
		case "AWS::Serverless::Api":
			apis.add(r, REST).serverlessREST()
		case "AWS::Serverless::HttpApi":
			apis.add(r, HTTP).serverlessHTTP()
		case "AWS::ApiGateway::RestApi":
			apis.add(r, REST).restAPI()
		case "AWS::ApiGatewayV2::Api":
			apis.apiV2(r)
		}
	}
	apis.restParts()
	apis.httpParts()
	apis.checkParts()
	for _, e := range t.events {
		apis.event(e)
	}
	for _, b := range apis.list {
		b.finish()
	}
	slices.SortStableFunc(t.project.APIs, func(a, b *API) int { return cmp.Compare(a.At.Line, b.At.Line) })
}

// apiSet is all APIs of a template.
type apiSet struct {
	t    *template
	list []*apiBuilder
	// skipped are the ids of APIs that are not served: WebSocket APIs. Nothing is said of their parts.
	skipped map[string]bool
}

// apiV2 reads an API whose kind its ProtocolType tells.
func (s *apiSet) apiV2(r *resource) {
	protocol := s.quiet(r).text("ProtocolType")
	if strings.EqualFold(protocol, "WEBSOCKET") {
		s.skipped[shortID(r.id)], s.skipped[r.id] = true, true
		s.t.in(r.id, nil).warnf(r.key, "not-emulated", "", "WebSocket APIs are not emulated yet; functions of %s can still be invoked", r.id)
		return
	}
	b := s.add(r, HTTP)
	b.enum("ProtocolType", "HTTP", "HTTP", "WEBSOCKET")
	if !b.given("Body") && !b.given("BodyS3Location") {
		b.require("ProtocolType", "ProtocolType: HTTP")
		b.require("Name", "")
	}
	b.httpAPI()
}

// add makes the API of a resource.
func (s *apiSet) add(r *resource, kind APIKind) *apiBuilder {
	b := &apiBuilder{t: s.t, r: r, tree: restTree{}, resources: map[string]string{}}
	b.api = &API{ID: shortID(r.id), LogicalID: r.id, Name: r.id, At: r.key.pos(), Kind: kind}
	b.documented = !strings.HasPrefix(r.typ, "AWS::Serverless::")
	b.props = s.t.open(r, nil)
	b.api.Name = or(b.text("Name"), r.id)
	s.list = append(s.list, b)
	s.t.project.APIs = append(s.t.project.APIs, b.api)
	return b
}

// find returns the API that a logical id, or an API's id as Ref gives it, means; nil where there is none.
func (s *apiSet) find(ref string) *apiBuilder {
	for _, b := range s.list {
		if b.api.LogicalID == ref || b.api.ID == ref {
			return b
		}
	}
	return nil
}

// names are the logical ids of the APIs of one kind, for the nearest one.
func (s *apiSet) names(kind APIKind) []string {
	var names []string
	for _, b := range s.list {
		if b.api.Kind == kind {
			names = append(names, b.api.LogicalID)
		}
	}
	return names
}

// addRoute adds a route that was read at a node, and reports where it cannot stand beside the API's other routes. Problems of the route
// itself are in its Broken list already.
func (b *apiBuilder) addRoute(at *node, r Route) {
	sc := b.t.in(b.api.LogicalID, &r.Broken)
	key := r.Key()
	if b.hasRoute(key) {
		sc.errorf(at, "duplicate-route", "", "the route %s of API %s is given twice", key, b.api.LogicalID)
		return
	}
	if r.Integration.Type == LambdaProxy && r.Integration.Function == "" && len(r.Broken) == 0 {
		// What failed was reported as a problem of the whole API.
		r.Broken = append(r.Broken, sc.diagnostic(Error, at, "unresolved-reference", "", "the function of "+r.label()+" is not known"))
	}
	b.api.Routes = append(b.api.Routes, r)
}

func (b *apiBuilder) hasRoute(key string) bool {
	return slices.ContainsFunc(b.api.Routes, func(r Route) bool { return r.Key() == key })
}

// checkTree reports a path that cannot be a resource of a REST API beside those of its other routes.
func (b *apiBuilder) checkTree(at *node, r *Route) {
	if b.api.Kind != REST {
		return
	}
	if problem := b.tree.add(r.Path); problem != "" {
		b.t.in(b.api.LogicalID, &r.Broken).errorf(at, "wrong-route", "", "%s", problem)
	}
}

// setStage gives the API a stage. A stage that the API has already, as a Deployment and a Stage may make the same, keeps its place.
func (b *apiBuilder) setStage(at *node, name string, variables map[string]string) {
	if name == "" {
		return
	}
	b.checkStageName(at, b.api.Kind, name)
	for i := range b.api.Stages {
		if s := &b.api.Stages[i]; s.Name == name {
			if variables != nil {
				s.Variables = variables
			}
			return
		}
	}
	b.api.Stages = append(b.api.Stages, Stage{Name: name, Variables: variables})
}

var (
	stageVariableName  = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)
	stageVariableValue = regexp.MustCompile(`^[A-Za-z0-9\-._~:/?#&=,]{0,512}$`)
)

// stageVariables reads a stage's variables, and reports those that API Gateway refuses. Source: spec apigateway.md §1.10.
func (p *props) stageVariables(property string) map[string]string {
	variables := p.textMap(property)
	v := p.value(property)
	for _, name := range keys(variables) {
		switch f := v.field(name); {
		case !stageVariableName.MatchString(name):
			p.errorf(f.key, "wrong-value", "", "the stage variable %q must be named by 1 to 64 letters, digits and _", name)
		case !stageVariableValue.MatchString(variables[name]):
			p.errorf(f.value, "wrong-value", "", "the stage variable %s may have at most 512 letters, digits and -._~:/?#&=,", name)
		}
	}
	return variables
}

// timeout reads the timeout of an integration in milliseconds, 0 where none is given. A REST API's may be more than 29 s where the account's
// quota was raised, which nothing here can know. Source: spec apigateway.md §1.10, §2.8.
func (p *props) timeout(kind APIKind, property string) time.Duration {
	limit := maxTimeoutHTTP
	if kind == REST {
		limit = maxTimeout * time.Second
	}
	ms := p.integer(property, 0, int(minIntegrationTimeout/time.Millisecond), int(limit/time.Millisecond))
	d := time.Duration(ms) * time.Millisecond
	if kind == REST && d > maxTimeoutREST {
		p.warnf(p.key(property), "raised-quota", "", "%s is more than 29000: AWS takes that for regional and private APIs only, after the account's quota was raised", property)
	}
	return d
}

// finish does what can only be done when all routes are known.
func (b *apiBuilder) finish() {
	for _, op := range b.pending {
		sc := b.t.in(b.api.LogicalID, &op.route.Broken)
		sc.errorf(op.at, "missing-property", "x-amazon-apigateway-integration, or an event of a function with this path and method", "%s has no integration", op.route.label())
		b.addRoute(op.at, op.route)
	}
	if b.cors != nil {
		b.addCORS()
	}
	b.finishStages()
	b.checkStageVariables()
	if len(b.api.Routes) == 0 && !b.t.d.failed() {
		b.warnf(b.r.key, "no-routes", "", "API %s has no routes", b.api.LogicalID)
	}
}

// addCORS gives the API the OPTIONS methods that SAM makes for its Cors; their body is an empty object and a line end.
func (b *apiBuilder) addCORS() {
	own := len(b.api.Routes)
	b.api.addPreflight(*b.cors)
	for i := own; i < len(b.api.Routes); i++ {
		b.api.Routes[i].Integration.MockBody = "{}\n"
	}
}

// finishStages gives an API without a stage one, so that it can be called, and lets --stage override the name of the first.
func (b *apiBuilder) finishStages() {
	if len(b.api.Stages) == 0 {
		name := map[APIKind]string{REST: "Prod", HTTP: "$default"}[b.api.Kind]
		if !b.t.d.failed() {
			b.warnf(b.r.key, "no-stage", "", "API %s has no stage, by which AWS would serve it: it is served as %s", b.api.LogicalID, name)
		}
		b.api.Stages = []Stage{{Name: name}}
	}
	b.api.chooseStage(b.t.opts.Stage)
}

// chooseStage makes the stage of a name the first one: one that the API has, else the first is renamed. An API with nothing but $default has no
// name to override.
func (a *API) chooseStage(name string) {
	i := slices.IndexFunc(a.Stages, func(s Stage) bool { return s.Name == name })
	switch {
	case name == "":
	case i >= 0:
		chosen := a.Stages[i]
		a.Stages = slices.Insert(slices.Delete(a.Stages, i, i+1), 0, chosen)
	case a.Stages[0].Name != "$default":
		a.Stages[0].Name = name
	}
}

// operation is a method of a path in an OpenAPI document.
type operation struct {
	at    *node
	route Route
}
