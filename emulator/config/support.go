package config

import (
	"slices"
	"strings"
)

// Class says what becomes of a property or a resource type (DESIGN.md §1.6). What is in no class is unknown, and an error.
type Class string

// The classes.
const (
	// Served is read and emulated.
	Served Class = "served"
	// NoLocalEffect has nothing to act on here: accepted, not evaluated.
	NoLocalEffect Class = "no local effect"
	// NotEmulated is not emulated yet, and harmless to the rest: a warning.
	NotEmulated Class = "not emulated"
	// Refused is not emulated yet and would change an answer: an error.
	Refused Class = "refused"
)

// TypeSupport says what is done with a resource type, or with a part of a configuration file.
type TypeSupport struct {
	// Type is CloudFormation's name ("AWS::Serverless::Function"), with the property's name behind it for a nested one
	// ("AWS::Serverless::Function.LoggingConfig"), "emulate.yaml" and a section of it, or a Metadata.
	Type       string
	Class      Class
	Note       string
	Properties []PropertySupport
}

// PropertySupport says what is done with one property. Note says why where it isn't served.
type PropertySupport struct {
	Name  string
	Class Class
	Note  string
}

// Support is the table that the loader itself works by, in a form for the README.
func Support() []TypeSupport {
	var all []TypeSupport
	for _, rows := range [][]typeRow{serverlessTypes, lambdaTypes, apiTypes, apiGatewayTypes, nativeTypes} {
		for i := range rows {
			all = append(all, rows[i].support())
		}
	}
	return all
}

// typeRow is a row of the table as it is written in the code. Property names are separated by white space.
type typeRow struct {
	typ string
	// class of the whole type; "" is Served.
	class Class
	note  string
	// served and ignored are the properties of the classes Served and NoLocalEffect.
	served, ignored string
	notYet, refused []noted
	// called is how messages call it, where not by its type.
	called string
	// open rows take any property: the names are the user's own.
	open bool
}

// noted is a property that is not served, and what to say about it. With one of the values in unless (separated by white space; of the
// property, or of the one property in it) it asks for nothing, and nothing is said.
type noted struct{ name, note, unless string }

// class returns what becomes of a property, "" where it is unknown.
func (r *typeRow) classOf(property string) (Class, noted) {
	byName := func(n noted) bool { return n.name == property }
	if i := slices.IndexFunc(r.notYet, byName); i >= 0 {
		return NotEmulated, r.notYet[i]
	}
	if i := slices.IndexFunc(r.refused, byName); i >= 0 {
		return Refused, r.refused[i]
	}
	switch {
	case r.open, slices.Contains(strings.Fields(r.served), property):
		return Served, noted{}
	case slices.Contains(strings.Fields(r.ignored), property):
		return NoLocalEffect, noted{}
	}
	return "", noted{}
}

// knows says whether a property is one of the row's own, which in an open row others may be too.
func (r *typeRow) knows(property string) bool {
	return slices.Contains(r.properties(), property)
}

// what names the row's object in messages: "AWS::Serverless::Function", "LoggingConfig", "a function".
func (r *typeRow) what() string {
	if r.called != "" {
		return r.called
	}
	return r.typ[strings.LastIndexByte(r.typ, '.')+1:]
}

// properties are all names of the row, for the nearest one.
func (r *typeRow) properties() []string {
	names := append(strings.Fields(r.served), strings.Fields(r.ignored)...)
	for _, n := range append(slices.Clone(r.notYet), r.refused...) {
		names = append(names, n.name)
	}
	return names
}

func (r *typeRow) support() TypeSupport {
	t := TypeSupport{Type: r.typ, Class: r.class, Note: r.note}
	if t.Class == "" {
		t.Class = Served
	}
	for _, name := range r.properties() {
		class, n := r.classOf(name)
		t.Properties = append(t.Properties, PropertySupport{Name: name, Class: class, Note: n.note})
	}
	return t
}

// rowOf finds the row of a type, nil where there is none.
func rowOf(typ string) *typeRow {
	for _, rows := range [][]typeRow{serverlessTypes, lambdaTypes, apiTypes, apiGatewayTypes, nativeTypes} {
		if i := slices.IndexFunc(rows, func(r typeRow) bool { return r.typ == typ }); i >= 0 {
			return &rows[i]
		}
	}
	return nil
}
