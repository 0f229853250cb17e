package config

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// template is a SAM or CloudFormation template while it is read. Its values are evaluated lazily, so that a reference which nobody needs is no
// error.
type template struct {
	scope
	opts    Options
	root    *node
	project *Project
	// parameters and conditions are evaluated at most once; evaluating marks what is under way, so that a circle is found.
	parameters, conditions, names map[string]*node
	evaluating                    map[string]bool
	// included are the trees of included files by their paths, nil for one that is not well formed.
	included  map[string]*node
	resources []*resource
	// functions by the logical id of their resource.
	functions map[string]*Function
	// events are the functions' events that make routes, in the order of the file.
	events []event
}

// resource is one entry of Resources.
type resource struct {
	id, typ string
	// key is the place of the logical id; props are the raw Properties, with Globals merged in for SAM's types; node is the whole entry.
	key, typeAt, props, node *node
}

// event is an event of type Api or HttpApi of a SAM function.
type event struct {
	function *Function
	// name is the event's key, typ its Type, props its raw Properties (nil where it has none).
	name, typ string
	key       *node
	props     *node
}

// templateSections are the sections that a template may have.
const templateSections = "AWSTemplateFormatVersion Transform Description Metadata Parameters Rules Mappings Conditions Globals Resources Outputs Hooks"

// loadTemplate reads a template into a project.
func loadTemplate(root *node, project *Project, opts Options, sc scope) {
	t := &template{
		scope: sc, opts: opts, root: root, project: project,
		parameters: map[string]*node{}, conditions: map[string]*node{}, names: map[string]*node{},
		evaluating: map[string]bool{}, included: map[string]*node{}, functions: map[string]*Function{},
	}
	t.checkSections()
	t.checkTransform()
	t.checkParameters()
	t.readResources()
	t.loadFunctions()
	t.loadAPIs()
	t.summarize()
	if len(project.Functions)+len(project.APIs) == 0 && !t.d.failed() {
		t.errorf(root.field("Resources").key, "no-functions", "", "the template has no function and no API that can be served")
	}
}

func (t *template) checkSections() {
	known := strings.Fields(templateSections)
	for _, f := range t.root.fields {
		switch {
		case !slices.Contains(known, f.name):
			t.errorf(f.key, "unknown-section", didYouMean(f.name, known), "unknown section %q of a template", f.name)
		case f.value.kind != mapKind && slices.Contains([]string{"Parameters", "Mappings", "Conditions", "Globals", "Resources"}, f.name):
			t.errorf(f.key, "wrong-type", "", "%s must be a map, not %s", f.name, f.value.kind)
		}
	}
	if globals := t.root.get("Globals"); globals != nil {
		for _, f := range globals.fields {
			if _, ok := globalsSections[f.name]; !ok {
				t.errorf(f.key, "unknown-section", didYouMean(f.name, keys(globalsSections)), "unknown section %q of Globals", f.name)
			}
		}
	}
}

func (t *template) checkTransform() {
	v := t.root.get("Transform")
	if v == nil {
		return
	}
	list := []*node{v}
	if v.kind == listKind {
		list = v.items
	}
	supported := []string{"AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"}
	for _, it := range list {
		name := it.text
		if it.kind == mapKind {
			name = it.get("Name").textOr("")
		}
		if !slices.Contains(supported, name) {
			t.errorf(it, "unsupported-transform", didYouMean(name, supported), "the transform %q is not supported", name)
		}
	}
}

func (n *node) textOr(fallback string) string {
	if n == nil || !n.isScalar() {
		return fallback
	}
	return n.text
}

var logicalID = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// readResources lists the resources whose Condition holds, and reports types that are misspelt.
func (t *template) readResources() {
	all := t.root.get("Resources")
	if all == nil || len(all.fields) == 0 {
		t.errorf(t.root, "no-resources", "", "the template has no Resources")
		return
	}
	for _, f := range all.fields {
		if strings.HasPrefix(f.name, "Fn::ForEach") {
			t.errorf(f.key, "not-supported", "", "Fn::ForEach is not supported")
			continue
		}
		r := &resource{id: f.name, key: f.key, node: f.value}
		sc := t.in(r.id, nil)
		if !logicalID.MatchString(r.id) {
			sc.errorf(f.key, "wrong-value", "", "the logical id %q must be made of letters and digits", r.id)
		}
		if f.value.kind != mapKind {
			sc.errorf(f.key, "wrong-type", "", "resource %s must be a map, not %s", r.id, f.value.kind)
			continue
		}
		if t.readResource(r, sc) {
			t.resources = append(t.resources, r)
		}
	}
}

