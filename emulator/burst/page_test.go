package burst

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pageReport is a report with something for every part of a page.
func pageReport(name string) *Report {
	r := NewRecorder(RecorderOptions{Functions: []string{name, "other"}, Seed: 11, Bucket: 50 * time.Millisecond})
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 1200 {
		at := time.Duration(n) * 5 * time.Millisecond
		r.Arrive(at)
		took := time.Duration((20 + random.ExpFloat64()*30) * float64(time.Millisecond))
		switch {
		case n%17 == 3:
			r.Throttle(at, 0, "ReservedFunctionConcurrentInvocationLimitExceeded")
			continue
		case n%12 == 0:
			r.Start(at, 0, 4*time.Millisecond)
			r.Init(0, 180*time.Millisecond)
			r.Request(Outcome{Function: 0, Arrived: at, Latency: took + 240*time.Millisecond, Duration: took, Cold: true})
		default:
			r.Request(Outcome{Function: n % 2, Arrived: at, Latency: took, Duration: took, Failed: n%100 == 1, Failure: "HTTP 502 Bad Gateway"})
		}
		environments := Environments{Starting: int32(n % 12 / 4), Idle: int32(n / 100), Busy: int32(3 + n%7)}
		r.Environments(at, environments)
		r.FunctionEnvironments(0, environments.Total(), environments.Busy)
		r.Memory(at, float64(environments.Total())*40)
		r.Use(0, Usage{Requests: 1, GBSeconds: 0.02, Provisioned: 0.1})
	}
	out := r.Report()
	out.Target, out.Source = name, Live
	out.Notes = []string{"a note on " + name}
	out.Warmers = []WarmerReport{{Function: name, EverySeconds: 300, Concurrency: 20, Overlapping: true, Rounds: 3, KeptLeast: 20, KeptMean: 20, KeptLast: 20}}
	return out
}

