package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"
)

// output runs the tests' program in a container and gives what it wrote.
func output(t *testing.T, e *Engine, s Spec) (string, int) {
	t.Helper()
	s.Labels = ours
	if s.Image == "" {
		_, s.Image = theEngine(t)
	}
	if s.Network == "" {
		s.Network = "none"
	}
	var out strings.Builder
	code, err := e.Run(t.Context(), s, nil, func(line []byte) { fmt.Fprintf(&out, "%s\n", line) })
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), code
}

func TestSpecReachesTheProcess(t *testing.T) {
	e, _ := theEngine(t)
	shared := t.TempDir()
	os.Chmod(shared, 0o777)
	out, _ := output(t, e, Spec{
		Entrypoint: []string{"/tool", "show"}, Cmd: []string{"a", "b c"}, Env: []string{"X=1 2"}, WorkingDir: "/rw", User: "20001:20002", Hostname: "inside",
		Network: "bridge", ExtraHosts: []string{"db.local:10.9.8.7"}, Tmpfs: map[string]string{"/quick": "mode=1777"},
		Mounts:  []Mount{{Bind: shared, Target: "/ro", ReadOnly: true}, {Bind: shared, Target: "/rw"}},
		Ulimits: []Ulimit{{"nofile", 1024, 1024}, {"stack", 8388608, -1}}, ReadOnly: true, Confined: true, PidsLimit: 64,
		MemoryBytes: 64 << 20, CPUPeriod: 20000, CPUQuota: 10000, CPUSet: "0",
	})
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err, out)
	}
	want := map[string]any{
		"uid": 20001.0, "gid": 20002.0, "args": []any{"a", "b c"}, "dir": "/rw", "host": "inside", "nofile": []any{1024.0, 1024.0}, "stack": []any{8388608.0, -1.0},
		"CapBnd": "0000000000000000", "NoNewPrivs": "1", "root": false, "ro": false, "rw": true, "tmpfs": true,
	}
	for k, v := range want {
		if diff := cmp.Diff(v, got[k]); diff != "" {
			t.Errorf("%s: %s", k, diff)
		}
	}
	env := fmt.Sprint(got["env"])
	if !strings.Contains(env, "X=1 2") || !strings.Contains(env, "OF=image") {
		t.Errorf("env: %s", env)
	}
	if !strings.Contains(got["hosts"].(string), "10.9.8.7\tdb.local") {
		t.Errorf("hosts: %s", got["hosts"])
	}
}

