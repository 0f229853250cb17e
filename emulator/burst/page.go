package burst

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// What the page is made of. page/README.md says what is others' work.
var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string
	//go:embed page/chart.umd.min.js
	chartJS string
)

// Meta is what a page says beside its reports.
type Meta struct {
	// Command is how the reports came about, as it was typed; "" leaves it out. Version is that of the program.
	Command, Version string
	Time             time.Time
	Verdicts         []Verdict
}

// page is what the template shows.
type page struct {
	Title, Sub, Footer string
	Meta               Meta
	Verdicts           []pageVerdict
	Compared           [][]string
	Runs               []pageRun
	CSS                template.CSS
	Data               template.JS
	Library, Script    template.JS
}

type pageVerdict struct {
	OK        bool
	Text, Got string
}

type pageRun struct {
	Name      string
	Tiles     []tile
	Charts    []chart
	Latency   [][]string
	Reasons   [][]string
	Functions [][]string
	Remarks   []string
}

type tile struct{ Label, Value, Hint, Class string }

type chart struct{ Name, Title, Text string }

// pageData is what the charts are drawn from.
type pageData struct {
	Series Series  `json:"series"`
	Points []Point `json:"points"`
}

// WritePage writes reports as one HTML page with charts, that needs no other file and asks no server for anything. Several reports are those of a sweep:
// the page compares them, and shows the charts of one at a time.
func WritePage(w io.Writer, runs []Compared, m Meta) error {
	if len(runs) == 0 {
		return fmt.Errorf("a page needs a report")
	}
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return err
	}
	first := runs[0].Report
	p := page{
		Title: first.Target, Sub: subtitle(first), Meta: m, Footer: footer(m),
		CSS: template.CSS(pageCSS), Library: template.JS(chartJS), Script: template.JS(pageJS),
	}
	var data []pageData
	for _, run := range runs {
		p.Runs = append(p.Runs, newPageRun(run))
		data = append(data, pageData{run.Report.Series, run.Report.Points})
	}
	if len(runs) > 1 {
		p.Compared = comparedTable(runs)
	}
	for i, v := range m.Verdicts {
		text := v.Assertion.Text
		if len(runs) > 1 && len(m.Verdicts)%len(runs) == 0 {
			text += ", " + p.Runs[i/(len(m.Verdicts)/len(runs))].Name
		}
		p.Verdicts = append(p.Verdicts, pageVerdict{v.OK, text, v.got()})
	}
	text, err := json.Marshal(data) // <, > and & are escaped, so that no text ends the script
	if err != nil {
		return err
	}
	p.Data = template.JS(text)
	return t.Execute(w, p)
}

func subtitle(r *Report) string {
	kind := map[string]string{Simulated: "simulated in virtual time", Live: "live", Remote: "a target that is no emulator"}[r.Source]
	return fmt.Sprintf("%s · %s requests in %.1f s · seed %d", kind, count(r.Requests), r.Seconds, r.Seed)
}

func footer(m Meta) string {
	parts := []string{m.Version}
	if !m.Time.IsZero() {
		parts = append(parts, m.Time.Format("2 January 2006, 15:04:05 MST"))
	}
	return strings.Join(append(parts, "Prices: "+PriceSource, "Charts: Chart.js (MIT)"), " · ")
}

func newPageRun(run Compared) pageRun {
	r := run.Report
	p := pageRun{Name: run.name(), Tiles: tiles(r), Charts: charts(r), Latency: r.latencyTable()}
	for _, list := range []map[string]int64{r.Throttles, r.Failures} {
		for _, why := range slices.Sorted(maps.Keys(list)) {
			p.Reasons = append(p.Reasons, []string{why, count(list[why])})
		}
	}
	if p.Reasons != nil {
		p.Reasons = append([][]string{{"reason", "requests"}}, p.Reasons...)
	}
	if len(r.Functions) > 0 {
		p.Functions = r.functionTable()
	}
	for _, w := range r.Warmers {
		var b strings.Builder
		w.write(&b)
		p.Remarks = append(p.Remarks, strings.TrimSpace(b.String()))
	}
	p.Remarks = append(p.Remarks, r.Notes...)
	return p
}

