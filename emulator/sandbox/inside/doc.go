// Package inside is the init of an execution environment in a container: the first process, which is there before the runtime and after it. The
// program cmd/emulate-init is nothing but Main.
//
// It is told in its arguments how to reach the emulator and where to listen:
//
//	emulate-init local SOCKET TOKEN LISTEN [FORWARD]   a unix socket of packets, mounted into the container
//	emulate-init stream LISTEN [FORWARD]               standard input and output
//
// and then
//
//	main.go     listens where the Runtime API is to be, says Hello, and carries out one Order after the other
//	runtime.go  starts the runtime with exactly the arguments, variables and folder of the order, reaps, stops, kills
//	local.go    hands over the listening sockets, and gets the pipe that is the runtime's output: nothing is relayed
//	stream.go   relays connections and output as channels of one Mux (mux.go), with a window each
//
// The end of the link is the end of the emulator, as an order to end is that of the environment: the init kills all that is left in the container,
// empties /tmp and exits.
//
// The wire (wire.go) and the Mux are used by the emulator's side too. Nothing but the standard library is imported, so that the program can be
// built from these sources alone, and little of it: the program's private memory counts against the function's.
package inside
