package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"syscall"
	"testing"
)

// Answers of real engines to the same call, with their status.
func TestKindsOfAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		text   string
		kind   Kind
		mend   string
	}{
		{404, "No such image: app:1", ImageMissing, "Pull or build it"},
		{404, "app:1: image not known", ImageMissing, ""},
		{404, "No such container: c1", NotFound, ""},
		{409, `Conflict. The container name "/x" is already in use by container "1". You have to remove (or rename) that container to be able to reuse that name.`, Conflict, ""},
		{500, "write /var/lib/docker/overlay2/1/diff/x: no space left on device", DiskFull, "docker system prune"},
		{500, "mkdir /var/lib/docker/overlay2/1-init: no space left on device", DiskFull, "emulate clean"},
		{500, "write /home/u/.local/share/docker/x: disk quota exceeded", DiskFull, ""},
		{404, "image with reference app:1 was found but does not match the specified platform: wanted linux/arm64, actual: linux/amd64", WrongPlatform, "binfmt"},
		{500, `connection error: desc = "transport: error while dialing: dial unix:///run/containerd/containerd.sock: timeout": unavailable`, Stopped, ""},
		{500, "transport is closing: unavailable", Stopped, ""},
		{503, "daemon is shutting down", Stopped, ""},
		{400, `invalid mount config for type "bind": bind source path does not exist: /x`, Refused, ""},
		{403, "authorization denied by plugin", Refused, ""},
	} {
		mux := newMux("1.41")
		mux.HandleFunc("/v1.41/containers/create", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			fmt.Fprintf(w, `{"message":%q}`, c.text)
		})
		e := connectTo(t, fakeEngine(t, mux))
		_, err := e.Create(t.Context(), Spec{Image: "app:1"})
		wantKind(t, err, c.kind, "create a container of image app:1: "+c.text, c.mend)
		if Unavailable(err) != (c.kind == Stopped) {
			t.Errorf("%s: unavailable is %v", c.text, Unavailable(err))
		}
	}
}

// hangUp ends the connection in the midst of an answer.
func hangUp(begin string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, b, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		b.WriteString(begin)
		b.Flush()
		c.Close()
	}
}

func TestConnectionsThatBreak(t *testing.T) {
	mux := newMux("1.41")
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
	mux.HandleFunc("/v1.41/containers/create", hangUp(""))
	mux.HandleFunc("/v1.41/containers/c1/json", hangUp(head+`{"Id":"c1","St`))
	mux.HandleFunc("/v1.41/containers/c1/attach", hangUp("HTTP/1.1 101 Switching Protocols\r\n"))
	mux.HandleFunc("/v1.41/images/create", hangUp(head+`{"status":"Pulling fs layer","id":"aa"}`))
	mux.HandleFunc("/v1.41/images/app:1/json", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(404)
		io.WriteString(w, "No such image: app:1")
	})
	mux.HandleFunc("/v1.41/build", hangUp(head+`{"stream":"Step 1/2 : RUN make\n"}`))
	e := connectTo(t, fakeEngine(t, mux))
	_, created := e.Create(t.Context(), Spec{Image: "app:1"})
	_, inspected := e.Inspect(t.Context(), "c1")
	_, attached := e.Attach(t.Context(), "c1")
	_, ensured := e.Ensure(t.Context(), "app:1", "", nil)
	dir := t.TempDir()
	write(t, dir, map[string]string{"Dockerfile": "FROM x\n"})
	_, built := e.Build(t.Context(), BuildSpec{Context: dir}, nil)
	for name, err := range map[string]error{"create": created, "inspect": inspected, "attach": attached, "ensure": ensured, "build": built} {
		t.Run(name, func(t *testing.T) {
			wantKind(t, err, Stopped, "the connection broke")
			// Which of them it is depends on whether the client was reading or still writing.
			causes := []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.EPIPE, syscall.ECONNRESET}
			if !slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(err, cause) }) {
				t.Errorf("the cause is lost: %v", err)
			}
		})
	}
}

// An engine that was there and whose socket is gone is stopped, not absent: it may come back.
func TestGoneAfterwards(t *testing.T) {
	mux := newMux("1.41")
	e := connectTo(t, fakeEngine(t, mux))
	e.dial.at.where += ".gone"
	e.api.Close()
	err := e.Ping(t.Context())
	wantKind(t, err, Stopped, "no such file")
	if !Unavailable(fmt.Errorf("start: %w", err)) {
		t.Error("not unavailable")
	}
}

func TestDeadlinesAreTheCallers(t *testing.T) {
	mux := newMux("1.41")
	mux.HandleFunc("/v1.41/containers/c1/json", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	e := connectTo(t, fakeEngine(t, mux))
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	_, err := e.Inspect(ctx, "c1")
	wantKind(t, err, Canceled)
	if !errors.Is(err, context.DeadlineExceeded) || Unavailable(err) {
		t.Error(err)
	}
}

func TestFullDiskWhileBuildingAndPulling(t *testing.T) {
	mux := newMux("1.41")
	say := func(lines string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, lines)
		}
	}
	const full = `{"errorDetail":{"message":"failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device"},"error":"failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device"}`
	mux.HandleFunc("/v1.41/images/create", say(full))
	mux.HandleFunc("/v1.41/build", say(`{"stream":"Step 1/1 : FROM scratch\n"}`+full))
	e := connectTo(t, fakeEngine(t, mux))
	wantKind(t, e.Pull(t.Context(), "app:1", "", nil), DiskFull, "docker system prune")
	dir := t.TempDir()
	write(t, dir, map[string]string{"Dockerfile": "FROM scratch\n"})
	_, err := e.Build(t.Context(), BuildSpec{Context: dir}, nil)
	wantKind(t, err, DiskFull, "docker system prune")
}

// An image for another processor only is not pullable for this one.
func TestNoManifestForTheProcessor(t *testing.T) {
	mux := newMux("1.41")
	mux.HandleFunc("/v1.41/images/create", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"errorDetail":{"message":"no matching manifest for linux/arm64/v8 in the manifest list entries"},"error":"no matching manifest for linux/arm64/v8 in the manifest list entries"}`)
	})
	e := connectTo(t, fakeEngine(t, mux))
	wantKind(t, e.Pull(t.Context(), "app:1", "linux/arm64", nil), WrongPlatform, "no matching manifest")
}
