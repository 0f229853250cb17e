package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"example.com/emulate/emulator"
)

func newExec(s streams) *cobra.Command {
	var f projectFlags
	var path string
	cmd := &cobra.Command{
		Use:   "exec [--path PATH] -- CMD ARG...",
		Short: "Run a command, such as a test suite, against a project",
		Long: `Start a project on free ports, wait until every function is built, run CMD with the endpoints in its environment, stop, and exit as CMD did.

CMD gets EMULATE_URL (the first API's base), EMULATE_AWS_URL, EMULATE_URL_<API id or function name in capitals>, AWS_ENDPOINT_URL_LAMBDA and, where the
shell has none, dummy AWS credentials and a region.`,
		Example: `  emulate exec -- go test ./...
  emulate exec --path ./orders -- sh -c 'curl -fsS "$EMULATE_URL/health"'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); dash > 0 && len(f.takeOverrides(args[:dash])) == 0 {
				args = args[dash:]
			} else if dash != 0 {
				args = nil
			}
			if len(args) == 0 {
				return usagef("emulate exec needs -- and a command: emulate exec -- go test ./...")
			}
			return runExec(cmd, s, &f, path, args)
		},
	}
	f.add(cmd)
	freePorts(cmd.Flags())
	cmd.Flags().StringVar(&path, "path", "", "project folder or configuration `FILE` (default: the current folder)")
	return cmd
}

func runExec(cmd *cobra.Command, s streams, f *projectFlags, path string, args []string) error {
	if _, err := exec.LookPath(args[0]); err != nil {
		return usagef("find the command: %w", err)
	}
	o, err := private(cmd, f, path)
	if err != nil {
		return err
	}
	// The command's output is what the user asked for, so our own goes to standard error.
	p := newPrinter(streams{in: s.in, out: s.err, err: s.err}, f)
	o.OnEvents = p.events
	return withEmulator(cmd.Context(), o, p, func(e *emulator.Emulator) error {
		c := exec.CommandContext(cmd.Context(), args[0], args[1:]...)
		c.Stdin, c.Stdout, c.Stderr = s.in, s.out, s.err
		c.Env = execEnvironment(os.Environ(), e, o.Region)
		c.Cancel = func() error { return passOn(context.Cause(cmd.Context()), s.in, c.Process) }
		c.WaitDelay = 10 * time.Second
		return commandError(cmd.Context(), c, c.Run())
	})
}

// commandError is what a command that ran means for the exit code. How it ended counts, and not that an interrupt ended the context meanwhile: Run
// then returns an error for a command that ended well too.
func commandError(ctx context.Context, c *exec.Cmd, err error) error {
	switch {
	case c.ProcessState == nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case c.ProcessState == nil:
		return err
	}
	if code := exitOf(c.ProcessState); code != exitOK {
		return &codeError{code: code} // the command has told why
	}
	return nil
}

// passOn gives an interrupt to the command. That of a terminal's Ctrl-C has reached it already, as part of the same process group.
func passOn(cause error, in io.Reader, p *os.Process) error {
	var interrupted *interruptedError
	if !errors.As(cause, &interrupted) {
		return p.Signal(os.Interrupt)
	}
	if f, ok := in.(*os.File); ok && interrupted.signal == os.Interrupt && term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return p.Signal(interrupted.signal)
}

// exitOf is a command's exit code; for one that a signal ended it is 128 and the signal, as shells say it.
func exitOf(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// freePorts lets the help of the ports say what private makes of them.
func freePorts(fl *pflag.FlagSet) {
	for name, usage := range map[string]string{"port": "port of the APIs (default: a free one)", "aws-port": "port of the AWS endpoint (default: a free one)"} {
		fl.Lookup(name).DefValue, fl.Lookup(name).Usage = "0", usage
	}
}

// private completes the options of an emulator that serves one command: free ports unless some are asked for, no watching.
func private(cmd *cobra.Command, f *projectFlags, path string) (emulator.Options, error) {
	o, err := f.options(path, os.Getenv)
	if err != nil {
		return o, err
	}
	if !cmd.Flags().Changed("port") {
		o.Port = 0
	}
	if !cmd.Flags().Changed("aws-port") {
		o.AWSPort = 0
	}
	o.NoWatch, o.WaitForBuilds = true, true
	return o, nil
}

// withEmulator runs do against a started emulator, and closes it.
func withEmulator(ctx context.Context, o emulator.Options, p *printer, do func(*emulator.Emulator) error) error {
	e, err := emulator.New(o)
	if err != nil {
		return err
	}
	if err := e.Start(ctx); err != nil {
		var build *emulator.BuildError
		if errors.As(err, &build) { // told event by event
			return &codeError{code: exitFailed}
		}
		return p.startError(err)
	}
	err = do(e)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	return errors.Join(err, e.Close(closing))
}

var notWord = regexp.MustCompile(`[^A-Z0-9]+`)

// execEnvironment is the shell's environment and the endpoints (CONTRACT.md).
func execEnvironment(shell []string, e *emulator.Emulator, region string) []string {
	served := e.Served()
	env := append([]string(nil), shell...)
	set := func(k, v string) { env = append(env, k+"="+v) }
	has := func(k string) bool {
		return slices.ContainsFunc(shell, func(kv string) bool { return strings.HasPrefix(kv, k+"=") && len(kv) > len(k)+1 })
	}
	setDefault := func(k, v string) {
		if !has(k) {
			set(k, v)
		}
	}
	url := e.URL()
	if len(served.APIs) > 0 {
		url = served.APIs[0].URL
	}
	set("EMULATE_URL", url)
	set("EMULATE_AWS_URL", served.AWS)
	name := func(s string) string { return "EMULATE_URL_" + notWord.ReplaceAllString(strings.ToUpper(s), "_") }
	for _, a := range served.APIs {
		set(name(a.ID), a.URL)
	}
	for _, f := range served.Functions {
		if f.URL != "" {
			set(name(f.Name), f.URL)
		}
	}
	set("AWS_ENDPOINT_URL_LAMBDA", served.AWS)
	if !has("AWS_ACCESS_KEY_ID") && !has("AWS_PROFILE") { // which these would win over
		set("AWS_ACCESS_KEY_ID", "emulate")
		set("AWS_SECRET_ACCESS_KEY", "emulate")
	}
	if region == "" {
		region = "us-east-1"
	}
	setDefault("AWS_REGION", region)
	setDefault("AWS_DEFAULT_REGION", region)
	return env
}
