package burst

import (
	"fmt"
	"strings"
)

// Axis is one setting of a sweep and the values that it takes; an empty value means that the setting is left out.
type Axis struct {
	Name   string
	Values []string
}

// ParseAxis reads NAME=VALUE,VALUE,..., such as provisioned=0,10,50 or reserved=,20.
func ParseAxis(text string) (Axis, error) {
	name, values, ok := strings.Cut(text, "=")
	a := Axis{Name: strings.TrimSpace(name)}
	if !ok || a.Name == "" {
		return Axis{}, fmt.Errorf("comparison %q: want NAME=VALUE,VALUE (such as provisioned=0,10,50)", text)
	}
	for v := range strings.SplitSeq(values, ",") {
		a.Values = append(a.Values, strings.TrimSpace(v))
	}
	return a, nil
}

// Setting is one value of an Axis.
type Setting struct{ Name, Value string }

// Combinations are all combinations of the axes' values, the last axis changing fastest. Without axes there is one, which is empty.
func Combinations(axes []Axis) [][]Setting {
	out := [][]Setting{nil}
	for _, a := range axes {
		var next [][]Setting
		for _, settings := range out {
			for _, v := range a.Values {
				next = append(next, append(settings[:len(settings):len(settings)], Setting{a.Name, v}))
			}
		}
		out = next
	}
	return out
}

// Compared is one report of a sweep with its settings.
type Compared struct {
	Settings []Setting
	Report   *Report
}

// Table shows the runs of a sweep, one a line: what each setting buys, and what it costs.
func Table(runs []Compared) string {
	if len(runs) == 0 {
		return ""
	}
	var b strings.Builder
	writeTable(&b, comparedTable(runs))
	return b.String()
}

func comparedTable(runs []Compared) [][]string {
	var head []string
	for _, s := range runs[0].Settings {
		head = append(head, s.Name)
	}
	rows := [][]string{append(head, "cold %", "p50 ms", "p99 ms", "cold p50", "duration p50", "throttled", "spill-over", "environments", "cost", "cost/million", "kept/month")}
	for _, run := range runs {
		var row []string
		for _, s := range run.Settings {
			value := s.Value
			if value == "" {
				value = "-"
			}
			row = append(row, value)
		}
		r := run.Report
		perMillion := 0.0
		if done := r.Completed + r.Failed; done > 0 {
			perMillion = r.Cost.Dollars / float64(done) * 1e6
		}
		rows = append(rows, append(row,
			fmt.Sprintf("%.2f", 100*r.ColdRatio), fmt.Sprintf("%.1f", r.Latency.P50), fmt.Sprintf("%.1f", r.Latency.P99),
			fmt.Sprintf("%.1f", r.Cold.P50), fmt.Sprintf("%.1f", r.Duration.P50), count(r.Throttled), count(r.Spillover),
			fmt.Sprint(r.PeakEnvironments), fmt.Sprintf("$%.6f", r.Cost.Dollars), fmt.Sprintf("$%.2f", perMillion), fmt.Sprintf("$%.2f", r.Cost.KeepingPerMonth)))
	}
	return rows
}
