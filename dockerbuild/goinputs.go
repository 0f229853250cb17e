package dockerbuild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// goPackage is what go list tells of a package; goModule of its module.
type goPackage struct {
	Dir           string
	Standard      bool
	EmbedPatterns []string
	CgoFiles      []string
	Module        *goModule
}

type goModule struct {
	Dir, GoMod, Version string
	Main                bool
	Replace             *goModule
}

// local says whether the package's files may change under us: it is not of the standard library and not of the read-only module cache. Vendored
// packages have no module folder and count as local.
func (p goPackage) local() bool {
	if p.Standard || p.Dir == "" {
		return false
	}
	m := p.Module
	return m == nil || m.Main || m.Dir == "" || m.Replace != nil && m.Replace.Version == ""
}

// goInputs are the local packages that a build reads.
type goInputs struct {
	packages []goPackage
	// native says that a package outside of the standard library has parts in C.
	native bool
}

// cgo says whether the program needs cgo, as far as is known.
func (in *goInputs) cgo() bool { return in != nil && in.native }

// goList asks go what a build reads; nil where it does not know, because the code does not compile.
func (j *job) goList(ctx context.Context, env *goEnv) *goInputs {
	args := append([]string{"go", "list", "-deps", "-json=Dir,Standard,EmbedPatterns,CgoFiles,Module"}, env.flags...)
	out, err := j.runner.Run(ctx, Command{Quiet: true, Dir: j.dir, Args: append(args, "."), Env: env.listVars()})
	if err != nil {
		return nil
	}
	in := &goInputs{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := dec.Decode(&p)
		switch {
		case errors.Is(err, io.EOF):
			return in
		case err != nil:
			return nil
		}
		in.native = in.native || !p.Standard && len(p.CgoFiles) > 0
		if p.local() {
			in.packages = append(in.packages, p)
		}
	}
}

// snapshot looks at everything that the build read; what before knows keeps its state of before the build.
func (in *goInputs) snapshot(before snapshot, begun time.Time) snapshot {
	s := newSnapshot()
	for _, p := range in.packages {
		s.addPackage(p.Dir)
		for _, pattern := range p.EmbedPatterns {
			s.addEmbed(p.Dir, strings.TrimPrefix(pattern, "all:"))
		}
		if m := p.Module; m != nil && m.GoMod != "" {
			dir := filepath.Dir(m.GoMod)
			s.addFile(m.GoMod)
			s.addFile(filepath.Join(dir, "go.sum"))
			s.addFile(filepath.Join(dir, "vendor", "modules.txt"))
		}
	}
	s.keep(before, begun)
	for path, st := range before.Files {
		if _, ok := s.Files[path]; !ok && !goSource(filepath.Base(path)) && isGoSetting(path) {
			s.Files[path] = st
		}
	}
	return s
}

// isGoSetting says whether a file sets up builds rather than being their source.
func isGoSetting(path string) bool {
	switch filepath.Base(path) {
	case "go.mod", "go.sum", "go.work", "go.work.sum", "env":
		return true
	}
	return false
}

// addPackage looks at the source files of one package folder.
func (s snapshot) addPackage(dir string) {
	s.addDir(dir, false)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if goSource(e.Name()) && !e.IsDir() {
			s.addFile(filepath.Join(dir, e.Name()))
		}
	}
}

// addEmbed looks at the files of one embed pattern, and at the folders in which a new file would match it.
func (s snapshot) addEmbed(dir, pattern string) {
	pattern = filepath.Join(dir, filepath.FromSlash(pattern))
	parents, _ := filepath.Glob(filepath.Dir(pattern))
	for _, p := range parents {
		s.addDir(p, true)
	}
	matches, _ := filepath.Glob(pattern)
	for _, m := range matches {
		_ = filepath.WalkDir(m, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
			case d.IsDir():
				s.addDir(path, true)
			default:
				s.addFile(path)
			}
			return nil
		})
	}
}

// watch is the watcher's list: package folders, and settings outside of them.
func (in *goInputs) watch() []string {
	s := in.snapshot(newSnapshot(), time.Now())
	var paths []string
	for d := range s.Dirs {
		paths = append(paths, d)
	}
	for f, st := range s.Files {
		if st.Size >= 0 {
			paths = append(paths, f)
		}
	}
	return outermost(paths)
}

// outermost sorts paths and leaves out those below another.
func outermost(paths []string) []string {
	slices.Sort(paths)
	var out []string
	for _, p := range paths {
		if !slices.ContainsFunc(out, func(o string) bool { return within(p, o) }) {
			out = append(out, p)
		}
	}
	return out
}

// goSource says whether the go command may compile a file of this name into a program.
func goSource(name string) bool {
	switch filepath.Ext(name) {
	case ".go":
		return !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "_") && !strings.HasPrefix(name, ".")
	case ".c", ".cc", ".cpp", ".cxx", ".m", ".h", ".hh", ".hpp", ".hxx", ".f", ".F", ".for", ".f90", ".s", ".S", ".sx", ".swig", ".swigcxx", ".syso":
		return true
	}
	return false
}

// hasGo says whether a folder is a Go package.
func hasGo(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return filepath.Ext(e.Name()) == ".go" && goSource(e.Name())
	})
}

// goHead hashes what of a Go file decides on the other inputs of the build: all up to the last import (build constraints included), and the embed
// patterns.
func goHead(src []byte) string {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.ImportsOnly)
	if err != nil {
		return hash(string(src))
	}
	end := f.Name.End()
	for _, d := range f.Decls {
		end = max(end, d.End())
	}
	parts := []string{string(src[:fset.Position(end).Offset])}
	for line := range bytes.Lines(src) {
		if bytes.HasPrefix(line, []byte("//go:embed")) {
			parts = append(parts, string(line))
		}
	}
	return hash(parts...)
}

// structural says whether changes can alter what the build reads, so that go list must be asked again. A changed body of a Go file, or a changed
// embedded file, cannot.
func structural(before, now snapshot, changed []string) bool {
	return slices.ContainsFunc(changed, func(path string) bool {
		if _, dir := before.Dirs[path]; dir || isGoSetting(path) || filepath.Base(path) == "modules.txt" {
			return true
		}
		old, cur := before.Files[path], now.Files[path]
		return old.Head != cur.Head || old.Size < 0 || cur.Size < 0
	})
}
