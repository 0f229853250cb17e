package config

import "strings"

// globalsSections are the sections of Globals and the types that they are merged into.
var globalsSections = map[string]string{
	"Function": "AWS::Serverless::Function", "Api": "AWS::Serverless::Api", "HttpApi": "AWS::Serverless::HttpApi",
	"LayerVersion": "AWS::Serverless::LayerVersion", "SimpleTable": "", "StateMachine": "", "WebSocketApi": "", "CapacityProvider": "",
	"MicrovmImage": "", "NetworkConnector": "",
}

// withGlobals returns a resource's properties with its section of Globals below them.
func (t *template) withGlobals(r *resource) *node {
	globals := t.root.get("Globals")
	if globals == nil {
		return r.props
	}
	for _, f := range globals.fields {
		if globalsSections[f.name] == r.typ && f.value.kind == mapKind {
			return merge(withoutIgnored(f.value, r.node.get("IgnoreGlobals")), r.props)
		}
	}
	return r.props
}

// withoutIgnored leaves out what a resource's IgnoreGlobals names: "*" for all of it, or a list of properties.
func withoutIgnored(globals, ignore *node) *node {
	switch {
	case ignore == nil:
		return globals
	case ignore.textOr("") == "*":
		return globals.mapOf()
	}
	kept := globals.mapOf()
	for _, f := range globals.fields {
		ignored := false
		for _, it := range ignore.items {
			ignored = ignored || it.text == f.name
		}
		if !ignored {
			kept.fields = append(kept.fields, f)
		}
	}
	return kept
}

// merge lays a resource's value over a global one as SAM does: maps key by key, lists appended, everything else (intrinsic functions too)
// replaced. Source: spec apigateway.md §11.2.
func merge(global, local *node) *node {
	switch {
	case local == nil:
		return global
	case global == nil:
		return local
	case global.kind == listKind && local.kind == listKind:
		list := local.with(listKind, "")
		list.items = append(append(list.items, global.items...), local.items...)
		return list
	case global.kind != mapKind || local.kind != mapKind || isIntrinsic(global) || isIntrinsic(local):
		return local
	}
	m := local.mapOf()
	for _, f := range global.fields {
		if own := local.field(f.name); own != nil {
			f = field{name: f.name, key: own.key, value: merge(f.value, own.value)}
		}
		m.fields = append(m.fields, f)
	}
	for _, f := range local.fields {
		if global.field(f.name) == nil {
			m.fields = append(m.fields, f)
		}
	}
	return m
}

// isIntrinsic says whether a value is a call of an intrinsic function: a map of the one key Ref or Fn::….
func isIntrinsic(n *node) bool {
	return n != nil && n.kind == mapKind && len(n.fields) == 1 && (n.fields[0].name == "Ref" || strings.HasPrefix(n.fields[0].name, "Fn::"))
}
