package simulate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"example.com/emulate/emulator/burst"
)

// file is the format of emulate simulate FILE. Where it tells the same as emulate.yaml, it has the same names; the tag old has what a property was called
// before, which goes on, and by that a list may be a mapping by that property.
type file struct {
	Name   string     `yaml:"name"`
	Seed   uint64     `yaml:"seed"`
	Limits fileLimits `yaml:"limits" old:"account"`
	// For is how long shapes last that do not say it.
	For         span           `yaml:"for"`
	IdleTimeout span           `yaml:"idleTimeout"`
	Functions   []fileFunction `yaml:"functions" by:"name"`
	Traffic     []fileTraffic  `yaml:"traffic"`
}

type fileLimits struct {
	Concurrency int `yaml:"concurrency"`
	// RequestRate is of each unit of concurrency; 0 takes the limit away, as RequestQuota false does.
	RequestRate     *int  `yaml:"requestRate"`
	RequestQuota    *bool `yaml:"requestQuota"`
	StartBurst      int   `yaml:"startBurst"`
	StartsPerSecond int   `yaml:"startsPerSecond"`
}

type fileFunction struct {
	Name         string   `yaml:"name"`
	Runtime      string   `yaml:"runtime"`
	Duration     fileDist `yaml:"duration"`
	Memory       int      `yaml:"memory"`
	Package      filePack `yaml:"package"`
	Language     string   `yaml:"language"`
	Architecture string   `yaml:"architecture"`
	MeasuredAt   int      `yaml:"measuredAt"`
	CPU          float64  `yaml:"cpu"`
	Init         fileDist `yaml:"init"`
	Sandbox      fileDist `yaml:"sandbox"`
	Reserved     *int     `yaml:"reservedConcurrency" old:"reserved"`
	Provisioned  int      `yaml:"provisionedConcurrency" old:"provisioned"`
	AtStart      bool     `yaml:"provisionAtStart"`
	// Limits are the function's own scaling rate, over that of all.
	Limits struct {
		StartBurst      int `yaml:"startBurst" old:"burst"`
		StartsPerSecond int `yaml:"startsPerSecond" old:"perSecond"`
	} `yaml:"limits" old:"scaling"`
	Warm   *fileWarm   `yaml:"warm"`
	Routes []fileRoute `yaml:"routes"`
	Split  bool        `yaml:"split"`
}

type filePack struct {
	Type string  `yaml:"type"`
	MB   float64 `yaml:"mb"`
}

type fileWarm struct {
	Every       span `yaml:"every"`
	Concurrency int  `yaml:"concurrency"`
	For         span `yaml:"for"`
	Sequential  bool `yaml:"sequential"`
}

type fileRoute struct {
	Name     string   `yaml:"name"`
	Weight   *float64 `yaml:"weight"`
	Duration fileDist `yaml:"duration"`
}

type fileTraffic struct {
	To       shareList  `yaml:"to"`
	Start    span       `yaml:"start"`
	For      span       `yaml:"for"`
	Constant *rate      `yaml:"constant"`
	Ramp     *fileRamp  `yaml:"ramp"`
	Spike    *fileSpike `yaml:"spike"`
	Daily    *fileDaily `yaml:"daily"`
	AtOnce   int        `yaml:"atOnce"`
	Trace    string     `yaml:"trace"`
	Poisson  bool       `yaml:"poisson"`
}

type fileRamp struct{ From, To rate }

type fileSpike struct {
	Base, Peak rate
	At, For    *span
}

// segments are the spike's, in a traffic of a length: its middle tenth where the file says neither when nor how long.
func (s *fileSpike) segments(length time.Duration) ([]Segment, error) {
	width := length / 10
	if s.For != nil {
		width = time.Duration(*s.For)
	}
	at := (length - width) / 2
	if s.At != nil {
		at = time.Duration(*s.At)
	}
	if width == 0 || width > length || at > length-width {
		return nil, fmt.Errorf("a spike of %v at %v, of a traffic that lasts %v: it must last some time, and end within it", width, at, length)
	}
	return Spike(float64(s.Base), float64(s.Peak), at, width, length), nil
}

type fileDaily struct {
	Low, High rate
	Peak      span
}

