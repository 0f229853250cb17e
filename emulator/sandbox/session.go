package sandbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// session is the folder of one emulator's environments. Its lock file is locked as long as the emulator lives, so that the next one can tell a
// leftover from a neighbour. The file's lines are the path of the emulator's cgroup, and how those of its environments' CPU groups begin.
type session struct {
	dir  string
	lock *os.File
}

const (
	sessionPrefix = "emulate-sandbox-"
	lockName      = "lock"
)

// openSession makes a session's folder in temp. A sweep of another emulator may take a folder between its making and its locking; then another
// one is made.
func openSession(temp string) (*session, error) {
	for {
		dir, err := os.MkdirTemp(temp, sessionPrefix)
		if err != nil {
			return nil, err
		}
		lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if lockFile(lock) {
			return &session{dir: dir, lock: lock}, nil
		}
		lock.Close()
	}
}

// note keeps the cgroups' paths for the sweep of a later emulator.
func (s *session) note(c cgroup, g cpuGroups) error {
	_, err := s.lock.WriteString(string(c) + "\n" + g.prefix)
	return err
}

func (s *session) close() error {
	s.lock.Close()
	return removeAll(s.dir)
}

// sweep removes what emulators left in temp that died together with their watchdogs. Folders of other users cannot be opened, and stay.
func sweep(temp string, now time.Time) {
	dirs, _ := filepath.Glob(filepath.Join(temp, sessionPrefix+"*"))
	for _, dir := range dirs {
		path := filepath.Join(dir, lockName)
		text, err := os.ReadFile(path)
		if err != nil {
			// Not locked yet, or half removed.
			if info, err := os.Lstat(dir); err == nil && info.IsDir() && now.Sub(info.ModTime()) > time.Minute {
				os.Remove(dir)
			}
			continue
		}
		if !claim(path) {
			continue
		}
		groups, cpu, _ := strings.Cut(string(text), "\n")
		if isSession(groups) {
			cgroup(groups).removeTree()
		}
		if isSession(cpu) {
			cpuGroups{prefix: cpu}.removeAll()
		}
		removeAll(dir)
	}
}

func isSession(path string) bool { return strings.HasPrefix(filepath.Base(path), sessionPrefix) }

// removeAll is os.RemoveAll for a folder in which a handler may have taken away permissions.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
