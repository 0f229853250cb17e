package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/lambda"
)

// Check tells what stands in the way of running fn in a container: no engine, or no image of its runtime. Nothing is pulled for it. An image that is
// to be built is not looked for.
func (c *Container) Check(fn *config.Function) []config.Diagnostic {
	d := config.Diagnostic{Severity: config.Error, Position: fn.At, Object: fn.LogicalID}
	if fn.PackageType == "Image" && fn.Image.URI == "" && fn.Image.Context != "" {
		return c.checkEngine(d, fn)
	}
	ref, err := c.reference(fn, lambda.Code{})
	if err != nil {
		d.Code, d.Message = "unknown-runtime", fmt.Sprintf("function %s cannot run in a container: %v", fn.Name, err)
		d.Hint = "name an image for it (container: image)"
		return []config.Diagnostic{d}
	}
	if found := c.checkEngine(d, fn); found != nil {
		return found
	}
	engine, err := c.engines.get(context.Background())
	if err != nil {
		return nil
	}
	_, err = engine.Image(context.Background(), ref, platformOf(fn, engine.Info().Arch))
	var known *docker.Error
	if err == nil || !errors.As(err, &known) || known.Kind == docker.Stopped || known.Kind == docker.Absent {
		return nil
	}
	d.Severity, d.Code, d.Message, d.Hint = config.Warning, "image-missing", fmt.Sprintf("function %s: image %s is not here; it is pulled at the first start", fn.Name, ref), strings.TrimSpace(known.Mend+" "+anotherImage(fn, err))
	if known.Kind != docker.ImageMissing {
		d.Code, d.Message = "image-unfit", fmt.Sprintf("function %s: %v", fn.Name, err)
	}
	return []config.Diagnostic{d}
}

func (c *Container) checkEngine(d config.Diagnostic, fn *config.Function) []config.Diagnostic {
	_, err := c.engines.get(context.Background())
	if err == nil {
		return nil
	}
	d.Code, d.Message = "no-container-engine", fmt.Sprintf("function %s needs a container: %v", fn.Name, err)
	var known *docker.Error
	if errors.As(err, &known) {
		d.Hint = strings.TrimSpace(known.Mend + " " + withoutEngine(fn))
		d.Message, _, _ = strings.Cut(d.Message, "\n")
	}
	return []config.Diagnostic{d}
}

// withoutEngine is the way around containers, for a function that has one: an image or Java is no process, and nor is what no interpreter here runs.
func withoutEngine(fn *config.Function) string {
	if _, unsupported := Unsupported(fn); unsupported || Uninstalled(fn) != "" {
		return ""
	}
	return "Or do without containers: `--executor process` runs functions as plain processes, `--build-host` builds with this machine's tools."
}

// anotherImage is the way around a runtime's image that cannot be had. A function that is an image has no other.
func anotherImage(fn *config.Function, err error) string {
	switch docker.KindOf(err) {
	case docker.ImageMissing, docker.NotPullable, docker.WrongPlatform:
		if fn.PackageType != "Image" {
			return "Or name an image that you have: `container: {image: NAME}`."
		}
	}
	return ""
}

// Limits tells in plain lines what this executor cannot do with the engine that it found, for the start of serve. Before the first start it does not
// know whether containers see this machine's files.
func (c *Container) Limits() []string {
	c.mu.Lock()
	w := c.world
	c.mu.Unlock()
	limits := []string{"the size of /tmp is watched and not limited: a container has the room of the engine's disk"}
	if w != nil && w.doors == nil {
		limits = append(limits,
			"code is copied to the engine, and spoken to through the attached stream: "+w.why,
			"the user has no name (sbx_user1051): its passwd line is a file of this machine")
	}
	return limits
}
