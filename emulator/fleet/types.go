package fleet

// Time is nanoseconds since the fleet's start. The fleet has no clock of its own: every input carries its time, and time never runs backwards.
type Time int64

// FuncID, EnvID and ReqID are dense integers. The caller gives FuncIDs and ReqIDs (and may use a ReqID again once its request has ended); the fleet
// gives EnvIDs, and uses one again after Gone.
type (
	FuncID int32
	EnvID  int32
	ReqID  int32
)

// Pool tells the code that a request must meet: 0 is $LATEST, n is the numbered version n of the function.
type Pool int32

// Limits of one function.
type Limits struct {
	// Reserved is the function's reserved concurrency, guarantee and cap at once; -1 where it has none. 0 throttles everything.
	Reserved int32
	// StartBurst and StartsPerSecond are the scaling rate: a bucket of new environments, refilled continuously. 0 means AWS's 1,000 and 100
	// (1,000 new environments per 10 s; spec lambda.md §6.1).
	StartBurst, StartsPerSecond int32
	// IdleTimeout is how long an idle environment lives; 0 means what Options.Lifetimes draws for it, else Options.IdleTimeout.
	IdleTimeout Time
}

// Options of New. The zero value has AWS's limits, except that the quota of requests per second and the end of old environments must be asked for.
type Options struct {
	// AccountConcurrency is the account's limit; 0 means 1,000.
	AccountConcurrency int32
	// IdleTimeout of functions that set none; 0 means 10 minutes.
	IdleTimeout Time
	// Grace is how long a request that finds no idle environment waits for one that has responded but not polled yet, before the request starts
	// an environment of its own or is throttled. On AWS the network between caller and Lambda hides this moment; without Grace a caller on the
	// same machine that sends one request after the other would meet it, and get a second environment or a throttle. 0 means none.
	Grace Time
	// RequestRate is how many requests per second each unit of concurrency allows; AWS's is DefaultRequestRate. 0 means no such quota. See doc.go.
	RequestRate int32
	// ProvisionsPerSecond is the rate at which provisioned environments of one function start; 0 means AWS's 100 (up to 6,000 per minute; spec
	// lambda.md §6.1). The first second's worth starts at once.
	ProvisionsPerSecond int32
	// Lifetimes draw how long each environment lives. The zero value draws nothing: IdleTimeout holds, and no age is too old.
	Lifetimes Lifetimes
}

// Kind of a Decision.
type Kind uint8

// What the fleet can decide.
const (
	// Start environment Env of function Func and pool Pool: the caller must answer with Started, then Ready or Failed, or with Gone. A Provisioned
	// one starts for no request (Req is NoReq).
	Start Kind = iota + 1
	// Assign request Req to a free slot of Env. Cold says that the environment was started (or reset) for this request.
	Assign
	// Wait: Req is accepted and will be assigned or failed later. Env is the environment that it is bound to, or NoEnv. A request that waited with
	// NoEnv for a slot (Options.Grace) may still be bound, by a second Wait, or be throttled.
	Wait
	// Throttle: Req is refused with Reason. It has ended.
	Throttle
	// Fail: Req ended without an answer of the function; Cause says why. It was accepted before.
	Fail
	// Reset: run INIT again in the sandbox of Env (kill what is left, keep /tmp); answered by Ready or Failed, like Start.
	Reset
	// Stop environment Env because of Why; the caller must answer with Gone once it is gone.
	Stop
)

// Reason of a Throttle, by the names that AWS sends.
type Reason uint8

// The reasons that can occur (spec lambda.md §6.2).
const (
	ConcurrentInvocationLimitExceeded Reason = iota + 1
	ReservedFunctionConcurrentInvocationLimitExceeded
	// FunctionInvocationRateLimitExceeded: the account's requests per second are used up (spec lambda.md §6.1), or the function's scaling rate is.
	// For the scaling rate it is our choice: the spec names no Reason for it.
	FunctionInvocationRateLimitExceeded
	// ReservedFunctionInvocationRateLimitExceeded: the requests per second of the function's reservation are used up.
	ReservedFunctionInvocationRateLimitExceeded
)

// Cause of a Failed environment, handed back in the Fail of its requests.
type Cause uint8

// The causes.
const (
	// InitError: the runtime exited or posted init/error during INIT.
	InitError Cause = iota + 1
	// InitTimeout: INIT took longer than 10 s.
	InitTimeout
	// Crash: the runtime exited while it was idle or had an invoke.
	Crash
	// Timeout: the function's timeout ran out.
	Timeout
	// StartError: the sandbox could not be made or the process not be started at all.
	StartError
	// Lost: the sandbox is gone, through no fault of the function, such as a container whose engine ended.
	Lost
	// Removed: the function is gone from the project, or the fleet is closing.
	Removed
)

// Why an environment is stopped.
type Why uint8

// The reasons of a Stop.
const (
	// Idle for longer than the idle timeout.
	Idle Why = iota + 1
	// Replaced by a newer generation.
	Replaced
	// Closing: function removed, or shutdown.
	Closing
	// Broken: it could not be started, or its sandbox is lost; for a provisioned one also: what ran in it has failed.
	Broken
	// Recycled: it has reached its age (Options.Lifetimes).
	Recycled
	// Forced: Cold was asked for.
	Forced
	// Unprovisioned: its provisioned concurrency was lowered, deleted, or could not be allocated.
	Unprovisioned
)

// NoEnv is the Env of a Decision that concerns none.
const NoEnv EnvID = -1

// NoReq is the Req of a Decision or of an EnvState that concerns none.
const NoReq ReqID = -1

// AllFuncs is the Func of a Cold that concerns every function.
const AllFuncs FuncID = -1

// Decision is one output of the fleet. Which fields are meaningful depends on Kind; Func and Pool always are. A Start or Reset carries the request
// that it is for.
type Decision struct {
	Kind   Kind
	Cold   bool
	Reason Reason
	Cause  Cause
	Why    Why
	// Provisioned: the environment of a Start or Assign is a provisioned one.
	Provisioned bool
	// Spill, with Start or Assign: the pool has provisioned concurrency, but this request goes to an on-demand environment (AWS's metric
	// ProvisionedConcurrencySpilloverInvocations counts these). A request has it once.
	Spill bool
	Func  FuncID
	Pool  Pool
	Env   EnvID
	Req   ReqID
}
