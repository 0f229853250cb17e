package dockerbuild

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/emulate/emulator/docker"
)

const (
	// boxCache is where a build container has its volume of module, package and compiler caches.
	boxCache = "/var/cache/emulate"
	// ownerLabel marks build containers; cacheLabel the volumes of caches, with the image that they belong to.
	ownerLabel = "emulate.build"
	cacheLabel = "emulate.cache"
	// removeTime is how long the end of a container or a command may take that nobody waits for.
	removeTime = 20 * time.Second
)

// box is one build container, kept warm: its first process waits for the end of its standard input, which comes with the emulator's end however that
// ends, and the engine then removes it. Commands are run beside that process.
type box struct {
	engine *docker.Engine
	id     string
	stream *docker.Stream
	// shared says that the container sees this machine's files, at their own paths; else they are copied in and out.
	shared bool
	temp   string // the builds' own folder
	// user is who commands run as, "uid:gid": their files belong to whoever runs the emulator.
	user string
	env  []string
	// node is where the image has node with the headers that native modules are compiled with; "" where it has none.
	node string

	mu     sync.Mutex
	copied map[string]string // what was copied in: its digest
	count  int
	gone   chan struct{} // closed when the container has ended
	lost   bool
}

// boxSpec says which box a build needs. Builds that need the same share it.
type boxSpec struct {
	engine *docker.Engine
	// image is the build image, and ref what it is called.
	image    *docker.Image
	ref      string
	platform string
	network  string
	// roots are the folders of sources that commands read. temp is the folder that they write into.
	roots []string
	temp  string
}

func (s *boxSpec) key() string {
	return hash(append([]string{s.image.ID, s.platform, s.network, s.temp}, s.roots...)...)
}

// boxes are the build containers of a Builder.
type boxes struct {
	labels map[string]string
	// apart makes no use of shared files, also where there could be.
	apart bool
	mu    sync.Mutex
	slots map[string]*boxSlot
}

type boxSlot struct {
	mu  sync.Mutex // held while the box is started
	box *box
}

// get finds the box of a spec, or starts it.
func (b *boxes) get(ctx context.Context, s *boxSpec) (*box, error) {
	b.mu.Lock()
	slot := b.slots[s.key()]
	if slot == nil {
		slot = &boxSlot{}
		b.slots[s.key()] = slot
	}
	b.mu.Unlock()
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if slot.box != nil && slot.box.alive() {
		return slot.box, nil
	}
	box, err := b.start(ctx, s)
	if err != nil {
		return nil, err
	}
	slot.box = box
	return box, nil
}

// close ends all boxes.
func (b *boxes) close(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var wg sync.WaitGroup
	for _, slot := range b.slots {
		wg.Go(func() {
			slot.mu.Lock()
			defer slot.mu.Unlock()
			if slot.box != nil {
				slot.box.close(ctx)
			}
		})
	}
	wg.Wait()
	clear(b.slots)
}

// start makes a container that sees the sources. Where the engine's machine does not have them, or has other files under their names, it is made again
// without.
func (b *boxes) start(ctx context.Context, s *boxSpec) (*box, error) {
	marker, err := os.CreateTemp(s.temp, "shared-")
	if err != nil {
		return nil, fmt.Errorf("prepare a build container: %w", err)
	}
	marker.Close()
	defer os.Remove(marker.Name())
	if s.engine.Info().UnixSocket && !b.apart {
		box, err := b.create(ctx, s, marker.Name(), true)
		if err == nil && box.shared {
			return box, nil
		}
		if err == nil {
			box.close(ctx)
		} else if ctx.Err() != nil || !refused(err) {
			return nil, err
		}
	}
	return b.create(ctx, s, marker.Name(), false)
}

// refused says whether the engine made no container of a spec, as it does where a folder to be mounted is not on its machine.
func refused(err error) bool {
	var e *docker.Error
	return errors.As(err, &e) && (e.Kind == docker.Refused || e.Kind == docker.NotFound)
}

// setUp is the script of the container's first process, as root. Its arguments are the owner of the caches and the marker of shared files. Its one line of
// output says whether the marker is there, and where node is with its headers: native modules then need no download.
const setUp = `umask 022; mkdir -p /tmp ` + boxCache + `/home; chmod 1777 /tmp; chown "$0" ` + boxCache + ` ` + boxCache + `/home
node=$(command -v node) && node=$(dirname "$(dirname "$node")") && [ -e "$node/include/node/node.h" ] || node=
if [ -e "$1" ]; then echo "shared $node"; else echo "apart $node"; fi; exec cat >/dev/null`

func (b *boxes) create(ctx context.Context, s *boxSpec, marker string, mount bool) (*box, error) {
	user := boxUser(s.engine.Info())
	volume, err := cacheVolume(ctx, s, user)
	if err != nil {
		return nil, err
	}
	spec := docker.Spec{
		Image: s.image.ID, Platform: s.platform, User: "root", Network: s.network, Labels: map[string]string{ownerLabel: s.ref}, AutoRemove: true, OpenStdin: true,
		Entrypoint: []string{"/bin/sh", "-c", setUp, user, marker}, WorkingDir: "/",
		Mounts: []docker.Mount{{Volume: volume, Target: boxCache}},
	}
	for k, v := range b.labels {
		spec.Labels[k] = v
	}
	if s.network == "" {
		spec.ExtraHosts = []string{"host.docker.internal:host-gateway"}
	}
	if mount {
		for _, r := range s.roots {
			spec.Mounts = append(spec.Mounts, docker.Mount{Bind: r, Target: inside(r), ReadOnly: true})
		}
		spec.Mounts = append(spec.Mounts, docker.Mount{Bind: s.temp, Target: inside(s.temp)})
	}
	id, err := s.engine.Create(ctx, spec)
	if err != nil {
		return nil, err
	}
	box := &box{engine: s.engine, id: id, temp: s.temp, user: user, copied: map[string]string{}, gone: make(chan struct{})}
	if err := box.begin(ctx); err != nil {
		box.close(ctx)
		return nil, err
	}
	if err := box.settings(ctx, s.temp); err != nil {
		box.close(ctx)
		return nil, err
	}
	return box, nil
}

