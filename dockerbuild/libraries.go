package dockerbuild

import (
	"archive/tar"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"example.com/emulate/emulator/docker"
)

// libraries are the names of the shared libraries that an image has.
type libraries struct {
	image string
	names map[string]bool
	to    *target
}

// has says whether a library is the runtime's affair: its image has it, and Lambda surely has, too, which is not so of all that the images have. One that
// comes along needlessly does no harm, since the system's folders are searched first. The C library never comes along: one of another version than the
// loader's breaks every program.
func (l *libraries) has(name string) bool {
	return glibcPart.MatchString(name) || l.names[name] && l.to.library(name) == fits
}

// glibcPart are the libraries that glibc consists of.
var glibcPart = regexp.MustCompile(`^(ld-linux.*|libc|libm|libmvec|libpthread|libdl|librt|libresolv|libutil|libanl|libnsl|libnss_\w+|libBrokenLocale|libthread_db|libc_malloc_debug)\.so(\.\d+)*$`)

// runtimeImage is the image that the function runs in: its own, or AWS's for its runtime.
func (j *job) runtimeImage() string {
	if own := j.fn.Container.Image; own != "" {
		return own
	}
	name := j.fn.Runtime
	i := strings.IndexFunc(name, func(r rune) bool { return r >= '0' && r <= '9' })
	switch {
	case strings.HasPrefix(name, "provided."):
		return "public.ecr.aws/lambda/provided:" + strings.TrimPrefix(name, "provided.")
	case name == "go1.x" || i < 0:
		return "public.ecr.aws/lambda/provided:al2023"
	}
	return "public.ecr.aws/lambda/" + name[:i] + ":" + strings.TrimSuffix(name[i:], ".x")
}

// runtimeLibraries looks into the runtime's image, once per image.
func (j *job) runtimeLibraries(ctx context.Context) (*libraries, error) {
	engine, ref := j.runner.(boxRunner).spec.engine, j.runtimeImage()
	image, err := j.getImage(ctx, engine, ref, forRuntime)
	if err != nil {
		return nil, err
	}
	dir, err := j.store.put(ctx, "libs", hash("libs 1", image.ID), func(tmp string) error {
		names, err := j.listLibraries(ctx, engine, image.ID)
		if err != nil {
			return fmt.Errorf("look into image %s: %w", ref, err)
		}
		return os.WriteFile(filepath.Join(tmp, "names"), []byte(strings.Join(names, "\n")), 0o644)
	})
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(filepath.Join(dir, "names"))
	if err != nil {
		return nil, err
	}
	l := &libraries{image: image.ID, names: map[string]bool{}, to: targetOf(j.fn)}
	for _, name := range strings.Split(string(content), "\n") {
		l.names[name] = true
	}
	return l, nil
}

// listLibraries reads the names in an image's library folders, from a container that never runs.
func (j *job) listLibraries(ctx context.Context, engine *docker.Engine, image string) ([]string, error) {
	id, err := engine.Create(ctx, docker.Spec{Image: image, Entrypoint: []string{"/bin/true"}, Platform: j.platform(engine), Labels: j.labels()})
	if err != nil {
		return nil, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
		defer cancel()
		_ = engine.Remove(ctx, id)
	}()
	seen := map[string]bool{}
	for _, dir := range []string{"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/var/lang/lib", "/var/runtime/lib"} {
		r, err := engine.CopyFrom(ctx, id, dir+"/.")
		var failed *docker.Error
		if errors.As(err, &failed) && failed.Kind == docker.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		err = tarNames(r, func(name string) {
			// A library in a folder of its own is only found by those that know of it; but Debian has all in one by the processor's name.
			if inner := path.Base(path.Dir(name)); strings.Contains(path.Base(name), ".so") && (strings.Count(name, "/") < 2 || strings.HasSuffix(inner, "-linux-gnu")) {
				seen[path.Base(name)] = true
			}
		})
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
	}
	return sortedKeys(seen), nil
}

func tarNames(r io.Reader, name func(string)) error {
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name(path.Clean(h.Name))
	}
}

// place is the folder of an artifact for a native file: lib/ for a shared library, bin/ for a program or script, else none.
func place(file string) string {
	st, err := os.Stat(file)
	if err != nil {
		return ""
	}
	f, err := elf.Open(file)
	if err != nil {
		if st.Mode().Perm()&0o111 != 0 {
			return "bin/"
		}
		return ""
	}
	defer f.Close()
	if f.Type == elf.ET_DYN && f.Section(".interp") == nil {
		return "lib/"
	}
	return "bin/"
}

// needed copies the libraries that the results need, and those that these need, into lib/.
func (g *gathering) needed(ctx context.Context) error {
	have := map[string]bool{}
	var queue []string
	err := filepath.WalkDir(g.dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			have[d.Name()] = true
			queue = append(queue, p)
		}
		return err
	})
	if err != nil {
		return err
	}
	for ; len(queue) > 0; queue = queue[1:] {
		names, runpaths := imports(queue[0])
		for _, name := range names {
			if have[name] || g.libs.has(name) {
				continue
			}
			have[name] = true
			dest := filepath.Join(g.dir, "lib", name)
			if err := g.library(ctx, name, runpaths, dest); err != nil {
				return g.fail("collect libraries", fmt.Sprintf("%s needs %s, which is not to be found in the build image", relative(queue[0], g.dir), name), "Add the package that has it.", err)
			}
			queue = append(queue, dest)
		}
	}
	return nil
}

// imports are the libraries that a native file names, and the folders where it wants them to be looked for.
func imports(file string) (names, runpaths []string) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	names, _ = f.ImportedLibraries()
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		paths, _ := f.DynString(tag)
		for _, p := range paths {
			for _, dir := range strings.Split(p, ":") {
				if dir != "" && !strings.Contains(dir, "$") {
					runpaths = append(runpaths, dir)
				}
			}
		}
	}
	return names, runpaths
}

// listThem prints the container's shared libraries: those that the loader knows, and others in the usual places.
const listThem = `PATH=$PATH:/sbin:/usr/sbin; ldconfig -p 2>/dev/null | sed -n 's/.* => //p'
find /usr/local/lib /usr/local/lib64 /lib64 /usr/lib64 /lib /usr/lib /var/lang/lib /opt -name '*.so*' 2>/dev/null; true`

// library copies one library of the container.
func (g *gathering) library(ctx context.Context, name string, runpaths []string, dest string) error {
	if g.found == nil {
		out, err := g.runner.Run(ctx, Command{Quiet: true, Dir: g.job.dir, Reads: []string{}, Args: []string{"/bin/sh", "-c", listThem}})
		if err != nil {
			return err
		}
		g.found = map[string]string{}
		for _, p := range strings.Fields(string(out)) {
			if base := path.Base(p); g.found[base] == "" {
				g.found[base] = p
			}
		}
	}
	var candidates []string
	for _, dir := range runpaths {
		candidates = append(candidates, path.Join(dir, name))
	}
	candidates = append(candidates, g.found[name])
	for _, p := range slices.DeleteFunc(candidates, func(p string) bool { return p == "" }) {
		real, err := g.ask(ctx, `[ -e "$1" ] && readlink -f "$1"`, p)
		if err != nil {
			continue
		}
		scratch, err := g.store.temp()
		if err != nil {
			return err
		}
		defer os.RemoveAll(scratch)
		if err := copyOut(ctx, g.box.engine, g.box.id, real, scratch); err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
			return err
		}
		return copyFile(filepath.Join(scratch, path.Base(real)), dest)
	}
	return fs.ErrNotExist
}
