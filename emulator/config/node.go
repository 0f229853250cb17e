package config

import (
	"math"
	"strconv"
	"strings"
)

// kind is what a node of a configuration holds.
type kind uint8

const (
	nullKind kind = iota
	boolKind
	numberKind
	stringKind
	mapKind
	listKind
	// unknownKind is the value of an expression that failed and was reported: readers take it as given, and say nothing more about it.
	unknownKind
)

func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "text", "a map", "a list", "unknown"}[k]
}

// source is a file that was read; name is its path as the user would write it.
type source struct {
	name  string
	lines []string
}

func newSource(name string, data []byte) *source {
	return &source{name: name, lines: strings.Split(string(data), "\n")}
}

// node is one value of a configuration file with its place in it, whatever the file's syntax is.
type node struct {
	kind      kind
	src       *source
	line, col int
	// text of a scalar: a boolean is "true" or "false", a number is as CloudFormation would write it.
	text   string
	fields []field
	items  []*node
}

// field is one entry of a map; key has the place of the key.
type field struct {
	name  string
	key   *node
	value *node
}

func (n *node) pos() Position {
	if n == nil || n.src == nil {
		return Position{}
	}
	return Position{File: n.src.name, Line: n.line, Column: n.col}
}

// field returns the entry of a map, nil where there is none or where n is no map.
func (n *node) field(name string) *field {
	if n == nil || n.kind != mapKind {
		return nil
	}
	for i := range n.fields {
		if n.fields[i].name == name {
			return &n.fields[i]
		}
	}
	return nil
}

// get returns a map's value, nil where there is none.
func (n *node) get(name string) *node {
	if f := n.field(name); f != nil {
		return f.value
	}
	return nil
}

// names are the keys of a map in the order of the file.
func (n *node) names() []string {
	if n == nil {
		return nil
	}
	names := make([]string, len(n.fields))
	for i, f := range n.fields {
		names[i] = f.name
	}
	return names
}

func (n *node) isScalar() bool { return n.kind >= boolKind && n.kind <= stringKind }

// with returns a node of the same place with another content.
func (n *node) with(k kind, text string) *node {
	return &node{kind: k, src: n.src, line: n.line, col: n.col, text: text}
}

func (n *node) str(text string) *node { return n.with(stringKind, text) }
func (n *node) unknown() *node        { return n.with(unknownKind, "") }

func (n *node) mapOf(fields ...field) *node {
	m := n.with(mapKind, "")
	m.fields = fields
	return m
}

// plain turns an evaluated tree into Go values: string, bool, int, float64, nil, []any, map[string]any.
func (n *node) plain() any {
	switch n.kind {
	case boolKind:
		return n.text == "true"
	case numberKind:
		if i, err := strconv.Atoi(n.text); err == nil {
			return i
		}
		if f, err := strconv.ParseFloat(n.text, 64); err == nil {
			return f
		}
		return n.text
	case stringKind:
		return n.text
	case listKind:
		list := make([]any, len(n.items))
		for i, it := range n.items {
			list[i] = it.plain()
		}
		return list
	case mapKind:
		m := make(map[string]any, len(n.fields))
		for _, f := range n.fields {
			m[f.name] = f.value.plain()
		}
		return m
	}
	return nil
}

// numberText writes a number as CloudFormation does when it turns it into text: whole numbers in decimal, others in the shortest form, with at
// least one digit after the point.
func numberText(raw string) string {
	if i, err := strconv.ParseInt(raw, 0, 64); err == nil {
		return strconv.FormatInt(i, 10)
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(raw, "_", ""), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || math.Abs(f) >= 1e15 {
		return raw
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") && strings.ContainsAny(raw, ".eE") {
		text += ".0"
	}
	return text
}
