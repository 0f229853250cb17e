//go:build unix

package emulator_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/emulate/emulator/emulatortest"
)

// exchange is one request to a framework's small API, and what has to come back.
type exchange struct {
	name, method, path, contentType string
	body                            []byte
	status                          int
	check                           func(t *testing.T, resp *http.Response, body []byte)
}

// everyByte is no UTF-8.
var everyByte = func() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}()

var exchanges = []exchange{
	{name: "cookies", method: "GET", path: "/cookies", status: 200, check: func(t *testing.T, resp *http.Response, body []byte) {
		var names []string
		for _, c := range resp.Cookies() {
			names = append(names, c.Name+"="+c.Value)
		}
		if !slices.Equal(names, []string{"a=1", "b=2"}) {
			t.Errorf("Set-Cookie %q", resp.Header["Set-Cookie"])
		}
		if got := member(t, body, "got"); got != "theme=dark; lang=en" {
			t.Errorf("the handler saw the cookies %q", got)
		}
	}},
	{name: "query", method: "GET", path: "/query?x=1&x=a%2Bb&y=", status: 200, check: func(t *testing.T, _ *http.Response, body []byte) {
		var got struct{ X []string }
		if err := json.Unmarshal(body, &got); err != nil || !slices.Equal(got.X, []string{"1", "a+b"}) {
			t.Errorf("body %s, %v", body, err)
		}
	}},
	{name: "path", method: "GET", path: "/path/caf%C3%A9%20au%20lait", status: 200, check: func(t *testing.T, _ *http.Response, body []byte) {
		if got := member(t, body, "name"); got != "café au lait" {
			t.Errorf("name %q", got)
		}
	}},
	{name: "bytes", method: "POST", path: "/bytes", contentType: "application/octet-stream", body: everyByte, status: 200,
		check: func(t *testing.T, _ *http.Response, body []byte) {
			if !bytes.Equal(body, everyByte) {
				t.Errorf("%d bytes came back as %d: %x", len(everyByte), len(body), body)
			}
		}},
	{name: "form", method: "POST", path: "/form", contentType: "application/x-www-form-urlencoded", body: []byte("name=Ada+L%C3%B6f&x=1"), status: 200,
		check: func(t *testing.T, _ *http.Response, body []byte) {
			if got := member(t, body, "name"); got != "Ada Löf" {
				t.Errorf("name %q", got)
			}
		}},
	{name: "redirect", method: "GET", path: "/redirect", status: 302, check: func(t *testing.T, resp *http.Response, _ []byte) {
		if got := resp.Header.Get("Location"); got != "/elsewhere" {
			t.Errorf("Location %q", got)
		}
	}},
	{name: "teapot", method: "GET", path: "/teapot", status: 418, check: func(t *testing.T, resp *http.Response, body []byte) {
		if string(body) != "short and stout" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s %q", resp.Header.Get("Content-Type"), body)
		}
	}},
}

func member(t *testing.T, body []byte, name string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Errorf("body %s: %v", body, err)
	}
	s, _ := m[name].(string)
	return s
}

// Programs that nobody here wrote, unchanged, behind both kinds of API. Their dependencies come from their registries, by our build.
func TestFrameworks(t *testing.T) {
	// What a framework makes of an exception: its own 500, or an error of the function, which is 502 behind a REST API and 500 behind an HTTP API.
	type boom struct{ rest, http int }
	own, function := boom{500, 500}, boom{502, 500}
	for name, boom := range map[string]boom{"express": own, "fastapi": own, "chi": function, "powertools-python": function, "powertools-typescript": function} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := emulatortest.Start(t, filepath.Join("..", "testdata", "frameworks", name))
			for _, api := range e.Emulator().Served().APIs {
				base, status := api.URL, boom.http
				if api.Kind == "rest" {
					base, status = base+"/"+api.Stage, boom.rest
				}
				for _, x := range append(slices.Clone(exchanges), exchange{name: "boom", method: "GET", path: "/boom", status: status}) {
					t.Run(api.Kind+"/"+x.name, func(t *testing.T) { x.run(t, base) })
				}
			}
		})
	}
}

func (x exchange) run(t *testing.T, base string) {
	req, err := http.NewRequestWithContext(t.Context(), x.method, base+x.path, bytes.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	// A browser's Accept; a REST API's binary media types are compared with its first entry.
	req.Header.Set("Accept", "application/octet-stream,*/*")
	req.Header.Set("Cookie", "theme=dark; lang=en")
	if x.contentType != "" {
		req.Header.Set("Content-Type", x.contentType)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
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
		x.check(t, resp, body)
	}
}
