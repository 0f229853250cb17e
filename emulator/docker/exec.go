package docker

import (
	"context"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
)

// Command is run in a container beside its first process.
type Command struct {
	Args []string
	// Env are variables (KEY=VALUE) over the container's own.
	Env []string
	// Dir is an absolute path, "" for the container's own; User is "uid:gid", "" for the container's own.
	Dir, User string
	// Stdout and Stderr get the output in the order of writing, from one goroutine; nil drops it.
	Stdout, Stderr io.Writer
}

// Exec runs a command in a running container to its end, and gives its exit code. When ctx ends, Exec returns and the command goes on: the engine has no call
// that would end it. A container that does not run is Conflict, one that is gone NotFound.
func (e *Engine) Exec(ctx context.Context, id string, c Command) (code int, err error) {
	doing := "run a command in container " + short(id)
	made, err := e.api.ContainerExecCreate(ctx, id, container.ExecOptions{
		User: c.User, WorkingDir: c.Dir, Cmd: c.Args, Env: c.Env, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, e.fail(ctx, err, doing)
	}
	s, err := e.hijack(ctx, "/exec/"+made.ID+"/start", `{}`)
	if err != nil {
		return 0, e.fail(ctx, err, doing)
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if c.Stderr != nil {
		s.Stderr = func(b []byte) { c.Stderr.Write(b) }
	}
	out := c.Stdout
	if out == nil {
		out = io.Discard
	}
	_, err = io.Copy(out, s)
	if ctx.Err() != nil {
		return 0, e.fail(ctx, ctx.Err(), doing)
	}
	if err != nil {
		return 0, e.fail(ctx, err, doing)
	}
	code, err = e.exited(ctx, made.ID)
	return code, e.fail(ctx, err, doing)
}

// exited asks for a command's exit code. The engine learns of the end a little after its output has ended.
func (e *Engine) exited(ctx context.Context, exec string) (int, error) {
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		end, err := e.api.ContainerExecInspect(ctx, exec)
		if err != nil || !end.Running {
			return end.ExitCode, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}
