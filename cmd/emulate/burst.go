package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/burst"
)

// burstFlags are those of emulate burst that the project's are not.
type burstFlags struct {
	shape    shapeFlags
	request  requestFlags
	report   reportFlags
	compare  []string
	endpoint string
	path     string

	connections int
	timeout     time.Duration
}

func newBurst(s streams) *cobra.Command {
	var f projectFlags
	var b burstFlags
	cmd := &cobra.Command{
		Use:   "burst TARGET",
		Short: "Send a load, and see cold starts, environments, throttles and cost",
		Long: `Send requests to TARGET when they are due, however slow the answers are, and report what they met. TARGET is a path of the project (/hello), the name
of a function (hello, hello:live), or a URL.

The running emulate serve is found by --endpoint; with --path the project is served for this one burst. Of a URL that no emulator serves, only what its
answers tell is known. Without a shape, 100 requests are sent at once. Path and payload may hold {{n}} (the request's number), {{uuid}}, {{now}},
{{random 1 100}} and {{pick "a" "b"}}.

--assert takes claims about the report, and ends with 1 where one fails; their metrics are
  ` + burst.Metrics + `.
--compare serves the project once for each setting and prints one table; its settings are
  ` + compareSettings + `.`,
		Example: `  emulate burst /hello --at-once 100
  emulate burst orders --rate 200 --for 30s --payload '{"order":"{{uuid}}"}' --html orders.html
  emulate burst /hello --ramp 0..500 --for 1m --assert 'cold_ratio<0.05' 'p99<300ms' 'throttles==0'
  emulate burst hello --path ./orders --at-once 50 --compare provisioned=0,10,50 memory=128,1769`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b.report.overrides = f.takeOverrides
			target, err := b.report.sortArguments("burst", "TARGET", "emulate burst /hello --at-once 100", args, os.Args[1:], &b.compare)
			if err != nil {
				return err
			}
			b.report.command = commandLine(os.Args[1:])
			return b.run(cmd, s, &f, target)
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	b.shape.add(fl)
	b.request.add(fl)
	fl.IntVar(&b.connections, "connections", 0, "at most `N` requests under way at once; others wait, and their latency counts (default: no limit)")
	fl.DurationVar(&b.timeout, "timeout", 0, "how long one answer may take (default 15m, the longest that a function may run)")
	b.report.add(fl)
	fl.StringArrayVar(&b.compare, "compare", nil, "`SETTINGS` to run through, such as provisioned=0,10,50 (repeatable)")
	fl.StringVar(&b.endpoint, "endpoint", defaultEndpoint, "`URL` of the running emulate serve's AWS endpoint")
	fl.StringVar(&b.path, "path", "", "serve this project folder or `FILE` for the burst (with --compare: default the current folder)")
	f.addProject(cmd)
	freePorts(fl)
	return cmd
}

func (b *burstFlags) run(cmd *cobra.Command, s streams, f *projectFlags, target string) error {
	claims, axes, err := parseClaims(b.report.claims, b.compare)
	if err != nil {
		return err
	}
	if err := b.report.writable(); err != nil {
		return err
	}
	shape, err := b.shape.shape()
	if err != nil {
		return err
	}
	body, err := b.request.body(s.in)
	if err != nil {
		return err
	}
	job := &burstJob{
		burstFlags: b, target: target, body: body, told: newTeller(s.err),
		load: burst.Load{Shape: shape.times, Connections: b.connections, Ready: shape.ready, Timeout: b.timeout},
	}
	job.told.quiet = b.report.quiet
	private := b.path != "" || len(axes) > 0
	if err := enoughFiles(shape.ready, private); err != nil {
		return err
	}
	var runs []burst.Compared
	if private {
		runs, err = job.private(cmd, s, f, axes)
	} else {
		var report *burst.Report
		if report, err = job.against(cmd.Context(), burst.NewServe(b.endpoint), job.send); report != nil {
			runs = []burst.Compared{{Report: report}}
		}
	}
	job.told.end()
	if len(runs) == 0 && err == nil {
		return usagef("AWS refuses every combination of --compare")
	}
	var interrupted *interruptedError
	if len(runs) > 0 && errors.As(err, &interrupted) {
		err = &codeError{code: exitFailed} // the user knows
	}
	return endRuns(s, runs, b.report, claims, err)
}

// burstJob is one load, sent once or for every setting of a sweep.
type burstJob struct {
	*burstFlags
	target string
	body   []byte
	load   burst.Load
	told   *teller
}

// found is a target that was found.
type found struct {
	url string
	// method that its route asks for, "" where any will do.
	method string
	// function and qualifier that answer, "" where they are not known.
	function, qualifier string
	// route that leads there, "" for a function.
	route string
	// source is nil where no emulator serves the target.
	source *burst.Serve
	seed   uint64
}

// against finds the target at a running emulator, and does something with it.
func (j *burstJob) against(ctx context.Context, serve *burst.Serve, do func(context.Context, *found) (*burst.Report, error)) (*burst.Report, error) {
	at, err := find(ctx, serve, j.target, j.request.method)
	if err != nil {
		return nil, err
	}
	return do(ctx, at)
}

// send sends the load to a target that was found.
func (j *burstJob) send(ctx context.Context, at *found) (*burst.Report, error) {
	if at.source == nil && !j.shape.given() {
		return nil, usagef("%s is no target of an emulator: say how much it is to get, with --at-once N or --rate R", j.target)
	}
	header, err := j.request.headers(j.body)
	if err != nil {
		return nil, err
	}
	load := j.load
	load.Request = burst.Request{Method: j.request.method, URL: at.url, Header: header, Body: j.body}
	if load.Request.Method == "" && at.method != "" {
		load.Request.Method = at.method
	}
	if at.route == "" && at.function != "" && load.Request.Body == nil {
		load.Request.Method, load.Request.Body = "POST", []byte("{}")
	}
	o := burst.Options{Target: j.target, Load: load, Seed: at.seed, Progress: j.told.progress}
	if at.source != nil {
		o.Source = at.source
	}
	report, err := burst.Run(ctx, o)
	if err != nil && report == nil {
		return nil, fmt.Errorf("burst %s: %w", j.target, err)
	}
	return report, err
}

// built waits until every function of a private emulator is built, or is known not to be: compilers would slow the load. What answers must be.
func (j *burstJob) built(ctx context.Context, e *emulator.Emulator, function string) error {
	var failed *emulator.BuildError
	if err := e.AwaitBuilds(ctx); err != nil && !errors.As(err, &failed) {
		return err
	}
	if function == "" {
		return nil
	}
	return awaitTarget(ctx, e, "sent", function)
}

// private serves the project for each setting.
func (j *burstJob) private(cmd *cobra.Command, s streams, f *projectFlags, axes []burst.Axis) ([]burst.Compared, error) {
	if strings.Contains(j.target, "://") {
		return nil, usagef("%s is a URL, and the project that --path or --compare serves has free ports: give a path, such as /hello, or a function", j.target)
	}
	var runs []burst.Compared
	for _, settings := range burst.Combinations(axes) {
		o, err := private(cmd, f, j.path)
		if err != nil {
			return runs, err
		}
		sweep, err := newPoint(settings, &o, functionBefore(o, j.target, j.request.method))
		if err != nil {
			return runs, err
		}
		o.WaitForBuilds = false
		j.told.label(settingsOf(settings))
		p := newPrinter(streams{in: s.in, out: j.told, err: j.told}, f)
		p.problemsOnly, p.quiet, p.errColor = true, true, paletteFor(s.err)
		o.OnEvents = p.events
		var report *burst.Report
		err = withEmulator(cmd.Context(), o, p, func(e *emulator.Emulator) (err error) {
			report, err = j.against(cmd.Context(), burst.NewServe(e.AWSURL()), func(ctx context.Context, at *found) (*burst.Report, error) {
				if err := j.built(ctx, e, at.function); err != nil {
					return nil, err
				}
				if refused, err := sweep.set(ctx, at), (*burst.CallError)(nil); errors.As(refused, &err) && len(axes) > 1 {
					j.told.say("%s: left out, as AWS refuses it: %s", strings.TrimSpace(settingsOf(settings)), err.Message)
					return nil, nil
				} else if refused != nil {
					return nil, refused
				}
				if err := awaitProvisioned(ctx, e); err != nil {
					return nil, err
				}
				return j.send(ctx, at)
			})
			return err
		})
		if report != nil {
			runs = append(runs, burst.Compared{Settings: settings, Report: report})
		}
		if err != nil {
			return runs, err
		}
	}
	return runs, nil
}
