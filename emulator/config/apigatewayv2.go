package config

import "strings"

// httpAPI reads an AWS::ApiGatewayV2::Api. Source: spec apigateway.md §11.3.
func (b *apiBuilder) httpAPI() {
	if c := b.nested("CorsConfiguration"); c != nil {
		b.api.CORS = c.corsConfiguration()
	}
	b.quickCreate()
	b.definition("Body", "BodyS3Location")
}

// quickCreate reads an API that is made in one step: a target, the route to it, and a stage that is deployed at once.
func (b *apiBuilder) quickCreate() {
	if !b.has("Target") {
		if b.has("RouteKey") {
			b.errorf(b.key("RouteKey"), "missing-property", "Target: the function's ARN", "RouteKey is for an API with a Target")
		}
		return
	}
	at := b.key("Target")
	r := Route{At: at.pos(), Method: "ANY", Path: "$default", Integration: Integration{Type: LambdaProxy, PayloadFormat: "2.0"}}
	p := *b.props
	p.broken = &r.Broken
	if key := p.text("RouteKey"); key != "" {
		r.Method, r.Path = p.httpRouteKey("RouteKey", key)
	}
	if strings.HasPrefix(p.text("Target"), "http") {
		p.errorf(p.raw("Target"), "not-supported", "", "HTTP integrations are not supported yet")
	} else {
		b.lambdaURI(&p, "Target", &r.Integration)
	}
	b.addRoute(at, r)
	b.setStage(at, "$default", nil)
}

// httpRouteKey takes "GET /users/{id}" apart.
func (p *props) httpRouteKey(property, key string) (method, path string) {
	if key == "$default" {
		return "ANY", key
	}
	at := p.raw(property)
	method, path, ok := strings.Cut(key, " ")
	if !ok || !strings.HasPrefix(path, "/") {
		p.errorf(at, "wrong-route", "METHOD /path, such as GET /users/{id}, or $default", "%q is no route key", key)
		return strings.ToUpper(method), path
	}
	p.checkPath(at, HTTP, path)
	return p.checkMethod(at, method), path
}

// httpParts reads the routes, integrations and stages of the template's HTTP APIs.
func (s *apiSet) httpParts() {
	for _, r := range s.t.resources {
		switch r.typ {
		case "AWS::ApiGatewayV2::Route":
			s.httpRoute(r)
		case "AWS::ApiGatewayV2::Integration":
			s.owner(s.t.open(r, nil), "ApiId", HTTP)
		case "AWS::ApiGatewayV2::Stage":
			s.httpStage(r)
		}
	}
}

// httpRoute reads an AWS::ApiGatewayV2::Route and the integration that it names.
func (s *apiSet) httpRoute(r *resource) {
	p := s.t.open(r, nil)
	b := s.owner(p, "ApiId", HTTP)
	if b == nil || !p.require("RouteKey", "RouteKey: GET /") {
		return
	}
	route := Route{At: r.key.pos(), OperationName: p.text("OperationName"), Integration: Integration{Type: LambdaProxy, PayloadFormat: "1.0"}}
	p.broken = &route.Broken
	if key := p.text("RouteKey"); key != "" {
		route.Method, route.Path = p.httpRouteKey("RouteKey", key)
	}
	if p.require("Target", `Target: !Sub "integrations/${Integration}"`) {
		s.httpTarget(b, p, &route)
	}
	if route.Path != "" {
		b.addRoute(r.key, route)
	}
}

// httpTarget finds the integration "integrations/ID" of a route.
func (s *apiSet) httpTarget(b *apiBuilder, p *props, route *Route) {
	v := p.value("Target")
	if v == nil {
		return
	}
	id, ok := strings.CutPrefix(v.text, "integrations/")
	in := s.t.resource(id)
	if !ok || in == nil || in.typ != "AWS::ApiGatewayV2::Integration" || !s.isPart(in, "ApiId", b) {
		var names []string
		for _, r := range s.t.resources {
			if r.typ == "AWS::ApiGatewayV2::Integration" && s.isPart(r, "ApiId", b) {
				names = append(names, "integrations/"+r.id)
			}
		}
		hint := ""
		if len(names) > 0 {
			hint = oneOf(v.text, names)
		}
		p.errorf(p.raw("Target"), "unresolved-reference", hint, "Target names no integration of API %s: %q", b.api.LogicalID, v.text)
		return
	}
	ip := open(s.t.in(in.id, nil), in.props, in.key, in.typ, s.t.eval)
	ip.broken = &route.Broken
	ip.refuseMappings("RequestParameters", "ResponseParameters")
	b.integration(integrationSpec{
		p: ip, typeName: "IntegrationType", uriName: "IntegrationUri", payload: ip.enum("PayloadFormatVersion", "1.0", "1.0", "2.0"),
		timeout: ip.timeout(HTTP, "TimeoutInMillis"),
	}, route)
}

func (s *apiSet) httpStage(r *resource) {
	p := s.t.open(r, nil)
	b := s.owner(p, "ApiId", HTTP)
	if b == nil || !p.require("StageName", "StageName: $default") {
		return
	}
	b.setStage(p.raw("StageName"), p.text("StageName"), p.stageVariables("StageVariables"))
}
