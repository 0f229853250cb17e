//go:build unix

package emulatortest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/emulate/emulator/emulatortest"
	"example.com/emulate/emulator/telemetry"
)

// exchange is one request to the small API that every framework serves, and what has to come back. A chunked body does not tell its length.
type exchange struct {
	name, method, path, contentType string
	body                            []byte
	chunked                         bool
	status                          int
	check                           func(t *testing.T, a answer)
}

// answer is a response that was read.
type answer struct {
	*http.Response
	body []byte
}

// everyByte is no UTF-8; megabyte is more of it than a connection buffers.
var (
	everyByte = func() []byte {
		b := make([]byte, 256)
		for i := range b {
			b[i] = byte(i)
		}
		return b
	}()
	megabyte = bytes.Repeat(everyByte, 4096)
)

const form, octets, text = "application/x-www-form-urlencoded", "application/octet-stream", "application/json"

// exchanges are the same for all frameworks and all APIs.
var exchanges = []exchange{
	{name: "cookies", method: "GET", path: "/cookies", status: 200, check: func(t *testing.T, a answer) {
		a.cookies(t, "a=1", "b=2")
		a.json(t, "got", "theme=dark; lang=en")
	}},
	{name: "cookies with attributes", method: "GET", path: "/session", status: 204, check: func(t *testing.T, a answer) {
		a.cookies(t, "sid=abc", "seen=1")
		if c := a.Cookies(); len(c) == 2 && (c[0].Path != "/" || !c[0].HttpOnly || c[0].MaxAge == 0 && c[0].Expires.Year() != 2037 || c[1].MaxAge != 60) {
			t.Errorf("Set-Cookie %q", a.Header["Set-Cookie"])
		}
	}},
	{name: "query list", method: "GET", path: "/query?x=1&x=a%2Bb&x=c+d&y=&x=%C3%A9%26%3D", status: 200, check: func(t *testing.T, a answer) {
		a.json(t, "x", []any{"1", "a+b", "c d", "é&="})
	}},
	{name: "no query", method: "GET", path: "/path/plain", status: 200, check: func(t *testing.T, a answer) { a.json(t, "name", "plain") }},
	{name: "encoded path", method: "GET", path: "/path/caf%C3%A9%20au%20lait", status: 200, check: func(t *testing.T, a answer) {
		a.json(t, "name", "café au lait")
	}},
	{name: "plus in a path", method: "GET", path: "/path/a%2Bb+c@d;e=f", status: 200, check: func(t *testing.T, a answer) { a.json(t, "name", "a+b+c@d;e=f") }},
	{name: "repeated headers", method: "GET", path: "/headers", status: 200, check: repeated("1,2", "one,two")},
	{name: "JSON", method: "POST", path: "/json", contentType: text, body: []byte(`{"name":"Ada Löf 🐘","n":[1,2.5,null]}`), status: 200,
		check: func(t *testing.T, a answer) {
			a.json(t, "name", "Ada Löf 🐘")
			a.json(t, "n", []any{1.0, 2.5, nil})
		}},
	{name: "PUT", method: "PUT", path: "/item/7", contentType: text, body: []byte(`{}`), status: 200, check: func(t *testing.T, a answer) {
		a.json(t, "method", "PUT")
		a.json(t, "id", "7")
	}},
	{name: "PATCH", method: "PATCH", path: "/item/8", contentType: text, body: []byte(`{}`), status: 200, check: func(t *testing.T, a answer) {
		a.json(t, "method", "PATCH")
	}},
	{name: "DELETE", method: "DELETE", path: "/item/9", status: 204, check: func(t *testing.T, a answer) { a.is(t, "") }},
	{name: "bytes", method: "POST", path: "/bytes", contentType: octets, body: everyByte, status: 200, check: func(t *testing.T, a answer) { a.is(t, string(everyByte)) }},
	{name: "a megabyte", method: "POST", path: "/bytes", contentType: octets, body: megabyte, status: 200, check: func(t *testing.T, a answer) {
		a.is(t, string(megabyte))
	}},
	{name: "a chunked body", method: "POST", path: "/bytes", contentType: octets, body: megabyte[:100_000], chunked: true, status: 200, check: func(t *testing.T, a answer) {
		a.is(t, string(megabyte[:100_000]))
	}},
	{name: "large text", method: "GET", path: "/large", status: 200, check: func(t *testing.T, a answer) { a.is(t, strings.Repeat("x", 1_000_000)) }},
	{name: "gzip", method: "GET", path: "/gzip", status: 200, check: func(t *testing.T, a answer) {
		if got := a.Header.Get("Content-Encoding"); got != "gzip" {
			t.Errorf("Content-Encoding %q", got)
		}
		z, err := gzip.NewReader(bytes.NewReader(a.body))
		if err != nil {
			t.Fatalf("%q: %v", a.body, err)
		}
		if plain, err := io.ReadAll(z); err != nil || string(plain) != "small when wet" {
			t.Errorf("%q, %v", plain, err)
		}
	}},
	{name: "form", method: "POST", path: "/form", contentType: form, body: []byte("name=Ada+L%C3%B6f&x=1"), status: 200, check: func(t *testing.T, a answer) {
		a.json(t, "name", "Ada Löf")
	}},
	{name: "redirect", method: "GET", path: "/redirect", status: 302, check: func(t *testing.T, a answer) {
		if got := a.Header.Get("Location"); got != "/elsewhere" {
			t.Errorf("Location %q", got)
		}
	}},
	{name: "an error of the API", method: "GET", path: "/teapot", status: 418, check: func(t *testing.T, a answer) {
		a.is(t, "short and stout")
		if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
			t.Errorf("Content-Type %q", got)
		}
	}},
	{name: "an unknown path", method: "GET", path: "/nowhere", status: 404, check: func(t *testing.T, a answer) {
		if string(a.body) == `{"message":"Not Found"}` {
			t.Errorf("the API answers itself, not the framework: %s", a.body)
		}
	}},
}

