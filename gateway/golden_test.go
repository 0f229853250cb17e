package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"example.com/emulate/emulator/config"
)

var update = flag.Bool("update", false, "write events and responses of testdata/*.txtar as they are now")

// TestGolden runs testdata/*.txtar. A file has the sections
//
//	api       lines of: rest|http STAGE…; binary TYPE…; edge; variables KEY=VALUE…; cors JSON; METHOD /path [FORMAT] [mock STATUS NAME=VALUE…]
//	request   the request as it is sent, with LF for CRLF
//	reply     what the function returns; {} where it is missing
//	event     what the function got; "*" stands for any string or number. "any" looks at nothing of it. Missing where the function is not invoked.
//	response  status, header lines and body as they are sent, with "*" for any value. A body that is not text stands there in base64.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, f := range archive.Files {
		sections[f.Name] = strings.TrimSuffix(string(f.Data), "\n")
	}
	reply := sections["reply"]
	if reply == "" {
		reply = "{}"
	}
	inv := replying(reply)
	s := newServer(t, Options{APIs: apis(parseAPI(t, sections["api"])), Invoker: inv})
	head, body, _ := strings.Cut(sections["request"], "\n\n")
	answer := s.raw(t, strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n"+body)

	got := map[string]string{"response": response(answer)}
	if len(inv.events) > 0 {
		volatile := []string{"requestId", "extendedRequestId", "requestTime", "requestTimeEpoch", "time", "timeEpoch", "X-Amz-Cf-Id"}
		if !strings.Contains(head, "Root=") {
			volatile = append(volatile, "X-Amzn-Trace-Id", "x-amzn-trace-id")
		}
		got["event"] = indent(t, inv.events[0], volatile)
	}
	if *update {
		rewrite(t, file, archive, got)
		return
	}
	if want, ok := sections["event"]; ok != (got["event"] != "") {
		t.Errorf("the function was invoked: %v", !ok)
	} else if ok && want != "any" {
		var w any
		if err := json.Unmarshal([]byte(want), &w); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w, wild(w, event(t, inv.events[0]))); diff != "" {
			t.Errorf("event (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(strings.Split(sections["response"], "\n"), strings.Split(got["response"], "\n")); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
}

// wild puts the "*" of want into got where got has a string or number, which must not be empty.
func wild(want, got any) any {
	if want == "*" {
		switch got := got.(type) {
		case float64:
			return want
		case string:
			if got != "" {
				return want
			}
		}
		return got
	}
	switch g := got.(type) {
	case map[string]any:
		w, _ := want.(map[string]any)
		for k := range g {
			g[k] = wild(w[k], g[k])
		}
	case []any:
		w, _ := want.([]any)
		for i := range g {
			if i < len(w) {
				g[i] = wild(w[i], g[i])
			}
		}
	}
	return got
}

// indent prints an event with the values of some keys as "*".
func indent(t *testing.T, text []byte, volatile []string) string {
	var mask func(v any) any
	mask = func(v any) any {
		m, ok := v.(map[string]any)
		if !ok {
			return v
		}
		for k := range m {
			if _, list := m[k].([]any); list && slices.Contains(volatile, k) {
				m[k] = []any{"*"}
			} else if slices.Contains(volatile, k) {
				m[k] = "*"
			} else {
				m[k] = mask(m[k])
			}
		}
		return m
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(mask(event(t, text))); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// response prints an answer with the headers in alphabetical order and ids, times and traces as "*".
func response(answer string) string {
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	for i, l := range lines {
		name, _, _ := strings.Cut(l, ":")
		if slices.Contains([]string{"Date", "x-amzn-RequestId", "x-amz-apigw-id", "apigw-requestid", "X-Amz-Cf-Id", "Via"}, name) {
			lines[i] = name + ": *"
		}
		if strings.HasPrefix(l, "X-Amzn-Trace-Id: Root=1-") {
			lines[i] = "X-Amzn-Trace-Id: *"
		}
	}
	slices.SortStableFunc(lines[1:], func(a, b string) int {
		a, _, _ = strings.Cut(a, ":")
		b, _, _ = strings.Cut(b, ":")
		return strings.Compare(strings.ToLower(a), strings.ToLower(b))
	})
	if !utf8.ValidString(body) || strings.ContainsRune(body, '\r') {
		body = "base64 " + base64.StdEncoding.EncodeToString([]byte(body))
	}
	return strings.Join(lines, "\n") + "\n\n" + body
}

func rewrite(t *testing.T, file string, archive *txtar.Archive, got map[string]string) {
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "event" || f.Name == "response" })
	for _, name := range []string{"event", "response"} {
		if got[name] != "" {
			archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(got[name] + "\n")})
		}
	}
	if err := os.WriteFile(file, txtar.Format(archive), 0o666); err != nil {
		t.Fatal(err)
	}
}

// parseAPI reads the section api.
func parseAPI(t *testing.T, text string) *config.API {
	t.Helper()
	a := &config.API{ID: "abcdefghij"}
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Fields(line)
		switch f[0] {
		case "rest", "http":
			a.Kind = config.APIKind(f[0])
			for _, s := range f[1:] {
				a.Stages = append(a.Stages, config.Stage{Name: s})
			}
		case "binary":
			a.BinaryMediaTypes = f[1:]
		case "edge":
			a.EdgeOptimized = true
		case "variables":
			a.Stages[0].Variables = pairs(f[1:])
		case "cors":
			if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "cors ")), &a.CORS); err != nil {
				t.Fatal(err)
			}
		default:
			a.Routes = append(a.Routes, parseRoute(f))
		}
	}
	return a
}

func parseRoute(f []string) config.Route {
	if f[0] == "$default" {
		f = append([]string{"ANY"}, f...)
	}
	r := config.Route{Method: f[0], Path: f[1],
		Integration: config.Integration{Type: config.LambdaProxy, Function: "f", PayloadFormat: "1.0"}}
	for i, word := range f[2:] {
		switch {
		case word == "2.0":
			r.Integration.PayloadFormat = word
		case strings.HasPrefix(word, "operation="):
			r.OperationName = strings.TrimPrefix(word, "operation=")
		case word == "mock":
			r.Integration.Type = config.Mock
			r.Integration.MockStatus = 200
			if f[2+i+1] == "204" {
				r.Integration.MockStatus = 204
			}
			r.Integration.MockHeaders = pairs(f[2+i+2:])
			return r
		}
	}
	return r
}

func pairs(words []string) map[string]string {
	m := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		m[k] = v
	}
	return m
}
