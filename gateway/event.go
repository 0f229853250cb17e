package gateway

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Events are written by appending to one buffer: what a route's events have in common is made once, in eventParts, the rest comes between.

// eventParts are the pieces of a route's events in one stage that no request changes, in the order in which they stand.
type eventParts struct {
	// head ends before the path.
	head string
	// context begins behind the maps of the request and ends inside requestContext.
	context string
	// account follows in requestContext.
	account string
	// end closes the event, or requestContext in payload 1.0.
	end string
}

func (g *Gateway) newEventParts(a *api, s *stage, r *route) eventParts {
	if r.v2 {
		return g.partsV2(a, s, r)
	}
	return g.partsV1(a, s, r)
}

// partsV1 makes the parts of payload 1.0: that of REST APIs (spec apigateway.md §1.1, §1.2), or of HTTP APIs, which say "version", know of no
// resource ids and deployments, and show an empty authorizer (§2.3).
func (g *Gateway) partsV1(a *api, s *stage, r *route) eventParts {
	version, resourceID, authorizer, deployment := `"version":"1.0",`, "null", `,"authorizer":{"claims":null,"scopes":null}`, ""
	if a.rest {
		version, authorizer = "", ""
		resourceID = quote(stableID(6, "resource", a.ID, r.Path))
		deployment = `,"deploymentId":` + quote(a.deploymentID)
	}
	operation := ""
	if a.rest && r.OperationName != "" {
		operation = `,"operationName":` + quote(r.OperationName)
	}
	variables := "null"
	if len(s.Variables) > 0 {
		variables = stringMap(s.Variables)
	}
	return eventParts{
		head: `{` + version + `"resource":` + quote(r.Path) + `,"path":`,
		context: `,"stageVariables":` + variables + `,"requestContext":{"resourceId":` + resourceID + authorizer +
			`,"resourcePath":` + quote(r.Path) + operation + `,"httpMethod":`,
		account: `,"accountId":` + quote(g.account) + `,"protocol":"HTTP/1.1","stage":` + quote(s.Name) + `,"domainPrefix":`,
		end:     deployment + `,"apiId":` + quote(a.ID) + `},"body":`,
	}
}

// partsV2 makes the parts of payload 2.0 (spec apigateway.md §2.1, §2.2).
func (g *Gateway) partsV2(a *api, s *stage, r *route) eventParts {
	variables := ""
	if len(s.Variables) > 0 {
		variables = `,"stageVariables":` + stringMap(s.Variables)
	}
	return eventParts{
		head:    `{"version":"2.0","routeKey":` + quote(r.key) + `,"rawPath":`,
		context: `,"requestContext":{"accountId":` + quote(g.account) + `,"apiId":` + quote(a.ID) + `,"domainName":"`,
		account: `","routeKey":` + quote(r.key) + `,"stage":` + quote(s.Name) + `,"time":"`,
		end:     variables + `}`,
	}
}

func quote(s string) string { return string(appendJSON(nil, s)) }

// stringMap writes a map with its keys in order.
func stringMap(m map[string]string) string {
	buf := []byte{'{'}
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = appendJSON(append(appendJSON(buf, k), ':'), m[k])
	}
	return string(append(buf, '}'))
}

// timeLayout is that of requestTime: the common log format, in UTC.
const timeLayout = "02/Jan/2006:15:04:05 +0000"

