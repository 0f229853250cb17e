package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// cold starts n environments at once, on an emulator that has none, against the floor that only forks and execs.
func (b *bench) cold(r *results) error {
	for _, n := range []int{1, 10, 100, 1000} {
		var ratios, ours, floors []float64
		for range b.o.coldRuns {
			f, err := b.coldFloor(n)
			if err != nil {
				return err
			}
			e, err := b.coldEmulate(n)
			if err != nil {
				return err
			}
			ratios, ours, floors = append(ratios, e/f), append(ours, e), append(floors, f)
		}
		r.Cold = append(r.Cold, coldResult{N: n, Seconds: median(ours), FloorSeconds: median(floors), Ratio: median(ratios)})
	}
	return nil
}

func (b *bench) coldFloor(n int) (float64, error) {
	out, err := exec.Command(b.self, "-floor-cold", b.handler, "-n", strconv.Itoa(n)).Output()
	if err != nil {
		return 0, fmt.Errorf("floor of %d cold starts: %w", n, err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// coldEmulate is the time from the first of n requests sent at once to the moment at which the last environment began its invocation.
func (b *bench) coldEmulate(n int) (float64, error) {
	s, err := b.startEmulate("emulate", b.project)
	if err != nil {
		return 0, err
	}
	defer func() { _ = s.stop() }() // nothing is measured any more
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n, DisableCompression: true}}
	defer client.CloseIdleConnections()
	url := "http://" + s.addr["invoke"] + "/2015-03-31/functions/bench/invocations"
	// The function's build has to be over before the clock runs; describing it says so.
	err = waitFor(10*time.Second, func() (bool, error) {
		resp, err := client.Get("http://" + s.addr["invoke"] + "/2015-03-31/functions/bench/configuration")
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		var c struct{ State string }
		return json.NewDecoder(resp.Body).Decode(&c) == nil && c.State == "Active", nil
	})
	if err != nil {
		return 0, err
	}
	body := []byte(`{"sleepMs":4000}`)
	if n < 100 {
		body = []byte(`{"sleepMs":300}`)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	began := time.Now()
	for range n {
		wg.Go(func() {
			resp, e := client.Post(url, "application/json", bytes.NewReader(body))
			if e == nil {
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					e = fmt.Errorf("status %d", resp.StatusCode)
				}
			}
			if e != nil {
				mu.Lock()
				err = e
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err != nil {
		return 0, err
	}
	var last time.Time
	starts := 0
	err = waitFor(5*time.Second, func() (bool, error) {
		last, starts, err = startsIn(s.log)
		return starts >= n, err
	})
	if err != nil {
		return 0, fmt.Errorf("%d of %d environments started: %w", starts, n, err)
	}
	return last.Sub(began).Seconds(), nil
}

// startsIn finds the last platform.start in a log of --json, and how many environments began INIT.
func startsIn(log string) (last time.Time, inits int, err error) {
	f, err := os.Open(log)
	if err != nil {
		return last, 0, err
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var e struct {
			Type string
			Time time.Time
		}
		if json.Unmarshal(sc.Bytes(), &e) != nil {
			continue // a line that is being written
		}
		switch e.Type {
		case "platform.initStart":
			inits++
		case "platform.start":
			last = e.Time
		}
	}
	return last, inits, nil
}
