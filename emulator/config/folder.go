package config

import (
	"path/filepath"
	"regexp"
)

// folder makes the project of a folder without a configuration file: one function, named after the folder, behind every path of an HTTP API.
func (l *loader) folder(p *Project, at *node) {
	g := detect(p.Dir)
	if g == nil {
		l.errorf(at, "no-project", "looked for emulate.yaml, template.yaml|yml|json, and for "+lookedFor,
			"the folder has no configuration file, and no code that looks like a function")
		return
	}
	name := functionNameOf(p.Dir)
	f := newFunction(name, at)
	f.Runtime, f.Handler, f.Code.Dir = g.runtime, g.handler, p.Dir
	p.Functions = []*Function{f}
	p.APIs = []*API{catchAll(f)}
}

// catchAll is an HTTP API whose $default route calls one function.
func catchAll(f *Function) *API {
	return &API{
		ID: shortID(f.LogicalID), LogicalID: f.LogicalID, Name: f.Name, At: f.At, Kind: HTTP, Stages: []Stage{{Name: "$default"}},
		Routes: []Route{{At: f.At, Method: "ANY", Path: "$default", Integration: Integration{Type: LambdaProxy, Function: f.Name, PayloadFormat: "2.0"}}},
	}
}

var notInNames = regexp.MustCompile(`[^a-zA-Z0-9-_]+`)

// functionNameOf makes a function's name of a folder's.
func functionNameOf(dir string) string {
	name := notInNames.ReplaceAllString(filepath.Base(dir), "-")
	if name == "-" || name == "" {
		return "function"
	}
	return name[:min(len(name), 64)]
}
