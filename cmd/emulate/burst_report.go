package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"example.com/emulate/emulator/burst"
)

// reportFlags say what becomes of a report.
type reportFlags struct {
	json, html string
	quiet      bool
	claims     []string
	// overrides takes the words of --parameter-overrides out of the arguments, where the command has it.
	overrides func(args []string) (rest []string)
	command   string // as it was typed, for the page
}

// standardOutput is the name of --json that stands for it, as in other programs.
const standardOutput = "-"

func (f *reportFlags) add(fl *pflag.FlagSet) {
	fl.StringVar(&f.json, "json", "", "the report as one line of JSON on standard output and nothing else there, or in a `FILE`")
	fl.Lookup("json").NoOptDefVal = standardOutput
	fl.StringVar(&f.html, "html", "", "write the report with charts to `FILE`, one page that needs nothing else")
	fl.StringArrayVar(&f.claims, "assert", nil, "`CLAIMS` about the report, such as 'p99<300ms' (repeatable)")
	fl.BoolVar(&f.quiet, "quiet", false, "no progress, only the report and problems")
}

// writable says what is wrong with the files of a report before a load is sent for it.
func (f *reportFlags) writable() error {
	for name, path := range map[string]string{"--json": f.json, "--html": f.html} {
		if path == "" || path == standardOutput && name == "--json" {
			continue
		}
		is, err := os.Stat(path)
		_, here := os.Lstat(path) // a link may lead to a file that is not there yet
		if err == nil && !is.Mode().IsRegular() && !is.IsDir() {
			continue // a pipe, or a device
		}
		file, failed := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
		if failed != nil {
			return usagef("%s: %w", name, failed)
		}
		_ = file.Close() // nothing was written
		if here != nil {
			_ = os.Remove(path) // until there is a report
		}
	}
	return nil
}

// tellRuns prints a report, or the table of a sweep, writes the JSON that was asked for (on standard output nothing else is written then), and holds
// the claims against every run.
func tellRuns(s streams, runs []burst.Compared, f reportFlags, claims []burst.Assertion) error {
	text := s.out
	if f.json == standardOutput {
		text = s.err
	}
	color := paletteFor(text)
	sweep := len(runs) > 1 || len(runs[0].Settings) > 0
	switch {
	case sweep && f.json != standardOutput:
		fmt.Fprint(text, burst.Table(runs))
	case f.json != standardOutput:
		fmt.Fprint(text, runs[0].Report.Summary())
	}
	if err := writeRuns(s.out, runs, f.json, sweep); err != nil {
		return err
	}
	failed := false
	var verdicts []burst.Verdict
	for _, run := range runs {
		for _, claim := range claims {
			v := claim.Check(run.Report)
			failed = failed || !v.OK
			verdicts = append(verdicts, v)
			line := v.String() + settingsOf(run.Settings)
			if v.OK {
				line = color.good(line)
			} else {
				line = color.bad(line)
			}
			fmt.Fprintln(text, line)
		}
	}
	if f.html != "" {
		if err := writePage(runs, f, verdicts); err != nil {
			return err
		}
		fmt.Fprintf(text, "\nThe page is %s\n", f.html)
	}
	if failed {
		return &codeError{code: exitFailed}
	}
	return nil
}

// endRuns tells the runs that there are, and ends with what ended them early, if anything did.
func endRuns(s streams, runs []burst.Compared, f reportFlags, claims []burst.Assertion, err error) error {
	if len(runs) == 0 {
		return err
	}
	told := tellRuns(s, runs, f, claims)
	switch {
	case err == nil:
		return told
	case told == nil || told.Error() == "": // it was told
		return err
	}
	return errors.Join(err, told)
}

func settingsOf(settings []burst.Setting) string {
	var b strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&b, " %s=%s", s.Name, s.Value)
	}
	return b.String()
}

// runJSON is one report of a sweep.
type runJSON struct {
	Settings map[string]string `json:"settings"`
	Report   *burst.Report     `json:"report"`
}

