package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/emulate/emulator"
)

// began is the moment from which the ready line counts.
var began = time.Now()

// Exit codes (CONTRACT.md).
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// codeError is an error with an exit code; one without text was told already.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}
func (e *codeError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &codeError{exitUsage, fmt.Errorf(format, args...)}
}

// streams are the three of the process, or a test's.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run is the program without os.Exit.
func run(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := interruptible(context.Background(), errOut)
	defer stop()
	root := newRoot(streams{in, out, errOut})
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	return exitCode(root.ExecuteContext(ctx), errOut)
}

// exitCode prints an error, once, and says what the process ends with.
func exitCode(err error, errOut io.Writer) int {
	var code *codeError
	var usage *emulator.UsageError
	var config *emulator.ConfigError
	var exit *exec.ExitError
	if err == nil {
		return exitOK
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(errOut, "emulate: "+text)
	}
	switch {
	case errors.As(err, &code):
		return code.code
	case errors.As(err, &exit):
		return exit.ExitCode()
	case errors.As(err, &usage), errors.As(err, &config):
		return exitUsage
	}
	return exitFailed
}

// interruptedError is the cause of a context that an interrupt ended.
type interruptedError struct{ signal os.Signal }

func (e *interruptedError) Error() string { return "interrupted" }

// sameInterrupt is how soon a signal after the first belongs to it: timeout(1) and others signal a process and its group at once.
const sameInterrupt = 200 * time.Millisecond

// interruptible ends ctx at the first interrupt or SIGTERM, and the process at the second.
func interruptible(ctx context.Context, errOut io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		var first time.Time
		for {
			var sig os.Signal
			select {
			case sig = <-c:
			case <-done:
				return
			}
			switch {
			case first.IsZero():
				first = time.Now()
				cancel(&interruptedError{sig})
			case time.Since(first) > sameInterrupt:
				fmt.Fprintln(errOut, "emulate: ended at once; invocations in flight are lost")
				os.Exit(exitInterrupted)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(c)
		close(done)
		cancel(nil)
	}
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "emulate",
		Short: "Run Lambda functions behind API Gateway on this computer",
		Long: `emulate runs your Lambda functions on this computer, behind the API Gateway events and the Runtime API that they meet on AWS.

  emulate serve              serve the project in the current folder
  emulate invoke FUNCTION    invoke a function of a running emulate serve
  emulate exec -- CMD        run a command, such as a test suite, against a project
  emulate burst TARGET       send a load: cold starts, throttles, percentiles, cost
  emulate simulate FILE      the same in virtual time, for loads that no laptop can run`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       versionText(),
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newServe(s), newInvoke(s), newCold(s), newExec(s), newBuild(s), newCheck(s), newClean(s), newBurst(s), newSimulate(s), newEventCommand(), newVersion(s))
	return root
}

// flagError names the flag that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	var wrong *pflag.InvalidValueError
	var number *strconv.NumError
	if errors.As(err, &wrong) && errors.As(err, &number) {
		return usagef("--%s %q is no number that fits (%s --help lists the flags)", wrong.GetFlag().Name, wrong.GetValue(), cmd.CommandPath())
	}
	hint := ""
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		name := unknown.GetSpecifiedName()
		best := len(name)/3 + 2
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if d := distance(name, f.Name); len(name) > 1 && !f.Hidden && d < best {
				best, hint = d, fmt.Sprintf(", did you mean --%s?", f.Name)
			}
		})
	}
	return usagef("%w%s (%s --help lists the flags)", err, hint, cmd.CommandPath())
}

func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf(", did you mean %q?", near[0])
	}
	return usagef("unknown command %q%s (emulate --help lists them)", args[0], hint)
}

func newVersion(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Print version, commit and Go version", Args: noArgs,
		Run: func(*cobra.Command, []string) {
			if !asJSON {
				fmt.Fprintln(s.out, versionText())
				return
			}
			p := newPrinter(s, &projectFlags{})
			p.jsonLine(buildOf())
			flush(p.out, &p.outBuf)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object on standard output")
	return cmd
}

// build is what the Go toolchain recorded in the binary.
type build struct {
	Version string `json:"version"`
	// Commit is its first 12 digits, "unknown" where nothing was recorded.
	Commit string `json:"commit"`
	// Modified says that the files were not those of the commit.
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
}

// pseudoVersion is what Go calls a commit without a tag; its end is the commit.
var pseudoVersion = regexp.MustCompile(`[-.]\d{14}-([0-9a-f]{12})(?:\+|$)`)

func buildOf() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{Version: "unknown", Commit: "unknown", Go: runtime.Version()}
	}
	b := build{Version: strings.TrimPrefix(info.Main.Version, "v"), Commit: "unknown", Go: info.GoVersion}
	if m := pseudoVersion.FindStringSubmatch(b.Version); m != nil {
		b.Commit = m[1]
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "devel"
	}
	for _, kv := range info.Settings {
		switch kv.Key {
		case "vcs.revision":
			b.Commit = kv.Value[:min(12, len(kv.Value))]
		case "vcs.modified":
			b.Modified = kv.Value == "true"
		}
	}
	return b
}

func versionText() string {
	b := buildOf()
	if b.Modified {
		b.Commit += ", modified"
	}
	return fmt.Sprintf("emulate %s (commit %s, %s)", b.Version, b.Commit, b.Go)
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}
