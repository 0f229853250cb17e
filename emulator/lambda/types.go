package lambda

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"time"

	"example.com/emulate/emulator/config"
)

// Invocation is one request to run a function, as a front (an API, the Invoke operation) makes it.
type Invocation struct {
	// Function is the function's name; Qualifier a version, an alias or "".
	Function, Qualifier string
	// RequestID is a UUID; "" lets the Service make one and write it here.
	RequestID string
	// Payload is the event. It must not be changed before Invoke has returned, nor after it returned because its context ended.
	Payload []byte
	// Trace is the X-Ray header to continue (Root=…;Parent=…;Sampled=…), or "".
	Trace string
	// ClientContext is decoded JSON text; CognitoIdentity too.
	ClientContext, CognitoIdentity string
	TenantID                       string
	// Tail asks for the last 4 KB of the invocation's log in Result.LogTail; the answer then waits for the END and REPORT lines.
	Tail bool
}

// Result is the end of an accepted Invocation.
type Result struct {
	// Payload is the function's answer, or the error's JSON where FunctionError is set.
	Payload []byte
	// FunctionError is "" or "Unhandled".
	FunctionError string
	// ErrorType says what failed, for logs: Sandbox.Timedout, Runtime.ExitError, or what the runtime said.
	ErrorType string
	// ExecutedVersion is "$LATEST" or a number.
	ExecutedVersion string
	// LogTail is set where Invocation.Tail was.
	LogTail []byte
	// Cold says that this invocation had to wait for an INIT.
	Cold bool
	// Environment is the log stream of the environment that served it, "" where none did.
	Environment string
}

// Executor starts execution environments: as processes, or in containers.
type Executor interface {
	// Start makes the sandbox of a new environment and starts the function's runtime in it. It returns once the process exists, from which
	// moment INIT's clock runs. Its error is the platform's, not the function's (a missing bootstrap is an *InvalidEntrypointError). ctx is for the
	// start alone: it ends when nobody needs the environment any more, which may be long before Stop.
	Start(ctx context.Context, spec Spec) (Instance, error)
}

// Spec is everything that an Executor needs to know of one environment.
type Spec struct {
	// Environment is the log stream's name, unique over all environments: 2026/11/24/[$LATEST]<32 hex>.
	Environment string
	Function    *config.Function
	// Version is "$LATEST" or a number.
	Version string
	Code    Code
	// InitializationType is "on-demand" or "provisioned-concurrency".
	InitializationType string
	// RuntimeAPI is the host:port of the environment's own Runtime API on this machine.
	RuntimeAPI string
	// Serve makes the same Runtime API answer on a listener from elsewhere too, such as one inside a container's network, until the environment's
	// end, which closes it. It does not block.
	Serve func(net.Listener)
	// Region and Credentials for the AWS_* variables.
	Region      string
	Credentials Credentials
	// Endpoints are AWS_ENDPOINT_URL_<SERVICE> variables of the services that the emulator itself serves; they never replace the user's own.
	Endpoints map[string]string
	// Output receives what the processes of the environment write, line by line, without line ends, standard output and error as one stream. A
	// line longer than 256 KiB comes in pieces. It may block: that is how back-pressure reaches the handler. The slice is only valid during the call.
	Output func(line []byte)
}

// Code is a function's built code.
type Code struct {
	// Dir is the folder that is /var/task; Handler replaces the function's handler where the build changed it.
	Dir, Handler string
	// NodePath and PythonPath are folders of dependencies that the build installed outside Dir.
	NodePath, PythonPath []string
	// Layers are folders that together are /opt, later ones above earlier ones.
	Layers []string
	// Image is the reference or id of an image that was built for a function of PackageType Image; "" where the function names one that exists.
	Image string
	// Digest changes whenever the code does; Size is that of its deployment package in bytes, where there was one.
	Digest string
	Size   int64
	// Measure tells the size of the code's files where there was no package; it is asked only when somebody wants to know. nil is 0.
	Measure func() int64
	// SHA256 is the base64 of a deployment package's hash, "" where there was none: then one is made of the digest.
	SHA256 string
	// ColdStart is what AWS's cold starts of it take, nil where they are to take what they take here.
	ColdStart *ColdStart
}

// size is the CodeSize. Service.mu is not held.
func (c Code) size() int64 {
	if c.Size > 0 || c.Measure == nil {
		return c.Size
	}
	return c.Measure()
}

// sha256 is the code's CodeSha256.
func (c Code) sha256() string {
	if c.SHA256 != "" {
		return c.SHA256
	}
	sum := sha256.Sum256([]byte(c.Digest))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Credentials that a function's environment gets.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
}

