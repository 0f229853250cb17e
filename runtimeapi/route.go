package runtimeapi

import (
	"bytes"
	"net/http"
	"net/url"
)

// endpoint is one method on one path. serve answers a request and says whether the connection goes on; id is the path's parameter.
type endpoint struct {
	method string
	serve  func(c *conn, id []byte) bool
}

// lookup finds the endpoint of a path; its serve is nil where there is none. APIs are told apart by their date, which is the first segment:
// the Extensions, Telemetry and Logs APIs take their places beside the Runtime API (spec lambda.md §2, §3).
func lookup(path []byte) (endpoint, []byte) {
	if len(path) == 0 || path[0] != '/' {
		return endpoint{}, nil
	}
	date, rest, _ := bytes.Cut(path[1:], []byte{'/'})
	switch string(date) {
	case "2018-06-01":
		return lookupRuntime(rest)
	}
	return endpoint{}, nil
}

// lookupRuntime finds an endpoint of the Runtime API (spec lambda.md §1.2). The restore calls exist for SnapStart functions only.
func lookupRuntime(rest []byte) (endpoint, []byte) {
	switch string(rest) {
	case "ping":
		return endpoint{http.MethodGet, (*conn).ping}, nil
	case "runtime/invocation/next":
		return endpoint{http.MethodGet, (*conn).next}, nil
	case "runtime/init/error":
		return endpoint{http.MethodPost, (*conn).initError}, nil
	}
	invocation, ok := bytes.CutPrefix(rest, []byte("runtime/invocation/"))
	if !ok {
		return endpoint{}, nil
	}
	id, verb, _ := bytes.Cut(invocation, []byte{'/'})
	switch string(verb) {
	case "response":
		return endpoint{http.MethodPost, (*conn).response}, unescape(id)
	case "error":
		return endpoint{http.MethodPost, (*conn).invocationError}, unescape(id)
	}
	return endpoint{}, nil
}

// unescape undoes percent-encoding in one segment of a path.
func unescape(segment []byte) []byte {
	if bytes.IndexByte(segment, '%') < 0 {
		return segment
	}
	plain, err := url.PathUnescape(string(segment))
	if err != nil {
		return segment
	}
	return []byte(plain)
}

// isMethod says whether method is one that AWS's router knows; it answers all others 405, whatever the path.
func isMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead, http.MethodOptions, http.MethodPatch,
		http.MethodConnect, http.MethodTrace:
		return true
	}
	return false
}
