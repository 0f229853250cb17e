package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/telemetry"
)

// printer shows the events of an emulator: standard output carries routes and records, standard error problems (CONTRACT.md).
type printer struct {
	out, err io.Writer
	json     bool
	quiet    bool
	// problemsOnly leaves out everything that is no problem.
	problemsOnly bool
	// named puts the function's name before its lines: there are several functions.
	named    bool
	width    int // of the longest name
	outColor palette
	errColor palette
	outBuf   bytes.Buffer
	errBuf   bytes.Buffer
}

func newPrinter(s streams, f *projectFlags) *printer {
	return &printer{
		out: s.out, err: s.err, json: f.json, quiet: f.quiet,
		outColor: paletteFor(s.out), errColor: paletteFor(s.err),
	}
}

// events shows one batch with at most one write to each stream.
func (p *printer) events(batch []telemetry.Event) {
	for _, e := range batch {
		switch {
		case p.json:
			p.jsonEvent(e)
		default:
			p.textEvent(e)
		}
	}
	flush(p.out, &p.outBuf)
	flush(p.err, &p.errBuf)
}

func flush(w io.Writer, b *bytes.Buffer) {
	if b.Len() > 0 {
		_, _ = w.Write(b.Bytes()) // nobody is left to tell
		b.Reset()
	}
	if b.Cap() > 1<<20 {
		*b = bytes.Buffer{}
	}
}

// textEvent shows an event to people.
func (p *printer) textEvent(e telemetry.Event) {
	switch r := e.Record.(type) {
	case *telemetry.Project:
		p.names(r)
		if e.Type == telemetry.TypeReady {
			p.ready(r)
		} else if !p.problemsOnly {
			fmt.Fprintf(&p.errBuf, "%s\n", p.errColor.good("reloaded "+reloadedWhat(r)+" in "+short(r.Took)))
		}
	case *telemetry.ReloadFailed:
		what := "the configuration is wrong, the project as it was is served on"
		if r.Function != "" {
			what = r.Error
		}
		fmt.Fprintf(&p.errBuf, "%s\n", p.errColor.bad(what))
	case config.Diagnostic:
		p.diagnostic(r)
	case *telemetry.Notice:
		if p.wants(r) {
			fmt.Fprintf(&p.errBuf, "%s\n", r.Text)
		}
	case *telemetry.Access:
		if !p.quiet && !p.problemsOnly {
			p.access(r)
		}
	case *telemetry.Throttle:
		if !p.quiet {
			fmt.Fprintf(&p.outBuf, "%s%s\n", p.prefix(e.Function), p.outColor.bad("THROTTLE "+r.Reason))
		}
	default:
		if !p.quiet && !p.problemsOnly {
			p.line(e)
		}
	}
}

// wants says whether a notice is shown.
func (p *printer) wants(n *telemetry.Notice) bool {
	return !(p.quiet && (n.Progress || n.Good)) && !(p.problemsOnly && n.Progress)
}

func reloadedWhat(r *telemetry.Project) string {
	if len(r.Changed) == 0 {
		return "the configuration"
	}
	return strings.Join(r.Changed, ", ")
}

// names decides whether lines carry the function's name.
func (p *printer) names(r *telemetry.Project) {
	p.named = len(r.Functions) > 1
	p.width = 0
	for _, f := range r.Functions {
		p.width = max(p.width, len(f.Name))
	}
}

// ready shows where the project is served, and its routes.
func (p *printer) ready(r *telemetry.Project) {
	if p.problemsOnly {
		return
	}
	fmt.Fprintf(&p.outBuf, "%s\n", p.outColor.good(fmt.Sprintf("Ready in %d ms: %s (AWS endpoint %s)", time.Duration(r.Took).Milliseconds(), r.URL, r.AWS)))
	if p.quiet {
		return
	}
	tw := tabwriter.NewWriter(&p.outBuf, 0, 0, 2, ' ', 0)
	for _, a := range r.APIs {
		kind := map[string]string{"rest": "REST API", "http": "HTTP API"}[a.Kind]
		for _, route := range a.Routes {
			target := route.Function
			if target == "" {
				target = "(answers by itself)"
			}
			where := kind + " " + a.Name
			if a.URL != r.URL {
				where += " at " + a.URL
			}
			fmt.Fprintf(tw, "  %s\t%s\t→ %s\t%s\n", route.Method, route.Path, target, where)
		}
	}
	_ = tw.Flush() // a buffer does not fail
	if len(r.APIs) == 0 {
		where := ""
		if r.AWS != defaultEndpoint {
			where = " --endpoint " + r.AWS
		}
		for _, f := range r.Functions {
			fmt.Fprintf(&p.outBuf, "  %s: emulate invoke %s%s\n", f.Name, f.Name, where)
		}
	}
	fmt.Fprintf(&p.outBuf, "  seed %d\n", r.Seed)
}

