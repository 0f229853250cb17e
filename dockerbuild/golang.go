package dockerbuild

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"
)

const goMissing = "Install Go (https://go.dev/dl), or put an executable bootstrap into the folder."

// golang builds a Go main package into a bootstrap for this machine, or for Lambda. The artifact is named by the binary's own hash, so that a change that makes
// the same program restarts nothing.
//
// go list, which tells what the build reads, costs as much as a small build. So it never comes before one: at the first build, and at a change that
// can alter the answer (imports, embed patterns, new or removed files, go.mod), it runs beside go build; else the last answer still holds. Only the very
// first build for Lambda waits for it, to learn whether the program needs cgo; where a later answer differs, the build is repeated.
func (j *job) golang(ctx context.Context) (*Artifact, error) {
	if err := j.tools(ctx); err != nil {
		return nil, err
	}
	env, err := j.newGoEnv()
	if err != nil {
		return nil, err
	}
	rec := j.store.record(j.key, env.settings)
	now, list := newSnapshot(), true
	if rec != nil {
		var changed []string
		if now, changed = rec.Snapshot.compare(); len(changed) == 0 && j.store.valid(&rec.Artifact) {
			return j.unchanged(rec, now), nil
		}
		list = structural(rec.Snapshot, now, changed)
	}
	env.addCandidates(now)
	begun := time.Now()
	var first *goInputs
	if rec != nil {
		env.cgo = env.cgo || rec.Cgo
	} else if env.cgoOpen {
		first = j.goList(ctx, env)
		env.cgo = first.cgo()
	}
	a, inputs, err := j.goBoth(ctx, env, list, first)
	if err == nil && inputs != nil && env.cgoOpen && inputs.cgo() != env.cgo {
		env.cgo = inputs.cgo()
		a, inputs, err = j.goBoth(ctx, env, list, inputs)
	}
	if err != nil {
		return nil, j.goFailed(err, rec, inputs)
	}
	switch {
	case inputs != nil:
		now = inputs.snapshot(now, begun)
		a.Inputs = inputs.watch()
	case rec != nil && !list:
		a.Inputs = rec.Artifact.Inputs
	default:
		a.Inputs = []string{j.dir}
		return a, nil // go list failed: without its answer nothing may be remembered
	}
	return a, j.store.saveRecord(j.key, &record{Settings: env.settings, Snapshot: now, Artifact: *a, Cgo: env.cgo})
}

// goBoth builds, and lists beside that what the build reads, unless that is known or not asked for.
func (j *job) goBoth(ctx context.Context, env *goEnv, list bool, known *goInputs) (*Artifact, *goInputs, error) {
	listed := make(chan *goInputs, 1)
	if list && known == nil {
		j.wg.Go(func() { listed <- j.goList(ctx, env) })
	} else {
		listed <- known
	}
	dir, digest, err := j.goBuild(ctx, env)
	return &Artifact{Dir: dir, Digest: digest}, <-listed, err
}

// unchanged is the answer of a source that needs no build. File states that became certain meanwhile are kept.
func (j *job) unchanged(rec *record, now snapshot) *Artifact {
	if !now.equal(rec.Snapshot) {
		rec.Snapshot = now
		_ = j.store.saveRecord(j.key, rec) // the old record still holds
	} else {
		j.store.touchRecord(j.key)
	}
	a := rec.Artifact
	a.Cached = true
	return &a
}

// goBuild runs go build into the cache. At most one per core runs at a time: each uses several cores, and links in memory.
func (j *job) goBuild(ctx context.Context, env *goEnv) (dir, digest string, err error) {
	select {
	case j.goSlots <- struct{}{}:
		defer func() { <-j.goSlots }()
	case <-ctx.Done():
		return "", "", context.Cause(ctx)
	}
	tmp, err := j.store.temp()
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(tmp)
	bootstrap := filepath.Join(tmp, "bootstrap")
	args := append([]string{"go", "build", "-o", inside(bootstrap)}, env.flags...)
	err = j.tool(ctx, "go build", goMissing, Command{Dir: j.dir, Args: append(args, "."), Env: env.buildVars(), Writes: []string{tmp}})
	if err != nil {
		return "", "", err
	}
	if digest, err = binaryDigest(bootstrap); err != nil {
		return "", "", j.fail("go build", err.Error(), "The code's folder must hold a main package.", err)
	}
	dir, err = j.store.adopt("go", digest, tmp)
	return dir, digest, err
}

// binaryDigest hashes a program. go build -o of a package that is not main writes an archive, which is refused.
func binaryDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("no program was built: %s", cause(err))
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<16)
	if magic, _ := r.Peek(8); string(magic) == "!<arch>\n" {
		return "", errors.New("the package is not a main package")
	}
	return readerDigest(r)
}

func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return readerDigest(f)
}

