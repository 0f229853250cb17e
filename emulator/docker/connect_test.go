package docker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestInfo(t *testing.T) {
	e, _ := theEngine(t)
	i := e.Info()
	if !strings.HasPrefix(i.Name, "Docker ") || i.OS != "linux" || i.Arch != runtime.GOARCH || i.CPUs < 1 || i.MemoryBytes < 1<<28 || i.CgroupVersion < 1 ||
		i.CgroupDriver == "" || i.KernelVersion == "" || i.APIVersion < "1.41" || i.Address == "" {
		t.Errorf("%+v", i)
	}
	if err := e.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestInfoOfAnother(t *testing.T) {
	mux := newMux("1.43")
	e := connectTo(t, fakeEngine(t, mux))
	want := Info{Name: "Docker 20.10.24", Address: e.dial.at.url, APIVersion: "1.43", OS: "linux", Arch: "arm64", KernelVersion: "6.1.0", CPUs: 3, MemoryBytes: 4096,
		CgroupVersion: 2, CgroupDriver: "systemd", Rootless: true, UnixSocket: true}
	if e.Info() != want {
		t.Errorf("%+v", e.Info())
	}
}

// Podman's answers, cut to what is read: it calls itself an engine of API 1.41.
func TestPodman(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Libpod-Api-Version", "5.2.0")
		io.WriteString(w, "OK")
	})
	mux.HandleFunc("/v1.41/info", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"NCPU":8,"CgroupVersion":"2","CgroupDriver":"systemd","OSType":"linux","Architecture":"amd64","SecurityOptions":["name=seccomp,profile=default","name=rootless"],"OperatingSystem":"fedora"}`)
	})
	mux.HandleFunc("/v1.41/version", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"Components":[{"Name":"Podman Engine","Version":"5.2.0"},{"Name":"Conmon","Version":"conmon version 2.1.12"}],"Version":"5.2.0","ApiVersion":"1.41"}`)
	})
	if i := connectTo(t, fakeEngine(t, mux)).Info(); i.Name != "podman 5.2.0" || !i.Rootless || i.Arch != "amd64" {
		t.Errorf("%+v", i)
	}
}

// roundTrip runs one container through an engine: calls, streams, and the end of one direction.
func roundTrip(t *testing.T, e *Engine) {
	t.Helper()
	_, image := theEngine(t)
	var out strings.Builder
	code, err := e.Run(t.Context(), Spec{Image: image, Cmd: []string{"cat"}, Network: "none", Labels: ours}, strings.NewReader("through\n"), func(b []byte) { out.Write(b) })
	if err != nil || code != 0 || out.String() != "through" {
		t.Errorf("code %d, %v, %q", code, err, out.String())
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestOverTCP(t *testing.T) {
	p := newProxy(t, listen(t), nil)
	t.Setenv("DOCKER_HOST", "tcp://"+p.l.Addr().String())
	e := connectTo(t, "")
	if i := e.Info(); i.UnixSocket || i.Address != "tcp://"+p.l.Addr().String() {
		t.Errorf("%+v", i)
	}
	roundTrip(t, e)
}

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	return &authority{cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// sign makes a certificate for 127.0.0.1, as PEM: certificate and key.
func (a *authority) sign(t testing.TB) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, k.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	kb, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kb}))
}

func TestOverTLS(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.sign(t)
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	p := newProxy(t, tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}), nil)
	dir := t.TempDir()
	save := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("DOCKER_HOST", "tcp://"+p.l.Addr().String())
	t.Setenv("DOCKER_CERT_PATH", dir)
	t.Setenv("DOCKER_TLS_VERIFY", "1")

	_, err = Connect(t.Context(), Options{}) // no authority: the system's does not know the certificate
	wantKind(t, err, NoPermission, "DOCKER_CERT_PATH", "certificate")
	save("ca.pem", newAuthority(t).pem)
	_, err = Connect(t.Context(), Options{})
	wantKind(t, err, NoPermission, "unknown authority")
	save("ca.pem", ca.pem)
	_, err = Connect(t.Context(), Options{}) // no client certificate
	wantKind(t, err, NoPermission, "certificate required")
	save("cert.pem", cert)
	save("key.pem", key)
	roundTrip(t, connectTo(t, ""))

	_, err = Connect(t.Context(), Options{Host: "tcp://" + newProxy(t, listen(t), nil).l.Addr().String()})
	wantKind(t, err, NoPermission, "speaks TLS")
}