// writeRuns writes one report, or those of a sweep as a list.
func writeRuns(out io.Writer, runs []burst.Compared, to string, sweep bool) error {
	if to == "" {
		return nil
	}
	var value any = runs[0].Report
	if sweep {
		list := []runJSON{}
		for _, run := range runs {
			settings := map[string]string{}
			for _, s := range run.Settings {
				settings[s.Name] = s.Value
			}
			list = append(list, runJSON{settings, run.Report})
		}
		value = list
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	data = append(data, '\n')
	if to == standardOutput {
		_, err = out.Write(data)
	} else {
		err = os.WriteFile(to, data, 0o666)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// writePage writes the page with the charts.
func writePage(runs []burst.Compared, f reportFlags, verdicts []burst.Verdict) error {
	file, err := os.Create(f.html)
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	err = burst.WritePage(file, runs, burst.Meta{Command: f.command, Version: versionText(), Time: time.Now(), Verdicts: verdicts})
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// teller shows how far a load is: on a terminal one line, drawn anew in its place; elsewhere, as in CI, a line from time to time.
type teller struct {
	w     io.Writer
	live  bool
	quiet bool // only what has to be said
	width int
	color palette

	mu    sync.Mutex
	what  string
	drawn bool
	// Lines of this load, and of those before it, which are not told again.
	now, before map[string]bool
	next        time.Duration // of the next line where there is no terminal
}

// plainEvery is how often a line is written where there is no terminal.
const plainEvery = 10 * time.Second

func newTeller(w io.Writer) *teller {
	return &teller{now: map[string]bool{}, before: map[string]bool{}, w: w, live: isTerminal(w), width: widthOf(w), color: paletteFor(w), next: plainEvery}
}

// label is what the next load tries.
func (t *teller) label(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.what, t.next = strings.TrimSpace(what), plainEvery
	for line := range t.now {
		t.before[line] = true
	}
	clear(t.now)
	if t.what != "" && !t.live && !t.quiet {
		fmt.Fprintln(t.w, t.what)
	}
}

// progress is burst.Options.Progress.
func (t *teller) progress(p burst.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.quiet || !t.live && p.Elapsed < t.next {
		return
	}
	text := fmt.Sprintf("%.1f s: %d sent, %d answered", p.Elapsed.Seconds(), p.Offered, p.Answered)
	for _, part := range []struct {
		n    int64
		what string
	}{{p.ColdStarts, "cold"}, {p.Throttled, "throttled"}, {p.Failed, "failed"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	if e := p.Environments; e.Total() > 0 {
		text += fmt.Sprintf(", %d environments (%d starting, %d busy)", e.Total(), e.Starting, e.Busy)
	}
	if t.what != "" {
		text = t.what + "  " + text
	}
	if !t.live {
		fmt.Fprintln(t.w, text)
		for t.next <= p.Elapsed {
			t.next += plainEvery
		}
		return
	}
	fmt.Fprintf(t.w, "\r\x1b[2K%s", t.color.dim(fit(text, t.width-1)))
	t.drawn = true
}

// Write is for what else has to be said meanwhile, in whole lines. What was said of an earlier setting of a sweep is not said again.
func (t *teller) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var fresh []byte
	for line := range bytes.Lines(b) {
		if !t.before[string(line)] {
			t.now[string(line)] = true
			fresh = append(fresh, line...)
		}
	}
	if len(fresh) == 0 {
		return len(b), nil
	}
	t.wipe()
	if _, err := t.w.Write(fresh); err != nil {
		return 0, err
	}
	return len(b), nil
}

// say writes a line that stays.
func (t *teller) say(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// end takes the line away.
func (t *teller) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wipe()
}

func (t *teller) wipe() {
	if t.drawn {
		_, _ = io.WriteString(t.w, "\r\x1b[2K") // nobody is left to tell
		t.drawn = false
	}
}