// begin starts the container and waits for its first word.
func (b *box) begin(ctx context.Context) error {
	var err error
	if b.stream, err = b.engine.Attach(ctx, b.id); err != nil {
		return err
	}
	var words bytes.Buffer
	b.stream.Stderr = func(p []byte) { words.Write(p) }
	stop := context.AfterFunc(ctx, func() { b.stream.Close() })
	defer stop()
	if err := b.engine.Start(ctx, b.id); err != nil {
		close(b.gone)
		return err
	}
	out := bufio.NewReader(b.stream)
	first, err := out.ReadString('\n')
	go func() {
		defer close(b.gone)
		_, _ = out.WriteTo(&bytes.Buffer{}) // it says no more; the end of its output is its own
	}()
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("start a build container: it ended at once: %s", strings.TrimSpace(words.String()))
	}
	how, node, _ := strings.Cut(strings.TrimSpace(first), " ")
	b.shared, b.node = how == "shared", node
	return nil
}

// forget makes the next build start a container anew: this one does not answer.
func (b *box) forget() {
	b.mu.Lock()
	b.lost = true
	b.mu.Unlock()
	b.close(context.Background())
}

func (b *box) alive() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost {
		return false
	}
	select {
	case <-b.gone:
		return false
	default:
		return true
	}
}

// close removes the container, also where ctx has ended.
func (b *box) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	_ = b.engine.Remove(ctx, b.id) // where the engine is gone, the end of its input ends it
	if b.stream != nil {
		b.stream.Close()
	}
}

// cacheVolume makes the volume of an image's caches. Each image has one of its own: what is compiled for one C library does not run with another. So has
// each user of this machine.
func cacheVolume(ctx context.Context, s *boxSpec, user string) (string, error) {
	name := "emulate-build-" + hash(s.ref, s.image.Arch, user)[:16]
	return name, s.engine.CreateVolume(ctx, name, map[string]string{cacheLabel: s.ref})
}

// boxUser is who a container's commands must be for their files to be ours. An engine without root has us as its root.
func boxUser(info docker.Info) string {
	if runtime.GOOS == "windows" || info.Rootless {
		return "0:0"
	}
	return strconv.Itoa(os.Getuid()) + ":" + strconv.Itoa(os.Getgid())
}

// inside is a path as containers have it: the same, so that compilers' messages and source maps are right on both sides.
func inside(path string) string {
	if vol := filepath.VolumeName(path); vol != "" {
		return "/" + strings.ToLower(strings.TrimSuffix(vol, ":")) + filepath.ToSlash(path[len(vol):])
	}
	return path
}

// runIn is the script around every command: it notes the process, so that it can be killed, and knows a tool that is missing from one that fails.
const (
	runIn   = `echo $$ >"$0"; cd "$1" && shift || exit 126; command -v -- "$1" >/dev/null || { echo "` + notHere + `"; exit 127; }; exec "$@"`
	notHere = "emulate: this tool is not in the image"
	endIt   = `for i in 1 2 3 4 5; do read pid <"$0" && kill -9 -"$pid" && exit; sleep 0.1; done`
)

// exitError is a command's exit code.
type exitError int

func (e exitError) Error() string { return "exit status " + strconv.Itoa(int(e)) }

// run runs a command in the box. The engine starts it as the leader of a process group, which is killed when ctx ends.
func (b *box) run(ctx context.Context, c Command) ([]byte, error) {
	if err := b.bring(ctx, c); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.count++
	pidFile := fmt.Sprintf("/tmp/.emulate-%d", b.count)
	b.mu.Unlock()
	w := &lineWriter{line: c.Line}
	cmd := docker.Command{User: b.user, Env: slices.Concat(b.env, c.Env), Stdout: w,
		Args: append([]string{"/bin/sh", "-c", runIn, pidFile, inside(c.Dir)}, c.Args...)}
	if !c.Quiet {
		cmd.Stderr = w
	}
	code, err := b.exec(ctx, cmd, pidFile)
	w.flush()
	switch {
	case err != nil:
		return w.all, err
	case code == 127 && strings.TrimSpace(string(w.all)) == notHere:
		return nil, &exec.Error{Name: c.Args[0], Err: exec.ErrNotFound}
	case code != 0:
		return w.all, exitError(code)
	}
	return w.all, b.fetch(ctx, c)
}

func (b *box) exec(ctx context.Context, c docker.Command, pidFile string) (int, error) {
	type end struct {
		code int
		err  error
	}
	// The output is read to the command's end, also of one that is killed.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ended := make(chan end, 1)
	go func() {
		code, err := b.engine.Exec(inner, b.id, c)
		ended <- end{code, err}
	}()
	select {
	case e := <-ended:
		return e.code, e.err
	case <-ctx.Done():
	}
	killing, done := context.WithTimeout(inner, removeTime)
	defer done()
	_, _ = b.engine.Exec(killing, b.id, docker.Command{User: "0:0", Args: []string{"/bin/sh", "-c", endIt, pidFile}})
	select {
	case <-ended:
	case <-time.After(time.Second):
		cancel() // a process of another group holds the output
		<-ended
	}
	return 0, context.Cause(ctx)
}
