package inside

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"syscall"
)

// Main is the program; it returns its exit status.
func Main() int {
	// It waits most of its life, and what it has is taken from the function's memory.
	debug.SetGCPercent(20)
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "emulate-init:", err)
		return 1
	}
	return 0
}

var errUsage = errors.New("usage: emulate-init local SOCKET TOKEN LISTEN [FORWARD] | stream LISTEN [FORWARD]")

func run(args []string) error {
	if os.Getpid() != 1 {
		return errors.New("it is the first process of a container: elsewhere it would kill what is not its own")
	}
	switch {
	case len(args) >= 4 && args[0] == "local":
		l := listen(args[3], arg(args, 4))
		defer l.close()
		return runLocal(args[1], args[2], l)
	case len(args) >= 2 && args[0] == "stream":
		l := listen(args[1], arg(args, 2))
		defer l.close()
		return runStream(l)
	}
	return errUsage
}

func arg(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// listeners are the two addresses on which the init listens in the container's network.
type listeners struct {
	api, forward *net.TCPListener
	hello        Report
}

// listen opens them. A Runtime API that cannot be had is told in Hello; a forwarded address that is taken, as on the host's own network, is left out.
func listen(api, forward string) *listeners {
	l := &listeners{hello: Report{Event: Hello, TmpWritable: syscall.Access("/tmp", 2) == nil}}
	var err error
	if l.api, err = listenTCP(api); err != nil {
		l.hello.Error = err.Error()
		return l
	}
	l.hello.Address = l.api.Addr().String()
	if forward != "" {
		if l.forward, err = listenTCP(forward); err == nil {
			l.hello.Forwarding = true
		}
	}
	return l
}

func listenTCP(address string) (*net.TCPListener, error) {
	at, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return nil, err
	}
	return net.ListenTCP("tcp4", at)
}

func (l *listeners) close() {
	for _, ln := range []*net.TCPListener{l.api, l.forward} {
		if ln != nil {
			ln.Close()
		}
	}
}

// carryOut does what an order says. Output is the runtime's, of Start alone, and closed here.
func (r *runner) carryOut(o Order, output *os.File) {
	switch o.Do {
	case Start:
		r.start(o, output)
	case Kill:
		r.kill()
	case Terminate:
		r.terminate()
	case Stop:
		signalAll(syscall.SIGSTOP)
	case Continue:
		signalAll(syscall.SIGCONT)
	case Sample:
		r.report(Report{Event: Sampled, Memory: peakMemory(), Tmp: FolderSize("/tmp")})
	}
}

// signalAll reaches every process of the container but this one, those too that left the runtime's group.
func signalAll(s syscall.Signal) { syscall.Kill(-1, s) } // none there is no matter