// appendV1 writes an event of payload 1.0 (spec apigateway.md §1, §2.3).
func (x *exchange) appendV1(buf []byte, p *eventParts, binary bool) []byte {
	buf = append(buf, p.head...)
	buf = appendJSON(buf, x.path)
	buf = append(buf, `,"httpMethod":`...)
	buf = appendJSON(buf, x.verb)
	buf = x.appendHeaderMaps(buf)
	buf = x.appendQueryMaps(buf)
	buf = append(buf, `,"pathParameters":`...)
	buf = x.appendPathParameters(buf)
	buf = append(buf, p.context...)
	buf = appendJSON(buf, x.verb)
	buf = append(buf, `,"extendedRequestId":"`...)
	buf = append(buf, x.extendedID...)
	buf = append(buf, `","requestTime":"`...)
	buf = x.start.UTC().AppendFormat(buf, timeLayout)
	buf = append(buf, `","path":`...)
	buf = appendJSON(buf, x.contextPath)
	buf = append(buf, p.account...)
	buf = x.appendDomainPrefix(buf)
	buf = append(buf, `,"requestTimeEpoch":`...)
	buf = strconv.AppendInt(buf, x.start.UnixMilli(), 10)
	buf = append(buf, `,"requestId":"`...)
	buf = append(buf, x.requestID...)
	buf = append(buf, `","identity":`...)
	buf = x.appendIdentity(buf)
	buf = append(buf, `,"domainName":"`...)
	buf = append(appendLatin1(buf, x.r.Host), '"')
	buf = append(buf, p.end...)
	if len(x.body) == 0 {
		return append(buf, `null,"isBase64Encoded":false}`...)
	}
	buf = x.appendBody(buf, binary)
	return append(buf, '}')
}

// appendV2 writes an event of payload 2.0 (spec apigateway.md §2.1, §2.2).
func (x *exchange) appendV2(buf []byte, p *eventParts, binary bool) []byte {
	buf = append(buf, p.head...)
	buf = appendJSON(buf, x.path)
	buf = append(buf, `,"rawQueryString":`...)
	buf = appendJSON(buf, x.r.URL.RawQuery)
	buf = x.appendCookies(buf)
	buf = x.appendJoinedHeaders(buf)
	buf = x.appendJoinedQuery(buf)
	buf = append(buf, p.context...)
	buf = append(appendLatin1(buf, x.r.Host), `","domainPrefix":`...)
	buf = x.appendDomainPrefix(buf)
	buf = append(buf, `,"http":{"method":`...)
	buf = appendJSON(buf, x.verb)
	buf = append(buf, `,"path":`...)
	buf = appendJSON(buf, x.path)
	buf = append(buf, `,"protocol":"HTTP/1.1","sourceIp":`...)
	buf = appendJSON(buf, x.clientIP)
	buf = append(buf, `,"userAgent":"`...)
	buf = appendLatin1(buf, x.userAgent)
	buf = append(buf, `"},"requestId":"`...)
	buf = append(buf, x.requestID...)
	buf = append(buf, p.account...)
	buf = x.start.UTC().AppendFormat(buf, timeLayout)
	buf = append(buf, `","timeEpoch":`...)
	buf = strconv.AppendInt(buf, x.start.UnixMilli(), 10)
	buf = append(buf, '}')
	if len(x.params) > 0 {
		buf = append(buf, `,"pathParameters":`...)
		buf = x.appendPathParameters(buf)
	}
	if len(x.body) > 0 {
		buf = append(buf, `,"body":`...)
		buf = x.appendBody(buf, binary)
	} else {
		buf = append(buf, `,"isBase64Encoded":false`...)
	}
	return append(buf, p.end...)
}

// appendBody writes the body and isBase64Encoded.
func (x *exchange) appendBody(buf []byte, binary bool) []byte {
	if binary {
		buf = base64.StdEncoding.AppendEncode(append(buf, '"'), x.body)
		return append(buf, `","isBase64Encoded":true`...)
	}
	return append(appendJSON(buf, x.body), `,"isBase64Encoded":false`...)
}

// group is all headers, or query parameters, of one name: those between the indexes first and last that have it.
type group struct {
	first, last int
	// key and value are where the buffer has the name, with its colon, and the value that the single-value map shows.
	key, value, end int
}