// line shows a function's line, or a platform's, as CloudWatch does.
func (p *printer) line(e telemetry.Event) {
	start := p.outBuf.Len()
	prefix := p.prefix(e.Function)
	p.outBuf.WriteString(prefix)
	text := p.outBuf.Len()
	p.outBuf.Write(telemetry.AppendText(p.outBuf.AvailableBuffer(), e))
	if p.outBuf.Len() == text {
		p.outBuf.Truncate(start)
		return
	}
	// END and REPORT are one event and two lines.
	if prefix == "" && (e.Type == telemetry.TypeFunction || !p.outColor.on) {
		return
	}
	lines := strings.TrimSuffix(string(p.outBuf.Bytes()[text:]), "\n")
	p.outBuf.Truncate(start)
	for line := range strings.SplitSeq(lines, "\n") {
		if e.Type != telemetry.TypeFunction {
			line = p.outColor.dim(line)
		}
		fmt.Fprintf(&p.outBuf, "%s%s\n", prefix, line)
	}
}

// prefix is the function's name in a column of its own, where there are several.
func (p *printer) prefix(function string) string {
	if !p.named {
		return ""
	}
	return p.outColor.name(function, fmt.Sprintf("%-*s", p.width, function)) + " | "
}

// access shows one HTTP request.
func (p *printer) access(a *telemetry.Access) {
	status := strconv.Itoa(a.Status)
	switch {
	case a.Status >= 500:
		status = p.outColor.bad(status)
	case a.Status >= 400:
		status = p.outColor.warn(status)
	default:
		status = p.outColor.good(status)
	}
	fmt.Fprintf(&p.outBuf, "%s%s %s %s %s", p.prefix(a.Function), a.Method, a.Path, status, short(a.Latency))
	if a.Error != "" {
		fmt.Fprintf(&p.outBuf, " %s", p.outColor.bad(a.Error))
	}
	p.outBuf.WriteByte('\n')
}

func (p *printer) diagnostic(d config.Diagnostic) {
	text := d.String()
	if d.Severity == config.Error {
		text = strings.Replace(text, "error:", p.errColor.bad("error:"), 1)
	} else {
		text = strings.Replace(text, "warning:", p.errColor.warn("warning:"), 1)
	}
	fmt.Fprintf(&p.errBuf, "%s\n", text)
}

// diagnostics shows a list at once, when no emulator runs that could tell them as events.
func (p *printer) diagnostics(list []config.Diagnostic) {
	var batch []telemetry.Event
	for _, d := range list {
		batch = append(batch, telemetry.Event{Time: time.Now(), Type: telemetry.TypeDiagnostic, Record: d})
	}
	p.events(batch)
}

// limits tells what this machine cannot do.
func (p *printer) limits(lines []string) {
	for _, l := range lines {
		fmt.Fprintln(p.err, l)
	}
}

// interrupted says that the end has begun.
func (p *printer) interrupted(stats []emulator.FunctionStats) {
	n := 0
	for _, s := range stats {
		n += s.InFlight
	}
	if n > 0 {
		fmt.Fprintf(p.err, "stopping: %d %s in flight may finish; interrupt again to end at once\n", n, plural(n, "invocation"))
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}

// short is a duration as people say it.
func short(m telemetry.Millis) string {
	switch d := time.Duration(m); {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	default:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
}

// palette colours text where it is shown on a terminal, and NO_COLOR does not forbid it.
type palette struct{ on bool }

func paletteFor(w io.Writer) palette { return palette{isTerminal(w) && os.Getenv("NO_COLOR") == ""} }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (c palette) paint(code, s string) string {
	if !c.on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (c palette) good(s string) string { return c.paint("32", s) }
func (c palette) bad(s string) string  { return c.paint("31", s) }
func (c palette) warn(s string) string { return c.paint("33", s) }
func (c palette) dim(s string) string  { return c.paint("2", s) }

// name gives every function a colour of its own, the same in every run.
func (c palette) name(function, s string) string {
	colors := [...]string{"36", "35", "34", "33", "32", "96", "95", "94"}
	var h uint32
	for i := range len(function) {
		h = h*31 + uint32(function[i])
	}
	return c.paint(colors[h%uint32(len(colors))], s)
}
