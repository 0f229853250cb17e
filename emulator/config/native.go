package config

import (
	"path"
	"slices"
	"strconv"
	"time"
)

// nativeFile is an emulate.yaml while it is read:
//
//	functions:
//	  hello: ./hello                # a folder; runtime and handler are found out by its files
//	  users:
//	    code: ./users
//	    runtime: python3.13
//	    handler: app.handler
//	    memory: 256                 # MB
//	    timeout: 10s                # or seconds as a number
//	    environment: {TABLE: users}
//	    reservedConcurrency: 5
//	  thumbs:
//	    image: {context: ./thumbs}  # a Dockerfile; or the name of an image
//	apis:
//	  main:
//	    kind: http                  # or rest
//	    routes:
//	      GET /users/{id}: users
//	      $default: {function: hello, payload: "1.0"}
//	container: {network: own}       # what concerns containers, for all functions
//	limits: {concurrency: 100}      # the account's
//	coldStarts: aws                 # as long as AWS's
//	watch: {ignore: ["data/**"]}
//	idleTimeout: 10m
type nativeFile struct {
	scope
	project *Project
	root    *props
	// shared are the variables of every function.
	shared map[string]string
	// containers are the settings of every function's container.
	containers containers
	keys       map[string]*node
}

// loadNative reads an emulate.yaml into a project.
func loadNative(root *node, p *Project, opts Options, sc scope) {
	n := &nativeFile{scope: sc, project: p, keys: map[string]*node{}}
	n.root = open(sc.in("emulate.yaml", nil), root, root, "emulate.yaml", literal)
	n.settings(opts)
	if fs := n.root.value("functions"); fs == nil || len(fs.fields) == 0 {
		n.errorf(n.root.key("functions"), "no-functions", "functions: {hello: ./hello}", "the file has no functions")
	}
	n.eachIn("functions", n.function)
	n.project.checkFunctions(sc, func(f *Function) *node { return n.keys[f.LogicalID] })
	n.eachIn("apis", func(f *field) { n.api(f, opts) })
	for _, name := range keys(opts.Parameters) {
		n.warnf(&node{src: root.src}, "unknown-parameter", "", "--parameter %s: an emulate.yaml has no parameters", name)
	}
}

// eachIn calls f for every entry of a section.
func (n *nativeFile) eachIn(section string, f func(*field)) {
	v := n.root.value(section)
	if v == nil {
		return
	}
	if v.kind != mapKind {
		n.root.wrongType(v, section, "a map")
		return
	}
	for i := range v.fields {
		f(&v.fields[i])
	}
}

func (n *nativeFile) settings(opts Options) {
	n.containers = n.root.nestedIn("container").containers(opts)
	n.shared = n.root.variables("environment")
	n.project.ColdStarts = n.root.coldStarts()
	n.root.account(n.project, n.root.nestedIn("limits"))
	if w := n.root.nestedIn("watch"); w != nil {
		n.project.Ignore = w.texts("ignore")
		for _, glob := range n.project.Ignore {
			if _, err := path.Match(glob, ""); err != nil {
				w.errorf(w.raw("ignore"), "wrong-value", "", "%q is no pattern of file names", glob)
			}
		}
	}
}

// nestedIn opens a section of the file, which has the row "emulate.yaml <name>".
func (p *props) nestedIn(name string) *props {
	v := p.value(name)
	if v == nil {
		return nil
	}
	return open(p.scope, v, p.key(name), p.row.typ+" "+name, literal)
}

