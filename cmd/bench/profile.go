package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"

	"example.com/emulate/emulator"
)

// profile has this program be the emulator, starts a thousand environments at once, some times, and tells what share of its CPU time went to the
// decisions: package fleet and all that it calls.
func (b *bench) profile(r *results) error {
	path := filepath.Join(b.dir, "cpu.prof")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	const n = 1000
	for i := 0; i < b.o.coldRuns && err == nil; i++ {
		err = b.atOnce(n)
	}
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	r.Profile = &profileResult{Environments: n * b.o.coldRuns}
	r.Profile.Fleet, r.Profile.Seconds, err = shareOf(`emulate/emulator/fleet\.`, path)
	return err
}

// atOnce makes n cold starts at once, in an emulator of its own.
func (b *bench) atOnce(n int) (err error) {
	e, err := emulator.New(emulator.Options{Path: b.project, NoWatch: true, WaitForBuilds: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close(context.WithoutCancel(b.ctx))) }()
	if err := e.Start(b.ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { _, errs[i] = e.Invoke(b.ctx, "bench", []byte(`{"sleepMs":4000}`)) })
	}
	wg.Wait()
	if colds := e.Stats()[0].ColdStarts; colds < uint64(n) {
		errs = append(errs, fmt.Errorf("%d cold starts of %d", colds, n))
	}
	return errors.Join(errs...)
}

var accounted = regexp.MustCompile(`Showing nodes accounting for [^,]*, ([0-9.]+)% of ([0-9.]+)(ms|s|mins) total`)

// shareOf reads a CPU profile: the share, 0 to 1, of the samples in whose stacks a function matches, and the seconds of all samples.
func shareOf(functions, path string) (share, seconds float64, err error) {
	out, err := exec.Command("go", "tool", "pprof", "-top", "-nodecount=100000", "-nodefraction=0", "-focus="+functions, path).CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("read the profile: %w\n%s", err, out)
	}
	m := accounted.FindStringSubmatch(string(out))
	if m == nil {
		return 0, 0, fmt.Errorf("read the profile: no total in\n%s", strings.TrimSpace(string(out)))
	}
	percent, err1 := strconv.ParseFloat(m[1], 64)
	total, err2 := strconv.ParseFloat(m[2], 64)
	unit := map[string]float64{"ms": 1e-3, "s": 1, "mins": 60}[m[3]]
	return percent / 100, total * unit, errors.Join(err1, err2)
}
