package docker

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"
)

// Run makes a container, runs it to its end and removes it: also when ctx ends, which kills it. Lines of standard output and standard error come in the order in
// which they were written, without their ends; stdin may be nil. Code is the exit code.
func (e *Engine) Run(ctx context.Context, s Spec, stdin io.Reader, out func(line []byte)) (code int, err error) {
	s.AutoRemove, s.OpenStdin = false, stdin != nil
	id, err := e.Create(ctx, s)
	if err != nil {
		return 0, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err = errors.Join(err, e.Remove(ctx, id))
	}()
	stream, err := e.Attach(ctx, id)
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	if err := e.Start(ctx, id); err != nil {
		return 0, err
	}
	if stdin != nil {
		go func() {
			io.Copy(stream, stdin)
			stream.CloseWrite()
		}()
	}
	r, w := io.Pipe()
	stream.Stderr = func(b []byte) { w.Write(b) }
	go func() {
		_, err := io.Copy(w, stream)
		w.CloseWithError(err)
	}()
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if n := len(line); n > 0 {
			if line[n-1] == '\n' {
				line = line[:n-1]
			}
			out(line)
		}
		if err != nil {
			break
		}
	}
	return e.Wait(ctx, id)
}