const resourceAttributes = "Type Properties Metadata DependsOn Condition DeletionPolicy UpdateReplacePolicy UpdatePolicy CreationPolicy Connectors IgnoreGlobals"

func (t *template) readResource(r *resource, sc scope) bool {
	for _, f := range r.node.fields {
		if known := strings.Fields(resourceAttributes); !slices.Contains(known, f.name) {
			sc.errorf(f.key, "unknown-property", didYouMean(f.name, known), "unknown attribute %q of resource %s", f.name, r.id)
		}
	}
	typ := r.node.get("Type")
	if typ == nil || typ.kind != stringKind {
		sc.errorf(r.key, "missing-property", "", "resource %s has no Type", r.id)
		return false
	}
	r.typ, r.typeAt, r.props = typ.text, typ, r.node.get("Properties")
	if !t.checkType(r, sc) {
		return false
	}
	r.props = t.withGlobals(r)
	c := r.node.get("Condition")
	return c == nil || t.condition(c, sc)
}

// ours are the services whose types this program knows one by one, so that a name which is not among them is misspelt.
var ours = regexp.MustCompile(`(?i)^AWS::?(Serverless|Lambda|ApiGateway|ApiGatewayV2)::?`)

func (t *template) checkType(r *resource, sc scope) bool {
	row := rowOf(r.typ)
	switch {
	case row == nil && (ours.MatchString(r.typ) || !strings.Contains(r.typ, "::")):
		name := r.typ
		if !strings.Contains(name, "::") {
			name = "AWS::Serverless::" + name
		}
		sc.errorf(r.typeAt, "unknown-type", didYouMean(name, knownTypes()), "unknown resource type %q", r.typ)
		return false
	case row != nil && row.class == Refused:
		sc.errorf(r.typeAt, "not-supported", "", "%s is not supported yet%s", r.typ, note(row.note))
	case row != nil && row.class == NotEmulated:
		sc.warnf(r.typeAt, "not-emulated", "", "%s is not emulated yet%s", r.typ, note(row.note))
	}
	return true
}

func knownTypes() []string {
	var names []string
	for _, rows := range [][]typeRow{serverlessTypes, lambdaTypes, apiTypes, apiGatewayTypes} {
		for _, r := range rows {
			if !strings.ContainsAny(r.typ, ". ") {
				names = append(names, r.typ)
			}
		}
	}
	return names
}

// resource finds a resource that is created, nil where there is none.
func (t *template) resource(id string) *resource {
	for _, r := range t.resources {
		if r.id == id {
			return r
		}
	}
	return nil
}

// open makes a reader of a resource's properties in the scope of its object.
func (t *template) open(r *resource, broken *[]Diagnostic) *props {
	return open(t.in(r.id, broken), r.props, r.key, r.typ, t.eval)
}

// summarize says in one line what is accepted and has no effect here.
func (t *template) summarize() {
	counts, order := map[string]int{}, []string{}
	for _, r := range t.resources {
		row := rowOf(r.typ)
		if row == nil || row.class == NoLocalEffect {
			if counts[r.typ]++; counts[r.typ] == 1 {
				order = append(order, r.typ)
			}
		}
	}
	if len(order) == 0 {
		return
	}
	for i, typ := range order {
		order[i] = fmt.Sprintf("%d %s", counts[typ], typ)
	}
	t.project.Summary = "accepted and not emulated: " + strings.Join(order, ", ")
}

// shortID makes ten lower-case alphanumerics from a name, the same on every machine: API ids, and ids of whatever else needs one.
func shortID(name string) string {
	const digits = "abcdefghijklmnopqrstuvwxyz0123456789"
	sum := sha256.Sum256([]byte(name))
	id := make([]byte, 10)
	for i := range id {
		id[i] = digits[int(sum[i])%len(digits)]
	}
	return string(id)
}

// path makes an absolute path of one in the configuration.
func (p *Project) path(rel string) string {
	if filepath.IsAbs(rel) {
		return filepath.Clean(rel)
	}
	return filepath.Join(p.Dir, rel)
}
