// Package emulator is the whole machine, wired by hand: a project's functions behind its APIs, on this computer.
//
//	e, err := emulator.New(emulator.Options{Path: "."})
//	err = e.Start(ctx)      // listens, then builds; requests wait for their function's build
//	… http.Get(e.URL()) …
//	err = e.Close(ctx)      // lets invocations in flight finish, then leaves nothing behind
//
// The way of one request, package by package:
//
//	front (listen.go)      accepts the connection and keeps the request's raw head
//	gateway                finds the route, makes the event
//	lambda                 asks fleet for an environment, hands it the event, waits for the answer
//	  fleet                decides: an idle environment, a new one, a throttle
//	  sandbox              starts the process of a new environment
//	  runtimeapi           speaks with the runtime in it
//	gateway                turns the function's answer into HTTP
//
// Everything that happens on the way is an event of one telemetry.Stream; the terminal, --json and tests are its readers.
//
// A change of a file (watch.go) makes its functions build again, or the configuration load again (reload.go). Requests for a function that is being
// built wait; what runs finishes in the old code. What is wrong with a function is a diagnostic (diagnose.go): told with the configuration where that
// alone shows it, and else by the build that meets it.
//
// Who owns which goroutine: the Emulator owns the HTTP servers, the watcher and one goroutine per build under way; lambda.Service owns those of the
// environments; the Stream owns its dispatcher. Close waits for all of them, in that order. Lock order: Emulator.mu → lambda.Service.mu →
// lambda.Environment.mu; Emulator.mu is not held while anything is built, listened on or closed.
package emulator
