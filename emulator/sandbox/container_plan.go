package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/lambda"
	"example.com/emulate/emulator/sandbox/inside"
)

// blueprint is all that containers of one function in one state have in common.
type blueprint struct {
	function string
	image    *docker.Image
	rt       runtime
	// container is what they are made by, but for what each has of its own.
	container docker.Spec
	// init is the path of the init in the container.
	init string
	// key is equal for two blueprints whose containers can serve one another.
	key string
	// network says what the address of the Runtime API is in.
	network network
	// code is the code as the container sees it.
	code lambda.Code
	// copies are those among the mounts.
	copies []*treeCopy
	argv   []string
	dir    string
	// searched are the paths for an InvalidEntrypointError, nil for an image, whose own entry point is started.
	searched []string
}

// network is how a container is reached by itself and by others.
type network int

const (
	// sharedNetwork by the functions of the project: the Runtime API is on an address of the environment's own.
	sharedNetwork network = iota
	// ownNetwork of the environment, or a named one of the engine.
	ownNetwork
	// hostNetwork is the machine's: the Runtime API's port is what is free.
	hostNetwork
)

// image gives the image in which a function runs, and its platform where that is not the engine's.
func (c *Container) image(ctx context.Context, engine *docker.Engine, fn *config.Function, code lambda.Code) (*docker.Image, string, error) {
	ref, err := c.reference(fn, code)
	if err != nil {
		return nil, "", err
	}
	platform := platformOf(fn, engine.Info().Arch)
	state := ""
	if code.Image != "" {
		state = code.Digest
	}
	image, err := c.images.ensure(ctx, engine, ref, platform, state, c.options.Progress)
	return image, platform, err
}

// reference names that image.
func (c *Container) reference(fn *config.Function, code lambda.Code) (string, error) {
	if fn.PackageType == "Image" {
		if ref := cmp.Or(code.Image, fn.Image.URI); ref != "" {
			return ref, nil
		}
		return "", fmt.Errorf("function %s has neither an image nor a built one", fn.Name)
	}
	rt, ok := containerRuntime(fn.Runtime)
	if fn.Container.Image != "" {
		return fn.Container.Image, nil
	}
	if own := c.options.Images[fn.Runtime]; own != "" {
		return own, nil
	}
	if !ok {
		return "", fmt.Errorf("there is no image of runtime %q", fn.Runtime)
	}
	return rt.image(), nil
}

// platformOf is Docker's word for the function's architecture, "" where the engine's is the same.
func platformOf(fn *config.Function, engine string) string {
	arch := "amd64"
	if fn.Architecture == "arm64" {
		arch = "arm64"
	}
	if arch == engine {
		return ""
	}
	return "linux/" + arch
}

// plan decides how the containers of spec's function are made and what is started in them. The caller releases its copies.
func (c *Container) plan(ctx context.Context, w *world, spec lambda.Spec) (_ *blueprint, err error) {
	fn := spec.Function
	image, platform, err := c.image(ctx, w.engine, fn, spec.Code)
	if err != nil {
		return nil, err
	}
	rt, _ := containerRuntime(fn.Runtime)
	p := &blueprint{function: fn.Name, image: image, rt: rt, code: spec.Code, dir: taskRoot}
	defer func() {
		if err != nil {
			w.copies.release(p.copies...)
		}
	}()
	if err := p.command(fn, spec.Code); err != nil {
		return nil, err
	}
	s := &p.container
	*s = docker.Spec{
		Image: image.ID, Platform: platform, MemoryBytes: int64(fn.MemoryMB) << 20, Ulimits: ulimits(), ReadOnly: true, Confined: true, AutoRemove: true,
		Unlogged: true, OpenStdin: w.doors == nil, WorkingDir: "/",
	}
	var mount docker.Mount
	if p.init, mount, err = w.init(ctx, image); err != nil {
		return nil, err
	}
	s.Mounts = append(s.Mounts, mount)
	if fn.PackageType != "Image" {
		if err := w.mountCode(ctx, p, spec.Code); err != nil {
			return nil, err
		}
	}
	if err := p.connect(ctx, w, cmp.Or(fn.Container.Network, c.networkOf(fn)), platform); err != nil {
		return nil, err
	}
	p.key = fmt.Sprintf("%+v %s %d", *s, spec.Code.Digest, p.network)
	w.copies.replace(versionKey{fn.Name, spec.Version}, p.copies)
	return p, nil
}

