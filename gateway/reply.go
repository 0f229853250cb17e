package gateway

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
)

// reply is a function's answer, taken apart but not yet judged: the texts of the members of the object that it is. Where a key stands twice the
// last one counts.
type reply struct {
	// object says that the answer is a JSON object; text is the whole of it.
	object                                          bool
	text                                            []byte
	status, headers, multi, cookies, body, isBase64 []byte
	// unknown is the last key that is none of AWS's; strange says that there is one.
	unknown string
	strange bool
}

// readReply reads a function's payload.
func readReply(payload []byte) (reply, error) {
	s := scanner{data: payload}
	var r reply
	if s.peek() != '{' {
		text, err := s.value()
		if err != nil {
			return r, err
		}
		r.text = text
		return r, s.end()
	}
	start := s.pos
	r.object = true
	err := s.each('{', '}', func(key []byte) error {
		value, err := s.value()
		if err == nil {
			r.set(unquote(key, nil), value)
		}
		return err
	})
	r.text = payload[start:s.pos]
	if err != nil {
		return r, err
	}
	return r, s.end()
}

func (r *reply) set(key, value []byte) {
	switch string(key) {
	case "statusCode":
		r.status = value
	case "headers":
		r.headers = value
	case "multiValueHeaders":
		r.multi = value
	case "cookies":
		r.cookies = value
	case "body":
		r.body = value
	case "isBase64Encoded":
		r.isBase64 = value
	default:
		r.unknown, r.strange = string(key), true
	}
}

// isNull tells a member that is not there or null.
func isNull(raw []byte) bool { return len(raw) == 0 || raw[0] == 'n' }

// statusCode reads a status: a whole number or a string of digits (spec apigateway.md §5.1). 1xx cannot be produced.
func statusCode(raw []byte) (int, error) {
	text := raw
	if raw[0] == '"' {
		text = unquote(raw, nil)
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || len(text) != 3 || n < 200 || n > 599 {
		return 0, fmt.Errorf("statusCode is %.40s", raw)
	}
	return n, nil
}

// boolean reads isBase64Encoded.
func boolean(raw []byte) (bool, error) {
	if isNull(raw) {
		return false, nil
	}
	if raw[0] != 't' && raw[0] != 'f' {
		return false, fmt.Errorf("isBase64Encoded is %.40s", raw)
	}
	return raw[0] == 't', nil
}

// text reads the body: a string, or "" where there is none.
func (r *reply) textBody() ([]byte, error) {
	if isNull(r.body) {
		return nil, nil
	}
	if r.body[0] != '"' {
		return nil, fmt.Errorf("body is not a string but %.40s", r.body)
	}
	return unquote(r.body, nil), nil
}

// scalar reads a header's value: strings as they are, numbers and booleans as their text. null is no value.
func scalar(raw []byte) (value string, some bool, err error) {
	switch raw[0] {
	case '"':
		return known(unquote(raw, nil)), true, nil
	case 'n':
		return "", false, nil
	case '{', '[':
		return "", false, errors.New("neither string, number nor boolean")
	}
	return string(raw), true, nil
}

// known is string without an allocation for what stands in most answers.
func known(b []byte) string {
	switch string(b) {
	case "Content-Type":
		return "Content-Type"
	case "content-type":
		return "content-type"
	case "application/json":
		return "application/json"
	case "Access-Control-Allow-Origin":
		return "Access-Control-Allow-Origin"
	case "*":
		return "*"
	}
	return string(b)
}

// appendReplyHeaders reads the member headers.
func appendReplyHeaders(list []header, raw []byte) ([]header, error) {
	if isNull(raw) {
		return list, nil
	}
	if raw[0] != '{' {
		return list, errors.New("headers is not an object")
	}
	start := len(list)
	s := scanner{data: raw}
	err := s.each('{', '}', func(key []byte) error {
		value, err := s.value()
		if err != nil {
			return err
		}
		name := known(unquote(key, nil))
		text, some, err := scalar(value)
		if err != nil {
			return fmt.Errorf("the value of header %s is %w", name, err)
		}
		list = append(list[:start], without(list[start:], name)...)
		if some {
			list = append(list, header{name, text})
		}
		return nil
	})
	return list, err
}

// without leaves out headers of exactly this name, which a later key replaces.
func without(list []header, name string) []header {
	kept := list[:0]
	for _, h := range list {
		if h.name != name {
			kept = append(kept, h)
		}
	}
	return kept
}

// appendMultiHeaders reads the member multiValueHeaders, whose values must be lists.
func appendMultiHeaders(list []header, raw []byte) ([]header, error) {
	if isNull(raw) {
		return list, nil
	}
	if raw[0] != '{' {
		return list, errors.New("multiValueHeaders is not an object")
	}
	s := scanner{data: raw}
	start := len(list)
	err := s.each('{', '}', func(key []byte) error {
		name := known(unquote(key, nil))
		list = append(list[:start], without(list[start:], name)...)
		if s.peek() == 'n' {
			return s.word("null")
		}
		if s.peek() != '[' {
			return fmt.Errorf("the value of header %s in multiValueHeaders is not a list", name)
		}
		return s.each('[', ']', func([]byte) error {
			value, err := s.value()
			if err != nil {
				return err
			}
			text, some, err := scalar(value)
			if err != nil {
				return fmt.Errorf("a value of header %s is %w", name, err)
			}
			if some {
				list = append(list, header{name, text})
			}
			return nil
		})
	})
	return list, err
}

// appendMerged reads both members. Of a name that stands in both, in whatever case, the list's values come first and the list's case holds; a
// value that the list has already is not repeated (spec apigateway.md §5.1).
func (r *reply) appendMerged(list []header) ([]header, error) {
	list, err := appendMultiHeaders(list, r.multi)
	if err != nil {
		return list, err
	}
	multi := len(list)
	list, err = appendReplyHeaders(list, r.headers)
	if err != nil {
		return list, err
	}
	out := list[:multi]
	for _, single := range list[multi:] {
		repeated := false
		for _, h := range list[:multi] {
			if equalFold(h.name, single.name) {
				repeated = repeated || h.value == single.value
				single.name = h.name
			}
		}
		if !repeated {
			out = append(out, single)
		}
	}
	return out, nil
}

// appendCookieHeaders makes a set-cookie header of each of the member cookies (spec apigateway.md §2.6).
func appendCookieHeaders(list []header, raw []byte) ([]header, error) {
	if isNull(raw) {
		return list, nil
	}
	if raw[0] != '[' {
		return list, errors.New("cookies is not a list")
	}
	s := scanner{data: raw}
	err := s.each('[', ']', func([]byte) error {
		value, err := s.value()
		if err != nil {
			return err
		}
		if value[0] != '"' {
			return fmt.Errorf("a cookie is not a string but %.40s", value)
		}
		list = append(list, header{"set-cookie", string(unquote(value, nil))})
		return nil
	})
	return list, err
}

// decodeBase64 decodes standard base64, padded or not.
func decodeBase64(text []byte) ([]byte, error) {
	enc := base64.StdEncoding
	if len(text) > 0 && text[len(text)-1] != '=' {
		enc = enc.WithPadding(base64.NoPadding)
	}
	out := make([]byte, enc.DecodedLen(len(text)))
	n, err := enc.Decode(out, text)
	return out[:n], err
}
