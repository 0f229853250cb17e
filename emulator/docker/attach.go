package docker

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errhttp"
	"github.com/docker/docker/client"
)

// Stream is a container's standard input and output. One goroutine may read while another writes; Close may be called at any time.
type Stream struct {
	conn net.Conn
	r    *bufio.Reader
	// Stderr gets what the container writes to standard error, in the order of all output, on the goroutine that reads; nil drops it.
	// Its bytes are valid only during the call. Set it before the first Read.
	Stderr func([]byte)
	// kind and left are of the frame that is being read.
	kind byte
	left int
}

// Attach opens the container's streams: called before Start, nothing is lost. It costs one connection and no goroutine. Ctx ends only the opening; the caller
// closes the stream.
func (e *Engine) Attach(ctx context.Context, id string) (*Stream, error) {
	s, err := e.hijack(ctx, "/containers/"+id+"/attach?stream=1&stdin=1&stdout=1&stderr=1", "")
	if err != nil {
		return nil, e.fail(ctx, err, "attach to container "+short(id))
	}
	return s, nil
}

// hijack makes a call whose connection becomes a stream. (Docker's client has one too; it cannot be ended while the engine is silent, and drops the engine's words.)
func (e *Engine) hijack(ctx context.Context, path, body string) (*Stream, error) {
	conn, err := e.dial.dial(ctx)
	if err != nil {
		return nil, err
	}
	ended := context.AfterFunc(ctx, func() { conn.Close() })
	s := &Stream{conn: conn, r: bufio.NewReader(conn)}
	err = s.upgrade("http://"+client.DummyHost+e.dial.at.path+"/v"+e.info.APIVersion+path, body)
	if !ended() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

func (s *Stream) upgrade(url, body string) error {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"tcp"}, "Content-Type": {"application/json"}}
	if err := req.Write(s.conn); err != nil {
		return err
	}
	resp, err := http.ReadResponse(s.r, req)
	if err != nil {
		return &net.OpError{Op: "read", Net: "engine", Err: err}
	}
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.StatusCode == http.StatusOK {
		return nil
	}
	defer resp.Body.Close()
	return answer(resp)
}

// answer is the error that the engine answered with.
func answer(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	var m struct{ Message string }
	if json.Unmarshal(body, &m) != nil || m.Message == "" {
		m.Message = fmt.Sprintf("%s %s", resp.Status, body)
	}
	kind := errhttp.ToNative(resp.StatusCode)
	if kind == nil {
		kind = cerrdefs.ErrUnknown
	}
	return &answered{m.Message, kind}
}

// answered is an engine's answer with the class of its status.
type answered struct {
	text  string
	class error
}

func (a *answered) Error() string { return a.text }
func (a *answered) Unwrap() error { return a.class }

// Read gives standard output, without the engine's framing. It ends with io.EOF when the container closes its output, which it does at its end at the latest.
func (s *Stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if err := s.frame(); err != nil {
			return 0, err
		}
		if s.kind == stderr {
			if err := s.passStderr(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := s.r.Read(p[:min(len(p), s.left)])
		s.left -= n
		return n, cut(err)
	}
}

// The streams of the engine's frames: eight bytes, of which the first is the stream and the last four the length, then as many bytes.
const (
	stdout  = 1
	stderr  = 2
	failure = 3 // the engine's own words
)

// frame reads the next frame's head where the last frame is used up.
func (s *Stream) frame() error {
	for s.left == 0 {
		var head [8]byte
		if _, err := io.ReadFull(s.r, head[:]); err != nil {
			return err
		}
		s.kind, s.left = head[0], int(binary.BigEndian.Uint32(head[4:]))
		if s.kind > stderr {
			return s.broken()
		}
	}
	return nil
}

func (s *Stream) broken() error {
	if s.kind != failure {
		return fmt.Errorf("the output holds a frame of stream %d", s.kind)
	}
	text, err := io.ReadAll(io.LimitReader(s.r, int64(min(s.left, 1<<16))))
	if err != nil {
		return err
	}
	return errors.New(string(text))
}

// passStderr passes on what has come of a frame, without a copy.
func (s *Stream) passStderr() error {
	if _, err := s.r.Peek(1); err != nil {
		return cut(err)
	}
	b, _ := s.r.Peek(min(s.left, s.r.Buffered()))
	if s.Stderr != nil {
		s.Stderr(b)
	}
	s.left -= len(b)
	_, err := s.r.Discard(len(b))
	return err
}

// cut is an end in the midst of a frame: the connection broke.
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
	return errors.New("this connection cannot be closed in one direction")
}

// Close ends the stream; a Read or Write under way returns. The container goes on.
func (s *Stream) Close() error { return s.conn.Close() }
