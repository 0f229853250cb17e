package awsapi

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Guard keeps web pages away from next, which listens where every program of this machine may call it, the user's browser included.
//
// Host must name this machine: localhost and names below it, a loopback address, the address that the connection came in on, or one of hosts
// (names without port). A page whose own name was made to resolve to this machine carries another Host. Origin and Sec-Fetch-Site, which
// browsers add by themselves, must not tell of another site or another port. http.CrossOriginProtection lets every GET pass; here a GET passes
// only as a navigation, so that no page learns by script or WebSocket what is here. SDKs send neither header.
//
// What is refused is answered 403. No answer ever carries a CORS header.
func Guard(next http.Handler, hosts ...string) http.Handler {
	allowed := make(map[string]bool, len(hosts))
	for _, h := range hosts {
		allowed[strings.ToLower(strings.Trim(h, "[]"))] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !ownHost(r, allowed):
			refuse(w, fmt.Sprintf("Host %q is not a name of this machine", r.Host))
		case crossOrigin(r):
			refuse(w, "requests from web pages of other origins are not served")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func refuse(w http.ResponseWriter, message string) {
	writeError(w, accessDenied(message), "")
}

func ownHost(r *http.Request, allowed map[string]bool) bool {
	name := hostname(r.Host)
	if isLoopbackName(name) || allowed[strings.ToLower(name)] {
		return true
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	return addr.Unmap().IsLoopback() || addr.Unmap() == localAddr(r)
}

// hostname is host without port and brackets.
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 && (strings.IndexByte(host, ':') == i || host[0] == '[') {
		host = host[:i]
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

func isLoopbackName(name string) bool {
	const localhost = "localhost"
	if name == "127.0.0.1" || name == localhost {
		return true
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return name == localhost || strings.HasSuffix(name, "."+localhost)
}

// localAddr is the address of this machine that r came in on. A page can't choose an address as its own name, so that a Host that is one tells
// that the caller dialled it.
func localAddr(r *http.Request) netip.Addr {
	a, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if a == nil {
		return netip.Addr{}
	}
	return a.AddrPort().Addr().Unmap().WithZone("")
}

// crossOrigin says whether a browser sent r for a page of another origin.
func crossOrigin(r *http.Request) bool {
	site, origin := header(r, "Sec-Fetch-Site"), header(r, "Origin")
	switch {
	case site == "same-origin":
		return false
	case site == "none": // typed by the user, or a bookmark
		return false
	case site != "":
		return !isNavigation(r)
	case origin == "":
		return false
	}
	// A browser from before Sec-Fetch-Site.
	_, host, ok := strings.Cut(origin, "://")
	return !ok || host != r.Host
}

func isNavigation(r *http.Request) bool {
	return header(r, "Sec-Fetch-Mode") == "navigate" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// header is r.Header.Get for a name that is canonical already.
func header(r *http.Request, canonical string) string {
	if v := r.Header[canonical]; len(v) > 0 {
		return v[0]
	}
	return ""
}
