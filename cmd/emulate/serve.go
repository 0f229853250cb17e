package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"example.com/emulate/emulator"
)

// drain is how long an interrupted serve waits for invocations in flight. The second interrupt does not wait.
const drain = 30 * time.Second

func newServe(s streams) *cobra.Command {
	var f projectFlags
	cmd := &cobra.Command{
		Use:   "serve [PATH]",
		Short: "Serve a project until interrupted",
		Long: `Serve the functions and APIs of a project until interrupted, and reload what changes.

PATH is a folder or a configuration file: emulate.yaml, or a SAM or CloudFormation template. A folder without one is one function behind every path.`,
		Example: `  emulate serve
  emulate serve ./orders --port 8080 --env LOG_LEVEL=debug
  emulate serve -t template.yaml --parameter Stage=dev`,
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := pathArgument(cmd, &f, args)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), s, &f, path)
		},
	}
	f.add(cmd)
	return cmd
}

// pathArgument is the one argument PATH, or "".
func pathArgument(cmd *cobra.Command, f *projectFlags, args []string) (string, error) {
	if cmd.ArgsLenAtDash() >= 0 {
		return "", usagef("%s -- CMD is not built yet", cmd.CommandPath())
	}
	if args = f.takeOverrides(args); len(args) > 1 {
		return "", usagef("%s takes one PATH, got %q too", cmd.CommandPath(), args[1])
	}
	if len(args) == 1 {
		return args[0], nil
	}
	return "", nil
}

func serve(ctx context.Context, s streams, f *projectFlags, path string) error {
	o, err := f.options(path, os.Getenv)
	if err != nil {
		return err
	}
	p := newPrinter(s, f)
	o.OnEvents = p.events
	e, err := emulator.New(o)
	if err != nil {
		return err
	}
	if err := e.Start(ctx); err != nil {
		return p.startError(err)
	}
	if !f.quiet {
		e.Flush() // the ready line comes first
		p.limits(e.Limits())
	}
	debug.SetGCPercent(200) // a busy emulator makes little that lives long; what a burst leaves is given back below
	giveBackMemory(ctx, e)
	p.interrupted(e.Stats())
	closing, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if err := e.Close(closing); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// startError tells a configuration's problems, all of them; the error that is left has the exit code and no more words.
func (p *printer) startError(err error) error {
	var wrong *emulator.ConfigError
	if !errors.As(err, &wrong) {
		return err
	}
	p.diagnostics(wrong.Diagnostics)
	return &codeError{code: exitUsage}
}

// restTime is how long nothing is invoked before memory is given back.
const restTime = 5 * time.Second

// giveBackMemory waits for the end of ctx, and returns the memory of a burst to the system when it is over.
func giveBackMemory(ctx context.Context, e *emulator.Emulator) {
	tick := time.NewTicker(restTime)
	defer tick.Stop()
	var seen, given uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var now uint64
		busy := false
		for _, s := range e.Stats() {
			now += s.Invocations
			busy = busy || s.InFlight > 0
		}
		if now == seen && now != given && !busy {
			debug.FreeOSMemory()
			given = now
		}
		seen = now
	}
}
