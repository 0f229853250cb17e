package config

import (
	"strings"
	"testing"
)

// FuzzOpenAPI reads arbitrary text as the OpenAPI document of a REST and of an HTTP API: it must end, never panic, and every route that it gives
// must be one that the gateway can take.
func FuzzOpenAPI(f *testing.F) {
	seeds(f, func(name string) bool {
		return strings.HasPrefix(name, "api.") || strings.HasPrefix(name, "openapi.") || name == "users.json"
	})
	f.Add([]byte("openapi: 3.0.1\npaths: {/{a+}: {get: {x-amazon-apigateway-integration: {$ref: '#/paths/~1{a+}/get/x-amazon-apigateway-integration'}}}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, lenient := range []bool{false, true} {
			for _, typ := range []string{"AWS::Serverless::Api", "AWS::Serverless::HttpApi", "AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api"} {
				fuzzOpenAPI(t, typ, data, lenient)
			}
		}
	})
}

func fuzzOpenAPI(t *testing.T, typ string, data []byte, lenient bool) {
	l := newLoader(Options{Lenient: lenient, Region: "us-east-1", Account: "123456789012"})
	root := parse("api.yaml", data, l.scope)
	if root == nil {
		return
	}
	property := map[bool]string{true: "DefinitionBody", false: "Body"}[strings.Contains(typ, "Serverless")]
	at := root.with(nullKind, "")
	body := at.mapOf(field{name: property, key: at, value: root}, field{name: "StageName", key: at, value: at.str("dev")})
	entry := at.mapOf(field{name: "Type", key: at, value: at.str(typ)}, field{name: "Properties", key: at, value: body})
	resources := at.mapOf(field{name: "Api", key: at, value: entry})
	p := &Project{Dir: "/nowhere"}
	loadTemplate(at.mapOf(field{name: "Resources", key: at, value: resources}), p, l.opts, l.scope)
	for _, api := range p.APIs {
		seen := map[string]bool{}
		for _, r := range api.Routes {
			checkFuzzedRoute(t, api, r, l.d.failed())
			if seen[r.Key()] {
				t.Errorf("the route %s is there twice", r.Key())
			}
			seen[r.Key()] = true
		}
	}
}

// checkFuzzedRoute holds a route against what the gateway takes. Where Load fails nobody sees it.
func checkFuzzedRoute(t *testing.T, api *API, r Route, failed bool) {
	in := r.Integration
	switch {
	case failed:
	case in.Type == Mock && (in.MockStatus < 200 || in.MockStatus > 599):
		t.Errorf("route %s answers with status %d", r.Key(), in.MockStatus)
	case in.Type == LambdaProxy && in.Function == "" && len(r.Broken) == 0:
		t.Errorf("route %s calls no function, and does not say why", r.Key())
	case !strings.HasPrefix(r.Path, "/") && r.Path != "$default" && len(r.Broken) == 0:
		t.Errorf("route %s has no path", r.Key())
	case api.Kind == REST && in.PayloadFormat != "1.0":
		t.Errorf("route %s of a REST API has the payload format %s", r.Key(), in.PayloadFormat)
	}
}
