package config

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// props reads the properties of one resource, or of a map nested in one. Making one by open checks every name against the type's row of the
// support table; the readers evaluate a property when they read it, report a value of the wrong type at its place, and return the zero value for
// one that is absent or wrong.
type props struct {
	scope
	// node is the map, its values not evaluated yet; owner is where a missing property is reported.
	node, owner *node
	row         *typeRow
	eval        evalFunc
	// misspelt are the names that unknown properties were probably meant to have: they are not reported as missing too.
	misspelt []string
}

// evalFunc evaluates the intrinsic functions of a value: nil where it is AWS::NoValue, a node of unknownKind where it failed (and was reported).
type evalFunc func(n *node, sc scope) *node

// literal is the evalFunc of files without functions.
func literal(n *node, _ scope) *node {
	if n == nil || n.kind == nullKind {
		return nil
	}
	return n
}

// open makes a reader of a map by a row of the support table. A nil node is a map without properties.
func open(sc scope, n, owner *node, typ string, eval evalFunc) *props {
	p := &props{scope: sc, node: n, owner: owner, row: rowOf(typ), eval: eval}
	if n == nil {
		p.node = owner.mapOf()
		return p
	}
	if n.kind != mapKind {
		if n.kind != unknownKind && n.kind != nullKind {
			p.errorf(n, "wrong-type", "", "%s must be a map, not %s", p.what(), n.kind)
		}
		p.node = owner.mapOf()
		return p
	}
	for i := range n.fields {
		p.check(&n.fields[i])
	}
	return p
}

// what names the map in messages.
func (p *props) what() string {
	return p.row.what()
}

func (p *props) check(f *field) {
	class, n := p.row.classOf(f.name)
	if n.unless != "" {
		v := p.eval(f.value, p.scope)
		if v != nil && v.kind == mapKind && len(v.fields) == 1 {
			v = v.fields[0].value
		}
		if v == nil || v.kind == unknownKind || slices.Contains(strings.Fields(n.unless), v.text) {
			return
		}
	}
	if (class == NotEmulated || class == Refused) && p.eval(f.value, scope{d: &diagnostics{}}) == nil {
		return // AWS::NoValue
	}
	switch class {
	case NotEmulated:
		p.warnf(f.key, "not-emulated", "", "%s of %s is not emulated yet%s", f.name, p.what(), note(n.note))
	case Refused:
		if p.d.noAuth && n.note == noAuthorizers {
			return
		}
		p.errorf(f.key, "not-supported", "", "%s of %s is not supported yet%s", f.name, p.what(), note(n.note))
	case "":
		names := p.row.properties()
		p.misspelt = append(p.misspelt, nearest(f.name, names))
		p.errorf(f.key, "unknown-property", didYouMean(f.name, names), "unknown property %q of %s", f.name, p.what())
	}
}

func note(n string) string {
	if n == "" {
		return ""
	}
	return ": " + n
}

// has says whether a property is given, even if by an expression that fails; AWS::NoValue gives nothing.
func (p *props) has(name string) bool {
	v := p.node.get(name)
	return v != nil && p.eval(v, p.scope) != nil
}

// key is the place of a property's name, or the resource's own where it is not given.
func (p *props) key(name string) *node {
	if f := p.node.field(name); f != nil {
		return f.key
	}
	return p.owner
}

// raw is a property as the file has it, not evaluated; nil where there is none.
func (p *props) raw(name string) *node { return p.node.get(name) }

// value evaluates a property: nil where it is absent, AWS::NoValue, or failed and was reported.
func (p *props) value(name string) *node {
	f := p.node.field(name)
	if f == nil {
		return nil
	}
	v := p.eval(f.value, p.scope)
	if v == nil || v.kind == unknownKind {
		return nil
	}
	if v.kind == nullKind {
		p.errorf(f.key, "wrong-type", "", "%s is null", name)
		return nil
	}
	return v
}

func (p *props) wrongType(v *node, name, want string) {
	p.errorf(v, "wrong-type", "", "%s must be %s, not %s", name, want, v.kind)
}

// text reads a scalar as text; numbers and booleans are turned into text as CloudFormation does.
func (p *props) text(name string) string {
	v := p.value(name)
	if v == nil {
		return ""
	}
	if !v.isScalar() {
		p.wrongType(v, name, "text")
		return ""
	}
	return v.text
}

