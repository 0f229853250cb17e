package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"example.com/emulate/emulator/config"
)

// preflight answers a CORS preflight of an HTTP API that has CORS settings, whatever routes it has (spec apigateway.md §8, U5).
func (x *exchange) preflight(t asked) bool {
	wanted := get(x.headers, "Access-Control-Request-Method")
	if t.verb != http.MethodOptions || wanted == "" || x.origin() == "" {
		return false
	}
	// The API is the one that would serve the request that is asked for, unless only another one has a route for OPTIONS.
	future := t
	future.verb, future.override = wanted, ""
	l := x.gw.locate(future, nil)
	if l.route == nil {
		if other := x.gw.locate(t, nil); other.route != nil {
			l = other
		}
	}
	if l.api.rest || l.api.CORS == nil {
		return false
	}
	x.location = location{api: l.api, stage: l.stage}
	x.identify()
	c := x.api.CORS
	if x.addCORS() {
		x.putList("access-control-allow-methods", c.AllowMethods)
		x.putList("access-control-allow-headers", c.AllowHeaders)
		if c.MaxAge != nil {
			x.put("access-control-max-age", strconv.Itoa(*c.MaxAge))
		}
	}
	x.addIDs()
	x.send(http.StatusNoContent, nil)
	return true
}

// addCORS adds the headers that every answer of an HTTP API with CORS settings has where the request's Origin is allowed, and tells whether it is.
func (x *exchange) addCORS() bool {
	if x.api.CORS == nil || x.api.rest {
		return false
	}
	allowed := allowOrigin(x.api.CORS, x.origin())
	if allowed == "" {
		return false
	}
	x.put("access-control-allow-origin", allowed)
	x.putList("access-control-expose-headers", x.api.CORS.ExposeHeaders)
	if x.api.CORS.AllowCredentials {
		x.put("access-control-allow-credentials", "true")
	}
	return true
}

// origin is the request's Origin.
func (x *exchange) origin() string { return x.r.Header.Get("Origin") }

func (x *exchange) putList(name string, values []string) {
	if len(values) > 0 {
		x.put(name, strings.Join(values, ","))
	}
}

// allowOrigin is the access-control-allow-origin for an Origin: "*" where any is allowed, else the origin itself; "" where it is not allowed.
func allowOrigin(c *config.CORS, origin string) string {
	if origin == "" {
		return ""
	}
	for _, o := range c.AllowOrigins {
		switch {
		case o == "*":
			return "*"
		case strings.EqualFold(o, origin):
			return origin
		case o == "http://*" || o == "https://*":
			if strings.HasPrefix(strings.ToLower(origin), strings.TrimSuffix(o, "*")) {
				return origin
			}
		}
	}
	return ""
}
