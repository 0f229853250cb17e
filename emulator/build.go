package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/emulate/dockerbuild"
	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/sandbox"
)

// BuildOptions of Build. The zero value builds every function in a container, into the cache.
type BuildOptions struct {
	// Functions are names or logical ids; none means all of the project.
	Functions []string
	// Output is a folder that gets the code of each function, in a folder of its logical id; "" leaves it in the cache.
	Output string
	// Host builds with this machine's tools, as Options.BuildOnHost does.
	Host bool
	// Progress is told of every step that takes time, from several goroutines at once. It may be nil.
	Progress func(BuildProgress)
}

// BuildProgress is one moment of a build: a step begins, its tool writes a line, it is done.
type BuildProgress struct {
	// Function is the function's name, Step what is done: "go build", "npm ci".
	Function, Step string
	// Line is what the tool wrote, "" at the step's begin and end.
	Line string
	// Done says that the step has ended, after Elapsed; Err is not nil where it failed.
	Done    bool
	Elapsed time.Duration
	Err     error
}

// BuildResult is what became of one function.
type BuildResult struct {
	// Function is its name, LogicalID its key in the configuration.
	Function, LogicalID string
	// Dir is the absolute path of the folder shaped like /var/task; "" for an image function.
	Dir string
	// Image is the reference or id of an image function's image, "" for any other.
	Image string
	// Digest identifies what was built: sources, recipe and the image that it was built in.
	Digest string
	// UpToDate says that nothing had to be done.
	UpToDate bool
	// Elapsed is how long it took.
	Elapsed time.Duration
	// Err says why it failed, in the compiler's own words.
	Err error
}

// Build builds functions for Lambda: each becomes a folder shaped like /var/task, with its dependencies. The results are in the order of the
// configuration. Where some failed the error is a *BuildError; it is a *ConfigError for a configuration that cannot be served, and a *UsageError for a
// function that the project does not have.
func Build(ctx context.Context, o Options, b BuildOptions) ([]BuildResult, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	p, list, err := config.Load(o.Configuration())
	if err != nil {
		return nil, fmt.Errorf("load the project: %w", err)
	}
	if p == nil {
		return nil, &ConfigError{list}
	}
	functions, err := chosen(p, b.Functions)
	if err != nil {
		return nil, err
	}
	process := sandbox.NewProcess(sandbox.ProcessOptions{CacheDir: o.CacheDir})
	builder := dockerbuild.New(dockerbuild.Options{
		CacheDir: o.CacheDir, Interpreter: process.Interpreter, Progress: b.progress(),
		InContainer: func(*config.Function) bool { return true }, Host: b.Host || o.BuildOnHost,
	})
	results := buildAll(ctx, builder, functions)
	err = errors.Join(builder.Close(context.WithoutCancel(ctx)), process.Close(context.WithoutCancel(ctx)))
	if ctx.Err() != nil {
		return results, fmt.Errorf("build: %w", context.Cause(ctx))
	}
	if b.Output != "" {
		err = errors.Join(err, export(b.Output, results))
	}
	var failed []error
	for _, r := range results {
		if r.Err != nil {
			failed = append(failed, r.Err)
		}
	}
	if err == nil && failed != nil {
		err = &BuildError{failed}
	}
	return results, err
}

// chosen finds the functions of these names, in the order of the configuration.
func chosen(p *config.Project, names []string) ([]*config.Function, error) {
	if len(names) == 0 {
		return p.Functions, nil
	}
	var known []string
	wanted := map[*config.Function]bool{}
	for _, f := range p.Functions {
		known = append(known, f.LogicalID)
		if f.Name != f.LogicalID {
			known = append(known, f.Name)
		}
	}
	for _, name := range names {
		i := slices.IndexFunc(p.Functions, func(f *config.Function) bool { return f.LogicalID == name || f.Name == name })
		if i < 0 {
			hint := "it has " + strings.Join(known, ", ")
			if near := config.Nearest(name, known); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return nil, &UsageError{fmt.Sprintf("the project has no function %q: %s", name, hint)}
		}
		wanted[p.Functions[i]] = true
	}
	return slices.DeleteFunc(slices.Clone(p.Functions), func(f *config.Function) bool { return !wanted[f] }), nil
}

