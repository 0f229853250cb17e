package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestScanner(t *testing.T) {
	tests := []string{`{}`, ` [1, 2.5e-3,-0 , "a\u00e9\n", true,false,null,{"a":[{}]}] `, `"\ud83d\ude00"`, `"\ud83d"`, `"\q"`, `"` + "\n" + `"`, `01`, `-`, `1.`,
		`1e`, `tru`, `nul`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1,}`, ``, ` `, `[`, `{`, `"`, `"\`, `"\u12`, `1 2`, `{}x`, "\x00", `.5`, `+1`, `[1}`,
		strings.Repeat("[", 9999) + strings.Repeat("]", 9999), strings.Repeat("[", 10002) + strings.Repeat("]", 10002)}
	for _, text := range tests {
		checkScanner(t, []byte(text))
	}
}

// checkScanner compares the scanner with encoding/json on one text.
func checkScanner(t *testing.T, text []byte) {
	t.Helper()
	s := scanner{data: text}
	raw, err := s.value()
	if err == nil {
		err = s.end()
	}
	if want := json.Valid(text); want != (err == nil) {
		t.Fatalf("%.200q: %v, but encoding/json finds it valid: %v", text, err, want)
	}
	if err == nil && len(raw) > 0 && raw[0] == '"' {
		var want string
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if got := string(unquote(raw, nil)); got != want {
			t.Fatalf("%q: got %q, want %q", raw, got, want)
		}
		if back := appendJSON(nil, want); string(unquote(back, nil)) != want || !json.Valid(back) {
			t.Fatalf("%q: written as %q", want, back)
		}
	}
}

func FuzzScanner(f *testing.F) {
	f.Add([]byte(`{"a":[1,2,{"b":"c\ud83d\ude00\ud800é"}],"x":-1.5E+7}`))
	f.Add([]byte("\"a\xff\x80\""))
	f.Fuzz(func(t *testing.T, text []byte) { checkScanner(t, text) })
}

// slowAnswer is the reference for what a reply means, by maps and encoding/json. ok is false for a malformed one; the error is errUndecodable for bad base64.
func slowAnswer(payload []byte, kind string, decode bool) (a answer, err error) {
	malformed := errors.New("malformed")
	if !json.Valid(payload) {
		return a, malformed
	}
	var m map[string]json.RawMessage
	if bytes.TrimSpace(payload)[0] != '{' {
		if kind != "v2" {
			return a, malformed
		}
	} else if err := json.Unmarshal(payload, &m); err != nil {
		return a, malformed
	}
	if kind != "rest" && m["statusCode"] == nil {
		if kind == "v1" {
			return a, malformed
		}
		a = answer{200, []header{{"content-type", "application/json"}}, bytes.TrimSpace(payload)}
		var s *string
		if json.Unmarshal(payload, &s) == nil && s != nil {
			a.body = []byte(*s)
		}
		return a, nil
	}
	if kind == "rest" {
		for k := range m {
			if !slices.Contains([]string{"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}, k) {
				return a, malformed
			}
		}
	}
	a.status = 200
	if raw := m["statusCode"]; raw != nil && string(raw) != "null" || kind != "rest" {
		text := string(raw)
		var s string
		if json.Unmarshal(raw, &s) == nil {
			text = s
		}
		n, err := strconv.Atoi(text)
		if err != nil || len(text) != 3 || n < 200 || n > 599 {
			return a, malformed
		}
		a.status = n
	}
	if a.headers, err = slowAnswerHeaders(m, kind); err != nil {
		return a, malformed
	}
	var body *string
	if raw := m["body"]; raw != nil && json.Unmarshal(raw, &body) != nil {
		return a, malformed
	}
	var encoded *bool
	if raw := m["isBase64Encoded"]; raw != nil && json.Unmarshal(raw, &encoded) != nil {
		return a, malformed
	}
	if body != nil {
		a.body = []byte(*body)
	}
	if encoded != nil && *encoded && (decode || kind != "rest") {
		text := strings.NewReplacer("\r", "", "\n", "").Replace(string(a.body))
		if len(a.body) > 0 && a.body[len(a.body)-1] != '=' {
			text += strings.Repeat("=", (4-len(text)%4)%4)
		}
		if a.body, err = base64.StdEncoding.DecodeString(text); err != nil {
			return a, errUndecodable
		}
	}
	named := slices.ContainsFunc(a.headers, func(h header) bool { return strings.EqualFold(h.name, "content-type") })
	if kind != "rest" && len(a.body) > 0 && !named {
		a.headers = append(a.headers, header{"content-type", "text/plain;charset=UTF-8"})
	}
	return a, nil
}

func slowScalar(v any) (string, bool, error) {
	switch v := v.(type) {
	case string:
		return v, true, nil
	case bool:
		return strconv.FormatBool(v), true, nil
	case json.Number:
		return v.String(), true, nil
	case nil:
		return "", false, nil
	}
	return "", false, errors.New("malformed")
}

// slowAnswerHeaders reads the headers as maps; keys are sorted.
func slowAnswerHeaders(m map[string]json.RawMessage, kind string) (list []header, err error) {
	parse := func(raw json.RawMessage) (object map[string]any, keys []string, err error) {
		if raw == nil {
			return nil, nil, nil
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		err = d.Decode(&object)
		for k := range object {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		return object, keys, err
	}
	if kind == "v2" {
		var cookies []*string
		if raw := m["cookies"]; raw != nil {
			if err := json.Unmarshal(raw, &cookies); err != nil {
				return nil, err
			}
		}
		for _, c := range cookies {
			if c == nil {
				return nil, errors.New("malformed")
			}
			list = append(list, header{"set-cookie", *c})
		}
	} else {
		multi, keys, err := parse(m["multiValueHeaders"])
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			if multi[k] == nil {
				continue
			}
			values, ok := multi[k].([]any)
			if !ok {
				return nil, errors.New("malformed")
			}
			for _, v := range values {
				text, some, err := slowScalar(v)
				if err != nil {
					return nil, err
				}
				if some {
					list = append(list, header{k, text})
				}
			}
		}
	}
	single, keys, err := parse(m["headers"])
	if err != nil {
		return nil, err
	}
	multi := list
	for _, k := range keys {
		text, some, err := slowScalar(single[k])
		if err != nil {
			return nil, err
		}
		if !some {
			continue
		}
		name, repeated := k, false
		if kind != "v2" {
			for _, h := range multi {
				if strings.EqualFold(h.name, k) {
					name = h.name
					repeated = repeated || h.value == text
				}
			}
		}
		if !repeated {
			list = append(list, header{name, text})
		}
	}
	return list, nil
}

// checkReply compares the mapping of one payload with the reference.
func checkReply(t interface {
	Helper()
	Fatalf(string, ...any)
}, payload []byte) {
	t.Helper()
	for _, kind := range []string{"rest", "plain rest", "v1", "v2"} {
		decode := kind == "rest"
		var got answer
		var err error
		if kind = strings.TrimPrefix(kind, "plain "); kind == "rest" {
			got, err = restAnswer(payload, nil, decode)
		} else {
			got, err = httpAnswer(payload, nil, kind == "v2")
		}
		want, wantErr := slowAnswer(payload, kind, decode)
		if (err == nil) != (wantErr == nil) || errors.Is(err, errUndecodable) != errors.Is(wantErr, errUndecodable) {
			t.Fatalf("%s %q: error %v, reference %v", kind, payload, err, wantErr)
		}
		if err != nil {
			continue
		}
		// The reference knows no order of keys.
		byName := func(a, b header) int { return strings.Compare(a.name, b.name) }
		slices.SortStableFunc(got.headers, byName)
		slices.SortStableFunc(want.headers, byName)
		if got.status != want.status || !slices.Equal(got.headers, want.headers) || !bytes.Equal(got.body, want.body) {
			t.Fatalf("%s %q:\n got %d %q %q\nwant %d %q %q", kind, payload, got.status, got.headers, got.body, want.status, want.headers, want.body)
		}
	}
}

func replyProperty(t *rapid.T) {
	value := rapid.SampledFrom([]string{`"v"`, `"w"`, `"aGk="`, `"aGk"`, `"è+"`, `"a\nb\"\u00e9"`, `1`, `-1.50`, `true`, `false`, `null`, `[]`, `{}`, `["v","w"]`, `["v",1,null]`,
		`[[1]]`, `{"a":[{}]}`, `{"a":[null,"x"],"b":null}`, `["v",{}]`, `{"a":[1,true],"b":"\b\f\r\t\/"}`, `"201"`, `200`, `404`, `"x"`, `{"A":"v","a":"w"}`, `{"Content-Type":"t"}`, `{"b":["v","x"],"A":["v"]}`, `{"c":null,"b":true}`, `{"a":"1","a":"2"}`})
	key := rapid.SampledFrom([]string{`"statusCode"`, `"headers"`, `"headers"`, `"multiValueHeaders"`, `"cookies"`, `"body"`, `"isBase64Encoded"`, `"status\u0043ode"`, `"other"`})
	if rapid.IntRange(0, 9).Draw(t, "shape") == 0 {
		checkReply(t, []byte(value.Draw(t, "value")))
		return
	}
	var members []string
	for range rapid.IntRange(0, 5).Draw(t, "members") {
		members = append(members, key.Draw(t, "key")+" : "+value.Draw(t, "value"))
	}
	checkReply(t, []byte(" { "+strings.Join(members, ",")+"}\n"))
}

func TestReplyReference(t *testing.T) { rapid.Check(t, replyProperty) }

func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"a":"b"},"multiValueHeaders":{"A":["c"]},"body":"aGk=","isBase64Encoded":true}`))
	f.Add([]byte(`{"statusCode":"201","cookies":["a=b"],"body":null}`))
	f.Add([]byte(`"text"`))
	f.Add([]byte(`{"":true}`))
	f.Fuzz(func(t *testing.T, payload []byte) { checkReply(t, payload) })
}

func TestMultiValueOrder(t *testing.T) {
	a, err := restAnswer([]byte(`{"headers":{"x-B":"3","x-c":"1"},"multiValueHeaders":{"X-b":["1","2"]}}`), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	want := []header{{"X-b", "1"}, {"X-b", "2"}, {"X-b", "3"}, {"x-c", "1"}}
	if diff := cmp.Diff(want, a.headers, cmp.AllowUnexported(header{})); diff != "" {
		t.Error(diff)
	}
}

func TestPlainBytes(t *testing.T) {
	for c := range 256 {
		if want := c >= ' ' && c != '"' && c != '\\' && c < 0x80; plain(byte(c)) != want {
			t.Errorf("%q: %v", rune(c), !want)
		}
	}
}
