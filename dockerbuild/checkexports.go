package dockerbuild

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// What a module gives under which names is in general known only when it runs. Most handlers' files, however, say it plainly, and then a handler that is
// not there surely fails (Runtime.HandlerNotFound, spec lambda.md §4.2). Everything else is never told as an error.

// exported are the names that a module gives.
type exported struct {
	names []string
	// all says that there are surely no others.
	all bool
}

// parseLimit is the size in bytes up to which a script is parsed: what people write is smaller, and bundles of tools say it at their end.
const parseLimit = 256 << 10

// exportsOf reads what a script exports. name is the export that is asked for: a script that exports by CommonJS has all only where name is nowhere a
// property, neither defined nor used.
func exportsOf(source []byte, name string) exported {
	if m := annotation.FindSubmatch(source); m != nil {
		names := literalNames(string(m[1]))
		return exported{names, !strings.Contains(string(m[1]), "...") && !says(source, name)}
	}
	if len(source) > parseLimit {
		return exported{}
	}
	text, meta, isProperty, ok := reprint(source, name)
	switch {
	case !ok:
		return exported{} // not JavaScript, or of a kind that is newer than the parser
	case meta.esm:
		return exported{meta.names, !slices.Contains(meta.names, "default") && !exportStar.MatchString(text) && !moduleWords.MatchString(text)}
	}
	e := commonJS(text)
	e.all = e.all && !isProperty
	return e
}

// annotation is what esbuild ends a CommonJS bundle of an ES module with, so that Node sees its exports: 0 && (module.exports = {handler}).
var annotation = regexp.MustCompile(`(?:^|[;}\n])\s*0\s*&&\s*\(module\.exports\s*=\s*\{([^{}]*)\}\);?\s*(?://# sourceMappingURL=\S*\s*)?$`)

// Of a script as esbuild prints it: no comments, one space around operators, statements of the top level without indentation.
var (
	exportStar  = regexp.MustCompile(`(?m)^export \* from `)
	moduleWords = regexp.MustCompile(`(^|[^\w$.]|\.\.\.)(exports|module|eval)($|[^\w$])|\bthis\[|\(this[,)]`)
	assigned    = regexp.MustCompile(`\bexports\.([A-Za-z_$][\w$]*) = `)
	// literal is an object that is all of the exports; on one line without anything computed or spread.
	literal = regexp.MustCompile(`(?m)^module\.exports = \{(?:([^\n\[.]*)\};$|\n((?s:.*?))^\};$)`)
	// notPlain is a property that is computed or spread, in an object of the top level that has several lines.
	notPlain = regexp.MustCompile(`(?m)^  (\.\.\.|\[)`)
	// plainUses are uses of exports and module that add nothing but what assigned and literal find.
	plainUses = regexp.MustCompile(`Object\.defineProperty\(exports, "__esModule", \{ value: (?:true|!0) \}\)|require\.main === module;?|(?m:^module\.exports = (?:\{|async |function\b))`)
	// member is a use of one export, assigned or not.
	member   = regexp.MustCompile(`(^|[^\w$.])(module\.)?exports\.[A-Za-z_$][\w$]*`)
	property = regexp.MustCompile(`^(?:async |get )?\*?"?([\w$-]+)"?\s*(?:$|[:(])`)
)

// commonJS reads exports.NAME = …, module.exports.NAME = … and module.exports = {NAME, …} of a script as esbuild prints it. It has all where nothing else
// is done with exports and module.
func commonJS(text string) (e exported) {
	for _, m := range assigned.FindAllStringSubmatch(text, -1) {
		e.names = append(e.names, m[1])
	}
	literals := literal.FindAllStringSubmatch(text, -1)
	for _, m := range literals {
		if m[2] == "" {
			e.names = append(e.names, literalNames(m[1])...)
			continue
		}
		for line := range strings.Lines(m[2]) {
			if inner, ok := strings.CutPrefix(line, "  "); ok {
				e.names = append(e.names, propertyName(strings.TrimRight(inner, ",\n"))...)
			}
		}
	}
	slices.Sort(e.names)
	e.names = slices.Compact(e.names)
	rest := member.ReplaceAllString(plainUses.ReplaceAllString(text, "\n"), "$1")
	e.all = len(e.names) > 0 && !moduleWords.MatchString(rest) && strings.Count("\n"+text, "\nmodule.exports = {") == len(literals) &&
		(len(literals) == 0 || !notPlain.MatchString(text))
	return e
}

