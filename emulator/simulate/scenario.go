package simulate

import (
	"fmt"
	"slices"
	"time"

	"example.com/emulate/emulator/fleet"
)

// Scenario is what is simulated: an account, its functions and their load.
type Scenario struct {
	// Name is the report's target.
	Name string
	Seed uint64
	// AccountConcurrency is the account's limit; 0 means 1,000.
	AccountConcurrency int
	// RequestRate is the quota of requests per second for each unit of concurrency; 0 means AWS's 10. NoRequestQuota leaves it out.
	RequestRate    int
	NoRequestQuota bool
	// IdleTimeout of all environments; 0 draws lifetimes as AWS has them (fleet.AWSLifetimes).
	IdleTimeout time.Duration
	// Grace is how long a request waits for an environment that has answered but not polled, as in a running emulator; 0 on AWS.
	Grace     time.Duration
	Functions []Function
	Traffic   []Traffic
	// Source brings more arrivals, such as those of a live run, in the order of time. The index of an arrival's function counts the functions, and
	// where one has routes, those in its place.
	Source Source
	// Bucket is the length of the report's series at first, and Buckets the most of them; 0 means 1 s and 600.
	Bucket  time.Duration
	Buckets int
	// Open opens a trace's file; nil where there is none.
	Open OpenFile
}

// Function is one function of a Scenario.
type Function struct {
	Name string
	// Runtime, Language (of a provided runtime), PackageType, PackageMB and Architecture choose the cold starts of AWS's table (spec lambda.md §7).
	Runtime, Language, PackageType, Architecture string
	PackageMB                                    float64
	// MemoryMB is 128 to 10,240; 0 means 1,769, which is one CPU.
	MemoryMB int
	// Duration of the handler at MeasuredMB of memory (0 means 1,769), of which CPUShare, 0 to 1, is work of one CPU. With less memory that part takes
	// 1,769/MB as long (spec lambda.md §7); with more than 1,769 MB one thread gains nothing.
	Duration   Dist
	MeasuredMB int
	CPUShare   float64
	// Init is the Init Duration, and Sandbox the time before it; nil takes them from AWS's table. Memory changes neither: INIT has a full CPU.
	Init, Sandbox *Dist
	// Starts are measured cold starts: the n-th environment takes the n-th; later ones are drawn.
	Starts []Start
	// Reserved concurrency; nil where there is none.
	Reserved *int
	// Provisioned concurrency. It is ready when the load begins; with ProvisionAtStart its allocation begins only then.
	Provisioned      int
	ProvisionAtStart bool
	// StartBurst and StartsPerSecond are the scaling rate; 0 means AWS's 1,000 and 100.
	StartBurst, StartsPerSecond int
	Warm                        *Warm
	// Routes share the function's load by their weights, each with a duration of its own. With Split each is a function by itself, which has the
	// settings of this one, its limits and warmer included.
	Routes []Route
	Split  bool
}

// Route is one path of a function with many.
type Route struct {
	Name     string
	Weight   float64
	Duration Dist
}

// Start is one cold start: what comes Before the process exists, and its Init Duration.
type Start struct{ Before, Init time.Duration }

// Warm is a warmer: every so often it sends Concurrency pings, which the function answers after For (0 means 100 ms): all at once, or Sequential, the
// next one when the last one was answered.
type Warm struct {
	Every       time.Duration
	Concurrency int
	For         time.Duration
	Sequential  bool
}

// oneCPU is the memory in MB that has one CPU (spec lambda.md §7).
const oneCPU = 1769

// mostLimit is more than any account has, and few enough to be counted.
const mostLimit = 10_000_000

func isLimit(n int) bool { return n >= 0 && n <= mostLimit }

// withDefaults fills in what is zero.
func (f Function) withDefaults() Function {
	if f.MemoryMB == 0 {
		f.MemoryMB = oneCPU
	}
	if f.MeasuredMB == 0 {
		f.MeasuredMB = oneCPU
	}
	if f.PackageType == "" {
		f.PackageType = "Zip"
	}
	if f.Architecture == "" {
		f.Architecture = "x86_64"
	}
	return f
}

// scale is the factor by which memory changes the duration.
func (f *Function) scale() float64 {
	at := func(mb int) float64 { return 1 - f.CPUShare + f.CPUShare*oneCPU/float64(min(mb, oneCPU)) }
	return at(f.MemoryMB) / at(f.MeasuredMB)
}

