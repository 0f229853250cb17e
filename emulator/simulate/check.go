package simulate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"example.com/emulate/emulator/config"
)

// checker finds all that the decoder would refuse, with its place in the file and how to mend it, and leaves a document that decodes.
type checker struct {
	file     string
	lines    []string
	problems []config.Diagnostic
}

// badValue is a value that a property's type refuses, by its text.
type badValue struct {
	at         *yaml.Node
	text, hint string
}

func (b *badValue) Error() string { return b.text }

// decode reads a file's data into what to points to. An error begins with the place, and is one of several where several things are wrong.
func decode(data []byte, name string, to any) error {
	c := &checker{file: name, lines: strings.Split(string(data), "\n")}
	var doc yaml.Node
	switch err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&doc); {
	case errors.Is(err, io.EOF), err == nil && isNull(doc.Content[0]):
		return fmt.Errorf("read %s: it is empty; it wants functions and traffic", name)
	case err != nil:
		return c.syntax(err)
	}
	c.check(doc.Content[0], reflect.TypeOf(to).Elem(), "")
	if len(c.problems) == 0 {
		if err := doc.Content[0].Decode(to); err != nil {
			return c.syntax(err)
		}
		return nil
	}
	var text strings.Builder
	for _, p := range c.problems {
		fmt.Fprintf(&text, "\n%s", p)
	}
	return errors.New(strings.TrimPrefix(text.String(), "\n"))
}

var lineOf = regexp.MustCompile(`^line (\d+): `)

// syntax is what the parser says, at its place.
func (c *checker) syntax(err error) error {
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " ")
	at := &yaml.Node{}
	if m := lineOf.FindStringSubmatch(text); m != nil {
		text = strings.TrimPrefix(text, m[0])
		at.Line, _ = strconv.Atoi(m[1]) // it is digits
	}
	c.errorf(at, "", "%s", text)
	return errors.New(c.problems[len(c.problems)-1].String())
}

func (c *checker) errorf(at *yaml.Node, hint, format string, args ...any) {
	d := config.Diagnostic{
		Severity: config.Error, Position: config.Position{File: c.file, Line: at.Line, Column: at.Column}, Message: fmt.Sprintf(format, args...), Hint: hint,
	}
	if at.Line > 0 && at.Line <= len(c.lines) {
		d.Excerpt = strings.TrimRight(c.lines[at.Line-1], "\r")
	}
	c.problems = append(c.problems, d)
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// check checks a value that is to become a t; property is the name under which it stands, "" for the whole file.
func (c *checker) check(n *yaml.Node, t reflect.Type, property string) {
	n = resolve(n)
	if isNull(n) {
		return
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if u, ok := reflect.New(t).Interface().(yaml.Unmarshaler); ok {
		if err := u.UnmarshalYAML(n); err != nil {
			at, hint := n, ""
			if b := (*badValue)(nil); errors.As(err, &b) {
				at, hint = b.at, b.hint
			}
			c.errorf(at, hint, "%s: %v", property, err)
		}
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		c.checkStruct(n, t, property)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			c.errorf(n, "", "%s is a list of %s, not %s", property, form(t.Elem()), written(n))
			return
		}
		for _, item := range n.Content {
			c.check(item, t.Elem(), property)
		}
	default:
		if n.Kind != yaml.ScalarNode || n.Decode(reflect.New(t).Interface()) != nil {
			c.errorf(n, "", "%s is %s, not %s", property, form(t), written(n))
		}
	}
}

// checkStruct checks the properties of a mapping, and gives those with an older name their name.
func (c *checker) checkStruct(n *yaml.Node, t reflect.Type, property string) {
	if n.Kind != yaml.MappingNode {
		hint := ""
		if property == "" {
			property, hint = "the file", "a recorded load, in CSV, is named in such a file: traffic: [{ trace: FILE }]"
		}
		c.errorf(n, hint, "%s: here stands %s, not %s", property, form(t), written(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Tag == "!!merge" {
			c.checkMerged(value, t, property)
			continue
		}
		f, ok := fieldOf(t, key.Value)
		if !ok {
			c.unknown(key, t, property)
			continue
		}
		key.Value = nameOf(f)
		if seen[key.Value] {
			c.errorf(key, "", "%s is there twice", key.Value)
		}
		seen[key.Value] = true
		if by := f.Tag.Get("by"); by != "" && resolve(value).Kind == yaml.MappingNode {
			value = listBy(by, resolve(value))
			n.Content[i+1] = value
		}
		c.check(value, f.Type, key.Value)
	}
}

// checkMerged checks what << puts into a mapping: another mapping, or a list of them.
func (c *checker) checkMerged(n *yaml.Node, t reflect.Type, property string) {
	if n = resolve(n); n.Kind != yaml.SequenceNode {
		c.checkStruct(n, t, property)
		return
	}
	for _, item := range n.Content {
		c.checkStruct(resolve(item), t, property)
	}
}

func (c *checker) unknown(key *yaml.Node, t reflect.Type, property string) {
	where := ""
	if property != "" {
		where = " in " + property
	}
	hint := didYouMean(key.Value, names(t))
	if hint == "" {
		hint = "there are " + strings.Join(names(t), ", ")
	}
	c.errorf(key, hint, "there is no property %q%s", key.Value, where)
}

// didYouMean is the hint for a name that is not there, "" where none of those there are is near.
func didYouMean(name string, there []string) string {
	if near := config.Nearest(name, there); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// listBy is a mapping of mappings as a list of them, each of which has its key as a property. What is no mapping stays, to be refused.
func listBy(property string, n *yaml.Node) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: n.Line, Column: n.Column}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		if value.Kind == yaml.MappingNode {
			named := *value
			named.Anchor = ""
			name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: property, Line: key.Line, Column: key.Column}
			named.Content = slices.Concat([]*yaml.Node{name, key}, value.Content)
			value = &named
		}
		list.Content = append(list.Content, value)
	}
	return list
}

// nameOf is a property's name: the field's tag, or the field's own in lower case.
func nameOf(f reflect.StructField) string {
	if name := f.Tag.Get("yaml"); name != "" {
		return name
	}
	return strings.ToLower(f.Name)
}

// fieldOf finds a property by its name or its older one, which is the tag old.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); name != "" && (nameOf(f) == name || f.Tag.Get("old") == name) {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func names(t reflect.Type) (out []string) {
	for i := range t.NumField() {
		out = append(out, nameOf(t.Field(i)))
	}
	return out
}

// form says in a few words what a value of a type looks like.
func form(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		all := names(t)
		if len(all) > 5 {
			all = append(all[:5:5], "…")
		}
		return "{" + strings.Join(all, ", ") + "}"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

// written is what stands in the file, in short.
func written(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	text := []rune(n.Value)
	if len(text) > 40 {
		text = append(text[:40], '…')
	}
	return strconv.Quote(string(text))
}
