package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// interpreter is a program that runs handlers.
type interpreter struct {
	// path is the program itself, not a shim that chooses one at each start (pyenv's and others' take longer than Python does).
	path, version string
}

// interpreters remembers what was found; what was not found is looked for again, since the user may install it.
type interpreters struct {
	mu    sync.Mutex
	found map[runtime]interpreter
	told  map[runtime]bool
}

// probes make an interpreter print its own path and version.
var probes = map[family][]string{
	node:   {"-e", `process.stdout.write(process.execPath + "\n" + process.versions.node)`},
	python: {"-c", `import sys; sys.stdout.write(sys.executable + "\n" + ".".join(map(str, sys.version_info[:3])))`},
}

// probeTimeout is only for a program that hangs: version managers' shims are slow, and on a busy machine slower.
const probeTimeout = time.Minute

var errNoAnswer = fmt.Errorf("no answer within %v", probeTimeout)

// find looks for the runtime's interpreter on PATH: the one of the version asked for, else the language's default one.
func (i *interpreters) find(ctx context.Context, r runtime) (interpreter, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if found, ok := i.found[r]; ok {
		return found, nil
	}
	var errs []error
	for _, name := range r.names() {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		found, err := probe(ctx, path, r)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if i.found == nil {
			i.found = map[runtime]interpreter{}
		}
		i.found[r] = found
		return found, nil
	}
	if errs == nil {
		return interpreter{}, fmt.Errorf("none of %s is on PATH", strings.Join(r.names(), ", "))
	}
	return interpreter{}, errors.Join(errs...)
}

// tell says true the first time that it is asked about a runtime.
func (i *interpreters) tell(r runtime) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.told[r] {
		return false
	}
	if i.told == nil {
		i.told = map[runtime]bool{}
	}
	i.told[r] = true
	return true
}

func probe(ctx context.Context, path string, r runtime) (interpreter, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, probeTimeout, errNoAnswer)
	defer cancel()
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(ctx, path, probes[r.family]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return interpreter{}, fmt.Errorf("%s: %w", path, context.Cause(ctx)) // and not that it was killed
		}
		return interpreter{}, fmt.Errorf("%s: %w: %s", path, err, firstLine(stderr.String()))
	}
	real, version, ok := strings.Cut(stdout.String(), "\n")
	if !ok || !filepath.IsAbs(real) {
		return interpreter{}, fmt.Errorf("%s does not say its version", path)
	}
	return interpreter{path: real, version: version}, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
