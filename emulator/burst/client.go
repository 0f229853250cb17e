package burst

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is what a load sends.
type Request struct {
	// Method is GET where it is "" and there is no body, else POST. URL is absolute, http or https.
	Method string
	URL    string
	Header http.Header
	// Body is sent with its length.
	Body []byte
}

// method is the one that is sent.
func (r Request) method() string {
	switch {
	case r.Method != "":
		return r.Method
	case r.Body != nil:
		return http.MethodPost
	}
	return http.MethodGet
}

// target is a Request, prepared.
type target struct {
	tls  *tls.Config // nil for http
	addr string      // host:port
	make func(buf []byte, n int) ([]byte, error)
}

// prepare checks a request and its templates.
func prepare(r Request) (*target, error) {
	u, err := url.Parse(escapeTemplates(r.URL))
	if err != nil {
		return nil, fmt.Errorf("read the target: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("target %q is no http or https URL", r.URL)
	}
	t := &target{addr: u.Host}
	if u.Port() == "" {
		t.addr = net.JoinHostPort(u.Hostname(), u.Scheme)
	}
	if u.Scheme == "https" {
		t.tls = &tls.Config{ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}}
	}
	r.Method = r.method()
	t.make, err = render(r, u)
	return t, err
}

// appendHead writes everything of a request but its body.
func appendHead(b []byte, r Request, host, path string, length int) []byte {
	b = append(append(append(b, r.Method...), ' '), path...)
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), host...), "\r\n"...)
	if r.Body != nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(length), 10), "\r\n"...)
	}
	for _, name := range slices.Sorted(mapKeys(r.Header)) {
		for _, v := range r.Header[name] {
			b = append(append(append(append(b, name...), ": "...), v...), "\r\n"...)
		}
	}
	return append(b, "\r\n"...)
}

func mapKeys(h http.Header) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range h {
			if !strings.EqualFold(k, "Host") && !strings.EqualFold(k, "Content-Length") && !yield(k) {
				return
			}
		}
	}
}

// dial opens a connection.
func (t *target) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1}
	d.SetMultipathTCP(false)
	nc, err := d.DialContext(ctx, "tcp", t.addr)
	if err != nil || t.tls == nil {
		return nc, err
	}
	c := tls.Client(nc, t.tls)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return c, nil
}

// answer is what came back of one request. body and requestID are only valid until the next exchange on the same connection.
type answer struct {
	status int
	// requestID is AWS's: the API's, or the invocation's at the Invoke operation.
	requestID []byte
	// functionError says that the answer is an error of the function, at the Invoke operation.
	functionError bool
	// body is the beginning of the body, kept where the status is not 2xx.
	body []byte
	// close says that the server ends the connection.
	close bool
}

// keptBody is enough for AWS's error documents.
const keptBody = 1024

// wire is one connection with its buffers.
type wire struct {
	nc   net.Conn
	r    *bufio.Reader
	out  []byte
	id   []byte
	kept []byte
	long []byte    // a line that r has no room for
	used bool      // an exchange has been done on it
	last time.Time // when it was opened or used

	peeked [1]byte
}

var (
	errMalformed = errors.New("malformed HTTP response")
	errLongLine  = fmt.Errorf("a line of the response is longer than %d bytes", longestLine)
	// errStale is a connection that ended before anything of the request was sent on it. Only such a request is sent once more: one that was sent may
	// have been carried out, though no answer came.
	errStale = errors.New("the server closed the connection")
)

// longestLine of a response's head, in bytes: far above what AWS passes on, and a bound for a server that never ends its line.
const longestLine = 64 << 10

// restful is how long a connection must have been idle for a look at whether the server has closed it: below any server's patience, and long enough that
// a busy connection does not pay for looks.
const restful = time.Second

// ended says that the server has closed the connection since it was used last, or says something that nobody asked for, such as that it is about to.
func (w *wire) ended(now time.Time) bool {
	if w.r.Buffered() > 0 {
		return true
	}
	if now.Sub(w.last) < restful {
		return false
	}
	ended, bytes := peek(w.nc, w.peeked[:])
	return ended || w.used && bytes // before that TLS has things of its own to say
}

