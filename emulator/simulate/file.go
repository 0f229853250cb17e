package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"example.com/emulate/emulator/burst"
)

// file is the format of emulate simulate FILE.
type file struct {
	Name    string `yaml:"name"`
	Seed    uint64 `yaml:"seed"`
	Account struct {
		Concurrency  int   `yaml:"concurrency"`
		RequestQuota *bool `yaml:"requestQuota"`
	} `yaml:"account"`
	// For is how long shapes last that do not say it.
	For         span           `yaml:"for"`
	IdleTimeout span           `yaml:"idleTimeout"`
	Functions   []fileFunction `yaml:"functions"`
	Traffic     []fileTraffic  `yaml:"traffic"`
}

type fileFunction struct {
	Name         string   `yaml:"name"`
	Runtime      string   `yaml:"runtime"`
	Language     string   `yaml:"language"`
	Architecture string   `yaml:"architecture"`
	Package      filePack `yaml:"package"`
	Memory       int      `yaml:"memory"`
	MeasuredAt   int      `yaml:"measuredAt"`
	CPU          float64  `yaml:"cpu"`
	Duration     fileDist `yaml:"duration"`
	Init         fileDist `yaml:"init"`
	Sandbox      fileDist `yaml:"sandbox"`
	Reserved     *int     `yaml:"reserved"`
	Provisioned  int      `yaml:"provisioned"`
	AtStart      bool     `yaml:"provisionAtStart"`
	Scaling      struct {
		Burst     int `yaml:"burst"`
		PerSecond int `yaml:"perSecond"`
	} `yaml:"scaling"`
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
	At         span
	For        span
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
		return fmt.Errorf("line %d: %q is no duration (such as 120ms or 1h30m)", n.Line, n.Value)
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
		return fmt.Errorf("line %d: %q is no rate (such as 100/s or 6000/m)", n.Line, n.Value)
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
				return fmt.Errorf("line %d: %q is no weight", n.Content[i+1].Line, n.Content[i+1].Value)
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
		var list []span
		if err := n.Decode(&list); err != nil {
			return err
		}
		for _, s := range list {
			d.dist.Values = append(d.dist.Values, time.Duration(s))
		}
	default:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if err := d.property(n.Content[i], n.Content[i+1]); err != nil {
				return err
			}
		}
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
	return fmt.Errorf("line %d: a distribution has no %q (it is a duration, {p50, p99}, a list of durations, or {burst: FILE})", key.Line, key.Value)
}

// Read reads a scenario in the format of emulate simulate. name is the file's, for messages; open opens files that it names. An unknown property is an
// error.
func Read(r io.Reader, name string, open OpenFile) (*Scenario, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var f file
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("read %s: %s", name, plainly(err))
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

var goType = regexp.MustCompile(`field (\S+) not found in type \S+`)

// plainly says what the decoder says without naming Go's types.
func plainly(err error) string {
	text := goType.ReplaceAllString(err.Error(), "there is no property $1 here")
	text = strings.TrimPrefix(text, "yaml: ")
	return strings.Join(strings.Fields(text), " ")
}

func (f *file) scenario(name string, open OpenFile) (*Scenario, error) {
	s := &Scenario{
		Name: f.Name, Seed: f.Seed, AccountConcurrency: f.Account.Concurrency, IdleTimeout: time.Duration(f.IdleTimeout), Open: open,
		NoRequestQuota: f.Account.RequestQuota != nil && !*f.Account.RequestQuota,
	}
	if s.Name == "" {
		s.Name = name
	}
	m := measured{open: open, reports: map[string]*burst.Report{}}
	index := map[string]int{}
	for i, ff := range f.Functions {
		fun, err := ff.function(&m)
		if err != nil {
			return nil, fmt.Errorf("function %s: %w", ff.Name, err)
		}
		index[fun.Name] = i
		s.Functions = append(s.Functions, fun)
	}
	for i, ft := range f.Traffic {
		t, err := ft.traffic(index, time.Duration(f.For))
		if err != nil {
			return nil, fmt.Errorf("traffic %d: %w", i+1, err)
		}
		s.Traffic = append(s.Traffic, t)
	}
	return s, nil
}

func (ff *fileFunction) function(m *measured) (Function, error) {
	f := Function{
		Name: ff.Name, Runtime: ff.Runtime, Language: ff.Language, PackageType: ff.Package.Type, Architecture: ff.Architecture, PackageMB: ff.Package.MB,
		MemoryMB: ff.Memory, MeasuredMB: ff.MeasuredAt, CPUShare: ff.CPU, Reserved: ff.Reserved, Provisioned: ff.Provisioned,
		ProvisionAtStart: ff.AtStart, StartBurst: ff.Scaling.Burst, StartsPerSecond: ff.Scaling.PerSecond, Split: ff.Split,
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
	add := func(segments ...Segment) { t.Segments = append(t.Segments, segments...); shapes++ }
	if ft.Constant != nil {
		add(Segment{length, float64(*ft.Constant), float64(*ft.Constant)})
	}
	if r := ft.Ramp; r != nil {
		add(Segment{length, float64(r.From), float64(r.To)})
	}
	if s := ft.Spike; s != nil {
		add(Spike(float64(s.Base), float64(s.Peak), time.Duration(s.At), time.Duration(s.For), length)...)
	}
	if d := ft.Daily; d != nil {
		add(Daily(float64(d.Low), float64(d.High), time.Duration(d.Peak), length)...)
	}
	if shapes > 1 {
		return t, fmt.Errorf("exactly one shape is wanted; several of them are several entries")
	}
	if shapes == 1 && length == 0 {
		return t, fmt.Errorf("for how long? (for: 10m, here or at the top)")
	}
	if len(ft.To) == 0 && len(index) == 1 {
		t.To = []Share{{0, 1}}
	}
	for _, named := range ft.To {
		i, ok := index[named.name]
		if !ok {
			return t, fmt.Errorf("line %d: there is no function %s", named.line, named.name)
		}
		t.To = append(t.To, Share{i, named.weight})
	}
	return t, nil
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
