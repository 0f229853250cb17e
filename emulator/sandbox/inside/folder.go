package inside

import (
	"io/fs"
	"os"
	"path/filepath"
)

// maxEntries bounds how much of a folder FolderSize looks at.
const maxEntries = 20_000

// FolderSize is what the files below dir hold, in bytes: all of them, or the first 20,000.
func FolderSize(dir string) (size int64) {
	entries := 0
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if entries++; entries > maxEntries {
			return fs.SkipAll
		}
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size
}

// Empty removes all that is in dir, which stays. Folders without permissions are opened first.
func Empty(dir string) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if path != dir && d != nil && d.IsDir() && err == nil {
			os.Chmod(path, 0o700) // what cannot be is not ours
		}
		return nil
	})
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		os.RemoveAll(filepath.Join(dir, e.Name()))
	}
}