func readerDigest(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// goFailed tells a failed build in the compiler's words, with paths relative to the project, and what to watch for the mend.
func (j *job) goFailed(err error, rec *record, inputs *goInputs) error {
	var failed *Error
	if !errors.As(err, &failed) {
		return err
	}
	failed.Output = goPaths(failed.Output, j.dir, j.project)
	if failed.Hint == "" {
		failed.Hint = goHint(failed.Output)
	}
	switch {
	case inputs != nil:
		failed.Inputs = inputs.watch()
	case rec != nil:
		failed.Inputs = rec.Artifact.Inputs
	}
	return failed
}

func goHint(output string) string {
	switch {
	case strings.Contains(output, "go.mod file not found"):
		return "Run: go mod init NAME && go mod tidy"
	case strings.Contains(output, `C compiler "gcc" not found`):
		return "The program needs cgo, and the C compiler is missing: name an image that has one by container.buildImage, or set cgo to false."
	case strings.Contains(output, "no required module provides package"), strings.Contains(output, "missing go.sum entry"),
		strings.Contains(output, "updates to go.mod needed"):
		return "Run: go mod tidy"
	}
	return ""
}

// goPlace is a file and line as the go command prints them: relative to the folder that it runs in.
var goPlace = regexp.MustCompile(`(?m)^((?:vet: |\t)?)([^\s:]+\.(?:go|s|c|h|mod|work))(:\d+)`)

// goPaths makes the paths in go's messages relative to the project.
func goPaths(output, dir, project string) string {
	return goPlace.ReplaceAllStringFunc(output, func(m string) string {
		p := goPlace.FindStringSubmatch(m)
		file := filepath.FromSlash(p[2])
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		if _, err := os.Stat(file); err != nil {
			return m
		}
		return p[1] + relative(file, project) + p[3]
	})
}

// relative shortens a path to one below dir; a path elsewhere stays absolute.
func relative(path, dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil && !within(path, dir) {
		dir = real
	}
	if rel, err := filepath.Rel(dir, path); err == nil && within(path, dir) {
		return rel
	}
	return path
}

// goEnv is all that decides on a build beside files.
type goEnv struct {
	dir   string
	flags []string
	// cgo and cgoOpen are for builds for Lambda: whether cgo is on, and whether that is for the program's packages to say.
	cgo, cgoOpen, lambda bool
	vars                 []string
	settings             string
	envFile              string // where "go env -w" keeps settings
}

// newGoEnv reads the go command's settings without running it. Flags of the user's GOFLAGS are kept: ours are added to their tags, and left out
// where they set the linker's flags. The symbol table stays, so that panics name functions; DWARF goes, which makes linking a third faster, and so
// does net/rpc, which aws-lambda-go needs for the retired go1.x runtime only. There is no -trimpath: it would compile everything, the standard
// library included, once more than the user's own builds have, and stack traces name the user's files without it.
//
// For Lambda there is -trimpath: equal sources make equal programs on every machine. And cgo is off, so that the program runs with any C library,
// unless the function's build asks for it or a package has parts in C.
func (j *job) newGoEnv() (*goEnv, error) {
	e := &goEnv{dir: j.dir, vars: []string{"GOOS=" + j.system(), "GOARCH=" + j.goarch}, envFile: os.Getenv("GOENV"), lambda: j.lambda}
	set, given, err := j.setting("cgo", "CGO_ENABLED")
	if err != nil {
		return nil, err
	}
	if e.cgo = given && set; given && !j.lambda {
		e.vars = append(e.vars, cgoVar(e.cgo))
	}
	e.cgoOpen = !given && j.lambda
	if e.envFile == "" {
		if base, err := os.UserConfigDir(); err == nil {
			e.envFile = filepath.Join(base, "go", "env")
		}
	}
	tags, ldflags := "lambda.norpc", "-w"
	for _, f := range strings.Fields(e.goflags()) {
		name, value, _ := strings.Cut(strings.TrimLeft(f, "-"), "=")
		switch name {
		case "tags":
			tags = value + "," + tags
		case "ldflags":
			ldflags = ""
		}
	}
	e.flags = []string{"-buildvcs=false", "-tags=" + tags}
	if j.lambda {
		e.flags = append(e.flags, "-trimpath")
	}
	if ldflags != "" {
		e.flags = append(e.flags, "-ldflags="+ldflags)
	}
	parts := append([]string{"go 2", j.dir, j.toolState("go"), fmt.Sprint(e.lambda, given, e.cgo)}, slices.Concat(e.flags, e.vars)...)
	var vars []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "CGO_") || strings.HasPrefix(name, "PKG_CONFIG") || name == "CC" || name == "CXX" {
			vars = append(vars, kv)
		}
	}
	sort.Strings(vars)
	e.settings = hash(append(parts, vars...)...)
	return e, nil
}

// buildVars are the variables of go build.
func (e *goEnv) buildVars() []string {
	if !e.lambda {
		return e.vars
	}
	return append(slices.Clone(e.vars), cgoVar(e.cgo))
}

// listVars are the variables of go list: with cgo on, it also tells which packages have parts in C.
func (e *goEnv) listVars() []string {
	if !e.cgoOpen {
		return e.buildVars()
	}
	return append(slices.Clone(e.vars), cgoVar(true))
}

func cgoVar(on bool) string {
	if on {
		return "CGO_ENABLED=1"
	}
	return "CGO_ENABLED=0"
}

// goflags is GOFLAGS of the environment, else of the go command's own file.
func (e *goEnv) goflags() string {
	if v := os.Getenv("GOFLAGS"); v != "" || e.envFile == "" || e.envFile == "off" {
		return v
	}
	b, _ := os.ReadFile(e.envFile)
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "GOFLAGS="); ok {
			return v
		}
	}
	return ""
}

// addCandidates looks at what every build of the folder reads or would read if it were there: its own files, and go.mod and go.work in it and all
// folders above. It is done before the build, so that what changes during the build counts as changed.
func (e *goEnv) addCandidates(s snapshot) {
	if _, ok := s.Dirs[e.dir]; !ok {
		s.addPackage(e.dir)
	}
	if e.envFile != "" && e.envFile != "off" {
		s.addFile(e.envFile)
	}
	for d := e.dir; ; d = filepath.Dir(d) {
		for _, name := range []string{"go.mod", "go.sum", "go.work", "go.work.sum"} {
			s.addFile(filepath.Join(d, name))
		}
		if d == filepath.Dir(d) {
			return
		}
	}
}

// toolState identifies a program on PATH without running it.
func toolState(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	st, err := os.Stat(path)
	if err != nil {
		return path
	}
	return fmt.Sprint(path, st.Size(), st.ModTime().UnixNano())
}
