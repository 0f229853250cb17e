// Package telemetry is the one stream of what happens in the emulator.
//
//	lambda, gateway ──Emit──▶ Stream ──batches──▶ Reader (terminal, --json, tests: lossless)
//	sandbox ──EmitOutput──▶                  └──▶ Tap (subscribers, console: lossy, drops are counted)
//
// Emit costs an append under a short lock and never blocks, so that no response waits for a slow terminal. EmitOutput, for what a handler writes,
// blocks while a lossless reader is far behind: back-pressure reaches the handler through its output pipe, as a full pipe would. One goroutine
// hands batches to the readers, a few milliseconds after the first event of each, so that a busy emulator wakes it seldom.
//
// The types of events and their records are those of Lambda's Telemetry API where it has them (spec lambda.md §3.2). AppendText gives the lines
// that CloudWatch shows.
package telemetry
