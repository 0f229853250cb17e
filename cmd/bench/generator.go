package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"example.com/emulate/emulator/burst"
)

// generatorResult compares what the generator of emulate burst sends through so many connections with what wrk does, in requests per second.
type generatorResult struct {
	Connections    int
	Rate, WrkRate  float64
	Ratio          float64 // the median of those of neighbouring slices
	Slowest, P50MS float64 // latencies of the generator's last slice, from the intended send time
}

const generatorConnections = 16

// trivial answers everything with the same few bytes, in a process of its own: its address is the first line of its output.
func trivial() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	body := []byte(`{"ok":true}`)
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = w.Write(body) // the client has gone
	}))
}

// generator lets wrk and the generator of emulate burst take turns at the same trivial server.
func (b *bench) generator(r *results) error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return fmt.Errorf("the generator is compared with wrk, which is not installed (Debian: apt-get install wrk): %w", err)
	}
	server, err := b.startChild("-trivial")
	if err != nil {
		return err
	}
	defer func() { _ = server.stop() }() // nothing is measured any more
	url := "http://" + server.addr["http"] + "/"
	out := generatorResult{Connections: generatorConnections}
	var ours, wrks, ratios []float64
	for range b.o.slices {
		wrk, err := b.wrk(url)
		if err != nil {
			return err
		}
		report, err := sendAll(b.ctx, url, b.o.slice)
		if err != nil {
			return err
		}
		rate := float64(report.Completed) / report.Seconds
		ours, wrks, ratios = append(ours, rate), append(wrks, wrk), append(ratios, rate/wrk)
		out.P50MS, out.Slowest = report.Latency.P50, report.Latency.Max
	}
	out.Rate, out.WrkRate, out.Ratio = median(ours), median(wrks), median(ratios)
	r.Generator = append(r.Generator, out)
	return nil
}

var wrkRate = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

func (b *bench) wrk(url string) (float64, error) {
	threads := min(runtime.NumCPU(), generatorConnections) // as many as the generator has
	c := b.command("wrk", "-t"+strconv.Itoa(threads), "-c"+strconv.Itoa(generatorConnections), "-d"+strconv.Itoa(int(math.Ceil(b.o.slice.Seconds())))+"s", url)
	text, err := c.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w\n%s", err, text)
	}
	m := wrkRate.FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("wrk tells no rate:\n%s", text)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// aheadOf is how many requests may wait for a connection: enough to keep all of them busy.
const aheadOf = 4 * generatorConnections

// sendAll sends as much as the connections take: each request is due when there are fewer than aheadOf that have no answer.
func sendAll(ctx context.Context, url string, d time.Duration) (*burst.Report, error) {
	recorder := burst.NewRecorder(burst.RecorderOptions{Functions: []string{"trivial"}})
	samples := make(chan burst.Sample, aheadOf)
	room := make(chan struct{}, aheadOf)
	for range aheadOf {
		room <- struct{}{}
	}
	var failed atomic.Int64
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for s := range samples {
			recorder.Request(burst.Outcome{Arrived: s.At, Latency: s.Took, Duration: -1})
		}
	}()
	began := time.Now()
	load := burst.Load{
		Shape: func(yield func(time.Duration) bool) {
			for range room {
				if at := time.Since(began); at >= d || !yield(at) {
					return
				}
			}
		},
		Request: burst.Request{URL: url}, Connections: generatorConnections, Ready: generatorConnections,
	}
	err := load.Run(ctx, func(t time.Time) { began = t }, func(s burst.Sample) {
		if s.Err != nil || s.Status != http.StatusOK {
			failed.Add(1)
		}
		samples <- s
		room <- struct{}{}
	})
	close(samples)
	<-collected
	if n := failed.Load(); err == nil && n > 0 {
		err = errors.New(strconv.FormatInt(n, 10) + " requests failed")
	}
	return recorder.Report(), err
}
