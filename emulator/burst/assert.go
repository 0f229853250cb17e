package burst

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Assertion is a claim about a report, such as cold_ratio<0.05, p99<300ms or throttles==0.
type Assertion struct {
	Text   string
	metric string
	op     string
	value  float64
}

// Verdict is what became of an Assertion.
type Verdict struct {
	Assertion Assertion
	Got       float64
	OK        bool
	// Unknown says that the report does not have the metric, because its target was no emulator; OK is false then.
	Unknown bool
}

// unit of a metric, which tells how its value is written.
type unit uint8

const (
	unitless unit = iota
	millis
	ratio
)

// metricOf finds a metric by its name: counts, ratios, and latencies with the prefixes warm_, cold_, init_ and duration_.
func metricOf(name string) (func(*Report) float64, unit, bool) {
	share := func(n, of int64) float64 {
		if of == 0 {
			return 0
		}
		return float64(n) / float64(of)
	}
	switch name {
	case "requests":
		return func(r *Report) float64 { return float64(r.Requests) }, unitless, true
	case "completed":
		return func(r *Report) float64 { return float64(r.Completed) }, unitless, true
	case "errors":
		return func(r *Report) float64 { return float64(r.Failed) }, unitless, true
	case "throttles":
		return func(r *Report) float64 { return float64(r.Throttled) }, unitless, true
	case "cold_starts":
		return func(r *Report) float64 { return float64(r.ColdStarts) }, unitless, true
	case "spillover":
		return func(r *Report) float64 { return float64(r.Spillover) }, unitless, true
	case "environments":
		return func(r *Report) float64 { return float64(r.PeakEnvironments) }, unitless, true
	case "gb_seconds":
		c := func(r *Report) float64 { return r.Cost.GBSeconds + r.Cost.InProvisioned + r.Cost.Provisioned }
		return c, unitless, true
	case "cost":
		return func(r *Report) float64 { return r.Cost.Dollars }, unitless, true
	case "cold_ratio":
		return func(r *Report) float64 { return r.ColdRatio }, ratio, true
	case "error_ratio":
		return func(r *Report) float64 { return share(r.Failed, r.Requests) }, ratio, true
	case "throttle_ratio":
		return func(r *Report) float64 { return share(r.Throttled, r.Requests) }, ratio, true
	}
	of := func(r *Report) Latency { return r.Latency }
	if kind, rest, ok := strings.Cut(name, "_"); ok {
		name = rest
		switch kind {
		case "warm":
			of = func(r *Report) Latency { return r.Warm }
		case "cold":
			of = func(r *Report) Latency { return r.Cold }
		case "init":
			of = func(r *Report) Latency { return r.Init }
		case "duration":
			of = func(r *Report) Latency { return r.Duration }
		default:
			return nil, 0, false
		}
	}
	part, ok := map[string]func(Latency) float64{
		"min": func(l Latency) float64 { return l.Min }, "mean": func(l Latency) float64 { return l.Mean },
		"p50": func(l Latency) float64 { return l.P50 }, "p90": func(l Latency) float64 { return l.P90 },
		"p95": func(l Latency) float64 { return l.P95 }, "p99": func(l Latency) float64 { return l.P99 },
		"p999": func(l Latency) float64 { return l.P999 }, "max": func(l Latency) float64 { return l.Max },
	}[name]
	if !ok {
		return nil, 0, false
	}
	return func(r *Report) float64 { return part(of(r)) }, millis, true
}

// Metrics are the names that an Assertion may use, for messages.
const Metrics = "requests, completed, errors, throttles, cold_starts, spillover, environments, gb_seconds, cost, cold_ratio, error_ratio, " +
	"throttle_ratio, and min, mean, p50, p90, p95, p99, p999, max, also with warm_, cold_, init_ or duration_ before them"

// ParseAssertion reads METRIC OP VALUE, where OP is one of < <= > >= == !=. A latency is a duration (300ms, 1.5s) or a number of milliseconds; a ratio
// is a number or a percentage.
func ParseAssertion(text string) (Assertion, error) {
	i := strings.IndexAny(text, "<>=!")
	if i < 0 {
		return Assertion{}, fmt.Errorf("assertion %q: no comparison (such as p99<300ms)", text)
	}
	a := Assertion{Text: text, metric: strings.TrimSpace(text[:i]), op: text[i : i+1]}
	rest := text[i+1:]
	if strings.HasPrefix(rest, "=") {
		a.op, rest = a.op+"=", rest[1:]
	}
	if a.op == "=" || a.op == "!" {
		return Assertion{}, fmt.Errorf("assertion %q: %q is no comparison (they are < <= > >= == !=)", text, a.op)
	}
	_, u, ok := metricOf(a.metric)
	if !ok {
		return Assertion{}, fmt.Errorf("assertion %q: there is no metric %q (there are %s)", text, a.metric, Metrics)
	}
	var err error
	if a.value, err = parseValue(strings.TrimSpace(rest), u); err != nil {
		return Assertion{}, fmt.Errorf("assertion %q: %w", text, err)
	}
	return a, nil
}

func parseValue(s string, u unit) (float64, error) {
	scale := 1.0
	switch {
	case u == ratio && strings.HasSuffix(s, "%"):
		s, scale = strings.TrimSpace(strings.TrimSuffix(s, "%")), 0.01
	case u == millis:
		if d, err := time.ParseDuration(s); err == nil {
			return ms(d), nil
		}
	}
	v, err := strconv.ParseFloat(strings.TrimPrefix(s, "$"), 64)
	if err != nil || v != v {
		return 0, fmt.Errorf("%q is no value for it", s)
	}
	return v * scale, nil
}

// Check holds the claim against a report. A latency of nothing (cold_p99 where no start was cold) is 0.
func (a Assertion) Check(r *Report) Verdict {
	if r.Source == Remote && a.watched() {
		return Verdict{Assertion: a, Unknown: true}
	}
	metric, _, _ := metricOf(a.metric) // it was parsed
	got := metric(r)
	ok := map[string]bool{
		"<": got < a.value, "<=": got <= a.value, ">": got > a.value, ">=": got >= a.value, "==": got == a.value, "!=": got != a.value,
	}[a.op]
	return Verdict{Assertion: a, Got: got, OK: ok}
}

// watched says that only an emulator knows the metric.
func (a Assertion) watched() bool {
	switch a.metric {
	case "cold_starts", "cold_ratio", "spillover", "environments", "gb_seconds", "cost":
		return true
	}
	kind, _, ok := strings.Cut(a.metric, "_")
	return ok && (kind == "warm" || kind == "cold" || kind == "init" || kind == "duration")
}

// String says whether the claim holds, and what the value is.
func (v Verdict) String() string {
	state := "FAILED"
	if v.OK {
		state = "ok"
	}
	return fmt.Sprintf("%-6s %s (%s)", state, v.Assertion.Text, v.got())
}

// got says what the value is.
func (v Verdict) got() string {
	if v.Unknown {
		return "only an emulator knows " + v.Assertion.metric
	}
	_, u, _ := metricOf(v.Assertion.metric)
	got := strconv.FormatFloat(v.Got, 'g', 6, 64)
	if u == millis {
		got = strconv.FormatFloat(v.Got, 'f', 1, 64) + "ms"
	}
	return v.Assertion.metric + " is " + got
}