// groupHeaders groups the headers by name, in the order in which the names came. Case does not tell two names apart.
func (x *exchange) groupHeaders() {
	x.groups = x.groups[:0]
next:
	for i := range x.headers {
		for g := range x.groups {
			if equalFold(x.headers[x.groups[g].first].name, x.headers[i].name) {
				x.groups[g].last = i
				continue next
			}
		}
		x.groups = append(x.groups, group{first: i, last: i})
	}
}

func (x *exchange) groupQuery() {
	x.groups = x.groups[:0]
next:
	for i := range x.query {
		for g := range x.groups {
			if x.query[x.groups[g].first].key == x.query[i].key {
				x.groups[g].last = i
				continue next
			}
		}
		x.groups = append(x.groups, group{first: i, last: i})
	}
}

// appendHeaderMaps writes headers (the last value of each name) and multiValueHeaders (spec apigateway.md §1.4).
func (x *exchange) appendHeaderMaps(buf []byte) []byte {
	x.groupHeaders()
	buf = append(buf, `,"headers":{`...)
	for i := range x.groups {
		g := &x.groups[i]
		buf = separate(buf, i)
		g.key = len(buf)
		buf = append(appendLatin1(append(buf, '"'), x.headers[g.first].name), `":`...)
		g.value = len(buf)
		buf = append(appendLatin1(append(buf, '"'), x.headers[g.last].value), '"')
		g.end = len(buf)
	}
	buf = append(buf, `},"multiValueHeaders":{`...)
	for i, g := range x.groups {
		buf = separate(buf, i)
		buf = append(append(buf, buf[g.key:g.value]...), '[')
		for k := g.first; k < g.last; k++ {
			if equalFold(x.headers[k].name, x.headers[g.first].name) {
				buf = append(appendLatin1(append(buf, '"'), x.headers[k].value), `",`...)
			}
		}
		buf = append(append(buf, buf[g.value:g.end]...), ']')
	}
	return append(buf, '}')
}

// separate puts a comma before the i-th member, unless it is the first.
func separate(buf []byte, i int) []byte {
	if i > 0 {
		buf = append(buf, ',')
	}
	return buf
}

// appendQueryMaps writes the two query maps, null where there is nothing (spec apigateway.md §1.7).
func (x *exchange) appendQueryMaps(buf []byte) []byte {
	if len(x.query) == 0 {
		return append(buf, `,"queryStringParameters":null,"multiValueQueryStringParameters":null`...)
	}
	x.groupQuery()
	buf = append(buf, `,"queryStringParameters":{`...)
	for i := range x.groups {
		g := &x.groups[i]
		buf = separate(buf, i)
		g.key = len(buf)
		buf = append(appendJSON(buf, x.query[g.first].key), ':')
		g.value = len(buf)
		buf = appendJSON(buf, x.query[g.last].value)
		g.end = len(buf)
	}
	buf = append(buf, `},"multiValueQueryStringParameters":{`...)
	for i, g := range x.groups {
		buf = separate(buf, i)
		buf = append(append(buf, buf[g.key:g.value]...), '[')
		for k := g.first; k < g.last; k++ {
			if x.query[k].key == x.query[g.first].key {
				buf = append(appendJSON(buf, x.query[k].value), ',')
			}
		}
		buf = append(append(buf, buf[g.value:g.end]...), ']')
	}
	return append(buf, '}')
}

func (x *exchange) appendPathParameters(buf []byte) []byte {
	if len(x.params) == 0 {
		return append(buf, "null"...)
	}
	buf = append(buf, '{')
	for i, v := range x.params {
		buf = append(appendJSON(separate(buf, i), x.route.names[i]), ':')
		buf = appendJSON(buf, v)
	}
	return append(buf, '}')
}

