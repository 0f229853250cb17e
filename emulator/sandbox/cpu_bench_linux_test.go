package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkStartLimited is what starting, awaiting and stopping an environment costs where its CPU time can be limited, and where that is off, each in
// turn with a bare start of the same program. Medians: the machine has other work.
func BenchmarkStartLimited(b *testing.B) {
	code := outsideTmp(b)
	write(b, filepath.Join(code, "bootstrap"), read(b, filepath.Join(helperCode(b), "bootstrap")))
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	var with [2]*Process
	for i := range with {
		with[i] = newProcess(b, ProcessOptions{TempDir: outsideTmp(b), CacheDir: outsideTmp(b), NoCPULimit: i == 1})
		with[i].Limits()
	}
	s := spec(code, newRecord())
	l, err := with[0].plan(b.Context(), s, &slot{tmp: code})
	if err != nil {
		b.Fatal(err)
	}
	var took, used [3][]time.Duration
	for b.Loop() {
		for i := range 3 {
			t, c := time.Now(), cpu()
			if i == 2 {
				bare(b, l, null)
			} else {
				in := start(b, with[i], s)
				if e := wait(b, in); e.Code != 0 {
					b.Fatal(e)
				}
				stop(b, in, 0)
			}
			took[i] = append(took[i], time.Since(t))
			used[i] = append(used[i], cpu()-c)
		}
	}
	for i, name := range []string{"limited", "not-limited"} {
		b.ReportMetric(float64(median(took[i]))/float64(median(took[2])), name)
		b.ReportMetric(float64(median(used[i]))/float64(median(used[2])), name+"-cpu")
	}
	b.ReportMetric(float64(median(took[2]).Microseconds()), "µs/bare")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