// Instance is one started runtime in its sandbox. Freezer and Sampler are optional abilities.
type Instance interface {
	// Done is closed when the runtime's process has ended; Exit says how, and is valid from then on.
	Done() <-chan struct{}
	Exit() Exit
	// Drain reads the output pipe until it is empty, so that everything written before the call has gone to Spec.Output.
	Drain()
	// Kill ends all processes at once and keeps the sandbox: only Reset and Stop may follow.
	Kill(ctx context.Context) error
	// Reset kills what is left of the processes and starts the runtime again in the same sandbox: /tmp stays. The old Instance is used up. ctx is
	// for the start alone, as in Executor.Start.
	Reset(ctx context.Context) (Instance, error)
	// Stop ends all processes of the environment (SIGTERM, the grace, SIGKILL to the group) and removes its sandbox. It is idempotent, and
	// returns when nothing is left.
	Stop(ctx context.Context, grace time.Duration) error
}

// Freezer is an Instance whose processes can be stopped from running between invokes, and go on where they were. Both are quick, and do nothing
// where nothing has to be done.
type Freezer interface {
	Freeze() error
	Thaw() error
}

// CPULimiter is an Instance whose processes can be held to the CPU time that their memory buys: MemoryMB/1769 vCPU in windows of 20 ms. LimitCPU is
// called when INIT has ended, which Lambda does not throttle (spec lambda.md §7), and the first event waits for it; Reset lifts the limit. No lock is
// held, so it may ask an engine, but it has to end by itself: within seconds, and soon where Kill, Stop or Reset is called meanwhile, after which it
// does nothing and returns nil.
type CPULimiter interface {
	LimitCPU() error
}

// Sampler is an Instance that knows its memory.
type Sampler interface {
	// PeakMemory in bytes, over all processes of the environment so far.
	PeakMemory() int64
}

// CPUWaiter is an Instance that knows how long its runtime was ready to run and had to wait for a CPU, because this machine was busy: waited is the sum
// over its threads, ran how long the one has run that ran longest. ok is false where that cannot be known. No lock is held.
type CPUWaiter interface {
	CPUWait() (ran, waited time.Duration, ok bool)
}

// Exit is how a runtime's process ended.
type Exit struct {
	// Code is the exit status; Signal the signal's text as AWS prints it ("killed", "segmentation fault"), "" where it exited by itself.
	Code   int
	Signal string
	// Lost says that the sandbox itself is gone, such as a container whose engine ended: it can only be stopped, not reset.
	Lost bool
}

// UnavailableError is a Start or Reset that failed because of what runs sandboxes, such as a container engine that is gone, and not because of the
// function: the same may succeed later. Start returns it when it has waited as long as is reasonable: nothing above waits on. A Reset that returns it
// has lost the sandbox.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// InvalidEntrypointError says that there is nothing to start: no bootstrap, or no file of that name.
type InvalidEntrypointError struct {
	// Searched are the paths that were looked at, as the function would see them (/var/task/bootstrap).
	Searched []string
}

func (e *InvalidEntrypointError) Error() string {
	s := "Couldn't find valid bootstrap(s): ["
	for i, p := range e.Searched {
		if i > 0 {
			s += " "
		}
		s += p
	}
	return s + "]"
}

// LaunchError says that a container image's own entry point cannot be started.
type LaunchError struct {
	// Type is Runtime.InvalidEntrypoint or Runtime.InvalidWorkingDir (spec lambda.md §4.2); Message what went wrong, without the request's id.
	Type, Message string
}

func (e *LaunchError) Error() string { return e.Message }

// Description is what the control plane tells of one function, version or alias.
type Description struct {
	Function *config.Function
	// ARN is the function's, with the version or alias that was asked for, unqualified where none was. UnqualifiedARN never has one.
	ARN, UnqualifiedARN string
	// Version is "$LATEST" or the number.
	Version string
	// CodeSHA256 is base64, CodeDir the folder that runs.
	CodeSHA256   string
	CodeDir      string
	LastModified time.Time
	RevisionID   string
	// Reserved is the function's reserved concurrency, nil where there is none.
	Reserved *int
	// State is "Active" or "Pending" (being built for the first time); LastUpdateStatus "Successful", "InProgress" or "Failed".
	State, LastUpdateStatus string
	// StateReason and LastUpdateStatusReason hold the compiler's words where a build failed.
	LastUpdateStatusReason string
	// CodeSize is the size of the deployment package in bytes, or of the files where there was none. nil is 0.
	CodeSize func() int64
}

// Account is what GetAccountSettings tells.
type Account struct {
	ConcurrentExecutions, UnreservedConcurrentExecutions int
	TotalCodeSize                                        int64
	FunctionCount                                        int
}
