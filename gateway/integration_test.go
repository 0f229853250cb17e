package gateway

import (
	"testing"

	"example.com/emulate/emulator/config"
)

// Integrations that AWS answers with 500 without calling the function (spec apigateway.md §1.6, §5.4, §6).
func TestRefusedIntegrations(t *testing.T) {
	header := func(name string) map[string]string {
		return map[string]string{"integration.request.header." + name: "'x'"}
	}
	tests := []struct {
		name        string
		integration config.Integration
		status      int
	}{
		{"GET", config.Integration{HTTPMethod: "GET"}, 500},
		{"POST", config.Integration{HTTPMethod: "POST"}, 200},
		{"transfer-encoding", config.Integration{RequestParameters: header("transfer-encoding")}, 500},
		{"Content-Length", config.Integration{RequestParameters: header("Content-Length")}, 500},
		{"X-Amzn-Apigateway-Api-Id", config.Integration{RequestParameters: header("X-Amzn-Apigateway-Api-Id")}, 500},
		{"x-amzn-trace-id", config.Integration{RequestParameters: header("x-amzn-trace-id")}, 500},
		{"Authorization", config.Integration{RequestParameters: header("Authorization")}, 500},
		{"te", config.Integration{RequestParameters: header("te")}, 500},
		{"foobar", config.Integration{RequestParameters: header("foobar")}, 200},
		{"no function", config.Integration{Function: "${stageVariables.nothing}"}, 500},
		{"authorization at a mock", config.Integration{Type: config.Mock, MockStatus: 200, RequestParameters: header("Authorization")}, 200},
		{"content-length at a mock", config.Integration{Type: config.Mock, MockStatus: 200, RequestParameters: header("content-length")}, 500},
	}
	for _, test := range tests {
		c := restAPI("GET /x")
		in := test.integration
		if in.Type == "" {
			in.Type = config.LambdaProxy
		}
		if in.Function == "" {
			in.Function = "f"
		}
		c.Routes[0].Integration = in
		s := newServer(t, Options{APIs: apis(c), Invoker: replying(`{}`)})
		r, body := s.do(t, "GET /dev/x")
		if r.StatusCode != test.status {
			t.Errorf("%s: %d", test.name, r.StatusCode)
		}
		if test.status == 500 && (body != `{"message": "Internal server error"}` || r.Header.Get("X-Amzn-Errortype") != "InternalServerErrorException") {
			t.Errorf("%s: %q %v", test.name, body, r.Header)
		}
	}
}

func TestFunctionOf(t *testing.T) {
	variables := map[string]string{"fn": "orders", "alias": "live", "loop": "${stageVariables.loop}"}
	tests := []struct{ function, qualifier, want, wantQualifier string }{
		{"f", "", "f", ""},
		{"f", "1", "f", "1"},
		{"${stageVariables.fn}", "", "orders", ""},
		{"a-${stageVariables.fn}-${stageVariables.no}b:${stageVariables.alias}", "", "a-orders-b", "live"},
		{"${stageVariables.fn}", "${stageVariables.alias}", "orders", "live"},
		{"arn:aws:lambda:us-east-1:123456789012:function:${stageVariables.fn}:${stageVariables.alias}", "", "orders", "live"},
		{"${stageVariables.no}", "", "", ""},
		{"x${stageVariables.", "", "x${stageVariables.", ""},
		{"${stageVariables.loop}", "", "${stageVariables.loop}", ""},
	}
	for _, test := range tests {
		f, q := functionOf(&config.Integration{Function: test.function, Qualifier: test.qualifier}, variables)
		if f != test.want || q != test.wantQualifier {
			t.Errorf("%s %s: got %q %q", test.function, test.qualifier, f, q)
		}
	}
}
