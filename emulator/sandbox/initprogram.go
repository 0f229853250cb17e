package sandbox

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// initSources are the sources of the init, from which it is built where no built one is embedded.
//
//go:embed inside/*.go
var initSources embed.FS

// initPrograms hold the built init of each architecture, where this program was built by the Makefile (initbin/README).
//
//go:embed initbin
var initPrograms embed.FS

// initMain is cmd/emulate-init.
const initMain = `package main

import (
	"os"

	"example.com/emulate/emulator/sandbox/inside"
)

func main() { os.Exit(inside.Main()) }
`

// initProgram makes sure that the init for Linux on arch (in Go's words) is in the cache folder, and returns its path. It is what is embedded, if
// that was built from the same sources, or else built with the go command.
func initProgram(ctx context.Context, cacheDir, arch string) (string, error) {
	cacheDir, err := filepath.Abs(cacheDir)
	if err != nil {
		return "", fmt.Errorf("find the containers' init: %w", err)
	}
	digest, err := initDigest()
	if err != nil {
		return "", fmt.Errorf("read the sources of the containers' init: %w", err)
	}
	path := filepath.Join(cacheDir, "init-"+digest[:16], "emulate-init-linux-"+arch)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("write the containers' init: %w", err)
	}
	program, err := embeddedInit(initPrograms, digest, arch)
	if err != nil {
		return "", err
	}
	if program == nil {
		if program, err = buildInit(ctx, cacheDir, arch); err != nil {
			return "", err
		}
	}
	if err := writeProgram(path, program); err != nil {
		return "", fmt.Errorf("write the containers' init: %w", err)
	}
	return path, nil
}

// writeProgram lets other emulators see all of the file or nothing.
func writeProgram(path string, program []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "init-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(program)
	if err := errors.Join(err, f.Chmod(0o755), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// walkInit calls visit for every source of the init but its tests, in order of their names.
func walkInit(visit func(name string, content []byte) error) error {
	return fs.WalkDir(initSources, "inside", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, "_test.go") {
			return err
		}
		content, err := initSources.ReadFile(name)
		if err != nil {
			return err
		}
		return visit(name, content)
	})
}

// initDigest is that of all sources one after the other; the Makefile computes it in the same way.
func initDigest() (string, error) {
	sum := sha256.New()
	err := walkInit(func(_ string, content []byte) error {
		_, err := sum.Write(content)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

// embeddedInit is nil where none is embedded, or one of other sources.
func embeddedInit(files fs.FS, digest, arch string) ([]byte, error) {
	made, err := fs.ReadFile(files, "initbin/sources.sha256")
	if err != nil || strings.TrimSpace(string(made)) != digest {
		return nil, nil
	}
	packed, err := fs.ReadFile(files, "initbin/init-linux-"+arch+".gz")
	if err != nil {
		return nil, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack the containers' init: %w", err)
	}
	program, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("unpack the containers' init: %w", err)
	}
	return program, nil
}

// buildInit builds it in a folder of its own below the cache folder, without any module but its own.
func buildInit(ctx context.Context, cacheDir, arch string) ([]byte, error) {
	compiler, err := exec.LookPath("go")
	if err != nil {
		return nil, errors.New("build the containers' init: this emulate was built without one, and no go command is on PATH\n" +
			"Install Go, or take a release of emulate (make emulate), which brings it")
	}
	dir, err := os.MkdirTemp(cacheDir, "init-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("build the containers' init: %w", err)
	}
	defer os.RemoveAll(dir)
	write := func(name string, content []byte) error {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, content, 0o644)
	}
	err = errors.Join(
		write("go.mod", []byte("module example.com/emulate\n\ngo 1.22\n")),
		write("cmd/emulate-init/main.go", []byte(initMain)),
		walkInit(func(name string, content []byte) error { return write("emulator/sandbox/"+name, content) }),
	)
	if err != nil {
		return nil, fmt.Errorf("build the containers' init: %w", err)
	}
	cmd := exec.CommandContext(ctx, compiler, "build", "-trimpath", "-ldflags", "-s -w", "-o", "init", "./cmd/emulate-init")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=-mod=mod", "GOWORK=off", "GOTOOLCHAIN=local", "GOPROXY=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the containers' init with %s: %w\n%s", compiler, err, out)
	}
	return os.ReadFile(filepath.Join(dir, "init"))
}
