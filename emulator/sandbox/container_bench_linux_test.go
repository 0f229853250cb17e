package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/lambda"
)

// parallel runs n at once and gives the time until the last is done.
func parallel(n int, do func(i int)) time.Duration {
	begin := time.Now()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
	return time.Since(begin)
}

// BenchmarkContainerColdStarts starts 50 environments at once without spares, in turn with bare calls that create and start 50 containers of the same
// specification, and the same on the default bridge. The goals: bare-ratio at most 1.3, bridge-ratio at most 0.6.
func BenchmarkContainerColdStarts(b *testing.B) {
	const n = 50
	c := newContainer(b, ContainerOptions{Spares: -1})
	s := spec(helperCode(b), newRecord(), "MODE", "sleep")
	s.Function.Timeout = time.Minute
	stop(b, startIn(b, c, s), 0)
	p, err := c.plan(b.Context(), c.world, s)
	if err != nil {
		b.Fatal(err)
	}
	bare := func(network string) time.Duration {
		var boxes [n]*box
		specs := make([]docker.Spec, n)
		for i := range boxes {
			specs[i] = p.container
			boxes[i] = &box{w: c.world, function: "bare"}
			boxes[i].number, boxes[i].user = c.numbers.next()
			if err := boxes[i].furnish(b.Context(), &specs[i]); err != nil {
				b.Fatal(err)
			}
			specs[i].User, specs[i].Labels = fmt.Sprintf("%d:%d", boxes[i].user, boxes[i].user), c.world.labels
			specs[i].Entrypoint, specs[i].Env = []string{"/var/task/bootstrap"}, []string{"MODE=sleep"}
			specs[i].Network = network
		}
		took := parallel(n, func(i int) {
			var err error
			if boxes[i].id, err = c.world.engine.Create(b.Context(), specs[i]); err == nil {
				err = c.world.engine.Start(b.Context(), boxes[i].id)
			}
			if err != nil {
				b.Error(err)
			}
		})
		parallel(n, func(i int) {
			c.world.engine.Remove(b.Context(), boxes[i].id)
			boxes[i].remove(b.Context())
		})
		return took
	}
	var ours, floor, bridge time.Duration
	for b.Loop() {
		var all [n]lambda.Instance
		ours += parallel(n, func(i int) { all[i] = startIn(b, c, s) })
		parallel(n, func(i int) { stop(b, all[i], 0) })
		floor += bare(p.container.Network)
		bridge += bare("")
	}
	b.ReportMetric(ours.Seconds()/float64(b.N), "s/ours")
	b.ReportMetric(floor.Seconds()/float64(b.N), "s/bare")
	b.ReportMetric(bridge.Seconds()/float64(b.N), "s/bridge")
	b.ReportMetric(float64(ours)/float64(floor), "bare-ratio")
	b.ReportMetric(float64(ours)/float64(bridge), "bridge-ratio")
}

// BenchmarkContainerSpare starts an environment with a spare ready, in turn with one as a process. The goal: at most 30 ms more.
func BenchmarkContainerSpare(b *testing.B) {
	for _, stream := range []bool{false, true} {
		b.Run(fmt.Sprintf("stream=%v", stream), func(b *testing.B) {
			c := newContainer(b, ContainerOptions{Spares: 1, Stream: stream})
			p := newProcess(b, ProcessOptions{TempDir: outsideTmp(b)})
			once := func(e lambda.Executor) time.Duration {
				out := newRecord()
				begin := time.Now()
				in := kit{Executor: e}.start(b, spec(helperCode(b), out, "MODE", "sleep"))
				out.await(b, "pid ")
				took := time.Since(begin)
				stop(b, in, 0)
				return took
			}
			once(c)
			once(p)
			var ours, process []time.Duration
			for b.Loop() {
				c.spares.await(b, "hello", 1)
				ours = append(ours, once(c))
				process = append(process, once(p))
			}
			b.ReportMetric(float64(middle(ours).Microseconds()), "µs/spare")
			b.ReportMetric(float64(middle(process).Microseconds()), "µs/process")
			b.ReportMetric(float64((middle(ours)-middle(process)).Microseconds())/1000, "ms-more")
		})
	}
}

