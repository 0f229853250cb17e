package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// loadFunctions makes the project's functions of the template's function resources.
func (t *template) loadFunctions() {
	layers := t.layers()
	for _, r := range t.resources {
		switch r.typ {
		case "AWS::Serverless::Function":
			t.serverlessFunction(r, layers)
		case "AWS::Lambda::Function":
			t.lambdaFunction(r, layers)
		}
	}
	for _, r := range t.resources {
		switch r.typ {
		case "AWS::Lambda::Alias":
			t.lambdaAlias(r)
		case "AWS::Lambda::Url":
			t.lambdaURL(r)
		case "AWS::Lambda::Version":
			t.open(r, nil)
		case "AWS::Lambda::EventInvokeConfig":
			p := t.open(r, nil)
			if f, _ := t.functionByRef(p.text("FunctionName")); f != nil {
				(&functionReader{props: p, project: t.project, f: f}).retries(p)
			}
		}
	}
	shared := t.containers()
	for _, f := range t.project.Functions {
		shared.complete(f)
	}
	t.project.checkFunctions(t.scope, func(f *Function) *node { return t.resource(f.LogicalID).key })
}

// read opens a function resource and reads what both types have alike.
func (t *template) read(r *resource, layers map[string]string) *functionReader {
	f := newFunction(r.id, r.key)
	t.project.Functions = append(t.project.Functions, f)
	t.functions[r.id] = f
	fr := &functionReader{props: t.open(r, &f.Broken), project: t.project, f: f}
	fr.name("FunctionName")
	f.Description = fr.text("Description")
	fr.packageType()
	fr.limits("MemorySize", "Timeout", "ReservedConcurrentExecutions")
	fr.architecture("Architectures")
	if p := fr.nested("EphemeralStorage"); p != nil && p.require("Size", "") {
		f.EphemeralStorageMB = p.integer("Size", defaultStorageMB, defaultStorageMB, maxStorageMB)
	}
	fr.environment(fr.nested("Environment"), "Variables", nil)
	fr.logging(fr.nested("LoggingConfig"))
	fr.retries(fr.nested("EventInvokeConfig"))
	t.metadata(fr, r)
	m := t.functionMetadata(fr, r)
	if f.PackageType == "Image" {
		fr.image(m, r)
	} else {
		t.functionLayers(fr, layers)
	}
	if e := m.nested("Emulate"); e != nil {
		fr.where(e)
		f.Warm = e.warm()
	}
	return fr
}

func (t *template) serverlessFunction(r *resource, layers map[string]string) {
	fr := t.read(r, layers)
	f := fr.f
	fr.codeURI()
	fr.runtime("Runtime", "Handler")
	if fr.has("InlineCode") && f.PackageType == "Zip" {
		fr.inline(fr.key("InlineCode"), fr.text("InlineCode"))
	}
	fr.alias("AutoPublishAlias")
	f.Tracing = map[string]string{"Active": "Active"}[fr.text("Tracing")]
	f.Tracing = or(f.Tracing, "PassThrough")
	f.Tags = t.tags(r)
	if p := fr.nested("ProvisionedConcurrencyConfig"); p != nil {
		f.ProvisionedConcurrency = p.integer("ProvisionedConcurrentExecutions", 0, 1, unbounded)
		if f.Alias == "" {
			fr.errorf(fr.key("ProvisionedConcurrencyConfig"), "missing-property", "AutoPublishAlias: live", "ProvisionedConcurrencyConfig needs AutoPublishAlias")
		}
	}
	if p := fr.nested("FunctionUrlConfig"); p != nil {
		f.URL = p.functionURL()
	}
	t.functionEvents(r, fr)
}

// codeURI reads where a SAM function's code is: a local folder or archive, or InlineCode.
func (fr *functionReader) codeURI() {
	uri := fr.value("CodeUri")
	switch {
	case fr.f.PackageType == "Image", uri == nil && (fr.has("InlineCode") || fr.has("CodeUri")):
	case uri == nil:
		fr.warnf(fr.owner, "missing-property", "CodeUri: the folder of the sources", "%s has no CodeUri: its code is taken from the template's folder, as the SAM CLI does", fr.what())
		fr.f.Code.Dir = fr.project.Dir
	case uri.kind == mapKind:
		fr.s3(uri, uri.get("Bucket").textOr("?"))
	case !uri.isScalar():
		fr.wrongType(uri, "CodeUri", "a path")
	case fr.has("InlineCode"):
		// SAM takes the inline code where both are given, so that a global CodeUri does no harm.
	default:
		fr.f.Code.Dir = fr.codePath(fr.project, uri, uri.text)
	}
}

