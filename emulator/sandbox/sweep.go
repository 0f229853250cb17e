package sandbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Sweep removes the folders in temp, "" for os.TempDir(), of emulators of this user that died together with their watchdogs. It returns the paths and
// the bytes of those that it removed, and how many belong to emulators that live.
func Sweep(temp string) (removed map[string]int64, living int) {
	if temp == "" {
		temp = os.TempDir()
	}
	removed = map[string]int64{}
	dirs, _ := filepath.Glob(filepath.Join(temp, sessionPrefix+"*"))
	for _, dir := range dirs {
		removed[dir] = Bytes(dir)
	}
	sweep(temp, time.Now())
	for dir := range removed {
		if _, err := os.Lstat(dir); err != nil {
			continue
		}
		delete(removed, dir)
		// A lock file that this user can read, and sweep could not claim, is held.
		if _, err := os.ReadFile(filepath.Join(dir, lockName)); err == nil {
			living++
		}
	}
	return removed, living
}

// Bytes adds up the files of a folder, as far as they can be seen.
func Bytes(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}

// RemoveAll is os.RemoveAll for a folder in which permissions were taken away, as Go's module cache does.
func RemoveAll(dir string) error { return removeAll(dir) }
