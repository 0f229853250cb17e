package dockerbuild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

const nodeMissing = "Install Node.js with npm (https://nodejs.org), or install the dependencies into the project yourself."

// installer is a package manager of Node, as it is to install the dependencies of one package.json.
type installer struct {
	// name is npm, pnpm or yarn, and step what is said of it. lock is its lock file, "" where there is none.
	name, step, lock string
	args, env        []string
	// pkg is what npx calls the tool, with a version, where it is not installed.
	pkg []string
	// files are copied beside package.json: lock file and settings. Their content decides on the result.
	files []string
}

// chooseInstaller goes by the lock file. A lock file is obeyed to the letter.
func chooseInstaller(dir string, pkg packageJSON, local bool) installer {
	has := func(name string) bool {
		st, err := os.Stat(filepath.Join(dir, name))
		return err == nil && st.Mode().IsRegular()
	}
	tool, version, _ := strings.Cut(pkg.PackageManager, "@")
	version, _, _ = strings.Cut(version, "+")
	switch {
	case local:
		// No lock file knows of the folders that stand in for local packages here.
	case has("pnpm-lock.yaml"):
		if tool != "pnpm" {
			version = pnpmVersion(filepath.Join(dir, "pnpm-lock.yaml"))
		}
		return installer{name: "pnpm", step: "install", lock: "pnpm-lock.yaml", pkg: []string{"--yes", "pnpm@" + version}, env: []string{"npm_config_manage_package_manager_versions=false"},
			args:  []string{"install", "--prod", "--frozen-lockfile", "--config.node-linker=hoisted", "--reporter=append-only"},
			files: []string{"pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc", ".pnpmfile.cjs"}}
	case has("yarn.lock") && modernYarn(filepath.Join(dir, "yarn.lock")):
		if tool != "yarn" || strings.HasPrefix(version, "2.") || strings.HasPrefix(version, "3.") {
			version = "4" // which reads the lock files of its elders
		}
		return installer{name: "yarn", step: "install", lock: "yarn.lock", pkg: []string{"--yes", "-p", "@yarnpkg/cli-dist@" + version, "yarn"},
			args: []string{"workspaces", "focus", "--production"},
			env: []string{"YARN_NODE_LINKER=node-modules", "YARN_IGNORE_PATH=1", "YARN_ENABLE_GLOBAL_CACHE=true", "YARN_ENABLE_COLORS=0",
				"YARN_NM_MODE=classic"},
			files: []string{"yarn.lock", ".yarnrc.yml"}}
	case has("yarn.lock"):
		return installer{name: "yarn", step: "install", lock: "yarn.lock", pkg: []string{"--yes", "yarn@1"},
			args: []string{"install", "--production", "--frozen-lockfile", "--non-interactive", "--no-progress"}, files: []string{"yarn.lock", ".yarnrc", ".npmrc"}}
	}
	i := installer{name: "npm", step: "install", files: []string{".npmrc"}}
	for _, lock := range []string{"npm-shrinkwrap.json", "package-lock.json"} {
		if !local && has(lock) {
			i.step, i.lock, i.files = "ci", lock, append(i.files, lock)
		}
	}
	i.args = []string{i.step, "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier"}
	if local {
		i.args = append(i.args, "--install-links")
	}
	return i
}

var lockVersion = regexp.MustCompile(`(?m)^lockfileVersion:\s*['"]?(\d+)`)

// pnpmVersion is the pnpm that wrote a lock file of this version.
func pnpmVersion(lock string) string {
	content, _ := os.ReadFile(lock)
	if m := lockVersion.FindSubmatch(content); m != nil {
		switch string(m[1]) {
		case "5":
			return "7"
		case "6":
			return "8"
		}
	}
	return "9"
}

// modernYarn says whether a lock file is that of yarn 2 and later.
func modernYarn(lock string) bool {
	content, _ := os.ReadFile(lock)
	return bytes.Contains(content, []byte("\n__metadata:"))
}

// install installs the dependencies into the cache, once for the same package.json, lock, registry settings and node.
func (j *job) install(ctx context.Context, dir string, manifest []byte, d *nodeDeps) error {
	if err := j.tools(ctx); err != nil {
		return err
	}
	in := chooseInstaller(dir, d.pkg, len(d.local) > 0)
	if in.name == "npm" && j.lambda && !j.inContainer() {
		in.args = append(in.args, "--os=linux", "--libc=glibc", "--cpu="+map[string]string{"amd64": "x64", "arm64": "arm64"}[j.goarch])
	}
	files := map[string][]byte{}
	for _, name := range in.files {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		files[name] = b
		d.inputs = append(d.inputs, filepath.Join(dir, name))
	}
	pkg, err := installable(manifest, in.lock != "", d.local)
	if err != nil {
		return fmt.Errorf("read package.json: %w", err)
	}
	files["package.json"] = pkg
	parts := []string{"install 2", in.name, strings.Join(in.args, " "), j.system(), j.goarch, j.toolState("node"), fmt.Sprint(j.lambda)}
	for _, name := range sortedKeys(files) {
		parts = append(parts, name, string(files[name]))
	}
	for _, name := range sortedKeys(d.local) {
		digest, err := treeDigest(d.local[name])
		if err != nil {
			return fmt.Errorf("read package %s: %w", name, err)
		}
		parts = append(parts, name, digest)
	}
	d.key = hash(parts...)
	entry, err := j.store.put(ctx, "npm", d.key, func(tmp string) error {
		d.installed = true
		return j.runInstaller(ctx, in, tmp, files)
	})
	d.modules = filepath.Join(entry, "node_modules")
	return err
}

