package emulator

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/fleet"
	"example.com/emulate/emulator/telemetry"
)

// Options of New. The zero value serves the current folder on free ports of 127.0.0.1.
type Options struct {
	// Path is a project folder or one configuration file; "" means ".".
	Path string
	// Host to listen on; "" means 127.0.0.1. Port is that of the APIs, AWSPort that of the AWS endpoint; 0 picks a free one.
	Host          string
	Port, AWSPort int
	// Stage overrides the name of the APIs' stage. Parameters are the template's, Env variables for every function, EnvFile a file of them.
	Stage      string
	Parameters map[string]string
	Env        map[string]string
	EnvFile    string
	// Region and Account; "" means us-east-1 and 123456789012.
	Region, Account string
	// Profile names real AWS credentials for the handlers; "" gives them dummies.
	Profile string
	// Executor is "", "auto", "process" or "docker": where functions run that do not choose themselves. "auto" takes containers for those that need
	// them, and processes otherwise.
	Executor string
	// ExecutorOf is where single functions run, by their names: over Executor, and over what they choose themselves.
	ExecutorOf map[string]string
	// DockerNetwork is the network of all containers whose function names none itself: shared, own, host, none, or one of the engine's; "" leaves it to
	// the configuration.
	DockerNetwork string
	// Spares is how many containers of a function may wait with everything set up but the runtime: nil lets them grow with its bursts, 0 makes none.
	Spares *int
	// NoCPULimit gives a function all of this machine's CPU, whatever its memory buys on Lambda.
	NoCPULimit bool
	// BuildOnHost builds with this machine's tools what would be built in a container.
	BuildOnHost bool
	// NoWatch leaves out hot reload; NoBuild takes code folders as they are; NoFreeze lets idle environments run.
	NoWatch, NoBuild, NoFreeze bool
	// WaitForBuilds makes Start wait until every function is built, and fail where one is not: for tests and CI, where nobody waits for a mend.
	WaitForBuilds bool
	// Lenient serves what can be served of a configuration with errors.
	Lenient bool
	// NoAuth leaves out authorizers: what asks for one is open to everybody.
	NoAuth bool
	// Seed of everything that is drawn by chance; 0 picks one. It is in the ready event.
	Seed uint64
	// CacheDir holds built code; "" is the user's cache folder.
	CacheDir string
	// IdleTimeout is how long an idle environment lives; 0 means the project's, else 10 minutes.
	IdleTimeout time.Duration
	// ColdStarts is how long cold starts take: "measured", as long as they take here; "aws", as long as AWS's, and environments live about as long as
	// AWS's do. "" leaves it to the configuration, whose default is measured.
	ColdStarts string
	// Began is the moment that the ready event's time is counted from; the zero value means the call of Start.
	Began time.Time
	// OnEvents is called with every batch of events, in order, from one goroutine; it may block, and holds back only the handlers' output then.
	// The slice is only valid during the call.
	OnEvents func([]telemetry.Event)

	// recorder gives what is told each input of the fleet, which has these options, and its decisions: for tests, which replay them.
	recorder func(fleet.Options) func(fleet.Input, []fleet.Decision)
}

// ConfigError is a configuration that cannot be served. Diagnostics holds all its problems, warnings too.
type ConfigError struct{ Diagnostics []config.Diagnostic }

func (e *ConfigError) Error() string {
	var lines []string
	for _, d := range e.Diagnostics {
		if d.Severity == config.Error {
			lines = append(lines, d.String())
		}
	}
	return strings.Join(lines, "\n")
}

// UsageError is an option that cannot be.
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }

// BuildError says which functions could not be built, in their compilers' words.
type BuildError struct{ Errs []error }

func (e *BuildError) Error() string { return errors.Join(e.Errs...).Error() }

// Unwrap gives the single errors.
func (e *BuildError) Unwrap() []error { return e.Errs }

func (o *Options) check() error {
	for _, executor := range append(slices.Sorted(maps.Values(o.ExecutorOf)), o.Executor) {
		switch executor {
		case "", "auto", "process", "docker":
		default:
			return &UsageError{fmt.Sprintf("unknown executor %q: it is auto, process or docker", executor)}
		}
	}
	if o.ColdStarts != "" && o.ColdStarts != "measured" && o.ColdStarts != coldStartsAWS {
		return &UsageError{fmt.Sprintf("unknown cold starts %q: it is measured or aws", o.ColdStarts)}
	}
	if o.DockerNetwork != "" && !config.ValidNetwork(o.DockerNetwork) {
		return &UsageError{fmt.Sprintf("docker network %q: it is shared, own, host, none, or the name of a network of the engine", o.DockerNetwork)}
	}
	if o.Spares != nil && *o.Spares < 0 {
		return &UsageError{fmt.Sprintf("%d spare containers: it is 0 for none, or more", *o.Spares)}
	}
	for name, port := range map[string]int{"port": o.Port, "AWS port": o.AWSPort} {
		if port < 0 || port > 65535 {
			return &UsageError{fmt.Sprintf("%s %d is out of range: it is 0 to 65535", name, port)}
		}
	}
	if o.Port != 0 && o.Port == o.AWSPort {
		return &UsageError{fmt.Sprintf("port %d is asked for twice, for the APIs and for the AWS endpoint", o.Port)}
	}
	return nil
}

// Configuration is what of the options concerns the reading of the configuration.
func (o *Options) Configuration() config.Options {
	return config.Options{
		Path: o.Path, Parameters: o.Parameters, EnvFile: o.EnvFile, Env: o.Env, Stage: o.Stage, Network: o.DockerNetwork,
		Region: o.Region, Account: o.Account, Lenient: o.Lenient, NoAuth: o.NoAuth,
	}
}
