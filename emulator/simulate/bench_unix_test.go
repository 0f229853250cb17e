//go:build unix

package simulate

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// processTime is the CPU time of this process: on a machine that others use, too, it says more than the clock.
func processTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRequests measures whole requests, at steady loads that keep so many environments busy. One iteration is one request.
func BenchmarkRequests(b *testing.B) {
	for _, environments := range []int{16, 1000, 100_000} {
		b.Run(fmt.Sprint(environments), func(b *testing.B) {
			const duration = 100 * time.Millisecond
			rate := float64(environments) / duration.Seconds() * 0.9
			init := Constant(0)
			s := &Scenario{
				Seed: 1, AccountConcurrency: 2 * environments, NoRequestQuota: true,
				Functions: []Function{{
					Name: "f", Duration: Dist{P50: duration, P99: 2 * duration}, Init: &init, StartBurst: 2 * environments, StartsPerSecond: environments,
				}},
				Traffic: []Traffic{{To: []Share{{0, 1}}, Poisson: true, Segments: []Segment{{
					For: time.Duration(float64(b.N)/rate*1e9) + 1, From: rate, To: rate,
				}}}},
			}
			b.ReportAllocs()
			cpu := processTime(b)
			b.ResetTimer()
			r, err := s.Run(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(r.Requests)/b.Elapsed().Seconds(), "requests/s")
			b.ReportMetric(float64(r.Requests)/(processTime(b)-cpu).Seconds(), "requests/CPU-s")
			b.ReportMetric(float64(r.PeakEnvironments), "environments")
			b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-heap")
		})
	}
}
