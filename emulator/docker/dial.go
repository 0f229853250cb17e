package docker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/docker/docker/client"
)

// dialError is a connection that was not had. Its own text leaves out what the client would take as a hint to throw the cause away.
type dialError struct{ err error }

func (e *dialError) Error() string { return "no connection" }
func (e *dialError) Unwrap() error { return e.err }

// dialer makes the connections to one engine.
type dialer struct {
	at address
	// logins bounds how many ssh commands log in at once: a server's MaxStartups drops connections above 10 that have not logged in.
	logins chan struct{}
	// through opens a connection.
	through func(context.Context) (net.Conn, error)
}

func newDialer(at address) *dialer {
	d := &dialer{at: at, logins: make(chan struct{}, 8)}
	d.through = d.open
	return d
}

// dial opens a connection; it fails with a *dialError, or with what ended ctx.
func (d *dialer) dial(ctx context.Context) (net.Conn, error) {
	conn, err := d.through(ctx)
	if err == nil {
		return conn, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, &dialError{err}
}

func (d *dialer) open(ctx context.Context) (net.Conn, error) {
	if d.at.ssh != nil {
		return d.overSSH(ctx)
	}
	plain := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if d.at.tls == nil {
		return plain.DialContext(ctx, d.at.network, d.at.where)
	}
	secure := tls.Dialer{NetDialer: &plain, Config: d.at.tls}
	return secure.DialContext(ctx, d.at.network, d.at.where)
}

// transport keeps as many connections as a burst of containers uses, for a short while: two goroutines belong to each, and a descriptor here and there.
func (d *dialer) transport() *http.Transport {
	t := &http.Transport{
		DialContext:  func(ctx context.Context, _, _ string) (net.Conn, error) { return d.dial(ctx) },
		MaxIdleConns: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: 10 * time.Second, DisableCompression: true,
	}
	if d.at.ssh != nil { // each is a process here and one there, and costs a login
		t.MaxIdleConns, t.MaxIdleConnsPerHost, t.IdleConnTimeout = 4, 4, 5*time.Minute
	}
	return t
}

// newClient makes Docker's client over our own connections: TLS and ssh are the dialer's, so that the client sees plain HTTP.
func (d *dialer) newClient() (*client.Client, error) {
	host := "unix://engine"
	if d.at.network == "tcp" {
		host = "tcp://" + d.at.where + d.at.path
	}
	t := d.transport()
	return client.NewClientWithOpts(
		client.WithHTTPClient(&http.Client{Transport: t, CheckRedirect: client.CheckRedirect}),
		client.WithHost(host),
		func(*client.Client) error { // WithHost set these to its own
			t.Proxy, t.DisableCompression = nil, true
			return nil
		},
		client.WithDialContext(t.DialContext),
		client.WithAPIVersionNegotiation(),
	)
}

// isTLS says whether an error is about certificates or the handshake: trying again would not mend it.
func isTLS(err error) bool {
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var op *net.OpError
	return errors.As(err, &cert) || errors.As(err, &record) || errors.As(err, &op) && op.Op == "remote error" // an alert of the other side
}
