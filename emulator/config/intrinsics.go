package config

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// maxText bounds what expressions may build: no value that Lambda or API Gateway takes is longer, and text that doubles itself ends here.
const maxText = 4 << 20

// eval evaluates a value of the template: intrinsic functions and dynamic references in it are replaced by what they give. It returns nil for
// AWS::NoValue, and a node of unknownKind where the value cannot be known, which has been reported then. In maps and lists AWS::NoValue leaves
// the entry out.
func (t *template) eval(n *node, sc scope) *node {
	switch {
	case n == nil:
		return nil
	case isIntrinsic(n):
		v := t.call(n, sc)
		if v != nil && v.kind == stringKind && len(v.text) > maxText {
			sc.errorf(n, "too-large", "", "%s makes a text of more than 4 MB", n.fields[0].name)
			return n.unknown()
		}
		return t.resolveDynamic(v, sc)
	case n.kind == mapKind:
		m := n.mapOf()
		for _, f := range n.fields {
			if f.name == "Fn::Transform" {
				// Beside other keys, what is included is merged into the map.
				if v := t.include(f.key, f.value, sc); v != nil && v.kind == mapKind {
					m.fields = append(m.fields, v.fields...)
				}
				continue
			}
			if v := t.eval(f.value, sc); v != nil {
				m.fields = append(m.fields, field{name: f.name, key: f.key, value: v})
			}
		}
		return m
	case n.kind == listKind:
		l := n.with(listKind, "")
		for _, it := range n.items {
			if v := t.eval(it, sc); v != nil {
				l.items = append(l.items, v)
			}
		}
		return l
	}
	return t.resolveDynamic(n, sc)
}

func (t *template) call(n *node, sc scope) *node {
	name, arg := n.fields[0].name, n.fields[0].value
	switch name {
	case "Ref":
		if arg.kind != stringKind {
			return t.misused(arg, sc, name, "the name of a parameter or resource")
		}
		return t.ref(n, arg.text, sc)
	case "Fn::Sub":
		return t.sub(n, arg, sc)
	case "Fn::GetAtt":
		return t.getAtt(n, arg, sc)
	case "Fn::Join":
		return t.join(n, arg, sc)
	case "Fn::If":
		return t.ifElse(arg, sc)
	case "Fn::FindInMap":
		return t.findInMap(n, arg, sc)
	case "Fn::Select":
		return t.selectItem(n, arg, sc)
	case "Fn::Split":
		return t.split(n, arg, sc)
	case "Fn::Base64":
		return t.mapText(arg, sc, name, func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })
	case "Fn::GetAZs":
		return t.zones(n, arg, sc)
	case "Fn::ImportValue":
		return t.importValue(n, arg, sc)
	case "Fn::Length", "Fn::ToJsonString":
		return t.languageExtension(n, name, arg, sc)
	case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not":
		return n.with(boolKind, strconv.FormatBool(t.condition(n, sc)))
	case "Fn::Transform":
		return t.include(n, arg, sc)
	}
	sc.errorf(n, "unknown-function", didYouMean(name, functionNames()), "unknown or unsupported function %q", name)
	return n.unknown()
}

func functionNames() []string {
	var names []string
	for _, long := range shortTags {
		if long != "Fn::Cidr" && long != "Fn::Transform" {
			names = append(names, long)
		}
	}
	return names
}

// misused reports a wrong argument of a function.
func (t *template) misused(at *node, sc scope, function, want string) *node {
	if at.kind != unknownKind {
		sc.errorf(at, "wrong-argument", "", "%s takes %s", function, want)
	}
	return at.unknown()
}

// textOf evaluates an argument that must be a scalar.
func (t *template) textOf(arg *node, sc scope, function string) (string, bool) {
	v := t.eval(arg, sc)
	switch {
	case v == nil:
		t.misused(arg, sc, function, "text here, not AWS::NoValue")
		return "", false
	case !v.isScalar():
		t.misused(v, sc, function, fmt.Sprintf("text here, not %s", v.kind))
		return "", false
	}
	return v.text, true
}

func (t *template) mapText(arg *node, sc scope, function string, f func(string) string) *node {
	s, ok := t.textOf(arg, sc, function)
	if !ok {
		return arg.unknown()
	}
	return arg.str(f(s))
}

// listOf evaluates an argument that must be a list.
func (t *template) listOf(arg *node, sc scope, function string) ([]*node, bool) {
	v := t.eval(arg, sc)
	if v == nil || v.kind != listKind {
		if v == nil {
			v = arg
		}
		t.misused(v, sc, function, fmt.Sprintf("a list here, not %s", v.kind))
		return nil, false
	}
	return v.items, true
}

