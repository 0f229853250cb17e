package simulate

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"example.com/emulate/emulator/burst"
	"example.com/emulate/emulator/fleet"
)

// OpenFile opens a file that a scenario names.
type OpenFile func(name string) (io.ReadCloser, error)

// simulation is one run. Times are the fleet's, which begin before the load does where provisioned concurrency has to be there first.
type simulation struct {
	scenario  *Scenario
	functions []*function
	targets   []target
	fleet     *fleet.Fleet
	recorder  *burst.Recorder
	arrivals  Source
	files     []io.Closer

	now   time.Duration
	lead  time.Duration // when the load begins
	queue queue
	out   []fleet.Decision
	gone  []fleet.EnvID

	envs     []environment // by fleet.EnvID
	requests []request     // by fleet.ReqID
	free     []fleet.ReqID
	inFlight int
	totals   burst.Environments
	warmers  []*warmer
	refused  []*warmer // by a ping's throttle, to go on when all decisions are carried out
}

// function is one function of the fleet.
type function struct {
	*Function
	id      fleet.FuncID
	pool    fleet.Pool
	gb      float64
	random  *rand.Rand
	starts  starts
	started uint64
	stats   fleet.Stats
}

type environment struct {
	epoch uint32
	req   fleet.ReqID
	init  time.Duration
	// round of the warmer in which it last served a ping.
	round int
}

type request struct {
	arrived     time.Duration
	duration    time.Duration
	target      int32
	warmer      int32 // that sent it; -1 where none did
	cold, spill bool
	provisioned bool
	init        time.Duration // that it waited for
}

// Run simulates until the last request has ended. The same scenario and seed give the same report.
func (s *Scenario) Run(ctx context.Context) (*burst.Report, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("simulate %s: %w", s.Name, err)
	}
	sim := newSimulation(s)
	defer sim.close()
	if err := sim.run(ctx); err != nil {
		return nil, fmt.Errorf("simulate %s: %w", s.Name, err)
	}
	return sim.report(), nil
}

func newSimulation(s *Scenario) *simulation {
	functions, targets, shares := s.expand()
	sim := &simulation{scenario: s, targets: targets}
	o := burst.RecorderOptions{Seed: s.Seed, Bucket: s.Bucket, Buckets: s.Buckets}
	options := fleet.Options{
		AccountConcurrency: int32(s.AccountConcurrency), Grace: fleet.Time(s.Grace), IdleTimeout: fleet.Time(s.IdleTimeout),
		RequestRate: fleet.DefaultRequestRate, Lifetimes: fleet.AWSLifetimes(s.Seed),
	}
	if s.IdleTimeout > 0 {
		options.Lifetimes = fleet.Lifetimes{}
	}
	if s.RequestRate > 0 {
		options.RequestRate = int32(s.RequestRate)
	}
	if s.NoRequestQuota {
		options.RequestRate = 0
	}
	sim.fleet = fleet.New(options)
	for i := range functions {
		sim.add(fleet.FuncID(i), &functions[i])
		o.Functions = append(o.Functions, functions[i].Name)
		o.Architectures = append(o.Architectures, functions[i].Architecture)
	}
	sim.recorder = burst.NewRecorder(o)
	sim.route(shares)
	return sim
}

// route turns the traffic's shares of functions into shares of targets.
func (s *simulation) route(shares [][]Share) {
	for i := range s.scenario.Traffic {
		t := s.scenario.Traffic[i]
		var to []Share
		for _, share := range t.To {
			for _, of := range shares[share.Function] {
				to = append(to, Share{of.Function, share.Weight * of.Weight / total(shares[share.Function])})
			}
		}
		t.To = to
		if t.Trace == "" {
			s.arrivals = both(s.arrivals, newShaped(t, rand.New(rand.NewPCG(s.scenario.Seed, hash(fmt.Sprint("traffic ", i))))))
		} else {
			s.arrivals = both(s.arrivals, &lazyTrace{sim: s, traffic: t})
		}
	}
	if s.scenario.Source != nil {
		s.arrivals = both(s.arrivals, s.scenario.Source)
	}
}

