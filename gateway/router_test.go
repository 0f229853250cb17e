package gateway

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"example.com/emulate/emulator/config"
)

// newTestAPI prepares an API without a Gateway around it.
func newTestAPI(t testing.TB, c *config.API) *api {
	t.Helper()
	a, err := (&Gateway{names: newNames()}).newAPI(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// choose tells which route takes a request to the first stage, and the path variables.
func choose(a *api, verb, path string) (string, map[string]string) {
	l := a.find(asked{path: path, decoded: decode(path, false), verb: verb}, nil)
	if l.route == nil {
		return "", nil
	}
	params := map[string]string{}
	for i, name := range l.route.names {
		params[name] = l.params[i]
	}
	return l.route.key, params
}

func TestRoutes(t *testing.T) {
	doc := []string{"GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default"}
	rest := []string{"GET /part1", "GET /part1/hardcoded-value", "GET /{param+}", "OPTIONS /items", "ANY /items/{id}", "GET /items/{id}",
		"PUT /items/{id}/tags", "GET /"}
	tests := []struct {
		routes             []string
		http               bool
		verb, path         string
		want, params, also string
	}{
		// The guide's example for HTTP APIs.
		{routes: doc, http: true, verb: "GET", path: "/pets/dog/1", want: "GET /pets/dog/1"},
		{routes: doc, http: true, verb: "GET", path: "/pets/dog/2", want: "GET /pets/dog/{id}", params: "id=2"},
		{routes: doc, http: true, verb: "GET", path: "/pets/cat/1", want: "GET /pets/{proxy+}", params: "proxy=cat/1"},
		{routes: doc, http: true, verb: "POST", path: "/test/5", want: "ANY /{proxy+}", params: "proxy=test/5"},
		{routes: doc, http: true, verb: "GET", path: "/", want: "$default"},
		{routes: doc, http: true, verb: "PROPFIND", path: "/x", want: "$default"},
		{routes: doc, http: true, verb: "GET", path: "/pets", want: "ANY /{proxy+}", params: "proxy=pets"},
		{routes: doc, http: true, verb: "GET", path: "/pets/", want: "ANY /{proxy+}", params: "proxy=pets"},
		// An encoded slash parts segments in HTTP APIs (U3), not in REST APIs.
		{routes: []string{"GET /a/{x}"}, http: true, verb: "GET", path: "/a/b%2Fc", want: ""},
		{routes: []string{"GET /a/{x}"}, verb: "GET", path: "/dev/a/b%2Fc", want: "GET /a/{x}", params: "x=b%2Fc"},
		{routes: []string{"GET /a/{x}"}, http: true, verb: "GET", path: "/a/b%20c", want: "GET /a/{x}", params: "x=b c"},
		// A full match wins over a greedy one anywhere in an HTTP API; a REST API decides level by level.
		{routes: []string{"GET /{a}/x", "GET /foo/{proxy+}"}, http: true, verb: "GET", path: "/foo/x", want: "GET /{a}/x", params: "a=foo"},
		{routes: []string{"GET /{a}/x", "GET /foo/{proxy+}"}, verb: "GET", path: "/dev/foo/x", want: "GET /foo/{proxy+}", params: "proxy=x"},
		// A less specific route takes the verbs that a more specific one lacks.
		{routes: []string{"GET /a", "POST /{proxy+}"}, http: true, verb: "POST", path: "/a", want: "POST /{proxy+}", params: "proxy=a"},
		{routes: []string{"GET /a", "ANY /a"}, http: true, verb: "GET", path: "/a", want: "GET /a"},
		{routes: []string{"GET /a"}, http: true, verb: "HEAD", path: "/a", want: ""},
		{routes: []string{"GET /thing"}, http: true, verb: "GET", path: "/thing/", want: "GET /thing"},
		{routes: []string{"GET /A"}, http: true, verb: "GET", path: "/a", want: ""},
		{routes: rest, verb: "GET", path: "/dev/part1", want: "GET /part1"},
		{routes: rest, verb: "GET", path: "/part1/", want: "GET /part1"},
		{routes: rest, verb: "GET", path: "/dev//part1", want: "GET /part1"},
		{routes: rest, verb: "GET", path: "//dev/part1/hardcoded-value", want: "GET /part1/hardcoded-value"},
		{routes: rest, verb: "GET", path: "/dev/part1/random-value", want: "GET /{param+}", params: "param=part1/random-value"},
		{routes: rest, verb: "GET", path: "/dev/items", want: "GET /{param+}", params: "param=items"},
		{routes: rest, verb: "OPTIONS", path: "/dev/items", want: "OPTIONS /items"},
		{routes: rest, verb: "POST", path: "/dev/items", want: ""},
		{routes: rest, verb: "GET", path: "/dev/items/1", want: "GET /items/{id}", params: "id=1"},
		{routes: rest, verb: "DELETE", path: "/dev/items/1", want: "ANY /items/{id}", params: "id=1"},
		{routes: rest, verb: "PROPFIND", path: "/dev/items/1", want: ""},
		{routes: rest, verb: "GET", path: "/dev/items/1/tags", want: "GET /{param+}", params: "param=items/1/tags"},
		{routes: rest, verb: "GET", path: "/dev/a//b/", want: "GET /{param+}", params: "param=a//b"},
		{routes: rest, verb: "GET", path: "/dev", want: "GET /"},
		{routes: rest, verb: "GET", path: "/dev/", want: "GET /"},
		{routes: []string{"ANY /{proxy+}"}, verb: "GET", path: "/dev/", want: ""},
		{routes: []string{"ANY /a/{proxy+}"}, verb: "GET", path: "/dev/a/", want: ""},
	}
	for _, test := range tests {
		c := restAPI(test.routes...)
		if test.http {
			c = httpAPI("2.0", test.routes...)
		}
		got, params := choose(newTestAPI(t, c), test.verb, test.path)
		want := map[string]string{}
		if name, value, ok := strings.Cut(test.params, "="); ok {
			want[name] = value
		}
		if got != test.want || test.want != "" && !cmp.Equal(params, want) {
			t.Errorf("%s %s: got %q %v, want %q %v", test.verb, test.path, got, params, test.want, want)
		}
	}
}

// slowChoose is the reference: every route is compared with the path, and the best of those that match is taken.
func slowChoose(c *config.API, verb, path string) string {
	path = strings.TrimRight(path, "/")
	if c.Kind == config.REST {
		path = strings.TrimLeft(path, "/")
	} else {
		path = strings.TrimPrefix(path, "/")
	}
	var parts []string
	if path != "" {
		parts = strings.Split(path, "/")
	}
	type candidate struct {
		key   string
		ranks []int
	}
	var best *candidate
	for _, r := range c.Routes {
		any := r.Method == "ANY" && slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}, verb)
		if r.Method != verb && !any {
			continue
		}
		ranks, ok := matches(r.Path, parts)
		if !ok {
			continue
		}
		if c.Kind == config.HTTP {
			greedy := 0
			if strings.HasSuffix(r.Path, "+}") {
				greedy = 1
			}
			ranks = append([]int{greedy}, ranks...)
		}
		if any {
			ranks = append(ranks, 1)
		} else {
			ranks = append(ranks, 0)
		}
		if best == nil || slices.Compare(ranks, best.ranks) < 0 {
			best = &candidate{r.Key(), ranks}
		}
	}
	if best == nil {
		return ""
	}
	return best.key
}