// name of a run is what its settings are.
func (c Compared) name() string {
	var out []string
	for _, s := range c.Settings {
		value := s.Value
		if value == "" {
			value = "none"
		}
		out = append(out, s.Name+" "+value)
	}
	return strings.Join(out, ", ")
}

// tiles are the figures that a reader looks for first.
func tiles(r *Report) []tile {
	perSecond := 0.0
	if r.Seconds > 0 {
		perSecond = float64(r.Requests) / r.Seconds
	}
	out := []tile{
		{"Requests", count(r.Requests), fmt.Sprintf("%.1f per second", perSecond), ""},
		{"Latency p50", inWords(r.Latency.P50), "p99 " + inWords(r.Latency.P99), ""},
	}
	if r.Source != Remote {
		hint := "none"
		if r.ColdStarts > 0 {
			hint = fmt.Sprintf("%s, p50 %s", count(r.ColdStarts), inWords(r.Cold.P50))
		}
		out = append(out, tile{"Cold starts", fmt.Sprintf("%.1f %%", 100*r.ColdRatio), hint, classIf(r.ColdStarts > 0, "cold")})
	}
	out = append(out, tile{"Throttled", count(r.Throttled), shareOf(r.Throttled, r.Requests), classIf(r.Throttled > 0, "throttled")},
		tile{"Failed", count(r.Failed), shareOf(r.Failed, r.Requests), classIf(r.Failed > 0, "failed")})
	if r.Source == Remote {
		return out
	}
	out = append(out, tile{"Peak environments", count(int64(r.PeakEnvironments)), fmt.Sprintf("%s started, %d busy at once", count(r.EnvironmentStarts), r.PeakBusy), ""})
	if r.Spillover > 0 {
		out = append(out, tile{"Spill-over", count(r.Spillover), "found no provisioned one", ""})
	}
	if w := r.WaitedForMachine; w.Count > 0 {
		out = append(out, tile{"Waited for this machine", inWords(w.P50), "p50 of starts, at most " + inWords(w.Max), ""})
	}
	c := r.Cost
	return append(out, tile{"Cost on AWS", fmt.Sprintf("$%.6f", c.Dollars), fmt.Sprintf("%.2f GB-s, estimate", c.GBSeconds+c.InProvisioned+c.Provisioned), ""})
}

func classIf(on bool, class string) string {
	if on {
		return class
	}
	return ""
}

func shareOf(n, of int64) string {
	if of == 0 {
		return "of none"
	}
	return fmt.Sprintf("%.1f %% of the requests", 100*float64(n)/float64(of))
}

// inWords is a number of milliseconds as people say it.
func inWords(milliseconds float64) string {
	switch {
	case milliseconds >= 1000:
		return fmt.Sprintf("%.2f s", milliseconds/1000)
	case milliseconds >= 10:
		return fmt.Sprintf("%.0f ms", milliseconds)
	}
	return fmt.Sprintf("%.1f ms", milliseconds)
}

// charts are those that the report has something for.
func charts(r *Report) (out []chart) {
	if r.Source != Remote {
		out = append(out, chart{"environments", "Environments by state", fmt.Sprintf("when there were the most within each %.3g s; those that start run their INIT", r.Series.BucketSeconds)})
	}
	of := ""
	if shown, all := int64(len(r.Points)), r.Latency.Count; shown < all {
		of = fmt.Sprintf("; a sample of %s of %s", count(shown), count(all))
	}
	out = append(out, chart{"latency", "Latency", "each request from when it was to be sent to the end of its answer; throttled ones left out" + of},
		chart{"requests", "Requests and throttles", "when they arrived, by what became of them"})
	if slices.ContainsFunc(r.Series.MemoryMB, func(mb float64) bool { return mb > 0 }) {
		out = append(out, chart{"memory", "Memory", "all environments, by what their requests used at most"})
	}
	return out
}
