package inside

// Order is what the emulator wants done. An order of the local link may carry a descriptor: the pipe that is the runtime's output.
type Order struct {
	Do Verb
	// Run numbers the runtime that is started or killed; Reports tell it again.
	Run int `json:",omitempty"`
	// Of Start: the complete command, variables and folder of the runtime.
	Argv, Env []string `json:",omitempty"`
	Dir       string   `json:",omitempty"`
	// LogFD is the descriptor under which the runtime finds a pipe for framed log records, 0 where its runtime client knows none.
	LogFD int `json:",omitempty"`
}

// Verb of an Order.
type Verb string

// The orders. Start is answered by Started or Failed, and later by Exited. Kill ends every process and thereby the runtime. Terminate asks the
// runtime's group to end. Stop and Continue freeze and thaw. Sample is answered by Sampled. End ends everything, the init last.
const (
	Start     Verb = "start"
	Kill      Verb = "kill"
	Terminate Verb = "terminate"
	Stop      Verb = "stop"
	Continue  Verb = "continue"
	Sample    Verb = "sample"
	End       Verb = "end"
)

// Report is what the init tells.
type Report struct {
	Event Event
	Run   int `json:",omitempty"`
	// Of Hello: the token of the arguments, and the address on which the Runtime API is. The local link's Hello carries the listening sockets: the
	// Runtime API's, and the forwarded one where Forwarding.
	Token, Address string `json:",omitempty"`
	Forwarding     bool   `json:",omitempty"`
	// TmpWritable says that /tmp can be written to.
	TmpWritable bool `json:",omitempty"`
	// Of Failed, and of a Hello that could not listen: what went wrong, in Go's words. Folder says that it was the working folder; NotRunnable that
	// the file is at fault.
	Error               string `json:",omitempty"`
	Folder, NotRunnable bool   `json:",omitempty"`
	// Of Exited; Output is how many bytes of output the stream link brings in all, those of earlier runtimes too.
	Code   int    `json:",omitempty"`
	Signal string `json:",omitempty"`
	Output int64  `json:",omitempty"`
	// Of Sampled: the peak memory of the environment's processes, and the size of /tmp, in bytes.
	Memory, Tmp int64 `json:",omitempty"`
}

// Event of a Report.
type Event string

// The reports.
const (
	Hello   Event = "hello"
	Started Event = "started"
	Failed  Event = "failed"
	Exited  Event = "exited"
	Sampled Event = "sampled"
)

// MaxPacket is more than any Order or Report of the local link takes, in bytes: AWS bounds the variables to 4 KB, arguments and paths to less.
const MaxPacket = 128 << 10

// The kinds of connections that the stream link carries to the emulator.
const (
	// RuntimeAPI is a connection of the runtime to its Runtime API; Forwarded one to the emulator's AWS endpoint.
	RuntimeAPI byte = iota
	Forwarded
)
