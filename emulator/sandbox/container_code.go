package sandbox

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/lambda"
)

// mountCode shows the code at /var/task, the layers at /opt, and dependencies that a build installed outside the code: mounted where containers see
// our files, else from volumes.
func (w *world) mountCode(ctx context.Context, p *blueprint, code lambda.Code) error {
	if code.Dir != "" {
		if err := w.mount(ctx, p, taskRoot, code.Digest, code.Dir); err != nil {
			return err
		}
	}
	if len(code.Layers) > 0 {
		if err := w.mount(ctx, p, "/opt", "", code.Layers...); err != nil {
			return err
		}
	}
	for _, paths := range []*[]string{&p.code.NodePath, &p.code.PythonPath} {
		inContainer := make([]string, len(*paths))
		for i, dir := range *paths {
			inContainer[i] = fmt.Sprintf("/var/dependencies/%d/%s", i, filepath.Base(dir))
			if err := w.mount(ctx, p, inContainer[i], "", dir); err != nil {
				return err
			}
		}
		*paths = inContainer
	}
	return nil
}

// mount shows folders at target, later ones above earlier ones. Digest changes when they do; "" where that has to be found out.
func (w *world) mount(ctx context.Context, p *blueprint, target, digest string, dirs ...string) error {
	m := docker.Mount{Target: target, ReadOnly: true}
	if w.doors != nil && len(dirs) == 1 && w.openToAll(dirs[0]) {
		m.Bind = dirs[0]
		p.container.Mounts = append(p.container.Mounts, m)
		return nil
	}
	tree, err := treeOf(dirs...)
	if err != nil {
		return fmt.Errorf("read what is to be %s: %w", target, err)
	}
	if digest == "" {
		if digest, err = digestOf(tree); err != nil {
			return fmt.Errorf("read what is to be %s: %w", target, err)
		}
	}
	var c *treeCopy
	if w.doors != nil {
		c, err = w.copies.merged(ctx, target+digest, tree)
	} else {
		c, err = w.copies.volume(ctx, p.image.ID, target+digest, tree)
	}
	if err != nil {
		return err
	}
	if p.copies = append(p.copies, c); w.doors != nil {
		m.Bind = c.name
	} else {
		m.Volume = c.name
	}
	p.container.Mounts = append(p.container.Mounts, m)
	return nil
}

// openToAll tells whether a container's user, who is nobody on this machine, may look into a folder. One that is not is copied, and that is said.
func (w *world) openToAll(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil || info.Mode()&0o005 == 0o005 {
		return true
	}
	w.c.told.once(w.c, "closed "+dir, fmt.Sprintf("folder %s is closed to other users (mode %04o), and to those of containers: they get a copy; chmod o+rx spares that", dir, info.Mode().Perm()))
	return false
}

// entry is a file, folder or link of a tree: its slash-separated name in it, and where it is.
type entry struct{ name, path string }

// treeOf reads folders, later ones above earlier ones: of equal names the last stays.
func treeOf(dirs ...string) ([]entry, error) {
	var tree []entry
	index := map[string]int{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
			if err != nil || file == dir {
				return err
			}
			rel, err := filepath.Rel(dir, file)
			if err != nil {
				return err
			}
			e := entry{name: filepath.ToSlash(rel), path: file}
			if i, twice := index[e.name]; twice {
				tree[i] = e
				return nil
			}
			index[e.name] = len(tree)
			tree = append(tree, e)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return tree, nil
}

// digestOf is that of names, kinds, sizes and times: contents are not read.
func digestOf(tree []entry) (string, error) {
	sum := sha256.New()
	for _, e := range tree {
		info, err := os.Lstat(e.path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%q %q %v %d %d\n", e.name, e.path, info.Mode(), info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(sum.Sum(nil))[:32], nil
}

// copyTree makes a folder with all of the tree, open to all.
func copyTree(ctx context.Context, dir string, tree []entry) error {
	if err := openFolder(dir); err != nil {
		return err
	}
	for _, e := range tree {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := copyEntry(e, filepath.Join(dir, filepath.FromSlash(e.name))); err != nil {
			return err
		}
	}
	return nil
}

func copyEntry(e entry, to string) error {
	info, err := os.Lstat(e.path)
	if err != nil {
		return err
	}
	switch info.Mode().Type() {
	case fs.ModeDir:
		return openFolder(to)
	case fs.ModeSymlink:
		target, err := os.Readlink(e.path)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case 0:
		mode := info.Mode().Perm() | 0o444
		if mode&0o111 != 0 {
			mode |= 0o111
		}
		return copyFile(e.path, to, mode)
	}
	return nil // sockets and devices are no part of a layer
}

// openFolder makes a folder that is open to all, whatever the umask.
func openFolder(dir string) error { return errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755)) }

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Close())
}

// writeTar writes the tree as root's, below a folder of that name.
func writeTar(w io.Writer, folder string, tree []entry) error {
	t := tar.NewWriter(w)
	for _, e := range tree {
		if err := writeTarEntry(t, folder, e); err != nil {
			return err
		}
	}
	return t.Close()
}

func writeTarEntry(t *tar.Writer, folder string, e entry) error {
	info, err := os.Lstat(e.path)
	if err != nil {
		return err
	}
	target := ""
	if info.Mode().Type() == fs.ModeSymlink {
		if target, err = os.Readlink(e.path); err != nil {
			return err
		}
	}
	head, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return nil // a socket, which is no part of code
	}
	head.Name = path.Join(folder, e.name)
	if info.IsDir() {
		head.Name += "/"
	}
	head.Uid, head.Gid, head.Uname, head.Gname, head.Format = 0, 0, "", "", tar.FormatPAX
	if err := t.WriteHeader(head); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(e.path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(t, f)
	return err
}