// differs tells how a framework itself differs where the payload is 1.0, which has every header twice: its last value in headers, all in
// multiValueHeaders.
var differs = map[string]map[string]func(*testing.T, answer){
	// serverless-http reads headers over multiValueHeaders, and answers with both.
	"express": {"repeated headers": repeated("2", "one,two,one,two")},
	// The router reads headers, then appends what else multiValueHeaders have.
	"powertools-typescript": {"repeated headers": repeated("2,1", "one,two")},
}

// repeated checks the values of the request's X-In that the handler saw, and those of the response's X-Multi, however they are divided into lines.
func repeated(in, multi string) func(*testing.T, answer) {
	return func(t *testing.T, a answer) {
		t.Helper()
		var got struct{ In string }
		if err := json.Unmarshal(a.body, &got); err != nil || strings.ReplaceAll(got.In, " ", "") != in {
			t.Errorf("the handler saw X-In as %s, %v, want %s", a.body, err, in)
		}
		if got := a.Header.Values("X-Multi"); strings.ReplaceAll(strings.Join(got, ","), " ", "") != multi {
			t.Errorf("X-Multi %q, want %s", got, multi)
		}
	}
}

// functionError is what each kind of API makes of an error of the function (spec apigateway.md §2.7, §5.4).
var functionError = map[string]exchange{
	"rest": {status: 502, check: func(t *testing.T, a answer) {
		a.is(t, `{"message": "Internal server error"}`)
		if got := a.Header.Get("X-Amzn-Errortype"); got != "InternalServerErrorException" {
			t.Errorf("x-amzn-ErrorType %q", got)
		}
	}},
	"http": {status: 500, check: func(t *testing.T, a answer) { a.is(t, `{"message":"Internal Server Error"}`) }},
}

func (a answer) is(t *testing.T, want string) {
	t.Helper()
	if string(a.body) != want {
		t.Errorf("%d bytes, want %d: %.200q", len(a.body), len(want), a.body)
	}
}

func (a answer) json(t *testing.T, member string, want any) {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.body, &m); err != nil {
		t.Fatalf("body %.300q: %v", a.body, err)
	}
	if fmt.Sprint(m[member]) != fmt.Sprint(want) {
		t.Errorf("%s is %q, want %q", member, m[member], want)
	}
}

func (a answer) cookies(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, c := range a.Cookies() {
		got = append(got, c.Name+"="+c.Value)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Set-Cookie %q, want %q", a.Header["Set-Cookie"], want)
	}
}

// Programs that nobody here wrote, unchanged, behind a REST API and HTTP APIs with payloads 2.0 and 1.0. Their dependencies come from their registries,
// by our build.
func TestFrameworks(t *testing.T) {
	// Whether the framework answers an exception itself, with 500, or lets it become an error of the function.
	answersExceptions := map[string]bool{"express": true, "fastapi": true, "chi": false, "gin": false, "powertools-python": false, "powertools-typescript": false}
	const implicit = "ServerlessHttpApi" // SAM's name of the API with payload 2.0
	for name, answers := range answersExceptions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := emulatortest.Start(t, filepath.Join("..", "..", "testdata", "frameworks", name))
			apis := e.Emulator().Served().APIs
			if len(apis) != 3 {
				t.Fatalf("%d APIs, want 3", len(apis))
			}
			for _, api := range apis {
				base, boom := api.URL, functionError[api.Kind]
				if api.Kind == "rest" {
					base += "/" + api.Stage
				}
				if answers {
					boom = exchange{status: 500}
				}
				boom.name, boom.method, boom.path = "an exception", "GET", "/boom"
				for _, x := range append(slices.Clone(exchanges), boom) {
					if check, ok := differs[name][x.name]; ok && api.Name != implicit {
						x.check = check
					}
					t.Run(api.Name+"/"+x.name, func(t *testing.T) { x.run(t, base) })
				}
			}
			shown := slices.ContainsFunc(e.Events(), func(ev telemetry.Event) bool {
				l, ok := ev.Record.(telemetry.Line)
				return ok && strings.Contains(fmt.Sprint(l.Text), "boom")
			})
			if !shown && !answers {
				t.Error("no line of the log tells of the exception")
			}
		})
	}
}

func (x exchange) run(t *testing.T, base string) {
	req, err := http.NewRequestWithContext(t.Context(), x.method, base+x.path, bytes.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	if x.chunked {
		req.ContentLength = -1
	}
	// The REST API compares its binary media types with the first of these.
	req.Header.Set("Accept", "application/octet-stream,*/*")
	req.Header.Set("Cookie", "theme=dark; lang=en")
	req.Header["X-In"] = []string{"1", "2"}
	if x.contentType != "" {
		req.Header.Set("Content-Type", x.contentType)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true, DisableCompression: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != x.status {
		t.Fatalf("status %d, want %d: %.300s", resp.StatusCode, x.status, body)
	}
	if x.check != nil {
		x.check(t, answer{resp, body})
	}
}