// matches compares a template with a path and ranks each of its parts: literal 0, variable 1, greedy variable 2.
func matches(template string, parts []string) (ranks []int, ok bool) {
	var want []string
	if template != "/" {
		want = strings.Split(strings.Trim(template, "/"), "/")
	}
	for i, w := range want {
		switch {
		case strings.HasSuffix(w, "+}"):
			return append(ranks, 2), i < len(parts) && strings.Trim(strings.Join(parts[i:], "/"), "/") != ""
		case i >= len(parts):
			return nil, false
		case strings.HasPrefix(w, "{"):
			if parts[i] == "" {
				return nil, false
			}
			ranks = append(ranks, 1)
		case w != parts[i]:
			return nil, false
		default:
			ranks = append(ranks, 0)
		}
	}
	return ranks, len(parts) == len(want)
}

// drawAPI draws an API of few letters, so that routes and paths meet often. Variables of one level have one name, as AWS wants of REST APIs.
func drawAPI(t *rapid.T) *config.API {
	segment := rapid.SampledFrom([]string{"a", "b", "{v}", "{v}", "{p+}"})
	route := rapid.Custom(func(t *rapid.T) string {
		path := ""
		for i, s := range rapid.SliceOfN(segment, 0, 4).Draw(t, "path") {
			if s == "{v}" {
				s = "{v" + string(rune('0'+i)) + "}"
			}
			path += "/" + s
			if s == "{p+}" {
				break
			}
		}
		if path == "" {
			path = "/"
		}
		return rapid.SampledFrom([]string{"GET", "POST", "ANY"}).Draw(t, "verb") + " " + path
	})
	routes := rapid.SliceOfNDistinct(route, 0, 12, rapid.ID).Draw(t, "routes")
	if rapid.Bool().Draw(t, "rest") {
		return restAPI(routes...)
	}
	return httpAPI("2.0", routes...)
}

