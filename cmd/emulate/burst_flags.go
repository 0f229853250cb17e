package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"example.com/emulate/emulator/burst"
)

// shapeFlags say when requests are sent.
type shapeFlags struct {
	atOnce      int
	rate, spike float64
	ramp, trace string
	length      time.Duration
	flags       *pflag.FlagSet
}

func (f *shapeFlags) add(fl *pflag.FlagSet) {
	f.flags = fl
	fl.IntVar(&f.atOnce, "at-once", 0, "`N` requests at the same moment (default 100 where no shape is given)")
	fl.Float64Var(&f.rate, "rate", 0, "`R` requests per second")
	fl.StringVar(&f.ramp, "ramp", "", "from `R1..R2` requests per second, evenly")
	fl.Float64Var(&f.spike, "spike", 0, "a peak of `R` requests per second in the middle tenth of the time, above --rate (default: a tenth of it)")
	fl.DurationVar(&f.length, "for", defaultLength, "how long --rate, --ramp and --spike last")
	fl.StringVar(&f.trace, "trace", "", "the recorded times of a CSV `FILE`: seconds since the start first, as emulate simulate reads it")
}

const (
	defaultLength = 10 * time.Second
	defaultAtOnce = 100
	// readyMost is how many connections are opened before a load that has a rate.
	readyMost = 64
)

// chosen is a shape, and how many connections it wants before it begins.
type chosen struct {
	times burst.Shape
	ready int
}

// given says whether any shape was asked for.
func (f *shapeFlags) given() bool {
	for _, name := range []string{"at-once", "rate", "ramp", "spike", "trace"} {
		if f.flags.Changed(name) {
			return true
		}
	}
	return false
}

// shape is what the flags ask for.
func (f *shapeFlags) shape() (chosen, error) {
	var kinds []string
	for _, name := range []string{"at-once", "rate", "ramp", "spike", "trace"} {
		if f.flags.Changed(name) {
			kinds = append(kinds, "--"+name)
		}
	}
	if len(kinds) > 1 && !(len(kinds) == 2 && kinds[0] == "--rate" && kinds[1] == "--spike") {
		return chosen{}, usagef("%s are different shapes: give one of them (only --rate and --spike go together)", strings.Join(kinds, " and "))
	}
	timed := f.flags.Changed("rate") || f.flags.Changed("ramp") || f.flags.Changed("spike")
	switch {
	case f.flags.Changed("for") && !timed:
		return chosen{}, usagef("--for is how long --rate, --ramp or --spike last: give one of them, such as --rate 50 --for %v", f.length)
	case f.length <= 0:
		return chosen{}, usagef("--for %v: it is longer than 0, such as 30s", f.length)
	case !rateOf(f.rate, f.flags.Changed("rate")) || !rateOf(f.spike, f.flags.Changed("spike")):
		return chosen{}, usagef("a rate is a number of requests per second above 0, such as --rate 50")
	}
	switch {
	case f.flags.Changed("spike"):
		base := f.rate
		if base == 0 {
			base = f.spike / 10
		}
		return steady(burst.Spike(base, f.spike, f.length), base), nil
	case f.flags.Changed("rate"):
		return steady(burst.Rate(f.rate, f.length), f.rate), nil
	case f.flags.Changed("ramp"):
		return f.rampShape()
	case f.flags.Changed("trace"):
		return f.traceShape()
	case !f.flags.Changed("at-once"):
		f.atOnce = defaultAtOnce
	case f.atOnce < 1:
		return chosen{}, usagef("--at-once %d: it is 1 or more", f.atOnce)
	}
	return chosen{burst.AtOnce(f.atOnce), f.atOnce}, nil
}

// maxRate is more than any generator sends.
const maxRate = 1e7

// rateOf says whether a flag's value is a rate; one that is not given is 0.
func rateOf(perSecond float64, given bool) bool {
	return !given || perSecond > 0 && perSecond <= maxRate
}

func steady(s burst.Shape, rate float64) chosen { return chosen{s, int(min(rate+1, readyMost))} }

func (f *shapeFlags) rampShape() (chosen, error) {
	from, to, ok := strings.Cut(f.ramp, "..")
	low, err1 := strconv.ParseFloat(from, 64)
	high, err2 := strconv.ParseFloat(to, 64)
	if !ok || err1 != nil || err2 != nil || !(low >= 0) || !(high >= 0) || !(low+high > 0) || low+high > maxRate {
		return chosen{}, usagef("--ramp %s: it is R1..R2 in requests per second, such as 0..500", f.ramp)
	}
	return steady(burst.Ramp(low, high, f.length), low), nil
}

func (f *shapeFlags) traceShape() (chosen, error) {
	file, err := os.Open(f.trace)
	if err != nil {
		return chosen{}, usagef("read the trace: %w", err)
	}
	defer file.Close()
	times, err := burst.ReadTimes(file, f.trace)
	if err != nil {
		return chosen{}, usagef("%w", err)
	}
	return chosen{burst.Times(times), 1}, nil
}

