package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// variable is one line of an env file; function is the logical id it is for, "" for all.
type variable struct {
	function, name, value string
	at                    *node
}

// environment lays the variables of the env file, then those of --env, over the functions' own.
//
// SAM CLI sets only variables that the template declares; here all are set, since a handler reads what it is given, and a function id that nobody
// has is said.
func (l *loader) environment(p *Project) error {
	vars, err := l.envFile(p)
	if err != nil {
		return err
	}
	for _, v := range vars {
		switch {
		case slices.Contains(reservedVariables, v.name):
			l.warnf(v.at, "reserved-variable", "", "%s is set by Lambda: the env file's value is not used", v.name)
			continue
		case !variableNames.MatchString(v.name):
			l.warnf(v.at, "wrong-value", "", "Lambda refuses an environment variable called %q: names start with a letter and have 2 or more letters, digits and _", v.name)
		}
		p.setVariable(v)
	}
	for _, name := range keys(l.opts.Env) {
		switch {
		case slices.Contains(reservedVariables, name):
			l.errorf(nil, "reserved-variable", "", "--env %s: Lambda sets this variable itself", name)
		case !variableNames.MatchString(name):
			l.errorf(nil, "wrong-value", "", "--env %s: the name must start with a letter and have 2 or more letters, digits and _", name)
		}
		p.setVariable(variable{name: name, value: l.opts.Env[name]})
	}
	return nil
}

func (p *Project) setVariable(v variable) {
	for _, f := range p.Functions {
		if v.function != "" && v.function != f.LogicalID && v.function != f.Name {
			continue
		}
		if f.Environment == nil {
			f.Environment = map[string]string{}
		}
		f.Environment[v.name] = v.value
	}
}

// envFile reads the file of --env-file, or the .env beside the project file.
func (l *loader) envFile(p *Project) ([]variable, error) {
	name := l.opts.EnvFile
	if name == "" {
		name = filepath.Join(l.dir, ".env")
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
			return nil, nil
		}
	}
	data, err := readFile(name)
	at := &node{src: &source{name: name}}
	if errors.Is(err, fs.ErrNotExist) {
		l.errorf(at, "path-not-found", didYouMeanPath(name, name), "there is no such env file")
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if p.EnvFile, err = filepath.Abs(name); err != nil {
		return nil, fmt.Errorf("find env file: %w", err)
	}
	p.Inputs = append(p.Inputs, p.EnvFile)
	if strings.HasPrefix(strings.TrimSpace(string(data)), "{") {
		return l.samEnv(p, name, data), nil
	}
	vars, problems := parseEnv(newSource(name, data), string(data))
	for _, e := range problems {
		l.errorf(e.at, "syntax", "", "%s", e.message)
	}
	return vars, nil
}

// samEnv reads SAM's JSON: {"FunctionLogicalId": {"KEY": "VALUE"}, "Parameters": {"KEY": "VALUE"}}, the latter for every function. A function's
// own values win. The form without function ids, {"KEY": "VALUE"}, is for every function too.
func (l *loader) samEnv(p *Project, name string, data []byte) []variable {
	root := parseAs(name, data, true, l.scope)
	if root == nil || root.kind != mapKind {
		return nil
	}
	var all, own []variable
	for _, f := range root.fields {
		switch {
		case f.value.isScalar():
			all = append(all, variable{name: f.name, value: f.value.text, at: f.key})
		case f.value.kind != mapKind:
			l.errorf(f.value, "wrong-type", "", "%s must be a map of variables, not %s", f.name, f.value.kind)
		case f.name == "Parameters":
			all = append(all, l.samVariables("", f.value)...)
		default:
			known := func(fn *Function) bool { return fn.LogicalID == f.name || fn.Name == f.name }
			if !slices.ContainsFunc(p.Functions, known) {
				l.warnf(f.key, "unknown-function", didYouMean(f.name, p.functionIDs()), "the project has no function %q", f.name)
			}
			own = append(own, l.samVariables(f.name, f.value)...)
		}
	}
	return append(all, own...)
}

func (p *Project) functionIDs() []string {
	var ids []string
	for _, f := range p.Functions {
		ids = append(ids, f.LogicalID)
	}
	return ids
}

func (l *loader) samVariables(function string, m *node) []variable {
	var vars []variable
	for _, f := range m.fields {
		if !f.value.isScalar() {
			l.errorf(f.value, "wrong-type", "", "%s must be text, not %s", f.name, f.value.kind)
			continue
		}
		vars = append(vars, variable{function: function, name: f.name, value: f.value.text, at: f.key})
	}
	return vars
}
