//go:build unix

package sandbox

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile locks f for as long as it is open, and tells whether it could and the file is still there.
func lockFile(f *os.File) bool {
	var st unix.Stat_t
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && unix.Fstat(int(f.Fd()), &st) == nil && st.Nlink > 0
}

// claim removes the lock file of a session unless an emulator that lives holds it.
func claim(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return lockFile(f) && os.Remove(path) == nil
}
