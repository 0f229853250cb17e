package config

import (
	"slices"
	"strings"
)

// restAPI reads an AWS::ApiGateway::RestApi. Source: spec apigateway.md §11.3.
func (b *apiBuilder) restAPI() {
	b.binaryMediaTypes()
	b.endpoint("EndpointConfiguration")
	if !b.given("Body") && !b.given("BodyS3Location") {
		b.require("Name", "")
	}
	b.definition("Body", "BodyS3Location")
}

// restParts reads the resources, methods, deployments and stages of the template's REST APIs.
func (s *apiSet) restParts() {
	for _, r := range s.t.resources {
		switch r.typ {
		case "AWS::ApiGateway::Method":
			s.method(r)
		case "AWS::ApiGateway::Deployment":
			s.deployment(r)
		case "AWS::ApiGateway::Stage":
			s.restStage(r)
		case "AWS::ApiGateway::Resource":
			s.resource(r)
		}
	}
}

// owner finds the API that a part of one belongs to; nil (and a report) where there is none.
func (s *apiSet) owner(p *props, property string, kind APIKind) *apiBuilder {
	if !p.require(property, "") {
		return nil
	}
	v := p.value(property)
	if v == nil {
		return nil
	}
	b := s.find(v.text)
	switch {
	case b == nil && s.skipped[v.text]:
		return nil
	case b == nil:
		p.errorf(p.raw(property), "unresolved-reference", didYouMean(v.text, s.names(kind)), "%s names no API of this template: %q", property, v.text)
	case b.api.Kind != kind:
		p.errorf(p.raw(property), "wrong-type", "", "%s names %s, which is a %s API", property, b.api.LogicalID, strings.ToUpper(string(b.api.Kind)))
		return nil
	}
	return b
}

// resource checks a resource of a REST API, which may have no method of its own.
func (s *apiSet) resource(r *resource) {
	p := s.t.open(r, nil)
	b := s.owner(p, "RestApiId", REST)
	if b == nil || !p.require("PathPart", "") || !p.require("ParentId", "") {
		return
	}
	path, ok := s.resourcePath(b, r, p, p, map[string]bool{})
	if !ok {
		return
	}
	p.checkPathPart(p.raw("PathPart"), path)
	if problem := b.tree.add(path); problem != "" {
		p.errorf(p.raw("PathPart"), "wrong-route", "", "%s", problem)
	}
	if other, ok := b.resources[path]; ok {
		p.errorf(p.raw("PathPart"), "duplicate-route", "!Ref "+other, "API %s has the resource %s already: %s", b.api.LogicalID, path, other)
		return
	}
	b.resources[path] = r.id
}

// isPart says whether a resource is a part of an API. One that does not tell is reported where it is read for itself.
func (s *apiSet) isPart(r *resource, property string, b *apiBuilder) bool {
	v := s.quiet(r).value(property)
	return v == nil || s.find(v.text) == b
}

// checkPathPart reports a part of a path that API Gateway refuses for a resource: its own, the last of the path, or one below a greedy one.
func (p *props) checkPathPart(at *node, path string) {
	parent, part := path[:strings.LastIndexByte(path, '/')], path[strings.LastIndexByte(path, '/')+1:]
	if above := parent[strings.LastIndexByte(parent, '/')+1:]; strings.HasSuffix(above, "+}") {
		p.errorf(at, "wrong-route", "", "Cannot create a child of a resource with a greedy path variable: %s", above)
		return
	}
	p.checkPath(at, REST, "/"+part)
}

// resourcePath follows the parents of a resource up to the root. false where the path is not known, which is reported at the resource that is
// wrong: p is quiet for all but the first. A circle, which seen stops, has no such resource, and is reported at the first.
func (s *apiSet) resourcePath(b *apiBuilder, r *resource, p, first *props, seen map[string]bool) (string, bool) {
	part, parent := p.text("PathPart"), p.text("ParentId")
	switch {
	case part == "" || parent == "":
		return "", false
	case strings.Contains(part, "/"):
		p.errorf(p.raw("PathPart"), "wrong-route", "one resource for each part", "the path part %q has a slash", part)
		return "", false
	case parent == rootResourceID(b.api.LogicalID):
		return "/" + part, true
	}
	next := s.t.resource(parent)
	if next == nil || next.typ != "AWS::ApiGateway::Resource" || !s.isPart(next, "RestApiId", b) {
		p.errorf(p.raw("ParentId"), "unresolved-reference", "!GetAtt "+b.api.LogicalID+".RootResourceId, or !Ref of a resource", "ParentId names no resource of API %s: %q", b.api.LogicalID, parent)
		return "", false
	}
	seen[r.id] = true
	if seen[next.id] {
		first.errorf(first.key("ParentId"), "circular-reference", "", "the parents of the resource go in a circle, through %s", next.id)
		return "", false
	}
	above, ok := s.resourcePath(b, next, s.quiet(next), first, seen)
	return above + "/" + part, ok
}

// quiet opens a resource whose problems are told where it is read for itself.
func (s *apiSet) quiet(r *resource) *props {
	return open(scope{d: &diagnostics{}}, r.props, r.key, r.typ, s.t.eval)
}