// writePage writes a page into a file.
func writePage(t *testing.T, runs []Compared, claims ...string) string {
	t.Helper()
	m := Meta{Command: "emulate burst " + runs[0].Report.Target + " --at-once 100", Version: "emulate 1.2.3", Time: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	for _, run := range runs {
		for _, text := range claims {
			a, err := ParseAssertion(text)
			if err != nil {
				t.Fatal(err)
			}
			m.Verdicts = append(m.Verdicts, a.Check(run.Report))
		}
	}
	var b bytes.Buffer
	if err := WritePage(&b, runs, m); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// pageState is what a page looks like from within.
type pageState struct {
	Canvases []struct {
		Name    string
		Width   int
		Painted int // pixels with a colour: grid and texts are grey
	}
	Width, Requests, Scripts int
	Ground                   string
	Text                     string
	Broken                   bool
}

// lookAt counts the pixels of each canvas that is shown, but for its edges, where no data are.
const lookAt = `
return {
  canvases: [...document.querySelectorAll('canvas')].filter((c) => c.offsetParent).map((c) => {
    const box = c.getContext('2d').getImageData(c.width / 8, c.height / 8, c.width * 3 / 4, c.height * 3 / 4).data;
    let painted = 0;
    for (let i = 0; i < box.length; i += 4) if (box[i + 3] > 100 && Math.max(box[i], box[i + 1], box[i + 2]) - Math.min(box[i], box[i + 1], box[i + 2]) > 60) painted++;
    return {name: c.dataset.chart, width: c.clientWidth, painted};
  }),
  width: document.documentElement.scrollWidth,
  requests: performance.getEntriesByType('resource').length,
  scripts: document.scripts.length,
  ground: getComputedStyle(document.body).backgroundColor,
  text: document.body.innerText,
  broken: !!window.broken,
};`

// The page is drawn without an error, light and dark, wide and narrow, and asks nobody for anything.
func TestPageInABrowser(t *testing.T) {
	simulated := pageReport("simulated")
	simulated.Source, simulated.Series.MemoryMB = Simulated, nil
	remote := pageReport("remote")
	remote.Source, remote.Series.MemoryMB = Remote, nil
	hostile := pageReport(`</script><script>window.broken=1</script><img src=x onerror="window.broken=1">'"` + "`${window.broken=1}{{.Meta}}")
	sweep := []Compared{{[]Setting{{"provisioned", "0"}}, pageReport("orders")}, {[]Setting{{"provisioned", "50"}}, pageReport("orders")}}
	b := startBrowser(t)
	for _, c := range []struct {
		name   string
		runs   []Compared
		charts string
		texts  []string
	}{
		{"live", []Compared{{Report: pageReport("orders")}}, "environments latency requests memory",
			[]string{"orders", "Peak environments", "ReservedFunctionConcurrentInvocationLimitExceeded", "HTTP 502 Bad Gateway", "seed 11", "emulate burst orders --at-once 100",
				"Warmer of orders: 20 pings", "a note on orders", "✓ p99<10s", "✗ throttles==0", "throttles is 7", "emulate 1.2.3", "24 November 2026"}},
		{"simulated", []Compared{{Report: simulated}}, "environments latency requests", []string{"simulated in virtual time"}},
		{"remote", []Compared{{Report: remote}}, "latency requests", []string{"a target that is no emulator", "only an emulator knows cold_ratio"}},
		{"hostile", []Compared{{Report: hostile}}, "environments latency requests memory", []string{hostile.Target, "{{.Meta}}"}},
		{"sweep", sweep, "environments latency requests memory", []string{"What each setting buys", "kept/month", "p99<10s, provisioned 50"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &browser{t, b.session}
			file := writePage(t, c.runs, "p99<10s", "throttles==0", "cold_ratio<50%")
			grounds := map[string]bool{}
			for _, scheme := range []string{"light", "dark"} {
				for _, width := range []int{1400, 400} {
					b.open(file, scheme, width)
					var page pageState
					b.run(lookAt, &page)
					at := fmt.Sprintf("%s, %d px", scheme, width)
					page.check(t, at, width, c.charts)
					grounds[page.Ground] = true
					for _, text := range c.texts {
						if !strings.Contains(page.Text, text) {
							t.Errorf("%s: the page lacks %q:\n%s", at, text, page.Text)
						}
					}
					if lines := b.console(); len(lines) > 0 {
						t.Errorf("%s: the console has %q", at, lines)
					}
				}
			}
			if len(grounds) != 2 {
				t.Errorf("light and dark have the grounds %v", grounds)
			}
			if len(c.runs) > 1 {
				b.choose(t, 1)
			}
		})
	}
}

func (p *pageState) check(t *testing.T, at string, width int, charts string) {
	t.Helper()
	var names []string
	for _, c := range p.Canvases {
		names = append(names, c.Name)
		if c.Painted < 200 || c.Width < 250 {
			t.Errorf("%s: the chart %s has %d pixels of a colour and is %d px wide", at, c.Name, c.Painted, c.Width)
		}
	}
	if got := strings.Join(names, " "); got != charts {
		t.Errorf("%s: charts %s, want %s", at, got, charts)
	}
	if p.Width > width {
		t.Errorf("%s: the page is %d px wide", at, p.Width)
	}
	if p.Requests > 0 || p.Scripts != 3 || p.Broken {
		t.Errorf("%s: %d requests, %d scripts, broken %v", at, p.Requests, p.Scripts, p.Broken)
	}
}

// choose shows the charts of another run.
func (b *browser) choose(t *testing.T, run int) {
	var got struct{ Shown []string }
	b.run(fmt.Sprintf(`
		const s = document.getElementById('run'); s.value = '%d'; s.dispatchEvent(new Event('change'));
		return {shown: [...document.querySelectorAll('.run')].filter((e) => e.offsetParent).map((e) => e.dataset.run)};`, run), &got)
	if len(got.Shown) != 1 || got.Shown[0] != fmt.Sprint(run) {
		t.Errorf("the charts of %v are shown, want those of %d", got.Shown, run)
	}
	var page pageState
	b.run(lookAt, &page)
	page.check(t, "the other run", 1400, "environments latency requests memory")
}

func TestAPageNeedsAReport(t *testing.T) {
	if err := WritePage(&bytes.Buffer{}, nil, Meta{}); err == nil {
		t.Error("no error")
	}
}