// functionEvents keeps the events that make routes, and warns of the others: the function stays invokable.
func (t *template) functionEvents(r *resource, fr *functionReader) {
	events := fr.raw("Events")
	if events == nil {
		return
	}
	if events.kind != mapKind || isIntrinsic(events) {
		fr.wrongType(events, "Events", "a map")
		return
	}
	for _, e := range events.fields {
		v := e.value
		if isIntrinsic(v) {
			if v = t.eval(v, fr.scope); v == nil || v.kind == unknownKind {
				continue
			}
		}
		typ := v.get("Type").textOr("")
		switch {
		case v.kind != mapKind:
			fr.errorf(e.key, "wrong-type", "", "event %s must be a map, not %s", e.name, v.kind)
		case typ == "":
			fr.errorf(e.key, "missing-property", "", "event %s has no Type", e.name)
		case typ == "Api" || typ == "HttpApi":
			t.events = append(t.events, event{function: fr.f, name: e.name, typ: typ, key: e.key, props: v.get("Properties")})
		case slices.Contains(otherEvents, typ):
			fr.warnf(e.key, "not-emulated", "", "event %s of type %s is not emulated yet; the function can still be invoked", e.name, typ)
		default:
			fr.errorf(v.get("Type"), "unknown-type", didYouMean(typ, append([]string{"Api", "HttpApi"}, otherEvents...)), "unknown event type %q", typ)
		}
	}
}

// otherEvents are the types of SAM's events that make no routes.
var otherEvents = strings.Fields(`S3 SNS Kinesis DynamoDB SQS Schedule ScheduleV2 CloudWatchEvent EventBridgeRule CloudWatchLogs IoTRule AlexaSkill
	Cognito MQ MSK SelfManagedKafka DocumentDB`)

func (t *template) lambdaFunction(r *resource, layers map[string]string) {
	fr := t.read(r, layers)
	f := fr.f
	t.code(fr, r)
	fr.runtime("Runtime", "Handler")
	if f.PackageType == "Image" {
		// Its Code is an ImageUri, which may be one that is not evaluated.
	} else if code := fr.value("Code"); code != nil && code.kind == mapKind && code.get("ZipFile") != nil {
		fr.inline(code.field("ZipFile").key, code.get("ZipFile").textOr(""))
	}
	f.Tracing = "PassThrough"
	if mode := fr.value("TracingConfig"); mode != nil {
		f.Tracing = mode.get("Mode").textOr("PassThrough")
	}
	f.Tags = t.tags(r)
}

// code reads a CloudFormation function's Code: the path that `aws cloudformation package` would upload, CDK's asset, or a ZipFile's text.
func (t *template) code(fr *functionReader, r *resource) {
	if fr.f.PackageType == "Image" {
		fr.imageCode()
		return
	}
	if !fr.require("Code", "") {
		return
	}
	code := fr.value("Code")
	asset := r.node.get("Metadata").get("aws:asset:path").textOr("")
	switch {
	case code == nil:
	case code.isScalar():
		fr.f.Code.Dir = fr.codePath(t.project, code, code.text)
	case asset != "":
		fr.f.Code.Dir = fr.codePath(t.project, r.node.get("Metadata").get("aws:asset:path"), asset)
	default:
		p := fr.nested("Code")
		if p.has("S3Bucket") || p.has("S3Key") {
			fr.s3(code, or(p.text("S3Bucket"), p.text("S3Key")))
		} else if !p.has("ZipFile") && !p.has("ImageUri") {
			fr.errorf(code, "missing-property", "Code: the folder of the sources", "Code names no code")
		}
	}
}

// metadata reads how a function is built. Keys of Metadata that are not SAM's are the user's own.
func (t *template) metadata(fr *functionReader, r *resource) {
	m := t.eval(r.node.get("Metadata"), fr.scope)
	if m == nil || m.kind != mapKind {
		return
	}
	c := &fr.f.Code
	c.SkipBuild = m.get("SkipBuild").textOr("") == "true"
	if p := m.get("BuildProperties"); p != nil && p.kind == mapKind {
		c.BuildProperties = p.plain().(map[string]any)
	}
	method := m.get("BuildMethod")
	if method == nil {
		return
	}
	switch known := methodNames("sam"); {
	case slices.Contains(known, method.text):
		fr.f.setBuildMethod(method.text)
		if p := m.get("BuildProperties"); p != nil && p.kind == mapKind && slices.Contains([]string{"dockerfile", "compose", "native"}, method.text) {
			fr.checkBuild(p, "sam", method.text)
		}
	case slices.Contains(runtimes, method.text) || retiredRuntimes[method.text] != "":
		// A runtime's name stands for that language's own way, which is what is found out without it.
	default:
		fr.errorf(method, "wrong-value", oneOf(method.text, known), "unknown BuildMethod %q", method.text)
	}
}

// tags reads tags without a word about those that cannot be evaluated: they have no effect here.
func (t *template) tags(r *resource) map[string]string {
	v := t.eval(r.props.get("Tags"), scope{d: &diagnostics{}})
	if v == nil {
		return nil
	}
	tags := map[string]string{}
	for _, f := range v.fields {
		if f.value.isScalar() {
			tags[f.name] = f.value.text
		}
	}
	for _, it := range v.items {
		if k, v := it.get("Key"), it.get("Value"); k != nil && v != nil && v.isScalar() {
			tags[k.text] = v.text
		}
	}
	if len(tags) == 0 {
		return nil
	}
	return tags
}

