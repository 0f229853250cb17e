package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

var fronts = []string{"http", "rest", "invoke"}

// requestOf is what the load sends to a front, byte for byte.
func requestOf(front, host string) []byte {
	common := "Host: " + host + "\r\nUser-Agent: bench/1\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n"
	switch front {
	case "invoke":
		body := `{"name":"bench","numbers":[1,2,3,4,5,6,7,8,9,10],"text":"` + strings.Repeat("lorem ipsum ", 40) + `"}`
		return []byte("POST /2015-03-31/functions/bench/invocations HTTP/1.1\r\n" + common + "Content-Type: application/json\r\nContent-Length: " +
			strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	case "rest":
		return []byte("GET /rest/42?color=blue&size=10 HTTP/1.1\r\n" + common + "\r\n")
	}
	return []byte("GET /http/42?color=blue&size=10 HTTP/1.1\r\n" + common + "\r\n")
}

// drive keeps conns connections busy with one request after the other, and returns each one's latency.
func drive(addr, front string, conns int, d time.Duration) ([]time.Duration, error) {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		all  []time.Duration
		fail error
	)
	end := time.Now().Add(d)
	for range conns {
		wg.Go(func() {
			got, err := driveOne(addr, requestOf(front, addr), end)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, got...)
			if err != nil && fail == nil {
				fail = fmt.Errorf("%s at %s: %w", front, addr, err)
			}
		})
	}
	wg.Wait()
	slices.Sort(all)
	return all, fail
}

func driveOne(addr string, request []byte, end time.Time) ([]time.Duration, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	var out []time.Duration
	for now := time.Now(); now.Before(end); {
		if _, err := c.Write(request); err != nil {
			return out, err
		}
		status, err := skipResponse(r)
		if err != nil {
			return out, err
		}
		if status != http.StatusOK {
			return out, fmt.Errorf("status %d", status)
		}
		then := now
		now = time.Now()
		out = append(out, now.Sub(then))
	}
	return out, nil
}

// skipResponse reads a response that has a Content-Length, and drops it. The client is to cost little: what it uses is missing to the systems.
func skipResponse(r *bufio.Reader) (status int, err error) {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		switch {
		case first:
			if len(line) < 12 {
				return 0, fmt.Errorf("not an HTTP response: %q", line)
			}
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, err
			}
		case len(line) <= 2:
			if length < 0 {
				return 0, fmt.Errorf("a response without Content-Length")
			}
			_, err := r.Discard(length)
			return status, err
		case len(line) > 16 && (line[0] == 'C' || line[0] == 'c') && strings.EqualFold(string(line[:15]), "content-length:"):
			if length, err = strconv.Atoi(strings.TrimSpace(string(line[15:]))); err != nil {
				return 0, err
			}
		}
	}
}

// capture has emulate make each front's event once, and keeps it for the floor.
func (b *bench) capture() (map[string]string, error) {
	out := map[string]string{}
	for _, front := range []string{"http", "rest"} {
		// In the folder of the code, which the function sees: its /tmp is its own.
		out[front] = filepath.Join(filepath.Dir(b.handler), front+".event")
		s, err := b.startEmulate("emulate", b.project, "--env", "BENCH_CAPTURE="+out[front])
		if err != nil {
			return nil, err
		}
		_, err = drive(s.addr[front], front, 1, time.Millisecond)
		if stopErr := s.stop(); err == nil {
			err = stopErr
		}
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(out[front]); err != nil || info.Size() < 500 {
			return nil, fmt.Errorf("no event of the %s API was captured: %w", front, err)
		}
	}
	return out, nil
}

// slice is one system's turn.
type slice struct {
	p50, p99 time.Duration
	rate     float64       // requests per second
	cpu      time.Duration // of the system's own process, per request
}

// load lets the systems take turns, for each front at 1 and 16 connections.
func (b *bench) load(r *results) error {
	events, err := b.capture()
	if err != nil {
		return err
	}
	floor, err := b.startFloor(events)
	if err != nil {
		return err
	}
	systems := []*system{floor}
	defer func() {
		for _, s := range systems {
			_ = s.stop() // nothing is measured any more
		}
	}()
	for name := range b.programs {
		s, err := b.startEmulate(name, b.project)
		if err != nil {
			return err
		}
		systems = append(systems, s)
	}
	for _, s := range systems { // every system has its 16 processes before the clock runs
		for _, front := range fronts {
			if _, err := drive(s.addr[front], front, 16, 500*time.Millisecond); err != nil {
				return err
			}
		}
	}
	for _, front := range fronts {
		for _, conns := range []int{1, 16} {
			turns := map[string][]slice{}
			for range b.o.slices {
				for _, s := range systems {
					one, err := b.turn(s, front, conns)
					if err != nil {
						return err
					}
					turns[s.name] = append(turns[s.name], one)
				}
			}
			for name := range turns {
				if name != "floor" {
					r.Load = append(r.Load, compare(front, conns, name, turns[name], turns["floor"]))
				}
			}
		}
	}
	return nil
}

func (b *bench) turn(s *system, front string, conns int) (slice, error) {
	before := cpuOf(s.cmd.Process.Pid)
	began := time.Now()
	lat, err := drive(s.addr[front], front, conns, b.o.slice)
	if err != nil {
		return slice{}, err
	}
	took := time.Since(began)
	n := len(lat)
	return slice{p50: lat[n/2], p99: lat[n*99/100], rate: float64(n) / took.Seconds(), cpu: (cpuOf(s.cmd.Process.Pid) - before) / time.Duration(n)}, nil
}

// compare pairs neighbouring slices.
func compare(front string, conns int, name string, a, floor []slice) loadResult {
	pair := func(f func(slice) float64) float64 {
		var out []float64
		for i := range a {
			out = append(out, f(a[i])/f(floor[i]))
		}
		return median(out)
	}
	each := func(s []slice, f func(slice) float64) float64 {
		var out []float64
		for _, x := range s {
			out = append(out, f(x))
		}
		return median(out)
	}
	p50 := func(s slice) float64 { return float64(s.p50.Nanoseconds()) / 1e6 }
	p99 := func(s slice) float64 { return float64(s.p99.Nanoseconds()) / 1e6 }
	rate := func(s slice) float64 { return s.rate }
	cpu := func(s slice) float64 { return float64(s.cpu.Nanoseconds()) / 1e3 }
	return loadResult{
		Front: front, Connections: conns, System: name,
		P50: each(a, p50), P99: each(a, p99), Rate: each(a, rate), CPU: each(a, cpu),
		FloorP50: each(floor, p50), FloorRate: each(floor, rate), FloorCPU: each(floor, cpu),
		P50Ratio: pair(p50), RateRatio: pair(rate),
	}
}

func median(x []float64) float64 {
	x = slices.Clone(x)
	slices.Sort(x)
	if len(x) == 0 {
		return 0
	}
	if n := len(x); n%2 == 0 {
		return (x[n/2-1] + x[n/2]) / 2
	}
	return x[len(x)/2]
}
