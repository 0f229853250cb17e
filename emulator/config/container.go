package config

import (
	"regexp"
	"slices"
)

var networkNames = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// ValidNetwork says whether a container's network can be called so: shared, own, host, none, or as the engine's networks are called.
func ValidNetwork(name string) bool { return networkNames.MatchString(name) }

// containers are a project's own settings of what concerns containers: those of functions that say nothing themselves.
type containers struct {
	Container
	// images and buildImages are by runtime, and go before Container's.
	images, buildImages map[string]string
	// network is --docker-network, which goes before Container's too.
	network string
}

// container reads a function's settings.
func (p *props) container() Container {
	c := Container{Image: p.imageReference("image"), BuildImage: p.imageReference("buildImage"), Network: p.text("network")}
	if c.Network != "" && !ValidNetwork(c.Network) {
		p.errorf(p.raw("network"), "wrong-value", "shared, own, host, none, or the name of a network of the engine", "network cannot be %q", c.Network)
		c.Network = ""
	}
	return c
}

// containers reads a project's settings; p is nil where there are none.
func (p *props) containers(o Options) containers {
	if p == nil {
		return containers{network: o.Network}
	}
	return containers{Container: p.container(), images: p.imagesByRuntime("images"), buildImages: p.imagesByRuntime("buildImages"), network: o.Network}
}

// imagesByRuntime reads a map of runtimes to images.
func (p *props) imagesByRuntime(name string) map[string]string {
	images, v := p.textMap(name), p.value(name)
	for _, runtime := range keys(images) {
		f := v.field(runtime)
		if retiredRuntimes[runtime] == "" && !slices.Contains(runtimes, runtime) {
			p.errorf(f.key, "unknown-runtime", oneOf(runtime, runtimes), "unknown runtime %q", runtime)
		}
		p.checkReference(f.value, runtime+" of "+name, images[runtime])
	}
	return images
}

// complete gives a function what the project says for all.
func (d containers) complete(f *Function) {
	c := &f.Container
	if f.PackageType != "Image" {
		c.Image = or(c.Image, or(d.images[f.Runtime], d.Image))
		c.BuildImage = or(c.BuildImage, or(d.buildImages[f.Runtime], d.BuildImage))
	}
	c.Network = or(c.Network, or(d.network, d.Network))
}

// where reads in what a function runs: p has its executor and its container.
func (r *functionReader) where(p *props) {
	f := r.f
	f.Executor = p.enum("executor", "", "auto", "process", "docker")
	if f.Executor == "process" && f.PackageType == "Image" {
		r.errorf(p.raw("executor"), "wrong-value", "executor: docker", "an image function runs in a container, and not as a process")
	}
	c := p.nested("container")
	if c == nil {
		return
	}
	f.Container = c.container()
	if f.PackageType != "Image" {
		return
	}
	for _, name := range []string{"image", "buildImage"} {
		if c.has(name) {
			r.errorf(c.key(name), "wrong-value", "leave it out", "an image function runs in its own image: it has no %s of a runtime", name)
		}
	}
}

// containers reads what a template says for all functions, in the section Emulate of its Metadata.
func (t *template) containers() containers {
	f := t.root.get("Metadata").field("Emulate")
	if f == nil {
		return containers{network: t.opts.Network}
	}
	sc := t.in("Metadata.Emulate", nil)
	e := open(sc, t.eval(f.value, sc), f.key, "template Metadata.Emulate", literal)
	t.project.ColdStarts = e.coldStarts()
	e.account(t.project, e.nested("limits"))
	return e.nested("container").containers(t.opts)
}
