package config

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// mockResponse is an integration response: which statuses select it, and what it answers with.
type mockResponse struct {
	// at is its place. pattern is a regular expression, "" for the default one.
	at      *node
	pattern string
	// status is the status code as the format writes it; parameters and templates are maps, or nil.
	status, parameters, templates *node
}

// constantStatus finds the status code that a mock's request template gives. API Gateway takes it without quotes, or with single ones, too.
// Source: spec apigateway.md §8, §9.4.
var constantStatus = regexp.MustCompile(`^\s*\{(?:.*[,\s])?["']?statusCode["']?\s*:\s*["']?(\d{3})["']?\s*(?:,.*)?\}\s*$`)

// mock reads a mock integration that always gives the same answer, as those of preflight requests do. What a mapping template would compute is
// not supported yet.
func (s integrationSpec) mock(in *Integration) {
	in.Type, in.PayloadFormat, in.MockStatus = Mock, "1.0", http.StatusOK
	status, ok := s.mockRequest()
	if !ok {
		return
	}
	response := s.selected(status)
	if response == nil {
		return
	}
	in.MockHeaders = s.mockHeaders(response)
	s.mockBody(response, in)
	code, err := strconv.Atoi(response.status.textOr("200"))
	if err != nil || code < 200 || code > 599 {
		s.p.errorf(response.status, "wrong-value", "", "the status code must be 200 to 599")
		return
	}
	in.MockStatus = code
}

// mockRequest gives the status code of the request template.
func (s integrationSpec) mockRequest() (status string, ok bool) {
	template := contentOf(s.p.value(s.templatesName))
	if template == nil {
		s.p.errorf(s.p.key(s.templatesName), "missing-property", `"application/json": "{\"statusCode\": 200}"`, "a mock integration without a template that gives its status always answers 500")
		return "", false
	}
	text := strings.Join(strings.Fields(template.value.textOr("")), " ")
	m := constantStatus.FindStringSubmatch(text)
	switch {
	case strings.ContainsAny(text, "$#"):
		s.p.errorf(template.value, "not-supported", "", "mapping templates are not supported yet; a mock must give a constant statusCode")
	case m == nil:
		s.p.errorf(template.value, "wrong-value", `{"statusCode": 200}`, "the template of a mock gives no statusCode: it always answers 500")
	default:
		return m[1], true
	}
	return "", false
}

// contentOf chooses the entry of a map by content type that answers go by: that of application/json, else the first.
func contentOf(templates *node) *field {
	if f := templates.field("application/json"); f != nil || templates == nil || len(templates.fields) == 0 {
		return f
	}
	return &templates.fields[0]
}

// selected finds the integration response of a status: the first whose pattern matches all of it, else the default one.
func (s integrationSpec) selected(status string) *mockResponse {
	var fallback *mockResponse
	for i := range s.responses {
		r := &s.responses[i]
		if r.pattern == "" {
			fallback = r
			continue
		}
		re, err := regexp.Compile(`^(?:` + r.pattern + `)$`)
		if err != nil {
			s.p.errorf(r.at, "wrong-value", "", "%q is no regular expression", r.pattern)
		} else if re.MatchString(status) {
			return r
		}
	}
	if fallback == nil {
		s.p.errorf(s.p.key(s.responsesName), "missing-property", "", "the mock integration has no response for the status %s: it always answers 500", status)
	}
	return fallback
}

// mockHeaders reads the constants among the response parameters. An integration's header is never there: a mock has none, and a mapping without
// a source sets nothing (spec apigateway.md §9.6).
func (s integrationSpec) mockHeaders(r *mockResponse) map[string]string {
	if r.parameters == nil || r.parameters.kind != mapKind {
		return nil
	}
	headers := map[string]string{}
	for _, f := range r.parameters.fields {
		name, isHeader := strings.CutPrefix(f.name, "method.response.header.")
		value, isConstant := unquote(f.value.textOr(""))
		switch {
		case f.value.kind == unknownKind:
		case !isHeader || name == "":
			s.p.errorf(f.key, "wrong-value", "method.response.header.NAME", "%q is not what a response parameter can be mapped to", f.name)
		case isConstant:
			headers[name] = value
		case strings.HasPrefix(value, "integration.response."):
		case strings.HasPrefix(value, "context.") || strings.HasPrefix(value, "stageVariables."):
			s.p.errorf(f.value, "not-supported", "text in single quotes", "the mapping of %s in a mock's answer is not supported yet", value)
		default:
			s.p.errorf(f.value, "wrong-value", `"'`+value+`'"`, "%q is no constant of API Gateway: those have single quotes inside", value)
		}
	}
	return headers
}

// mockBody reads the body of a mock's answer: a response template without variables and directives.
func (s integrationSpec) mockBody(r *mockResponse, in *Integration) {
	f := contentOf(r.templates)
	if f == nil {
		return
	}
	text := f.value.textOr("")
	if strings.ContainsAny(text, "$#") {
		s.p.errorf(f.value, "not-supported", "", "mapping templates are not supported yet; the answer of a mock must be constant")
		return
	}
	in.MockBody = text
	if f.name != "application/json" && text != "" {
		for name := range in.MockHeaders {
			if strings.EqualFold(name, "Content-Type") {
				return
			}
		}
		if in.MockHeaders == nil {
			in.MockHeaders = map[string]string{}
		}
		in.MockHeaders["Content-Type"] = f.name
	}
}
