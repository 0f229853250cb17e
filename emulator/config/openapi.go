package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// openAPIDocument is the OpenAPI or Swagger document of an API while it is read. Source: spec apigateway.md §11.1.
type openAPIDocument struct {
	b    *apiBuilder
	root *props
}

// anyMethod is how OpenAPI documents, and through them SAM, write the method ANY.
const anyMethod = "x-amazon-apigateway-any-method"

// verbs are the methods that a path of a document may have.
var verbs = map[string]string{
	"get": "GET", "put": "PUT", "post": "POST", "delete": "DELETE", "options": "OPTIONS", "head": "HEAD", "patch": "PATCH", anyMethod: "ANY",
}

// definition reads the API's document: in the template (body), or in a file beside it (uri).
func (b *apiBuilder) definition(body, uri string) {
	b.documented = b.documented || b.given(body) || b.given(uri)
	switch {
	case b.given(body) && b.given(uri):
		b.errorf(b.key(uri), "wrong-value", "", "an API has %s or %s, not both", body, uri)
	case b.given(body):
		if v := b.document(body); v != nil {
			b.openAPI(v)
		}
	case b.given(uri):
		b.checkUntouched(uri)
		if root := b.definitionFile(uri); root != nil {
			b.openAPI(root)
		}
	}
}

// checkUntouched reports what SAM would have to write into a document, which it does not do to one in a file. Source: spec apigateway.md §11.2.
func (b *apiBuilder) checkUntouched(uri string) {
	if !strings.HasPrefix(b.r.typ, "AWS::Serverless::") {
		return
	}
	for _, property := range []string{"Cors", "CorsConfiguration", "MergeDefinitions"} {
		if v := b.value(property); v != nil && v.text != "false" {
			b.errorf(b.key(property), "wrong-value", "include the file by DefinitionBody and Fn::Transform: AWS::Include", "%s works only with a DefinitionBody, not with %s", property, uri)
		}
	}
}

// definitionFile reads a document that API Gateway would import as it is: functions of the template in it are not evaluated.
func (b *apiBuilder) definitionFile(property string) *node {
	v := b.value(property)
	switch {
	case v == nil:
		return nil
	case v.kind == mapKind:
		b.errorf(v, "remote-code", "name a local file", "the OpenAPI document is in S3 (%s), which is not read here", v.get("Bucket").textOr("?"))
		return nil
	case !v.isScalar():
		b.wrongType(v, property, "a path")
		return nil
	case strings.HasPrefix(v.text, "s3://") || strings.HasPrefix(v.text, "https://"):
		b.errorf(v, "remote-code", "name a local file", "the OpenAPI document is in S3 (%s), which is not read here", v.text)
		return nil
	}
	data, err := b.t.project.readInput(v.text)
	if err != nil {
		b.errorf(v, "path-not-found", didYouMeanPath(b.t.project.path(v.text), v.text), "cannot read the OpenAPI document %s: %v", v.text, causeOf(err))
		return nil
	}
	return parse(filepath.Join(filepath.Dir(b.t.root.src.name), filepath.FromSlash(v.text)), data, b.scope)
}

// openAPI reads a document, evaluated already, into the API: its routes, media types and CORS.
func (b *apiBuilder) openAPI(root *node) {
	d := &openAPIDocument{b: b}
	if root.kind != mapKind {
		b.wrongType(root, "the OpenAPI document", "a map")
		return
	}
	d.root = d.part(b.scope, root, root, "OpenAPI")
	d.version()
	if title := root.get("info").get("title").textOr(""); title != "" && b.api.Name == b.api.LogicalID {
		b.api.Name = title
	}
	for _, m := range d.root.texts("x-amazon-apigateway-binary-media-types") {
		if m = strings.ReplaceAll(m, "~1", "/"); !slices.Contains(b.api.BinaryMediaTypes, m) {
			b.api.BinaryMediaTypes = append(b.api.BinaryMediaTypes, m)
		}
	}
	d.cors()
	d.validator(d.root)
	if !d.root.require("paths", "") {
		return
	}
	paths := d.root.value("paths")
	if paths == nil || paths.kind != mapKind {
		if paths != nil {
			d.root.wrongType(paths, "paths", "a map")
		}
		return
	}
	for i := range paths.fields {
		if f := &paths.fields[i]; !isOwnExtension(f.name) {
			d.path(f)
		}
	}
}

