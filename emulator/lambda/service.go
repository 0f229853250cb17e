package lambda

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/telemetry"
	"example.com/emulate/runtimeapi"
)

// Options of New. Executor and Telemetry are obligatory; everything else has a usable zero value.
type Options struct {
	Executor  Executor
	Telemetry *telemetry.Stream
	// Region and Account make the ARNs; "" means us-east-1 and 123456789012.
	Region, Account string
	// AccountConcurrency is the account's limit; 0 means 1,000.
	AccountConcurrency int
	// RequestRate is how many requests per second each unit of concurrency allows, the account's and a reservation's; 0 means AWS's 10, a negative
	// number no such quota (spec lambda.md §6.1).
	RequestRate int
	// StartBurst and StartsPerSecond are each function's scaling rate; 0 means AWS's 1,000 and 100 new environments.
	StartBurst, StartsPerSecond int
	// IdleTimeout is how long an idle environment lives; 0 means what Lifetimes draw, else 10 minutes.
	IdleTimeout time.Duration
	// Lifetimes draw how long environments live; the zero value draws nothing.
	Lifetimes fleet.Lifetimes
	// Seed of what is drawn here: the versions that weighted aliases choose, and cold starts.
	Seed uint64
	// Record is given every input of the fleet and what it decided, in their order; a fleet of the same FleetOptions takes the same decisions. The
	// Service's lock is held, and the slice is only valid during the call. nil records nothing.
	Record func(fleet.Input, []fleet.Decision)
	// Snapshot makes code that a published version keeps: what of it is in folders that may change is copied. nil takes the code as it is.
	Snapshot func(context.Context, Code) (Code, error)
	// Unpack makes code of a deployment package, a zip file, and gets it ready to run; nil refuses UpdateFunctionCode. Its error is the user's.
	Unpack func(ctx context.Context, fn *config.Function, zip []byte) (Code, error)
	// FreezeAfter is how long after its poll an idle environment is frozen; 0 means 5 ms, negative means never.
	FreezeAfter time.Duration
	// Credentials are given to every environment; the zero value means dummies, with an access key id of its own for each environment.
	Credentials Credentials
	// Endpoints are the AWS_ENDPOINT_URL_<SERVICE> variables of the services that the emulator serves.
	Endpoints map[string]string
	// Log receives what concerns no invocation, such as a sandbox that could not be removed. nil drops it.
	Log func(format string, args ...any)

	// newServer makes an environment's Runtime API; tests with a fake clock have one without sockets.
	newServer func(runtimeapi.Owner) server
}

// The limits of a classic function's phases (spec lambda.md §4.1) and of this machine.
const (
	initTimeout  = 10 * time.Second
	freezeAfter  = 5 * time.Millisecond
	freedGrace   = 40 * time.Millisecond  // see fleet.Options.Grace; two windows of a CPU quota, which may hold up the poll
	slotHeldFor  = 250 * time.Millisecond // how long an INIT may hold its start slot
	eventMaxAge  = 6 * time.Hour          // spec lambda.md §9
	maxTail      = 4096                   // bytes of X-Amz-Log-Result (spec lambda.md §4.3)
	latest       = "$LATEST"              // the version that is not published
	onDemand     = "on-demand"            // the initialization types (spec lambda.md §5.1)
	errUnhandled = "Unhandled"            // X-Amz-Function-Error
	closeGrace   = 0 * time.Second        // no extensions: SIGKILL at once (spec lambda.md §2.5)

	provisionedInit = "provisioned-concurrency"
)

// server is an environment's Runtime API as the Service needs it; *runtimeapi.Server is the one.
type server interface {
	Start() error
	Addr() string
	Serve(net.Listener)
	Deliver(*runtimeapi.Event) bool
	Expire(requestID string)
	Reset()
	Close() error
}

// Service is the Lambda service of one emulator.
type Service struct {
	o     Options
	began time.Time
	slots chan struct{} // start slots: what is in it is held

	mu        sync.Mutex
	fleet     *fleet.Fleet
	functions map[string]*Function
	byID      []*Function // by fleet.FuncID; a removed function stays
	envs      []*Environment
	requests  []*request
	freeReqs  []fleet.ReqID
	out       []fleet.Decision
	closing   bool
	idle      *sync.Cond // while closing: something happened in the fleet
	timer     *time.Timer
	nextWake  fleet.Time

	freezer *freezer
	queue   *queue
	ctx     context.Context
	cancel  context.CancelCauseFunc
	wg      sync.WaitGroup
}

