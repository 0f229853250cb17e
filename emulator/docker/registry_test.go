package docker

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// ownRegistry is a registry of one image, from which the real engine pulls: engines take plain HTTP from this machine.
type ownRegistry struct {
	t     testing.TB
	host  string
	blobs map[string][]byte
	kinds map[string]string
	mu    sync.Mutex
	// manifests and users are counted: requests of the manifest, and who came ("" is nobody).
	manifests int
	users     map[string]int
	// guard may answer a request first. slow is closed when layers may be sent to their ends; nil sends at once.
	guard func(w http.ResponseWriter, user string) bool
	slow  chan struct{}
}

func newRegistry(t testing.TB, layerSizes ...int) *ownRegistry {
	t.Helper()
	r := &ownRegistry{t: t, blobs: map[string][]byte{}, kinds: map[string]string{}, users: map[string]int{}}
	s := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(s.Close)
	r.host = strings.TrimPrefix(s.URL, "http://")
	type descriptor struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	var layers []descriptor
	var diffs []string
	for i, size := range layerSizes {
		var plain bytes.Buffer
		w := tar.NewWriter(&plain)
		w.WriteHeader(&tar.Header{Name: fmt.Sprintf("file%d", i), Mode: 0o644, Size: int64(size)})
		io.CopyN(w, rand.Reader, int64(size))
		w.Close()
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		z.Write(plain.Bytes())
		z.Close()
		diffs = append(diffs, digest(plain.Bytes()))
		layers = append(layers, descriptor{"application/vnd.docker.image.rootfs.diff.tar.gzip", r.add(packed.Bytes(), ""), packed.Len()})
	}
	config, _ := json.Marshal(map[string]any{"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Labels": ours, "Env": []string{"A=B"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs}})
	const kind = "application/vnd.docker.distribution.manifest.v2+json"
	manifest, _ := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": kind, "layers": layers,
		"config": descriptor{"application/vnd.docker.container.image.v1+json", r.add(config, ""), len(config)}})
	r.blobs["1"], r.kinds["1"] = manifest, kind
	r.add(manifest, kind)
	return r
}

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

func (r *ownRegistry) add(b []byte, kind string) string {
	d := digest(b)
	r.blobs[d], r.kinds[d] = b, kind
	return d
}

// image is the reference of the registry's image.
func (r *ownRegistry) image() string { return r.host + "/team/app:1" }

func (r *ownRegistry) serve(w http.ResponseWriter, q *http.Request) {
	user, _, _ := q.BasicAuth()
	name := q.URL.Path[strings.LastIndex(q.URL.Path, "/")+1:]
	r.mu.Lock()
	if name != "" {
		r.users[user]++
	}
	if strings.Contains(q.URL.Path, "/manifests/") {
		r.manifests++
	}
	r.mu.Unlock()
	if r.guard != nil && r.guard(w, user) {
		return
	}
	if name == "" {
		return // whether there is a registry
	}
	blob, ok := r.blobs[name]
	if !ok {
		refuse(w, 404, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	if kind := r.kinds[name]; kind != "" {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Docker-Content-Digest", digest(blob))
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
	if q.Method == http.MethodHead {
		return
	}
	if r.slow != nil && len(blob) > 1<<16 {
		w.Write(blob[:len(blob)/2])
		w.(http.Flusher).Flush()
		select {
		case <-r.slow:
		case <-q.Context().Done():
			return
		}
		blob = blob[len(blob)/2:]
	}
	w.Write(blob)
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, text)
}

// noCredentials makes a configuration of the docker CLI for the test, and gives its folder.
func noCredentials(t *testing.T) string {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	return dir
}

func dropImage(t *testing.T, e *Engine, ref string) {
	t.Helper()
	if err := e.RemoveImage(context.Background(), ref); err != nil {
		t.Error(err)
	}
}

func TestPull(t *testing.T) {
	e, _ := theEngine(t)
	noCredentials(t)
	r := newRegistry(t, 3<<20, 100, 2<<20)
	defer dropImage(t, e, r.image())
	var all []Progress
	if err := e.Pull(t.Context(), r.image(), "", func(p Progress) { all = append(all, p) }); err != nil {
		t.Fatal(err)
	}
	last := all[len(all)-1]
	if !last.Done || last.Image != r.image() || last.Step != "pull" || last.Layers != 3 || last.LayersDone != 3 || last.Bytes != last.BytesTotal || last.Bytes < 5<<20 || last.Elapsed == 0 {
		t.Errorf("at the end: %+v", last)
	}
	for i, p := range all {
		if i > 0 && (p.Bytes < all[i-1].Bytes || p.LayersDone < all[i-1].LayersDone || i < len(all)-1 && p.Elapsed-all[i-1].Elapsed < often) {
			t.Errorf("%+v after %+v", p, all[i-1])
		}
	}
	i, err := e.Ensure(t.Context(), r.image(), "linux/"+runtime.GOARCH, nil)
	if err != nil || i.Env[0] != "A=B" || r.manifests > 2 {
		t.Errorf("%+v, %v after %d requests", i, err, r.manifests)
	}
}

// All who want an image at once share one pull, and each sees its progress.
func TestEnsureSharesAPull(t *testing.T) {
	e, _ := theEngine(t)
	noCredentials(t)
	r := newRegistry(t, 1<<20)
	r.slow = make(chan struct{})
	defer dropImage(t, e, r.image())
	type result struct {
		image *Image
		seen  int
		err   error
	}
	const n = 10
	results := make(chan result)
	half := make(chan bool, 1000)
	for range n {
		go func() {
			var res result
			res.image, res.err = e.Ensure(context.Background(), r.image(), "", func(p Progress) {
				if res.seen++; res.seen == 1 {
					half <- true
				}
			})
			results <- res
		}()
	}
	// One who leaves does not end it for the others.
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := e.Ensure(ctx, r.image(), "", func(Progress) { cancel() })
		left <- err
	}()
	wantKind(t, <-left, Canceled, r.image())
	for range n {
		<-half
	}
	close(r.slow)
	for range n {
		if res := <-results; res.err != nil || res.image.ID == "" || res.seen == 0 {
			t.Errorf("%+v", res)
		}
	}
	// The engine asks for the manifest's digest and then for the manifest.
	if r.manifests > 2 {
		t.Errorf("the manifest was asked for %d times", r.manifests)
	}
}

// A pull that nobody waits for ends, and the next caller begins another.
func TestEnsureEndsWithItsLastCaller(t *testing.T) {
	e, _ := theEngine(t)
	noCredentials(t)
	r := newRegistry(t, 1<<20)
	r.slow = make(chan struct{})
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := e.Ensure(ctx, r.image(), "", func(Progress) { cancel() })
		wantKind(t, err, Canceled)
		e.pulls.mu.Lock()
		if n := len(e.pulls.now); n != 0 {
			t.Errorf("%d pulls go on", n)
		}
		e.pulls.mu.Unlock()
	}
	close(r.slow)
	defer dropImage(t, e, r.image())
	if _, err := e.Ensure(t.Context(), r.image(), "", nil); err != nil {
		t.Error(err)
	}
}

