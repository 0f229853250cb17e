// Package config reads what a user has, a SAM or CloudFormation template, an emulate.yaml, or a folder of code, into the one native model: a
// Project of functions and APIs. Load is its only way in; CheckEnvironment holds what the API is sent against the same
// rules about variables (environment.go).
//
//	Load ─ find ──────── which file: the folder order of CONTRACT.md, else the content (load.go)
//	     ├ parse ─────── YAML or JSON → node: a tree with positions; !Sub is {Fn::Sub: …}, aliases are unfolded (parse.go, node.go)
//	     ├ loadTemplate ─ sections, resources that exist, Globals merged in (template.go, globals.go)
//	     │   ├ eval ────── Ref, Fn::Sub, …, lazily, when a property is read (intrinsics.go, refs.go, conditions.go,
//	     │   │             parameters.go, include.go)
//	     │   ├ open ────── props: reads the properties of one resource by the support table (props.go, support*.go)
//	     │   ├ loadFunctions → Project.Functions (lambda.go, function.go, environment.go; image.go, container.go)
//	     │   └ loadAPIs ──→ Project.APIs (api*.go; sam_api.go, openapi*.go, apigateway*.go); what a route may be: route.go
//	     ├ loadNative ─── the same by emulate.yaml's own names (native*.go)
//	     ├ folder ─────── a folder without a file (folder.go, detect.go)
//	     └ environment ── env file and --env over the functions' own variables (env.go, dotenv.go)
//
// # Problems
//
// A problem is reported through a scope, at a node, and reading goes on: errorf and warnf never stop anything, so that all problems are told at
// once. The scope says whom it concerns (in); with Options.Lenient the errors of one object are told as warnings and kept in its Broken list. A
// value that failed is a node of unknownKind: whoever meets one says nothing more about it.
//
// # Reading a resource
//
//	p := t.open(r, &api.Broken)          // checks every property's name against the row of r.typ in the support table
//	api.Name = p.text("Name")            // evaluated; numbers and booleans become text; "" where absent or wrong (reported)
//	n := p.integer("TimeoutInMillis", 0, 50, 29000)
//	if c := p.nested("CorsConfiguration"); c != nil { … }   // row "<type>.CorsConfiguration", values evaluated already
//	v := p.value("Cors")                 // an evaluated *node, for what is a string here and a map there; nil where absent
//	raw := p.raw("DefinitionBody")       // not evaluated; t.eval(raw, p.scope) does so
//	p.errorf(p.key("Name"), "wrong-value", "the mend", "what is wrong with %q", name)
//
// What a property means locally stands in the support table and nowhere else: served ones are read by such code, ignored ones are never
// evaluated (a broken reference in them is no error), notYet ones warn, refused ones are errors, all others are misspelt. Ref of a resource is a
// text (refs.go): a function's name, an API's shortID; functionByRef finds the function again that a name or any ARN means.
package config
