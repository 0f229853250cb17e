package docker

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// address is where an engine is and how a connection to it is had.
type address struct {
	// url is as people write it; from says who named it: "DOCKER_HOST", "the docker context colima", "" where it is a usual place.
	url, from string
	// network and where are what to dial, "unix" or "tcp"; tls goes over it where it isn't nil. ssh is a command that is a connection, instead.
	network, where string
	tls            *tls.Config
	ssh            []string
	// path goes before every request's, where the engine is behind a proxy.
	path string
}

// seeker looks for the engine, in this process's environment and in its user's home.
type seeker struct {
	env  func(string) string
	home string
	// patience is how long an engine may take to describe itself.
	patience time.Duration
}

func newSeeker() seeker {
	home, _ := os.UserHomeDir()
	return seeker{env: os.Getenv, home: home, patience: answerIn}
}

// configDir is where the docker CLI keeps its configuration.
func (s seeker) configDir() string {
	if dir := s.env("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(s.home, ".docker")
}

// find gives the places where the engine may be, in order: one where somebody named it, else all the usual ones.
func (s seeker) find(host string) ([]address, error) {
	if host != "" {
		return s.named(host, "the options")
	}
	if host = s.env("DOCKER_HOST"); host != "" {
		return s.named(host, "DOCKER_HOST")
	}
	name, from := s.env("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	if name == "" {
		name, from = s.currentContext(), filepath.Join(s.configDir(), "config.json")
	}
	if name != "" && name != "default" {
		return s.context(name, from)
	}
	var all []address
	for _, path := range s.usual() {
		all = append(all, address{url: "unix://" + path, network: "unix", where: path})
	}
	return all, nil
}

// usual are the sockets of engines as they are installed, the most wanted first.
func (s seeker) usual() []string {
	runtime := s.env("XDG_RUNTIME_DIR")
	if runtime == "" {
		runtime = fmt.Sprintf("/run/user/%d", os.Getuid())
	}
	return []string{
		"/var/run/docker.sock",
		filepath.Join(s.home, ".docker/run/docker.sock"),     // Docker Desktop
		filepath.Join(runtime, "docker.sock"),                // rootless Docker
		filepath.Join(s.home, ".colima/default/docker.sock"), // colima
		filepath.Join(s.home, ".orbstack/run/docker.sock"),   // OrbStack
		filepath.Join(s.home, ".rd/docker.sock"),             // Rancher Desktop
		filepath.Join(runtime, "podman/podman.sock"),
		"/run/podman/podman.sock",
	}
}

func (s seeker) named(host, from string) ([]address, error) {
	a, err := parse(host)
	a.from = from
	if err == nil && a.network == "tcp" && (s.env("DOCKER_TLS_VERIFY") != "" || s.env("DOCKER_TLS") != "") {
		dir := s.env("DOCKER_CERT_PATH")
		if dir == "" {
			dir = s.configDir()
		}
		a.tls, err = readTLS(dir, s.env("DOCKER_TLS_VERIFY") == "")
	}
	if err != nil {
		return nil, &Error{Kind: Absent, Doing: "find the container engine that " + from + " names", Err: err,
			Mend: "An address is unix:///path/of/docker.sock, tcp://host:port or ssh://[user@]host[:port]."}
	}
	return []address{a.withPort()}, nil
}

// parse takes an address apart.
func parse(host string) (address, error) {
	a := address{url: host}
	scheme, rest, ok := strings.Cut(host, "://")
	switch {
	case !ok || rest == "":
		return a, fmt.Errorf("%q is not an address", host)
	case scheme == "unix":
		a.network, a.where = "unix", rest
		return a, nil
	case scheme == "tcp", scheme == "http":
		u, err := url.Parse("tcp://" + rest)
		if err != nil {
			return a, err
		}
		if u.Host == "" {
			return a, fmt.Errorf("%q names no host", host)
		}
		a.network, a.where, a.path = "tcp", u.Host, strings.TrimSuffix(u.Path, "/")
		return a, nil
	case scheme == "ssh":
		var err error
		a.ssh, err = sshCommand(host)
		return a, err
	}
	return a, fmt.Errorf("%q: %s is not a way that is known", host, scheme)
}

// withPort adds the port that engines take by custom: 2376 with TLS, else 2375.
func (a address) withPort() address {
	if a.network != "tcp" {
		return a
	}
	if _, _, err := net.SplitHostPort(a.where); err != nil {
		port := "2375"
		if a.tls != nil {
			port = "2376"
		}
		a.where = net.JoinHostPort(strings.Trim(a.where, "[]"), port)
	}
	return a
}

// sshCommand is what the docker CLI runs too: the other side's own docker joins its standard streams with the engine.
func sshCommand(host string) ([]string, error) {
	u, err := url.Parse(host)
	if err != nil {
		return nil, err
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("%q names no host", host)
	}
	if _, has := u.User.Password(); has {
		return nil, errors.New("a password cannot stand in an ssh address")
	}
	args := []string{"ssh", "-o", "ConnectTimeout=30", "-T"}
	if name := u.User.Username(); name != "" {
		args = append(args, "-l", name)
	}
	if u.Port() != "" {
		args = append(args, "-p", u.Port())
	}
	args = append(args, "--", u.Hostname(), "docker")
	if u.Path != "" && u.Path != "/" {
		args = append(args, "--host", "unix://"+u.Path)
	}
	return append(args, "system", "dial-stdio"), nil
}

// currentContext is what `docker context use` chose.
func (s seeker) currentContext() string {
	var c struct{ CurrentContext string }
	if b, err := os.ReadFile(filepath.Join(s.configDir(), "config.json")); err == nil {
		json.Unmarshal(b, &c) // a broken file is the docker CLI's to complain about
	}
	return c.CurrentContext
}

// context reads one of the docker CLI's contexts: contexts/meta/<sha256 of the name>/meta.json, and its certificates beside.
func (s seeker) context(name, from string) ([]address, error) {
	fail := func(err error) ([]address, error) {
		return nil, &Error{Kind: Absent, Doing: fmt.Sprintf("find the container engine of the docker context %s, which %s names", name, from), Err: err,
			Mend: "See `docker context ls`, and choose one with `docker context use`."}
	}
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	b, err := os.ReadFile(filepath.Join(s.configDir(), "contexts/meta", id, "meta.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return fail(errors.New("there is no such context"))
	} else if err != nil {
		return fail(err)
	}
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	if err := json.Unmarshal(b, &meta); err != nil {
		return fail(err)
	}
	end, ok := meta.Endpoints["docker"]
	if !ok || end.Host == "" {
		return fail(errors.New("it has no address of a docker engine"))
	}
	a, err := parse(end.Host)
	if err != nil {
		return fail(err)
	}
	a.from = "the docker context " + name
	certs := filepath.Join(s.configDir(), "contexts/tls", id, "docker")
	if _, err := os.Stat(certs); a.network == "tcp" && (err == nil || end.SkipTLSVerify) {
		if a.tls, err = readTLS(certs, end.SkipTLSVerify); err != nil {
			return fail(err)
		}
	}
	return []address{a.withPort()}, nil
}

// readTLS reads ca.pem, cert.pem and key.pem of a folder. Those that are missing are left out: the system's authorities, no client certificate.
func readTLS(dir string, insecure bool) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure}
	ca := filepath.Join(dir, "ca.pem")
	if pem, err := os.ReadFile(ca); err == nil {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", ca)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err == nil {
		c.Certificates = []tls.Certificate{pair}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the client certificate in %s: %w", dir, err)
	}
	return c, nil
}
