package inside

import (
	"io/fs"
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
