package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"
)

// Unavailable says that the engine was there, is gone and may come back: a caller may wait and try again.
func Unavailable(err error) bool { return kindIs(err, Stopped) }

// KindOf is the kind of an error of this package, "" of any other.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func kindIs(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// errGone is of a container that was removed without having run.
var errGone = errors.New("it was removed before it ran")

// errClosed is of a call after Close.
var errClosed = errors.New("the connection to the engine was closed")

// errSilent ends the wait for an engine that takes the connection and does not answer.
var errSilent = errors.New("it takes connections and does not answer")

// fail makes an *Error of whatever the client failed with, nil of nil. Nothing of the client's types stays in it: an answer of the engine becomes its text, a
// lost connection what the system said of it.
func (e *Engine) fail(ctx context.Context, err error, doing string) error {
	if err == nil {
		return nil
	}
	if KindOf(err) != "" {
		return err
	}
	f := &Error{Doing: doing, Err: err}
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errSilent):
		f.Kind, f.Err = Stopped, errSilent
	case cause != nil:
		f.Kind, f.Err = Canceled, canceled{cause, ctx.Err()}
	default:
		f.Kind, f.Err = e.classify(err)
	}
	f.Mend = e.mend(f)
	return f
}

// canceled is the end of a caller's context: its cause, and context.Canceled or context.DeadlineExceeded.
type canceled struct{ cause, err error }

func (c canceled) Error() string   { return c.cause.Error() }
func (c canceled) Unwrap() []error { return []error{c.cause, c.err} }

// classify tells lost connections from answers.
func (e *Engine) classify(err error) (Kind, error) {
	var dial *dialError
	if errors.As(err, &dial) {
		return e.noConnection(dial.err), dial.err
	}
	var u *url.Error
	var op *net.OpError
	switch {
	case isTLS(err):
		return NoPermission, innermost(err)
	case client.IsErrConnectionFailed(err), errors.As(err, &u), errors.As(err, &op), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.EPIPE), errors.Is(err, fs.ErrClosed):
		return Stopped, fmt.Errorf("the connection broke: %w", innermost(err))
	}
	text := words(err.Error())
	return answerKind(err, text), errors.New(text)
}

// noConnection is the kind of a connection that was not had. Once an engine was there, one that is not is merely stopped.
func (e *Engine) noConnection(err error) Kind {
	var dns *net.DNSError
	switch {
	case errors.Is(err, os.ErrPermission), isTLS(err):
		return NoPermission
	case e.info.Name == "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) || errors.As(err, &dns) && dns.IsNotFound):
		return Absent
	}
	return Stopped
}

// innermost leaves out what the HTTP client wrapped around the system's own error.
func innermost(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	for _, e := range []error{io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, e) {
			return e
		}
	}
	return err
}

// words is an engine's answer without what Docker's client puts before it.
func words(text string) string {
	text = strings.TrimSpace(text)
	for _, before := range []string{"Error response from daemon: ", "error during connect: "} {
		text = strings.TrimPrefix(text, before)
	}
	return text
}

// answers are words by which an engine's answer is known, whatever its status: engines give 500 for most of them. Lower case.
var answers = []struct {
	words string
	kind  Kind
}{
	{"no space left on device", DiskFull},
	{"disk quota exceeded", DiskFull},
	{"does not match the specified platform", WrongPlatform}, // create and build, of an image for another processor
	{"no matching manifest for", WrongPlatform},              // pull
	{"no image found in image index for", WrongPlatform},     // pull, podman
	{"no match for platform in", WrongPlatform},              // pull, containerd's store
	{"exec format error", WrongPlatform},
	{"no such image", ImageMissing},
	{"image not known", ImageMissing},                 // podman
	{"containerd.sock", Stopped},                      // the engine lives, what runs its containers does not
	{"transport is closing", Stopped},                 //
	{"the client connection is closing", Stopped},     //
	{"http request to an https server", NoPermission}, // it wants TLS
	{"ttrpc: closed", Stopped},                        //
}

// answerKind is the kind of what an engine answered.
func answerKind(err error, text string) Kind {
	if k := kindOfWords(text); k != "" {
		return k
	}
	switch {
	case cerrdefs.IsUnavailable(err):
		return Stopped
	case cerrdefs.IsNotFound(err):
		return NotFound
	case cerrdefs.IsConflict(err):
		return Conflict
	}
	return Refused
}

func kindOfWords(text string) Kind {
	lower := strings.ToLower(text)
	for _, a := range answers {
		if strings.Contains(lower, a.words) {
			return a.kind
		}
	}
	return ""
}
