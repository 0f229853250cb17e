package docker

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
)

// oldest is the API version below which an engine is refused: Docker 20.10's.
const oldest = "1.41"

type address struct {
	url string // as people write it
}

// locate chooses the address of the engine.
func locate(host string) (address, error) {
	if host == "" {
		host = os.Getenv("DOCKER_HOST")
	}
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	return address{url: host}, nil
}

// newClient makes a client whose every connection comes from our own dialer.
func newClient(at address) (*client.Client, error) {
	u, err := client.ParseHostURL(at.url)
	if err != nil {
		return nil, err
	}
	network, where := u.Scheme, u.Host
	transport := &http.Transport{
		MaxIdleConns: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: 15 * time.Second, DisableCompression: true,
	}
	var d net.Dialer
	return client.NewClientWithOpts(
		client.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}),
		client.WithHost(at.url),
		client.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, network, where) }),
		client.WithAPIVersionNegotiation(),
	)
}

// describe fills Info, and refuses an engine that is too old.
func (e *Engine) describe(ctx context.Context) error {
	doing := "connect to the container engine at " + e.at.url
	ping, err := e.api.Ping(ctx)
	if err != nil {
		return e.fail(err, doing)
	}
	e.api.NegotiateAPIVersionPing(ping)
	if versions.LessThan(e.api.ClientVersion(), oldest) {
		return &Error{Kind: TooOld, Doing: doing, Err: fmt.Errorf("it speaks API %s", e.api.ClientVersion()), Mend: "Docker 20.10 or newer is needed (API " + oldest + ")."}
	}
	i, err := e.api.Info(ctx)
	if err != nil {
		return e.fail(err, doing)
	}
	e.info = Info{
		Name: "Docker " + i.ServerVersion, Address: e.at.url, APIVersion: e.api.ClientVersion(),
		OS: i.OSType, Arch: goArch(i.Architecture), KernelVersion: i.KernelVersion, CPUs: i.NCPU, MemoryBytes: i.MemTotal,
		CgroupDriver: i.CgroupDriver, UnixSocket: strings.HasPrefix(e.at.url, "unix://"),
	}
	e.info.CgroupVersion, _ = strconv.Atoi(i.CgroupVersion)
	for _, o := range i.SecurityOptions {
		e.info.Rootless = e.info.Rootless || strings.Contains(o, "rootless")
	}
	return nil
}

// goArch is an architecture in Go's words.
func goArch(uname string) string {
	switch uname {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return uname
}
