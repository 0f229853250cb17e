package config

import (
	"slices"
	"strings"
)

// buildMethod is one way to build a function: how a file calls it, and which settings it knows.
type buildMethod struct {
	name string
	// only is where the method is known: "sam", "emulate.yaml", or "" for both.
	only string
	// properties are the settings of the method as emulate.yaml calls them; in a template they begin with a capital letter, as all of SAM's. "*" leaves it
	// to the build, which knows them all.
	properties string
}

// buildMethods are SAM's, and those that SAM has no name for.
var buildMethods = []buildMethod{
	{name: "go1.x", properties: "cgo CGO_ENABLED"},
	{name: "go", only: "emulate.yaml", properties: "cgo CGO_ENABLED"},
	{name: "makefile"},
	{name: "esbuild", properties: "*"},
	{name: "python-uv"},
	{name: "rust-cargolambda", properties: rustProperties},
	{name: "rust", only: "emulate.yaml", properties: rustProperties},
	{name: "dockerfile", properties: "args context dockerfile path target"},
	{name: "compose", properties: "file path service"},
	{name: "native", properties: "commands files packages"},
	{name: "none", only: "emulate.yaml"},
}

const rustProperties = "binary features profile"

// methodNames are the methods that a kind of file knows.
func methodNames(kind string) []string {
	var names []string
	for _, m := range buildMethods {
		if m.only == "" || m.only == kind {
			names = append(names, m.name)
		}
	}
	return names
}

// setBuildMethod notes how a function is built.
func (f *Function) setBuildMethod(method string) {
	switch method {
	case "none":
		f.Code.SkipBuild = true
	case "makefile":
		f.Code.BuildMethod, f.Code.MakeTarget = method, "build-"+f.LogicalID
	case "go":
		f.Code.BuildMethod = "go1.x"
	case "rust":
		f.Code.BuildMethod = "rust-cargolambda"
	default:
		f.Code.BuildMethod = method
	}
}

// checkBuild reports settings that the method does not know; without a method those of every language's own way are known.
func (p *props) checkBuild(settings *node, kind, method string) {
	known := strings.Fields("cgo CGO_ENABLED " + rustProperties)
	for _, m := range buildMethods {
		if m.name != method {
			continue
		}
		if m.properties == "*" {
			return
		}
		known = strings.Fields(m.properties)
	}
	if kind == "sam" {
		for i, name := range known {
			known[i] = strings.ToUpper(name[:1]) + name[1:]
		}
	}
	for _, f := range settings.fields {
		if f.name != "method" && !slices.Contains(known, f.name) {
			p.errorf(f.key, "unknown-property", oneOf(f.name, known), "unknown build setting %q", f.name)
		}
	}
}