// enum reads text that must be one of a few values; fallback is returned where it is absent or wrong.
func (p *props) enum(name, fallback string, allowed ...string) string {
	v := p.text(name)
	if v == "" {
		return fallback
	}
	if !slices.Contains(allowed, v) {
		p.errorf(p.node.get(name), "wrong-value", oneOf(v, allowed), "%s cannot be %q", name, v)
		return fallback
	}
	return v
}

// unbounded is the upper bound of a number that has none of AWS's.
const unbounded = math.MaxInt32

// integer reads a whole number between two bounds, both included; fallback is returned where it is absent or wrong.
func (p *props) integer(name string, fallback, low, high int) int {
	v := p.value(name)
	if v == nil {
		return fallback
	}
	i, err := strconv.Atoi(v.text)
	switch {
	case !v.isScalar(), v.kind == boolKind:
		p.wrongType(v, name, "a whole number")
	case err != nil:
		p.errorf(v, "wrong-type", "", "%s must be a whole number, not %q", name, v.text)
	case i < low && high == unbounded:
		p.errorf(v, "out-of-range", "", "%s is %d; AWS takes %d and more", name, i, low)
	case i < low || i > high:
		p.errorf(v, "out-of-range", "", "%s is %d; AWS takes %d to %d", name, i, low, high)
	default:
		return i
	}
	return fallback
}

// boolean reads true or false, as booleans or as text.
func (p *props) boolean(name string) bool {
	v := p.value(name)
	if v == nil {
		return false
	}
	switch strings.ToLower(v.text) {
	case "true":
		return true
	case "false":
		return false
	}
	p.wrongType(v, name, "true or false")
	return false
}

// list reads a list's evaluated items, without AWS::NoValue.
func (p *props) list(name string) []*node {
	v := p.value(name)
	if v == nil {
		return nil
	}
	if v.kind != listKind {
		p.wrongType(v, name, "a list")
		return nil
	}
	return v.items
}

// texts reads a list of scalars; one scalar alone counts as a list of one, as CloudFormation takes it.
func (p *props) texts(name string) []string {
	var texts []string
	for _, it := range p.scalars(name) {
		texts = append(texts, it.text)
	}
	return texts
}

// scalars is texts with the places of the items.
func (p *props) scalars(name string) []*node {
	v := p.value(name)
	if v != nil && v.isScalar() {
		return []*node{v}
	}
	var scalars []*node
	for _, it := range p.list(name) {
		switch {
		case it.isScalar():
			scalars = append(scalars, it)
		case it.kind != unknownKind:
			p.wrongType(it, "an item of "+name, "text")
		}
	}
	return scalars
}

// textMap reads a map of scalars, such as variables or tags.
func (p *props) textMap(name string) map[string]string {
	v := p.value(name)
	if v == nil {
		return nil
	}
	if v.kind != mapKind {
		p.wrongType(v, name, "a map")
		return nil
	}
	m := make(map[string]string, len(v.fields))
	for _, f := range v.fields {
		switch {
		case f.value.isScalar():
			m[f.name] = f.value.text
		case f.value.kind != unknownKind:
			p.errorf(f.key, "wrong-type", "", "%s in %s must be text, not %s", f.name, name, f.value.kind)
		}
	}
	return m
}

// nested opens a property that is a map of its own, by the row "<this type>.<name>"; nil where it is absent. Its values are evaluated already.
func (p *props) nested(name string) *props {
	v := p.value(name)
	if v == nil {
		return nil
	}
	return open(p.scope, v, p.key(name), p.row.typ+"."+name, literal)
}

// lazily is nested for values that are evaluated when they are read; nil where the property is absent.
func (p *props) lazily(name string) *props {
	f := p.node.field(name)
	if f == nil {
		return nil
	}
	v := f.value
	if isIntrinsic(v) {
		v = p.eval(v, p.scope)
	}
	return open(p.scope, v, f.key, p.row.typ+"."+name, p.eval)
}

// require reports a property that is not given, or is empty text.
func (p *props) require(name, hint string) bool {
	if v := p.node.get(name); v != nil {
		v = p.eval(v, p.scope)
		if v != nil && v.kind == stringKind && v.text == "" {
			p.errorf(p.key(name), "wrong-value", hint, "%s is empty", name)
			return false
		}
		if v != nil {
			return true
		}
	}
	if slices.Contains(p.misspelt, name) {
		return false
	}
	p.errorf(p.owner, "missing-property", hint, "%s has no %s", p.what(), name)
	return false
}
