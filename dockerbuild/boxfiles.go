package dockerbuild

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"example.com/emulate/emulator/docker"
)

// bring copies what a command reads into a box that does not see our files. Sources are copied again only if they changed; folders that it writes into
// are always.
func (b *box) bring(ctx context.Context, c Command) error {
	if b.shared {
		return nil
	}
	for _, dir := range c.Reads {
		state, err := treeState(dir)
		if err != nil {
			return fmt.Errorf("read sources: %w", err)
		}
		b.mu.Lock()
		same := b.copied[dir] == state
		b.mu.Unlock()
		if same {
			continue
		}
		if err := b.send(ctx, dir, within(dir, b.temp)); err != nil {
			return err
		}
		b.mu.Lock()
		b.copied[dir] = state
		b.mu.Unlock()
	}
	for _, dir := range c.Writes {
		if err := b.send(ctx, dir, true); err != nil {
			return err
		}
	}
	return nil
}

// fetch copies what a command wrote back.
func (b *box) fetch(ctx context.Context, c Command) error {
	if b.shared {
		return nil
	}
	for _, dir := range c.Writes {
		if err := emptyDir(dir); err != nil {
			return fmt.Errorf("fetch what was built: %w", err)
		}
		if err := copyOut(ctx, b.engine, b.id, inside(dir), dir); err != nil {
			return fmt.Errorf("fetch what was built: %w", err)
		}
	}
	return nil
}

// send replaces a folder of the box by ours of the same name, with its dependencies only if all is set.
func (b *box) send(ctx context.Context, dir string, all bool) error {
	to := inside(dir)
	if err := b.root(ctx, `rm -rf "$1" && mkdir -p "$1"`, to); err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(packTree(w, dir, all)) }()
	defer r.Close()
	if err := b.engine.CopyTo(ctx, b.id, to, r); err != nil {
		return err
	}
	return b.root(ctx, `chown -R "$2" "$1"`, to, b.user)
}

// root runs a line of shell in the box as root.
func (b *box) root(ctx context.Context, line string, args ...string) error {
	var out bytes.Buffer
	code, err := b.engine.Exec(ctx, b.id, docker.Command{User: "0:0", Args: append([]string{"/bin/sh", "-c", line, "sh"}, args...), Stdout: &out, Stderr: &out})
	if err == nil && code != 0 {
		err = fmt.Errorf("prepare a build container: %s", strings.TrimSpace(out.String()))
	}
	return err
}

// packTree writes a folder as a tar stream, without what is not source unless all is set.
func packTree(w io.Writer, dir string, all bool) error {
	t := tar.NewWriter(w)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && p != dir && errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir() && p != dir && !all && skipPath(p):
			return fs.SkipDir
		case p == dir || !d.IsDir() && !d.Type().IsRegular() && d.Type()&fs.ModeSymlink == 0:
			return nil
		}
		return packFile(t, dir, p, d)
	})
	return errors.Join(err, t.Close())
}

func packFile(t *tar.Writer, dir, p string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return ignoreGone(err)
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(p); err != nil {
			return ignoreGone(err)
		}
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	h.Name = filepath.ToSlash(relative(p, dir))
	if !info.Mode().IsRegular() {
		return t.WriteHeader(h)
	}
	f, err := os.Open(p)
	if err != nil {
		return ignoreGone(err)
	}
	defer f.Close()
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(t, f, h.Size)
	return err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// copyOut copies a folder or file of a container, running or not, to a folder of ours, which is there. A file keeps its name.
func copyOut(ctx context.Context, engine *docker.Engine, id, from, to string) error {
	r, err := engine.CopyFrom(ctx, id, from)
	if err != nil {
		return err
	}
	defer r.Close()
	return unpackTree(r, to)
}

// unpackTree unpacks the engine's copy of a folder, which has the folder's own name before all others. Owners are dropped: what is unpacked is ours.
func unpackTree(r io.Reader, to string) error {
	root, err := os.OpenRoot(to) // a name with .. in it cannot leave the folder
	if err != nil {
		return err
	}
	defer root.Close()
	t := tar.NewReader(r)
	for first := true; ; first = false {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		if _, rest, ok := strings.Cut(name, "/"); ok {
			name = rest
		} else if h.Typeflag == tar.TypeDir {
			continue // the folder itself
		} else if !first {
			return fmt.Errorf("unpack %s: it is no part of the folder", name)
		}
		if err := unpackEntry(root, t, h, name); err != nil {
			return fmt.Errorf("unpack %s: %w", name, err)
		}
	}
}

func unpackEntry(root *os.Root, t *tar.Reader, h *tar.Header, name string) error {
	name = filepath.FromSlash(name)
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		_, link, _ := strings.Cut(path.Clean(h.Linkname), "/")
		return root.Link(filepath.FromSlash(link), name)
	case tar.TypeReg:
	default:
		return nil // sockets, pipes and devices are no code
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, h.FileInfo().Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, t)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return root.Chtimes(name, h.ModTime, h.ModTime)
}

// emptyDir removes all that is in a folder.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// treeState tells changes of a folder by names, sizes and times.
func treeState(dir string) (string, error) {
	files, _, err := walkTree(dir)
	if err != nil {
		return "", err
	}
	parts := make([]string, 0, len(files))
	for _, f := range files {
		parts = append(parts, fmt.Sprint(f.path, f.info.Mode(), f.info.Size(), f.info.ModTime().UnixNano()))
	}
	return hash(parts...), nil
}