// span is a duration with its unit.
type span time.Duration

func (s *span) UnmarshalYAML(n *yaml.Node) error {
	d, err := time.ParseDuration(n.Value)
	if err != nil || d < 0 || n.Kind != yaml.ScalarNode {
		return &badValue{n, written(n) + " is no duration", "a number with its unit, such as 120ms or 1h30m"}
	}
	*s = span(d)
	return nil
}

// rate is a number of requests per second, or of another unit: 100, 100/s, 6000/m, 3600/h.
type rate float64

func (r *rate) UnmarshalYAML(n *yaml.Node) error {
	number, unit, _ := strings.Cut(n.Value, "/")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	per, ok := map[string]float64{"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}[strings.TrimSpace(unit)]
	if err != nil || !ok || !(v >= 0) || n.Kind != yaml.ScalarNode {
		return &badValue{n, written(n) + " is no rate", "requests per second, minute or hour, such as 100/s, 6000/m or 5/h"}
	}
	*r = rate(v / per)
	return nil
}

// shareList is one name, or names with weights.
type shareList []namedShare

type namedShare struct {
	name   string
	weight float64
	line   int
}

func (s *shareList) UnmarshalYAML(n *yaml.Node) error {
	switch n.Kind {
	case yaml.ScalarNode:
		*s = shareList{{n.Value, 1, n.Line}}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			*s = append(*s, namedShare{item.Value, 1, item.Line})
		}
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			w, err := strconv.ParseFloat(n.Content[i+1].Value, 64)
			if err != nil {
				return &badValue{n.Content[i+1], written(n.Content[i+1]) + " is no weight", "a number, such as 3 or 0.5"}
			}
			*s = append(*s, namedShare{n.Content[i].Value, w, n.Content[i].Line})
		}
	}
	return nil
}

// fileDist is a duration; {p50, p99}; a list of durations; or {burst: FILE}, what a burst's JSON has measured, for the function of the same name or the
// one that function says, else for all.
type fileDist struct {
	set             bool
	dist            Dist
	burst, function string
	line            int
}

// distributions are the forms of a fileDist, for messages.
const distributions = "it is a duration, {p50, p99}, a list of durations, or {burst: FILE}"

func (d *fileDist) UnmarshalYAML(n *yaml.Node) error {
	d.set, d.line = true, n.Line
	switch n.Kind {
	case yaml.ScalarNode:
		var s span
		if err := s.UnmarshalYAML(n); err != nil {
			return err
		}
		d.dist = Constant(time.Duration(s))
	case yaml.SequenceNode:
		for _, item := range n.Content {
			var s span
			if err := s.UnmarshalYAML(resolve(item)); err != nil {
				return err
			}
			d.dist.Values = append(d.dist.Values, time.Duration(s))
		}
	default:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if err := d.property(n.Content[i], resolve(n.Content[i+1])); err != nil {
				return err
			}
		}
	}
	if d.burst == "" && len(d.dist.Values) == 0 && d.dist.P50 == 0 && d.dist.P99 == 0 && n.Kind != yaml.ScalarNode {
		return &badValue{n, "nothing is said of it", distributions}
	}
	return nil
}

func (d *fileDist) property(key, value *yaml.Node) error {
	var s span
	switch key.Value {
	case "burst":
		d.burst = value.Value
		return nil
	case "function":
		d.function = value.Value
		return nil
	case "p50", "p99":
		if err := s.UnmarshalYAML(value); err != nil {
			return err
		}
		if key.Value == "p50" {
			d.dist.P50 = time.Duration(s)
		} else {
			d.dist.P99 = time.Duration(s)
		}
		return nil
	}
	return &badValue{key, fmt.Sprintf("a distribution has no %q", key.Value), distributions}
}

// Read reads a scenario in the format of emulate simulate. name is the file's, for messages; open opens files that it names. An unknown property is an
// error, and so is all that Scenario.Run would refuse but the lines of a trace.
func Read(r io.Reader, name string, open OpenFile) (*Scenario, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var f file
	if err := decode(data, name, &f); err != nil {
		return nil, err
	}
	s, err := f.scenario(name, open)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return s, nil
}

