package config

import "slices"

// branch takes the branch of Fn::If that counts, without evaluating it: nil for AWS::NoValue.
func (t *template) branch(n *node, sc scope) *node {
	for isIntrinsic(n) {
		name, arg := n.fields[0].name, n.fields[0].value
		switch {
		case name == "Ref" && arg.textOr("") == "AWS::NoValue":
			return nil
		case name == "Fn::If" && arg.kind == listKind && len(arg.items) == 3 && arg.items[0].kind == stringKind:
			n = arg.items[2]
			if t.condition(arg.items[0], sc) {
				n = arg.items[1]
			}
		default:
			return n
		}
	}
	return n
}

// given says whether a property is there, without evaluating more of it than Fn::If.
func (b *apiBuilder) given(property string) bool { return b.t.branch(b.raw(property), b.scope) != nil }

// part opens a property that is a map of its own, as nested does, but evaluates its values only when they are read: a reference that is only needed
// on AWS is no error.
func (b *apiBuilder) part(name string) *props { return b.t.part(b.props, name) }

func (t *template) part(p *props, name string) *props {
	v := t.branch(p.raw(name), p.scope)
	if v == nil || v.kind != mapKind || isIntrinsic(v) || v.field("Fn::Transform") != nil {
		return p.nested(name)
	}
	return open(p.scope, v, p.key(name), p.row.typ+"."+name, t.eval)
}

// document evaluates an OpenAPI document in a template, but for what API Gateway alone needs of it; nil where it cannot be known.
func (b *apiBuilder) document(property string) *node {
	raw := b.t.branch(b.raw(property), b.scope)
	if included := b.includedDocument(raw); included != nil {
		raw = included
	}
	if raw == nil || raw.kind != mapKind || isIntrinsic(raw) || raw.field("Fn::Transform") != nil {
		return b.value(property)
	}
	root, quiet := raw.mapOf(), scope{d: &diagnostics{}}
	for _, f := range raw.fields {
		class, _ := rowOf("OpenAPI").classOf(f.name)
		switch {
		case isOwnExtension(f.name) || class == NoLocalEffect && f.name != "security" && f.name != "info":
		case f.name == "components" && f.value.kind == mapKind && !isIntrinsic(f.value):
			f.value = b.components(f.value, quiet)
		case f.name == "securityDefinitions", f.name == "info":
			f.value = b.t.eval(f.value, quiet)
		default:
			f.value = b.t.eval(f.value, b.scope)
		}
		if f.value != nil {
			root.fields = append(root.fields, f)
		}
	}
	return root
}

// components evaluates the integrations among a document's components. Of the others only the security schemes are looked at, for what they are.
func (b *apiBuilder) components(n *node, quiet scope) *node {
	m := n.mapOf()
	for _, f := range n.fields {
		sc := quiet
		if f.name == "x-amazon-apigateway-integrations" {
			sc = b.scope
		}
		if f.value = b.t.eval(f.value, sc); f.value != nil {
			m.fields = append(m.fields, f)
		}
	}
	return m
}

// includedDocument reads the document that AWS::Include names; nil where the value is anything else, or cannot be read: evaluating it says why.
func (b *apiBuilder) includedDocument(n *node) *node {
	if n == nil || n.kind != mapKind || !slices.Equal(n.names(), []string{"Fn::Transform"}) {
		return nil
	}
	arg := n.fields[0].value
	location := arg.get("Parameters").get("Location")
	if arg.get("Name").textOr("") != "AWS::Include" || location == nil {
		return nil
	}
	quiet := scope{d: &diagnostics{}}
	path, ok := b.t.textOf(location, quiet, "AWS::Include")
	if !ok || b.t.readInclude(location, path, b.scope) == nil {
		return nil
	}
	return b.t.included[path]
}