func TestNotPullable(t *testing.T) {
	e, _ := theEngine(t)
	noCredentials(t)
	for name, c := range map[string]struct {
		guard func(http.ResponseWriter, string) bool
		ref   string
		want  []string
	}{
		"no such tag": {nil, "/team/app:2", []string{"manifest unknown", "misspelt name or tag"}},
		"no such name": {func(w http.ResponseWriter, _ string) bool {
			refuse(w, 404, "NAME_UNKNOWN", "repository name not known to registry")
			return true
		}, "/team/app:1", []string{"misspelt"}},
		"private": {func(w http.ResponseWriter, _ string) bool {
			w.Header().Set("Www-Authenticate", `Basic realm="r"`)
			refuse(w, 401, "UNAUTHORIZED", "authentication required")
			return true
		}, "/team/app:1", []string{"docker login"}},
		"too many": {func(w http.ResponseWriter, _ string) bool {
			refuse(w, 429, "TOOMANYREQUESTS", "You have reached your pull rate limit.")
			return true
		}, "/team/app:1", []string{"pull rate limit", "wait, or `docker login"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t, 10)
			r.guard = c.guard
			_, err := e.Ensure(t.Context(), r.host+c.ref, "", nil)
			wantKind(t, err, NotPullable, append(c.want, r.host+c.ref)...)
		})
	}
	_, err := e.Ensure(t.Context(), "127.0.0.1:1/team/app:1", "", nil)
	wantKind(t, err, NotPullable, "connection refused", "The engine has to reach 127.0.0.1:1", "docker load")
	_, err = e.Ensure(t.Context(), "Not A Reference", "", nil)
	wantKind(t, err, NotPullable, "Not A Reference")
}