func (f *file) scenario(name string, open OpenFile) (*Scenario, error) {
	s := &Scenario{
		Name: f.Name, Seed: f.Seed, AccountConcurrency: f.Limits.Concurrency, IdleTimeout: time.Duration(f.IdleTimeout), Open: open,
		NoRequestQuota: f.Limits.RequestQuota != nil && !*f.Limits.RequestQuota,
	}
	if rate := f.Limits.RequestRate; rate != nil {
		s.RequestRate, s.NoRequestQuota = *rate, *rate == 0
	}
	if s.Name == "" {
		s.Name = name
	}
	m := measured{open: open, reports: map[string]*burst.Report{}}
	index := map[string]int{}
	for i, ff := range f.Functions {
		ff.Limits.StartBurst = cmp.Or(ff.Limits.StartBurst, f.Limits.StartBurst)
		ff.Limits.StartsPerSecond = cmp.Or(ff.Limits.StartsPerSecond, f.Limits.StartsPerSecond)
		fun, err := ff.function(&m)
		if err != nil {
			return nil, fmt.Errorf("function %s: %w", ff.Name, err)
		}
		index[fun.Name] = i
		s.Functions = append(s.Functions, fun)
	}
	for i, ft := range f.Traffic {
		t, err := ft.traffic(index, time.Duration(f.For))
		if err == nil && t.Trace != "" && open != nil {
			err = canOpen(open, t.Trace)
		}
		if err != nil {
			return nil, fmt.Errorf("traffic %d: %w", i+1, err)
		}
		s.Traffic = append(s.Traffic, t)
	}
	return s, nil
}

// canOpen opens a trace and closes it: one that is not there is told of before anything runs.
func canOpen(open OpenFile, trace string) error {
	f, err := open(trace)
	if err != nil {
		return fmt.Errorf("open trace: %w", err)
	}
	return f.Close()
}

func (ff *fileFunction) function(m *measured) (Function, error) {
	f := Function{
		Name: ff.Name, Runtime: ff.Runtime, Language: ff.Language, PackageType: ff.Package.Type, Architecture: ff.Architecture, PackageMB: ff.Package.MB,
		MemoryMB: ff.Memory, MeasuredMB: ff.MeasuredAt, CPUShare: ff.CPU, Reserved: ff.Reserved, Provisioned: ff.Provisioned,
		ProvisionAtStart: ff.AtStart, StartBurst: ff.Limits.StartBurst, StartsPerSecond: ff.Limits.StartsPerSecond, Split: ff.Split,
	}
	if w := ff.Warm; w != nil {
		f.Warm = &Warm{Every: time.Duration(w.Every), Concurrency: w.Concurrency, For: time.Duration(w.For), Sequential: w.Sequential}
	}
	of := func(d fileDist, what func(*burst.Totals) burst.Latency) (Dist, error) {
		return m.dist(d, ff.Name, what)
	}
	duration := func(t *burst.Totals) burst.Latency { return t.Duration }
	var err error
	if f.Duration, err = of(ff.Duration, duration); err != nil {
		return f, fmt.Errorf("duration: %w", err)
	}
	f.Duration.Unknown = !ff.Duration.set
	for _, d := range []struct {
		name string
		from fileDist
		to   **Dist
	}{{"init", ff.Init, &f.Init}, {"sandbox", ff.Sandbox, &f.Sandbox}} {
		if d.from.set {
			dist, err := of(d.from, func(t *burst.Totals) burst.Latency { return t.Init })
			if err != nil {
				return f, fmt.Errorf("%s: %w", d.name, err)
			}
			*d.to = &dist
		}
	}
	for _, r := range ff.Routes {
		route := Route{Name: r.Name, Weight: 1, Duration: f.Duration}
		if r.Weight != nil {
			route.Weight = *r.Weight
		}
		if r.Duration.set {
			if route.Duration, err = of(r.Duration, duration); err != nil {
				return f, fmt.Errorf("route %s: duration: %w", r.Name, err)
			}
		}
		f.Routes = append(f.Routes, route)
	}
	return f, nil
}

