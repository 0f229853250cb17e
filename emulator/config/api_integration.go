package config

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// integrationSpec is an integration as one of the formats writes it: an OpenAPI document, a REST API's Method, an HTTP API's Integration. The
// property names are for messages.
type integrationSpec struct {
	p *props
	// names of the properties in the format.
	typeName, uriName, methodName, templatesName, responsesName string
	httpMethod, payload                                         string
	parameters                                                  map[string]string
	timeout                                                     time.Duration
	responses                                                   []mockResponse
}

// integration reads what stands behind a route. A Lambda proxy is served, and a mock with a fixed answer; all else breaks the route.
func (b *apiBuilder) integration(s integrationSpec, r *Route) {
	in := &r.Integration
	in.Type, in.Timeout, in.HTTPMethod, in.RequestParameters = LambdaProxy, s.timeout, s.httpMethod, s.parameters
	in.PayloadFormat = s.payload
	if !s.p.require(s.typeName, s.typeName+": AWS_PROXY") {
		return
	}
	v := s.p.value(s.typeName)
	if v == nil {
		return
	}
	known := []string{"AWS_PROXY", "AWS", "HTTP_PROXY", "HTTP", "MOCK"}
	switch typ := strings.ToUpper(v.text); {
	case typ == "AWS_PROXY":
		b.checkIntegrationMethod(s, r)
		if s.p.require(s.uriName, "") {
			b.lambdaURI(s.p, s.uriName, in)
		}
	case typ == "MOCK" && b.api.Kind == REST:
		s.mock(in)
	case slices.Contains(known, typ) && b.api.Kind == HTTP:
		s.p.errorf(v, "not-supported", "", "the integration type %s of %s is not supported yet; Lambda proxies (AWS_PROXY) are", typ, r.label())
	case slices.Contains(known, typ):
		s.p.errorf(v, "not-supported", "", "the integration type %s of %s is not supported yet; Lambda proxies (AWS_PROXY) and fixed answers (MOCK) are", typ, r.label())
	default:
		s.p.errorf(v, "wrong-value", oneOf(v.text, known), "unknown integration type %q", v.text)
	}
}

// checkIntegrationMethod reports a Lambda integration of a REST API that is not called by POST: AWS refuses one without a method, and answers 500
// with any other. With lenience the route is served.
func (b *apiBuilder) checkIntegrationMethod(s integrationSpec, r *Route) {
	switch {
	case b.api.Kind != REST || s.httpMethod == "POST":
	case s.httpMethod != "":
		b.warnf(s.p.key(s.methodName), "wrong-value", s.methodName+": POST", "API Gateway calls functions by POST only: every request to %s fails with 500", r.label())
	case !s.p.has(s.methodName):
		b.errorf(s.p.owner, "missing-property", s.methodName+": POST", "the integration of %s has no %s, which AWS requires", r.label(), s.methodName)
	}
}

// label names a route in messages: "GET /users", or what is known of it.
func (r *Route) label() string { return or(strings.TrimSpace(r.Key()), "the route") }

// Function ARNs stand in a URI between these two. Source: spec apigateway.md §6.
const (
	uriBefore = ":lambda:path/2015-03-31/functions/"
	uriAfter  = "/invocations"
)

var anyURI = regexp.MustCompile(`^arn:[^:]*:apigateway:[^:]*:([^:]+):(?:path|action)/`)

// lambdaURI reads the URI of a Lambda integration: API Gateway's ARN around the function's, for HTTP APIs also the function's own. A stage
// variable in it stays there: the gateway puts its value in for each stage.
func (b *apiBuilder) lambdaURI(p *props, property string, in *Integration) {
	v := p.value(property)
	switch {
	case v == nil:
		return
	case !v.isScalar():
		if isIntrinsic(v) {
			p.errorf(v, "wrong-type", "include the file by DefinitionBody and Fn::Transform: AWS::Include", "%s is not evaluated in a file that API Gateway imports by itself", v.fields[0].name)
			return
		}
		p.wrongType(v, property, "text")
		return
	}
	_, target, isPath := strings.Cut(v.text, uriBefore)
	target = strings.TrimSuffix(target, uriAfter)
	other := anyURI.FindStringSubmatch(v.text)
	switch {
	case isPath:
	case other != nil && other[1] != "lambda":
		p.errorf(v, "not-supported", "", "integrations of the service %s are not supported yet, only Lambda functions", other[1])
		return
	case b.api.Kind == HTTP && (strings.HasPrefix(v.text, "arn:") || !strings.ContainsAny(v.text, "/:")):
		target = v.text
	default:
		p.errorf(v, "wrong-value", "arn:aws:apigateway:REGION"+uriBefore+"FUNCTION_ARN"+uriAfter, "%q is not the URI of a Lambda function", v.text)
		return
	}
	b.target(p, v, target, in)
}

// target finds the function that an ARN means, or a name.
func (b *apiBuilder) target(p *props, at *node, target string, in *Integration) {
	if strings.Contains(target, "${stageVariables.") {
		in.Function, in.Qualifier = functionName(target)
		return
	}
	f, qualifier := b.t.functionByRef(target)
	if f == nil {
		name, _ := functionName(target)
		p.errorf(at, "unresolved-reference", didYouMean(name, b.t.project.functionIDs()), "there is no function %q in this template", name)
		return
	}
	in.Function, in.Qualifier = f.Name, qualifier
	switch {
	case qualifier == "1" && f.Alias == "":
		// A published version without an alias is the function's only code: $LATEST.
		in.Qualifier = ""
	case qualifier == "", qualifier == "$LATEST", qualifier == "1", qualifier == f.Alias:
	default:
		p.errorf(at, "unresolved-reference", didYouMean(qualifier, []string{f.Alias}), "function %s has no alias or version %q", f.LogicalID, qualifier)
	}
}

// checkStageVariables warns where an integration's function depends on the stage and a stage makes none of this template's of it: AWS answers 500
// then.
func (b *apiBuilder) checkStageVariables() {
	for i := range b.api.Routes {
		r := &b.api.Routes[i]
		if !strings.Contains(r.Integration.Function+r.Integration.Qualifier, "${stageVariables.") {
			continue
		}
		for _, s := range b.api.Stages {
			b.checkStageTarget(r, s)
		}
	}
}

var stageVariableUse = regexp.MustCompile(`\$\{stageVariables\.([^}]*)\}`)

func (b *apiBuilder) checkStageTarget(r *Route, s Stage) {
	target := r.Integration.Function
	if r.Integration.Qualifier != "" {
		target += ":" + r.Integration.Qualifier
	}
	for _, m := range stageVariableUse.FindAllStringSubmatch(target, -1) {
		value, ok := s.Variables[m[1]]
		if !ok {
			b.warnf(b.r.key, "unresolved-reference", didYouMean(m[1], keys(s.Variables)), "stage %s of API %s has no variable %q, which the integration of %s needs", s.Name, b.api.LogicalID, m[1], r.label())
			return
		}
		target = strings.ReplaceAll(target, m[0], value)
	}
	if f, _ := b.t.functionByRef(target); f == nil {
		name, _ := functionName(target)
		b.warnf(b.r.key, "unresolved-reference", didYouMean(name, b.t.project.functionIDs()), "in stage %s of API %s, %s calls a function %q, which is not in this template", s.Name, b.api.LogicalID, r.label(), name)
	}
}
