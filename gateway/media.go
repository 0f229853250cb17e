package gateway

import "strings"

// mediaType is the type of a Content-Type or the first type of an Accept header, without parameters, in lower case.
func mediaType(value string) string {
	if i := strings.IndexAny(value, ";,"); i >= 0 {
		value = value[:i]
	}
	return strings.ToLower(strings.TrimSpace(value))
}

// binaryType tells whether binaryMediaTypes cover a type. "*/*" covers everything, also no type at all; a wildcard on the left alone covers
// nothing (spec apigateway.md §1.8, §5.2).
func binaryType(entries []string, t string) bool {
	for _, e := range entries {
		if e == "*/*" || e == t && t != "" {
			return true
		}
		if prefix, ok := strings.CutSuffix(e, "*"); ok && strings.HasSuffix(prefix, "/") && prefix != "*/" && strings.HasPrefix(t, prefix) {
			return true
		}
	}
	return false
}

// textType tells whether an HTTP API hands a body over as text (spec apigateway.md §2.4): few types do, and only in UTF-8.
func textType(contentType string) bool {
	switch t := mediaType(contentType); t {
	case "application/json", "application/xml", "application/javascript":
	default:
		if !strings.HasPrefix(t, "text/") {
			return false
		}
	}
	_, parameters, _ := strings.Cut(contentType, ";")
	for p := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "charset") {
			value = strings.Trim(strings.TrimSpace(value), `"`)
			return strings.EqualFold(value, "utf-8") || strings.EqualFold(value, "utf8") || strings.EqualFold(value, "us-ascii")
		}
	}
	return true
}
