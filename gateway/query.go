package gateway

import "strings"

// pair is one parameter of a query string, decoded.
type pair struct{ key, value string }

// appendQuery takes a query string apart. Separators are "&", for REST APIs ";" too (spec apigateway.md §1.7).
func appendQuery(list []pair, raw, separators string) []pair {
	for raw != "" {
		part := raw
		if i := strings.IndexAny(raw, separators); i >= 0 {
			part, raw = raw[:i], raw[i+1:]
		} else {
			raw = ""
		}
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		list = append(list, pair{decode(key, true), decode(value, true)})
	}
	return list
}

// decode resolves percent escapes, and in a query "+" too. What is not an escape stays as it is.
func decode(s string, query bool) string {
	if !strings.ContainsRune(s, '%') && !(query && strings.ContainsRune(s, '+')) {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		case s[i] == '+' && query:
			out = append(out, ' ')
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}