// part opens a part of the document by its row of the support table. Extensions of others (x-…) are not looked at.
func (d *openAPIDocument) part(sc scope, n, owner *node, row string) *props {
	if n.kind == mapKind {
		known := n.mapOf()
		for _, f := range n.fields {
			if !isOwnExtension(f.name) {
				known.fields = append(known.fields, f)
			}
		}
		n = known
	}
	return open(sc, n, owner, row, literal)
}

// isOwnExtension says whether a key is an extension of OpenAPI that means nothing to API Gateway.
func isOwnExtension(name string) bool {
	return strings.HasPrefix(name, "x-") && !strings.HasPrefix(name, "x-amazon-apigateway-")
}

// version reports documents that API Gateway doesn't import. Source: spec apigateway.md §11.1.
func (d *openAPIDocument) version() {
	p, kind := d.root, d.b.api.Kind
	swagger, openapi := p.text("swagger"), p.text("openapi")
	switch {
	case swagger == "" && openapi == "":
		if !p.has("swagger") {
			p.require("openapi", "openapi: 3.0.1")
		}
	case swagger != "" && kind == HTTP:
		p.errorf(p.key("swagger"), "wrong-value", "openapi: 3.0.1", "an HTTP API takes OpenAPI 3.0 documents, not Swagger")
	case swagger != "" && !strings.HasPrefix(swagger, "2.0") && swagger != "2":
		p.errorf(p.raw("swagger"), "wrong-value", `swagger: "2.0"`, "unknown version %q of Swagger", swagger)
	case openapi != "" && !strings.HasPrefix(openapi, "3.0"):
		p.errorf(p.raw("openapi"), "wrong-value", "openapi: 3.0.1", "API Gateway takes OpenAPI 3.0, not %s", openapi)
	}
}

// cors reads the CORS of an HTTP API. SAM leaves a document that has one as it is, so that its own CorsConfiguration does not count then; that of
// a CloudFormation resource does.
func (d *openAPIDocument) cors() {
	c := d.root.nested("x-amazon-apigateway-cors")
	switch {
	case c == nil:
	case d.b.api.Kind == REST:
		c.errorf(c.owner, "wrong-value", "an OPTIONS method with a mock integration", "x-amazon-apigateway-cors is for HTTP APIs")
	case d.b.api.CORS == nil || d.b.r.typ == "AWS::Serverless::HttpApi":
		d.b.api.CORS = c.readCORS("allowOrigins", "allowMethods", "allowHeaders", "exposeHeaders", "allowCredentials", "maxAge")
	}
}

// path reads the operations of one path.
func (d *openAPIDocument) path(f *field) {
	sc := d.b.scope
	p := d.part(sc, f.value, f.key, "OpenAPI.paths")
	if f.value.kind != mapKind {
		return
	}
	path := f.name
	if d.b.api.Kind == HTTP && path == "/$default" {
		path = "$default"
	}
	for i := range p.node.fields {
		if op := &p.node.fields[i]; verbs[op.name] != "" {
			d.operation(path, f.key, op)
		}
	}
}

// operation reads one method of a path. An operation without an integration waits for a function's event that names it.
func (d *openAPIDocument) operation(path string, pathKey *node, f *field) {
	r := Route{At: f.key.pos(), Method: verbs[f.name], Path: path, Integration: Integration{Type: LambdaProxy, PayloadFormat: "1.0"}}
	p := d.part(d.b.scope, f.value, f.key, "OpenAPI.paths.operation")
	d.security(p)
	d.validator(p)
	p.broken = &r.Broken
	if f.value.kind != mapKind && f.value.kind != nullKind {
		d.b.addRoute(f.key, r)
		return
	}
	if p.boolean("isDefaultRoute") {
		r.Path = "$default"
	}
	switch {
	case r.Path != "$default":
		p.checkPath(pathKey, d.b.api.Kind, path)
	case d.b.api.Kind == HTTP:
		r.Method = "ANY"
	default:
		p.errorf(pathKey, "wrong-route", "/{proxy+}, and / for the root", "a REST API has no $default route")
	}
	d.b.checkTree(pathKey, &r)
	r.OperationName = p.text("operationId")
	if !p.has("x-amazon-apigateway-integration") && !slices.Contains(p.misspelt, "x-amazon-apigateway-integration") {
		d.b.pending = append(d.b.pending, &operation{at: f.key, route: r})
		return
	}
	in := d.deref(p, "x-amazon-apigateway-integration")
	if in == nil {
		d.b.addRoute(f.key, r)
		return
	}
	ip := d.part(p.scope, in, p.key("x-amazon-apigateway-integration"), "OpenAPI.paths.operation.x-amazon-apigateway-integration")
	d.integration(ip, &r)
	d.b.addRoute(f.key, r)
}

