package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"example.com/emulate/emulator/burst"
	"example.com/emulate/emulator/simulate"
)

// simulateFlags are those of emulate simulate.
type simulateFlags struct {
	report  reportFlags
	seed    uint64
	compare []string
}

func newSimulate(s streams) *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate FILE",
		Short: "Ask in virtual time what a load would meet on AWS",
		Long: `Simulate the load, the functions and the limits that FILE describes, with the same decisions as a running emulate serve, but in virtual time: cold
starts, throttles, provisioned concurrency, warmers and their cost. --compare runs a sweep and prints one table; its settings are
  ` + simulate.Settings + `.
--assert takes claims about the report, and ends with 1 where one fails; their metrics are
  ` + burst.Metrics + `.`,
		Example: `  emulate simulate black-friday.yaml
  emulate simulate api.yaml --assert 'cold_ratio<0.05' 'p99<300ms' 'throttles==0'
  emulate simulate api.yaml --compare provisioned=0,10,50 memory=128,512,1769 reserved=,20`,
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := sortArguments("simulate", "FILE", "emulate simulate load.yaml", args, &f.report.claims, &f.compare)
			if err != nil {
				return err
			}
			f.report.command = commandLine(os.Args[1:])
			return f.run(cmd.Context(), s, path, cmd.Flags().Changed("seed"))
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	f.report.add(fl)
	fl.Uint64Var(&f.seed, "seed", 0, "seed of everything drawn by chance (default: the file's, else a new one, printed)")
	fl.StringArrayVar(&f.compare, "compare", nil, "`SETTINGS` to run through, such as provisioned=0,10,50")
	return cmd
}

func (f *simulateFlags) run(ctx context.Context, s streams, path string, seeded bool) error {
	claims, axes, err := parseClaims(f.report.claims, f.compare)
	if err != nil {
		return err
	}
	scenario, err := readScenario(path)
	if err != nil {
		return usagef("%w", err)
	}
	if seeded {
		scenario.Seed = f.seed
	}
	if scenario.Seed == 0 && !seeded {
		scenario.Seed = rand.Uint64N(1 << 32)
	}
	var runs []burst.Compared
	for _, settings := range burst.Combinations(axes) {
		one, err := scenario.Apply(settings)
		if err != nil {
			return usagef("%w", err)
		}
		report, err := one.Run(ctx)
		if err != nil {
			return err
		}
		runs = append(runs, burst.Compared{Settings: settings, Report: report})
	}
	return tellRuns(s, runs, f.report, claims)
}

// readScenario reads a file of emulate simulate; files that it names are found beside it.
func readScenario(path string) (*simulate.Scenario, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the scenario: %w", err)
	}
	defer f.Close()
	return simulate.Read(f, path, func(name string) (io.ReadCloser, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		return os.Open(name)
	})
}