// method reads an AWS::ApiGateway::Method. Source: spec apigateway.md §11.3.
func (s *apiSet) method(r *resource) {
	p := s.t.open(r, nil)
	b := s.owner(p, "RestApiId", REST)
	if b == nil {
		return
	}
	route := Route{At: r.key.pos(), OperationName: p.text("OperationName"), Integration: Integration{Type: LambdaProxy, PayloadFormat: "1.0"}}
	p.requestValidator(s)
	p.broken = &route.Broken
	if p.require("HttpMethod", "HttpMethod: GET") {
		route.Method = p.checkMethod(p.raw("HttpMethod"), p.text("HttpMethod"))
	}
	if path, ok := s.methodPath(b, p); ok {
		route.Path = path
	}
	if in := s.t.part(p, "Integration"); in != nil {
		in.restIntegration(b, &route)
	} else if !p.has("Integration") {
		p.require("Integration", "Integration: {Type: AWS_PROXY, …}")
	}
	if route.Path != "" && route.Method != "" {
		b.addRoute(r.key, route)
	}
}

// requestValidator reports a validator that would refuse requests.
func (p *props) requestValidator(s *apiSet) {
	v := s.t.resource(p.text("RequestValidatorId"))
	if v == nil {
		return
	}
	q := s.quiet(v)
	if q.boolean("ValidateRequestBody") || q.boolean("ValidateRequestParameters") {
		p.errorf(p.key("RequestValidatorId"), "not-supported", "", "request validators are not supported yet: %s", noValidation)
	}
}

// methodPath is the path of the resource that a method belongs to.
func (s *apiSet) methodPath(b *apiBuilder, p *props) (string, bool) {
	if !p.require("ResourceId", "!GetAtt "+b.api.LogicalID+".RootResourceId, or !Ref of a resource") {
		return "", false
	}
	v := p.value("ResourceId")
	if v == nil {
		return "", false
	}
	if v.text == rootResourceID(b.api.LogicalID) {
		return "/", true
	}
	r := s.t.resource(v.text)
	if r == nil || r.typ != "AWS::ApiGateway::Resource" || !s.isPart(r, "RestApiId", b) {
		p.errorf(p.raw("ResourceId"), "unresolved-reference", "!GetAtt "+b.api.LogicalID+".RootResourceId, or !Ref of a resource", "ResourceId names no resource of API %s: %q", b.api.LogicalID, v.text)
		return "", false
	}
	return s.resourcePath(b, r, s.quiet(r), s.quiet(r), map[string]bool{})
}

// restIntegration reads the Integration of a method.
func (p *props) restIntegration(b *apiBuilder, r *Route) {
	s := integrationSpec{
		p: p, typeName: "Type", uriName: "Uri", methodName: "IntegrationHttpMethod",
		templatesName: "RequestTemplates", responsesName: "IntegrationResponses",
		httpMethod: strings.ToUpper(p.text("IntegrationHttpMethod")), payload: "1.0", parameters: p.textMap("RequestParameters"),
		timeout: p.timeout(REST, "TimeoutInMillis"),
	}
	for _, it := range p.list("IntegrationResponses") {
		if it.kind == mapKind {
			s.responses = append(s.responses, mockResponse{
				at: it, pattern: it.get("SelectionPattern").textOr(""), status: it.get("StatusCode"), parameters: it.get("ResponseParameters"), templates: it.get("ResponseTemplates"),
			})
		}
	}
	b.integration(s, r)
}

// deployment reads the stage that an AWS::ApiGateway::Deployment may make.
func (s *apiSet) deployment(r *resource) {
	p := s.t.open(r, nil)
	b := s.owner(p, "RestApiId", REST)
	if b == nil || !p.has("StageName") {
		return
	}
	var variables map[string]string
	if d := s.t.part(p, "StageDescription"); d != nil {
		variables = d.stageVariables("Variables")
	}
	b.setStage(p.raw("StageName"), p.text("StageName"), variables)
}

func (s *apiSet) restStage(r *resource) {
	p := s.t.open(r, nil)
	b := s.owner(p, "RestApiId", REST)
	if b == nil || !p.require("StageName", "StageName: dev") {
		return
	}
	b.setStage(p.raw("StageName"), p.text("StageName"), p.stageVariables("Variables"))
}

// checkParts opens the other resources of API Gateway, so that what they ask for is said.
func (s *apiSet) checkParts() {
	read := strings.Fields(`AWS::ApiGateway::RestApi AWS::ApiGateway::Resource AWS::ApiGateway::Method AWS::ApiGateway::Deployment AWS::ApiGateway::Stage
		AWS::ApiGatewayV2::Api AWS::ApiGatewayV2::Route AWS::ApiGatewayV2::Integration AWS::ApiGatewayV2::Stage`)
	for _, r := range s.t.resources {
		if row := rowOf(r.typ); strings.HasPrefix(r.typ, "AWS::ApiGateway") && !slices.Contains(read, r.typ) && row != nil && row.class == "" {
			s.t.open(r, nil)
		}
	}
}