// networkOf is the network of a function that asks for none: image functions, whose programs listen where they like, have their own.
func (c *Container) networkOf(fn *config.Function) string {
	if fn.PackageType == "Image" && (c.options.Network == "" || c.options.Network == "shared") {
		return "own"
	}
	return cmp.Or(c.options.Network, "shared")
}

func (p *blueprint) connect(ctx context.Context, w *world, name, platform string) (err error) {
	s := &p.container
	switch name {
	case "shared":
		p.network = sharedNetwork
		s.Network, err = w.shared(ctx, p.image, platform)
		return err
	case "own":
		p.network = ownNetwork
	case "host":
		p.network, s.Network = hostNetwork, "host"
	default:
		p.network, s.Network = ownNetwork, name
	}
	if name != "none" && name != "host" {
		s.ExtraHosts = extraHosts()
	}
	return nil
}

// extraHosts are names that lead to the engine's machine, and the one under which AWS's sandboxes know themselves.
func extraHosts() []string {
	return []string{"host.docker.internal:host-gateway", "sandbox.localdomain:127.0.0.1"}
}

// ulimits are Lambda's (spec lambda.md §5.2, as recorded).
func ulimits() []docker.Ulimit {
	return []docker.Ulimit{
		{Name: "nofile", Soft: lambdaOpenFiles, Hard: lambdaOpenFiles},
		{Name: "nproc", Soft: 742, Hard: 742},
		{Name: "core", Soft: 10 << 30, Hard: 10 << 30},
		{Name: "memlock", Soft: 64 << 10, Hard: 64 << 10},
		{Name: "stack", Soft: 8 << 20, Hard: -1},
	}
}

const lambdaOpenFiles = 1024

// command is what is started: the image's own entry point, a provided runtime's bootstrap, or that of AWS's image (spec lambda.md §5.3, §5.6).
func (p *blueprint) command(fn *config.Function, code lambda.Code) error {
	if fn.PackageType == "Image" {
		entry, command := p.image.Entrypoint, p.image.Cmd
		if fn.Image.EntryPoint != nil {
			entry, command = fn.Image.EntryPoint, nil // as Docker does: another entry point has another command
		}
		if fn.Image.Command != nil {
			command = fn.Image.Command
		}
		p.argv = slices.Concat(entry, command)
		p.dir = cmp.Or(fn.Image.WorkingDirectory, p.image.WorkingDir, "/")
		if len(p.argv) == 0 {
			return &lambda.LaunchError{Type: "Runtime.InvalidEntrypoint", Message: "entrypoint and command are empty"}
		}
		return nil
	}
	if p.rt.family != provided {
		p.argv, p.searched = []string{runtimeDir + "/bootstrap"}, []string{runtimeDir + "/bootstrap"}
		return nil
	}
	path, err := bootstrap(code)
	if err != nil {
		return err
	}
	p.searched = bootstraps
	p.argv = []string{"/opt/bootstrap"}
	if path == code.Dir+"/bootstrap" {
		p.argv = []string{"/var/task/bootstrap"}
	}
	return nil
}

// order is the order that starts the runtime of spec.
func (p *blueprint) order(spec lambda.Spec, address string, run int) inside.Order {
	spec.RuntimeAPI = address
	spec.Code.NodePath, spec.Code.PythonPath = p.code.NodePath, p.code.PythonPath
	return inside.Order{
		Do: inside.Start, Run: run, Argv: p.argv, Env: containerVariables(spec, p.rt, p.image.Env), Dir: p.dir, LogFD: p.rt.logFD(),
	}
}

// failure is what the init could not start, in AWS's words.
func (p *blueprint) failure(spec lambda.Spec, r inside.Report) error {
	if p.searched == nil {
		kind := "Runtime.InvalidEntrypoint"
		if r.Folder {
			kind = "Runtime.InvalidWorkingDir"
		}
		fn := spec.Function.Image
		spec.Output(fmt.Appendf(nil, "IMAGE\tLaunch error: %s\tEntrypoint: %s\tCmd: %s\tWorkingDir: %s", r.Error,
			list(fn.EntryPoint, p.image.Entrypoint), list(fn.Command, p.image.Cmd), "["+p.dir+"]"))
		return &lambda.LaunchError{Type: kind, Message: r.Error}
	}
	if r.NotRunnable {
		return fmt.Errorf("start %s: %s: %w", p.argv[0], r.Error, &lambda.InvalidEntrypointError{Searched: p.searched})
	}
	return fmt.Errorf("start %s: %s", p.argv[0], r.Error)
}

func list(own, image []string) string {
	if own == nil {
		own = image
	}
	return "[" + strings.Join(own, ",") + "]"
}
