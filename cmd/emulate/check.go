package main

import (
	"os"

	"github.com/spf13/cobra"

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
			project, list, err := config.Load(config.Options{
				Path: o.Path, Parameters: o.Parameters, EnvFile: o.EnvFile, Env: o.Env, Stage: o.Stage, Region: o.Region, Account: o.Account, Lenient: o.Lenient})
			if err != nil {
				return err
			}
			newPrinter(s, &f).diagnostics(list)
			if project == nil {
				return &codeError{code: exitUsage}
			}
			return nil
		},
	}
	f.add(cmd)
	return cmd
}
