// Package burst sends load to functions and reports what it met. A simulation reports the same, so that the two can be laid side by side.
//
//	Shape ──► Load.Run ──► a worker for each connection ──► Sample ───────────────────────┐ when it was due, what came back
//	          (open loop: when a request is sent depends on the Shape alone)              │
//	Source, the emulator ──► its event lines, how many environments there are ──► collector, joins both by the request's id
//	                                                                                      │
//	each request that has ended ──► Recorder.Request ──► histograms, cold and warm ──┐    │
//	each throttle               ──► Recorder.Throttle ─► counts by Reason ───────────┤ ◄──┘
//	each change of environments ──► Recorder.Environments ──► series over time ──────┼──► Recorder.Report ──► Report ──► JSON, Summary (text)
//	                                    a bounded sample of points ──────────────────┘                         │
//	                                                                                     Assertion.Check ◄─────┤ cold_ratio<0.05
//	                                                                                     Table           ◄─────┤ a sweep's reports
//	                                                                                     WritePage       ◄─────┘ one HTML page with charts
//
// A Go test sends a load to the project that it serves like this:
//
//	e := emulatortest.Start(t, ".")
//	report, err := burst.Run(ctx, burst.Options{
//		Load:   burst.Load{Shape: burst.AtOnce(100), Request: burst.Request{URL: e.URL + "/hello"}},
//		Source: burst.NewServe(e.AWSURL),
//	})
//	… report.ColdRatio, report.Latency.P99, report.Throttles …
//
// load.go, shape.go, client.go, ended_*.go and template.go are the load; run.go, collector.go, events.go and source.go join it with what the emulator tells;
// recorder.go, histogram.go and series.go collect, in memory that does not grow with the number of requests. report.go is what is told, cost.go the
// estimate of its price, assert.go and compare.go what is asked of it, page.go the page.
package burst
