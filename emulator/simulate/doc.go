// Package simulate runs a fleet of environments in virtual time: the very machine that decides in a running emulator, with distributions in place of
// processes. It answers what no laptop can run, in the report that a live burst gives.
//
//	Read(FILE) ──► Scenario ──► Scenario.Run
//	                               │
//	   traffic (shapes, CSV) ──► next arrival ─┐                    ┌──► Start: ready after sandbox, download, INIT
//	   warmers               ──► next ping ────┼──► fleet.Invoke ───┼──► Assign: done after its duration
//	   queue                 ──► next event ───┘    fleet.Ready     └──► Throttle
//	   fleet.Next            ──► fleet.Wake         fleet.Freed               │
//	                                                                          ▼
//	                                                            burst.Recorder ──► burst.Report
//
// file.go is the format, check.go tells what in a file is not of it, scenario.go is what it says, traffic.go and trace.go make arrivals, dist.go draws
// times, queue.go orders events, simulate.go is the loop, report.go its end, warmer.go the pings, apply.go the settings of a sweep.
//
// Requests are streamed: memory grows with the environments and the requests in flight, not with the requests. Everything drawn comes from one seed,
// and each function and each of its environments have streams of their own, so that what one function draws depends on no other.
package simulate
