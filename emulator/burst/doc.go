// Package burst sends load to functions and reports what it met. A simulation reports the same, so that the two can be laid side by side.
//
//	each request that has ended ──► Recorder.Request ──► histograms, cold and warm ──┐
//	each throttle               ──► Recorder.Throttle ─► counts by Reason ───────────┤
//	each change of environments ──► Recorder.Environments ──► series over time ──────┼──► Recorder.Report ──► Report ──► JSON, Summary (text)
//	                                    a bounded sample of points ──────────────────┘                         │
//	                                                                                     Assertion.Check ◄──────┤ cold_ratio<0.05
//	                                                                                     Table           ◄──────┘ a sweep's reports
//
// recorder.go, histogram.go and series.go collect; their memory does not grow with the number of requests. report.go is what is told, cost.go the
// estimate of its price, assert.go and compare.go what is asked of it.
package burst
