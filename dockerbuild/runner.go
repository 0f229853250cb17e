package dockerbuild

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Command is one build tool to run.
type Command struct {
	// Dir is the working directory, absolute.
	Dir string
	// Args are the tool and its arguments; a tool without a slash is looked up on PATH.
	Args []string
	// Env are variables (KEY=VALUE) over those of the emulator's own environment.
	Env []string
	// Quiet asks for standard output alone: the tool's answer to a question.
	Quiet bool
	// Line is called with every line that the tool writes, without its end. It may be nil.
	Line func(string)
	// Reads and Writes are folders, absolute, that the tool reads and that it writes into: a container that does not see this machine's files gets copies,
	// and what is in Writes afterwards is copied back.
	Reads, Writes []string
}

// Runner runs build tools: on the host, or in a container shaped like Lambda's.
type Runner interface {
	// Run runs the command to its end. The output is what it wrote, on standard output and standard error in the order of writing. A missing tool is
	// exec.ErrNotFound. When ctx ends, the tool and its children are killed.
	Run(ctx context.Context, c Command) (output []byte, err error)
}

// Host runs build tools as processes of this machine. They see the user's whole environment, since npm, pip and go keep their settings there.
type Host struct{}

// Run implements Runner.
func (Host) Run(ctx context.Context, c Command) (output []byte, err error) {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir = c.Dir
	cmd.Env = append(ownEnvironment(), c.Env...)
	cmd.WaitDelay = 2 * time.Second
	ownGroup(cmd)
	w := &lineWriter{line: c.Line}
	cmd.Stdout = w
	if !c.Quiet {
		cmd.Stderr = w // the same writer: os/exec then gives the tool one pipe for both, which keeps their order
	}
	err = cmd.Run()
	w.flush()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return w.all, err
}

// lineWriter keeps all that is written to it, and hands it on by lines.
type lineWriter struct {
	all, rest []byte
	line      func(string)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.all = append(w.all, p...)
	if w.line == nil {
		return len(p), nil
	}
	w.rest = append(w.rest, p...)
	for {
		n, line, _ := bufio.ScanLines(w.rest, false)
		if n == 0 {
			return len(p), nil
		}
		w.line(string(line))
		w.rest = w.rest[n:]
	}
}

func (w *lineWriter) flush() {
	if w.line != nil && len(w.rest) > 0 {
		w.line(string(w.rest))
	}
	w.rest = nil
}

// ownEnvironment is the emulator's environment, without what a make around it tells its own makes.
func ownEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return name == "MAKEFLAGS" || name == "MFLAGS" || name == "MAKELEVEL" || name == "MAKEOVERRIDES" || name == "MAKE_TERMOUT" || name == "MAKE_TERMERR"
	})
}
