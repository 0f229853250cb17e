package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The longest timeouts of integrations. Source: spec apigateway.md §1.10, §2.8.
const (
	minIntegrationTimeout = 50 * time.Millisecond
	maxTimeoutREST        = 29 * time.Second
	maxTimeoutHTTP        = 30 * time.Second
)

var (
	stageNamePattern = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`)
	routeMethods     = strings.Fields("GET POST PUT DELETE PATCH HEAD OPTIONS ANY")
	variablePart     = regexp.MustCompile(`^\{[a-zA-Z0-9._:-]+\+?\}$`)
	restLiteral      = regexp.MustCompile(`^[a-zA-Z0-9._:,-]*$`)
)

// checkStageName reports a name that no stage can have; "$default" is for HTTP APIs only. Source: spec apigateway.md §1.10.
func (s scope) checkStageName(at *node, kind APIKind, name string) {
	if !stageNamePattern.MatchString(name) && (kind != HTTP || name != "$default") {
		s.errorf(at, "wrong-value", "", "the stage name %q must be 1 to 128 letters, digits, - and _", name)
	}
}

// checkMethod returns a route's method in capitals, and reports an unknown one.
func (s scope) checkMethod(at *node, method string) string {
	upper := strings.ToUpper(method)
	if !slices.Contains(routeMethods, upper) {
		s.errorf(at, "wrong-route", oneOf(method, routeMethods), "unknown method %q", method)
	}
	return upper
}

// checkPath reports a path that API Gateway refuses, taken by itself. Source: spec apigateway.md §2.5, §6.
func (s scope) checkPath(at *node, kind APIKind, path string) {
	if !strings.HasPrefix(path, "/") {
		s.errorf(at, "wrong-route", "/"+path, "the path %q must begin with /", path)
		return
	}
	parts := strings.Split(path[1:], "/")
	for i, part := range parts {
		variable := variablePart.MatchString(part)
		switch {
		case variable && strings.HasSuffix(part, "+}") && i < len(parts)-1:
			s.errorf(at, "wrong-route", "", "%s must be the last part of the path", part)
		case variable:
		case strings.ContainsAny(part, "{}"):
			s.errorf(at, "wrong-route", "{name} or {name+}", "the part %q of the path is neither text nor one variable in braces", part)
		case kind == REST && !restLiteral.MatchString(part):
			s.errorf(at, "wrong-route", "", "the part %q of the path of a REST API must be letters, digits and .-_:,", part)
		}
	}
}

// restTree knows which variable each resource of a REST API has below it: there can be only one. Source: spec apigateway.md §6.
type restTree map[string]string

// add takes a route's path, and returns what API Gateway says where it cannot be a resource beside those that were added before, else "".
func (t restTree) add(path string) string {
	parent := ""
	for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
		if variablePart.MatchString(part) {
			if other, ok := t[parent]; ok && other != part {
				return fmt.Sprintf("A sibling (%s) of this resource already has a variable path part -- only one is allowed", other)
			}
			t[parent] = part
		}
		parent += "/" + part
	}
	return ""
}

// preflight is the answer of the OPTIONS methods that stand for CORS of a REST API; the values are bare (the quotes of response parameters are
// not part of them), "" where a header is not sent.
type preflight struct {
	status                           int
	origin, headers, methods, maxAge string
	credentials                      bool
}

// addPreflight gives every path of a REST API that has no OPTIONS method one with a mock integration, as SAM does for its Cors. Without
// methods in the preflight, those of the path are named.
func (a *API) addPreflight(c preflight) {
	methods := map[string][]string{}
	var paths []string
	for _, r := range a.Routes {
		if len(methods[r.Path]) == 0 {
			paths = append(paths, r.Path)
		}
		methods[r.Path] = append(methods[r.Path], r.Method)
	}
	for _, path := range paths {
		has := methods[path]
		if slices.Contains(has, "OPTIONS") {
			continue
		}
		a.Routes = append(a.Routes, Route{
			At: a.At, Method: "OPTIONS", Path: path, Integration: Integration{Type: Mock, MockStatus: c.status, MockHeaders: c.mockHeaders(has), PayloadFormat: "1.0"},
		})
	}
}

func (c preflight) mockHeaders(has []string) map[string]string {
	methods := c.methods
	if methods == "" {
		has = append(slices.Clone(has), "OPTIONS")
		if slices.Contains(has, "ANY") {
			has = slices.DeleteFunc(slices.Clone(routeMethods), func(m string) bool { return m == "ANY" })
		}
		slices.Sort(has)
		methods = strings.Join(slices.Compact(has), ",")
	}
	headers := map[string]string{"Access-Control-Allow-Methods": methods}
	for name, value := range map[string]string{
		"Access-Control-Allow-Origin": c.origin, "Access-Control-Allow-Headers": c.headers, "Access-Control-Max-Age": c.maxAge,
	} {
		if value != "" {
			headers[name] = value
		}
	}
	if c.credentials {
		headers["Access-Control-Allow-Credentials"] = "true"
	}
	return headers
}