// both collects sources in a list, to be merged when the simulation begins.
func both(list Source, s Source) Source {
	l, _ := list.(sourceList)
	return append(l, s)
}

// sourceList is never asked for an arrival itself.
type sourceList []Source

func (sourceList) Next() (Arrival, bool, error) { return Arrival{}, false, nil }

func total(shares []Share) float64 {
	sum := 0.0
	for _, s := range shares {
		sum += s.Weight
	}
	return sum
}

// lazyTrace opens its file when it is first asked.
type lazyTrace struct {
	sim     *simulation
	traffic Traffic
	source  Source
}

func (l *lazyTrace) Next() (Arrival, bool, error) {
	if l.source == nil {
		if l.sim.scenario.Open == nil {
			return Arrival{}, false, fmt.Errorf("open trace %s: the scenario opens no files", l.traffic.Trace)
		}
		f, err := l.sim.scenario.Open(l.traffic.Trace)
		if err != nil {
			return Arrival{}, false, fmt.Errorf("open trace: %w", err)
		}
		l.sim.files = append(l.sim.files, f)
		names := map[string]int{}
		for i, t := range l.sim.targets {
			names[t.name] = i
		}
		l.source = Trace(f, l.traffic.Trace, names, l.traffic.Start)
	}
	return l.source.Next()
}

func (s *simulation) close() {
	for _, f := range s.files {
		_ = f.Close() // it was only read
	}
}

func hash(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum64()
}

// add tells the fleet of a function.
func (s *simulation) add(id fleet.FuncID, f *Function) {
	stream := hash(f.Name)
	fun := &function{
		Function: f, id: id, gb: float64(f.MemoryMB) / 1024,
		random: rand.New(rand.NewPCG(s.scenario.Seed, stream)),
		starts: starts{given: f.Starts, seed: s.scenario.Seed, stream: stream + 1, source: rand.NewPCG(0, 0)},
	}
	fun.starts.random = rand.New(fun.starts.source)
	if row, ok := fleet.ColdStartOf(f.Runtime, f.Language, f.PackageType, f.Architecture); ok {
		fun.starts.sampler = fleet.NewColdStartSampler(s.scenario.Seed, f.Name, row, fleet.Package{Type: f.PackageType, SizeMB: f.PackageMB})
	}
	if f.Init != nil {
		fun.starts.init, fun.starts.hasInit = f.Init.sampler(1), true
	}
	if f.Sandbox != nil {
		fun.starts.sandbox, fun.starts.hasSandbox = f.Sandbox.sampler(1), true
	}
	l := fleet.Limits{Reserved: -1, StartBurst: int32(f.StartBurst), StartsPerSecond: int32(f.StartsPerSecond)}
	if f.Reserved != nil {
		l.Reserved = int32(*f.Reserved)
	}
	s.functions = append(s.functions, fun)
	s.out = s.fleet.Configure(0, id, l, 1, s.out[:0])
	if f.Provisioned > 0 {
		fun.pool = 1
	}
}

func (s *simulation) run(ctx context.Context) error {
	if err := s.provision(ctx, false); err != nil {
		return err
	}
	s.lead = s.now
	if err := s.provision(ctx, true); err != nil {
		return err
	}
	list, _ := s.arrivals.(sourceList)
	arrivals, err := newMerged(list)
	if err != nil {
		return err
	}
	s.startWarmers()
	next, more, err := arrivals.Next()
	for n := 0; err == nil && (more || s.inFlight > 0); n++ {
		if n&0xffff == 0 && ctx.Err() != nil {
			return fmt.Errorf("stopped at %v: %w", s.now-s.lead, context.Cause(ctx))
		}
		at := time.Duration(math.MaxInt64)
		if more {
			at = s.lead + next.At
		}
		if s.step(at) {
			continue
		}
		if !more {
			return fmt.Errorf("%d requests never end", s.inFlight)
		}
		if t := &s.targets[next.Function]; next.Duration < 0 && t.duration.unknown {
			return fmt.Errorf("the arrival at %v has no duration, and %s has none either", next.At, t.name)
		}
		s.now = at
		s.arrive(next)
		next, more, err = arrivals.Next()
	}
	return err
}