// Engines serve TLS by net/http, which knows plain HTTP when it comes.
func TestPlainWhereTLSIsWanted(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	_, err := Connect(t.Context(), Options{Host: "tcp://" + s.Listener.Addr().String()})
	wantKind(t, err, NoPermission, "HTTPS", "DOCKER_TLS_VERIFY=1")
}

// fakeSSH puts a program called ssh on PATH.
func fakeSSH(t *testing.T, script string) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	text := fmt.Sprintf("#!/bin/sh\necho \"$@\" >>%s\n%s\n", calls, script)
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return calls
}

func TestOverSSH(t *testing.T) {
	engine, _ := theEngine(t)
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	calls := fakeSSH(t, fmt.Sprintf("DOCKER_TEST_HELPER=relay exec %s %s", me, engine.dial.at.where))
	e := connectTo(t, "ssh://build@box:2222")
	if e.Info().UnixSocket {
		t.Error("an engine over ssh does not see our files")
	}
	roundTrip(t, e)
	all := make(chan error)
	for range 30 {
		go func() { all <- e.Ping(context.Background()) }()
	}
	for range 30 {
		if err := <-all; err != nil {
			t.Error(err)
		}
	}
	e.Close()
	b, err := os.ReadFile(calls)
	if err != nil || !strings.HasPrefix(string(b), "-o ConnectTimeout=30 -T -l build -p 2222 -- box docker system dial-stdio\n") {
		t.Errorf("%s, %v", b, err)
	}
}

func TestSSHThatFails(t *testing.T) {
	fakeSSH(t, "echo 'build@box: Permission denied (publickey).' >&2; exit 255")
	_, err := Connect(t.Context(), Options{Host: "ssh://build@box"})
	wantKind(t, err, Stopped, "Permission denied (publickey)", "ssh -o ConnectTimeout=30 -T -l build -- box docker version")
	fakeSSH(t, "exit 3")
	_, err = Connect(t.Context(), Options{Host: "ssh://build@box"})
	wantKind(t, err, Stopped, "exit status 3")
	t.Setenv("PATH", t.TempDir())
	_, err = Connect(t.Context(), Options{Host: "ssh://build@box"})
	wantKind(t, err, Absent, "ssh")
}

func TestAbsent(t *testing.T) {
	_, err := Connect(t.Context(), Options{Host: "unix://" + socket(t)})
	wantKind(t, err, Absent, "no such file", "Start it with", "(named by the options)")
	s := home(t, nil)
	places := []address{{url: "unix:///a", network: "unix", where: filepath.Join(s.home, "a")}, {url: "unix:///b", network: "unix", where: filepath.Join(s.home, "b")}}
	_, err = s.first(t.Context(), places)
	wantKind(t, err, Absent, "none of the usual sockets", "https://docs.docker.com/engine/install", "or podman")
	if Unavailable(err) {
		t.Error("an engine that never was is not one that comes back")
	}
}