// duration reads a number of seconds, or text such as "1.5s" or "10m".
func (p *props) duration(name string, fallback, low, high time.Duration) time.Duration {
	v := p.value(name)
	if v == nil {
		return fallback
	}
	d, err := time.ParseDuration(v.text)
	if s, numErr := strconv.ParseFloat(v.text, 64); numErr == nil && s < 1e9 && s > -1e9 {
		d, err = time.Duration(s*float64(time.Second)), nil
	}
	switch {
	case !v.isScalar() || v.kind == boolKind:
		p.wrongType(v, name, "a duration")
	case err != nil:
		p.errorf(v, "wrong-value", "seconds as a number, or a text such as 500ms, 10s, 15m", "%s is no duration: %q", name, v.text)
	case d < low || d > high:
		p.errorf(v, "out-of-range", "", "%s is %v; it can be %v to %v", name, d, low, high)
	default:
		return d
	}
	return fallback
}

func (n *nativeFile) function(fl *field) {
	f := newFunction(fl.name, fl.key)
	sc := n.in(fl.name, &f.Broken)
	n.project.Functions = append(n.project.Functions, f)
	n.keys[f.LogicalID] = fl.key
	v := fl.value
	if v.kind == stringKind {
		v = v.mapOf(field{name: "code", key: v, value: v})
	}
	if v.kind == nullKind {
		v = fl.key.mapOf()
	}
	r := &functionReader{props: open(sc, v, fl.key, "emulate.yaml functions", literal), project: n.project, f: f}
	if !functionNamePattern.MatchString(fl.name) {
		r.errorf(fl.key, "wrong-value", "", "the name %q must be 1 to 64 letters, digits, - and _", fl.name)
	}
	r.name("name")
	f.Description = r.text("description")
	if r.has("image") {
		r.nativeImage()
	} else {
		r.nativeCode()
	}
	r.nativeLimits()
	r.nativeRest()
	r.where(r.props)
	n.containers.complete(f)
	r.environment(r.props, "environment", n.shared)
}

// nativeCode reads where the code is, and its runtime and handler, which the folder's files tell where the file does not.
func (r *functionReader) nativeCode() {
	f := r.f
	f.Runtime, f.Handler = r.text("runtime"), r.text("handler")
	if f.Runtime != "" {
		r.checkRuntime("runtime", f.Runtime)
	}
	code := r.value("code")
	switch {
	case r.has("inline") && r.has("code"):
		r.errorf(r.key("inline"), "wrong-value", "", "a function has code or inline, not both")
		return
	case r.has("inline"):
		r.nativeInline()
		return
	case code == nil:
		r.require("code", "code: the folder of the sources")
		return
	case !code.isScalar():
		r.wrongType(code, "code", "a path")
		return
	}
	if f.Code.Dir = r.codePath(r.project, code, code.text); f.Code.Dir == "" {
		return
	}
	r.guessRuntime(code)
	r.build()
}

func (r *functionReader) nativeInline() {
	if r.require("runtime", "runtime: "+defaultNode) {
		r.f.Handler = or(r.f.Handler, "index.handler")
		r.inline(r.key("inline"), r.text("inline"))
	}
}

func (r *functionReader) guessRuntime(code *node) {
	f := r.f
	if f.Runtime != "" && f.Handler != "" {
		return
	}
	g := detect(f.Code.Dir)
	if f.Runtime == "" && !r.has("runtime") {
		if g == nil {
			r.errorf(code, "missing-property", "give it a runtime; looked for "+lookedFor, "the files of %s do not tell its runtime", code.text)
			return
		}
		f.Runtime = g.runtime
	}
	switch {
	case f.Handler != "" || r.has("handler"):
	case isProvided(f.Runtime):
		f.Handler = "bootstrap"
	case g != nil && family(g.runtime) == family(f.Runtime):
		f.Handler = g.handler
	default:
		r.errorf(r.owner, "missing-property", "handler: file.function", "function %s has no handler, and its files do not tell one", f.LogicalID)
	}
}

// family is a runtime's language: its name up to the first digit.
func family(runtime string) string {
	for i, c := range runtime {
		if c >= '0' && c <= '9' {
			return runtime[:i]
		}
	}
	return runtime
}