// provision allocates provisioned concurrency, and unless it is of the kind that comes with the load waits until all of it is ready.
func (s *simulation) provision(ctx context.Context, atStart bool) error {
	for _, f := range s.functions {
		if f.Provisioned > 0 && f.ProvisionAtStart == atStart {
			s.decided(s.fleet.Provision(fleet.Time(s.now), f.id, f.pool, int32(f.Provisioned), s.out[:0]))
		}
	}
	ready := func() bool {
		for _, f := range s.functions {
			if st := s.fleet.Provisioned(f.id, f.pool).Status; st == fleet.InProgress {
				return false
			}
		}
		return true
	}
	for !atStart && !ready() {
		if ctx.Err() != nil {
			return fmt.Errorf("stopped before its provisioned concurrency was ready: %w", context.Cause(ctx))
		}
		if !s.step(math.MaxInt64) {
			return fmt.Errorf("provisioned concurrency is never ready")
		}
	}
	return nil
}

// step carries out the next event, or what time brings to the fleet, unless an arrival comes before it. At the same moment the event comes first: a
// slot that becomes free serves the arrival.
func (s *simulation) step(before time.Duration) bool {
	at, due := before, len(s.queue) > 0 && s.queue[0].at <= before
	if due {
		at = s.queue[0].at
	}
	if wake, ok := s.fleet.Next(); ok && time.Duration(wake) <= at {
		s.now = max(s.now, time.Duration(wake))
		s.decided(s.fleet.Wake(fleet.Time(s.now), s.out[:0]))
		return true
	}
	if !due {
		return false
	}
	e := s.queue.pop()
	s.now = e.at
	switch {
	case e.id < 0:
		s.ping(s.warmers[-1-e.id])
	case s.envs[e.id].epoch != e.epoch: // it was stopped meanwhile
	case s.envs[e.id].req == fleet.NoReq:
		s.decided(s.fleet.Ready(fleet.Time(s.now), fleet.EnvID(e.id), 1, s.out[:0]))
		s.touch(s.fleet.EnvState(fleet.EnvID(e.id)).Func)
	default:
		s.done(fleet.EnvID(e.id))
	}
	return true
}

// since is the time since the load began.
func (s *simulation) since() time.Duration { return max(0, s.now-s.lead) }

// arrive brings one request.
func (s *simulation) arrive(a Arrival) {
	s.recorder.Arrive(s.since())
	t := &s.targets[a.Function]
	if a.Duration < 0 {
		a.Duration = t.duration.draw(s.functions[t.function].random)
	}
	s.invoke(int32(a.Function), a.Duration, -1)
}

// invoke sends a request of a load (warmer -1) or a ping.
func (s *simulation) invoke(target int32, duration time.Duration, warmer int32) {
	var id fleet.ReqID
	if n := len(s.free); n > 0 {
		id, s.free = s.free[n-1], s.free[:n-1]
	} else {
		id = fleet.ReqID(len(s.requests))
		s.requests = append(s.requests, request{})
	}
	s.requests[id] = request{arrived: s.now, duration: duration, target: target, warmer: warmer}
	s.inFlight++
	f := s.functions[s.targets[target].function]
	s.decided(s.fleet.Invoke(fleet.Time(s.now), f.id, f.pool, id, s.out[:0]))
}

// end forgets a request.
func (s *simulation) end(id fleet.ReqID) {
	s.inFlight--
	s.free = append(s.free, id)
}

// decided carries decisions out, and those that follow from them.
func (s *simulation) decided(out []fleet.Decision) {
	s.out = out
	for {
		for _, d := range s.out {
			s.carryOut(d)
		}
		if len(s.gone) == 0 {
			break
		}
		env := s.gone[len(s.gone)-1]
		s.gone = s.gone[:len(s.gone)-1]
		s.envs[env].epoch++
		fn := s.fleet.EnvState(env).Func
		s.out = s.fleet.Gone(fleet.Time(s.now), env, s.out[:0])
		s.touch(fn)
	}
	for len(s.refused) > 0 {
		w := s.refused[0]
		s.refused = s.refused[1:]
		s.answered(w, true)
	}
}

