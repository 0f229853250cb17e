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
	"strings"
	"sync"

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
	if w.doors != nil {
		m.Bind, err = w.merged(digest, tree)
	} else {
		m.Volume, err = w.volumes.filled(ctx, p.image.ID, target+digest, tree)
	}
	p.container.Mounts = append(p.container.Mounts, m)
	return err
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

// merged is a folder of the session with all of the tree, open to all.
func (w *world) merged(digest string, tree []entry) (string, error) {
	w.looking.Lock()
	defer w.looking.Unlock()
	dir := filepath.Join(w.session.dir, "merged-"+digest)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	temporary := dir + ".tmp"
	err := openFolder(temporary)
	for _, e := range tree {
		if err != nil {
			break
		}
		err = copyEntry(e, filepath.Join(temporary, filepath.FromSlash(e.name)))
	}
	if err == nil {
		err = os.Rename(temporary, dir)
	}
	if err != nil {
		return "", fmt.Errorf("merge layers: %w", err)
	}
	return dir, nil
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

// volumes are those that stand in for this machine's folders where containers do not see them: one for each content, filled once.
type volumes struct {
	w  *world
	mu sync.Mutex
	// made are filled or being filled; sticky the images whose own /tmp is fit to be copied into a volume.
	made   map[string]*filling
	sticky map[string]bool
}

type filling struct {
	once sync.Once
	err  error
}

// filled is the name of a volume with the tree. A helper of the image, which never runs, takes the files.
func (v *volumes) filled(ctx context.Context, image, key string, tree []entry) (string, error) {
	sum := sha256.Sum256([]byte(key))
	name := fmt.Sprintf("%s%x", v.w.prefix, sum[:8])
	v.mu.Lock()
	if v.made == nil {
		v.made = map[string]*filling{}
	}
	f := v.made[name]
	if f == nil {
		f = &filling{}
		v.made[name] = f
	}
	v.mu.Unlock()
	f.once.Do(func() { f.err = v.fill(ctx, image, name, tree) })
	if f.err != nil { // the next one tries again
		v.mu.Lock()
		if v.made[name] == f {
			delete(v.made, name)
		}
		v.mu.Unlock()
		return "", fmt.Errorf("bring files to the engine: %w", f.err)
	}
	return name, nil
}

func (v *volumes) fill(ctx context.Context, image, name string, tree []entry) error {
	return v.help(ctx, image, name, func(helper string) error {
		r, w := io.Pipe()
		go func() { w.CloseWithError(writeTar(w, "", tree)) }()
		defer r.Close()
		return v.w.engine.CopyTo(ctx, helper, helpAt, r)
	})
}

// helpAt is where a helper has the volume.
const helpAt = "/volume"

// help makes the volume and a container that has it.
func (v *volumes) help(ctx context.Context, image, name string, do func(helper string) error) error {
	if err := v.w.engine.CreateVolume(ctx, name, v.w.labels); err != nil {
		return err
	}
	s := docker.Spec{Image: image, Entrypoint: []string{"/none"}, Labels: v.w.labels, Network: "none", Mounts: []docker.Mount{{Volume: name, Target: helpAt}}}
	helper, err := v.w.engine.Create(ctx, s)
	if err != nil {
		return err
	}
	return errors.Join(do(helper), v.w.engine.Remove(context.WithoutCancel(ctx), helper))
}

// tmp makes the volume that is to be an environment's /tmp. The engine copies what the image has there into it, with its mode; where that is not
// AWS's, the mode is set.
func (v *volumes) tmp(ctx context.Context, image, name string) error {
	v.mu.Lock()
	sticky, known := v.sticky[image]
	if !known {
		var err error
		if sticky, err = v.looksSticky(ctx, image); err != nil {
			v.mu.Unlock()
			return err
		}
		if v.sticky == nil {
			v.sticky = map[string]bool{}
		}
		v.sticky[image] = sticky
	}
	v.mu.Unlock()
	if sticky {
		return v.w.engine.CreateVolume(ctx, name, v.w.labels)
	}
	return v.help(ctx, image, name, func(helper string) error {
		r, w := io.Pipe()
		go func() {
			t := tar.NewWriter(w)
			err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(helpAt, "/") + "/", Mode: 0o1777})
			w.CloseWithError(errors.Join(err, t.Close()))
		}()
		defer r.Close()
		return v.w.engine.CopyTo(ctx, helper, "/", r)
	})
}

// looksSticky tells whether an image's /tmp is open to all.
func (v *volumes) looksSticky(ctx context.Context, image string) (bool, error) {
	id, err := v.w.engine.Create(ctx, docker.Spec{Image: image, Entrypoint: []string{"/none"}, Labels: v.w.labels, Network: "none"})
	if err != nil {
		return false, fmt.Errorf("look into an image: %w", err)
	}
	defer v.w.engine.Remove(context.WithoutCancel(ctx), id)
	head, _, err := firstOf(ctx, v.w.engine, id, "/tmp")
	if err != nil || head == nil {
		return false, err
	}
	return head.Typeflag == tar.TypeDir && head.Mode&0o1777 == 0o1777, nil
}

// firstOf is the first entry of what a container has under a path, and its content where it is small; nil where there is nothing.
func firstOf(ctx context.Context, engine *docker.Engine, id, path string) (*tar.Header, []byte, error) {
	r, err := engine.CopyFrom(ctx, id, path)
	var known *docker.Error
	if errors.As(err, &known) && known.Kind == docker.NotFound {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	t := tar.NewReader(r)
	head, err := t.Next()
	if err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(io.LimitReader(t, 1<<20))
	return head, content, err
}

func readFrom(ctx context.Context, engine *docker.Engine, id, path string) ([]byte, error) {
	_, content, err := firstOf(ctx, engine, id, path)
	return content, err
}
