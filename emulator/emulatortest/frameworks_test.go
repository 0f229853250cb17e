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

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/emulatortest"
	"example.com/emulate/emulator/telemetry"
)

// exchange is one request to the small API that every framework serves, and what has to come back. A chunked body does not tell its length.
type exchange struct {
	name, method, path, contentType string
	body                            []byte
	chunked                         bool
	want
	// http is what HTTP APIs make of it, where that is not the same.
	http *want
}

// want is what has to come back; nil checks nothing but the status.
type want struct {
	status int
	check  func(t *testing.T, a answer)
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

// The APIs of every framework's template, by their names there; http2 is what SAM calls its implicit one.
const rest, http1, http2 = "Rest", "Http1", "ServerlessHttpApi"

// exchanges are the same for all frameworks and all APIs.
var exchanges = []exchange{
	{name: "cookies", method: "GET", path: "/cookies", want: want{200, func(t *testing.T, a answer) {
		a.cookies(t, "a=1", "b=2")
		a.json(t, "got", "theme=dark; lang=en")
	}}},
	{name: "cookies with attributes", method: "GET", path: "/session", want: want{204, func(t *testing.T, a answer) {
		a.cookies(t, "sid=abc", "seen=1")
		if c := a.Cookies(); len(c) == 2 && (c[0].Path != "/" || !c[0].HttpOnly || c[0].MaxAge == 0 && c[0].Expires.Year() != 2037 || c[1].MaxAge != 60) {
			t.Errorf("Set-Cookie %q", a.Header["Set-Cookie"])
		}
	}}},
	{name: "query list", method: "GET", path: "/query?x=1&x=a%2Bb&x=c+d&y=&x=%C3%A9%26%3D", want: want{200, func(t *testing.T, a answer) {
		a.json(t, "x", []any{"1", "a+b", "c d", "é&="})
	}}},
	{name: "no query", method: "GET", path: "/path/plain", want: want{200, func(t *testing.T, a answer) { a.json(t, "name", "plain") }}},
	{name: "encoded path", method: "GET", path: "/path/caf%C3%A9%20au%20lait", want: want{200, func(t *testing.T, a answer) {
		a.json(t, "name", "café au lait")
	}}},
	{name: "plus in a path", method: "GET", path: "/path/a%2Bb+c@d;e=f", want: want{200, func(t *testing.T, a answer) { a.json(t, "name", "a+b+c@d;e=f") }}},
	{name: "a comma in a query", method: "GET", path: "/query?x=1%2C2&x=%25", want: want{200, func(t *testing.T, a answer) { a.json(t, "x", []any{"1,2", "%"}) }}},
	// REST APIs leave the path as it was sent, for the framework to decode; HTTP APIs decode it before (spec apigateway.md §1.9, §2.1, §2.3), so that the
	// framework finds two segments, or decodes a second time.
	{name: "an encoded slash", method: "GET", path: "/path/a%2Fb", want: want{200, func(t *testing.T, a answer) { a.json(t, "name", "a/b") }}, http: &notFound},
	{name: "an encoded percent", method: "GET", path: "/path/a%252Fb", want: want{200, func(t *testing.T, a answer) { a.json(t, "name", "a%2Fb") }},
		http: &want{200, func(t *testing.T, a answer) { a.json(t, "name", "a/b") }}},
	{name: "repeated headers", method: "GET", path: "/headers", want: want{200, repeated("1,2", "one,two")}},
	{name: "JSON", method: "POST", path: "/json", contentType: text, body: []byte(`{"name":"Ada Löf 🐘","n":[1,2.5,null]}`), want: want{200, func(t *testing.T, a answer) {
		a.json(t, "name", "Ada Löf 🐘")
		a.json(t, "n", []any{1.0, 2.5, nil})
	}}},
	{name: "PUT", method: "PUT", path: "/item/7", contentType: text, body: []byte(`{}`), want: want{200, func(t *testing.T, a answer) {
		a.json(t, "method", "PUT")
		a.json(t, "id", "7")
	}}},
	{name: "PATCH", method: "PATCH", path: "/item/8", contentType: text, body: []byte(`{}`), want: want{200, func(t *testing.T, a answer) {
		a.json(t, "method", "PATCH")
	}}},
	{name: "DELETE", method: "DELETE", path: "/item/9", want: want{204, func(t *testing.T, a answer) { a.is(t, "") }}},
	{name: "bytes", method: "POST", path: "/bytes", contentType: octets, body: everyByte, want: want{200, func(t *testing.T, a answer) { a.is(t, string(everyByte)) }}},
	{name: "text as bytes", method: "POST", path: "/bytes", contentType: "text/plain; charset=utf-8", body: []byte("Löf 🐘\r\n\x00"), want: want{200,
		func(t *testing.T, a answer) { a.is(t, "Löf 🐘\r\n\x00") }}},
	{name: "a megabyte", method: "POST", path: "/bytes", contentType: octets, body: megabyte, want: want{200, func(t *testing.T, a answer) {
		a.is(t, string(megabyte))
	}}},
	{name: "a chunked body", method: "POST", path: "/bytes", contentType: octets, body: megabyte[:100_000], chunked: true, want: want{200, func(t *testing.T, a answer) {
		a.is(t, string(megabyte[:100_000]))
	}}},
	{name: "large text", method: "GET", path: "/large", want: want{200, func(t *testing.T, a answer) { a.is(t, strings.Repeat("x", 1_000_000)) }}},
	{name: "gzip", method: "GET", path: "/gzip", want: want{200, func(t *testing.T, a answer) {
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
	}}},
	{name: "form", method: "POST", path: "/form", contentType: form, body: []byte("name=Ada+L%C3%B6f&x=1"), want: want{200, func(t *testing.T, a answer) {
		a.json(t, "name", "Ada Löf")
	}}},
	{name: "redirect", method: "GET", path: "/redirect", want: want{302, func(t *testing.T, a answer) {
		if got := a.Header.Get("Location"); got != "/elsewhere" {
			t.Errorf("Location %q", got)
		}
	}}},
	{name: "an error of the API", method: "GET", path: "/teapot", want: want{418, func(t *testing.T, a answer) {
		a.is(t, "short and stout")
		if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
			t.Errorf("Content-Type %q", got)
		}
	}}},
	{name: "an unknown path", method: "GET", path: "/nowhere", want: notFound},
}

