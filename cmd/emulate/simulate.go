package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
starts, throttles, provisioned concurrency, warmers and their cost. --compare runs a sweep and prints one table; what cannot be, such as more
provisioned than reserved, is left out. Its settings are
  ` + simulate.Settings + `.
--assert takes claims about the report, and ends with 1 where one fails; their metrics are
  ` + burst.Metrics + `.

FILE is YAML, with the names of emulate.yaml where it tells the same; README.md has one with every property:

` + simulate.Format + `
Files that it names lie beside it.`,
		Example: `  emulate simulate black-friday.yaml
  emulate simulate api.yaml --assert 'cold_ratio<0.05' 'p99<300ms' 'throttles==0'
  emulate simulate api.yaml --compare provisioned=0,10,50 memory=128,512,1769 reserved=,20`,
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := f.report.sortArguments("simulate", "FILE", "emulate simulate load.yaml", args, os.Args[1:], &f.compare)
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
	if err := f.report.writable(); err != nil {
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
	points, err := f.points(s, scenario, burst.Combinations(axes))
	if err != nil {
		return usagef("%w", err)
	}
	return f.simulate(ctx, s, points, claims)
}

// simulatePoint is one combination of a sweep's settings.
type simulatePoint struct {
	settings []burst.Setting
	scenario *simulate.Scenario
}

// points are the combinations that can be simulated. One that cannot, though each of its settings can with others or by itself, is left out; any
// other is an error.
func (f *simulateFlags) points(s streams, scenario *simulate.Scenario, combinations [][]burst.Setting) (points []simulatePoint, err error) {
	refused := make([]error, len(combinations))
	sound := map[burst.Setting]bool{}
	for i, settings := range combinations {
		one, err := scenario.Apply(settings)
		if err != nil {
			refused[i] = err
			continue
		}
		points = append(points, simulatePoint{settings, one})
		for _, set := range settings {
			sound[set] = true
		}
	}
	wrong := func(set burst.Setting) bool {
		_, err := scenario.Apply([]burst.Setting{set})
		return err != nil && !sound[set]
	}
	var leftOut strings.Builder
	for i, settings := range combinations {
		switch {
		case refused[i] == nil:
		case len(points) == 0, slices.ContainsFunc(settings, wrong):
			return nil, refused[i]
		default:
			fmt.Fprintf(&leftOut, "%s: left out: %v\n", strings.TrimSpace(settingsOf(settings)), refused[i])
		}
	}
	fmt.Fprint(s.err, leftOut.String())
	return points, nil
}

// simulate runs the points and tells of them; where one ends early, of those before it.
func (f *simulateFlags) simulate(ctx context.Context, s streams, points []simulatePoint, claims []burst.Assertion) error {
	var runs []burst.Compared
	for _, p := range points {
		report, err := p.scenario.Run(ctx)
		if err != nil {
			return endRuns(s, runs, f.report, claims, err)
		}
		runs = append(runs, burst.Compared{Settings: p.settings, Report: report})
	}
	return endRuns(s, runs, f.report, claims, nil)
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