func routerProperty(t *rapid.T) {
	c := drawAPI(t)
	verb := rapid.SampledFrom([]string{"GET", "POST", "HEAD", "TRACE"}).Draw(t, "verb")
	path := "/" + rapid.StringOfN(rapid.SampledFrom([]rune("aabc///")), 0, 8, -1).Draw(t, "path")
	a, err := (&Gateway{names: newNames()}).newAPI(c)
	if err != nil {
		t.Fatal(err)
	}
	want := slowChoose(c, verb, path)
	if got, _ := choose(a, verb, path); got != want {
		t.Fatalf("%s %s: tree %q, reference %q", verb, path, got, want)
	}
}

func TestRouterReference(t *testing.T) { rapid.Check(t, routerProperty) }
func FuzzRouter(f *testing.F)          { f.Fuzz(rapid.MakeFuzz(routerProperty)) }

func TestCollide(t *testing.T) {
	tests := []struct {
		a, b []string
		want bool
	}{
		{[]string{"GET /a"}, []string{"POST /a"}, false},
		{[]string{"GET /a"}, []string{"ANY /a/"}, true},
		{[]string{"GET /a"}, []string{"GET /b", "GET /a/b"}, false},
		{[]string{"GET /{x}"}, []string{"GET /b"}, true},
		{[]string{"GET /{x}/c"}, []string{"GET /b/{y}"}, true},
		{[]string{"GET /{x}/c"}, []string{"GET /b/d"}, false},
		{[]string{"GET /a/{proxy+}"}, []string{"GET /a"}, false},
		{[]string{"GET /a/{proxy+}"}, []string{"GET /{x}/y/z"}, true},
		{[]string{"GET /a/{proxy+}"}, []string{"ANY /{proxy+}"}, true},
		{[]string{"GET /a"}, []string{"$default"}, true},
		{[]string{"GET /"}, []string{"ANY /{proxy+}"}, false},
		{[]string{"GET /"}, []string{"ANY /"}, true},
		{nil, []string{"$default"}, false},
	}
	for _, test := range tests {
		a, b := restAPI(test.a...), httpAPI("2.0", test.b...)
		if got, back := Collide(a, b), Collide(b, a); got != test.want || back != test.want {
			t.Errorf("%v and %v: %v, and the other way round %v, want %v", test.a, test.b, got, back, test.want)
		}
	}
}

// Of two APIs that do not collide, at most one has a route for a bare path.
func TestCollideReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawAPI(t), drawAPI(t)
		path := "/" + rapid.StringOfN(rapid.SampledFrom([]rune("aab///")), 0, 7, -1).Draw(t, "path")
		both := slowChoose(a, "GET", path) != "" && slowChoose(b, "GET", path) != ""
		if both && !Collide(a, b) {
			t.Fatalf("both take GET %s", path)
		}
	})
}