// progress passes on the steps of dockerbuild.
func (b *BuildOptions) progress() func(dockerbuild.Progress) {
	if b.Progress == nil {
		return nil
	}
	return func(p dockerbuild.Progress) {
		b.Progress(BuildProgress{
			Function: p.Function, Step: p.Step, Line: p.Line, Done: p.State == dockerbuild.StepDone, Elapsed: p.Elapsed, Err: p.Err,
		})
	}
}

// buildAll builds functions side by side; compilers use several processors themselves, and installers wait for the network.
func buildAll(ctx context.Context, builder *dockerbuild.Builder, functions []*config.Function) []BuildResult {
	results := make([]BuildResult, len(functions))
	slots := make(chan struct{}, max(4, runtime.NumCPU()))
	var wg sync.WaitGroup
	for i, f := range functions {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			began := time.Now()
			r := BuildResult{Function: f.Name, LogicalID: f.LogicalID}
			if len(f.Broken) > 0 {
				r.Err = &ConfigError{f.Broken}
			} else if a, err := builder.Build(ctx, f); err != nil {
				r.Err = err
			} else {
				r.Dir, r.Image, r.Digest, r.UpToDate = a.Dir, a.Image, a.Digest, a.Cached
			}
			r.Elapsed = time.Since(began)
			results[i] = r
		})
	}
	wg.Wait()
	return results
}

// exportMark is the file of an output folder that says which of its folders are Build's, and what is in them: digests by logical id.
const exportMark = ".emulate-build.json"

// export copies what was built into an output folder. A folder in it that an earlier Build did not make is somebody's own, and is never replaced.
func export(output string, results []BuildResult) error {
	output, err := filepath.Abs(output)
	if err != nil {
		return fmt.Errorf("find the output folder: %w", err)
	}
	if err := os.MkdirAll(output, 0o755); err != nil {
		return fmt.Errorf("make the output folder: %w", err)
	}
	mark := filepath.Join(output, exportMark)
	made := map[string]string{}
	if data, err := os.ReadFile(mark); err == nil {
		if err := json.Unmarshal(data, &made); err != nil {
			return fmt.Errorf("read %s: %w", mark, err)
		}
	}
	for i := range results {
		r := &results[i]
		if r.Err != nil || r.Dir == "" {
			continue
		}
		if r.Err = exportOne(output, r, made); r.Err != nil {
			continue
		}
		made[r.LogicalID] = r.Digest
		data, err := json.MarshalIndent(made, "", "  ")
		if err == nil {
			err = os.WriteFile(mark, append(data, '\n'), 0o644)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", mark, err)
		}
	}
	return nil
}

// exportOne copies one function's folder, and puts the copy in the place of the last one.
func exportOne(output string, r *BuildResult, made map[string]string) error {
	to, from := filepath.Join(output, r.LogicalID), r.Dir
	_, err := os.Lstat(to)
	last, ours := made[r.LogicalID]
	switch {
	case err == nil && !ours:
		return fmt.Errorf("copy function %s: %s is there already, and was not made by emulate build", r.Function, to)
	case err == nil && last == r.Digest:
		r.Dir = to
		return nil
	}
	r.UpToDate = false
	tmp, err := os.MkdirTemp(output, ".emulate-")
	if err != nil {
		return fmt.Errorf("copy function %s: %w", r.Function, err)
	}
	defer os.RemoveAll(tmp)
	copied := filepath.Join(tmp, r.LogicalID)
	if err := copyFolder(from, copied, output); err != nil {
		return fmt.Errorf("copy function %s: %w", r.Function, err)
	}
	if err := errors.Join(os.RemoveAll(to), os.Rename(copied, to)); err != nil {
		return fmt.Errorf("copy function %s: %w", r.Function, err)
	}
	r.Dir = to
	return nil
}

// copyFolder copies a folder with its permissions and links, without the folder except and without what is no code.
func copyFolder(from, to, except string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir() && (path == except || slices.Contains([]string{".git", ".aws-sam", ".emulate"}, d.Name())):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !d.Type().IsRegular():
			return nil
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm()|0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
