package docker

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/docker/docker/api/types/container"
)

// Stream is a container's standard input and output. One goroutine may read while another writes.
type Stream struct {
	conn net.Conn
	r    *bufio.Reader
	// Stderr gets what the container writes to standard error, in the order of all output, on the goroutine that reads; nil drops it.
	// Its bytes are valid only during the call. Set it before the first Read.
	Stderr func([]byte)
	kind   byte
	left   int
}

// Attach opens the container's streams. Called before Start, nothing is lost. The caller closes the stream.
func (e *Engine) Attach(ctx context.Context, id string) (*Stream, error) {
	h, err := e.api.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, e.fail(err, "attach to container "+short(id))
	}
	return &Stream{conn: h.Conn, r: h.Reader}, nil
}

// Read gives standard output, without the engine's framing. It ends with io.EOF when the container has ended.
func (s *Stream) Read(p []byte) (int, error) {
	for {
		if err := s.frame(); err != nil {
			return 0, err
		}
		if s.kind == 2 {
			if err := s.stderr(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := s.r.Read(p[:min(len(p), s.left)])
		s.left -= n
		return n, cut(err)
	}
}

// frame reads the next frame's head where the last frame is used up.
func (s *Stream) frame() error {
	for s.left == 0 {
		var head [8]byte
		if _, err := io.ReadFull(s.r, head[:]); err != nil {
			return err
		}
		s.kind, s.left = head[0], int(binary.BigEndian.Uint32(head[4:]))
		if s.kind > 2 {
			return fmt.Errorf("read a container's output: frame of stream %d", s.kind)
		}
	}
	return nil
}

func (s *Stream) stderr() error {
	if s.r.Buffered() == 0 {
		if _, err := s.r.Peek(1); err != nil {
			return cut(err)
		}
	}
	b, _ := s.r.Peek(min(s.left, s.r.Buffered()))
	if s.Stderr != nil {
		s.Stderr(b)
	}
	s.left -= len(b)
	_, err := s.r.Discard(len(b))
	return err
}

// cut is an end in the midst of a frame.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Write sends to standard input; the container needs OpenStdin.
func (s *Stream) Write(p []byte) (int, error) { return s.conn.Write(p) }

// CloseWrite ends standard input; output goes on.
func (s *Stream) CloseWrite() error {
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// Close ends the stream; a Read or Write under way returns. The container goes on.
func (s *Stream) Close() error { return s.conn.Close() }
