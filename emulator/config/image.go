package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// maxImageConfig is how many bytes a function's image settings may have. Source: spec lambda.md §5.6.
const maxImageConfig = 16 << 10

var (
	// imageReferences are the names of images: [HOST[:PORT]/]NAME[/NAME…][:TAG][@DIGEST].
	imageReferences = regexp.MustCompile(`^(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/)?` + imageName + `(?:/` + imageName + `)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`)
	imageTags       = regexp.MustCompile(`^\w[\w.-]{0,127}$`)
)

const imageName = `[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*`

// archives are the ends of files that `docker save` writes.
var archives = regexp.MustCompile(`\.(tar|tar\.gz|tgz)$`)

// imageReference reads the name of an image.
func (p *props) imageReference(name string) string {
	ref := p.text(name)
	if ref != "" && !p.checkReference(p.raw(name), name, ref) {
		return ""
	}
	return ref
}

func (p *props) checkReference(at *node, name, ref string) bool {
	switch {
	case archives.MatchString(ref):
		p.errorf(at, "not-supported", "docker load -i "+ref+", and name the tag that it tells", "%s names a file: image archives are not read", name)
	case !imageReferences.MatchString(ref):
		hint := "NAME:TAG, such as my-function:latest"
		if lower := strings.ToLower(ref); lower != ref && imageReferences.MatchString(lower) {
			hint = "names have small letters: " + lower
		}
		p.errorf(at, "wrong-value", hint, "%s is no name of an image: %q", name, ref)
	default:
		return true
	}
	return false
}

// packageType reads PackageType. An ImageUri without it is an error, and what else is said then is said of the image function that it was meant to be.
func (r *functionReader) packageType() {
	f := r.f
	f.PackageType = r.enum("PackageType", "Zip", "Zip", "Image")
	if f.PackageType == "Image" {
		return
	}
	uri := r.imageURI()
	if uri == nil {
		if r.has("ImageConfig") {
			r.errorf(r.key("ImageConfig"), "wrong-value", "leave it out", "ImageConfig is for functions of PackageType Image; this one's is Zip")
		}
		return
	}
	r.errorf(uri.key, "wrong-value", "PackageType: Image", "ImageUri is for functions of PackageType Image; this one's is Zip")
	if !r.has("Runtime") {
		f.PackageType = "Image"
	}
}

// imageURI is where a template's function has its ImageUri, SAM's or CloudFormation's; nil where it has none. It is not evaluated yet.
func (r *functionReader) imageURI() *field {
	f := r.node.field("ImageUri")
	if f == nil {
		code := r.raw("Code")
		if isIntrinsic(code) {
			code = r.eval(code, r.scope)
		}
		f = code.field("ImageUri")
	}
	if f == nil || r.eval(f.value, scope{d: &diagnostics{}}) == nil {
		return nil
	}
	return f
}

// image reads what a template's function of PackageType Image is made of: what its Metadata builds, else its ImageUri.
func (r *functionReader) image(m *props, res *resource) {
	for _, name := range []string{"Runtime", "Handler", "Layers"} {
		if !r.has(name) {
			continue
		}
		hint := "leave it out"
		if res.node.get("Properties").field(name) == nil {
			hint = fmt.Sprintf("IgnoreGlobals: [%s]", name)
		}
		r.errorf(r.key(name), "wrong-value", hint, "an image function takes no %s: what its image holds counts", name)
	}
	if c := r.nested("ImageConfig"); c != nil {
		r.imageConfig(c, "EntryPoint", "Command", "WorkingDirectory")
	}
	uri := r.imageURI()
	switch built := r.f.Code.SkipBuild || r.imageMetadata(m); {
	case built && !r.f.Code.SkipBuild:
		// As with sam build, what is built counts: an ImageUri is where a deployment would put it.
	case uri == nil && res.typ == "AWS::Lambda::Function" && !r.has("Code"):
		// AWS wants the Code before it wants an ImageUri in it.
	case uri == nil:
		r.errorf(r.owner, "missing-property", "ImageUri: NAME:TAG, or Metadata: {DockerContext: ., Dockerfile: Dockerfile} to build one",
			"function %s is an image, and has neither an ImageUri nor a DockerContext", r.f.LogicalID)
	default:
		r.useImage(uri)
	}
}