// New makes a Service. It starts nothing.
func New(o Options) *Service {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Account == "" {
		o.Account = "123456789012"
	}
	if o.FreezeAfter == 0 {
		o.FreezeAfter = freezeAfter
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.newServer == nil {
		o.newServer = func(owner runtimeapi.Owner) server { return runtimeapi.New(owner, runtimeapi.Options{}) }
	}
	s := &Service{
		o:         o,
		began:     time.Now(),
		slots:     make(chan struct{}, 2*runtime.NumCPU()),
		functions: map[string]*Function{},
		fleet:     fleet.New(o.FleetOptions()),
	}
	s.idle = sync.NewCond(&s.mu)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.freezer = newFreezer(o.FreezeAfter)
	s.queue = newQueue(s)
	s.wg.Go(func() { s.freezer.run(s.ctx) })
	return s
}

// FleetOptions are those of the Service's fleet.
func (o *Options) FleetOptions() fleet.Options {
	return fleet.Options{
		AccountConcurrency: int32(o.AccountConcurrency), IdleTimeout: fleet.Time(o.IdleTimeout), Grace: fleet.Time(freedGrace),
		RequestRate: requestRate(o.RequestRate), Lifetimes: o.Lifetimes,
	}
}

func requestRate(n int) int32 {
	if n == 0 {
		return fleet.DefaultRequestRate
	}
	return int32(max(n, 0))
}

// now is the fleet's time.
func (s *Service) now() fleet.Time { return fleet.Time(time.Since(s.began)) }

// errClosing is the cause with which everything that waits is let go at Close.
var errClosing = &Error{Status: 500, Name: "ServiceException", Type: "Service", Message: "The emulator is shutting down."}

// startPatience is how long Close waits for requests whose sandbox does not exist yet: enough for every machine that can make one, and no wait for an
// engine that is gone.
const startPatience = 2 * time.Second

// Close lets invocations in flight finish until ctx ends, those in a cold start as well, then stops every environment, and returns when nothing is left.
// What waits for a build, or long for a sandbox, is refused. It is idempotent.
func (s *Service) Close(ctx context.Context) error {
	s.queue.close()
	stopWaiting := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		s.idle.Broadcast()
		s.mu.Unlock()
	})
	defer stopWaiting()

	s.mu.Lock()
	if !s.closing {
		s.closing = true
		for _, f := range s.functions {
			s.warm(f, nil)
			f.settle(errClosing)
		}
		s.awaitStartsLocked(ctx)
		acts := s.tell(fleet.Input{Op: fleet.OpClose})
		s.mu.Unlock()
		s.do(acts)
		s.mu.Lock()
	}
	for s.liveLocked() > 0 && ctx.Err() == nil {
		s.idle.Wait()
	}
	left := s.liveLocked()
	s.mu.Unlock()

	s.cancel(errClosing)
	s.wg.Wait()
	s.mu.Lock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	if left > 0 && ctx.Err() != nil {
		return fmt.Errorf("close the Lambda service: %d environments were ended in mid-invoke: %w", left, context.Cause(ctx))
	}
	return nil
}

// awaitStartsLocked waits, while closing, until no request is on its way to a runtime.
func (s *Service) awaitStartsLocked(ctx context.Context) {
	patient := true
	timer := time.AfterFunc(startPatience, func() {
		s.mu.Lock()
		patient = false
		s.idle.Broadcast()
		s.mu.Unlock()
	})
	defer timer.Stop()
	onItsWay := func(e *Environment) bool { return e != nil && e.bound != nil && (e.told || patient) }
	for ctx.Err() == nil && (patient && s.fleet.Account().Waiting > 0 || slices.ContainsFunc(s.envs, onItsWay)) {
		s.idle.Wait()
	}
}

// liveLocked is the number of environments that are not gone.
func (s *Service) liveLocked() int {
	n := 0
	for _, e := range s.envs {
		if e != nil {
			n++
		}
	}
	return n
}

// Stats is a moment's count of a function's environments and requests.
type Stats struct {
	Function                              string
	Environments, Starting, Idle, Busy    int
	InFlight, Waiting                     int
	Invocations, Errors, Throttles, Colds uint64
	// Spills are requests that went past provisioned concurrency to an on-demand environment: AWS's ProvisionedConcurrencySpilloverInvocations.
	Spills uint64
	// Provisioned is the concurrency that is provisioned in all versions.
	Provisioned int
	// Warm counts the rounds of the function's warmer.
	Warm Warmed
	// WaitedForMachine is the time that starts of this function waited for this machine.
	WaitedForMachine time.Duration
}

// Stats counts each function's environments and what was invoked so far, sorted by name.
func (s *Service) Stats() []Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Stats
	for _, f := range s.sortedLocked() {
		n := s.fleet.Stats(f.id)
		st := f.counts
		st.Function = f.cfg.Name
		st.Environments, st.Starting, st.Idle, st.Busy = int(n.Environments), int(n.Starting), int(n.Idle), int(n.Busy)
		st.InFlight, st.Waiting = int(n.InFlight), int(n.Waiting)
		st.Provisioned = int(s.fleet.ProvisionedTotal(f.id))
		out = append(out, st)
	}
	return out
}

// arn of a function, with the qualifier where there is one.
func (s *Service) arn(name, qualifier string) string {
	arn := "arn:aws:lambda:" + s.o.Region + ":" + s.o.Account + ":function:" + name
	if qualifier != "" {
		arn += ":" + qualifier
	}
	return arn
}
