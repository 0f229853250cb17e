package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const (
	// maxDepth and maxNodes stop aliases that unfold without end; no template that CloudFormation takes (1 MB) comes near.
	maxDepth = 200
	maxNodes = 200_000
)

// shortTags are YAML's short forms of the intrinsic functions, by their long names.
var shortTags = map[string]string{
	"!Ref": "Ref", "!Condition": "Condition", "!Sub": "Fn::Sub", "!GetAtt": "Fn::GetAtt", "!Join": "Fn::Join", "!If": "Fn::If",
	"!Equals": "Fn::Equals", "!And": "Fn::And", "!Or": "Fn::Or", "!Not": "Fn::Not", "!FindInMap": "Fn::FindInMap", "!Select": "Fn::Select",
	"!Split": "Fn::Split", "!Base64": "Fn::Base64", "!GetAZs": "Fn::GetAZs", "!ImportValue": "Fn::ImportValue", "!Cidr": "Fn::Cidr",
	"!Transform": "Fn::Transform", "!Length": "Fn::Length", "!ToJsonString": "Fn::ToJsonString",
}

// parse reads a YAML or JSON file into a tree: nil (and a diagnostic) where it is not well formed. Short tags become the long form of the
// function, merge keys and aliases are unfolded, so that nothing behind this knows which syntax the file had.
func parse(name string, data []byte, sc scope) *node {
	return parseAs(name, data, isJSON(name, data), sc)
}

func parseAs(name string, data []byte, asJSON bool, sc scope) *node {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	p := &parser{scope: sc, src: newSource(name, data), data: data}
	var root *node
	if asJSON {
		root = p.json()
	} else {
		root = p.yaml()
	}
	if p.failed {
		return nil
	}
	return root
}

// isJSON says which of the two readers a file is for. JSON has one of its own because YAML refuses some of it: tabs, surrogate pairs.
func isJSON(name string, data []byte) bool {
	switch {
	case strings.HasSuffix(name, ".json"):
		return true
	case strings.HasSuffix(name, ".yaml"), strings.HasSuffix(name, ".yml"):
		return false
	}
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && json.Valid(data)
}

type parser struct {
	scope
	src    *source
	data   []byte
	nodes  int
	failed bool
	// JSON only.
	dec   *json.Decoder
	lines []int // offsets of line starts
}

func (p *parser) fail(n *node, code, hint, format string, args ...any) *node {
	p.failed = true
	p.errorf(n, code, hint, format, args...)
	return n.unknown()
}

// count says whether one more node at this depth is still within bounds; the first that is not is reported.
func (p *parser) count(n *node, depth int) bool {
	p.nodes++
	if p.failed {
		return false
	}
	if depth > maxDepth {
		p.fail(n, "too-deep", "", "values are nested more than %d deep", maxDepth)
		return false
	}
	if p.nodes > maxNodes {
		p.fail(n, "too-large", "", "more than %d values once all aliases are unfolded", maxNodes)
		return false
	}
	return true
}

// addField adds an entry to a map. Of a key that is given twice the last counts, as for SAM's and AWS's own readers; index knows where keys are.
func (p *parser) addField(n *node, index map[string]int, f field) {
	i, twice := index[f.name]
	if !twice {
		index[f.name] = len(n.fields)
		n.fields = append(n.fields, f)
		return
	}
	p.warnf(f.key, "duplicate-key", "", "%q is given twice: this one counts, that of line %d does not", f.name, n.fields[i].key.line)
	n.fields[i] = f
}

func (p *parser) yaml() *node {
	at := &node{src: p.src, line: 1, col: 1}
	loader, err := yaml.NewLoader(bytes.NewReader(p.data))
	if err != nil {
		return p.fail(at, "syntax", "", "cannot read YAML: %v", err)
	}
	var doc yaml.Node
	err = loader.Load(&doc)
	if errors.Is(err, io.EOF) || (err == nil && len(doc.Content) == 0) {
		return at.mapOf()
	}
	if err != nil {
		message := err.Error()
		var le *yaml.LoadError
		if errors.As(err, &le) {
			at.line, at.col, message = max(le.Mark.Line, 1), max(le.Mark.Column, 1), le.Message
		}
		return p.fail(at, "syntax", p.quoteHint(at), "not well-formed YAML: %s", message)
	}
	return p.fromYAML(doc.Content[0], 0)
}

// quoteHint is the mend where a reader stopped at a brace inside of a text without quotes, as in {path: /orders/{id}}; else "". Within { } and [ ] YAML
// ends such a text at any brace.
func (p *parser) quoteHint(at *node) string {
	if at.line > len(p.src.lines) {
		return ""
	}
	text := []rune(p.src.lines[at.line-1])
	brace := at.col - 1
	if brace < 1 || brace >= len(text) || text[brace] != '{' || strings.ContainsRune(" \t,[]{}\"'", text[brace-1]) {
		return ""
	}
	start := string(text[:brace])
	start = strings.TrimSpace(start[max(strings.LastIndexAny(start, ",[{")+1, strings.LastIndex(start, ": ")+1):])
	open := 0
	end := slices.IndexFunc(text[brace:], func(r rune) bool {
		switch r {
		case '{':
			open++
		case '}':
			open--
		}
		return open < 0 || strings.ContainsRune(" \t\r,]", r)
	})
	if end < 0 {
		end = len(text) - brace
	}
	return fmt.Sprintf("a text with braces needs quotes here: %q", start+string(text[brace:brace+end]))
}