// build reads "build: makefile" or "build: {method: esbuild, Minify: true}". Without a method the settings are those of the language's own way.
func (r *functionReader) build() {
	v := r.value("build")
	if v == nil {
		return
	}
	methods := methodNames("emulate.yaml")
	p := r.props
	property := "build"
	if v.kind == mapKind {
		p, property = r.nested("build"), "method"
		r.f.Code.BuildProperties = v.plain().(map[string]any)
		delete(r.f.Code.BuildProperties, "method")
	}
	method := p.enum(property, "", methods...)
	r.f.setBuildMethod(method)
	if v.kind == mapKind && (method != "" || !p.has("method")) {
		p.checkBuild(v, "emulate.yaml", method)
	}
}

func (r *functionReader) nativeLimits() {
	f := r.f
	r.limits("memory", "", "reservedConcurrency")
	f.Timeout = r.duration("timeout", defaultTimeout*time.Second, time.Second, maxTimeout*time.Second)
	f.EphemeralStorageMB = r.integer("ephemeralStorage", defaultStorageMB, defaultStorageMB, maxStorageMB)
	if f.ProvisionedConcurrency = r.integer("provisionedConcurrency", 0, 1, unbounded); f.ProvisionedConcurrency > 0 && !r.has("alias") {
		r.errorf(r.key("provisionedConcurrency"), "missing-property", "alias: live", "provisionedConcurrency needs an alias")
	}
	f.Warm = r.warm()
	if r.has("retries") {
		n := r.integer("retries", 2, 0, 2)
		f.MaximumRetryAttempts = &n
	}
	f.Architecture = r.enum("architecture", "x86_64", "x86_64", "arm64")
	f.Tracing = r.enum("tracing", "PassThrough", "Active", "PassThrough")
}

func (r *functionReader) nativeRest() {
	r.alias("alias")
	r.f.Tags = r.textMap("tags")
	layers := r.list("layers")
	if len(layers) > maxLayers {
		r.errorf(r.key("layers"), "out-of-range", "", "a function has at most %d layers; this one has %d", maxLayers, len(layers))
	}
	for _, it := range layers {
		if !it.isScalar() {
			r.wrongType(it, "an item of layers", "a path")
		} else if dir := r.codePath(r.project, it, it.text); dir != "" {
			r.f.Layers = append(r.f.Layers, dir)
		}
	}
	if l := r.nested("logging"); l != nil {
		g := &r.f.Logging
		g.Format, g.Group = l.enum("format", "Text", "Text", "JSON"), l.text("group")
		r.levels(l, "applicationLevel", "systemLevel")
	}
	if u := r.nested("url"); u != nil {
		r.f.URL = &FunctionURL{
			AuthType: u.enum("auth", "NONE", "NONE", "AWS_IAM"), InvokeMode: u.enum("invokeMode", "BUFFERED", "BUFFERED", "RESPONSE_STREAM"),
			CORS: u.cors(),
		}
	}
}

// cors reads emulate.yaml's cors: true for everything, or a map.
func (p *props) cors() *CORS {
	v := p.value("cors")
	switch {
	case v == nil, v.text == "false":
		return nil
	case v.text == "true":
		return &CORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"*"}, AllowHeaders: []string{"*"}}
	}
	c := p.nested("cors")
	cors := &CORS{
		AllowOrigins: c.texts("allowOrigins"), AllowMethods: c.texts("allowMethods"), AllowHeaders: c.texts("allowHeaders"),
		ExposeHeaders: c.texts("exposeHeaders"), AllowCredentials: c.boolean("allowCredentials"),
	}
	if c.has("maxAge") {
		age := c.integer("maxAge", 0, 0, 86400)
		cors.MaxAge = &age
	}
	if cors.AllowCredentials && slices.Contains(cors.AllowOrigins, "*") {
		p.errorf(c.key("allowCredentials"), "wrong-value", "name the origins", "allowCredentials does not go with the origin *")
	}
	return cors
}
