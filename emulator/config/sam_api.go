package config

import (
	"cmp"
	"slices"
	"strings"
)

// serverlessREST reads what an AWS::Serverless::Api says of the API as a whole. Source: spec apigateway.md §11.2.
func (b *apiBuilder) serverlessREST() {
	b.require("StageName", "StageName: Prod")
	b.setStage(b.key("StageName"), or(b.text("StageName"), "Prod"), b.stageVariables("Variables"))
	b.binaryMediaTypes()
	b.endpoint("EndpointConfiguration")
	b.part("Auth")
	b.part("Domain")
	b.cors = b.serverlessCORS()
	b.definition("DefinitionBody", "DefinitionUri")
}

// serverlessHTTP reads what an AWS::Serverless::HttpApi says of the API as a whole. Source: spec apigateway.md §11.2.
func (b *apiBuilder) serverlessHTTP() {
	b.setStage(b.key("StageName"), or(b.text("StageName"), "$default"), b.stageVariables("StageVariables"))
	b.part("Auth")
	b.part("Domain")
	switch v := b.value("CorsConfiguration"); {
	case v == nil:
	case v.kind == mapKind:
		b.api.CORS = b.nested("CorsConfiguration").corsConfiguration()
	case b.boolean("CorsConfiguration"):
		b.api.CORS = &CORS{AllowOrigins: []string{"*"}}
	}
	b.definition("DefinitionBody", "DefinitionUri")
}

// binaryMediaTypes reads the media types of a REST API; "~1" stands for "/", as in a JSON pointer.
func (b *apiBuilder) binaryMediaTypes() {
	for _, m := range b.texts("BinaryMediaTypes") {
		b.api.BinaryMediaTypes = append(b.api.BinaryMediaTypes, strings.ReplaceAll(m, "~1", "/"))
	}
}

// endpoint reads an EndpointConfiguration. An API is emulated as a regional one, with CloudFront's headers only where EDGE is asked for by name.
func (b *apiBuilder) endpoint(property string) {
	v := b.t.branch(b.raw(property), b.scope)
	if v == nil {
		return
	}
	types := b.texts
	if v.kind == mapKind && !isIntrinsic(v) {
		p := b.part(property)
		types = func(string) []string { return append(p.texts("Types"), p.texts("Type")...) }
		v = cmp.Or(p.raw("Type"), p.raw("Types"), v)
	}
	known := []string{"EDGE", "REGIONAL", "PRIVATE"}
	for _, typ := range types(property) {
		if !slices.Contains(known, typ) {
			b.errorf(v, "wrong-value", oneOf(typ, known), "unknown endpoint type %q", typ)
		}
		b.api.EdgeOptimized = b.api.EdgeOptimized || typ == "EDGE"
	}
}

// corsConfiguration reads the CORS of an HTTP API as SAM and CloudFormation write it.
func (p *props) corsConfiguration() *CORS {
	return p.readCORS("AllowOrigins", "AllowMethods", "AllowHeaders", "ExposeHeaders", "AllowCredentials", "MaxAge")
}

// readCORS reads the CORS of an HTTP API, and reports what API Gateway refuses of it. Source: spec apigateway.md §8.
func (p *props) readCORS(origins, methods, headers, expose, credentials, maxAge string) *CORS {
	c := &CORS{
		AllowOrigins: p.texts(origins), AllowMethods: p.texts(methods), AllowHeaders: p.texts(headers), ExposeHeaders: p.texts(expose),
		AllowCredentials: p.boolean(credentials),
	}
	if p.has(maxAge) {
		age := p.integer(maxAge, 0, -1, 86400)
		c.MaxAge = &age
	}
	for _, m := range c.AllowMethods {
		if known := append(routeMethods[:len(routeMethods)-1:len(routeMethods)-1], "*"); !slices.Contains(known, m) {
			p.errorf(p.raw(methods), "wrong-value", oneOf(m, known), "unknown method %q in %s", m, methods)
		}
	}
	if c.AllowCredentials && slices.Contains(c.AllowOrigins, "*") {
		p.errorf(p.key(credentials), "wrong-value", "name the origins", "%s does not go with the origin *", credentials)
	}
	return c
}

// serverlessCORS reads SAM's Cors of a REST API: the allowed origin alone, or a map. The values are API Gateway's constants, with single
// quotes that are part of them. nil where there is none. Source: spec apigateway.md §8, §11.2.
func (b *apiBuilder) serverlessCORS() *preflight {
	v := b.value("Cors")
	if v == nil {
		return nil
	}
	f := &preflight{status: 200}
	if v.kind != mapKind {
		f.origin = b.constant(v, "Cors")
		return f
	}
	p := b.nested("Cors")
	for name, to := range map[string]*string{"AllowOrigin": &f.origin, "AllowHeaders": &f.headers, "AllowMethods": &f.methods, "MaxAge": &f.maxAge} {
		if value := p.value(name); value != nil {
			*to = b.constant(value, name)
		}
	}
	f.credentials = p.boolean("AllowCredentials")
	if f.origin == "" && !p.has("AllowOrigin") {
		f.origin = "*"
	}
	if f.credentials && f.origin == "*" {
		b.errorf(p.key("AllowCredentials"), "wrong-value", "name the origin", "AllowCredentials does not go with the origin *")
	}
	return f
}

// constant reads a constant of API Gateway's parameter mappings: text between single quotes.
func (b *apiBuilder) constant(v *node, name string) string {
	if !v.isScalar() {
		b.wrongType(v, name, "text")
		return ""
	}
	s, ok := unquote(v.text)
	if !ok {
		b.errorf(v, "wrong-value", `"'`+v.text+`'"`, "%s must have single quotes inside, as %q is no constant of API Gateway", name, v.text)
		return v.text
	}
	return s
}

