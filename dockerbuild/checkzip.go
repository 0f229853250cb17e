package dockerbuild

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// zipLevel is the level of compression that zip tools take unless told otherwise.
	zipLevel = 6
	// zipChunk is how much of a large file is compressed at once, so that one huge file keeps all processors busy. What compression loses at the
	// borders is far below a thousandth.
	zipChunk = 8 << 20
	// zipCached is the size from which on looking a file up is cheaper than compressing it.
	zipCached = 4 << 10
	// zipEntry and zipEnd are the bytes that a zip has for every file beside its content and, twice, its name; and once at its end.
	zipEntry, zipEnd = 30 + 46, 22
)

// zipSize tells how large a zip of the folder would be. Compressed sizes of files are remembered by the files' contents.
func (t *bundleTree) zipSize(ctx context.Context, cacheDir string) (int64, error) {
	memory := newZipMemory(cacheDir, t.root)
	digests := make([][32]byte, len(t.files))
	err := inParallel(ctx, len(t.files), func(i int) (err error) {
		if f := &t.files[i]; f.link == "" && f.size >= zipCached {
			digests[i], err = contentDigest(t.path(f.name))
		}
		return vanished(err)
	})
	if err != nil {
		return 0, fmt.Errorf("compress the bundle: %w", err)
	}
	sums := make([]atomic.Int64, len(t.files))
	jobs := t.zipJobs(func(i int) bool {
		size, known := memory.sizes[digests[i]]
		known = known && size >= 0 && t.files[i].size >= zipCached
		if known {
			sums[i].Store(size)
		}
		return known
	})
	writers := sync.Pool{New: func() any { return newDeflater() }}
	err = inParallel(ctx, len(jobs), func(i int) error {
		j := jobs[i]
		d := writers.Get().(*deflater)
		defer writers.Put(d)
		n, err := d.size(t.path(t.files[j.file].name), j.at)
		sums[j.file].Add(n)
		return vanished(err)
	})
	if err != nil {
		return 0, fmt.Errorf("compress the bundle: %w", err)
	}
	total := int64(zipEnd)
	for i := range t.files {
		f := &t.files[i]
		total += zipEntry + 2*int64(len(f.name)) + min(sums[i].Load(), f.size) + int64(len(f.link))
		if f.size >= zipCached {
			memory.put(digests[i], sums[i].Load())
		}
	}
	memory.save()
	return total, nil
}

// vanished forgives files that have gone meanwhile, or may not be read, of which other findings tell.
func vanished(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// zipJob is a part of a file to be compressed.
type zipJob struct {
	file     int
	at, size int64
}

// zipJobs lists what is to be compressed, large parts first, so that no processor is left with the longest at the end.
func (t *bundleTree) zipJobs(known func(i int) bool) []zipJob {
	var jobs []zipJob
	for i := range t.files {
		f := &t.files[i]
		if f.link != "" || f.size == 0 || known(i) {
			continue
		}
		for at := int64(0); at < f.size; at += zipChunk {
			jobs = append(jobs, zipJob{i, at, min(zipChunk, f.size-at)})
		}
	}
	slices.SortStableFunc(jobs, func(a, b zipJob) int { return cmp.Compare(b.size, a.size) })
	return jobs
}

// deflater measures compressed sizes. It is used again and again: one has more than a megabyte of tables.
type deflater struct {
	count  counter64
	writer *flate.Writer
	buf    []byte
}

type counter64 int64

func (c *counter64) Write(p []byte) (int, error) {
	*c += counter64(len(p))
	return len(p), nil
}

func newDeflater() *deflater {
	d := &deflater{buf: make([]byte, 64<<10)}
	d.writer, _ = flate.NewWriter(&d.count, zipLevel) // the level is a good one
	return d
}

// size compresses a part of a file.
func (d *deflater) size(name string, at int64) (int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	d.count = 0
	d.writer.Reset(&d.count)
	part := io.NewSectionReader(f, at, zipChunk)
	if _, err := io.CopyBuffer(struct{ io.Writer }{d.writer}, struct{ io.Reader }{part}, d.buf); err != nil {
		return 0, err
	}
	return int64(d.count), d.writer.Close()
}

// zipMemory remembers the compressed sizes of one folder's files, by the digests of their contents. What the folder no longer holds is forgotten at
// each save, and the whole when it is unused for two weeks, as all records of the cache.
type zipMemory struct {
	file  string
	sizes map[[32]byte]int64
	next  map[[32]byte]int64
}

func newZipMemory(cacheDir, root string) *zipMemory {
	m := &zipMemory{sizes: map[[32]byte]int64{}, next: map[[32]byte]int64{}}
	if cacheDir == "" {
		return m
	}
	m.file = filepath.Join(cacheDir, "records", "zip-"+hash(root)+".bin")
	data, err := os.ReadFile(m.file)
	if err != nil {
		return m
	}
	for len(data) >= 40 {
		m.sizes[[32]byte(data)] = int64(binary.LittleEndian.Uint64(data[32:]))
		data = data[40:]
	}
	return m
}

func (m *zipMemory) put(digest [32]byte, size int64) { m.next[digest] = size }

// save writes what was put. A cache that cannot be written only costs time.
func (m *zipMemory) save() {
	if m.file == "" || len(m.next) == 0 {
		return
	}
	var b bytes.Buffer
	for digest, size := range m.next {
		b.Write(digest[:])
		_ = binary.Write(&b, binary.LittleEndian, size) // into memory
	}
	dir := filepath.Dir(m.file)
	if os.MkdirAll(dir, 0o755) == nil {
		_ = writeAtomic(dir, m.file, b.Bytes())
	}
}