// literalNames are the keys of an object without nested ones: a, b: c.
func literalNames(inner string) (names []string) {
	for part := range strings.SplitSeq(inner, ",") {
		names = append(names, propertyName(strings.TrimSpace(part))...)
	}
	return names
}

// propertyName is the key of one property of an object, as a list of one; nil of what has none.
func propertyName(text string) []string {
	if m := property.FindStringSubmatch(text); m != nil {
		return []string{m[1]}
	}
	return nil
}

// scriptMeta is what esbuild knows of a script: whether it is an ES module, and then its exports.
type scriptMeta struct {
	esm   bool
	names []string
}

// reprint parses a script, and prints it in the one form that esbuild has. isProperty says whether a name is the name of a property anywhere in it.
func reprint(source []byte, name string) (text string, meta scriptMeta, isProperty, ok bool) {
	mangled := map[string]any{}
	result := api.Build(api.BuildOptions{
		Stdin:    &api.StdinOptions{Contents: string(source), Sourcefile: "handler.js", Loader: api.LoaderJS},
		Metafile: true, LogLevel: api.LogLevelSilent, LegalComments: api.LegalCommentsNone,
		// Renaming properties of this name tells whether there are any. That the text has other names for them is no matter.
		MangleProps: "^" + regexp.QuoteMeta(name) + "$", MangleQuoted: api.MangleQuotedTrue, MangleCache: mangled,
	})
	var file struct {
		Inputs map[string]struct {
			Format string `json:"format"`
		} `json:"inputs"`
		Outputs map[string]struct {
			Exports []string `json:"exports"`
		} `json:"outputs"`
	}
	if len(result.Errors) > 0 || len(result.OutputFiles) != 1 || json.Unmarshal([]byte(result.Metafile), &file) != nil {
		return "", meta, false, false
	}
	for _, in := range file.Inputs {
		meta.esm = in.Format == "esm"
	}
	for _, out := range file.Outputs {
		meta.names = out.Exports
	}
	_, isProperty = result.MangleCache[name]
	return string(result.OutputFiles[0].Contents), meta, isProperty, true
}

// says tells whether a script has a word outside of longer ones, even in a comment.
func says(source []byte, name string) bool {
	return wordOf(`[^\w$]`, name, `[^\w$]`).Match(source)
}

// wordOf finds a name between characters of some kinds, or the ends of the text.
func wordOf(before, name, after string) *regexp.Regexp {
	return regexp.MustCompile(`(^|` + before + `)` + regexp.QuoteMeta(strings.ToValidUTF8(name, "\uFFFD")) + `($|` + after + `)`)
}

// Of a Python module's lines.
var (
	pythonComment = regexp.MustCompile(`(?m)^[ \t]*#.*$`)
	pythonTop     = regexp.MustCompile(`(?m)^(?:(?:async[ \t]+)?def[ \t]+(\w+)|class[ \t]+(\w+)|(\w+)[ \t]*(?::[^=\n]+)?=[^=])`)
	pythonDef     = regexp.MustCompile(`(?m)^(?:async[ \t]+)?def[ \t]`)
	// pythonLoose gives names that the module does not spell, pythonAny might.
	pythonLoose = regexp.MustCompile(`import\s*\(?\s*\*|globals\(\)|__getattr__`)
	pythonAny   = regexp.MustCompile(`import\s*\(?\s*\*|\b(?:globals|locals|vars|exec|eval|setattr|execfile|runpy|importlib|__getattr__|__dict__|__import__)\b|\bsys\.modules\b`)
)

// pythonNames reads what a Python module defines at its top. has says whether it may have the name, by any means. all is certain only of a module with a
// function at its top.
func pythonNames(source []byte, name string) (e exported, has bool) {
	source = pythonComment.ReplaceAll(source, nil)
	for _, m := range pythonTop.FindAllSubmatch(source, -1) {
		for _, n := range m[1:] {
			if n := string(n); n != "" && !strings.HasPrefix(n, "_") && !slices.Contains(e.names, n) {
				e.names = append(e.names, n)
			}
		}
	}
	e.all = pythonDef.Match(source) && !pythonAny.Match(source)
	return e, wordOf(`[^\w.]`, name, `\W`).Match(source)
}
