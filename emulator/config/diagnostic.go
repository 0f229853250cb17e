package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// String renders the problem for a terminal, without colour and without a line end: place, severity and message; the line of the file with a
// caret below it; the hint.
//
//	template.yaml:12:7: error: unknown property "Handlr" of AWS::Serverless::Function
//	      Handlr: index.handler
//	      ^
//	  hint: did you mean "Handler"?
func (d Diagnostic) String() string {
	var b strings.Builder
	b.WriteString(d.Position.String())
	if d.Position.File != "" {
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s: %s", d.Severity, d.Message)
	if d.Excerpt != "" {
		fmt.Fprintf(&b, "\n  %s", d.Excerpt)
		if d.Column > 0 {
			fmt.Fprintf(&b, "\n  %s^", caretIndent(d.Excerpt, d.Column))
		}
	}
	if d.Hint != "" {
		fmt.Fprintf(&b, "\n  hint: %s", d.Hint)
	}
	return b.String()
}

// caretIndent is the white space before the caret: the excerpt's tabs are kept, so that the caret stands below its character.
func caretIndent(excerpt string, column int) string {
	var b strings.Builder
	for _, r := range excerpt {
		if column--; column <= 0 {
			break
		}
		if r == '\t' {
			b.WriteByte('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// String is "file:line:column", as far as they are known.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// MarshalJSON writes the flat record that CONTRACT.md calls "diagnostic".
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Type     string   `json:"type"`
		Severity Severity `json:"severity"`
		File     string   `json:"file"`
		Line     int      `json:"line"`
		Column   int      `json:"column"`
		Message  string   `json:"message"`
		Hint     string   `json:"hint"`
		Code     string   `json:"code"`
	}{"diagnostic", d.Severity, d.File, d.Line, d.Column, d.Message, d.Hint, d.Code})
}

// diagnostics collects all problems of one Load.
type diagnostics struct {
	list    []Diagnostic
	lenient bool
	noAuth  bool
}

// sorted returns the problems in the order of their places, each once: a property of Globals is read once for every function.
func (d *diagnostics) sorted() []Diagnostic {
	return sortDiagnostics(d.list)
}

func sortDiagnostics(list []Diagnostic) []Diagnostic {
	slices.SortStableFunc(list, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(list, func(a, b Diagnostic) bool {
		return a.Position == b.Position && a.Message == b.Message
	})
}

func (d *diagnostics) failed() bool {
	return slices.ContainsFunc(d.list, func(d Diagnostic) bool { return d.Severity == Error })
}

// scope is what a problem concerns. The zero object is the whole file: its errors stay errors even where the user asked for lenience. The errors
// of one function, API, route or property are told as warnings then, and broken (where not nil) holds them as errors.
type scope struct {
	d      *diagnostics
	object string
	broken *[]Diagnostic
}

// in returns the scope of an object of the file.
func (s scope) in(object string, broken *[]Diagnostic) scope {
	s.object, s.broken = object, broken
	return s
}

// errorf reports an error at a node's place. code is stable and machine-readable, hint is the mend or "".
func (s scope) errorf(at *node, code, hint, format string, args ...any) {
	d := s.diagnostic(Error, at, code, hint, fmt.Sprintf(format, args...))
	if s.d.lenient && s.object != "" {
		if s.broken != nil {
			*s.broken = append(*s.broken, d) // an error still: it is why the object answers with it
		}
		d.Severity = Warning
	}
	s.d.list = append(s.d.list, d)
}

// warnf reports a warning at a node's place.
func (s scope) warnf(at *node, code, hint, format string, args ...any) {
	s.d.list = append(s.d.list, s.diagnostic(Warning, at, code, hint, fmt.Sprintf(format, args...)))
}

func (s scope) diagnostic(sev Severity, at *node, code, hint, message string) Diagnostic {
	d := Diagnostic{Severity: sev, Position: at.pos(), Message: message, Hint: hint, Code: code, Object: s.object}
	if at != nil && at.src != nil && at.line > 0 && at.line <= len(at.src.lines) {
		d.Excerpt = strings.TrimRight(at.src.lines[at.line-1], "\r")
	}
	return d
}
