package config

import (
	"regexp"
	"strings"
)

// envProblem is a line of an env file that is none.
type envProblem struct {
	at      *node
	message string
}

var envKey = regexp.MustCompile(`^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*`)

// parseEnv reads lines of KEY=VALUE: blank lines and those that start with # are skipped, "export " before a key too. A value in single quotes is
// taken literally; in double quotes \n, \r, \t, \", \\ and \$ are escapes; either may run over several lines. Without quotes a value ends at the
// line's end or at " #", and white space around it is left out. Nothing is expanded.
func parseEnv(src *source, text string) ([]variable, []envProblem) {
	r := &envReader{src: src, rest: strings.TrimPrefix(text, "\ufeff"), line: 1}
	for r.rest != "" {
		r.entry()
	}
	return r.vars, r.problems
}

type envReader struct {
	src      *source
	rest     string
	line     int
	vars     []variable
	problems []envProblem
}

func (r *envReader) entry() {
	line, _, _ := strings.Cut(r.rest, "\n")
	trimmed := strings.TrimLeft(line, " \t\r")
	at := &node{src: r.src, line: r.line, col: len(line) - len(trimmed) + 1}
	if trimmed == "" || trimmed[0] == '#' {
		r.skipLine()
		return
	}
	m := envKey.FindStringSubmatch(trimmed)
	if m == nil {
		r.problems = append(r.problems, envProblem{at, "this is neither KEY=VALUE nor a comment"})
		r.skipLine()
		return
	}
	r.advance(len(line) - len(trimmed) + len(m[0]))
	value, problem := r.value()
	if problem != "" {
		r.problems = append(r.problems, envProblem{at, problem})
	} else {
		r.vars = append(r.vars, variable{name: m[1], value: value, at: at})
	}
	r.skipLine()
}

// advance takes n bytes and counts the lines in them.
func (r *envReader) advance(n int) {
	r.line += strings.Count(r.rest[:n], "\n")
	r.rest = r.rest[n:]
}

func (r *envReader) skipLine() {
	if i := strings.IndexByte(r.rest, '\n'); i >= 0 {
		r.advance(i + 1)
		return
	}
	r.rest = ""
}

func (r *envReader) value() (value, problem string) {
	switch {
	case strings.HasPrefix(r.rest, "'"):
		end := strings.IndexByte(r.rest[1:], '\'')
		if end < 0 {
			return "", "the quote ' is not closed"
		}
		value = r.rest[1 : 1+end]
		r.advance(end + 2)
	case strings.HasPrefix(r.rest, `"`):
		end := closingQuote(r.rest)
		if end < 0 {
			return "", `the quote " is not closed`
		}
		value = envEscapes.Replace(r.rest[1:end])
		r.advance(end + 1)
	default:
		line, _, _ := strings.Cut(r.rest, "\n")
		if i := commentStart(line); i >= 0 {
			line = line[:i]
		}
		return strings.TrimSpace(line), ""
	}
	after, _, _ := strings.Cut(r.rest, "\n")
	if after = strings.TrimSpace(after); after != "" && after[0] != '#' {
		return "", "something follows the closing quote"
	}
	return value, ""
}

var envEscapes = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r", `\t`, "\t", `\"`, `"`, `\$`, "$")

// closingQuote is the index of the double quote that closes the one at 0, -1 where there is none.
func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// commentStart is the index of a # that follows white space or stands first, -1 where there is none.
func commentStart(line string) int {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return i
		}
	}
	return -1
}
