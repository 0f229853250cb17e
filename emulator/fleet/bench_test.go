package fleet

import (
	"fmt"
	"testing"
)

// warmFleet has n idle environments of function 0. Its requests wait for slots that are about to be freed.
func warmFleet(n int) (*Fleet, []Decision) {
	f := New(Options{AccountConcurrency: int32(n), Grace: 5e6})
	out := f.Configure(0, 0, Limits{Reserved: -1, StartBurst: int32(n)}, 1, make([]Decision, 0, 64))
	for i := range n {
		out = f.Invoke(0, 0, 0, ReqID(i), out[:0])
	}
	for i := range n {
		out = f.Ready(0, EnvID(i), 1, out[:0])
		out = f.Responded(0, EnvID(i), ReqID(i), out[:0])
		out = f.Freed(0, EnvID(i), 1, out[:0])
	}
	return f, out
}

// cycle is the warm path of n requests at once and n more, each of which waits for the slot of one of those: 6n inputs. Environments were used, and
// are used again, in the order of their numbers, so that the last of them is the first to be taken.
func cycle(f *Fleet, now Time, n int, out []Decision) []Decision {
	for i := range n {
		out = f.Invoke(now, 0, 0, ReqID(i), out[:0])
	}
	for i := range n {
		out = f.Responded(now, EnvID(i), ReqID(n-1-i), out[:0])
		out = f.Invoke(now, 0, 0, ReqID(n+i), out[:0])
		out = f.Freed(now, EnvID(i), 1, out[:0])
	}
	for i := range n {
		out = f.Responded(now, EnvID(i), ReqID(n+i), out[:0])
		out = f.Freed(now, EnvID(i), 1, out[:0])
	}
	return out
}

func TestWarmPathAllocatesNothing(t *testing.T) {
	const n = 16
	f, out := warmFleet(n)
	now := Time(0)
	out = cycle(f, now, n, out)
	allocs := testing.AllocsPerRun(1000, func() {
		now += 1e6
		out = cycle(f, now, n, out)
		out = f.Wake(now, out[:0])
		f.Next()
	})
	if allocs != 0 {
		t.Errorf("%v allocations in %d warm inputs, want 0", allocs, 6*n+1)
	}
	if s, want := f.Stats(0), (Stats{Environments: n, Idle: n}); s != want {
		t.Errorf("Stats = %+v, want %+v", s, want)
	}
}

// BenchmarkWarm measures inputs of the warm path: Invoke, Responded, Freed, half of the requests waiting for a slot first.
func BenchmarkWarm(b *testing.B) {
	for _, n := range []int{16, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f, out := warmFleet(n)
			out = cycle(f, 0, n, out)
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += 6 * n {
				out = cycle(f, Time(i), n, out)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "inputs/s")
		})
	}
}

// BenchmarkCold measures the inputs of one cold start and its end: Invoke, Started, Ready, Responded, Freed, Wake, Gone.
func BenchmarkCold(b *testing.B) {
	f := New(Options{IdleTimeout: 1})
	out := f.Configure(0, 0, Limits{Reserved: -1, StartBurst: 1 << 30, StartsPerSecond: 1 << 30}, 1, nil)
	b.ReportAllocs()
	for i := 0; i < b.N; i += 7 {
		now := Time(i)
		out = f.Invoke(now, 0, 0, 0, out[:0])
		out = f.Started(now, 0, out[:0])
		out = f.Ready(now, 0, 1, out[:0])
		out = f.Responded(now, 0, 0, out[:0])
		out = f.Freed(now, 0, 1, out[:0])
		out = f.Wake(now+1, out[:0])
		out = f.Gone(now+1, 0, out[:0])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "inputs/s")
}