func (t *template) sub(n, arg *node, sc scope) *node {
	var vars *node
	text := arg
	if arg.kind == listKind {
		if len(arg.items) != 2 || arg.items[1].kind != mapKind {
			return t.misused(arg, sc, "Fn::Sub", "text, or a list of a text and a map of variables")
		}
		text, vars = arg.items[0], arg.items[1]
	}
	if !text.isScalar() {
		return t.misused(text, sc, "Fn::Sub", "text, or a list of a text and a map of variables")
	}
	var b strings.Builder
	failed := false
	err := eachVariable(text.text, func(s string) { b.WriteString(s) }, func(name string) {
		var v *node
		if own := vars.get(name); own != nil {
			v = t.eval(own, sc)
		} else if id, attr, dotted := strings.Cut(name, "."); dotted {
			if text, ok := t.generatedRef(name, sc); ok {
				v = n.str(text)
			} else {
				v = t.attribute(n, id, attr, sc)
			}
		} else {
			v = t.ref(n, name, sc)
		}
		if v == nil || !v.isScalar() {
			failed = true
			if v == nil || v.kind != unknownKind {
				sc.errorf(n, "wrong-argument", "", "${%s} in Fn::Sub is not text", name)
			}
			return
		}
		if b.Len() <= maxText {
			b.WriteString(v.text)
		}
	})
	if err != nil {
		sc.errorf(n, "wrong-argument", "", "%v", err)
	}
	if failed || err != nil {
		return n.unknown()
	}
	return n.str(b.String())
}

// eachVariable walks the text of an Fn::Sub: "${Name}" is a variable, "${!Literal}" stands for "${Literal}".
func eachVariable(text string, literal, variable func(string)) error {
	for {
		before, rest, ok := strings.Cut(text, "${")
		literal(before)
		if !ok {
			return nil
		}
		name, after, closed := strings.Cut(rest, "}")
		switch {
		case !closed:
			return fmt.Errorf("${%.40s in Fn::Sub has no closing brace", rest)
		case strings.HasPrefix(name, "!"):
			literal("${" + name[1:] + "}")
		case strings.TrimSpace(name) == "":
			return fmt.Errorf("${%s} in Fn::Sub names nothing", name)
		default:
			variable(strings.TrimSpace(name))
		}
		text = after
	}
}

func (t *template) getAtt(n, arg *node, sc scope) *node {
	const want = "a resource and an attribute, as Resource.Attribute or as a list of both"
	if arg.kind == stringKind {
		id, attr, ok := strings.Cut(arg.text, ".")
		if !ok {
			return t.misused(arg, sc, "Fn::GetAtt", want)
		}
		return t.attribute(n, id, attr, sc)
	}
	if arg.kind != listKind || len(arg.items) < 2 || arg.items[0].kind != stringKind {
		return t.misused(arg, sc, "Fn::GetAtt", want)
	}
	var parts []string
	for _, it := range arg.items[1:] {
		part, ok := t.textOf(it, sc, "Fn::GetAtt")
		if !ok {
			return n.unknown()
		}
		parts = append(parts, part)
	}
	return t.attribute(n, arg.items[0].text, strings.Join(parts, "."), sc)
}

func (t *template) join(n, arg *node, sc scope) *node {
	if arg.kind != listKind || len(arg.items) != 2 || !arg.items[0].isScalar() {
		return t.misused(arg, sc, "Fn::Join", "a delimiter and a list")
	}
	items, ok := t.listOf(arg.items[1], sc, "Fn::Join")
	if !ok {
		return n.unknown()
	}
	var b strings.Builder
	for i, it := range items {
		if !it.isScalar() {
			return t.misused(it, sc, "Fn::Join", fmt.Sprintf("a list of texts; this is %s", it.kind))
		}
		if i > 0 {
			b.WriteString(arg.items[0].text)
		}
		if b.Len() <= maxText {
			b.WriteString(it.text)
		}
	}
	return n.str(b.String())
}

func (t *template) ifElse(arg *node, sc scope) *node {
	if arg.kind != listKind || len(arg.items) != 3 || arg.items[0].kind != stringKind {
		return t.misused(arg, sc, "Fn::If", "the name of a condition and two values")
	}
	if t.condition(arg.items[0], sc) {
		return t.eval(arg.items[1], sc)
	}
	return t.eval(arg.items[2], sc)
}