func (s *simulation) carryOut(d fleet.Decision) {
	switch d.Kind {
	case fleet.Start:
		s.start(d)
	case fleet.Assign:
		r := &s.requests[d.Req]
		e := &s.envs[d.Env]
		e.req = d.Req
		r.cold, r.provisioned = d.Cold, d.Provisioned
		r.spill = r.spill || d.Spill
		if d.Cold {
			r.init = e.init
		}
		if r.warmer >= 0 {
			s.warmers[r.warmer].served(e, d.Cold)
		}
		s.queue.push(event{at: s.now + r.duration, id: int32(d.Env), epoch: e.epoch})
	case fleet.Throttle:
		if w := s.requests[d.Req].warmer; w >= 0 {
			s.refused = append(s.refused, s.warmers[w])
		} else {
			s.recorder.Throttle(s.since(), int(d.Func), d.Reason.String())
		}
		s.end(d.Req)
	case fleet.Stop:
		s.gone = append(s.gone, d.Env)
	}
	s.touch(d.Func)
}

func (s *simulation) start(d fleet.Decision) {
	for int(d.Env) >= len(s.envs) {
		s.envs = append(s.envs, environment{})
	}
	f := s.functions[d.Func]
	cold := f.starts.draw(f.started)
	f.started++
	e := &s.envs[d.Env]
	*e = environment{epoch: e.epoch + 1, req: fleet.NoReq, init: cold.Init, round: -1}
	if d.Req != fleet.NoReq && d.Spill {
		s.requests[d.Req].spill = true
	}
	s.recorder.Start(s.since(), int(d.Func), -1)
	s.recorder.Init(int(d.Func), cold.Init)
	s.queue.push(event{at: s.now + cold.Before + cold.Init, id: int32(d.Env), epoch: e.epoch})
}

// done ends the request of an environment, which is free at once.
func (s *simulation) done(env fleet.EnvID) {
	e := &s.envs[env]
	id := e.req
	r := s.requests[id]
	e.req = fleet.NoReq
	fn := s.targets[r.target].function
	s.bill(fn, &r)
	if r.warmer < 0 {
		s.recorder.Request(burst.Outcome{
			Function: fn, Arrived: r.arrived - s.lead, Latency: s.now - r.arrived, Duration: r.duration, Cold: r.cold, Spill: r.spill,
		})
	}
	s.out = s.fleet.Responded(fleet.Time(s.now), env, id, s.out[:0])
	s.end(id)
	s.decided(s.fleet.Freed(fleet.Time(s.now), env, 1, s.out[:0]))
	s.touch(fleet.FuncID(fn))
	if r.warmer >= 0 {
		s.answered(s.warmers[r.warmer], false)
	}
}

// bill counts what a request costs: its duration in whole milliseconds, with the INIT that it waited for.
func (s *simulation) bill(fn int, r *request) {
	billed := math.Ceil(float64(r.duration+r.init)/1e6) / 1e3 * s.functions[fn].gb
	u := burst.Usage{Requests: 1, GBSeconds: billed}
	if r.provisioned {
		u.GBSeconds, u.InProvisioned = 0, billed
	}
	s.recorder.Use(fn, u)
}

// touch brings the counts of environments up to date after something happened to a function.
func (s *simulation) touch(fn fleet.FuncID) {
	f := s.functions[fn]
	now, old := s.fleet.Stats(fn), f.stats
	if now == old {
		return
	}
	f.stats = now
	s.totals.Starting += now.Starting - old.Starting
	s.totals.Idle += now.Idle - old.Idle
	s.totals.Busy += now.Busy - old.Busy
	s.recorder.Environments(s.since(), s.totals)
	s.recorder.FunctionEnvironments(int(fn), now.Starting+now.Idle+now.Busy, now.Busy)
}
