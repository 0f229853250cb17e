// Package runtimeapi is the server inside one execution environment: Lambda's Runtime API, version 2018-06-01 (spec lambda.md §1).
//
// The way of one invocation:
//
//	runtime: GET next      conn.serve → head.parse → lookup → conn.next      the connection is put on Server.waiting
//	                       → Owner.Polled(free)
//	owner:   Deliver(e)    the first waiting connection is taken, the state becomes Running, and the event is written
//	                       by the caller's own goroutine with one write
//	runtime: POST response conn.response → Server.beginAnswer (request id, invocation id, state) → body.readAll
//	                       → Owner.Responded(id, r) → 202 with one write
//	runtime: GET next      and so on
//
// A Server has one goroutine that accepts, and one per connection. A connection that waits for an event is blocked in a read like any other, so
// a runtime that dies is noticed at once (Owner.Abandoned). There is no timer on this way: a runtime may be frozen for hours between a request
// and its reply, and the owner keeps the invocation's clock.
//
// HTTP is spoken by a loop of ours. head.go reads the head of a request, body.go its body, reply.go renders answers. Where the spec says nothing
// they do as net/http's server does, which is the server of AWS's own emulator; the fuzz tests hold them against it.
//
// A web page open in the user's browser can reach a loopback port. No runtime sends what a browser sends, so requests that carry Origin or a
// Sec-Fetch-Site other than none are refused, and so are those whose Host is a name rather than an address or localhost.
//
// Locks: Server.mu guards the state machine and the lists of connections. conn.wmu guards the order of writes on one connection. Where both are
// held, Server.mu was taken first. The owner is called with neither.
package runtimeapi