// exchange sends the request that is in w.out, and reads the answer to its end.
func (w *wire) exchange(method string) (answer, error) {
	if n, err := w.nc.Write(w.out); err != nil {
		var timeout net.Error
		if n == 0 && w.used && !(errors.As(err, &timeout) && timeout.Timeout()) {
			return answer{}, errStale
		}
		return answer{}, err
	}
	if _, err := w.r.Peek(1); errors.Is(err, io.EOF) {
		return answer{}, errors.New("the server closed the connection without an answer")
	} else if err != nil {
		return answer{}, err
	}
	w.used = true
	for {
		a, err := w.read(method)
		if err != nil || a.status >= 200 || a.status == http.StatusSwitchingProtocols {
			return a, err
		}
	}
}

// read takes one response.
func (w *wire) read(method string) (a answer, err error) {
	line, err := w.line()
	if err != nil {
		return a, err
	}
	// HTTP/1.1 200 OK
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
		return a, errMalformed
	}
	a.status, err = strconv.Atoi(string(line[9:12]))
	if err != nil {
		return a, errMalformed
	}
	a.close = line[7] == '0'
	length, chunked := int64(-1), false
	w.id = w.id[:0]
	for {
		if line, err = w.line(); err != nil {
			return a, err
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return a, errMalformed
		}
		value = bytes.TrimSpace(value)
		switch {
		case equalFold(name, "content-length"):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil || length < 0 {
				return a, errMalformed
			}
		case equalFold(name, "transfer-encoding"):
			chunked = equalFold(value, "chunked")
		case equalFold(name, "connection"):
			a.close = a.close || equalFold(value, "close")
		case equalFold(name, "apigw-requestid"), equalFold(name, "x-amzn-requestid"):
			w.id = append(w.id[:0], value...)
		case equalFold(name, "x-amz-function-error"):
			a.functionError = true
		}
	}
	a.requestID = w.id
	w.kept = w.kept[:0]
	switch {
	case method == http.MethodHead, a.status < 200, a.status == http.StatusNoContent, a.status == http.StatusNotModified:
	case chunked:
		err = w.chunks(&a)
	case length >= 0:
		err = w.body(&a, length)
	default:
		a.close = true
		if err = w.body(&a, 1<<62); errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
	}
	a.body = w.kept
	return a, err
}

// line reads up to a line end, which it leaves out.
func (w *wire) line() ([]byte, error) {
	line, err := w.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = w.longLine(line)
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// longLine reads the rest of a line that the reader's buffer is too small for.
func (w *wire) longLine(begin []byte) ([]byte, error) {
	w.long = append(w.long[:0], begin...)
	for {
		more, err := w.r.ReadSlice('\n')
		if w.long = append(w.long, more...); len(w.long) > longestLine {
			return nil, errLongLine
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return w.long, err
		}
	}
}

// body reads n bytes, and keeps the first of an answer that is no success.
func (w *wire) body(a *answer, n int64) error {
	for n > 0 {
		b, err := w.r.Peek(int(min(n, int64(max(1, w.r.Buffered())))))
		if len(b) == 0 {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if a.status/100 != 2 && len(w.kept) < keptBody {
			w.kept = append(w.kept, b[:min(len(b), keptBody-len(w.kept))]...)
		}
		_, _ = w.r.Discard(len(b))
		n -= int64(len(b))
	}
	return nil
}

func (w *wire) chunks(a *answer) error {
	for {
		line, err := w.line()
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseInt(string(bytes.TrimSpace(size)), 16, 64)
		if err != nil || n < 0 {
			return errMalformed
		}
		if n == 0 {
			break
		}
		if err := w.body(a, n); err != nil {
			return err
		}
		if line, err := w.line(); err != nil || len(line) != 0 {
			return errMalformed
		}
	}
	for { // trailers
		if line, err := w.line(); err != nil || len(line) == 0 {
			return err
		}
	}
}

// equalFold compares with a lower-case name.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// open makes the connection of a worker.
func (t *target) open(ctx context.Context, w *wire, deadline time.Time) error {
	nc, err := t.dial(ctx)
	if err != nil {
		return err
	}
	w.nc, w.used, w.last = nc, false, time.Now()
	if w.r == nil {
		w.r = bufio.NewReaderSize(nc, 4096)
	} else {
		w.r.Reset(nc)
	}
	return nc.SetDeadline(deadline)
}