func (t *template) findInMap(n, arg *node, sc scope) *node {
	const want = "the name of a map and two keys"
	if arg.kind != listKind || len(arg.items) < 3 || len(arg.items) > 4 {
		return t.misused(arg, sc, "Fn::FindInMap", want)
	}
	at := t.root.get("Mappings")
	var fallback *node
	if len(arg.items) == 4 {
		if fallback = arg.items[3].get("DefaultValue"); fallback == nil {
			return t.misused(arg.items[3], sc, "Fn::FindInMap", "{DefaultValue: …} as the fourth argument")
		}
	}
	for i, what := range []string{"map", "key", "key"} {
		key, ok := t.textOf(arg.items[i], sc, "Fn::FindInMap")
		if !ok {
			return n.unknown()
		}
		next := at.get(key)
		switch {
		case next == nil && fallback != nil:
			return t.eval(fallback, sc)
		case next == nil:
			sc.errorf(n, "unresolved-reference", didYouMean(key, at.names()), "Mappings has no such entry: there is no %s %q", what, key)
			return n.unknown()
		}
		at = next
	}
	return t.eval(at, sc)
}

func (t *template) selectItem(n, arg *node, sc scope) *node {
	if arg.kind != listKind || len(arg.items) != 2 {
		return t.misused(arg, sc, "Fn::Select", "an index and a list")
	}
	text, ok := t.textOf(arg.items[0], sc, "Fn::Select")
	if !ok {
		return n.unknown()
	}
	items, ok := t.listOf(arg.items[1], sc, "Fn::Select")
	if !ok {
		return n.unknown()
	}
	i, err := strconv.Atoi(text)
	if err != nil || i < 0 || i >= len(items) {
		sc.errorf(n, "wrong-argument", "", "Fn::Select takes item %s of a list of %d", text, len(items))
		return n.unknown()
	}
	return items[i]
}

func (t *template) split(n, arg *node, sc scope) *node {
	if arg.kind != listKind || len(arg.items) != 2 || !arg.items[0].isScalar() || arg.items[0].text == "" {
		return t.misused(arg, sc, "Fn::Split", "a delimiter and a text")
	}
	text, ok := t.textOf(arg.items[1], sc, "Fn::Split")
	if !ok {
		return n.unknown()
	}
	return n.listOf(strings.Split(text, arg.items[0].text)...)
}

// listOf makes a list of texts in the place of n.
func (n *node) listOf(texts ...string) *node {
	l := n.with(listKind, "")
	for _, s := range texts {
		l.items = append(l.items, n.str(s))
	}
	return l
}

// zones answers Fn::GetAZs with three zones: an account has at least that many in most regions.
func (t *template) zones(n, arg *node, sc scope) *node {
	region, ok := t.textOf(arg, sc, "Fn::GetAZs")
	if !ok {
		return n.unknown()
	}
	if region == "" {
		region = t.opts.Region
	}
	return n.listOf(region+"a", region+"b", region+"c")
}

func (t *template) importValue(n, arg *node, sc scope) *node {
	name, ok := t.textOf(arg, sc, "Fn::ImportValue")
	if !ok {
		return n.unknown()
	}
	if v, given := t.opts.Parameters["ImportValue:"+name]; given {
		return n.str(v)
	}
	sc.errorf(n, "unresolved-import", fmt.Sprintf("--parameter 'ImportValue:%s=VALUE'", name), "the value exported as %q by another stack is not known here", name)
	return n.unknown()
}

// languageExtension evaluates the functions that the transform AWS::LanguageExtensions adds.
func (t *template) languageExtension(n *node, name string, arg *node, sc scope) *node {
	v := t.eval(arg, sc)
	switch {
	case v == nil || v.kind == unknownKind:
		return n.unknown()
	case name == "Fn::Length" && v.kind == listKind:
		return n.with(numberKind, strconv.Itoa(len(v.items)))
	case name == "Fn::ToJsonString" && (v.kind == listKind || v.kind == mapKind):
		data, err := json.Marshal(v.plain())
		if err != nil {
			return t.misused(arg, sc, name, "a map or a list")
		}
		return n.str(string(data))
	}
	return t.misused(arg, sc, name, "a map or a list")
}

const resolveStart = "{{resolve:"

// resolveDynamic replaces dynamic references such as {{resolve:ssm:/name}} in text by the values that the user gave for them.
func (t *template) resolveDynamic(n *node, sc scope) *node {
	if n == nil || n.kind != stringKind || !strings.Contains(n.text, resolveStart) {
		return n
	}
	var b strings.Builder
	for rest := n.text; ; {
		before, after, found := strings.Cut(rest, resolveStart)
		b.WriteString(before)
		if !found {
			return n.str(b.String())
		}
		name, after, closed := strings.Cut(after, "}}")
		if !closed {
			sc.errorf(n, "wrong-argument", "", "a {{resolve:…}} is not closed")
			return n.unknown()
		}
		value, given := t.opts.Parameters["resolve:"+name]
		if !given {
			sc.errorf(n, "unresolved-dynamic-reference", fmt.Sprintf("--parameter 'resolve:%s=VALUE'", name), "the value of {{resolve:%s}} is not known here", name)
			return n.unknown()
		}
		b.WriteString(value)
		rest = after
	}
}