// appendIdentity writes the twelve members that are there without an authorizer, keys and certificates (spec apigateway.md §1.3).
func (x *exchange) appendIdentity(buf []byte) []byte {
	buf = append(buf, `{"cognitoIdentityPoolId":null,"accountId":null,"cognitoIdentityId":null,"caller":null,"sourceIp":`...)
	buf = appendJSON(buf, x.clientIP)
	buf = append(buf, `,"principalOrgId":null,"accessKey":null,"cognitoAuthenticationType":null,"cognitoAuthenticationProvider":null,"userArn":null,"userAgent":`...)
	if x.userAgent == "" {
		buf = append(buf, "null"...)
	} else {
		buf = append(appendLatin1(append(buf, '"'), x.userAgent), '"')
	}
	return append(buf, `,"user":null}`...)
}

// appendDomainPrefix writes the first label of the host. Of an address, which has no labels, it is the API's id, as in AWS's own host names.
func (x *exchange) appendDomainPrefix(buf []byte) []byte {
	host := hostname(x.r.Host)
	label, _, _ := strings.Cut(host, ".")
	if host == "" || strings.ContainsRune(host, ':') || host[len(host)-1] >= '0' && host[len(host)-1] <= '9' && isIPv4(host) {
		label = x.api.ID
	}
	return append(appendLatin1(append(buf, '"'), label), '"')
}

func isIPv4(host string) bool {
	return strings.Trim(host, "0123456789.") == ""
}

// hostname is a Host header's name without the port and without the brackets of an IPv6 address.
func hostname(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, _, _ = strings.Cut(inner, "]")
		return inner
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.Count(host, ":") == 1 {
		return host[:i]
	}
	return host
}

// appendCookies writes the cookies of payload 2.0, one per pair (spec apigateway.md §2.1).
func (x *exchange) appendCookies(buf []byte) []byte {
	n := 0
	for _, h := range x.headers {
		if !equalFold(h.name, "Cookie") {
			continue
		}
		for c := range strings.SplitSeq(h.value, ";") {
			if c = trimBlank(c); c == "" {
				continue
			}
			if n == 0 {
				buf = append(buf, `,"cookies":["`...)
			} else {
				buf = append(buf, `,"`...)
			}
			buf = append(appendLatin1(buf, c), '"')
			n++
		}
	}
	if n > 0 {
		buf = append(buf, ']')
	}
	return buf
}

// appendJoinedHeaders writes the headers of payload 2.0: names in lower case, values joined, without Cookie (spec apigateway.md §2.1).
func (x *exchange) appendJoinedHeaders(buf []byte) []byte {
	x.groupHeaders()
	buf = append(buf, `,"headers":{`...)
	n := 0
	for _, g := range x.groups {
		name := x.headers[g.first].name
		if equalFold(name, "Cookie") {
			continue
		}
		buf = append(separate(buf, n), '"')
		start := len(buf)
		buf = append(appendLatin1(buf, name), `":"`...)
		lower(buf[start:])
		n++
		for k := g.first; k <= g.last; k++ {
			if !equalFold(x.headers[k].name, name) {
				continue
			}
			if k > g.first {
				buf = append(buf, ',')
			}
			buf = appendLatin1(buf, x.headers[k].value)
		}
		buf = append(buf, '"')
	}
	return append(buf, '}')
}

// lower turns ASCII letters to lower case in place.
func lower(b []byte) {
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + ('a' - 'A')
		}
	}
}

// appendJoinedQuery writes the query of payload 2.0: repeats are joined (spec apigateway.md §2.1).
func (x *exchange) appendJoinedQuery(buf []byte) []byte {
	if len(x.query) == 0 {
		return buf
	}
	x.groupQuery()
	buf = append(buf, `,"queryStringParameters":{`...)
	for i, g := range x.groups {
		key := x.query[g.first].key
		buf = append(appendJSON(separate(buf, i), key), `:"`...)
		for k := g.first; k <= g.last; k++ {
			if x.query[k].key != key {
				continue
			}
			if k > g.first {
				buf = append(buf, ',')
			}
			buf = appendJSONText(buf, x.query[k].value)
		}
		buf = append(buf, '"')
	}
	return append(buf, '}')
}
