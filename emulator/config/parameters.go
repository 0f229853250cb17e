package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const parameterAttributes = "Type Default Description AllowedValues AllowedPattern ConstraintDescription MinLength MaxLength MinValue MaxValue NoEcho"

// checkParameters reports malformed parameters, and values on the command line that no parameter takes.
func (t *template) checkParameters() {
	section := t.root.get("Parameters")
	if section != nil {
		for _, f := range section.fields {
			t.checkParameter(f)
		}
	}
	for _, name := range keys(t.opts.Parameters) {
		if strings.HasPrefix(name, "resolve:") || strings.HasPrefix(name, "ImportValue:") {
			continue
		}
		if id, _, dotted := strings.Cut(name, "."); dotted {
			if all := t.root.get("Resources"); all.get(id) == nil {
				t.errorf(t.root, "unknown-parameter", didYouMean(id, all.names()), "--parameter %s: the template has no resource %s", name, id)
			}
			continue
		}
		if section.get(name) == nil {
			at := t.root
			if f := t.root.field("Parameters"); f != nil {
				at = f.key
			}
			t.errorf(at, "unknown-parameter", didYouMean(name, section.names()), "--parameter %s: the template has no such parameter", name)
			continue
		}
		t.parameter(section.field(name).key, name, t.scope)
	}
}

func (t *template) checkParameter(f field) {
	if f.value.kind != mapKind {
		t.errorf(f.key, "wrong-type", "", "parameter %s must be a map, not %s", f.name, f.value.kind)
		return
	}
	known := strings.Fields(parameterAttributes)
	for _, a := range f.value.fields {
		if !slices.Contains(known, a.name) {
			t.errorf(a.key, "unknown-property", didYouMean(a.name, known), "unknown attribute %q of parameter %s", a.name, f.name)
		}
	}
	switch typ := f.value.get("Type"); {
	case typ == nil:
		t.errorf(f.key, "missing-property", "", "parameter %s has no Type", f.name)
	case !parameterType.MatchString(typ.text):
		known := []string{"String", "Number", "CommaDelimitedList", "List<Number>", "List<String>", "AWS::SSM::Parameter::Value<String>"}
		t.errorf(typ, "wrong-value", didYouMean(typ.text, known), "unknown parameter type %q", typ.text)
	}
}

var parameterType = regexp.MustCompile(`^(String|Number|CommaDelimitedList|List<[\w:]+>|AWS::[\w:]+|AWS::SSM::Parameter::Value<.+>)$`)

// parameter gives the value of a parameter: what --parameter says, else its default. The name must exist.
func (t *template) parameter(at *node, name string, sc scope) *node {
	if v := t.parameters[name]; v != nil {
		return v
	}
	f := t.root.get("Parameters").field(name)
	v := t.parameterValue(at, f, sc)
	if v.kind != unknownKind {
		t.parameters[name] = v
	}
	return v
}

func (t *template) parameterValue(at *node, f *field, sc scope) *node {
	typ, fallback := f.value.get("Type").textOr("String"), f.value.get("Default")
	given, isGiven := t.opts.Parameters[f.name]
	hint := fmt.Sprintf("--parameter %s=VALUE", f.name)
	switch {
	case isGiven:
		fallback = f.key.str(given)
	case strings.HasPrefix(typ, "AWS::SSM::Parameter::Value<"):
		sc.errorf(at, "unresolved-parameter", hint, "the value of parameter %s is in the Systems Manager parameter store, which is not read here", f.name)
		return f.key.unknown()
	case fallback == nil:
		sc.errorf(at, "unresolved-parameter", hint, "parameter %s has no default and was given no value", f.name)
		return f.key.unknown()
	case !fallback.isScalar():
		sc.errorf(fallback, "wrong-type", "", "the default of parameter %s must be text, not %s", f.name, fallback.kind)
		return f.key.unknown()
	}
	if !t.checkParameterValue(f, typ, fallback) {
		return f.key.unknown()
	}
	if inner, ok := strings.CutPrefix(typ, "AWS::SSM::Parameter::Value<"); ok {
		typ = strings.TrimSuffix(inner, ">")
	}
	if typ != "CommaDelimitedList" && !strings.HasPrefix(typ, "List<") {
		return fallback.str(fallback.text)
	}
	parts := strings.Split(fallback.text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return fallback.listOf(parts...)
}

// checkParameterValue holds a value against the constraints of its parameter. The value itself is shown only where NoEcho does not forbid it.
func (t *template) checkParameterValue(f *field, typ string, v *node) bool {
	shown := fmt.Sprintf("%q", v.text)
	if f.value.get("NoEcho").textOr("") == "true" {
		shown = "the value"
	}
	hint := f.value.get("ConstraintDescription").textOr("")
	bad := func(format string, args ...any) bool {
		t.errorf(v, "wrong-value", hint, "parameter %s: %s %s", f.name, shown, fmt.Sprintf(format, args...))
		return false
	}
	if allowed := f.value.get("AllowedValues"); allowed != nil && allowed.kind == listKind {
		var texts []string
		for _, a := range allowed.items {
			texts = append(texts, a.text)
		}
		if !slices.Contains(texts, v.text) {
			if hint == "" {
				hint = oneOf(v.text, texts)
			}
			return bad("is not one of its AllowedValues")
		}
	}
	if pattern := f.value.get("AllowedPattern").textOr(""); pattern != "" {
		// CloudFormation's patterns are Java's; one that Go cannot compile is not checked.
		if re, err := regexp.Compile(`^(?:` + pattern + `)$`); err == nil && !re.MatchString(v.text) {
			return bad("does not match its AllowedPattern %s", pattern)
		}
	}
	if typ == "Number" {
		if _, err := strconv.ParseFloat(v.text, 64); err != nil {
			return bad("is not a number")
		}
	}
	value, _ := strconv.ParseFloat(v.text, 64)
	for _, b := range []struct {
		name   string
		value  float64
		isHigh bool
	}{{"MinLength", float64(len(v.text)), false}, {"MaxLength", float64(len(v.text)), true}, {"MinValue", value, false}, {"MaxValue", value, true}} {
		limit, err := strconv.ParseFloat(f.value.get(b.name).textOr(""), 64)
		if err == nil && (b.isHigh && b.value > limit || !b.isHigh && b.value < limit) {
			return bad("is outside its %s of %s", b.name, f.value.get(b.name).text)
		}
	}
	return true
}
