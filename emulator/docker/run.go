package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Run makes a container, runs it to its end and removes it. When ctx ends, at whatever moment, the container is killed and removed before Run returns. Lines of
// standard output and standard error come in the order in which they end, without their ends; they are valid only during the call. Stdin may be nil; a Read of it
// that is under way when the container ends is not waited for. Code is the exit code.
func (e *Engine) Run(ctx context.Context, s Spec, stdin io.Reader, out func(line []byte)) (code int, err error) {
	s.AutoRemove, s.OpenStdin = false, stdin != nil
	id, err := e.Create(ctx, s)
	if err != nil {
		return 0, err
	}
	defer func() {
		whole, cancel := e.outlast(ctx)
		defer cancel()
		if removed := e.Remove(whole, id); err == nil {
			err = removed
		}
	}()
	last, err := e.runIn(ctx, id, stdin, out)
	if err != nil {
		return 0, err
	}
	if code, err = e.Wait(ctx, id); err != nil {
		return 0, err
	}
	if p := parsePlatform(s.Platform); code != 0 && p != nil && p.Architecture != e.info.Arch && kindOfWords(last) == WrongPlatform {
		err = &Error{Kind: WrongPlatform, Doing: "run a container of image " + s.Image, Err: fmt.Errorf("it is for %s: %s", p.Architecture, last), Mend: e.mendPlatform()}
	}
	return code, err
}

// runIn starts the container and passes its streams until they end. It gives the last line.
func (e *Engine) runIn(ctx context.Context, id string, stdin io.Reader, out func([]byte)) (last string, err error) {
	stream, err := e.Attach(ctx, id)
	if err != nil {
		return "", err
	}
	closeOnce := sync.OnceFunc(func() { stream.Close() })
	defer closeOnce()
	defer context.AfterFunc(ctx, closeOnce)()
	if err := e.Start(ctx, id); err != nil {
		return "", err
	}
	if stdin != nil {
		go func() {
			io.Copy(stream, stdin)
			stream.CloseWrite()
		}()
	}
	pass := func(line []byte) {
		last = string(line[:min(len(line), 512)])
		out(line)
	}
	normal, errs := &lines{pass: pass}, &lines{pass: pass}
	stream.Stderr = func(b []byte) { errs.Write(b) }
	if _, err := io.Copy(normal, struct{ io.Reader }{stream}); err != nil {
		return "", e.fail(ctx, err, "read the output of container "+short(id))
	}
	normal.flush()
	errs.flush()
	return strings.TrimSpace(last), nil
}

// longest is the length from which on a line is passed in pieces.
const longest = 1 << 20

// lines cuts a stream into lines.
type lines struct {
	pass func([]byte)
	part []byte
}

func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		line := p[:i]
		if len(l.part) > 0 {
			line = append(l.part, line...)
			l.part = line[:0]
		}
		l.pass(bytes.TrimSuffix(line, []byte("\r")))
		p = p[i+1:]
	}
	for l.part = append(l.part, p...); len(l.part) >= longest; l.part = append(l.part[:0], l.part[longest:]...) {
		l.pass(l.part[:longest])
	}
	return n, nil
}

// flush passes the last line, which may have no end.
func (l *lines) flush() {
	if len(l.part) > 0 {
		l.pass(l.part)
		l.part = nil
	}
}