// imageCode looks at a CloudFormation function's Code, which has an ImageUri and nothing else.
func (r *functionReader) imageCode() {
	if !r.require("Code", "Code: {ImageUri: NAME:TAG}") {
		return
	}
	code := r.lazily("Code")
	for _, name := range []string{"S3Bucket", "S3Key", "ZipFile"} {
		if code.has(name) {
			r.errorf(code.key(name), "wrong-value", "leave it out", "an image function takes no %s: what its image holds counts", name)
		}
	}
}

// useImage takes an image that exists.
func (r *functionReader) useImage(uri *field) {
	v := r.eval(uri.value, r.scope)
	switch {
	case v == nil || v.kind == unknownKind:
	case !v.isScalar():
		r.wrongType(v, uri.name, "text")
	case r.checkReference(v, uri.name, v.text):
		r.f.Image.URI = v.text
	}
}

// functionMetadata opens a function's Metadata. Names there are the user's own, but for those of the row.
func (t *template) functionMetadata(r *functionReader, res *resource) *props {
	f := res.node.field("Metadata")
	if f == nil {
		return open(r.scope, nil, res.key, res.typ+" Metadata", literal)
	}
	return open(r.scope, t.eval(f.value, r.scope), f.key, res.typ+" Metadata", literal)
}

// imageMetadata reads how SAM, or the CDK, has an image built, and says whether it has.
func (r *functionReader) imageMetadata(m *props) bool {
	i := &r.f.Image
	if m.has("aws:asset:path") && !m.has("DockerContext") {
		i.Context, i.Dockerfile = m.dockerContext(r.project, "aws:asset:path", "aws:asset:dockerfile-path")
		i.Args, i.Target = m.textMap("aws:asset:docker-build-args"), m.text("aws:asset:docker-build-target")
		return true
	}
	known := strings.Fields(m.row.served)
	for _, f := range m.node.fields {
		if m.row.knows(f.name) {
			continue
		}
		if near := nearest(f.name, known); strings.HasPrefix(f.name, "Docker") || near != "" && editDistance(strings.ToLower(f.name), strings.ToLower(near)) <= len(f.name)/3 {
			r.errorf(f.key, "unknown-property", didYouMean(f.name, known), "unknown property %q of Metadata", f.name)
		}
	}
	if !m.has("DockerContext") {
		return false
	}
	i.Context, i.Dockerfile = m.dockerContext(r.project, "DockerContext", "Dockerfile")
	r.imageBuild(m, "DockerBuildArgs", "DockerBuildTarget", "DockerTag")
	return true
}

// imageBuild reads the settings of a build that are no paths.
func (r *functionReader) imageBuild(p *props, args, target, tag string) {
	i := &r.f.Image
	i.Args, i.Target, i.Tag = p.textMap(args), p.text(target), p.text(tag)
	if i.Tag != "" && !imageTags.MatchString(i.Tag) {
		p.errorf(p.raw(tag), "wrong-value", "letters, digits, _, . and -", "%s cannot be %q", tag, i.Tag)
		i.Tag = ""
	}
}

