package dockerbuild

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
)

// The limits of a function's code. Source: spec lambda.md §11 and §8.4.
const (
	// unzippedLimit is what the code and all layers together must stay below, unzipped.
	unzippedLimit = 262144000
	// zippedLimit is what a zip must stay below that is uploaded in the request; by way of S3 it may be larger.
	zippedLimit = 52428800
)

// Part is a part of a bundle that is counted as one: a package, a folder or a file.
type Part struct {
	// Path is a file, a folder (with a slash at its end), or a package with all its folders; "layer NAME: " goes before those of layers.
	Path string `json:"path"`
	// Bytes unzipped.
	Bytes int64 `json:"bytes"`
}

// Duplicate is several files of the same content.
type Duplicate struct {
	// Paths are the files, sorted.
	Paths []string `json:"paths"`
	// Bytes of one of them.
	Bytes int64 `json:"bytes"`
}

// wasted is what could be spared.
func (d Duplicate) wasted() int64 { return d.Bytes * int64(len(d.Paths)-1) }

// duplicateBytes is the size from which on files are compared: what is smaller saves nothing worth a word.
const duplicateBytes = 64 << 10

// findDuplicates compares the contents of files of the same size, largest waste first.
func (t *bundleTree) findDuplicates(ctx context.Context) error {
	bySize := map[int64][]string{}
	for _, f := range t.files {
		if f.size >= duplicateBytes {
			bySize[f.size] = append(bySize[f.size], f.name)
		}
	}
	type candidate struct {
		name string
		size int64
	}
	var list []candidate
	for size, names := range bySize {
		for _, name := range names {
			if len(names) > 1 {
				list = append(list, candidate{name, size})
			}
		}
	}
	var mu sync.Mutex
	byDigest := map[[32]byte]*Duplicate{}
	err := inParallel(ctx, len(list), func(i int) error {
		digest, err := contentDigest(t.path(list[i].name))
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if byDigest[digest] == nil {
			byDigest[digest] = &Duplicate{Bytes: list[i].size}
		}
		byDigest[digest].Paths = append(byDigest[digest].Paths, list[i].name)
		return err
	})
	for _, d := range byDigest {
		if len(d.Paths) > 1 {
			slices.Sort(d.Paths)
			t.duplicates = append(t.duplicates, *d)
		}
	}
	slices.SortFunc(t.duplicates, func(a, b Duplicate) int {
		return cmp.Or(cmp.Compare(b.wasted(), a.wasted()), strings.Compare(a.Paths[0], b.Paths[0]))
	})
	return err
}

func contentDigest(name string) (digest [32]byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return digest, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 256<<10)); err != nil {
		return digest, err
	}
	return [32]byte(h.Sum(nil)), nil
}

// parts sums up a tree by packages and folders.
func (t *bundleTree) parts() []Part {
	sums := map[string]int64{}
	var rest []*bundleFile
	for i := range t.files {
		f := &t.files[i]
		if p := t.packageOf(f.name); p != "" {
			sums[p] += f.size
		} else {
			rest = append(rest, f)
		}
	}
	t.byFolder("", rest, sums)
	var list []Part
	for p, bytes := range sums {
		list = append(list, Part{p, bytes})
	}
	sortParts(list)
	return list
}

func sortParts(list []Part) {
	slices.SortFunc(list, func(a, b Part) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Path, b.Path)) })
}

// packageOf is the dependency that a file belongs to, "" where it is the user's own: the outermost package below node_modules, or a Python package
// with its libraries and its metadata.
func (t *bundleTree) packageOf(name string) string {
	if i := strings.Index("/"+name, "/node_modules/"); i >= 0 {
		before, after := name[:i], name[i+len("node_modules/"):]
		parts := strings.SplitN(after, "/", 3)
		if strings.HasPrefix(after, "@") && len(parts) > 1 {
			return before + "node_modules/" + parts[0] + "/" + parts[1]
		}
		return before + "node_modules/" + parts[0]
	}
	for dir := name; dir != "."; dir = path.Dir(dir) {
		if p := t.python[dir]; p != "" {
			return p
		}
	}
	return ""
}

// byFolder sums up files by the folders that they lie in. A folder that makes more than half of everything tells nothing, so it is looked into.
func (t *bundleTree) byFolder(prefix string, files []*bundleFile, sums map[string]int64) {
	groups := map[string][]*bundleFile{}
	bytes := map[string]int64{}
	for _, f := range files {
		first, _, deeper := strings.Cut(f.name[len(prefix):], "/")
		p := prefix + first
		if deeper {
			p += "/"
			groups[p] = append(groups[p], f)
		}
		bytes[p] += f.size
	}
	for p, n := range bytes {
		if deep := strings.Count(p, "/"); strings.HasSuffix(p, "/") && n > t.size/2 && deep < 5 {
			t.byFolder(p, groups[p], sums)
			continue
		}
		sums[p] += n
	}
}