// Limits are asked of the engine: cgroups are seen differently from inside.
func TestLimits(t *testing.T) {
	e, _ := theEngine(t)
	id := start(t, e, Spec{Cmd: []string{"wait"}, MemoryBytes: 64 << 20, CPUPeriod: 20000, CPUQuota: 10000, CPUSet: "0", PidsLimit: 64})
	limits := func() container.Resources {
		c, err := e.api.ContainerInspect(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return c.HostConfig.Resources
	}
	r := limits()
	if r.Memory != 64<<20 || r.MemorySwap != 64<<20 || r.CPUPeriod != 20000 || r.CPUQuota != 10000 || r.CpusetCpus != "0" || *r.PidsLimit != 64 {
		t.Errorf("made with %+v", r)
	}
	if err := e.UpdateCPU(t.Context(), id, 20000, 1000); err != nil {
		t.Fatal(err)
	}
	if r := limits(); r.CPUQuota != 1000 || r.Memory != 64<<20 || r.MemorySwap != 64<<20 {
		t.Errorf("updated to %+v", r)
	}
	if err := e.UpdateCPU(t.Context(), id, 20000, -1); err != nil {
		t.Fatal(err)
	}
	if r := limits(); r.CPUQuota != -1 {
		t.Errorf("lifted to %+v", r)
	}
	wantKind(t, e.UpdateCPU(t.Context(), "nobody", 20000, 1000), NotFound, "nobody")
}

func TestImagesOwnCommand(t *testing.T) {
	e, image := theEngine(t)
	if out, _ := output(t, e, Spec{}); out != "hello\n" {
		t.Errorf("the image's command said %q", out)
	}
	if out, _ := output(t, e, Spec{Cmd: []string{"echo", "other"}}); out != "other\n" {
		t.Errorf("another command said %q", out)
	}
	i, err := e.Image(t.Context(), image, "linux/"+runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	if i.Arch != runtime.GOARCH || !strings.HasPrefix(i.ID, "sha256:") || i.Size == 0 || i.Labels == nil ||
		cmp.Diff([]string{"/tool"}, i.Entrypoint) != "" || cmp.Diff([]string{"echo", "hello"}, i.Cmd) != "" || !strings.Contains(fmt.Sprint(i.Env), "OF=image") {
		t.Errorf("%+v", i)
	}
}

func TestLife(t *testing.T) {
	e, image := theEngine(t)
	name := fmt.Sprintf("emulate-docker-life-%d", os.Getpid())
	id := create(t, e, Spec{Name: name, Cmd: []string{"wait"}})
	s, err := e.Inspect(t.Context(), id)
	if err != nil || s.Running || s.Name != name || s.PID != 0 {
		t.Fatalf("made: %+v, %v", s, err)
	}
	_, err = e.Create(t.Context(), Spec{Name: name, Image: image})
	wantKind(t, err, Conflict, name)

	follow, err := e.Attach(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer follow.Close()
	if err := e.Start(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	io.ReadFull(follow, make([]byte, len("waiting\n"))) // now it takes signals
	if s, err = e.Inspect(t.Context(), id); err != nil || !s.Running || s.PID == 0 {
		t.Fatalf("started: %+v, %v", s, err)
	}
	list, err := e.Containers(t.Context(), ours)
	if err != nil || !running(list, id) {
		t.Fatalf("listed: %+v, %v", list, err)
	}
	if err := e.Kill(t.Context(), id, "SIGTERM"); err != nil {
		t.Fatal(err)
	}
	if code, err := e.Wait(t.Context(), id); code != 7 || err != nil {
		t.Fatal(code, err)
	}
	if err := e.Kill(t.Context(), id, "SIGKILL"); err != nil {
		t.Errorf("killing what has ended: %v", err)
	}
	for range 2 {
		if err := e.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	_, err = e.Inspect(t.Context(), id)
	wantKind(t, err, NotFound, short(id))
	wantKind(t, e.Start(t.Context(), id), NotFound)
	if err := e.Kill(t.Context(), id, "SIGKILL"); err != nil {
		t.Errorf("killing what is gone: %v", err)
	}
}

func running(list []State, id string) bool {
	for _, s := range list {
		if s.ID == id {
			return s.Running && s.Labels != nil
		}
	}
	return false
}

// Whoever removes first, all of them return when it is gone.
func TestRemovedByMany(t *testing.T) {
	e, _ := theEngine(t)
	id := start(t, e, Spec{Cmd: []string{"wait"}, AutoRemove: true})
	errs := make(chan error)
	for range 8 {
		go func() {
			err := e.Remove(context.Background(), id)
			if _, gone := e.Inspect(context.Background(), id); err == nil && !kindIs(gone, NotFound) {
				err = fmt.Errorf("it is there still: %v", gone)
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestRefusals(t *testing.T) {
	e, image := theEngine(t)
	_, err := e.Create(t.Context(), Spec{Image: "emulate-nobody-has-this:1"})
	wantKind(t, err, ImageMissing, "emulate-nobody-has-this:1", "Pull or build it first")
	_, err = e.Create(t.Context(), Spec{Image: image, Mounts: []Mount{{Bind: "/nowhere/at/all", Target: "/x"}}, Labels: ours})
	wantKind(t, err, Refused, "/nowhere/at/all")
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	_, err = e.Create(t.Context(), Spec{Image: image, Platform: "linux/" + other, Labels: ours})
	wantKind(t, err, WrongPlatform, "binfmt")
	_, err = e.Image(t.Context(), image, "linux/"+other)
	wantKind(t, err, WrongPlatform, image, other)
	id := create(t, e, Spec{Entrypoint: []string{"/no/such/program"}})
	wantKind(t, e.Start(t.Context(), id), Refused, "/no/such/program")
}

func TestCopyBothWays(t *testing.T) {
	e, _ := theEngine(t)
	name := fmt.Sprintf("emulate-docker-copy-%d", os.Getpid())
	if err := e.CreateVolume(t.Context(), name, ours); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.RemoveVolume(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	// A container that never runs fills the volume for others.
	id := create(t, e, Spec{Mounts: []Mount{{Volume: name, Target: "/var/task"}}})
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: "app", Mode: 0o755, Size: 5, Uid: 20001, Gid: 20001})
	w.Write([]byte("hello"))
	w.WriteHeader(&tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "app"})
	w.Close()
	if err := e.CopyTo(t.Context(), id, "/var/task", &b); err != nil {
		t.Fatal(err)
	}
	wantKind(t, e.CopyTo(t.Context(), id, "/no/folder", bytes.NewReader(nil)), NotFound, "/no/folder")
	if out, _ := output(t, e, Spec{Cmd: []string{"read", "/var/task/link"}, Mounts: []Mount{{Volume: name, Target: "/var/task", ReadOnly: true}}}); out != "hello\n" {
		t.Errorf("the volume holds %q", out)
	}
	r, err := e.CopyFrom(t.Context(), id, "/var/task/app")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h, err := tar.NewReader(r).Next()
	if err != nil || h.Name != "app" || h.Mode&0o777 != 0o755 || h.Uid != 20001 {
		t.Errorf("copied out: %+v, %v", h, err)
	}
	_, err = e.CopyFrom(t.Context(), id, "/no/file")
	wantKind(t, err, NotFound, "/no/file")
	vs, err := e.Volumes(t.Context(), ours)
	if err != nil || len(vs) != 1 || vs[0].Name != name {
		t.Errorf("volumes: %+v, %v", vs, err)
	}
	wantKind(t, e.RemoveVolume(t.Context(), name), Conflict, name)
}

func TestExec(t *testing.T) {
	e, _ := theEngine(t)
	id := start(t, e, Spec{Cmd: []string{"wait"}})
	var out, errs strings.Builder
	code, err := e.Exec(t.Context(), id, Command{Args: []string{"/tool", "echo", "x"}, Stdout: &out, Stderr: &errs})
	if code != 0 || err != nil || out.String() != "x\n" {
		t.Errorf("%d %v %q", code, err, out.String())
	}
	code, err = e.Exec(t.Context(), id, Command{Args: []string{"/tool", "fail", "4", "no"}, Stdout: &out, Stderr: &errs})
	if code != 4 || err != nil || errs.String() != "no\n" {
		t.Errorf("%d %v %q", code, err, errs.String())
	}
	_, err = e.Exec(t.Context(), "nobody", Command{Args: []string{"/tool"}})
	wantKind(t, err, NotFound, "nobody")
}

func TestHostFolderOfTheSession(t *testing.T) {
	e, _ := theEngine(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("from the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _ := output(t, e, Spec{Cmd: []string{"read", "/f"}, Mounts: []Mount{{Bind: filepath.Join(dir, "f"), Target: "/f", ReadOnly: true}}}); out != "from the host\n" {
		t.Errorf("a mounted file holds %q", out)
	}
}
