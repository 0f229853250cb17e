package config

import "fmt"

// condition evaluates a condition: a name of the section Conditions, or an expression of Fn::And, Fn::Or, Fn::Not, Fn::Equals and Condition. One
// that cannot be known is reported and false.
func (t *template) condition(n *node, sc scope) bool {
	if n.kind == stringKind {
		return t.namedCondition(n, n.text, sc)
	}
	if n.kind != mapKind || len(n.fields) != 1 {
		t.misused(n, sc, "a condition", "one of Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition")
		return false
	}
	name, arg := n.fields[0].name, n.fields[0].value
	switch name {
	case "Condition":
		if arg.kind == stringKind {
			return t.namedCondition(n, arg.text, sc)
		}
	case "Fn::Equals":
		if arg.kind == listKind && len(arg.items) == 2 {
			a, okA := t.textOf(arg.items[0], sc, name)
			b, okB := t.textOf(arg.items[1], sc, name)
			return okA && okB && a == b
		}
	case "Fn::Not":
		if arg.kind == listKind && len(arg.items) == 1 {
			return !t.condition(arg.items[0], sc)
		}
	case "Fn::And", "Fn::Or":
		if arg.kind == listKind && len(arg.items) >= 1 && len(arg.items) <= 10 {
			return t.allOrAny(arg.items, name == "Fn::And", sc)
		}
	default:
		sc.errorf(n, "unknown-function", didYouMean(name, []string{"Condition", "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not"}), "%q is not a function of conditions", name)
		return false
	}
	want := map[string]string{"Condition": "the name of a condition", "Fn::Equals": "two values", "Fn::Not": "one condition in a list", "Fn::And": "2 to 10 conditions", "Fn::Or": "2 to 10 conditions"}
	t.misused(arg, sc, name, want[name])
	return false
}

// allOrAny evaluates every operand, so that all their problems are reported at once.
func (t *template) allOrAny(items []*node, all bool, sc scope) bool {
	result := all
	for _, it := range items {
		if v := t.condition(it, sc); v != all {
			result = v
		}
	}
	return result
}

func (t *template) namedCondition(at *node, name string, sc scope) bool {
	if v := t.conditions[name]; v != nil {
		return v.text == "true"
	}
	all := t.root.get("Conditions")
	c := all.get(name)
	if c == nil {
		sc.errorf(at, "unresolved-reference", didYouMean(name, all.names()), "there is no condition %q", name)
		return false
	}
	key := "condition " + name
	if !t.enter(at, key, sc) {
		return false
	}
	defer delete(t.evaluating, key)
	v := t.condition(c, t.scope)
	t.conditions[name] = c.with(boolKind, fmt.Sprint(v))
	return v
}

// enter marks an evaluation as under way; false, with a report, where it is so already: it goes in a circle.
func (t *template) enter(at *node, key string, sc scope) bool {
	if t.evaluating[key] {
		sc.errorf(at, "circular-reference", "", "%s refers to itself", key)
		return false
	}
	t.evaluating[key] = true
	return true
}
