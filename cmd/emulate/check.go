package main

import (
	"os"
	"slices"

	"github.com/spf13/cobra"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/config"
)

func newCheck(s streams) *cobra.Command {
	var f projectFlags
	cmd := &cobra.Command{
		Use:   "check [PATH]",
		Short: "Tell everything that is wrong with a configuration",
		Long:  "Read a project's configuration as serve does, and print every problem of it. The exit code is 2 where one is an error.",
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := pathArgument(cmd, args)
			if err != nil {
				return err
			}
			o, err := f.options(path, os.Getenv)
			if err != nil {
				return err
			}
			list, err := emulator.Check(o)
			if err != nil {
				return err
			}
			newPrinter(s, &f).diagnostics(list)
			if slices.ContainsFunc(list, func(d config.Diagnostic) bool { return d.Severity == config.Error }) {
				return &codeError{code: exitUsage}
			}
			return nil
		},
	}
	f.add(cmd)
	return cmd
}
