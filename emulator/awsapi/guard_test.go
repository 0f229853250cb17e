package awsapi

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestGuard(t *testing.T) {
	guarded := Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }), "host.docker.internal", "Box.example", "2001:db8::1")
	const ok, no = http.StatusTeapot, http.StatusForbidden
	tests := []struct {
		method, host string
		head         map[string]string
		want         int
	}{
		{"POST", "127.0.0.1:3001", nil, ok},
		{"POST", "127.8.9.10", nil, ok},
		{"POST", "localhost:3001", nil, ok},
		{"POST", "LOCALHOST.", nil, ok},
		{"POST", "lambda.us-east-1.localhost:3001", nil, ok},
		{"POST", "[::1]:3001", nil, ok},
		{"POST", "[::ffff:127.0.0.1]:3001", nil, ok},
		{"POST", "host.docker.internal:3001", nil, ok},
		{"POST", "box.example", nil, ok},
		{"POST", "[2001:db8::1]:3001", nil, ok},
		{"POST", "192.0.2.7:3001", nil, ok}, // the address that the connection came in on
		{"POST", "192.0.2.8:3001", nil, no},
		{"POST", "[2001:db8::2]:3001", nil, no},
		{"POST", "evil.example:3001", nil, no},
		{"POST", "localhost.evil.example", nil, no},
		{"POST", "notlocalhost", nil, no},
		{"POST", "127.0.0.1.evil.example", nil, no},
		{"POST", "", nil, no},
		// A page of another origin.
		{"POST", "127.0.0.1:3001", map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, no},
		{"POST", "127.0.0.1:3001", map[string]string{"Origin": "https://evil.example"}, no},
		{"POST", "127.0.0.1:3001", map[string]string{"Origin": "null"}, no},
		{"GET", "127.0.0.1:3001", map[string]string{"Origin": "https://evil.example"}, no},
		{"OPTIONS", "127.0.0.1:3001", map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}, no},
		{"GET", "127.0.0.1:3001", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, no},
		{"GET", "127.0.0.1:3001", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "websocket"}, no},
		{"POST", "127.0.0.1:3001", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, no},
		// The user's own app on another port of this machine is another origin too.
		{"POST", "localhost:3001", map[string]string{"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"}, no},
		{"POST", "localhost:3001", map[string]string{"Origin": "http://localhost:3000"}, no},
		// Our own pages, a link that was followed, an address that was typed.
		{"POST", "localhost:3001", map[string]string{"Origin": "http://localhost:3001", "Sec-Fetch-Site": "same-origin"}, ok},
		{"POST", "localhost:3001", map[string]string{"Origin": "http://localhost:3001"}, ok},
		{"GET", "localhost:3001", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, ok},
		{"GET", "localhost:3001", map[string]string{"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, ok},
		// A name that was rebound stays refused, whatever the page's origin.
		{"POST", "evil.example:3001", map[string]string{"Origin": "http://evil.example:3001", "Sec-Fetch-Site": "same-origin"}, no},
	}
	addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.7:3001"))
	for _, test := range tests {
		r := httptest.NewRequest(test.method, "/x", nil)
		r.Host = test.host
		for k, v := range test.head {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		guarded.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr)))
		if w.Code != test.want {
			t.Errorf("%s %q %v: %d, want %d", test.method, test.host, test.head, w.Code, test.want)
		}
		for name := range w.Header() {
			if len(name) > 15 && name[:15] == "Access-Control-" {
				t.Errorf("%s", name)
			}
		}
	}
}

// New's handler has its guard on.
func TestNewIsGuarded(t *testing.T) {
	f := &fakeLambda{}
	url := serve(t, f)
	res, body := send(t, "POST", url+invokeF, "{}", "Host: evil.example")
	if res.StatusCode != 403 || body != `{"Type":"User","message":"Host \"evil.example\" is not a name of this machine"}` || f.invoked != nil {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	res, body = send(t, "POST", url+invokeF, "{}", "Origin: https://evil.example")
	if res.StatusCode != 403 || body != `{"Type":"User","message":"requests from web pages of other origins are not served"}` || f.invoked != nil {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}