func middle(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// BenchmarkContainerWarm is a request to the Runtime API from inside and its answer, again and again over one connection, in a container and in a
// process in turn. The goal: p50 at most 1.5 times the process's.
func BenchmarkContainerWarm(b *testing.B) {
	for _, stream := range []bool{false, true} {
		b.Run(fmt.Sprintf("stream=%v", stream), func(b *testing.B) {
			inside := warm(b, newContainer(b, ContainerOptions{Spares: -1, Stream: stream}))
			outside := warm(b, newProcess(b, ProcessOptions{TempDir: outsideTmp(b)}))
			var ours, process []time.Duration
			for b.Loop() {
				ours = append(ours, inside())
				process = append(process, outside())
			}
			b.ReportMetric(float64(middle(ours))/float64(middle(process)), "ratio")
			b.ReportMetric(float64(middle(ours).Nanoseconds())/1000, "µs/container")
			b.ReportMetric(float64(middle(process).Nanoseconds())/1000, "µs/process")
		})
	}
}

// warm starts a handler that polls, and gives a function that hands it an event and waits for the next poll.
func warm(b *testing.B, e lambda.Executor) func() time.Duration {
	s := spec(helperCode(b), newRecord(), "MODE", "poll")
	polls, events := make(chan struct{}), make(chan struct{})
	serveAPI(b, &s, func(w http.ResponseWriter, r *http.Request) {
		select {
		case polls <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		select {
		case <-events:
		case <-r.Context().Done():
		}
	})
	in := kit{Executor: e}.start(b, s)
	b.Cleanup(func() { stop(b, in, 0) })
	<-polls
	return func() time.Duration {
		begin := time.Now()
		events <- struct{}{}
		<-polls
		return time.Since(begin)
	}
}

// What a waiting container costs: the init's private memory at most 8 MB, the emulator at most 100 KB for each.
func TestContainerMemory(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream=%v", stream), func(t *testing.T) {
			c := newContainer(t, ContainerOptions{Spares: -1, Stream: stream})
			s := spec(helperCode(t), newRecord(), "MODE", "sleep")
			var mu sync.Mutex
			var listeners []net.Listener
			s.Serve = func(ln net.Listener) {
				mu.Lock()
				defer mu.Unlock()
				listeners = append(listeners, ln)
				go accept(ln)
			}
			first := startIn(t, c, s)
			before := inUse()
			const n = 10
			var all [n]lambda.Instance
			parallel(n, func(i int) { all[i] = startIn(t, c, s) })
			each := (inUse() - before) / n
			state, err := c.world.engine.Inspect(context.Background(), all[0].(*contained).b.id)
			if err != nil {
				t.Fatal(err)
			}
			private := 0
			for _, line := range strings.Split(read(t, fmt.Sprintf("/proc/%d/smaps_rollup", state.PID)), "\n") {
				if f := strings.Fields(line); len(f) == 3 && (f[0] == "Private_Clean:" || f[0] == "Private_Dirty:") {
					kb, _ := strconv.Atoi(f[1])
					private += kb
				}
			}
			t.Logf("the init has %d KB of its own, the emulator needs %d KB for each container", private, each>>10)
			if private == 0 || private > 8<<10 {
				t.Errorf("the init has %d KB of its own", private)
			}
			if each > 100<<10 {
				t.Errorf("%d bytes for each container", each)
			}
			for _, in := range append(all[:], first) {
				stop(t, in, 0)
			}
			for _, ln := range listeners {
				ln.Close()
			}
		})
	}
}

func accept(ln net.Listener) {
	for {
		if _, err := ln.Accept(); err != nil {
			return
		}
	}
}

// inUse is what the heap and the stacks hold.
func inUse() int64 {
	goruntime.GC()
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
