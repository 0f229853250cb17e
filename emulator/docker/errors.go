package docker

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"
)

// Unavailable says that the engine is gone and may come back: a caller may wait and try again.
func Unavailable(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Kind == Stopped || e.Kind == Absent)
}

// fail makes an *Error of whatever the client failed with.
func (e *Engine) fail(err error, doing string) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	return &Error{Kind: kindOf(err), Doing: doing, Err: err}
}

func kindOf(err error) Kind {
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Refused
	case errors.Is(err, os.ErrNotExist):
		return Absent
	case errors.Is(err, os.ErrPermission):
		return NoPermission
	case client.IsErrConnectionFailed(err), errors.As(err, &op), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNREFUSED):
		return Stopped
	case strings.Contains(err.Error(), "no space left on device"):
		return DiskFull
	case strings.Contains(err.Error(), "No such image"):
		return ImageMissing
	case cerrdefs.IsNotFound(err):
		return NotFound
	case cerrdefs.IsConflict(err):
		return Conflict
	}
	return Refused
}

func kindIs(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}
