package sandbox

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"example.com/emulate/emulator/docker"
)

// testImage is a small image with a shell that this test run makes from the stand-in runtime image's name.
const testImage = "public.ecr.aws/lambda/provided:al2023"

// newContainer is a Container that the test closes; everything that it made must be gone then.
func newContainer(t testing.TB, o ContainerOptions) *Container {
	t.Helper()
	o.TempDir = t.TempDir()
	o.CacheDir = initCache(t)
	if o.Session == "" {
		o.Session = "sandbox-test-" + filepath.Base(o.TempDir) + strings.ToLower(strings.NewReplacer("/", "-", "#", "-", "=", "-").Replace(t.Name()))
	}
	if o.Connect == nil {
		o.Connect = connect
	}
	if o.Notice == nil {
		o.Notice = func(line string) { t.Log("notice:", line) }
	}
	c := NewContainer(o)
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
		nothingLeft(t, o)
	})
	return c
}

func connect(ctx context.Context) (*docker.Engine, error) {
	return docker.Connect(ctx, docker.Options{})
}

func nothingLeft(t testing.TB, o ContainerOptions) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(o.TempDir, "*")); len(left) > 0 {
		t.Errorf("left in the temporary folder: %v", left)
	}
	engine, err := o.Connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	labels := map[string]string{labelSession: o.Session}
	if left, err := engine.Containers(context.Background(), labels); err != nil || len(left) > 0 {
		t.Errorf("containers are left: %v %v", left, err)
	}
	if left, err := engine.Volumes(context.Background(), labels); err != nil || len(left) > 0 {
		t.Errorf("volumes are left: %v %v", left, err)
	}
}

// initCache is one cache folder for all tests, so that the init is built once.
func initCache(t testing.TB) string {
	helperCode(t)
	return filepath.Join(helper.dir, "cache")
}

var transports = map[string]ContainerOptions{"local": {Spares: -1}, "stream": {Spares: -1, Stream: true}}

func eachTransport(t *testing.T, f func(t *testing.T, c *Container)) {
	for name, o := range transports {
		t.Run(name, func(t *testing.T) { f(t, newContainer(t, o)) })
	}
}
