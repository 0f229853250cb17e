// Package lambda is the Lambda service, live: it carries out what package fleet decides.
//
// The way of one invocation:
//
//	Invoke ──▶ Service.place: fleet.Invoke, under the Service's lock
//	  Throttle ─▶ *Error 429
//	  Start ────▶ Environment.run: start slot ▶ Runtime API ▶ Executor.Start ▶ first next ▶ LimitCPU ▶ fleet.Ready ─▶ Assign
//	  Assign ───▶ Environment.deliver: thaw ▶ START ▶ one write to the runtime's waiting poll
//	              the runtime posts its answer ▶ Responded ▶ fleet.Responded ▶ the caller goes on
//	              the runtime polls again      ▶ Polled ▶ drain output ▶ END, REPORT ▶ fleet.Freed ─▶ the next Assign
//
// Caller answered and slot freed are two events: concurrency counts until the second. A request that comes between them waits a moment for the
// slot (fleet.Options.Grace) instead of starting an environment.
//
// Who owns what: the Service owns the fleet and every table below its one lock, mu; fields of Environment and request say which lock guards them.
// Lock order: Service.mu → Environment.mu. Neither is held during I/O or a channel wait; Environment.mu is held while a process group is frozen or
// thawed, which is one system call. Decisions of the fleet are collected under the lock and carried out after it (Service.do).
//
// Each environment has one goroutine, Environment.run, from its Start to its Stop; it waits for its process, its orders and the clock of INIT. The
// goroutines of its Runtime API connections call Polled and Responded. The Service has three goroutines of its own: one for the fleet's clock, one
// that freezes idle environments, one for queued events. Close waits for all of them.
//
// Versions and aliases are in version.go, what is reserved and provisioned in concurrency.go, changes by the API in update.go, AWS's cold starts in
// coldstart.go, pings in warmer.go. Each version is a pool of the fleet, and keeps its code; $LATEST, and the version that stands for SAM's
// AutoPublishAlias, follow the user's files. What the API sets is kept over a reload, until the file says something new about the same thing.
//
// Every accepted invocation ends exactly once, by request.end, whatever dies. Where a sandbox is lost (Exit.Lost), what a runtime was given fails as
// AWS says, and what none was given is placed again; handover.go keeps the two apart, so that nothing runs twice.
package lambda