func (ft *fileTraffic) traffic(index map[string]int, length time.Duration) (Traffic, error) {
	t := Traffic{Start: time.Duration(ft.Start), AtOnce: ft.AtOnce, Poisson: ft.Poisson, Trace: ft.Trace}
	if ft.For > 0 {
		length = time.Duration(ft.For)
	}
	if length > longest {
		return t, fmt.Errorf("it lasts longer than %v", longest)
	}
	shapes := 0
	for _, is := range []bool{ft.Constant != nil, ft.Ramp != nil, ft.Spike != nil, ft.Daily != nil, ft.AtOnce != 0, ft.Trace != ""} {
		if is {
			shapes++
		}
	}
	switch stretches := ft.AtOnce == 0 && ft.Trace == ""; {
	case shapes != 1:
		return t, fmt.Errorf("exactly one shape is wanted: constant, ramp, spike, daily, atOnce or trace; several of them are several entries")
	case stretches && length == 0:
		return t, fmt.Errorf("for how long? (for: 10m, here or at the top)")
	}
	var err error
	if t.Segments, err = ft.segments(length); err != nil {
		return t, err
	}
	if len(ft.To) == 0 && len(index) == 1 {
		t.To = []Share{{0, 1}}
	}
	for _, named := range ft.To {
		i, ok := index[named.name]
		if !ok {
			return t, fmt.Errorf("line %d: %w", named.line, noFunction(named.name, index))
		}
		t.To = append(t.To, Share{i, named.weight})
	}
	return t, nil
}

// segments are those of a shape of some length, none of the others.
func (ft *fileTraffic) segments(length time.Duration) ([]Segment, error) {
	switch {
	case ft.Constant != nil:
		return []Segment{{length, float64(*ft.Constant), float64(*ft.Constant)}}, nil
	case ft.Ramp != nil:
		return []Segment{{length, float64(ft.Ramp.From), float64(ft.Ramp.To)}}, nil
	case ft.Spike != nil:
		return ft.Spike.segments(length)
	case ft.Daily != nil:
		return Daily(float64(ft.Daily.Low), float64(ft.Daily.High), time.Duration(ft.Daily.Peak), length), nil
	}
	return nil, nil
}

// noFunction says that there is no function of a name, and which was probably meant.
func noFunction(name string, there map[string]int) error {
	hint := didYouMean(name, slices.Sorted(maps.Keys(there)))
	if hint == "" {
		return fmt.Errorf("there is no function %q", name)
	}
	return fmt.Errorf("there is no function %q: %s", name, hint)
}

// measured are the reports that distributions are taken from.
type measured struct {
	open    OpenFile
	reports map[string]*burst.Report
}

func (m *measured) dist(d fileDist, function string, what func(*burst.Totals) burst.Latency) (Dist, error) {
	if d.burst == "" {
		return d.dist, d.dist.check()
	}
	r, err := m.report(d.burst)
	if err != nil {
		return Dist{}, err
	}
	if d.function != "" {
		function = d.function
	}
	totals, found := &r.Totals, false
	for i := range r.Functions {
		if r.Functions[i].Name == function {
			totals, found = &r.Functions[i].Totals, true
		}
	}
	if d.function != "" && !found {
		return Dist{}, fmt.Errorf("%s has no function %s", d.burst, d.function)
	}
	l := what(totals)
	if l.Count == 0 {
		return Dist{}, fmt.Errorf("%s has not measured it", d.burst)
	}
	milliseconds := func(v float64) time.Duration { return time.Duration(v * float64(time.Millisecond)) }
	return Dist{P50: milliseconds(l.P50), P99: milliseconds(l.P99)}, nil
}

func (m *measured) report(name string) (*burst.Report, error) {
	if r := m.reports[name]; r != nil {
		return r, nil
	}
	if m.open == nil {
		return nil, fmt.Errorf("open %s: no files are opened", name)
	}
	f, err := m.open(name)
	if err != nil {
		return nil, fmt.Errorf("open a burst's report: %w", err)
	}
	defer f.Close()
	r := &burst.Report{}
	if err := json.NewDecoder(f).Decode(r); err != nil {
		return nil, fmt.Errorf("read a burst's report %s: %w", name, err)
	}
	m.reports[name] = r
	return r, nil
}