// dead is a socket that nobody listens at any more.
func dead(t testing.TB) string {
	t.Helper()
	path := socket(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	return path
}

func TestStopped(t *testing.T) {
	path := dead(t)
	_, err := Connect(t.Context(), Options{Host: "unix://" + path})
	wantKind(t, err, Stopped, "connection refused", "Start it with")
	if !Unavailable(err) {
		t.Error("a stopped engine may come back")
	}
	l := listen(t)
	l.Close()
	_, err = Connect(t.Context(), Options{Host: "tcp://" + l.Addr().String()})
	wantKind(t, err, Stopped, "connection refused", "listen on TCP")
}

// After Close nothing begins, and those who waited have been told.
func TestClosed(t *testing.T) {
	real, image := theEngine(t)
	e := connectTo(t, real.info.Address)
	id := start(t, real, Spec{Cmd: []string{"wait"}})
	waited := make(chan error)
	go func() {
		_, err := e.Wait(context.Background(), id)
		waited <- err
	}()
	for begun := false; !begun; runtime.Gosched() {
		e.ends.mu.Lock()
		begun = e.ends.stream != nil
		e.ends.mu.Unlock()
	}
	e.Close()
	e.Close()
	err := <-waited
	wantKind(t, err, Canceled, "was closed")
	_, err = e.Create(t.Context(), Spec{Image: image})
	wantKind(t, err, Refused, "closed")
	_, err = e.Wait(t.Context(), id)
	wantKind(t, err, Refused, "closed")
	_, err = e.Ensure(t.Context(), "emulate-nobody-has-this:1", "", nil)
	wantKind(t, err, Refused, "closed")
}

// The first of the usual places that answers is taken: a dead socket before it is no hindrance, and is what is told if there is nothing else.
func TestDeadSocketBeforeALiveOne(t *testing.T) {
	mux := newMux("1.41")
	live := strings.TrimPrefix(fakeEngine(t, mux), "unix://")
	s := home(t, nil)
	at := func(path string) address { return address{url: "unix://" + path, network: "unix", where: path} }
	e, err := s.first(t.Context(), []address{at("/nowhere.sock"), at(dead(t)), at(live)})
	if err != nil || e.Info().Address != "unix://"+live {
		t.Fatal(err)
	}
	e.Close()
	_, err = s.first(t.Context(), []address{at("/nowhere.sock"), at(dead(t)), at("/nowhere2.sock")})
	wantKind(t, err, Stopped, "connection refused")
}

func TestSilent(t *testing.T) {
	path := socket(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newSeeker()
	s.patience = 50 * time.Millisecond
	_, err = s.connect(t.Context(), "unix://"+path)
	wantKind(t, err, Stopped, "does not answer", "starting")
	cause := errors.New("the user left")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	_, err = Connect(ctx, Options{Host: "unix://" + path})
	wantKind(t, err, Canceled, "the user left")
	if !errors.Is(err, cause) || !errors.Is(err, context.Canceled) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestTooOld(t *testing.T) {
	mux := newMux("1.40")
	_, err := Connect(t.Context(), Options{Host: fakeEngine(t, mux)})
	wantKind(t, err, TooOld, "version 1.40", "20.10")
}

func TestNoEngineAtAll(t *testing.T) {
	_, err := Connect(t.Context(), Options{Host: fakeEngine(t, http.NotFoundHandler())})
	wantKind(t, err, NotFound, "404 page not found")
}

// Root may open every socket, so another user of this machine tries.
func TestNoPermission(t *testing.T) {
	mux := newMux("1.41")
	host := fakeEngine(t, mux)
	path := strings.TrimPrefix(host, "unix://")
	if err := errors.Join(os.Chmod(filepath.Dir(path), 0o755), os.Chmod(path, 0)); err != nil {
		t.Fatal(err)
	}
	kind, text := connectAsAnother(t, host)
	if kind != string(NoPermission) || !strings.Contains(text, "permission denied") || !strings.Contains(text, "usermod -aG") {
		t.Errorf("%s: %s", kind, text)
	}
}

// connectAsAnother calls Connect as a user who is not root.
func connectAsAnother(t *testing.T, host string) (kind, text string) {
	t.Helper()
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(filepath.Dir(strings.TrimPrefix(host, "unix://")), "test")
	if err := exec.Command("cp", me, copied).Run(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied, host)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "DOCKER_TEST_HELPER=connect")
	asAnother(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	kind, text, _ = strings.Cut(string(out), "\n")
	return kind, text
}
