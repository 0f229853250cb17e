package awsapi

import (
	"cmp"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"example.com/emulate/emulator/lambda"
)

// services is the table of AWS's services but Lambda, a line for each: signing name, service id, protocol, version of JSON, prefix of targets (from
// AWS's public service models of 2026). It is text that is only read when a request went astray.
//
//go:embed services.txt
var services string

// A protocol is the way in which a service writes requests and answers, by the name that AWS's models give it.
const (
	protocolJSON     = "json"
	protocolCBOR     = "smithy-rpc-v2-cbor"
	protocolQuery    = "query"
	protocolEC2      = "ec2"
	protocolRESTJSON = "rest-json"
	protocolRESTXML  = "rest-xml"
)

// service is what a request tells of the service that it is for. Several ids may stand for one signing name (events: CloudWatch Events and
// EventBridge), where nothing in the request tells them apart.
type service struct {
	ids         []string
	signingName string
	protocol    string
	jsonVersion string
}

// foreignService finds the service of a request that is not Lambda's, by what the request itself says: the target of the JSON protocols, the path
// of the CBOR protocol, the service in the signature's scope, or an Action in a form.
func foreignService(r *http.Request) (service, bool) {
	s := service{signingName: signingName(r), protocol: requestProtocol(r)}
	if s.signingName == "lambda" || s.signingName == "" && s.protocol == "" {
		return s, false
	}
	s.fill(narrow(s.find(requestTarget(r)), r.URL.Path))
	return s, true
}

// narrow keeps of services that share a signing name the one whose paths begin as path does; where none does, it drops those that have such paths.
func narrow(rows []serviceRow, path string) []serviceRow {
	prefixes := [...]struct{ id, prefix string }{{"S3 Control", "/v20180820/"}, {"ApiGatewayV2", "/v2/"}}
	for _, p := range prefixes {
		i := slices.IndexFunc(rows, func(r serviceRow) bool { return r.id == p.id })
		switch {
		case i < 0 || len(rows) < 2:
		case strings.HasPrefix(path, p.prefix):
			return rows[i : i+1]
		default:
			rows = slices.Delete(rows, i, i+1)
		}
	}
	return rows
}

// serviceRow is a line of the table of services.
type serviceRow struct{ signingName, id, protocol, jsonVersion, target string }

// find looks the service up: by its target, else by signing name and protocol, else by signing name alone, since a service may be spoken to by an
// older protocol than the table's.
func (s service) find(target string) []serviceRow {
	named := func(r serviceRow) bool { return s.signingName == "" || r.signingName == s.signingName }
	if rows := serviceRows(func(r serviceRow) bool { return target != "" && r.target == target && named(r) }); rows != nil {
		return rows
	}
	if s.signingName == "" {
		return nil
	}
	if rows := serviceRows(func(r serviceRow) bool { return named(r) && r.speaks(s.protocol) }); rows != nil {
		return rows
	}
	return serviceRows(named)
}

// speaks says whether a request of protocol ("" where its form tells none) may be for the service.
func (r serviceRow) speaks(protocol string) bool {
	switch protocol {
	case "":
		return strings.HasPrefix(r.protocol, "rest-")
	case protocolQuery:
		return r.protocol == protocolQuery || r.protocol == protocolEC2
	}
	return r.protocol == protocol
}

func serviceRows(match func(serviceRow) bool) (out []serviceRow) {
	for line := range strings.Lines(services) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		if row := (serviceRow{f[0], f[1], f[2], f[3], f[4]}); match(row) {
			out = append(out, row)
		}
	}
	return out
}

// fill takes over what the table knows. The answer keeps the request's own protocol, but for EC2's, whose requests look like query ones.
func (s *service) fill(rows []serviceRow) {
	for _, r := range rows {
		s.ids = append(s.ids, r.id)
	}
	if len(rows) > 0 {
		s.signingName, s.jsonVersion = rows[0].signingName, rows[0].jsonVersion
		if s.protocol == "" || rows[0].protocol == protocolEC2 {
			s.protocol = rows[0].protocol
		}
	}
	if s.protocol == "" {
		s.protocol = protocolRESTJSON
	}
}

// requestTarget is the prefix by which services of the JSON and CBOR protocols know their requests, or "".
func requestTarget(r *http.Request) string {
	if path, ok := strings.CutPrefix(r.URL.Path, "/service/"); ok && header(r, "Smithy-Protocol") != "" {
		target, _, _ := strings.Cut(path, "/")
		return target
	}
	target := header(r, "X-Amz-Target")
	return target[:max(0, strings.LastIndexByte(target, '.'))]
}

