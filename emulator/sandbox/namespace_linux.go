package sandbox

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// baseNamespace moves the calling thread into a mount namespace of its own and returns a descriptor of it, -1 where that is not permitted. It
// follows the host's mounts (a slave, so that an unmounted disk is let go), and nothing that is mounted in it, or in a copy of it, is seen outside.
// Copies are slaves already: a start need not walk its mounts once more.
func baseNamespace() int {
	var before, after unix.Stat_t
	if unix.Stat("/", &before) != nil || unix.Unshare(unix.CLONE_NEWNS) != nil {
		return -1
	}
	if unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, "") != nil {
		return -1
	}
	fd, err := unix.Open(threadNamespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	// setns leads to the namespace's root, which in a chroot is another one than ours.
	if unix.Setns(fd, unix.CLONE_NEWNS) != nil || unix.Stat("/", &after) != nil || before.Dev != after.Dev || before.Ino != after.Ino {
		unix.Close(fd)
		return -1
	}
	return fd
}

// enterView moves the spawner's thread into the slot's mount namespace, or into a new one where the slot has none that shows the same. What a
// special one shows does not change: it serves one environment.
func (s *spawner) enterView(l *launch) error {
	if l.slot.namespace != 0 && l.slot.special == l.view.special() {
		fd, err := s.files.borrow(l.slot.namespace)
		if err == nil {
			defer s.files.giveBack(fd)
			err = unix.Setns(fd, unix.CLONE_NEWNS)
		}
		if err != nil {
			return fmt.Errorf("enter a mount namespace: %w", err)
		}
		return nil
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	return showView(l)
}

// keepView keeps the mount namespace of a started process for the slot's next start. A process that has ended already has none any more.
func keepView(l *launch, pid int) {
	if l.view.none() || l.slot.namespace != 0 && l.slot.special == l.view.special() {
		return
	}
	l.slot.closeNamespace()
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/mnt", pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		l.slot.namespace, l.slot.special = fd, l.view.special()
	}
}

// threadNamespace is the mount namespace of the calling thread.
const threadNamespace = "/proc/thread-self/ns/mnt"

// showView shows the environment's folder as /tmp and its layers as /opt in the thread's namespace, a copy of the base one.
func showView(l *launch) error {
	if l.view.opt != nil {
		if err := mountLayers(l.view.opt); err != nil {
			return fmt.Errorf("mount layers on /opt: %w", err)
		}
	}
	if !l.view.tmp {
		return nil
	}
	for _, path := range l.view.keep {
		if err := bindInto(l.slot.tmp, path); err != nil {
			return fmt.Errorf("keep %s in the private /tmp: %w", path, err)
		}
	}
	flags := uintptr(unix.MS_BIND)
	if len(l.view.keep) > 0 {
		flags |= unix.MS_REC
	}
	if err := unix.Mount(l.slot.tmp, "/tmp", "", flags, ""); err != nil {
		return fmt.Errorf("mount a private /tmp: %w", err)
	}
	return nil
}

// mountLayers shows one layer as it is, and several as one folder in which later layers lie above earlier ones (spec lambda.md §5.2).
func mountLayers(layers []string) error {
	if len(layers) == 1 {
		return unix.Mount(layers[0], "/opt", "", unix.MS_BIND, "")
	}
	escape := strings.NewReplacer(`\`, `\\`, ":", `\:`, ",", `\,`)
	lower := make([]string, len(layers))
	for i, layer := range layers {
		lower[len(layers)-1-i] = escape.Replace(layer)
	}
	return unix.Mount("overlay", "/opt", "overlay", unix.MS_RDONLY, "lowerdir="+strings.Join(lower, ":"))
}

// bindInto shows path, which lies under /tmp, at its place in tmp, the folder that is to be /tmp. It runs on the spawner's thread, so it makes only
// system calls (see closeAll).
func bindInto(tmp, path string) error {
	var info unix.Stat_t
	if err := unix.Stat(path, &info); err != nil {
		return err
	}
	target := filepath.Join(tmp, strings.TrimPrefix(path, "/tmp/"))
	folder := target
	if info.Mode&unix.S_IFMT != unix.S_IFDIR {
		folder = filepath.Dir(target)
	}
	for i := len(tmp) + 1; i <= len(folder); i++ {
		if i < len(folder) && folder[i] != '/' {
			continue
		}
		if err := unix.Mkdir(folder[:i], 0o755); err != nil && err != unix.EEXIST {
			return err
		}
	}
	if folder != target {
		fd, err := unix.Open(target, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
		if err != nil {
			return err
		}
		unix.Close(fd)
	}
	return unix.Mount(path, target, "", unix.MS_BIND|unix.MS_REC, "")
}