// notFound is the framework's own answer.
var notFound = want{404, func(t *testing.T, a answer) {
	if string(a.body) == `{"message":"Not Found"}` {
		t.Errorf("the API answers itself, not the framework: %s", a.body)
	}
}}

// differs tells where a framework goes its own way: what of, behind which APIs.
var differs = []struct {
	framework, exchange string
	apis                []string
	want
}{
	// Payload 1.0 has every header twice: its last value in headers, all in multiValueHeaders. serverless-http reads headers over multiValueHeaders, and
	// answers with both; the router of Powertools for TypeScript reads headers, then appends what else multiValueHeaders have.
	{"express", "repeated headers", []string{rest, http1}, want{200, repeated("2", "one,two,one,two")}},
	{"powertools-typescript", "repeated headers", []string{rest, http1}, want{200, repeated("2,1", "one,two")}},
	// They find routes by the decoded path.
	{"fastapi", "an encoded slash", []string{rest}, notFound},
	{"gin", "an encoded slash", []string{rest}, notFound},
	{"fastapi", "an encoded percent", []string{http1, http2}, notFound},
	{"gin", "an encoded percent", []string{http1, http2}, notFound},
	// Powertools for Python splits the values of payload 2.0 at commas, which stand there between repeated ones too.
	{"powertools-python", "a comma in a query", []string{http2}, want{200, func(t *testing.T, a answer) { a.json(t, "x", []any{"1", "2", "%"}) }}},
}

// wanted is what has to come back of a framework behind an API.
func (x exchange) wanted(framework string, api telemetry.API) want {
	for _, d := range differs {
		if d.framework == framework && d.exchange == x.name && slices.Contains(d.apis, api.Name) {
			return d.want
		}
	}
	if x.http != nil && api.Kind == "http" {
		return *x.http
	}
	return x.want
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

// exception is a request whose handler throws. A framework that answers that itself does so with 500; else it is an error of the function, of which
// each kind of API makes its own (spec apigateway.md §2.7, §5.4).
func exception(answered bool) exchange {
	x := exchange{name: "an exception", method: "GET", path: "/boom", want: want{500, nil}}
	if !answered {
		x.want = want{502, func(t *testing.T, a answer) {
			a.is(t, `{"message": "Internal server error"}`)
			if got := a.Header.Get("X-Amzn-Errortype"); got != "InternalServerErrorException" {
				t.Errorf("x-amzn-ErrorType %q", got)
			}
		}}
		x.http = &want{500, func(t *testing.T, a answer) { a.is(t, `{"message":"Internal Server Error"}`) }}
	}
	return x
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

// framework is a program below testdata/frameworks.
type framework struct {
	name string
	// answers an exception itself; if not, crashes says whether it ends the process.
	answers, crashes bool
}

var frameworks = []framework{
	{name: "express", answers: true}, {name: "fastapi", answers: true}, {name: "chi", crashes: true}, {name: "gin", crashes: true},
	{name: "powertools-python"}, {name: "powertools-typescript"},
}

// Programs that nobody here wrote, unchanged, behind a REST API and HTTP APIs with payloads 2.0 and 1.0, as processes and in containers. Their
// dependencies come from their registries, by our build, which for containers is in a container too.
func TestFrameworks(t *testing.T) {
	for _, executor := range []string{"process", "docker"} {
		for _, f := range frameworks {
			t.Run(executor+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				f.test(t, executor)
			})
		}
	}
}

func (f framework) test(t *testing.T, executor string) {
	e := emulatortest.Start(t, filepath.Join("..", "..", "testdata", "frameworks", f.name), func(o *emulator.Options) { o.Executor = executor })
	apis := e.Emulator().Served().APIs
	if len(apis) != 3 {
		t.Fatalf("%d APIs, want 3", len(apis))
	}
	for _, api := range apis {
		base := api.URL
		if api.Kind == "rest" {
			base += "/" + api.Stage
		}
		for _, x := range append(slices.Clone(exchanges), exception(f.answers)) {
			x.want = x.wanted(f.name, api)
			t.Run(api.Name+"/"+x.name, func(t *testing.T) { x.run(t, base) })
		}
	}
	told := slices.ContainsFunc(e.Events(), func(ev telemetry.Event) bool {
		l, ok := ev.Record.(telemetry.Line)
		return ok && strings.Contains(l.Text, "boom")
	})
	if !told {
		t.Error("no line of the log tells of the exception")
	}
	// The exception is the last request of each API. On a busy machine a runtime asks for the next request late, and another environment starts.
	if got := e.ColdStarts("App"); f.crashes && got < len(apis) {
		t.Errorf("%d cold starts, want %d: one after every crash", got, len(apis))
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
	req.Header.Set("Accept", "*/*")
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
