// Command bench measures the emulator against floors, in one run: what is quoted are ratios, since machines are shared and differ.
//
// Each system is a process of its own. The measured systems take turns in slices of a few seconds (load.go), so that a machine whose speed drifts
// drifts for all of them; the figure is the median of the ratios of neighbouring slices. floor.go is what no emulator can be faster than: net/http
// that hands fixed bytes to the same handler. cold.go starts many environments at once, profile.go tells what the decisions cost of that, coldstarts.go
// compares cold starts as AWS has them with what is published, memory.go looks at resident memory, edit.go measures from the edit of a file to the
// answer of the new code, generator.go compares the generator of emulate burst with wrk, soak.go sends a million invocations with failures among them.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

type options struct {
	slice    time.Duration
	slices   int
	base     string
	out      string
	only     string
	soak     int
	coldRuns int
	draws    int

	// What child processes are started with.
	floor, floorCold string
	floorN           int
	trivial          bool
}

func main() {
	var o options
	flag.DurationVar(&o.slice, "slice", 3*time.Second, "length of one slice")
	flag.IntVar(&o.slices, "slices", 9, "slices of each system")
	flag.StringVar(&o.base, "base", "", "commit to build and measure too")
	flag.StringVar(&o.out, "out", "bench.json", "file for the results as JSON")
	flag.StringVar(&o.only, "only", "", "only one part: load, cold, profile, coldstarts, memory, edit or generator (which needs wrk, and runs only when it is asked for)")
	flag.IntVar(&o.soak, "soak", 0, "instead: this many invocations with failures among them")
	flag.IntVar(&o.coldRuns, "cold-runs", 5, "runs of each cold start measurement")
	flag.IntVar(&o.draws, "draws", 2000, "cold starts of each runtime with coldStarts: aws")
	flag.StringVar(&o.floor, "floor", "", "(child) serve as the floor, with this handler")
	flag.StringVar(&o.floorCold, "floor-cold", "", "(child) start this handler -n times and wait for each one's first poll")
	flag.IntVar(&o.floorN, "n", 16, "(child) processes of the floor")
	flag.BoolVar(&o.trivial, "trivial", false, "(child) answer everything with the same bytes")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	switch {
	case o.floor != "":
		return serveFloor(o.floor, o.floorN, flag.Args())
	case o.floorCold != "":
		return floorCold(o.floorCold, o.floorN)
	case o.trivial:
		return trivial()
	}
	// Where projects are: not in /tmp, which a function has for itself.
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(cache, "emulate-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	b := &bench{o: o, dir: dir, ctx: ctx}
	if err := b.prepare(); err != nil {
		return err
	}
	if o.soak > 0 {
		return b.soak(o.soak)
	}
	parts := []part{{"cold", b.cold}, {"profile", b.profile}, {"coldstarts", b.coldStarts}, {"load", b.load}, {"memory", b.memory}, {"edit", b.edit}, {"generator", b.generator}}
	if o.only != "" && !slices.ContainsFunc(parts, func(p part) bool { return p.name == o.only }) {
		return fmt.Errorf("-only %s: the parts are load, cold, profile, coldstarts, memory, edit and generator", o.only)
	}
	r := results{Machine: fmt.Sprintf("%d cores, %s", runtime.NumCPU(), runtime.Version()), Time: time.Now().UTC()}
	for _, part := range parts {
		if o.only != part.name && (o.only != "" || part.name == "generator") {
			continue
		}
		if err := part.run(&r); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	r.print(os.Stdout)
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.out, append(data, '\n'), 0o644)
}

// part of a run.
type part struct {
	name string
	run  func(*results) error
}

// bench is one run.
type bench struct {
	o        options
	ctx      context.Context // its end ends the systems
	dir      string
	handler  string            // the handler's binary
	self     string            // this program, as the floor
	programs map[string]string // emulate's binaries by name: "emulate", "base"
	project  string            // folder with the project that is measured
}

// prepare builds everything.
func (b *bench) prepare() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b.self = self
	b.project = filepath.Join(b.dir, "project")
	b.handler = filepath.Join(b.project, "handler", "bootstrap")
	b.programs = map[string]string{"emulate": filepath.Join(b.dir, "emulate")}
	if err := goBuild(".", b.programs["emulate"], "./cmd/emulate"); err != nil {
		return err
	}
	if err := goBuild(".", b.handler, "./cmd/bench/handler"); err != nil {
		return err
	}
	if b.o.base != "" {
		if err := b.buildBase(); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(b.project, "emulate.yaml"), []byte(projectFile), 0o644)
}

// projectFile has one function behind an HTTP API, a REST API and, by its name, Invoke. Its memory buys all of this machine's CPU: what is measured is
// the emulator.
const projectFile = `functions:
  bench:
    code: ./handler
    runtime: provided.al2023
    timeout: 60
    memory: 10240
limits:
  concurrency: 100000
apis:
  web:
    kind: http
    routes:
      GET /http/{id}: bench
  rest:
    kind: rest
    stage: prod
    routes:
      GET /rest/{id}: bench
`
