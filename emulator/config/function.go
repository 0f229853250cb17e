package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// AWS's defaults and bounds of a function's settings. Source: spec lambda.md §11.
const (
	defaultMemoryMB  = 128
	maxMemoryMB      = 10240
	defaultTimeout   = 3
	maxTimeout       = 900
	defaultStorageMB = 512
	maxStorageMB     = 10240
	maxLayers        = 5
	maxInlineCode    = 4 << 20
	// unreservable is how much of the account's concurrency no function may reserve or provision. Source: spec lambda.md §6.1.
	unreservable       = 100
	defaultConcurrency = 1000
)

var (
	functionNamePattern = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	aliasNames          = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,128}$`)
	digitsOnly          = regexp.MustCompile(`^[0-9]+$`)
)

// functionReader reads one function by the names that its format gives to the settings.
type functionReader struct {
	*props
	project *Project
	f       *Function
}

// newFunction makes a function with AWS's defaults.
func newFunction(id string, at *node) *Function {
	return &Function{
		LogicalID: id, Name: id, At: at.pos(), PackageType: "Zip", Architecture: "x86_64", MemoryMB: defaultMemoryMB,
		Timeout: defaultTimeout * time.Second, EphemeralStorageMB: defaultStorageMB, Logging: Logging{Format: "Text"}, Tracing: "PassThrough",
	}
}

func (r *functionReader) name(property string) {
	name := r.text(property)
	if name == "" {
		return
	}
	if !functionNamePattern.MatchString(name) {
		r.errorf(r.node.get(property), "wrong-value", "", "the name %q must be 1 to 64 letters, digits, - and _", name)
	}
	r.f.Name = name
}

func (r *functionReader) alias(property string) {
	alias := r.text(property)
	if alias != "" && (!aliasNames.MatchString(alias) || digitsOnly.MatchString(alias)) {
		r.errorf(r.node.get(property), "wrong-value", "", "the alias %q must be 1 to 128 letters, digits, - and _, and not only digits", alias)
	}
	r.f.Alias = alias
}

// runtime reads Runtime and Handler, which AWS wants of every function that is no image.
func (r *functionReader) runtime(runtime, handler string) {
	if r.f.PackageType == "Image" {
		return
	}
	hint := ""
	if !r.has(runtime) {
		if g := detect(r.f.Code.Dir); g != nil {
			hint = fmt.Sprintf("the code looks like %s: %s", runtime, g.runtime)
		}
	}
	if v := r.value(runtime); r.require(runtime, hint) && v != nil && v.isScalar() {
		r.f.Runtime = v.text
		r.checkRuntime(runtime, v.text)
	} else if v != nil && !v.isScalar() {
		r.wrongType(v, runtime, "text")
	}
	hint = ""
	if isProvided(r.f.Runtime) {
		hint = "provided runtimes ignore it, but AWS wants it: " + handler + ": bootstrap"
	}
	if r.require(handler, hint) {
		r.f.Handler = r.text(handler)
	}
}

// limits reads memory, timeout and reserved concurrency.
func (r *functionReader) limits(memory, timeout, reserved string) {
	r.f.MemoryMB = r.integer(memory, defaultMemoryMB, defaultMemoryMB, maxMemoryMB)
	r.f.Timeout = time.Duration(r.integer(timeout, defaultTimeout, 1, maxTimeout)) * time.Second
	if n := r.integer(reserved, -1, 0, unbounded); n >= 0 {
		r.f.ReservedConcurrency = &n
	}
}

func (r *functionReader) architecture(property string) {
	list := r.texts(property)
	switch {
	case len(list) > 1:
		r.errorf(r.key(property), "wrong-value", "", "%s takes one architecture, not %d", property, len(list))
	case len(list) == 1 && list[0] != "x86_64" && list[0] != "arm64":
		r.errorf(r.node.get(property), "wrong-value", oneOf(list[0], []string{"x86_64", "arm64"}), "unknown architecture %q", list[0])
	case len(list) == 1:
		r.f.Architecture = list[0]
	}
}

// environment reads variables from a reader of the map that holds them, lays them over those that all functions share, and holds the whole against
// Lambda's limit.
func (r *functionReader) environment(p *props, property string, shared map[string]string) {
	if p == nil {
		return
	}
	r.f.Environment = p.variables(property)
	if len(shared) > 0 {
		own := r.f.Environment
		r.f.Environment = maps.Clone(shared)
		maps.Copy(r.f.Environment, own)
	}
	if json := CheckEnvironment(r.f.Environment).TooLarge; json != "" {
		r.errorf(p.key(property), "too-large", "", "the environment variables take %d bytes; Lambda takes %d", len(json), maxEnvironment)
	}
}

// variables reads a map of environment variables whose names Lambda takes.
func (p *props) variables(property string) map[string]string {
	vars := p.textMap(property)
	v := p.value(property)
	faults := CheckEnvironment(vars)
	for _, name := range faults.Reserved {
		p.errorf(v.field(name).key, "reserved-variable", "", "the environment variable %s is reserved: Lambda sets it", name)
	}
	for _, name := range faults.Misnamed {
		if !slices.Contains(faults.Reserved, name) {
			p.errorf(v.field(name).key, "wrong-value", "", "the environment variable %q must start with a letter and have 2 or more letters, digits and _", name)
		}
	}
	return vars
}

func (r *functionReader) logging(p *props) {
	if p == nil {
		return
	}
	l := &r.f.Logging
	l.Format = p.enum("LogFormat", "Text", "Text", "JSON")
	l.Group = p.text("LogGroup")
	r.levels(p, "ApplicationLogLevel", "SystemLogLevel")
}

// levels reads the log levels, which only go with the format JSON; their defaults are INFO.
func (r *functionReader) levels(p *props, application, system string) {
	l := &r.f.Logging
	l.ApplicationLevel = p.enum(application, "", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
	l.SystemLevel = p.enum(system, "", "DEBUG", "INFO", "WARN")
	if l.Format == "JSON" {
		l.ApplicationLevel, l.SystemLevel = or(l.ApplicationLevel, "INFO"), or(l.SystemLevel, "INFO")
	} else if l.ApplicationLevel+l.SystemLevel != "" {
		r.errorf(p.owner, "wrong-value", "use the format JSON", "log levels need the log format JSON")
	}
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// retries reads how often a failed Event invocation is tried again.
func (r *functionReader) retries(p *props) {
	if p != nil && p.has("MaximumRetryAttempts") {
		n := p.integer("MaximumRetryAttempts", 2, 0, 2)
		r.f.MaximumRetryAttempts = &n
	}
	if p != nil && p.has("MaximumEventAgeInSeconds") {
		r.f.MaximumEventAge = time.Duration(p.integer("MaximumEventAgeInSeconds", 21600, 60, 21600)) * time.Second
	}
}

// inline takes the text of the one source file of a function.
func (r *functionReader) inline(at *node, text string) {
	switch {
	case len(text) > maxInlineCode:
		r.errorf(at, "too-large", "", "inline code is %d bytes; CloudFormation takes %d", len(text), maxInlineCode)
	case r.f.Runtime != "" && inlineName(r.f.Runtime) == "":
		r.errorf(at, "wrong-value", "put the code into a folder", "inline code is for nodejs and python runtimes, not for %s", r.f.Runtime)
	case r.f.Handler != "" && !strings.HasPrefix(r.f.Handler, "index."):
		r.warnf(at, "wrong-handler", "name it index."+r.f.Handler[strings.LastIndexByte(r.f.Handler, '.')+1:],
			"the file of inline code is called index; the handler %q is not found in it", r.f.Handler)
	}
	r.f.Code.Inline, r.f.Code.InlineName = text, inlineName(r.f.Runtime)
}

// codePath takes the path of a function's code, or a layer's content, and checks that it is there: a folder, or a zip or jar file.
func (p *props) codePath(project *Project, at *node, path string) string {
	if strings.HasPrefix(path, "s3://") || strings.HasPrefix(path, "https://") {
		p.s3(at, path)
		return ""
	}
	abs := project.path(filepath.FromSlash(path))
	if within(filepath.Join(project.Dir, ".aws-sam"), abs) {
		p.errorf(at, "built-code", "name the folder of the sources", "%s is in .aws-sam, which holds an old build and is never read", path)
		return ""
	}
	info, err := os.Stat(abs)
	switch {
	case err != nil:
		p.errorf(at, "path-not-found", didYouMeanPath(abs, path), "there is no folder or file %s", path)
		return ""
	case !info.IsDir() && !slices.Contains([]string{".zip", ".jar"}, filepath.Ext(abs)):
		p.errorf(at, "wrong-value", "name the folder that it is in", "%s is neither a folder nor a zip or jar file", path)
		return ""
	}
	return abs
}

func (p *props) s3(at *node, what string) {
	p.errorf(at, "remote-code", "name the local folder of the sources, as in the template before `aws cloudformation package`", "the code is in S3 (%s), which is not read here", what)
}

// within says whether path is dir or below it.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// didYouMeanPath looks for a neighbour of a path that is not there.
func didYouMeanPath(abs, written string) string {
	entries, err := os.ReadDir(filepath.Dir(abs))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	name := nearest(filepath.Base(abs), names)
	if name == "" {
		return ""
	}
	written = strings.TrimSuffix(filepath.ToSlash(written), "/")
	return fmt.Sprintf("did you mean %q?", strings.TrimSuffix(written, filepath.Base(abs))+name)
}

// checkFunctions reports functions of the same name, and concurrency that AWS would not give.
func (p *Project) checkFunctions(sc scope, at func(*Function) *node) {
	byName := map[string]*Function{}
	for _, f := range p.Functions {
		if other := byName[f.Name]; other != nil {
			sc.in(f.LogicalID, &f.Broken).errorf(at(f), "duplicate-name", "", "functions %s and %s have the same name %q", other.LogicalID, f.LogicalID, f.Name)
		} else {
			byName[f.Name] = f
		}
	}
	p.checkConcurrency(sc, at)
}

// checkConcurrency reports provisioned concurrency above its function's reservation, and functions that together take what the account must keep.
// Provisioned concurrency is part of the reservation where there is one, and else of the account's (spec lambda.md §6.1, §6.3).
func (p *Project) checkConcurrency(sc scope, at func(*Function) *node) {
	limit := p.AccountConcurrency
	if limit == 0 {
		limit = defaultConcurrency
	}
	taken, most, take, took := 0, max(limit-unreservable, 0), "reserve", "reserved"
	for _, f := range p.Functions {
		s := sc.in(f.LogicalID, &f.Broken)
		switch n, reserved := f.ProvisionedConcurrency, f.ReservedConcurrency; {
		case reserved == nil && n == 0:
			continue
		case reserved == nil:
			taken += n
			take, took = "reserve or provision", "reserved or provisioned"
		default:
			taken += *reserved
			if n > *reserved {
				s.errorf(at(f), "out-of-range", fmt.Sprintf("reserve %d or more, or provision less", n),
					"function %s has a provisioned concurrency of %d and reserves only %d", f.LogicalID, n, *reserved)
			}
		}
		if taken > most {
			hint := "take less; where the account has more, say so by limits: {concurrency: N}, in a template below Metadata.Emulate"
			if most == 0 {
				hint = fmt.Sprintf("as on AWS, %d of an account stay unreserved: limits: {concurrency: %d}, in a template below Metadata.Emulate",
					unreservable, unreservable+taken)
			}
			s.errorf(at(f), "out-of-range", hint,
				"functions %s a concurrency of %d up to here; of the account's %d at most %d can be %s", take, taken, limit, most, took)
		}
	}
}