func (f *Function) check() error {
	switch {
	case f.Name == "":
		return fmt.Errorf("it has no name")
	case f.MemoryMB < 128 || f.MemoryMB > 10240 || f.MeasuredMB < 128 || f.MeasuredMB > 10240:
		return fmt.Errorf("memory %d MB and measured at %d MB: both must be 128 to 10240", f.MemoryMB, f.MeasuredMB)
	case !(f.CPUShare >= 0 && f.CPUShare <= 1):
		return fmt.Errorf("cpu %v: it must be 0 to 1", f.CPUShare)
	case f.PackageType != "Zip" && f.PackageType != "Image":
		return fmt.Errorf("package type %q: it must be Zip or Image", f.PackageType)
	case f.Architecture != "x86_64" && f.Architecture != "arm64":
		return fmt.Errorf("architecture %q: it must be x86_64 or arm64", f.Architecture)
	case !(f.PackageMB >= 0):
		return fmt.Errorf("package of %v MB", f.PackageMB)
	case f.Reserved != nil && !isLimit(*f.Reserved), !isLimit(f.Provisioned), !isLimit(f.StartBurst), !isLimit(f.StartsPerSecond):
		return fmt.Errorf("a limit that is negative or above %d", mostLimit)
	case f.Reserved != nil && f.Provisioned > *f.Reserved:
		return fmt.Errorf("provisioned concurrency %d is more than is reserved (%d)", f.Provisioned, *f.Reserved)
	case f.Init == nil && f.Runtime == "" && len(f.Starts) == 0:
		return fmt.Errorf("neither a runtime nor init: one of them says how long cold starts take")
	case f.Warm != nil && (f.Warm.Every <= 0 || f.Warm.Concurrency <= 0 || !isLimit(f.Warm.Concurrency) || f.Warm.For < 0 || max(f.Warm.For, f.Warm.Every) > longest):
		return fmt.Errorf("a warmer needs every and concurrency above 0, at most %d pings, and no time above %v", mostLimit, longest)
	case f.Split && len(f.Routes) == 0:
		return fmt.Errorf("split without routes")
	}
	for _, d := range []*Dist{&f.Duration, f.Init, f.Sandbox} {
		if d != nil {
			if err := d.check(); err != nil {
				return err
			}
		}
	}
	total := 0.0
	for _, r := range f.Routes {
		if r.Name == "" || !(r.Weight >= 0) {
			return fmt.Errorf("a route without a name, or with a negative weight")
		}
		if err := r.Duration.check(); err != nil {
			return fmt.Errorf("route %s: %w", r.Name, err)
		}
		total += r.Weight
	}
	if len(f.Routes) > 0 && total == 0 {
		return fmt.Errorf("the weights of its routes are all 0")
	}
	if _, ok := fleet.ColdStartOf(f.Runtime, f.Language, f.PackageType, f.Architecture); f.Runtime != "" && !ok && (f.Init == nil || f.Sandbox == nil) {
		return fmt.Errorf("no cold starts are known of runtime %s %s: give init and sandbox", f.Runtime, f.Language)
	}
	return nil
}

// unknown says that the duration of some of its requests is.
func (f *Function) unknown() bool {
	if len(f.Routes) == 0 {
		return f.Duration.Unknown
	}
	return slices.ContainsFunc(f.Routes, func(r Route) bool { return r.Duration.Unknown })
}

// target is where an arrival goes: a function, or one route of it. Several targets may be one function of the fleet.
type target struct {
	name     string
	function int
	duration sampler
}

// expand is the functions as the fleet has them, the targets, and for each function of the scenario its targets with their weights.
func (s *Scenario) expand() (functions []Function, targets []target, shares [][]Share) {
	for _, f := range s.Functions {
		f = f.withDefaults()
		if len(f.Routes) == 0 {
			shares = append(shares, []Share{{len(targets), 1}})
			targets = append(targets, target{f.Name, len(functions), f.Duration.sampler(f.scale())})
			functions = append(functions, f)
			continue
		}
		var of []Share
		for i, r := range f.Routes {
			if f.Split || i == 0 {
				one := f
				if f.Split {
					one.Name = f.Name + "/" + r.Name
				}
				functions = append(functions, one)
			}
			of = append(of, Share{len(targets), r.Weight})
			targets = append(targets, target{f.Name + "/" + r.Name, len(functions) - 1, r.Duration.sampler(f.scale())})
		}
		shares = append(shares, of)
	}
	return functions, targets, shares
}

// check says what cannot be simulated.
func (s *Scenario) check() error {
	if len(s.Functions) == 0 {
		return fmt.Errorf("there are no functions")
	}
	if !isLimit(s.AccountConcurrency) || !isLimit(s.RequestRate) || s.IdleTimeout < 0 || s.Grace < 0 || s.Bucket < 0 || s.Buckets < 0 {
		return fmt.Errorf("a limit or time that is negative, or a limit above %d", mostLimit)
	}
	names := map[string]bool{}
	for _, f := range s.Functions {
		f = f.withDefaults()
		if err := f.check(); err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
		if names[f.Name] {
			return fmt.Errorf("function %s is there twice", f.Name)
		}
		names[f.Name] = true
	}
	if err := s.checkConcurrency(); err != nil {
		return err
	}
	for i, t := range s.Traffic {
		if err := t.check(); err != nil {
			return fmt.Errorf("traffic %d: %w", i+1, err)
		}
		for _, share := range t.To {
			if share.Function < 0 || share.Function >= len(s.Functions) {
				return fmt.Errorf("traffic %d: there is no function %d", i+1, share.Function)
			}
			if f := &s.Functions[share.Function]; t.Trace == "" && f.unknown() {
				return fmt.Errorf("function %s: how long does it take? (duration: 120ms, or {p50: 120ms, p99: 400ms})", f.Name)
			}
		}
	}
	if len(s.Traffic) == 0 && s.Source == nil {
		return fmt.Errorf("there is no traffic")
	}
	return nil
}

// checkConcurrency says whether the functions reserve and provision more than the account may give away: some of it stays unreserved, and what is
// provisioned for a function is part of its reservation where it has one (spec lambda.md §6.1). Each route of a split function is a function.
func (s *Scenario) checkConcurrency() error {
	limit := s.AccountConcurrency
	if limit == 0 {
		limit = int(fleet.DefaultAccountConcurrency)
	}
	taken, most := 0, max(limit-int(fleet.MinimumUnreserved), 0)
	for _, f := range s.Functions {
		own := f.Provisioned
		if f.Reserved != nil {
			own = *f.Reserved
		}
		if f.Split {
			own *= len(f.Routes)
		}
		if taken += own; taken > most {
			return fmt.Errorf("function %s: reserved and provisioned concurrency come to %d; of the account's %d at most %d can be given away",
				f.Name, taken, limit, most)
		}
	}
	return nil
}
