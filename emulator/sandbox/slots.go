package sandbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// slot is what an environment has on this machine beside its processes: the folder that is its /tmp, and its cgroups.
type slot struct {
	tmp    string
	cgroup cgroup
	cpu    cpuGroup
	// memoryMB is the function's memory where that buys CPU time, else 0; joined says that the process is in the group cpu.
	memoryMB int
	joined   bool
	// namespace is a descriptor of the mount namespace that shows tmp as /tmp, 0 before the first start and where none is used. It stays for the
	// next start: the end of a namespace makes the last process in it wait for all processors before its own end is told.
	namespace int
	// special says that the namespace shows more than tmp.
	special bool
}

// slots makes, recycles and removes slots. Making and removing a folder on a journaling file system costs more than all other work of a start, so
// a slot whose folder was left empty serves again. That is only safe where the cgroup proves that no process is left in it.
type slots struct {
	dir     string
	cgroups cgroup
	cpu     cpuGroups

	mu   sync.Mutex
	next int
	free []*slot
}

// maxFree bounds what idle slots hold in the kernel.
const maxFree = 64

// tmpMode is that of /tmp (spec lambda.md §5.2).
const tmpMode = 0o777 | os.ModeSticky

func (s *slots) get() (*slot, error) {
	s.mu.Lock()
	if n := len(s.free); n > 0 {
		sl := s.free[n-1]
		s.free = s.free[:n-1]
		s.mu.Unlock()
		return sl, nil
	}
	s.next++
	name := strconv.Itoa(s.next)
	s.mu.Unlock()

	sl := &slot{tmp: filepath.Join(s.dir, name)}
	if err := os.Mkdir(sl.tmp, tmpMode); err != nil {
		return nil, err
	}
	if err := os.Chmod(sl.tmp, tmpMode); err != nil {
		return nil, err
	}
	var err error
	if sl.cgroup, err = s.cgroups.child(name); err == nil {
		sl.cpu, err = s.cpu.child(name, sl.cgroup)
	}
	if err != nil {
		return nil, errors.Join(err, sl.remove())
	}
	return sl, nil
}

// put takes back a slot whose processes have been buried, or never were.
func (s *slots) put(sl *slot) error {
	if sl.cgroup != "" && pristine(sl.tmp) {
		if sl.special {
			sl.closeNamespace()
		}
		s.mu.Lock()
		keep := len(s.free) < maxFree
		if keep {
			s.free = append(s.free, sl)
		}
		s.mu.Unlock()
		if keep {
			return nil
		}
	}
	return sl.remove()
}

func (s *slots) close() error {
	s.mu.Lock()
	free := s.free
	s.free = nil
	s.mu.Unlock()
	var errs []error
	for _, sl := range free {
		errs = append(errs, sl.remove())
	}
	return errors.Join(errs...)
}

// closeNamespace lets the kernel take down the namespace, in which no process is left.
func (sl *slot) closeNamespace() {
	if sl.namespace != 0 {
		os.NewFile(uintptr(sl.namespace), "mount namespace").Close()
		sl.namespace, sl.special = 0, false
	}
}

func (sl *slot) remove() error {
	sl.closeNamespace()
	if err := errors.Join(sl.cgroup.remove(), sl.cpu.remove(), removeAll(sl.tmp)); err != nil {
		return fmt.Errorf("remove a sandbox: %w", err)
	}
	return nil
}

// pristine tells whether a /tmp folder is as it was made.
func pristine(dir string) bool {
	f, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Mode() != tmpMode|os.ModeDir {
		return false
	}
	_, err = f.Readdirnames(1)
	return err == io.EOF
}
