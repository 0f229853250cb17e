package gateway

import (
	"errors"
	"fmt"
)

// answer is what a reply means on the wire.
type answer struct {
	status  int
	headers []header
	body    []byte
}

// errUndecodable says that a body is not the base64 that it should be.
var errUndecodable = errors.New("body is not base64")

// restAnswer maps a reply of a function behind a REST API (spec apigateway.md §5.1-5.3). decode tells whether the client accepts a binary answer.
// An error that is not errUndecodable means a malformed reply.
func restAnswer(payload []byte, headers []header, decode bool) (a answer, err error) {
	r, err := readReply(payload)
	if err != nil {
		return a, err
	}
	switch {
	case !r.object:
		return a, fmt.Errorf("not an object but %.40s", r.text)
	case r.strange:
		return a, fmt.Errorf("a REST API knows no member %q", r.unknown)
	case r.cookies != nil:
		return a, errors.New(`a REST API knows no member "cookies"`)
	}
	a.status = 200
	if !isNull(r.status) {
		if a.status, err = statusCode(r.status); err != nil {
			return a, err
		}
	}
	if a.headers, err = r.appendMerged(headers); err != nil {
		return a, err
	}
	if a.body, err = r.textBody(); err != nil {
		return a, err
	}
	binary, err := boolean(r.isBase64)
	if err == nil && binary && decode {
		a.body, err = decoded(a.body)
	}
	return a, err
}

// decoded is decodeBase64 with errUndecodable.
func decoded(text []byte) ([]byte, error) {
	body, err := decodeBase64(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errUndecodable, err)
	}
	return body, nil
}

// httpAnswer maps a reply of a function behind an HTTP API (spec apigateway.md §2.6). Payload 2.0 takes any JSON: an object with a statusCode is an
// answer, everything else is the body of one. Payload 1.0 wants the statusCode, and knows multiValueHeaders. Unknown members are ignored.
func httpAnswer(payload []byte, headers []header, v2 bool) (a answer, err error) {
	r, err := readReply(payload)
	if err != nil {
		return a, err
	}
	if r.status == nil {
		if !v2 {
			return a, errors.New("it has no statusCode")
		}
		a = answer{200, append(headers, header{"content-type", "application/json"}), r.text}
		if r.text[0] == '"' {
			a.body = unquote(r.text, nil)
		}
		return a, nil
	}
	if a.status, err = statusCode(r.status); err != nil {
		return a, err
	}
	a.headers = headers
	if v2 {
		if a.headers, err = appendCookieHeaders(a.headers, r.cookies); err == nil {
			a.headers, err = appendReplyHeaders(a.headers, r.headers)
		}
	} else {
		a.headers, err = r.appendMerged(a.headers)
	}
	if err != nil {
		return a, err
	}
	if a.body, err = r.textBody(); err != nil {
		return a, err
	}
	binary, err := boolean(r.isBase64)
	if err == nil && binary {
		a.body, err = decoded(a.body)
	}
	if err == nil && len(a.body) > 0 && !hasHeader(a.headers, "Content-Type") {
		a.headers = append(a.headers, header{"content-type", "text/plain;charset=UTF-8"})
	}
	return a, err
}

func hasHeader(list []header, name string) bool {
	for i := range list {
		if equalFold(list[i].name, name) {
			return true
		}
	}
	return false
}

// putRest writes a reply's headers for a REST API: some under another name, some not at all (spec apigateway.md §5.3).
func (x *exchange) putRest(list []header) {
	for i, h := range list {
		h.name = firstCase(list[:i], h.name)
		switch {
		case contains(x.gw.names.restOwned, h.name):
		case contains(x.gw.names.restRemapped, h.name):
			x.put(remappedPrefix+h.name, h.value)
		default:
			x.put(h.name, h.value)
		}
	}
	if !hasHeader(list, "Content-Type") {
		x.put("Content-Type", "application/json")
	}
}

// putHTTP writes a reply's headers for an HTTP API (spec apigateway.md §2.6, §8).
func (x *exchange) putHTTP(list []header) {
	for i, h := range list {
		h.name = firstCase(list[:i], h.name)
		if contains(x.gw.names.httpReserved, h.name) || x.api.CORS != nil && contains(x.gw.names.corsAnswer, h.name) {
			continue
		}
		x.put(h.name, h.value)
	}
}

// firstCase is the name in the case in which it stands in the list already, so that all its lines are sent together and in order.
func firstCase(list []header, name string) string {
	for i := range list {
		if equalFold(list[i].name, name) {
			return list[i].name
		}
	}
	return name
}

// put adds a header with the name as it is. net/http looks for some names of its own in Go's case and would add its idea of them beside ours: an
// empty entry of that name keeps it from doing so.
func (x *exchange) put(name, value string) {
	if !validName(name) {
		return
	}
	h := x.w.Header()
	if old := h[name]; old != nil {
		h[name] = append(old, value)
	} else {
		h[name] = x.single(value)
	}
	for _, own := range [...]string{"Content-Type", "Date"} {
		if name != own && equalFold(name, own) {
			if _, ok := h[own]; !ok {
				h[own] = nil
			}
		}
	}
}

// single is a list of one value.
func (x *exchange) single(value string) []string {
	if len(x.values) == cap(x.values) {
		x.values = make([]string, 0, 8)
	}
	n := len(x.values)
	x.values = append(x.values, value)
	return x.values[n : n+1 : n+1]
}

// validName tells whether a name may stand in a header: a token.
func validName(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '_', c == '.', c == '!', c == '#', c == '$', c == '%', c == '&', c == '\'', c == '*', c == '+', c == '^', c == '`',
			c == '|', c == '~':
		default:
			return false
		}
	}
	return name != ""
}
