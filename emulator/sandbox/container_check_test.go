//go:build unix

package sandbox

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/docker"
	"example.com/emulate/emulator/lambda"
)

// The way around an engine that is not there is told to functions that have one: not to an image, nor to what no process or interpreter here runs.
func TestWithoutEngine(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "node"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	c := NewContainer(ContainerOptions{TempDir: t.TempDir(), Connect: func(ctx context.Context) (*docker.Engine, error) {
		return docker.Connect(ctx, docker.Options{Host: "unix://" + filepath.Join(t.TempDir(), "none.sock")})
	}})
	defer func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	image := &config.Function{Name: "i", PackageType: "Image", Image: config.Image{Context: "."}}
	for fn, around := range map[*config.Function]bool{
		{Name: "p", PackageType: "Zip", Runtime: "provided.al2023"}: true,
		{Name: "n", PackageType: "Zip", Runtime: "nodejs22.x"}:      true,
		{Name: "y", PackageType: "Zip", Runtime: "python3.13"}:      false,
		{Name: "j", PackageType: "Zip", Runtime: "java21"}:          false,
		image: false,
	} {
		found := c.Check(fn)
		if len(found) != 1 || found[0].Code != "no-container-engine" || !strings.HasPrefix(found[0].Hint, "Start it with ") ||
			strings.Contains(found[0].Hint, "`--executor process`") != around {
			t.Errorf("function %s: %v", fn.Name, found)
		}
		if err := c.Prepare(context.Background(), fn, lambda.Code{}); err == nil || strings.Contains(err.Error(), "container: {image") {
			t.Errorf("function %s: %v", fn.Name, err)
		}
	}
}

// A function that is an image is told of no other; nor is another image the mend of what is no failure of an image.
func TestAnotherImage(t *testing.T) {
	zip, image := &config.Function{PackageType: "Zip"}, &config.Function{PackageType: "Image"}
	for _, k := range []docker.Kind{docker.ImageMissing, docker.NotPullable, docker.WrongPlatform} {
		err := &docker.Error{Kind: k}
		if anotherImage(zip, err) == "" || anotherImage(image, err) != "" {
			t.Errorf("%s: zip %q, image %q", k, anotherImage(zip, err), anotherImage(image, err))
		}
	}
	if got := anotherImage(zip, &docker.Error{Kind: docker.Stopped}); got != "" {
		t.Errorf("stopped: %q", got)
	}
}
