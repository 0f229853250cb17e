package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"example.com/emulate/dockerbuild"
	"example.com/emulate/emulator"
	"example.com/emulate/emulator/config"
)

func newCheck(s streams) *cobra.Command {
	var f projectFlags
	var built string
	var sizes bool
	cmd := &cobra.Command{
		Use:   "check [PATH]",
		Short: "Tell everything that would break on Lambda",
		Long: `Read a project's configuration as serve does, and every function's bundle, and print what is wrong: sizes over AWS's limits, native code for
another system, processor or C library, missing libraries, a bootstrap or handler that Lambda does not find, files that do not belong there.

It needs no container engine and runs nothing. It looks at what emulate build made, where nothing has changed since, else at the code as it is.
The exit code is 2 where the configuration has an error, and 1 where a bundle has one.`,
		Example: `  emulate check
  emulate build -o dist && emulate check --built dist --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := pathArgument(cmd, &f, args)
			if err != nil {
				return err
			}
			o, err := f.options(path, os.Getenv)
			if err != nil {
				return err
			}
			c := checkRun{printer: newPrinter(s, &f), sizes: sizes, built: built, seen: map[string]bool{}}
			return c.run(cmd.Context(), o)
		},
	}
	f.add(cmd)
	for _, name := range notOfCheck {
		_ = cmd.Flags().MarkHidden(name) // it exists: f.add added it
	}
	cmd.Flags().StringVar(&built, "built", "", "`DIR` that emulate build -o filled: check what is in it")
	cmd.Flags().BoolVar(&sizes, "sizes", false, "show the ten largest parts of every bundle")
	return cmd
}

// notOfCheck are flags that check takes, so that the same ones can be given as to serve, and that change nothing of what it tells.
var notOfCheck = []string{"port", "aws-port", "host", "profile", "spares", "cold-starts", "no-cpu-limit", "build-host", "no-watch", "no-build", "no-freeze", "seed"}

// checkRun is one emulate check.
type checkRun struct {
	*printer
	sizes bool
	built string
	// seen are problems that were told: functions that share code share its problems.
	seen   map[string]bool
	errors int
	// unbuilt are functions that are sources only: people are told in one line.
	unbuilt []string
}

func (c *checkRun) run(ctx context.Context, o emulator.Options) error {
	list, err := emulator.Check(o)
	if err != nil {
		return err
	}
	c.tell(nil, list)
	if c.errors > 0 {
		return &codeError{code: exitUsage}
	}
	project, _, err := config.Load(o.Configuration())
	if err != nil {
		return fmt.Errorf("load the project: %w", err)
	}
	checker := dockerbuild.NewChecker(dockerbuild.CheckOptions{Built: c.built, CacheDir: o.CacheDir})
	err = c.bundles(ctx, checker, project)
	if closed := checker.Close(); err == nil {
		err = closed
	}
	if err == nil && c.errors > 0 {
		err = &codeError{code: exitFailed}
	}
	return err
}

// checkedBundle is a function and its report.
type checkedBundle struct {
	fn     *config.Function
	report *dockerbuild.BundleReport
}

// bundles tells the problems of all bundles as they are found, and at the end one line for each function, since zipped sizes take longest.
func (c *checkRun) bundles(ctx context.Context, checker *dockerbuild.Checker, p *config.Project) error {
	var all []checkedBundle
	for _, fn := range p.Functions {
		if len(fn.Broken) > 0 {
			continue // its own errors were told
		}
		r, err := checker.Check(ctx, fn)
		if err != nil {
			return err
		}
		c.tell(r, r.Diagnostics)
		all = append(all, checkedBundle{fn, r})
	}
	for _, b := range all {
		more, err := checker.Zip(ctx, b.report)
		if err != nil {
			return err
		}
		c.tell(b.report, more)
	}
	if c.json {
		for _, b := range all {
			c.jsonLine(bundleLineOf(b))
		}
		flush(c.out, &c.outBuf)
	} else if !c.quiet {
		c.summary(all)
	}
	return nil
}

// tell shows problems, those of a bundle by the paths that its user knows. Functions that share code share its problems, which are told once.
func (c *checkRun) tell(r *dockerbuild.BundleReport, list []config.Diagnostic) {
	var fresh []config.Diagnostic
	for _, d := range list {
		id := fmt.Sprint(d.Position, d.Message)
		if d.Severity == config.Error {
			c.errors++
		}
		if r != nil && c.seen[id] {
			continue
		}
		if r != nil && r.From == dockerbuild.FromSources && d.Code == "not-built" && !c.json {
			c.unbuilt = append(c.unbuilt, r.Function)
			continue
		}
		c.seen[id] = true
		if r != nil {
			d.File = c.place(r, d.File)
		}
		fresh = append(fresh, d)
	}
	c.diagnostics(fresh)
}

// place is how a file of a bundle is called: relative to the current folder where it lies below it, and for people by the function where it is in the
// cache.
func (c *checkRun) place(r *dockerbuild.BundleReport, file string) string {
	if dir, err := os.Getwd(); err == nil && filepath.IsAbs(file) {
		if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	if rel, err := filepath.Rel(r.Dir, file); err == nil && filepath.IsLocal(rel) && rel != "." && r.From == dockerbuild.FromBuild && !c.json {
		return r.Function + ": " + rel
	}
	return file
}

// bundleLine is a function's line of --json.
type bundleLine struct {
	Type         string                  `json:"type"`
	Function     string                  `json:"function"`
	Runtime      string                  `json:"runtime"`
	Architecture string                  `json:"architecture"`
	From         string                  `json:"from"`
	Dir          string                  `json:"dir,omitempty"`
	Unzipped     int64                   `json:"unzipped"`
	Layers       int64                   `json:"layers"`
	Zipped       *int64                  `json:"zipped"`
	Largest      []dockerbuild.Part      `json:"largest"`
	Duplicates   []dockerbuild.Duplicate `json:"duplicates"`
	Errors       int                     `json:"errors"`
	Warnings     int                     `json:"warnings"`
}

func bundleLineOf(b checkedBundle) bundleLine {
	r := b.report
	line := bundleLine{
		Type: "bundle", Function: b.fn.Name, Runtime: b.fn.Runtime, Architecture: b.fn.Architecture, From: r.From, Dir: r.Dir, Unzipped: r.Unzipped, Layers: r.Layers,
		Largest: append([]dockerbuild.Part{}, r.Largest...), Duplicates: append([]dockerbuild.Duplicate{}, r.Duplicates...), // [] rather than null
	}
	if r.Zipped >= 0 {
		line.Zipped = &r.Zipped
	}
	line.Errors, line.Warnings = countProblems(r.Diagnostics)
	return line
}

func countProblems(list []config.Diagnostic) (errors, warnings int) {
	for _, d := range list {
		if d.Severity == config.Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// summary shows one line for each function, and the largest parts of a bundle that is too large.
func (c *checkRun) summary(all []checkedBundle) {
	var table bytes.Buffer
	tw := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, b := range all {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", b.fn.Name, strings.TrimSpace(b.fn.Runtime+" "+b.fn.Architecture), sizesOf(b.report), verdictOf(b.report), c.whatWasChecked(b.report))
	}
	_ = tw.Flush() // a buffer does not fail
	for i, line := range slices.Collect(strings.Lines(table.String())) {
		c.outBuf.WriteString(line)
		if r := all[i].report; c.sizes || r.TooLarge() {
			for _, p := range r.Largest {
				fmt.Fprintf(&c.outBuf, "  %10s  %s\n", mebibytes(p.Bytes), p.Path)
			}
		}
	}
	flush(c.out, &c.outBuf)
	if n := len(c.unbuilt); n > 0 {
		fmt.Fprintf(c.err, "not checked, since not built: %s; run emulate build first\n", strings.Join(c.unbuilt, ", "))
	}
}

func sizesOf(r *dockerbuild.BundleReport) string {
	switch {
	case r.From == dockerbuild.FromImage || r.From == dockerbuild.FromSources:
		return "-"
	case r.Zipped < 0:
		return mebibytes(r.Unzipped)
	}
	return mebibytes(r.Unzipped) + ", zipped " + mebibytes(r.Zipped)
}

func verdictOf(r *dockerbuild.BundleReport) string {
	errors, warnings := countProblems(r.Diagnostics)
	var parts []string
	if errors > 0 {
		parts = append(parts, fmt.Sprintf("%d %s", errors, plural(errors, "error")))
	}
	if warnings > 0 {
		parts = append(parts, fmt.Sprintf("%d %s", warnings, plural(warnings, "warning")))
	}
	switch {
	case r.From == dockerbuild.FromImage || r.From == dockerbuild.FromSources:
		return "not checked"
	case parts == nil:
		return "ok"
	}
	return strings.Join(parts, ", ")
}

// whatWasChecked says which files were looked at.
func (c *checkRun) whatWasChecked(r *dockerbuild.BundleReport) string {
	switch r.From {
	case dockerbuild.FromImage:
		return "an image: what is in it only an engine knows"
	case dockerbuild.FromSources:
		return "not built"
	case dockerbuild.FromInline:
		return "inline code"
	case dockerbuild.FromBuild:
		if c.built == "" {
			return "as emulate build made it"
		}
	}
	return c.place(r, r.Dir)
}

// mebibytes is a size as AWS counts it: its 250 MB are 262,144,000 bytes.
func mebibytes(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 100<<10:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}
