package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options of Load. The zero value reads the current folder strictly.
type Options struct {
	// Path is a folder or a configuration file; "" means ".".
	Path string
	// Parameters are the values of --parameter KEY=VALUE. A key "resolve:ssm:/my/name" gives the value of {{resolve:ssm:/my/name}}, a key
	// "ImportValue:name" that of Fn::ImportValue, a key "Resource.Attribute" that of Fn::GetAtt (a nested stack's "Nested.Outputs.Name").
	Parameters map[string]string
	// EnvFile is the path of --env-file: KEY=VALUE lines or SAM's JSON. "" looks for .env beside the project file.
	EnvFile string
	// Env are the variables of --env KEY=VALUE, set for every function.
	Env map[string]string
	// Stage is --stage: it overrides the stage name of every API that has one of its own to override.
	Stage string
	// Network is --docker-network: that of all containers whose function names none itself.
	Network string
	// Region and Account fill the pseudo parameters; "" means us-east-1 and 123456789012.
	Region, Account string
	// Lenient turns errors that concern one function, route or property into warnings.
	Lenient bool
	// NoAuth leaves out authorizers: a route that asks for one is open to everybody. They are errors otherwise, as long as they are not emulated.
	NoAuth bool
}

// maxFile is the size of the largest file that is read; CloudFormation takes templates of 1 MB.
const maxFile = 16 << 20

// Load reads a project: the configuration file in a folder, or a folder without one. All problems of the configuration are returned at once, in
// the order of their places; with an error among them the Project is nil. The error is for what is not the user's configuration: a folder that
// cannot be read.
func Load(o Options) (*Project, []Diagnostic, error) {
	o.Region, o.Account, o.Path = or(o.Region, "us-east-1"), or(o.Account, "123456789012"), or(o.Path, ".")
	l := newLoader(o)
	p, err := l.load()
	if err != nil {
		return nil, nil, err
	}
	p.sortBroken()
	list := l.d.sorted()
	if l.d.failed() {
		p = nil
	}
	return p, list, nil
}

// loader is one Load under way.
type loader struct {
	scope
	opts Options
	d    *diagnostics
	// dir is the project's folder as the user would write it.
	dir string
}

func newLoader(o Options) *loader {
	d := &diagnostics{lenient: o.Lenient, noAuth: o.NoAuth}
	return &loader{scope: scope{d: d}, opts: o, d: d}
}

func (l *loader) load() (*Project, error) {
	f, err := find(l.opts.Path)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(f.dir)
	if err != nil {
		return nil, fmt.Errorf("find the project's folder: %w", err)
	}
	l.dir = f.dir
	p := &Project{Dir: dir}
	at := &node{src: &source{name: f.name}}
	if f.name == "" {
		at.src.name = l.opts.Path
		l.folder(p, at)
	} else {
		p.File = filepath.Join(dir, filepath.Base(f.name))
		p.Inputs = []string{p.File}
		data, err := readFile(f.name)
		if err != nil {
			return nil, err
		}
		l.file(p, f, data)
	}
	if err := l.environment(p); err != nil {
		return nil, err
	}
	return p, nil
}

// sortBroken puts the Broken lists into the order of the file.
func (p *Project) sortBroken() {
	for _, f := range p.Functions {
		f.Broken = sortDiagnostics(f.Broken)
	}
	for _, api := range p.APIs {
		for i := range api.Routes {
			api.Routes[i].Broken = sortDiagnostics(api.Routes[i].Broken)
		}
	}
}

// causeOf is an I/O error without the path, which the message has already.
func causeOf(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// readFile reads a file that may be a pipe too, such as a shell's <(command).
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read configuration: %s has more than %d bytes", name, maxFile)
	}
	return data, nil
}

// format is what a configuration file is written in.
type format string

const (
	native     format = "emulate.yaml"
	sam        format = "a SAM or CloudFormation template"
	serverless format = "a Serverless Framework file"
	openAPI    format = "an OpenAPI document"
	up         format = "an up.json"
	// misnamed is an emulate.yaml by a name that is not looked for: it must not be passed over in silence.
	misnamed format = "a misnamed emulate.yaml"
)

// conventional are the file names that are looked for in a folder, in this order (CONTRACT.md).
var conventional = []struct {
	name   string
	format format
}{
	{"emulate.yaml", native},
	{"template.yaml", sam}, {"template.yml", sam}, {"template.json", sam},
	{"serverless.yml", serverless}, {"serverless.yaml", serverless}, {"serverless.json", serverless},
	{"up.json", up},
	{"openapi.yaml", openAPI}, {"openapi.yml", openAPI}, {"openapi.json", openAPI},
}

// found is the file that a path leads to: name is "" where a folder has none, format is "" where only the content can tell.
type found struct {
	dir, name string
	format    format
}

func find(path string) (found, error) {
	info, err := os.Stat(path)
	if err != nil {
		return found{}, fmt.Errorf("find the project: %w", err)
	}
	if !info.IsDir() {
		return found{dir: filepath.Dir(path), name: path, format: formatOfName(filepath.Base(path))}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return found{}, fmt.Errorf("find the project: %w", err)
	}
	for _, c := range conventional {
		if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == c.name && !e.IsDir() }) {
			return found{dir: path, name: filepath.Join(path, c.name), format: c.format}, nil
		}
	}
	for _, e := range entries {
		if e.Name() == "emulate.yml" || e.Name() == "emulate.json" {
			return found{dir: path, name: filepath.Join(path, e.Name()), format: misnamed}, nil
		}
	}
	return found{dir: path}, nil
}

func formatOfName(base string) format {
	for _, c := range conventional {
		if c.name == base {
			return c.format
		}
	}
	return ""
}

// file reads a configuration file into the project.
func (l *loader) file(p *Project, f found, data []byte) {
	root := parse(f.name, data, l.scope)
	if root == nil {
		return
	}
	if root.kind != mapKind {
		l.errorf(root, "wrong-type", "", "the file must hold a map, not %s", root.kind)
		return
	}
	if f.format == "" {
		f.format = formatOfContent(root)
	}
	switch f.format {
	case native:
		loadNative(root, p, l.opts, l.scope)
	case sam:
		loadTemplate(root, p, l.opts, l.scope)
	case misnamed:
		l.errorf(root, "misnamed-file", "call it emulate.yaml", "a file called %s is not looked for", filepath.Base(f.name))
	case "":
		l.errorf(root, "unknown-format", "a template has Resources, an emulate.yaml has functions or apis", "cannot tell what kind of configuration this is")
	default:
		l.errorf(root, "format-not-built", "", "this is %s: that format is not built yet", f.format)
	}
}

// formatOfContent recognises a file of any other name by its top-level keys, "" where they tell nothing.
func formatOfContent(root *node) format {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return root.field(n) != nil })
	}
	functions := root.get("functions")
	switch {
	case has("Resources", "AWSTemplateFormatVersion", "Transform"):
		return sam
	case has("openapi", "swagger"):
		return openAPI
	case has("service", "provider"):
		return serverless
	case has("apis", "limits", "watch", "idleTimeout"), functions != nil && functions.kind == mapKind:
		return native
	case has("proxy", "lambda", "stages") || has("name") && strings.HasSuffix(root.src.name, ".json"):
		return up
	}
	return ""
}
