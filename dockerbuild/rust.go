package dockerbuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

const cargoMissing = "Install Rust (https://rustup.rs)."

// rust builds a cargo package into a bootstrap: the program that is named so, or the only one, or the one that SAM's property Binary names.
func (j *job) rust(ctx context.Context) (*Artifact, error) {
	if err := j.tools(ctx); err != nil {
		return nil, err
	}
	binary, err := j.text("binary")
	if err != nil {
		return nil, err
	}
	profile, err := j.text("profile")
	if err != nil {
		return nil, err
	}
	if profile == "" {
		profile = "release"
	}
	features, err := j.texts("features")
	if err != nil {
		return nil, err
	}
	trees := j.rustTrees()
	a := &Artifact{Inputs: outermost(trees)}
	settings := hash(binary, profile, strings.Join(features, ","), j.toolState("cargo"), j.system(), j.goarch, fmt.Sprint(j.lambda, j.inContainer()))
	a.Dir, a.Digest, a.Cached, err = j.fromTrees(ctx, "rust", settings, trees, func(tmp string) error {
		return j.cargo(ctx, binary, profile, features, tmp)
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// rustTrees are the folders of the package, of its workspace, and of the packages that it names by path.
func (j *job) rustTrees() []string {
	trees := []string{j.dir}
	for i := 0; i < len(trees); i++ {
		content, _ := os.ReadFile(filepath.Join(trees[i], "Cargo.toml"))
		for _, p := range localPaths(trees[i], "Cargo.toml", string(content)) {
			if isFile(filepath.Join(p, "Cargo.toml")) && !slices.Contains(trees, p) {
				trees = append(trees, p)
			}
		}
	}
	for d := filepath.Dir(j.dir); d != filepath.Dir(d); d = filepath.Dir(d) {
		if content, err := os.ReadFile(filepath.Join(d, "Cargo.toml")); err == nil && strings.Contains(string(content), "[workspace") {
			trees = append(trees, d)
		}
	}
	return outermost(trees)
}

func (j *job) cargo(ctx context.Context, binary, profile string, features []string, tmp string) error {
	dir, locked := j.dir, j.locked()
	if !locked { // cargo writes the lock beside the sources
		scratch, err := j.store.temp()
		if err != nil {
			return err
		}
		defer os.RemoveAll(scratch)
		if err := copyTree(j.dir, scratch, false); err != nil {
			return fmt.Errorf("copy code: %w", err)
		}
		dir = scratch
	}
	c := Command{Dir: dir, Env: []string{"CARGO_TERM_COLOR=never"}, Reads: append([]string{dir}, j.roots()...)}
	if j.image != nil {
		c.Env = append(c.Env, "CARGO_TARGET_DIR="+boxCache+"/target/"+hash(j.dir, j.image.ID)[:16])
	} else {
		c.Env = append(c.Env, "CARGO_TARGET_DIR="+j.cargoTarget())
	}
	if binary == "" {
		var err error
		if binary, err = j.cargoBinary(ctx, c); err != nil {
			return err
		}
	}
	args := []string{"cargo", "build", "--bin", binary, "--profile", profile}
	if locked {
		args = append(args, "--locked")
	}
	if len(features) > 0 {
		args = append(args, "--features", strings.Join(features, ","))
	}
	out := profile
	if profile == "dev" {
		out = "debug"
	}
	if j.lambda && !j.inContainer() {
		// With musl the program brings its own C library: it runs on any Linux.
		target := j.machine() + "-unknown-linux-musl"
		args, out = append(args, "--target", target), target+"/"+out
	}
	c.Args, c.Writes = args, []string{tmp}
	if j.image != nil {
		// The user's registries go along, and the program is taken out of the volume.
		c.Args = append([]string{"/bin/sh", "-c", `set -e; out=$0; to=$1; shift; cargo=$1; shift
command -v cargo >/dev/null || { echo "` + notHere + `"; exit 127; }
if [ -n "$` + cargoSettings + `" ]; then "$cargo" --config "$` + cargoSettings + `" "$@"; else "$cargo" "$@"; fi
cp "$CARGO_TARGET_DIR/$out" "$to"`, out + "/" + binary, inside(filepath.Join(tmp, "bootstrap"))}, args...)
	}
	if err := j.cargoFailed(j.tool(ctx, "cargo build", cargoMissing, c), dir); err != nil || j.image != nil {
		return err
	}
	if runtime.GOOS == "windows" && !j.lambda {
		binary += ".exe"
	}
	if err := copyFile(filepath.Join(j.cargoTarget(), filepath.FromSlash(out), binary), filepath.Join(tmp, "bootstrap")); err != nil {
		return j.fail("cargo build", err.Error(), "", err)
	}
	return nil
}

// locked says whether the package or its workspace has a Cargo.lock, which is obeyed to the letter then.
func (j *job) locked() bool {
	for d := j.dir; ; d = filepath.Dir(d) {
		if isFile(filepath.Join(d, "Cargo.lock")) {
			return true
		}
		if d == filepath.Dir(d) {
			return false
		}
	}
}

// cargoTarget is where cargo on this machine keeps what it compiled. It is kept between builds, and pruned as all of the cache.
func (j *job) cargoTarget() string {
	name := hash(j.dir, toolState("cargo"))
	dir := j.store.path("cargo", name)
	_ = os.MkdirAll(dir, 0o755) // cargo says it where it fails
	j.store.touch("cargo-" + name)
	return dir
}

// cargoBinary chooses the program of the package.
func (j *job) cargoBinary(ctx context.Context, c Command) (string, error) {
	c.Args, c.Quiet = []string{"cargo", "metadata", "--no-deps", "--format-version=1", "--offline"}, true
	out, err := j.runner.Run(ctx, c)
	if err != nil {
		c.Quiet = false
		return "", j.cargoFailed(j.tool(ctx, "cargo metadata", cargoMissing, c), c.Dir)
	}
	var meta struct {
		Packages []struct {
			Manifest string `json:"manifest_path"`
			Targets  []struct {
				Name string
				Kind []string
			}
		}
	}
	if err := json.Unmarshal(out, &meta); err != nil {
		return "", fmt.Errorf("read cargo's metadata: %w", err)
	}
	var names []string
	for _, p := range meta.Packages {
		if filepath.ToSlash(p.Manifest) != inside(filepath.Join(c.Dir, "Cargo.toml")) && filepath.Clean(p.Manifest) != filepath.Join(c.Dir, "Cargo.toml") {
			continue
		}
		for _, t := range p.Targets {
			if slices.Contains(t.Kind, "bin") {
				names = append(names, t.Name)
			}
		}
	}
	switch {
	case slices.Contains(names, "bootstrap"):
		return "bootstrap", nil
	case len(names) == 1:
		return names[0], nil
	case len(names) == 0:
		return "", j.fail("cargo build", "the package has no program", "It needs a src/main.rs, or a [[bin]] in its Cargo.toml; for a workspace, CodeUri must be the member's folder.", nil)
	}
	return "", j.fail("cargo build", "the package has several programs: "+strings.Join(names, ", "), "Name one by BuildProperties: Binary (build: {binary: NAME}), or call it bootstrap.", nil)
}

// cargoPlace is a file in cargo's messages.
var cargoPlace = regexp.MustCompile(`(?m)^(\s*--> )([^\s:]+\.rs:)`)

func (j *job) cargoFailed(err error, dir string) error {
	var failed *Error
	if !errors.As(err, &failed) || failed.Missing != "" || failed.Hint != "" {
		return err
	}
	words := relativeTo(dir, ".", failed.Output)
	words = cargoPlace.ReplaceAllStringFunc(words, func(m string) string {
		p := cargoPlace.FindStringSubmatch(m)
		file := filepath.Join(j.dir, filepath.FromSlash(strings.TrimSuffix(p[2], ":")))
		if !isFile(file) {
			return m
		}
		return p[1] + relative(file, j.project) + ":"
	})
	failed.Output = excerpt(words, "Compiling ", "Downloading ", "Downloaded ", "Updating ", "Locking ")
	switch {
	case strings.TrimSpace(failed.Output) == notHere:
		return j.missingTool(failed.Step, "cargo", cargoMissing, failed.Err)
	case strings.Contains(failed.Output, "can't find crate for") && strings.Contains(failed.Output, "musl"):
		failed.Hint = "Run: rustup target add " + j.machine() + "-unknown-linux-musl; or build in a container, without --build-host."
	case strings.Contains(failed.Output, "--locked"):
		failed.Hint = "Run: cargo update --workspace"
	}
	return failed
}
