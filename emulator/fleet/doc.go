// Package fleet decides, for one account, which execution environments exist and which request runs in which of them. It is a pure state machine
// in explicit time: no clock, goroutine, lock or I/O. emulator/lambda carries its decisions out; emulator/simulate drives it in virtual time.
//
//	Invoke ──► place ──► an idle provisioned environment ────────────────► Assign
//	             │
//	             ├─────► an idle environment, the last one used ─────────► Assign            (or Reset + Wait, where its process has failed)
//	             │
//	             ├─────► a slot that is about to be freed: Wait(NoEnv) ──► Freed ──► Assign  (or, after Options.Grace, Wake ──► place again)
//	             │
//	             ├─────► limits and scaling rate have room: Start + Wait ──► Started ──► Ready ──► Assign, cold
//	             │
//	             └─────► Throttle
//
//	Assign ──► Responded (the request has ended) ──► Freed ──► the next waiting request, or idle ──► Stop(Idle), by Wake
//	       └─► Failed    (the request has ended)
//
//	Provision ──► Start, for no request ──► Ready ──► all of them are ready ──► they take requests first
//
// fleet.go has New, Configure, Remove, Close and time (Wake, Next); request.go the way of a request; environment.go what environments report;
// function.go limits, rate.go rates; provision.go provisioned concurrency; lifetime.go and reap.go when environments end; cold.go has them end;
// coldstart.go is the table of cold starts, for callers; list.go the structure below.
//
// # Requests
//
// A request is accepted (Assign, or Wait) or ends at once (Throttle, or Fail with Removed). An accepted one ends exactly once: by Responded, Fail,
// Abandon while it waits, or Throttle while it waits with NoEnv. Then its ReqID is free.
//
// A request finds its place in this order:
//
//  0. The idle provisioned environment of its pool that was used last, while the pool's provisioned concurrency and both quotas of requests have room.
//  1. The idle environment of its function and pool that was used last. Where the process in it has failed, it is reset, and the request is bound.
//  2. With Options.Grace: where more environments of the pool have responded, but not polled, than requests wait already, it waits with NoEnv, first
//     come first served. As long as the function is at a limit an environment that drains counts here too: its slot gives room for a new one.
//     If the grace passes, or the slot it waits for is lost, the request goes on with 0, 1 and 3.
//  3. A new environment, which starts for it and which it is bound to.
//
// A bound request is served by its environment whatever else becomes free first, so that the number of cold starts does not depend on how fast this
// machine is. An environment whose bound request is abandoned becomes idle when it is ready.
//
// # Limits
//
// Concurrency is the number of accepted requests that hold a slot: bound, running, or answered with the slot not freed yet; INIT counts (spec
// lambda.md §6.1), environments that drain count, idle ones never do. A request that waits with NoEnv is not counted, since the slot it waits for
// is. The step from slot to waiting request is one step, so a count never exceeds its limit. Steps 1 and 3 both need room.
//
// Reserved concurrency is guarantee and cap. The functions without it share what all reservations together leave of the account. While a lowered
// reservation is exceeded by requests that still run, the excess is taken from the unreserved part; a removed function's last requests belong to
// that part as well. So the account's limit holds at all times, too. What stops a request names the Reason: its function's reservation, else the
// account, else the quota of requests, else the scaling rate.
//
// Provisioned concurrency counts whether it is used or not: against the function's reservation, else against the account. So what is left of a
// reservation that is all provisioned throttles $LATEST (spec lambda.md §6.1). Requests in provisioned environments take nothing further of it.
//
// The quota of requests (Options.RequestRate) is 10 per second for each unit of concurrency on AWS: of the reservation for a function that has one, of
// the account for the others, which share it. Every accepted request draws from that, and beyond it is throttled. What is provisioned has a quota of its
// own besides: requests that provisioned environments take draw from both, and beyond theirs spill over to on-demand. Each quota is a bucket that holds
// one second's worth, and fills as fast: after an idle second, twice as much may pass within one.
//
// The scaling rate is a bucket of starts per function. Step 1 draws nothing from it, a Reset included. Nor do starts that replace environments
// which a new generation has stopped or drained, or whose sandbox was lost, one for one: after a reload, or a restart of a container engine, a
// function is back at its size at once.
//
// # Failure
//
// INIT that fails for a bound request runs again once, in the invoke phase: AWS's suppressed init (spec lambda.md §4.1). When that fails, or the
// function's timeout runs out, or nothing could be started at all, the request Fails. INIT that fails for nobody, and a process that dies or times
// out later, leave an environment that needs a reset: it stays at its place among the idle ones, and its next request finds a Reset, which is then
// already the suppressed init. After StartError and Lost an environment is stopped (Why Broken), since it has no sandbox.
//
// # Provisioned concurrency
//
// Provision starts environments outside any request, at their own rate, and they take requests when the whole allocation is ready. One that dies is
// replaced at once where a request was in it; where none was, after a second, and after longer if it goes on. A first or a raised allocation in which
// an INIT fails has failed as a whole, and leaves what was available before. A provisioned environment that is too old serves until its replacement is
// ready, and one of them is never reset: it is replaced. A new generation allocates all anew. Requests beyond what is available are spill-over: they go
// on with 1.
//
// # Generations
//
// A function has one current generation; an environment belongs to the one it was started in. Configure with a higher one retires the others, in all
// pools of the function: stopped if they have no request, else they drain. Renew does so for one pool, whose code alone has changed. Reload, removal
// and shutdown never take a running request's environment.
//
// # Cost
//
// Every input is O(1) (O(log environments) where one becomes idle for the first time or ends) and allocates nothing once its tables have grown, except
// that Configure with a new generation or idle timeout, Provision, Cold, Remove and Close look at all environments. IDs index slices; idle and waiting
// lists are linked through slices of indices. A pool without environments costs a hundred bytes: a function may have thousands.
//
// # Misuse
//
// Inputs that cannot be true panic: an unknown environment or function, a request that has ended, time that runs backwards, Freed of an environment
// that has not responded. Each method says which. Two races cannot be avoided by a caller and are no misuse: what an environment reports after its
// Stop is ignored until Gone, and Started may come after Ready. Of two processes that have lived in one environment the caller must drop what the
// older one reports late: the fleet cannot tell them apart.
//
// # Where multi-concurrency goes
//
// Only the classic policy is built: one slot per environment. For more, environment.req becomes a list through links in Fleet.reqs, the idle list
// becomes a list of environments with a free slot, and Ready and Freed, which already carry a number, set it; it may be lower than before. Whether a
// request is bound, and whether it queues before it is throttled, are questions that place and settle ask; they are the policy.
package fleet
