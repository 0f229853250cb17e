package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// home is a seeker with a home of its own and these variables.
func home(t testing.TB, env map[string]string) seeker {
	t.Helper()
	return seeker{env: func(name string) string { return env[name] }, home: t.TempDir(), patience: answerIn}
}

func (s seeker) write(t testing.TB, path, text string) {
	t.Helper()
	path = filepath.Join(s.home, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// context writes a context as the docker CLI keeps it, and gives the folder of its certificates.
func (s seeker) keep(t testing.TB, name, endpoint string) string {
	t.Helper()
	id := sha256.Sum256([]byte(name))
	s.write(t, ".docker/contexts/meta/"+hex.EncodeToString(id[:])+"/meta.json", fmt.Sprintf(`{"Name":%q,"Metadata":{},"Endpoints":{"docker":%s}}`, name, endpoint))
	return ".docker/contexts/tls/" + hex.EncodeToString(id[:]) + "/docker"
}

func TestOrderOfPlaces(t *testing.T) {
	for _, c := range []struct {
		name, host string
		env        map[string]string
		current    string
		want, from string
	}{
		{"options first", "tcp://a:1", map[string]string{"DOCKER_HOST": "tcp://b:1", "DOCKER_CONTEXT": "one"}, "two", "tcp://a:1", "the options"},
		{"then DOCKER_HOST", "", map[string]string{"DOCKER_HOST": "tcp://b:1", "DOCKER_CONTEXT": "one"}, "two", "tcp://b:1", "DOCKER_HOST"},
		{"then DOCKER_CONTEXT", "", map[string]string{"DOCKER_CONTEXT": "one"}, "two", "unix:///one.sock", "the docker context one"},
		{"then the current context", "", nil, "two", "unix:///two.sock", "the docker context two"},
		{"a default context is none", "", map[string]string{"DOCKER_CONTEXT": "default"}, "two", "unix:///var/run/docker.sock", ""},
		{"the usual ones else", "", nil, "", "unix:///var/run/docker.sock", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := home(t, c.env)
			s.keep(t, "one", `{"Host":"unix:///one.sock"}`)
			s.keep(t, "two", `{"Host":"unix:///two.sock"}`)
			s.write(t, ".docker/config.json", fmt.Sprintf(`{"currentContext":%q}`, c.current))
			got, err := s.find(c.host)
			if err != nil || got[0].url != c.want || got[0].from != c.from {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestUsualPlaces(t *testing.T) {
	s := home(t, map[string]string{"XDG_RUNTIME_DIR": "/run/user/7"})
	want := []string{"/var/run/docker.sock", s.home + "/.docker/run/docker.sock", "/run/user/7/docker.sock", s.home + "/.colima/default/docker.sock",
		s.home + "/.orbstack/run/docker.sock", s.home + "/.rd/docker.sock", "/run/user/7/podman/podman.sock", "/run/podman/podman.sock"}
	got, err := s.find("")
	var paths []string
	for _, a := range got {
		paths = append(paths, a.where)
	}
	if diff := cmp.Diff(want, paths); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		host  string
		env   map[string]string
		where string
		ssh   string
	}{
		{"unix:///x/y.sock", nil, "/x/y.sock", ""},
		{"tcp://10.0.0.1", nil, "10.0.0.1:2375", ""},
		{"tcp://10.0.0.1:99/base/", nil, "10.0.0.1:99", ""},
		{"tcp://[::1]", nil, "[::1]:2375", ""},
		{"tcp://10.0.0.1", map[string]string{"DOCKER_TLS_VERIFY": "1"}, "10.0.0.1:2376", ""},
		{"tcp://10.0.0.1", map[string]string{"DOCKER_TLS": "1"}, "10.0.0.1:2376", ""},
		{"ssh://build@box:2222", nil, "", "ssh -o ConnectTimeout=30 -T -l build -p 2222 -- box docker system dial-stdio"},
		{"ssh://box", nil, "", "ssh -o ConnectTimeout=30 -T -- box docker system dial-stdio"},
		{"ssh://box/run/user/7/docker.sock", nil, "", "ssh -o ConnectTimeout=30 -T -- box docker --host unix:///run/user/7/docker.sock system dial-stdio"},
	} {
		got, err := home(t, c.env).find(c.host)
		if err != nil || got[0].where != c.where || strings.Join(got[0].ssh, " ") != c.ssh {
			t.Errorf("%s: %+v, %v", c.host, got, err)
		}
		if tls := c.env != nil; err == nil && (got[0].tls != nil) != tls {
			t.Errorf("%s: TLS %v", c.host, got[0].tls)
		}
	}
	for _, bad := range []string{"box", "unix://", "npipe:////./pipe/docker_engine", "ssh://", "ssh://u:secret@box", "tcp:///path", "tcp://a b"} {
		_, err := home(t, nil).find(bad)
		wantKind(t, err, Absent, "ssh://[user@]host[:port]")
	}
}

func TestContextsThatCannotBe(t *testing.T) {
	s := home(t, map[string]string{"DOCKER_CONTEXT": "gone"})
	_, err := s.find("")
	wantKind(t, err, Absent, "gone", "DOCKER_CONTEXT", "docker context ls")
	s.keep(t, "gone", `{"Host":"carrier://pigeon"}`)
	_, err = s.find("")
	wantKind(t, err, Absent, "pigeon")
	s.keep(t, "gone", `{}`)
	_, err = s.find("")
	wantKind(t, err, Absent, "no address")
	certs := s.keep(t, "gone", `{"Host":"tcp://box:2376"}`)
	s.write(t, certs+"/ca.pem", "not a certificate")
	_, err = s.find("")
	wantKind(t, err, Absent, "ca.pem")
}

func TestContextsCertificates(t *testing.T) {
	s := home(t, map[string]string{"DOCKER_CONTEXT": "far", "DOCKER_TLS_VERIFY": "1"})
	s.keep(t, "far", `{"Host":"tcp://box"}`)
	if got, err := s.find(""); err != nil || got[0].tls != nil || got[0].where != "box:2375" {
		t.Errorf("a context without certificates: %+v, %v", got, err)
	}
	certs := s.keep(t, "far", `{"Host":"tcp://box"}`)
	ca := newAuthority(t)
	s.write(t, certs+"/ca.pem", ca.pem)
	if got, err := s.find(""); err != nil || got[0].tls == nil || got[0].tls.InsecureSkipVerify || got[0].tls.RootCAs == nil || got[0].where != "box:2376" {
		t.Errorf("a context with an authority: %+v, %v", got, err)
	}
	s.keep(t, "far", `{"Host":"tcp://box","SkipTLSVerify":true}`)
	if got, err := s.find(""); err != nil || !got[0].tls.InsecureSkipVerify {
		t.Errorf("a context that skips the verification: %+v, %v", got, err)
	}
}

// No address makes ssh take what is meant as a host for an option.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"ssh://-oProxyCommand=x", "ssh://a@b:1/c", "tcp://[::1]:2", "unix://x", "ssh://-la@-b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		s := seeker{env: func(string) string { return "" }, home: "/nowhere"}
		got, err := s.find(host)
		if err != nil || host == "" {
			return
		}
		a := got[0]
		if a.ssh == nil {
			if a.network == "" || a.where == "" {
				t.Errorf("%q is nowhere: %+v", host, a)
			}
			return
		}
		end := slices.Index(a.ssh, "--")
		if end < 0 || end+2 > len(a.ssh) || a.ssh[end+2] != "docker" {
			t.Errorf("%q: %q", host, a.ssh)
		}
	})
}