// dockerContext reads the folder that an image is built of, and the Dockerfile in it; both must be there. dir is absolute, and "" where it is wrong.
func (p *props) dockerContext(project *Project, context, file string) (dir, dockerfile string) {
	at := p.value(context)
	if at == nil {
		return "", ""
	}
	if !at.isScalar() {
		p.wrongType(at, context, "a path")
		return "", ""
	}
	dir, dockerfile = project.path(filepath.FromSlash(at.text)), p.text(file)
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		p.errorf(at, "path-not-found", or(didYouMeanPath(dir, at.text), "make it, or mend "+context+": a path is relative to the configuration file"), "there is no folder %s", at.text)
		return "", ""
	case !info.IsDir():
		p.errorf(at, "wrong-value", "name the folder that it is in", "%s must be a folder, and %s is a file", context, at.text)
		return "", ""
	}
	if p.has(file) {
		at = p.raw(file)
	}
	name := filepath.FromSlash(or(dockerfile, "Dockerfile"))
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, name)
	}
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		p.errorf(at, "path-not-found", or(didYouMeanPath(path, name), "make it, or name it by "+file+", relative to "+context), "there is no file %s in the folder %s", name, p.value(context).text)
	}
	return dir, dockerfile
}

// imageConfig reads what a function changes of its image's settings. Lambda wants absolute paths. Source: spec lambda.md §5.6.
func (r *functionReader) imageConfig(p *props, entryPoint, command, directory string) {
	i := &r.f.Image
	i.EntryPoint, i.Command, i.WorkingDirectory = p.texts(entryPoint), p.texts(command), p.text(directory)
	if len(i.EntryPoint) > 0 && !strings.HasPrefix(i.EntryPoint[0], "/") {
		p.errorf(p.scalars(entryPoint)[0], "wrong-value", "give its absolute path in the image", "%s begins with the path of a program, which is absolute on Lambda: %q", entryPoint, i.EntryPoint[0])
	}
	if i.WorkingDirectory != "" && !strings.HasPrefix(i.WorkingDirectory, "/") {
		p.errorf(p.raw(directory), "wrong-value", "", "%s must be an absolute path, not %q", directory, i.WorkingDirectory)
	}
	size := len(i.WorkingDirectory)
	for _, s := range append(i.EntryPoint[:len(i.EntryPoint):len(i.EntryPoint)], i.Command...) {
		size += len(s)
	}
	if size > maxImageConfig {
		p.errorf(p.owner, "too-large", "", "the image's settings take %d bytes; Lambda takes %d", size, maxImageConfig)
	}
}

// nativeImage reads "image: NAME:TAG", or a map that builds one or changes its settings.
func (r *functionReader) nativeImage() {
	r.f.PackageType = "Image"
	for _, name := range []string{"code", "inline", "runtime", "handler", "layers", "build"} {
		if r.has(name) {
			r.errorf(r.key(name), "wrong-value", "leave it out", "an image function takes no %s: what its image holds counts", name)
		}
	}
	v := r.value("image")
	if !r.require("image", "image: NAME:TAG, or image: {context: the folder of the Dockerfile}") || v == nil {
		return
	}
	if v.isScalar() {
		r.f.Image.URI = r.imageReference("image")
		return
	}
	if v.kind != mapKind {
		r.wrongType(v, "image", "the name of an image, or a map")
		return
	}
	p := r.nested("image")
	r.imageConfig(p, "entryPoint", "command", "workingDirectory")
	r.f.Image.URI = p.imageReference("uri")
	r.f.Image.Context, r.f.Image.Dockerfile = p.dockerContext(r.project, "context", "dockerfile")
	switch {
	case p.has("uri") && p.has("context"):
		r.errorf(p.key("uri"), "wrong-value", "", "an image has a uri, or a context to build it of, not both")
	case p.has("context"):
		r.imageBuild(p, "args", "target", "tag")
	case p.has("uri"):
		for _, name := range []string{"args", "dockerfile", "tag", "target"} {
			if p.has(name) {
				r.errorf(p.key(name), "wrong-value", "context: the folder of the Dockerfile", "%s is for an image that is built, and this one has a uri", name)
			}
		}
	default:
		p.require("context", "context: the folder of the Dockerfile, or uri: the name of an image")
	}
}
