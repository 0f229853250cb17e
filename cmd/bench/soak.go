package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// misdeed is what a handler can do, what its caller must be told, and how often in a million invocations it does it.
type misdeed struct {
	do, want   string
	perMillion int
}

var misdeeds = []misdeed{
	{"error", `"errorMessage":"asked for"`, 20_000},
	{"exit", `Runtime exited with error: exit status 3`, 1_000},
	{"crash", `Runtime exited with error: signal: killed`, 1_000},
	{"big", `"errorType":"Function.ResponseSizeTooLarge"`, 200},
	{"hang", `Task timed out after 3.00 seconds`, 100},
}

// soak sends n invocations through 16 connections, failures among them, and checks every answer; then it checks that nothing was lost or left.
func (b *bench) soak(n int) error {
	project := filepath.Join(b.dir, "soak")
	if err := os.MkdirAll(project, 0o755); err != nil {
		return err
	}
	file := fmt.Sprintf("functions:\n  bench:\n    code: %s\n    runtime: provided.al2023\n    timeout: 3\n    memory: 10240\n", filepath.Dir(b.handler))
	if err := os.WriteFile(filepath.Join(project, "emulate.yaml"), []byte(file), 0o644); err != nil {
		return err
	}
	s, err := b.startEmulate("emulate", project)
	if err != nil {
		return err
	}
	pid := s.cmd.Process.Pid
	defer func() { _ = s.stop() }()
	url := "http://" + s.addr["invoke"] + "/2015-03-31/functions/bench/invocations"
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}}
	var (
		left  atomic.Int64
		done  atomic.Int64
		wg    sync.WaitGroup
		mu    sync.Mutex
		wrong error
		kinds = map[string]int{}
	)
	left.Store(int64(n))
	began := time.Now()
	for c := range 16 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(c)))
			for left.Add(-1) >= 0 {
				m := pick(random)
				err := m.send(client, url)
				done.Add(1)
				mu.Lock()
				kinds[m.do]++
				if err != nil && wrong == nil {
					wrong = err
				}
				stop := wrong != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	stopProgress := progress(&done, n)
	wg.Wait()
	stopProgress()
	if wrong != nil {
		return wrong
	}
	client.CloseIdleConnections()
	fmt.Printf("%d invocations in %s, all answered as they had to be: %v\n", n, time.Since(began).Round(time.Millisecond), kinds)
	return b.checkAfterSoak(s, n, pid)
}

func pick(r *rand.Rand) misdeed {
	k := r.IntN(1_000_000)
	for _, m := range misdeeds {
		if k < m.perMillion {
			return m
		}
		k -= m.perMillion
	}
	return misdeed{do: "", want: `"statusCode":200`}
}

// send invokes and checks the answer.
func (m misdeed) send(client *http.Client, url string) error {
	body, err := json.Marshal(order{Do: m.do})
	if err != nil {
		return err
	}
	resp, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	failed := resp.Header.Get("X-Amz-Function-Error") != ""
	if resp.StatusCode != http.StatusOK || failed != (m.do != "") || !strings.Contains(string(answer), m.want) {
		return fmt.Errorf("%q was answered %d, %.300s; want %s", m.do, resp.StatusCode, answer, m.want)
	}
	return nil
}

// order is the handler's.
type order struct {
	Do string `json:"do"`
}

func progress(done *atomic.Int64, n int) (stop func()) {
	ticker := time.NewTicker(10 * time.Second)
	end := make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				fmt.Printf("%d of %d\n", done.Load(), n)
			case <-end:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(end)
	}
}

// status is what the emulator tells of its function.
type status struct {
	Functions []struct {
		Environments, InFlight int
		Invocations, Throttles int
	}
}

// checkAfterSoak compares what the emulator counted, and its open files, with what must be.
func (b *bench) checkAfterSoak(s *system, n, pid int) error {
	var st status
	err := waitFor(3*time.Second, func() (bool, error) { // the last answers' runtimes have yet to poll
		resp, err := http.Get("http://" + s.addr["invoke"] + "/_emulate/status")
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		st = status{}
		err = json.NewDecoder(resp.Body).Decode(&st)
		return err == nil && st.Functions[0].InFlight == 0, err
	})
	if err != nil {
		return fmt.Errorf("wait for the end of all invocations: %w", err)
	}
	f := st.Functions[0]
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return err
	}
	kb, err := residentKB(pid)
	if err != nil {
		return err
	}
	fmt.Printf("%d environments, %d open files, %.1f MB resident\n", f.Environments, len(fds), float64(kb)/1024)
	switch {
	case f.Invocations != n || f.Throttles != 0:
		return fmt.Errorf("counted %d invocations and %d throttles, want %d and 0", f.Invocations, f.Throttles, n)
	case f.Environments > 40:
		return fmt.Errorf("%d environments for 16 callers", f.Environments)
	case len(fds) > 40+12*f.Environments:
		return fmt.Errorf("%d open files for %d environments", len(fds), f.Environments)
	}
	return nil
}
