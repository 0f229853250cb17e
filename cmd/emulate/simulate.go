package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"example.com/emulate/emulator/burst"
	"example.com/emulate/emulator/simulate"
)

// simulateFlags are those of emulate simulate.
type simulateFlags struct {
	json    string
	seed    uint64
	claims  []string
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
			path, err := f.sort(args)
			if err != nil {
				return err
			}
			return f.run(cmd.Context(), s, path, cmd.Flags().Changed("seed"))
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.json, "json", "", "write the report as JSON to `FILE`, - for standard output and nothing else there")
	fl.Uint64Var(&f.seed, "seed", 0, "seed of everything drawn by chance (default: the file's, else a new one, printed)")
	fl.StringArrayVar(&f.claims, "assert", nil, "`CLAIMS` about the report, such as 'p99<300ms'")
	fl.StringArrayVar(&f.compare, "compare", nil, "`SETTINGS` to run through, such as provisioned=0,10,50")
	return cmd
}

// sort tells arguments apart: what follows --assert CLAIM and --compare SETTING are further ones, and the rest is the file.
func (f *simulateFlags) sort(args []string) (path string, err error) {
	for _, a := range args {
		_, isClaim := burst.ParseAssertion(a)
		switch {
		case isClaim == nil:
			f.claims = append(f.claims, a)
		case strings.ContainsAny(a, "<>!") && len(f.claims) > 0:
			return "", usagef("%w", isClaim)
		case strings.Contains(a, "=") && len(f.compare) > 0:
			f.compare = append(f.compare, a)
		case path != "":
			return "", usagef("emulate simulate takes one FILE: both %s and %s are given", path, a)
		default:
			path = a
		}
	}
	if path == "" {
		return "", usagef("emulate simulate needs a FILE: emulate simulate load.yaml")
	}
	return path, nil
}

func (f *simulateFlags) run(ctx context.Context, s streams, path string, seeded bool) error {
	var claims []burst.Assertion
	for _, text := range f.claims {
		a, err := burst.ParseAssertion(text)
		if err != nil {
			return usagef("%w", err)
		}
		claims = append(claims, a)
	}
	var axes []burst.Axis
	for _, text := range f.compare {
		a, err := burst.ParseAxis(text)
		if err != nil {
			return usagef("%w", err)
		}
		axes = append(axes, a)
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
	return tellRuns(s, runs, f.json, claims)
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

// tellRuns prints a report, or the table of a sweep, writes the JSON that was asked for (- is standard output, which then has nothing else), and holds
// the claims against every run.
func tellRuns(s streams, runs []burst.Compared, jsonTo string, claims []burst.Assertion) error {
	text := s.out
	if jsonTo == "-" {
		text = s.err
	}
	sweep := len(runs) > 1 || len(runs[0].Settings) > 0
	switch {
	case sweep && jsonTo != "-":
		fmt.Fprint(text, burst.Table(runs))
	case jsonTo != "-":
		fmt.Fprint(text, runs[0].Report.Summary())
	}
	if err := writeRuns(s.out, runs, jsonTo, sweep); err != nil {
		return err
	}
	failed := false
	for _, run := range runs {
		for _, claim := range claims {
			v := claim.Check(run.Report)
			failed = failed || !v.OK
			fmt.Fprintln(text, v.String()+settingsOf(run.Settings))
		}
	}
	if failed {
		return &codeError{code: exitFailed}
	}
	return nil
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
	if to == "-" {
		_, err = out.Write(data)
	} else {
		err = os.WriteFile(to, data, 0o666)
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
