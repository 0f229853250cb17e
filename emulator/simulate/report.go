package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/emulate/emulator/burst"
	"example.com/emulate/emulator/fleet"
)

func (s *simulation) report() *burst.Report {
	s.billProvisioned()
	r := s.recorder.Report()
	r.Target, r.Source, r.Notes = s.scenario.Name, burst.Simulated, s.borrowed()
	for _, w := range s.warmers {
		r.Warmers = append(r.Warmers, w.report())
	}
	return r
}

// borrowed tells whose cold starts are taken, of AWS's table, where it has none of a function's runtime, package type and architecture. A made-up version
// of a runtime is seen by that.
func (s *simulation) borrowed() (notes []string) {
	for _, f := range s.functions {
		if f.Init != nil || f.Runtime == "" {
			continue
		}
		row, ok := fleet.ColdStartOf(f.Runtime, f.Language, f.PackageType, f.Architecture)
		words := func(runtime, language, packageType, architecture string) string {
			return fmt.Sprintf("%s (%s, %s)", strings.TrimSpace(runtime+" "+language), packageType, architecture)
		}
		asked, taken := words(f.Runtime, f.Language, f.PackageType, f.Architecture), words(row.Runtime, row.Language, row.PackageType, row.Architecture)
		note := fmt.Sprintf("no cold starts of %s are known: those of %s are taken", asked, taken)
		if ok && asked != taken && !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	return notes
}

// billProvisioned counts what is kept provisioned, in whole stretches of five minutes, as AWS does (the page of PriceSource).
func (s *simulation) billProvisioned() {
	const unit = 5 * time.Minute
	for i, f := range s.functions {
		if f.Provisioned > 0 {
			kept, gb := (s.since()+unit-1)/unit*unit, float64(f.Provisioned)*f.gb
			s.recorder.Use(i, burst.Usage{Provisioned: kept.Seconds() * gb})
			s.recorder.Keep(i, gb)
		}
	}
}
