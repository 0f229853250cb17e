package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// memory is the emulator's resident memory 30 s after a load through 16 environments, and what each further environment adds.
func (b *bench) memory(r *results) error {
	s, err := b.startEmulate("emulate", b.project)
	if err != nil {
		return err
	}
	defer func() { _ = s.stop() }() // nothing is measured any more
	if _, err := drive(s.addr["http"], "http", 16, 5*time.Second); err != nil {
		return err
	}
	time.Sleep(30 * time.Second)
	if r.Memory.With16KB, err = residentKB(s.cmd.Process.Pid); err != nil {
		return err
	}
	const more = 400
	if err := hold(s.addr["invoke"], 16+more); err != nil {
		return err
	}
	time.Sleep(30 * time.Second)
	all, err := residentKB(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	r.Memory.PerFurtherKB = float64(all-r.Memory.With16KB) / more
	return nil
}

// hold has n invocations run at the same time, so that there are n environments.
func hold(addr string, n int) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}}
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range n {
		wg.Go(func() {
			resp, err := client.Post("http://"+addr+"/2015-03-31/functions/bench/invocations", "application/json", strings.NewReader(`{"sleepMs":3000}`))
			if err == nil {
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					err = fmt.Errorf("status %d", resp.StatusCode)
				}
			}
			if err != nil {
				mu.Lock()
				failed = err
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return failed
}