// guarded lets one user in.
func guarded(name string, anonymousToo bool) func(http.ResponseWriter, string) bool {
	return func(w http.ResponseWriter, user string) bool {
		if user == name || user == "" && anonymousToo {
			return false
		}
		if user != "" && anonymousToo {
			refuse(w, 403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.")
			return true
		}
		w.Header().Set("Www-Authenticate", `Basic realm="r"`)
		refuse(w, 401, "UNAUTHORIZED", "authentication required")
		return true
	}
}

func TestCredentials(t *testing.T) {
	e, _ := theEngine(t)
	for _, c := range []struct {
		name, config, helper string
		want                 Kind
	}{
		{"in the file", `{"auths":{"HOST":{"auth":"AUTH"}}}`, "", ""},
		{"with the way to it", `{"auths":{"http://HOST/v2/":{"auth":"AUTH"}}}`, "", ""},
		{"a helper for all", `{"credsStore":"test"}`, `read host; [ "$host" = HOST ] && echo '{"ServerURL":"HOST","Username":"ann","Secret":"pw"}'`, ""},
		{"a helper for one", `{"credHelpers":{"HOST":"test"},"credsStore":"other"}`, `echo '{"Username":"ann","Secret":"pw"}'`, ""},
		{"a helper that has none", `{"credsStore":"test","auths":{"HOST":{"auth":"AUTH"}}}`, `echo credentials not found in native keychain; exit 1`, ""},
		{"a helper that is missing", `{"credsStore":"nowhere","auths":{"HOST":{"auth":"AUTH"}}}`, "", ""},
		{"a helper that fails", `{"credsStore":"test"}`, `echo the keychain is locked >&2; exit 1`, NotPullable},
		{"another's", `{"auths":{"example.com":{"auth":"AUTH"}}}`, "", NotPullable},
		{"a broken file", `{"auths":`, "", NotPullable},
		{"broken credentials", `{"auths":{"HOST":{"auth":"***"}}}`, "", NotPullable},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := noCredentials(t)
			r := newRegistry(t, 10)
			r.guard = guarded("ann", false)
			fill := strings.NewReplacer("HOST", r.host, "AUTH", base64.StdEncoding.EncodeToString([]byte("ann:pw")))
			write(t, dir, map[string]string{"config.json": fill.Replace(c.config)})
			if c.helper != "" {
				path := filepath.Join(dir, "docker-credential-test")
				if err := os.WriteFile(path, []byte("#!/bin/sh\n[ \"$1\" = get ] || exit 9\n"+fill.Replace(c.helper)+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
				t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			}
			err := e.Pull(t.Context(), r.image(), "", nil)
			if c.want != "" {
				wantKind(t, err, c.want)
				return
			}
			defer dropImage(t, e, r.image())
			if err != nil || r.users["ann"] == 0 {
				t.Errorf("%v, came: %v", err, r.users)
			}
		})
	}
}

// Credentials that have expired do not stand in the way of a public image.
func TestExpiredCredentials(t *testing.T) {
	e, _ := theEngine(t)
	dir := noCredentials(t)
	r := newRegistry(t, 10)
	defer dropImage(t, e, r.image())
	var asks sync.Once
	r.guard = func(w http.ResponseWriter, user string) bool {
		asked := false
		asks.Do(func() { asked = true })
		if asked { // makes the engine send what it has
			w.Header().Set("Www-Authenticate", `Basic realm="r"`)
			refuse(w, 401, "UNAUTHORIZED", "authentication required")
			return true
		}
		return guarded("nobody", true)(w, user)
	}
	write(t, dir, map[string]string{"config.json": fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, r.host, base64.StdEncoding.EncodeToString([]byte("AWS:old")))})
	if err := e.Pull(t.Context(), r.image(), "", nil); err != nil || r.users["AWS"] == 0 || r.users[""] == 0 {
		t.Errorf("%v, came: %v", err, r.users)
	}
}

func TestRegistryOf(t *testing.T) {
	for ref, want := range map[string]string{
		"debian": dockerHub, "debian:12": dockerHub, "team/app": dockerHub, "docker.io/team/app": dockerHub, "public.ecr.aws/lambda/python:3.13": "public.ecr.aws",
		"localhost/app": "localhost", "localhost:5000/app": "localhost:5000", "box:5000/app:1": "box:5000",
	} {
		if got := registryOf(ref); got != want {
			t.Errorf("%s: %s, want %s", ref, got, want)
		}
	}
}

// The messages of a real pull by Docker 20.10, with a layer that is there already, and the estimate once all sizes are known.
func TestMeter(t *testing.T) {
	var last Progress
	m := newMeter("app:1", func(p Progress) { last = p })
	feed := func(id, status string, current, total int64) {
		msg := message{ID: id, Status: status}
		msg.ProgressDetail.Current, msg.ProgressDetail.Total = current, total
		m.told = time.Time{}
		m.message(msg)
	}
	feed("1", "Pulling from team/app", 0, 0)
	feed("aa", "Already exists", 0, 0)
	feed("bb", "Pulling fs layer", 0, 0)
	feed("cc", "Pulling fs layer", 0, 0)
	feed("bb", "Downloading", 100, 1000)
	if last.Layers != 3 || last.LayersDone != 1 || last.Bytes != 100 || last.BytesTotal != 1000 || last.Left != 0 {
		t.Errorf("begun: %+v", last)
	}
	feed("cc", "Downloading", 100, 3000)
	m.first = time.Now().Add(-2 * time.Second)
	feed("cc", "Downloading", 900, 3000)
	if last.Bytes != 1000 || last.BytesTotal != 4000 || last.Left < 5*time.Second || last.Left > 7*time.Second {
		t.Errorf("at a quarter after 2 s: %+v", last)
	}
	feed("bb", "Download complete", 0, 0)
	feed("bb", "Extracting", 10, 1000)
	feed("bb", "Pull complete", 0, 0)
	if last.LayersDone != 2 || last.Bytes != 1900 {
		t.Errorf("one is in: %+v", last)
	}
	m.done()
	if !last.Done || last.Left != 0 {
		t.Errorf("done: %+v", last)
	}
}
