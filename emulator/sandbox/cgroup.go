package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroup is the path of a folder of Linux's cgroup v2, "" where there is none; all methods do nothing then. A cgroup holds every process that an
// environment started, those too that left the process group by setsid. No controller is used: freezing and killing are in every v2 cgroup (since
// Linux 5.14), also where the controllers are still mounted as v1.
type cgroup string

func (c cgroup) child(name string) (cgroup, error) {
	if c == "" {
		return "", nil
	}
	path := filepath.Join(string(c), name)
	return cgroup(path), os.Mkdir(path, 0o755)
}

// freeze stops all processes from running, or lets them run again. Freezing is not waited for: a process stops when it leaves the kernel.
func (c cgroup) freeze(on bool) error {
	value := "0"
	if on {
		value = "1"
	}
	return c.write("cgroup.freeze", value)
}

// kill sends SIGKILL to all processes; frozen ones die too. Afterwards the cgroup is only good for removal: some kernels then kill also what is
// started into it later.
func (c cgroup) kill() error { return c.write("cgroup.kill", "1") }

func (c cgroup) write(file, value string) error {
	if c == "" {
		return nil
	}
	// Not by package os, which would offer the file to the poller first: this may run at every invoke.
	path := string(c) + "/" + file
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	if _, err = syscall.Write(fd, []byte(value)); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// empty tells that no process is left.
func (c cgroup) empty() bool {
	if c == "" {
		return true
	}
	text, err := c.read("cgroup.events")
	return err != nil || strings.Contains(text, "populated 0")
}

// holdsOnly tells that pid is the one process.
func (c cgroup) holdsOnly(pid int) bool {
	text, err := c.read("cgroup.procs")
	return err == nil && text == strconv.Itoa(pid)+"\n"
}

// read returns the beginning of a file, enough for short ones.
func (c cgroup) read(file string) (string, error) {
	fd, err := syscall.Open(string(c)+"/"+file, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer syscall.Close(fd)
	var text [64]byte
	n, err := syscall.Read(fd, text[:])
	return string(text[:max(n, 0)]), err
}

// await waits until no process is left: the kernel takes a moment to count a killed one out.
func (c cgroup) await(limit time.Duration) error {
	var waited time.Duration
	for wait := 100 * time.Microsecond; !c.empty(); wait *= 2 {
		if waited > limit {
			return fmt.Errorf("processes %v do not end", c.pids())
		}
		time.Sleep(wait)
		waited += wait
	}
	return nil
}

// clear kills what is left, if anything is, and leaves the cgroup empty and fit to start processes in.
func (c cgroup) clear(limit time.Duration) error {
	if c.empty() {
		return nil
	}
	if err := errors.Join(c.kill(), c.await(limit)); err != nil {
		return err
	}
	return errors.Join(c.remove(), os.Mkdir(string(c), 0o755))
}

// pids are the processes of the cgroup.
func (c cgroup) pids() []int {
	if c == "" {
		return nil
	}
	text, _ := os.ReadFile(string(c) + "/cgroup.procs")
	var pids []int
	for line := range strings.Lines(string(text)) {
		if pid, err := strconv.Atoi(strings.TrimSuffix(line, "\n")); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// remove kills what is left and removes the cgroup.
func (c cgroup) remove() error {
	if c == "" {
		return nil
	}
	err := os.Remove(string(c))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		err = errors.Join(c.kill(), c.await(time.Second), os.Remove(string(c)))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove cgroup: %w", err)
	}
	return nil
}

// removeTree removes the cgroup of a dead emulator with those of its environments.
func (c cgroup) removeTree() error {
	if c == "" {
		return nil
	}
	entries, err := os.ReadDir(string(c))
	errs := []error{err}
	for _, e := range entries {
		if e.IsDir() {
			errs = append(errs, cgroup(filepath.Join(string(c), e.Name())).remove())
		}
	}
	return errors.Join(append(errs, c.remove())...)
}
