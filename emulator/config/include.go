package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// include evaluates Fn::Transform: of all macros AWS::Include of a local file is known, which `aws cloudformation package` would upload. The file's
// text stands in the place of the call, and its own functions are evaluated.
func (t *template) include(n, arg *node, sc scope) *node {
	name, location := arg.get("Name").textOr(""), arg.get("Parameters").get("Location")
	if name != "AWS::Include" || location == nil {
		sc.errorf(n, "unsupported-transform", "put what it makes into the template", "the transform %q is not supported", name)
		return n.unknown()
	}
	path, ok := t.textOf(location, sc, "AWS::Include")
	if !ok {
		return n.unknown()
	}
	root := t.readInclude(location, path, sc)
	if root == nil || !t.enter(n, "the included file "+path, sc) {
		return n.unknown()
	}
	defer delete(t.evaluating, "the included file "+path)
	return t.eval(root, sc)
}

func (t *template) readInclude(at *node, path string, sc scope) *node {
	if strings.HasPrefix(path, "s3://") || strings.HasPrefix(path, "https://") {
		sc.errorf(at, "remote-code", "name a local file", "the included text is in S3 (%s), which is not read here", path)
		return nil
	}
	if root, read := t.included[path]; read {
		return root
	}
	data, err := t.project.readInput(path)
	if err != nil {
		sc.errorf(at, "path-not-found", didYouMeanPath(t.project.path(path), path), "cannot read the included file %s: %v", path, causeOf(err))
		return nil
	}
	root := parse(filepath.Join(filepath.Dir(t.root.src.name), filepath.FromSlash(path)), data, sc)
	t.included[path] = root
	return root
}

// readInput reads a file that the configuration names, relative to the project's folder, and keeps its path for the watcher.
func (p *Project) readInput(path string) ([]byte, error) {
	abs := p.path(filepath.FromSlash(path))
	if !slices.Contains(p.Inputs, abs) {
		p.Inputs = append(p.Inputs, abs)
	}
	return readFile(abs)
}
