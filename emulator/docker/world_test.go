package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// ours labels all that these tests make; another run at the same time has another.
var ours = map[string]string{"example.com.emulate.docker.test": fmt.Sprint(os.Getpid(), "-", time.Now().UnixNano())}

func TestMain(m *testing.M) {
	if verb := os.Getenv("DOCKER_TEST_HELPER"); verb != "" {
		helper(verb)
		return
	}
	code := m.Run()
	code = max(code, tidy())
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// helper is another process of this program: as another user, or as ssh's other side.
func helper(verb string) {
	switch verb {
	case "connect":
		e, err := Connect(context.Background(), Options{Host: os.Args[1]})
		if err == nil {
			e.Close()
		}
		fmt.Print(KindOf(err), "\n", err)
	case "relay":
		c, err := net.Dial("unix", os.Args[1])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go func() {
			io.Copy(c, os.Stdin)
			c.(*net.UnixConn).CloseWrite()
		}()
		io.Copy(os.Stdout, c)
	}
}

// real is the engine of this machine and an image in it.
type real struct {
	engine *Engine
	image  string
	err    error
}

// made is set at the first test that needs the engine, and taken away at the end.
var made = sync.OnceValue(func() (r real) {
	ctx := context.Background()
	if r.engine, r.err = Connect(ctx, Options{}); r.err != nil {
		r.err = fmt.Errorf("these tests need a container engine: run testdata/tools/engine.sh start\n%w", r.err)
		return r
	}
	r.image = fmt.Sprintf("emulate-docker-test:%d", os.Getpid())
	dir, err := os.MkdirTemp("", "emulate-docker-")
	if err != nil {
		r.err = err
		return r
	}
	defer os.RemoveAll(dir)
	if r.err = buildTool(dir, runtime.GOARCH); r.err == nil {
		r.err = os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY tool /tool\nENV OF=image\nENTRYPOINT [\"/tool\"]\nCMD [\"echo\", \"hello\"]\n"), 0o644)
	}
	if r.err == nil {
		_, r.err = r.engine.Build(ctx, BuildSpec{Context: dir, Tag: r.image, Labels: ours}, nil)
	}
	return r
})

// used says whether made was called, without calling it.
var used = false

// buildTool builds the program of testdata/inside as dir/tool.
func buildTool(dir, arch string) error {
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, "tool"), "./testdata/inside")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the tests' program: %w\n%s", err, out)
	}
	return nil
}

func theEngine(t testing.TB) (*Engine, string) {
	t.Helper()
	used = true
	r := made()
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.engine, r.image
}

// tidy removes all that was made, and says what the tests left behind but for the image.
func tidy() (code int) {
	if !used || made().engine == nil {
		return 0
	}
	e := made().engine
	removed, err := e.Sweep(context.Background(), ours, nil)
	for _, o := range removed {
		if o.Kind != OwnedImage {
			fmt.Fprintf(os.Stderr, "a test left %s %s %s behind\n", o.Kind, o.ID, o.Name)
			code = 1
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	e.Close()
	return code
}

// connectTo connects to an address, for the time of the test.
func connectTo(t testing.TB, host string) *Engine {
	t.Helper()
	e, err := Connect(t.Context(), Options{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// start makes a container that runs the tests' program, and starts it. It is removed at the test's end.
func start(t testing.TB, e *Engine, s Spec) string {
	t.Helper()
	id := create(t, e, s)
	if err := e.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	return id
}

func create(t testing.TB, e *Engine, s Spec) string {
	t.Helper()
	s.Labels = ours
	if s.Image == "" {
		_, s.Image = theEngine(t)
	}
	if s.Network == "" {
		s.Network = "none"
	}
	id, err := e.Create(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Remove(context.Background(), id); err != nil {
			t.Error(err)
		}
	})
	return id
}

// socket is a path for a socket, short enough for one.
func socket(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "dk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "docker.sock")
}

// describes answers what Connect asks, as Docker 20.10 does.
func describes(mux *http.ServeMux, api string) {
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", api)
		w.Header().Set("Ostype", "linux")
		io.WriteString(w, "OK")
	})
	mux.HandleFunc("/v"+api+"/info", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"NCPU":3,"MemTotal":4096,"CgroupDriver":"systemd","CgroupVersion":"2","KernelVersion":"6.1.0","OSType":"linux","Architecture":"aarch64","SecurityOptions":["name=seccomp,profile=default","name=rootless"],"OperatingSystem":"Debian GNU/Linux 12 (bookworm)"}`)
	})
	mux.HandleFunc("/v"+api+"/version", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"Version":"20.10.24+dfsg1","ApiVersion":"1.41","Components":[{"Name":"Engine","Version":"20.10.24+dfsg1"}]}`)
	})
}

func newMux(api string) *http.ServeMux {
	mux := http.NewServeMux()
	describes(mux, api)
	return mux
}

// atOnce answers without reading the request.
func atOnce(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

// fakeEngine serves mux at a socket, and gives its address.
func fakeEngine(t testing.TB, mux http.Handler) string {
	t.Helper()
	path := socket(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() {
		s.Serve(l)
		close(done)
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return "unix://" + path
}

// proxy stands before the real engine's socket; its connections can be cut, and each is shown before it is served.
type proxy struct {
	l     net.Listener
	mu    sync.Mutex
	conns map[net.Conn]bool
	// total counts connections; on may change what goes to the engine.
	total int
	on    func(client net.Conn) net.Conn
	group sync.WaitGroup
}

func newProxy(t testing.TB, l net.Listener, on func(net.Conn) net.Conn) *proxy {
	t.Helper()
	engine, _ := theEngine(t)
	p := &proxy{l: l, conns: map[net.Conn]bool{}, on: on}
	p.group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.group.Go(func() { p.serve(c, engine.dial.at.where) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.cut()
		p.group.Wait()
	})
	return p
}

func (p *proxy) serve(c net.Conn, socket string) {
	up, err := net.Dial("unix", socket)
	if err != nil {
		c.Close()
		return
	}
	p.mu.Lock()
	p.conns[c], p.conns[up] = true, true
	p.total++
	p.mu.Unlock()
	from := c
	if p.on != nil {
		from = p.on(c)
	}
	var both sync.WaitGroup
	both.Go(func() {
		io.Copy(up, from)
		up.(*net.UnixConn).CloseWrite()
	})
	both.Go(func() {
		io.Copy(c, up)
		if h, ok := c.(interface{ CloseWrite() error }); ok {
			h.CloseWrite()
		}
	})
	both.Wait()
	c.Close()
	up.Close()
	p.mu.Lock()
	delete(p.conns, c)
	delete(p.conns, up)
	p.mu.Unlock()
}

// cut breaks all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// wantKind fails the test where an error is of another kind, or does not say all of the words.
func wantKind(t testing.TB, err error, k Kind, words ...string) {
	t.Helper()
	if err == nil || KindOf(err) != k {
		t.Fatalf("error of kind %q, want %q: %v", KindOf(err), k, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
	var f *Error
	if errors.As(err, &f) && f.Doing == "" {
		t.Errorf("the error does not say what was tried: %v", err)
	}
}