// signingName is the service in the credential's scope (AKID/date/region/SERVICE/aws4_request) of a signed or presigned request, else "". A scope
// of SigV4a has no region.
func signingName(r *http.Request) string {
	scope := ""
	if auth := header(r, "Authorization"); strings.HasPrefix(auth, "AWS4-") {
		_, scope, _ = strings.Cut(auth, "Credential=")
		scope, _, _ = strings.Cut(scope, ",")
	} else if strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		scope = r.URL.Query().Get("X-Amz-Credential")
	}
	parts := strings.Split(strings.TrimSpace(scope), "/")
	if len(parts) < 4 {
		return ""
	}
	return parts[len(parts)-2]
}

// requestProtocol tells the protocol where the request's form alone does, else "".
func requestProtocol(r *http.Request) string {
	contentType, _, _ := strings.Cut(header(r, "Content-Type"), ";")
	switch {
	case header(r, "Smithy-Protocol") == "rpc-v2-cbor":
		return protocolCBOR
	case header(r, "X-Amz-Target") != "":
		return protocolJSON
	case r.Method == http.MethodPost && r.URL.Path == "/" && contentType == "application/x-www-form-urlencoded",
		r.URL.Path == "/" && strings.HasPrefix(r.URL.RawQuery, "Action="):
		return protocolQuery
	}
	return ""
}

// title is what a person calls the service.
func (s service) title() string {
	switch {
	case len(s.ids) > 0:
		return strings.Join(s.ids, " or ")
	case s.signingName != "":
		return s.signingName
	}
	return "another service"
}

// variables are the names of the environment variables that give SDKs the service's endpoint (spec lambda.md §12.3).
func (s service) variables() string {
	ids := s.ids
	if len(ids) == 0 {
		ids = []string{s.signingName}
	}
	if ids[0] == "" {
		return "AWS_ENDPOINT_URL_<SERVICE>"
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = "AWS_ENDPOINT_URL_" + strings.ToUpper(strings.NewReplacer(" ", "_", "-", "_").Replace(id))
	}
	return strings.Join(names, " or ")
}

// refuse answers 501, in the shape in which the service's SDK shows a message.
func (s service) refuse(w http.ResponseWriter, r *http.Request) {
	const jsonCode, xmlCode = "NotImplementedException", "NotImplemented"
	message := fmt.Sprintf("This endpoint of emulate serves Lambda only, and this request is for %s. Set %s to the endpoint that it should go to, "+
		"or leave AWS_ENDPOINT_URL unset", s.title(), s.variables())
	id := lambda.NewRequestID()
	queryBody := "<ErrorResponse><Error><Type>Sender</Type>" + xmlError(xmlCode, message) + "</Error><RequestId>" + id + "</RequestId></ErrorResponse>"
	switch {
	case s.protocol == protocolJSON:
		version, ok := strings.CutPrefix(header(r, "Content-Type"), "application/x-amz-json-")
		if !ok {
			version = cmp.Or(s.jsonVersion, "1.0")
		}
		body, _ := json.Marshal(map[string]string{"__type": jsonCode, "message": message}) // strings can't fail
		writeBody(w, http.StatusNotImplemented, "application/x-amz-json-"+version, body, id)
	case s.protocol == protocolCBOR:
		w.Header()["smithy-protocol"] = []string{"rpc-v2-cbor"}
		writeBody(w, http.StatusNotImplemented, "application/cbor", cborStrings("__type", jsonCode, "message", message), id)
	case s.protocol == protocolQuery:
		writeXML(w, "text/xml", queryBody, id)
	case s.protocol == protocolEC2:
		writeXML(w, "text/xml", "<Response><Errors><Error>"+xmlError(xmlCode, message)+"</Error></Errors><RequestID>"+id+"</RequestID></Response>", id)
	case s.protocol == protocolRESTXML && slices.Equal(s.ids, []string{"S3"}):
		w.Header()["x-amz-request-id"] = []string{id}
		writeXML(w, "application/xml", "<Error>"+xmlError(xmlCode, message)+"<RequestId>"+id+"</RequestId></Error>", id)
	case s.protocol == protocolRESTXML:
		writeXML(w, "application/xml", queryBody, id)
	default:
		writeError(w, notImplemented(message), id)
	}
}

func writeXML(w http.ResponseWriter, contentType, body, requestID string) {
	writeBody(w, http.StatusNotImplemented, contentType, []byte(`<?xml version="1.0" encoding="UTF-8"?>`+"\n"+body), requestID)
}

func xmlError(code, message string) string {
	return "<Code>" + code + "</Code><Message>" + xmlText(message) + "</Message>"
}

func xmlText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder can't fail
	return b.String()
}

// cborStrings encodes a map of text to text (RFC 8949).
func cborStrings(pairs ...string) []byte {
	b := []byte{0xa0 | byte(len(pairs)/2)}
	for _, s := range pairs {
		switch n := len(s); {
		case n < 24:
			b = append(b, 0x60|byte(n))
		case n < 256:
			b = append(b, 0x78, byte(n))
		default:
			b = binary.BigEndian.AppendUint16(append(b, 0x79), uint16(n))
		}
		b = append(b, s...)
	}
	return b
}