// installable is a package.json for an install away from its sources: without the package's own scripts (which want the sources, and would build or
// set up git hooks), its name and its version, so that changing these installs nothing anew. A locked install compares devDependencies with the lock;
// npm install would ask the registry for them, so they go. Local packages are named by their folders.
func installable(manifest []byte, locked bool, local map[string]string) ([]byte, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, err
	}
	if !locked {
		delete(m, "devDependencies")
	}
	keep := map[string]json.RawMessage{}
	for _, k := range []string{"dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "peerDependenciesMeta",
		"bundleDependencies", "bundledDependencies", "overrides", "resolutions", "pnpm", "workspaces", "engines"} {
		if v, ok := m[k]; ok {
			keep[k] = v
		}
	}
	if len(local) == 0 {
		return json.Marshal(keep)
	}
	delete(keep, "workspaces")
	deps := map[string]string{}
	if err := json.Unmarshal(keep["dependencies"], &deps); err != nil {
		return nil, err
	}
	for name, dir := range local {
		deps[name] = "file:" + inside(dir)
	}
	var err error
	if keep["dependencies"], err = json.Marshal(deps); err != nil {
		return nil, err
	}
	return json.Marshal(keep)
}

func (j *job) runInstaller(ctx context.Context, in installer, tmp string, files map[string][]byte) error {
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(tmp, name), content, 0o600); err != nil {
			return fmt.Errorf("prepare %s: %w", in.name, err)
		}
	}
	if in.name == "pnpm" && j.image != nil {
		in.env = append(in.env, "npm_config_store_dir="+boxCache+"/pnpm") // npm would warn of it
	}
	args, err := j.nodeTool(ctx, in, tmp)
	if err != nil {
		return err
	}
	step := in.name + " " + in.step
	err = j.tool(ctx, step, nodeMissing, Command{Dir: tmp, Args: append(args, in.args...), Env: in.env, Writes: []string{tmp}})
	var failed *Error
	if errors.As(err, &failed) && failed.Missing == "" && failed.Hint == "" {
		words, _, _ := strings.Cut(relativeTo(tmp, ".", failed.Output), "npm error Usage:") // npm adds its manual page
		failed.Output = excerpt(words, "A complete log of this run")
		failed.Hint = "Mend package.json or its lock file; or run npm install in the project: installed dependencies are used as they are."
		if j.lambda {
			failed.Hint = "Mend package.json or its lock file."
		}
	}
	if err != nil {
		return err
	}
	_ = os.Remove(filepath.Join(tmp, ".npmrc")) // it may hold a registry's token
	_ = os.Remove(filepath.Join(tmp, ".yarnrc.yml"))
	modules := filepath.Join(tmp, "node_modules")
	if err := os.MkdirAll(modules, 0o755); err != nil {
		return fmt.Errorf("prepare %s: %w", in.name, err)
	}
	if !j.lambda {
		return nil
	}
	// What package managers note for themselves names times and places.
	for _, name := range []string{".bin", ".cache", ".package-lock.json", ".modules.yaml", ".pnpm-workspace-state.json", ".pnpm-workspace-state-v1.json", ".yarn-state.yml", ".yarn-integrity"} {
		if err := os.RemoveAll(filepath.Join(modules, name)); err != nil {
			return fmt.Errorf("tidy dependencies: %w", err)
		}
	}
	return nil
}

// nodeTool is the command of a package manager: its own, else npx, which fetches it.
func (j *job) nodeTool(ctx context.Context, in installer, dir string) ([]string, error) {
	if in.pkg == nil {
		return []string{in.name}, nil
	}
	out, err := j.runner.Run(ctx, Command{Quiet: true, Dir: dir, Args: []string{in.name, "--version"}, Env: append(in.env, "npm_config_manage_package_manager_versions=false"), Reads: []string{}, Writes: []string{dir}})
	switch major, _, _ := strings.Cut(strings.TrimSpace(string(out)), "."); {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err == nil && (in.name != "yarn" || (major == "1") == (in.args[0] == "install")):
		return []string{in.name}, nil
	case err != nil && !errors.Is(err, exec.ErrNotFound):
		var code interface{ ExitCode() int }
		if !errors.As(err, &code) && j.image != nil {
			return nil, err // the engine's failure, not the tool's
		}
	}
	return append([]string{"npx"}, in.pkg...), nil
}
