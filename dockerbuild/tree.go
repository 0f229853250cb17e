package dockerbuild

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	// smallFiles and smallBytes bound what treeDigest reads whole; above them it goes by size and time.
	smallFiles = 300
	smallBytes = 4 << 20
	// treeFiles bounds what treeDigest looks at, in the order of names: changes beyond do not show in a digest.
	treeFiles = 50_000
	// zipBytes bounds what is unpacked: AWS takes 250 MB of code and layers, unpacked.
	zipBytes = 1 << 30
)

// skipDir says which folders are not the user's source: version control, dependencies, compiled Python, SAM's output and ours.
func skipDir(name string) bool {
	switch name {
	case ".git", "node_modules", "__pycache__", ".aws-sam", outputParent:
		return true
	}
	return false
}

// skipPath says whether a folder is not source: by its name, or because a tool has marked it as its own output (cargo's target, Python's virtual
// environments, caches of test tools).
func skipPath(path string) bool {
	switch name := filepath.Base(path); name {
	case "target", "venv", ".venv", "env", ".tox", ".nox", ".pytest_cache", ".mypy_cache", ".ruff_cache":
		return isFile(filepath.Join(path, "CACHEDIR.TAG")) || isFile(filepath.Join(path, "pyvenv.cfg"))
	default:
		return skipDir(name)
	}
}

type treeFile struct {
	path string
	info fs.FileInfo
}

// treeDigest identifies what a folder holds. A small tree goes by names and contents, so that touching a file changes nothing; a large one by names,
// sizes and times. Of node_modules only the time and npm's own mark are looked at: an install changes them.
func treeDigest(dir string) (string, error) { return digestTree(dir, false) }

// treeDigest of a build for Lambda goes by contents, however large the tree is: equal sources have equal digests on every machine. Of node_modules only
// npm's mark counts.
func (j *job) treeDigest(dirs ...string) (string, error) {
	var parts []string
	for _, dir := range dirs {
		digest, err := digestTree(dir, j.lambda)
		if err != nil {
			return "", err
		}
		parts = append(parts, digest)
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return hash(parts...), nil
}

func digestTree(dir string, exact bool) (string, error) {
	files, size, err := walkTree(dir)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	small := exact || len(files) <= smallFiles && size <= smallBytes
	for _, f := range files {
		rel, _ := filepath.Rel(dir, f.path)
		fmt.Fprintf(h, "%q %v ", rel, f.info.Mode())
		switch {
		case exact && f.info.IsDir():
		case exact && inModules(rel) && !f.info.Mode().IsRegular():
		case f.info.IsDir() && skipDir(f.info.Name()):
			fmt.Fprintf(h, "%d", f.info.ModTime().UnixNano())
		case f.info.IsDir():
		case f.info.Mode()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(f.path)
			fmt.Fprintf(h, "%q", to)
		case small && f.info.Mode().IsRegular():
			fmt.Fprintf(h, "%d ", f.info.Size())
			if err := copyTo(h, f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
		default:
			fmt.Fprintf(h, "%d %d", f.info.Size(), f.info.ModTime().UnixNano())
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// walkTree lists a folder in the order of names, without what lies in skipped folders. Files that go away meanwhile are left out.
func walkTree(dir string) (files []treeFile, size int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path != dir && errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		skip := d.IsDir() && path != dir && skipPath(path)
		info, err := d.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist) || path == dir:
			return nil
		case err != nil:
			return err
		case skip && d.Name() == "node_modules":
			files = append(files, treeFile{path, info})
			mark := filepath.Join(path, ".package-lock.json")
			if info, err := os.Lstat(mark); err == nil {
				files = append(files, treeFile{mark, info})
			}
			return fs.SkipDir
		case skip:
			return fs.SkipDir
		}
		files = append(files, treeFile{path, info})
		size += info.Size()
		if len(files) >= treeFiles {
			return fs.SkipAll
		}
		return nil
	})
	return files, size, err
}

func copyTo(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// copyTree copies a folder without version control and SAM's output; dependencies only if all is set. Symbolic links stay links: one that leads
// out of the folder is made absolute.
func copyTree(from, to string, all bool) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		dest := filepath.Join(to, rel)
		switch {
		case d.IsDir() && path != from && skipPath(path) && (!all || d.Name() == ".git" || d.Name() == ".aws-sam" || d.Name() == outputParent):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(dest, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			return copyLink(from, path, dest)
		case d.Type().IsRegular():
			return copyFile(path, dest)
		}
		return nil // sockets and pipes are no code
	})
}

func copyLink(root, path, dest string) error {
	to, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(to) {
		if abs := filepath.Join(filepath.Dir(path), to); !within(abs, root) {
			to = abs
		}
	}
	return os.Symlink(to, dest)
}

func copyFile(path, dest string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(dest, os.O_WRONLY|os.O_CREATE|os.O_EXCL, st.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return os.Chtimes(dest, st.ModTime(), st.ModTime())
}

// unzip unpacks a zip file into the cache, once per content.
func (j *job) unzip(ctx context.Context, path string) (dir, digest string, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", "", j.fail("unpack "+filepath.Base(path), err.Error(), "", err)
	}
	digest = hash("zip", path, fmt.Sprint(st.Size(), st.ModTime().UnixNano()))
	dir, err = j.store.put(ctx, "zip", digest, func(tmp string) error { return extract(path, tmp) })
	if err != nil {
		return "", "", j.fail("unpack "+filepath.Base(path), err.Error(), "The code must be a folder or a zip file.", err)
	}
	return dir, digest, nil
}

func extract(path, to string) error {
	r, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer r.Close()
	root, err := os.OpenRoot(to) // a name with .. in it cannot leave the folder
	if err != nil {
		return err
	}
	defer root.Close()
	left := int64(zipBytes)
	for _, f := range r.File {
		if err := extractFile(root, f, &left); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func extractFile(root *os.Root, f *zip.File, left *int64) error {
	name := filepath.FromSlash(f.Name)
	if strings.HasSuffix(f.Name, "/") {
		return root.MkdirAll(filepath.Clean(name), 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	if f.Mode()&fs.ModeSymlink != 0 {
		to, err := io.ReadAll(io.LimitReader(in, 4096))
		if err != nil {
			return err
		}
		return root.Symlink(string(to), name)
	}
	// Zips made on Windows carry no permissions; AWS wants files readable by all.
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, f.Mode().Perm()&0o755|0o644)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, io.LimitReader(in, *left+1))
	if *left -= n; *left < 0 {
		err = fmt.Errorf("the archive is larger than %d bytes", int64(zipBytes))
	}
	return errors.Join(err, out.Close())
}

// executable says whether a file may be run. Windows has no such bit.
func executable(st fs.FileInfo) bool {
	return runtime.GOOS == "windows" || st.Mode().Perm()&0o111 != 0
}
