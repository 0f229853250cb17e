package docker

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// buildContext is a folder as it is sent to a build.
type buildContext struct {
	dir string
	// dockerfile is the recipe's name in what is sent, recipe its text.
	dockerfile string
	recipe     []byte
	// outside says that the recipe is not a file of dir. It is sent under a name of its own then, which the sent .dockerignore hides from COPY.
	outside bool
	// ignore is .dockerignore's text, ignored its meaning.
	ignore  []byte
	ignored *patternmatcher.PatternMatcher
}

func openContext(dir, dockerfile string) (*buildContext, error) {
	if dockerfile == "" {
		dockerfile = "Dockerfile"
	}
	if !filepath.IsAbs(dockerfile) {
		dockerfile = filepath.Join(dir, dockerfile)
	}
	c := &buildContext{dir: dir}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("open the build context: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("open the build context: %s is not a folder", dir)
	}
	if c.recipe, err = os.ReadFile(dockerfile); err != nil {
		return nil, fmt.Errorf("read the Dockerfile: %w", err)
	}
	if err := c.place(dockerfile); err != nil {
		return nil, err
	}
	if c.ignore, err = readIgnore(dockerfile+".dockerignore", filepath.Join(dir, ".dockerignore")); err != nil {
		return nil, fmt.Errorf("read .dockerignore: %w", err)
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(c.ignore))
	if err == nil {
		c.ignored, err = patternmatcher.New(patterns)
	}
	if err != nil {
		return nil, fmt.Errorf("read .dockerignore: %w", err)
	}
	return c, nil
}

// place finds the recipe's name in the context, through links.
func (c *buildContext) place(dockerfile string) error {
	dir, err := filepath.EvalSymlinks(c.dir)
	if err != nil {
		return fmt.Errorf("open the build context: %w", err)
	}
	file, err := filepath.EvalSymlinks(dockerfile)
	if err != nil {
		return fmt.Errorf("read the Dockerfile: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if file, err = filepath.Abs(file); err != nil {
		return err
	}
	c.dir = dir
	if inside, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(inside) {
		c.dockerfile = filepath.ToSlash(inside)
		return nil
	}
	sum := sha256.Sum256(c.recipe)
	c.dockerfile, c.outside = fmt.Sprintf(".dockerfile.%x", sum[:10]), true
	return nil
}

// readIgnore reads the first of the files that exists.
func readIgnore(paths ...string) ([]byte, error) {
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err == nil {
			return b, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, nil
}

// pack writes the context as a tar stream: sorted, owned by root, with the files' own modes and times, links as links.
func (c *buildContext) pack(w io.Writer) error {
	p := &packer{context: c, tar: tar.NewWriter(w), parents: map[string]bool{".": true}, matched: map[string]patternmatcher.MatchInfo{}}
	if err := filepath.WalkDir(c.dir, p.visit); err != nil {
		return err
	}
	if c.outside {
		// The engine leaves out the Dockerfile and .dockerignore itself, where .dockerignore names them, after it has read them.
		ignore := slices.Clip(c.ignore)
		if len(ignore) > 0 {
			ignore = append(ignore, '\n')
		}
		ignore = fmt.Appendf(ignore, ".dockerignore\n%s\n", c.dockerfile)
		if err := errors.Join(p.text(".dockerignore", ignore), p.text(c.dockerfile, c.recipe)); err != nil {
			return err
		}
	}
	return p.tar.Close()
}

// packer writes one context.
type packer struct {
	context *buildContext
	tar     *tar.Writer
	// parents are the folders that were written; matched is what the patterns said of the folders above.
	parents map[string]bool
	matched map[string]patternmatcher.MatchInfo
}

func (p *packer) text(name string, text []byte) error {
	if err := p.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
		return err
	}
	_, err := p.tar.Write(text)
	return err
}

func (p *packer) visit(path string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(p.context.dir, path)
	if err != nil || rel == "." {
		return err
	}
	name := filepath.ToSlash(rel)
	out, err := p.leftOut(rel, d.IsDir())
	if err != nil {
		return err
	}
	if out {
		if d.IsDir() && !p.context.mayReturn(name) {
			return fs.SkipDir
		}
		return nil
	}
	if err := p.above(filepath.Dir(rel)); err != nil {
		return err
	}
	return p.add(path, name, d)
}

// leftOut says whether .dockerignore takes a file out. What the engine itself reads is always sent: it leaves it out of the build by itself.
func (p *packer) leftOut(rel string, dir bool) (bool, error) {
	if name := filepath.ToSlash(rel); name == p.context.dockerfile || name == ".dockerignore" {
		return name == ".dockerignore" && p.context.outside, nil
	}
	out, info, err := p.context.ignored.MatchesUsingParentResults(rel, p.matched[filepath.Dir(rel)])
	if dir {
		p.matched[rel] = info
	}
	return out, err
}

// mayReturn says whether a pattern with ! may take something back in below a folder that is left out.
func (c *buildContext) mayReturn(dir string) bool {
	if c.dockerfile != "" && strings.HasPrefix(c.dockerfile, dir+"/") {
		return true
	}
	for _, pattern := range c.ignored.Patterns() {
		if pattern.Exclusion() && reaches(strings.Split(filepath.ToSlash(pattern.String()), "/"), strings.Split(dir, "/")) {
			return true
		}
	}
	return false
}

// reaches says whether a pattern may match something below a folder.
func reaches(pattern, dir []string) bool {
	for i, part := range dir {
		if i == len(pattern) || pattern[i] == "**" {
			return true
		}
		if ok, err := filepath.Match(pattern[i], part); err == nil && !ok {
			return false
		}
	}
	return true
}

// above writes the folders above something that is sent, where they were left out themselves.
func (p *packer) above(dir string) error {
	if p.parents[dir] {
		return nil
	}
	if err := p.above(filepath.Dir(dir)); err != nil {
		return err
	}
	path := filepath.Join(p.context.dir, dir)
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	return p.add(path, filepath.ToSlash(dir), fs.FileInfoToDirEntry(info))
}

// add writes one file, folder or link.
func (p *packer) add(path, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	link := ""
	switch kind := info.Mode().Type(); kind {
	case 0:
		return p.file(path, name)
	case fs.ModeDir:
		p.parents[filepath.FromSlash(name)] = true
		name += "/"
	case fs.ModeSymlink:
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	case fs.ModeNamedPipe:
	default:
		return nil // sockets and devices are nothing to build from
	}
	return p.header(info, link, name)
}

func (p *packer) header(info fs.FileInfo, link, name string) error {
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	return p.tar.WriteHeader(&tar.Header{Typeflag: h.Typeflag, Name: name, Linkname: h.Linkname, Size: h.Size, Mode: h.Mode, ModTime: h.ModTime})
}

// file writes a file as long as its size says: one that grows meanwhile is sent as it was.
func (p *packer) file(path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := p.header(info, "", name); err != nil {
		return err
	}
	if n, err := io.Copy(p.tar, io.LimitReader(f, info.Size())); err != nil {
		return err
	} else if n < info.Size() {
		return fmt.Errorf("%s became shorter while it was sent", path)
	}
	return nil
}