// integration reads x-amazon-apigateway-integration.
func (d *openAPIDocument) integration(p *props, r *Route) {
	s := integrationSpec{
		p: p, typeName: "type", uriName: "uri", methodName: "httpMethod", templatesName: "requestTemplates", responsesName: "responses",
		payload: "1.0", timeout: p.timeout(d.b.api.Kind, "timeoutInMillis"),
	}
	s.payload = p.enum("payloadFormatVersion", "1.0", "1.0", "2.0")
	if d.b.api.Kind == REST {
		s.payload, s.httpMethod, s.parameters = "1.0", strings.ToUpper(p.text("httpMethod")), p.textMap("requestParameters")
	} else {
		p.refuseMappings("requestParameters", "responseParameters")
	}
	if v := p.value("responses"); v != nil && v.kind == mapKind {
		for i := range v.fields {
			f := &v.fields[i]
			pattern := f.name
			if pattern == "default" {
				pattern = ""
			}
			s.responses = append(s.responses, mockResponse{
				at: f.key, pattern: pattern, status: f.value.get("statusCode"), parameters: f.value.get("responseParameters"), templates: f.value.get("responseTemplates"),
			})
		}
	}
	d.b.integration(s, r)
}

// refuseMappings reports parameter mappings of an HTTP API, which change what the function or the client gets.
func (p *props) refuseMappings(names ...string) {
	for _, name := range names {
		if v := p.value(name); v != nil && len(v.fields) > 0 {
			p.errorf(p.key(name), "not-supported", "", "parameter mappings of an HTTP API are not supported yet")
		}
	}
}

// deref gives a property of the document, or what its $ref names in the same document.
func (d *openAPIDocument) deref(p *props, property string) *node {
	v := p.value(property)
	for range 10 {
		ref := v.get("$ref")
		if ref == nil {
			return v
		}
		pointer, local := strings.CutPrefix(ref.textOr(""), "#/")
		if !local {
			p.errorf(ref, "unresolved-reference", "#/components/…", "%q is not in this document", ref.text)
			return nil
		}
		at := d.root.node
		for _, part := range strings.Split(pointer, "/") {
			part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
			next := at.get(part)
			if next == nil {
				p.errorf(ref, "unresolved-reference", didYouMean(part, at.names()), "the document has no %s: there is no %q", ref.text, part)
				return nil
			}
			at = next
		}
		v = at
	}
	p.errorf(v, "circular-reference", "", "%s refers to itself", property)
	return nil
}

// security reports authorizers and API keys that an operation asks for. Schemes that say nothing to API Gateway are documentation.
func (d *openAPIDocument) security(p *props) {
	list := p.list("security")
	if !p.has("security") && d.b.api.Kind == HTTP {
		list = d.root.list("security")
	}
	for _, alternative := range list {
		for i := range alternative.fields {
			f := &alternative.fields[i]
			scheme := d.root.node.get("components").get("securitySchemes").get(f.name)
			if scheme == nil {
				scheme = d.root.node.get("securityDefinitions").get(f.name)
			}
			switch {
			case scheme == nil:
				p.warnf(f.key, "unresolved-reference", "", "the document has no security scheme %q", f.name)
			case scheme.get("x-amazon-apigateway-authorizer") != nil || scheme.get("x-amazon-apigateway-authtype") != nil:
				if !p.d.noAuth {
					p.errorf(f.key, "not-supported", "", "the authorizer %s is not supported yet: %s", f.name, noAuthorizers)
				}
			case scheme.get("type").textOr("") == "apiKey" && strings.EqualFold(scheme.get("name").textOr(""), "x-api-key") && d.b.api.Kind == REST:
				p.errorf(f.key, "not-supported", "", "API keys are not supported yet: %s", noKeys)
			}
		}
	}
}

// validator reports a request validator that would refuse requests.
func (d *openAPIDocument) validator(p *props) {
	const use, all = "x-amazon-apigateway-request-validator", "x-amazon-apigateway-request-validators"
	name := p.text(use)
	if name == "" {
		return
	}
	validators := d.root.node.get(all)
	v := validators.get(name)
	switch {
	case v == nil:
		p.errorf(p.raw(use), "unresolved-reference", didYouMean(name, validators.names()), "%s has no %q", all, name)
	case v.get("validateRequestBody").textOr("") == "true" || v.get("validateRequestParameters").textOr("") == "true":
		p.errorf(p.raw(use), "not-supported", "", "request validators are not supported yet: %s", noValidation)
	}
}
