package dockerbuild

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// racy is the coarsest file time that is in use (FAT). A file changed so shortly before it was looked at may change again without its time
// telling, so its content is compared.
const racy = 2 * time.Second

// record is what the last build of one source looked at and what came out. While nothing of that has changed, the artifact is still right and no
// tool needs to run.
type record struct {
	// Settings identifies all that is not a file: recipe, flags, environment, tool.
	Settings string
	Snapshot snapshot
	Artifact Artifact
	// Cgo says that a Go program was built with cgo.
	Cgo bool `json:",omitempty"`
}

// snapshot is the state of files and folders at one time.
type snapshot struct {
	Files map[string]fileState
	// Dirs tells which names a folder held, so that a new file is noticed.
	Dirs map[string]dirState
}

// fileState is one file. A missing file has Size -1: that it is missing may matter, too (go.work in a parent folder).
type fileState struct {
	Size  int64
	MTime int64 // ns
	// Racy files are compared by content.
	Racy bool
	// Hash of the content; "" never equals anything.
	Hash string
	// Head is a hash of what decides on other inputs: a Go file's build constraints, imports and embed patterns.
	Head string `json:",omitempty"`
}

type dirState struct {
	// All counts every name, else only those that goSource accepts.
	All   bool
	Names string
}

func newSnapshot() snapshot {
	return snapshot{Files: map[string]fileState{}, Dirs: map[string]dirState{}}
}

// addFile looks at a file, which may be missing.
func (s snapshot) addFile(path string) {
	if _, ok := s.Files[path]; !ok {
		s.Files[path] = readState(path)
	}
}

// addDir looks at the names in a folder.
func (s snapshot) addDir(path string, all bool) {
	all = all || s.Dirs[path].All
	s.Dirs[path] = dirState{All: all, Names: names(path, all)}
}

// compare looks at everything again. now is the same snapshot at this time; changed are the paths whose content differs.
func (s snapshot) compare() (now snapshot, changed []string) {
	now = newSnapshot()
	for path, old := range s.Files {
		st, err := os.Stat(path)
		if !old.Racy && old.Hash != "" && sameStat(old, st, err) {
			now.Files[path] = old
			continue
		}
		cur := readState(path)
		if cur.Hash != old.Hash || cur.Hash == "" {
			changed = append(changed, path)
		}
		now.Files[path] = cur
	}
	for path, old := range s.Dirs {
		cur := dirState{All: old.All, Names: names(path, old.All)}
		if cur != old {
			changed = append(changed, path)
		}
		now.Dirs[path] = cur
	}
	sort.Strings(changed)
	return now, changed
}

// keep takes over the states that were seen before a build; what was first seen after it and is so new that it may have changed during the build is
// noted without a hash, so that the next call builds again.
func (s snapshot) keep(before snapshot, begun time.Time) {
	for path, st := range s.Files {
		if old, ok := before.Files[path]; ok {
			st = old
		} else if st.Size >= 0 && st.MTime > begun.Add(-20*time.Millisecond).UnixNano() {
			st.Hash = ""
		}
		s.Files[path] = st
	}
	for path, st := range before.Dirs {
		if cur, ok := s.Dirs[path]; ok && cur.All == st.All {
			s.Dirs[path] = st
		}
	}
}

func (s snapshot) equal(o snapshot) bool {
	for p, st := range s.Files {
		if o.Files[p] != st {
			return false
		}
	}
	return true
}

func sameStat(old fileState, st fs.FileInfo, err error) bool {
	if err != nil {
		return old.Size == -1 && errors.Is(err, fs.ErrNotExist)
	}
	return old.Size == st.Size() && old.MTime == st.ModTime().UnixNano()
}

// readState takes the time of a file before its content, so that a change in between shows at the next look.
func readState(path string) fileState {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fileState{Size: -1, Hash: "missing"}
	}
	if err != nil || !st.Mode().IsRegular() {
		return fileState{Size: -2, Hash: "special"}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fileState{Size: st.Size()}
	}
	s := fileState{Size: st.Size(), MTime: st.ModTime().UnixNano(), Racy: time.Since(st.ModTime()) < racy, Hash: hash(string(content))}
	if strings.HasSuffix(path, ".go") {
		s.Head = goHead(content)
	}
	return s
}

func names(dir string, all bool) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "missing"
	}
	var b strings.Builder
	for _, e := range entries {
		if all || goSource(e.Name()) {
			b.WriteString(e.Name())
			b.WriteByte(0)
		}
	}
	return hash(b.String())
}

func (s *store) recordPath(key string) string {
	return filepath.Join(s.dir, "records", key+".json")
}

// record reads the record of a source; nil where there is none that fits or its artifact is gone.
func (s *store) record(key, settings string) *record {
	path := s.recordPath(key)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var r record
	if json.Unmarshal(b, &r) != nil || r.Settings != settings || r.Snapshot.Files == nil || r.Snapshot.Dirs == nil {
		return nil
	}
	return &r
}

// valid says whether all of the cache that the artifact stands on is still there, and stamps it as used.
func (s *store) valid(a *Artifact) bool {
	for _, dir := range append([]string{a.Dir}, append(a.NodePath, a.PythonPath...)...) {
		rel, err := filepath.Rel(s.dir, dir)
		if err != nil || strings.HasPrefix(rel, "..") {
			continue
		}
		parts := strings.SplitN(filepath.ToSlash(rel), "/", 3)
		if len(parts) < 2 {
			return false
		}
		if _, ok := s.get(parts[0], parts[1]); !ok {
			return false
		}
	}
	return true
}

func (s *store) saveRecord(key string, r *record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write build record: %w", err)
	}
	return writeAtomic(filepath.Join(s.dir, "tmp"), s.recordPath(key), b)
}

// writeAtomic writes a file by way of a temporary one, so that a reader sees the old or the new one.
func writeAtomic(tmpDir, path string, content []byte) error {
	f, err := os.CreateTemp(tmpDir, "")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, werr := f.Write(content)
	if err := errors.Join(werr, f.Chmod(0o644), f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// hash makes a short name from strings; their borders count.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// touchRecord keeps a record in use from being pruned. Its file time is its stamp.
func (s *store) touchRecord(key string) {
	now := time.Now()
	if st, err := os.Stat(s.recordPath(key)); err == nil && now.Sub(st.ModTime()) > touchEvery {
		_ = os.Chtimes(s.recordPath(key), now, now)
	}
}