// unquote takes the single quotes off a constant of a parameter mapping.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' {
		return s, false
	}
	return s[1 : len(s)-1], true
}

// event adds the route of a function's event to the API that it names, or to the implicit one.
func (s *apiSet) event(e event) {
	kind, property := REST, "RestApiId"
	if e.typ == "HttpApi" {
		kind, property = HTTP, "ApiId"
	}
	r := Route{At: e.key.pos(), Integration: Integration{Type: LambdaProxy, Function: e.function.Name, Qualifier: e.function.Alias, PayloadFormat: "1.0"}}
	// What the table refuses is left out of the route where the user asks for lenience; what is read below breaks it.
	p := open(s.t.in(e.function.LogicalID, nil), e.props, e.key, "AWS::Serverless::Function.Events."+e.typ, s.t.eval)
	if e.props != nil && e.props.kind != mapKind {
		return
	}
	s.t.part(p, "Auth")
	s.t.part(p, "RequestModel")
	p.broken = &r.Broken
	b := s.target(e, p, kind, property)
	p.eventRoute(e, kind, &r)
	if kind == HTTP {
		r.Integration.PayloadFormat = p.enum("PayloadFormatVersion", "2.0", "1.0", "2.0")
	}
	r.Integration.Timeout = p.timeout(kind, "TimeoutInMillis")
	if b != nil && r.Path != "" && r.Method != "" {
		b.eventRoute(e.key, r)
	}
}

// target finds the API that an event names; nil (and a report) where there is none.
func (s *apiSet) target(e event, p *props, kind APIKind, property string) *apiBuilder {
	if !p.has(property) {
		if p.node.get(property) != nil && p.value(property) == nil {
			return nil
		}
		return s.implicit(e, kind)
	}
	v := p.value(property)
	if v == nil {
		return nil
	}
	b := s.find(v.text)
	if b == nil && (v.text == shortID(implicitREST) || v.text == shortID(implicitHTTP)) {
		b = s.implicit(e, kind)
	}
	switch {
	case b == nil:
		p.errorf(p.raw(property), "unresolved-reference", didYouMean(v.text, s.names(kind)), "%s of event %s names no API of this template: %q", property, e.name, v.text)
	case b.api.Kind != kind:
		p.errorf(p.raw(property), "wrong-type", "", "event %s of type %s cannot be an event of %s: that is a %s API", e.name, e.typ, b.api.LogicalID, strings.ToUpper(string(b.api.Kind)))
		return nil
	}
	return b
}

// implicit returns SAM's implicit API of a kind, which exists by its first event. Source: spec apigateway.md §11.2.
func (s *apiSet) implicit(e event, kind APIKind) *apiBuilder {
	id, typ := implicitREST, "AWS::Serverless::Api"
	if kind == HTTP {
		id, typ = implicitHTTP, "AWS::Serverless::HttpApi"
	}
	if b := s.find(id); b != nil {
		return b
	}
	stage := e.key.mapOf(field{name: "StageName", key: e.key, value: e.key.str("Prod")})
	r := &resource{id: id, typ: typ, key: e.key}
	if kind == HTTP {
		r.props = s.t.withGlobals(r)
		b := s.add(r, HTTP)
		b.serverlessHTTP()
		return b
	}
	r.props = stage
	r.props = s.t.withGlobals(r)
	b := s.add(r, REST)
	b.serverlessREST()
	return b
}

// eventRoute reads the method and path of an event. An HttpApi event without both is the $default route.
func (p *props) eventRoute(e event, kind APIKind, r *Route) {
	if kind == HTTP && !p.has("Path") && !p.has("Method") {
		r.Method, r.Path = "ANY", "$default"
		return
	}
	hint := "Path: /" + strings.ToLower(e.name)
	if p.require("Path", hint) {
		r.Path = p.text("Path")
	}
	if p.require("Method", "Method: get") {
		if r.Method = p.text("Method"); r.Method == anyMethod {
			r.Method = "ANY"
		}
	}
	if r.Path != "" && (kind != HTTP || r.Path != "$default") {
		p.checkPath(p.raw("Path"), kind, r.Path)
	}
	if r.Method != "" {
		r.Method = p.checkMethod(p.raw("Method"), r.Method)
	}
}

// eventRoute adds the route of an event. Where the API has a document of its own, SAM merges events into it only with MergeDefinitions; without it
// an event is no more than a permission (spec apigateway.md §11.2). An operation that has no integration could never be called then, so that it
// takes the event's, with a warning.
func (b *apiBuilder) eventRoute(at *node, r Route) {
	merged, mend := !b.documented || b.boolean("MergeDefinitions"), "define it there"
	if b.r.typ == "AWS::Serverless::Api" {
		mend = "MergeDefinitions: true, or define it there"
	}
	i := slices.IndexFunc(b.pending, func(op *operation) bool { return op.route.Key() == r.Key() })
	switch {
	case i >= 0:
		if !merged {
			b.warnf(at, "not-merged", mend, "%s has no integration in the definition of API %s, and AWS would not take the event's", r.label(), b.api.LogicalID)
		}
		op := b.pending[i]
		r.OperationName, r.Broken = op.route.OperationName, append(op.route.Broken, r.Broken...)
		b.pending = slices.Delete(b.pending, i, i+1)
	case b.documented && b.hasRoute(r.Key()):
		return
	case !merged:
		b.warnf(at, "not-merged", mend, "the event makes no route: API %s has a definition of its own, without %s", b.api.LogicalID, r.label())
		return
	default:
		b.checkTree(at, &r)
	}
	b.addRoute(at, r)
}
