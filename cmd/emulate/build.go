package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/telemetry"
)

func newBuild(s streams) *cobra.Command {
	var f projectFlags
	var b emulator.BuildOptions
	var path string
	cmd := &cobra.Command{
		Use:   "build [FUNCTION...]",
		Short: "Build functions in Amazon Linux",
		Long: `Build functions of a project for Lambda, all of them where none is named: each becomes a folder shaped like /var/task, with its dependencies.

A function is built in a container of its runtime's build image, public.ecr.aws/sam/build-RUNTIME, or with this machine's tools by --host. What did not
change is not built again. The folders are in a cache; --output copies them.`,
		Example: `  emulate build
  emulate build orders -o dist
  emulate build --path ./project --host`,
		RunE: func(cmd *cobra.Command, args []string) error {
			args = f.takeOverrides(args)
			o, err := f.options(path, os.Getenv)
			if err != nil {
				return err
			}
			b.Functions = args
			return runBuild(cmd, s, &f, o, b)
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVarP(&b.Output, "output", "o", "", "`DIR` that gets each function's folder, by its logical id")
	fl.BoolVar(&b.Host, "host", false, "build with this machine's tools")
	fl.BoolVar(&b.Host, "build-host", false, "the same under the name that serve has for it")
	_ = fl.MarkHidden("build-host") // it exists: it was added just above
	fl.StringVar(&path, "path", "", "project folder or configuration `FILE` (default: the current folder)")
	fl.BoolVar(&f.o.Lenient, "lenient", false, "build what can be built of a configuration with errors")
	f.addConfiguration(fl)
	f.addOutput(fl)
	return cmd
}

func runBuild(cmd *cobra.Command, s streams, f *projectFlags, o emulator.Options, b emulator.BuildOptions) error {
	show := newBuildSteps(s.err, f.quiet)
	b.Progress = show.step
	results, err := emulator.Build(cmd.Context(), o, b)
	show.end()
	p := newPrinter(s, f)
	p.built(results)
	var failed *emulator.BuildError
	if errors.As(err, &failed) {
		for _, r := range results {
			if r.Err != nil && !f.json {
				fmt.Fprintf(s.err, "%s\n", r.Err)
			}
		}
		if o.Lenient && len(b.Functions) == 0 && onlyBroken(failed) {
			return nil // what is left out was told
		}
		return &codeError{code: exitFailed}
	}
	return p.startError(err)
}

// onlyBroken says whether functions were not built for the configuration's errors alone, which --lenient lets pass.
func onlyBroken(failed *emulator.BuildError) bool {
	return !slices.ContainsFunc(failed.Errs, func(err error) bool {
		var wrong *emulator.ConfigError
		return !errors.As(err, &wrong)
	})
}

// built shows what became of each function.
func (p *printer) built(results []emulator.BuildResult) {
	if p.json {
		for _, r := range results {
			p.jsonLine(builtLine(r))
		}
		flush(p.out, &p.outBuf)
		return
	}
	if p.quiet {
		return
	}
	tw := tabwriter.NewWriter(&p.outBuf, 0, 0, 2, ' ', 0)
	for _, r := range results {
		switch {
		case r.Err != nil:
			fmt.Fprintf(tw, "%s\tfailed\n", r.Function)
		case r.UpToDate:
			fmt.Fprintf(tw, "%s\tup to date\t%s\n", r.Function, r.Dir+r.Image)
		default:
			fmt.Fprintf(tw, "%s\tbuilt in %s\t%s\n", r.Function, short(telemetry.Millis(r.Elapsed)), r.Dir+r.Image)
		}
	}
	_ = tw.Flush() // a buffer does not fail
	flush(p.out, &p.outBuf)
}

func builtLine(r emulator.BuildResult) any {
	line := struct {
		Type      string           `json:"type"`
		Function  string           `json:"function"`
		LogicalID string           `json:"logicalId"`
		Dir       string           `json:"dir,omitempty"`
		Image     string           `json:"image,omitempty"`
		Digest    string           `json:"digest,omitempty"`
		UpToDate  bool             `json:"upToDate"`
		ElapsedMs telemetry.Millis `json:"elapsedMs"`
		Error     string           `json:"error,omitempty"`
	}{"built", r.Function, r.LogicalID, r.Dir, r.Image, r.Digest, r.UpToDate, telemetry.Millis(r.Elapsed), ""}
	if r.Err != nil {
		line.Error = r.Err.Error()
	}
	return line
}

// newBuildSteps shows the steps of builds as they go: a line for each function on a terminal, a line for each step elsewhere.
func newBuildSteps(w io.Writer, quiet bool) *buildSteps {
	return &buildSteps{w: w, quiet: quiet, live: isTerminal(w), width: widthOf(w)}
}