// requestFlags say what is sent.
type requestFlags struct {
	payload, method string
	header          []string
}

func (f *requestFlags) add(fl *pflag.FlagSet) {
	fl.StringVar(&f.payload, "payload", "", "the body or event: a `FILE`, - for standard input, or the text itself (default: none, {} for a function)")
	fl.StringVarP(&f.method, "method", "X", "", "HTTP `METHOD` (default: the route's, else GET, or POST with a payload)")
	fl.StringArrayVarP(&f.header, "header", "H", nil, "`NAME: VALUE` of a header (repeatable)")
}

// body reads the payload; nil is none.
func (f *requestFlags) body(in io.Reader) ([]byte, error) {
	f.method = strings.ToUpper(f.method)
	switch f.payload {
	case "":
		return nil, nil
	case "-":
		data, err := io.ReadAll(in)
		if err != nil {
			return nil, fmt.Errorf("read the payload from standard input: %w", err)
		}
		return data, nil
	}
	data, err := os.ReadFile(f.payload)
	if err == nil {
		return data, nil
	}
	if errors.Is(err, fs.ErrNotExist) && filepath.Ext(f.payload) != "" && !strings.ContainsAny(f.payload, " {}[]\"=") {
		return nil, usagef("read the payload: %w", err)
	}
	return []byte(f.payload), nil
}

// headers are those that were given, and that of JSON where the payload is JSON.
func (f *requestFlags) headers(body []byte) (http.Header, error) {
	out := http.Header{}
	for _, h := range f.header {
		name, value, ok := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(h, "\r\n") {
			return nil, usagef("--header %q: it is NAME: VALUE", h)
		}
		out.Add(name, strings.TrimSpace(value))
	}
	if trimmed := bytes.TrimSpace(body); out.Get("Content-Type") == "" && len(trimmed) > 0 && (json.Valid(body) || trimmed[0] == '{') {
		out.Set("Content-Type", "application/json")
	}
	return out, nil
}

// sortArguments tells arguments apart: what follows --assert CLAIM and --compare SETTING are further ones, and the rest is the one argument. typed is
// the whole command line. A bare --json asks for standard output; where there is a second argument, and it is the word after --json, it is the FILE.
func (f *reportFlags) sortArguments(command, what, example string, args, typed []string, compare *[]string) (argument string, err error) {
	claims := &f.claims
	var rest []string
	for _, a := range args {
		_, noClaim := burst.ParseAssertion(a)
		switch {
		case strings.HasPrefix(a, "/") || strings.Contains(a, "://"): // a path or URL may have a query
		case noClaim == nil:
			*claims = append(*claims, a)
			continue
		case strings.ContainsAny(a, "<>!") && len(*claims) > 0:
			return "", usagef("%w", noClaim)
		case strings.Contains(a, "=") && len(*compare) > 0:
			*compare = append(*compare, a)
			continue
		}
		rest = append(rest, a)
	}
	if f.overrides != nil {
		rest = f.overrides(rest)
	}
	rest = f.takeFile(rest, typed)
	switch len(rest) {
	case 0:
		return "", usagef("emulate %s needs a %s: %s", command, what, example)
	case 1:
		return rest[0], nil
	}
	return "", usagef("emulate %s takes one %s: both %s and %s are given", command, what, rest[0], rest[1])
}

// takeFile takes the FILE of --json out of the arguments: the word after it, where another argument is left, or where it is -, which is no target.
func (f *reportFlags) takeFile(args, typed []string) []string {
	at := slices.Index(typed, "--json")
	if at < 0 || at+1 == len(typed) || f.json != standardOutput {
		return args
	}
	i := slices.Index(args, typed[at+1])
	if i < 0 || len(args) == 1 && args[i] != standardOutput {
		return args
	}
	f.json = args[i]
	return slices.Delete(args, i, i+1)
}

// parseClaims reads the claims and the settings of a sweep.
func parseClaims(texts, compare []string) (claims []burst.Assertion, axes []burst.Axis, err error) {
	for _, text := range texts {
		a, err := burst.ParseAssertion(text)
		if err != nil {
			return nil, nil, usagef("%w", err)
		}
		claims = append(claims, a)
	}
	for _, text := range compare {
		a, err := burst.ParseAxis(text)
		if err != nil {
			return nil, nil, usagef("%w", err)
		}
		axes = append(axes, a)
	}
	return claims, axes, nil
}

// commandLine is the command as it could be typed again.
func commandLine(args []string) string {
	out := []string{"emulate"}
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n\"'`$&|;<>()*?!{}[]\\#~") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		out = append(out, a)
	}
	return strings.Join(out, " ")
}