func (p *parser) fromYAML(y *yaml.Node, depth int) *node {
	n := &node{src: p.src, line: y.Line, col: y.Column}
	if !p.count(n, depth) {
		return n.unknown()
	}
	if tag := y.Tag; strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!") && tag != "!" {
		return p.fromTag(y, n, depth)
	}
	switch y.Kind {
	case yaml.AliasNode:
		return p.fromYAML(y.Alias, depth+1)
	case yaml.SequenceNode:
		n.kind = listKind
		for _, c := range y.Content {
			n.items = append(n.items, p.fromYAML(c, depth+1))
		}
	case yaml.MappingNode:
		p.mapping(y, n, depth)
	default:
		p.scalar(y, n)
	}
	return n
}

// fromTag turns "!Sub x" into {Fn::Sub: x}.
func (p *parser) fromTag(y *yaml.Node, n *node, depth int) *node {
	long, ok := shortTags[y.Tag]
	if !ok {
		return p.fail(n, "unknown-tag", didYouMean(y.Tag, keys(shortTags)), "unknown tag %s", y.Tag)
	}
	plain := *y
	plain.Tag, plain.Style = "", y.Style&^yaml.TaggedStyle
	if y.Kind == yaml.ScalarNode {
		plain.Tag = "!!str"
	}
	value := p.fromYAML(&plain, depth+1)
	return n.mapOf(field{name: long, key: n, value: value})
}

func (p *parser) mapping(y *yaml.Node, n *node, depth int) {
	n.kind = mapKind
	var merged []*yaml.Node
	index := make(map[string]int, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		key := &node{kind: stringKind, src: p.src, line: k.Line, col: k.Column, text: k.Value}
		if k.ShortTag() == "!!merge" {
			merged = append(merged, v)
			continue
		}
		if k.Kind != yaml.ScalarNode {
			p.fail(key, "syntax", "", "a key must be text")
			return
		}
		p.addField(n, index, field{name: k.Value, key: key, value: p.fromYAML(v, depth+1)})
	}
	for _, m := range merged {
		p.merge(n, m, depth)
	}
}

// merge adds what a merge key "<<" brings: the map's own keys win, then the first of a list of maps.
func (p *parser) merge(n *node, y *yaml.Node, depth int) {
	from := p.fromYAML(y, depth+1)
	maps := []*node{from}
	if from.kind == listKind {
		maps = from.items
	}
	for _, m := range maps {
		if m.kind != mapKind {
			if m.kind != unknownKind {
				p.fail(m, "syntax", "", "a merge key (<<) needs a map, or a list of maps")
			}
			return
		}
		own := n.names()
		for _, f := range m.fields {
			if !slices.Contains(own, f.name) {
				n.fields = append(n.fields, f)
			}
		}
	}
}

func (p *parser) scalar(y *yaml.Node, n *node) {
	n.kind, n.text = stringKind, y.Value
	switch y.ShortTag() {
	case "!!null":
		n.kind, n.text = nullKind, ""
	case "!!bool":
		n.kind, n.text = boolKind, strings.ToLower(y.Value)
	case "!!int", "!!float":
		n.kind, n.text = numberKind, numberText(y.Value)
	}
}

func (p *parser) json() *node {
	p.lines = []int{0}
	for i, c := range p.data {
		if c == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}
	p.dec = json.NewDecoder(bytes.NewReader(p.data))
	p.dec.UseNumber()
	root := p.jsonValue(0)
	if p.failed {
		return nil
	}
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return p.fail(p.at(p.next()), "syntax", "", "not well-formed JSON: something follows the end of the value")
	}
	return root
}

// next is the offset of the next token's first byte.
func (p *parser) next() int {
	i := int(p.dec.InputOffset())
	for i < len(p.data) && strings.IndexByte(" \t\r\n,:", p.data[i]) >= 0 {
		i++
	}
	return i
}

// at is an empty node placed at an offset of the file.
func (p *parser) at(offset int) *node {
	offset = min(offset, len(p.data))
	line := sort.SearchInts(p.lines, offset+1)
	return &node{src: p.src, line: line, col: utf8.RuneCount(p.data[p.lines[line-1]:offset]) + 1}
}

func (p *parser) token() (json.Token, *node, bool) {
	n := p.at(p.next())
	tok, err := p.dec.Token()
	if err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			n = p.at(int(max(syntax.Offset-1, 0)))
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			n, err = p.at(len(p.data)), errors.New("the file ends too early")
		}
		p.fail(n, "syntax", "", "not well-formed JSON: %v", err)
		return nil, n, false
	}
	return tok, n, true
}

func (p *parser) jsonValue(depth int) *node {
	tok, n, ok := p.token()
	if !ok || !p.count(n, depth) {
		return n.unknown()
	}
	switch v := tok.(type) {
	case string:
		n.kind, n.text = stringKind, v
	case json.Number:
		n.kind, n.text = numberKind, numberText(v.String())
	case bool:
		n.kind, n.text = boolKind, fmt.Sprint(v)
	case json.Delim:
		p.jsonContainer(n, v, depth)
	}
	return n
}

func (p *parser) jsonContainer(n *node, open json.Delim, depth int) {
	n.kind = listKind
	if open == '{' {
		n.kind = mapKind
	}
	index := map[string]int{}
	for p.dec.More() && !p.failed {
		if open == '[' {
			n.items = append(n.items, p.jsonValue(depth+1))
			continue
		}
		tok, key, ok := p.token()
		if !ok {
			return
		}
		key.kind, key.text = stringKind, tok.(string)
		value := p.jsonValue(depth + 1)
		p.addField(n, index, field{name: key.text, key: key, value: value})
	}
	if !p.failed {
		p.token()
	}
}

func keys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}