// functionByRef finds the function that a name or an ARN means, nil where it is none of the template's.
func (t *template) functionByRef(ref string) (f *Function, qualifier string) {
	name, qualifier := functionName(ref)
	for _, f := range t.project.Functions {
		if f.Name == name {
			return f, qualifier
		}
	}
	return nil, qualifier
}

// lambdaAlias gives a function its alias. One alias of version 1 is emulated; a second one is said not to be.
func (t *template) lambdaAlias(r *resource) {
	p := t.open(r, nil)
	if !p.require("FunctionName", "") || !p.require("Name", "") {
		return
	}
	f, _ := t.functionByRef(p.text("FunctionName"))
	if f == nil {
		return
	}
	if f.Alias != "" {
		p.warnf(r.key, "not-emulated", "", "function %s has the alias %s already; more than one alias is not emulated yet", f.LogicalID, f.Alias)
		return
	}
	fr := &functionReader{props: p, project: t.project, f: f}
	fr.alias("Name")
	if c := p.nested("ProvisionedConcurrencyConfig"); c != nil {
		f.ProvisionedConcurrency = c.integer("ProvisionedConcurrentExecutions", 0, 1, unbounded)
	}
}

func (t *template) lambdaURL(r *resource) {
	p := t.open(r, nil)
	if !p.require("TargetFunctionArn", "") {
		return
	}
	if f, _ := t.functionByRef(p.text("TargetFunctionArn")); f != nil {
		f.URL = p.functionURL()
	}
}

func (p *props) functionURL() *FunctionURL {
	p.require("AuthType", oneOf("", []string{"NONE", "AWS_IAM"}))
	u := &FunctionURL{AuthType: p.enum("AuthType", "NONE", "NONE", "AWS_IAM"), InvokeMode: p.enum("InvokeMode", "BUFFERED", "BUFFERED", "RESPONSE_STREAM")}
	c := p.nested("Cors")
	if c == nil {
		return u
	}
	u.CORS = &CORS{
		AllowOrigins: c.texts("AllowOrigins"), AllowMethods: c.texts("AllowMethods"), AllowHeaders: c.texts("AllowHeaders"),
		ExposeHeaders: c.texts("ExposeHeaders"), AllowCredentials: c.boolean("AllowCredentials"),
	}
	if c.has("MaxAge") {
		age := c.integer("MaxAge", 0, 0, 86400)
		u.CORS.MaxAge = &age
	}
	return u
}

// layers finds the local folders of the template's layers, by the layer's ARN.
func (t *template) layers() map[string]string {
	found := map[string]string{}
	for _, r := range t.resources {
		property := map[string]string{"AWS::Serverless::LayerVersion": "ContentUri", "AWS::Lambda::LayerVersion": "Content"}[r.typ]
		if property == "" {
			continue
		}
		p := t.open(r, nil)
		arn := t.fill(r, t.localValue(r).ref, p.scope)
		found[arn] = ""
		if !p.require(property, "") {
			continue
		}
		asset := r.node.get("Metadata").get("aws:asset:path")
		switch v := p.value(property); {
		case v == nil:
		case v.isScalar():
			found[arn] = p.codePath(t.project, v, v.text)
		case asset != nil:
			found[arn] = p.codePath(t.project, asset, asset.text)
		default:
			p.s3(v, or(v.get("Bucket").textOr(""), v.get("S3Bucket").textOr("?")))
		}
		if m := r.node.get("Metadata").field("BuildMethod"); m != nil {
			p.warnf(m.key, "not-emulated", "", "layer %s is not built: its folder is used as it is", r.id)
		}
	}
	return found
}

// functionLayers turns a function's layers into folders. A layer of another account cannot be fetched: the function runs without it.
func (t *template) functionLayers(fr *functionReader, local map[string]string) {
	items := fr.list("Layers")
	if len(items) > maxLayers {
		fr.errorf(fr.key("Layers"), "out-of-range", "", "a function has at most %d layers; this one has %d", maxLayers, len(items))
	}
	for _, it := range items {
		dir, known := local[it.text]
		switch {
		case it.kind == unknownKind:
		case known && dir != "":
			fr.f.Layers = append(fr.f.Layers, dir)
		case known:
			// The layer's own error was reported; only with lenience the function runs, and must say what it lacks.
			if fr.d.lenient {
				fr.warnf(it, "path-not-found", "", "function %s runs without the layer %s", fr.f.LogicalID, layerName(it.text))
			}
		case strings.HasPrefix(it.text, "arn:"):
			fr.warnf(it, "remote-layer", fmt.Sprintf("unpack it into a folder, and name that by an AWS::Serverless::LayerVersion with ContentUri: %s", filepath.Join("layers", layerName(it.text))),
				"layer %s is not in this template: the function runs without it", it.text)
		default:
			fr.errorf(it, "wrong-value", "!Ref of an AWS::Serverless::LayerVersion", "%q is not the ARN of a layer", it.text)
		}
	}
}

// layerName is the name in arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION.
func layerName(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 6 {
		return parts[6]
	}
	return "layer"
}
