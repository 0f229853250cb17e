//go:build linux

package emulator_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/dockerbuild"
	"example.com/emulate/emulator"
	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/telemetry"
)

func inContainers(o *emulator.Options) { o.Executor = "docker" }

// output runs a program of this machine.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// bootstrap builds a package of the tests' programs for any Lambda, into dir.
func bootstrap(t *testing.T, dir, pkg string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "bootstrap"), pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
}

// nativeDir is a project whose functions have native code: Go with C, an addon of Node, an extension of Python, a packed program.
const nativeDir = "../testdata/containers/native"

// What has native code is built in the build image of its runtime, and answers from the image of its runtime through an API.
func TestNativeCodeInContainers(t *testing.T) {
	t.Parallel()
	w := serve(t, nil, func(o *emulator.Options) { o.Path, o.Executor = nativeDir, "docker" })
	for path, want := range map[string]string{"/go": "native /go", "/node": "native /node", "/python": "native /python 1.16.0", "/tool": "native /tool"} {
		if got := get(t, http.DefaultClient, w.base("http")+path); got.status != 200 || got.body != want {
			t.Errorf("%s answers %d %s, want %q", path, got.status, got.body, want)
		}
	}
	for _, f := range w.Served().Functions {
		if f.Executor != "docker" {
			t.Errorf("function %s runs in %s", f.Name, f.Executor)
		}
	}
}

// The same Go source, built with a newer C library than Lambda's, is refused with the symbol's name, and really does not start there.
func TestNewerCLibrary(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	buildOnNewer(t, filepath.Join(nativeDir, "go"), filepath.Join(dir, "new"))
	files := map[string]string{"emulate.yaml": fmt.Sprintf("functions:\n  new: { code: %s, runtime: provided.al2023 }\n", filepath.Join(dir, "new"))}
	w := serve(t, files, inContainers)

	checker := dockerbuild.NewChecker(dockerbuild.CheckOptions{CacheDir: filepath.Join(dir, "cache")})
	defer checker.Close()
	report, err := checker.Check(t.Context(), w.Project().Functions[0])
	if err != nil {
		t.Fatal(err)
	}
	named := func(d config.Diagnostic) bool {
		return d.Severity == config.Error && filepath.Base(d.File) == "bootstrap" && strings.Contains(d.Message, "GLIBC_2.38") && strings.Contains(d.Message, "strlcpy") &&
			strings.Contains(d.Hint, "emulate build")
	}
	if !slices.ContainsFunc(report.Diagnostics, named) {
		t.Errorf("the check tells %+v", report.Diagnostics)
	}

	r, err := w.Invoke(t.Context(), "new", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: %s Error: Runtime exited with error: exit status 1"}`, r.RequestID)
	if r.FunctionError != "Unhandled" || string(r.Payload) != want {
		t.Errorf("the answer is %s %s, want %s", r.FunctionError, r.Payload, want)
	}
	w.await(0, "the loader's line", func(e telemetry.Event) bool {
		l, ok := e.Record.(telemetry.Line)
		return ok && strings.Contains(l.Text, "/var/task/bootstrap") && strings.Contains(l.Text, "version `GLIBC_2.38' not found")
	})
}

// buildOnNewer builds a Go package with cgo in an image whose C library is newer than Lambda's, with this machine's Go and its caches.
func buildOnNewer(t *testing.T, pkg, to string) {
	t.Helper()
	pkg, err := filepath.Abs(pkg)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		t.Fatal(err)
	}
	goroot := output(t, "go", "env", "GOROOT")
	args := []string{"run", "--rm", "--label", "emulate.test=newer", "--network", "none", "-u", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()), "-w", pkg,
		"-v", goroot + ":" + goroot + ":ro", "-v", to + ":" + to, "-e", "PATH=" + goroot + "/bin:/usr/bin:/bin",
		"-e", "GOPROXY=off", "-e", "GOFLAGS=-buildvcs=false", "-e", "CGO_ENABLED=1"}
	for name, mode := range map[string]string{"GOMODCACHE": ":ro", "GOCACHE": ""} {
		dir := output(t, "go", "env", name)
		args = append(args, "-v", dir+":"+dir+mode, "-e", name+"="+dir)
	}
	module := filepath.Dir(output(t, "go", "env", "GOMOD"))
	args = append(args, "-v", module+":"+module+":ro", "emulate-test/newer", "go", "build", "-o", filepath.Join(to, "bootstrap"), ".")
	output(t, "docker", args...)
}

const imageTemplate = `Transform: AWS::Serverless-2016-10-31
Resources:
  %[1]sBased:
    Type: AWS::Serverless::Function
    Properties:
      PackageType: Image
      ImageConfig: { Command: [other.handler] }
      Events: { Api: { Type: HttpApi, Properties: { Path: /based, Method: get } } }
    Metadata: { DockerContext: ./based, Dockerfile: Dockerfile, DockerTag: v1, DockerBuildArgs: { FROM: al2023 } }
  %[1]sScratch:
    Type: AWS::Serverless::Function
    Properties:
      PackageType: Image
      ImageConfig: { Command: [from, config], WorkingDirectory: /elsewhere }
      Events: { Api: { Type: HttpApi, Properties: { Path: /scratch, Method: get } } }
    Metadata: { DockerContext: ./scratch, Dockerfile: docker/file, DockerTag: v1, DockerBuildTarget: final }
`

// Image functions of a SAM template are built from their Dockerfiles, AWS's base image and none at all, and again when a file of the context changes.
func TestImageFunctions(t *testing.T) {
	t.Parallel()
	prefix := "EmulateTest" + filepath.Base(t.TempDir()) + fmt.Sprint(os.Getpid())
	t.Cleanup(func() { // the images have names, which emulators leave there
		for _, name := range []string{"based", "scratch"} {
			output := exec.Command("docker", "image", "rm", "-f", strings.ToLower(prefix)+name+":v1")
			if out, err := output.CombinedOutput(); err != nil {
				t.Errorf("remove an image: %v: %s", err, out)
			}
		}
	})
	program := t.TempDir()
	bootstrap(t, program, "../testdata/containers/image")
	data, err := os.ReadFile(filepath.Join(program, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	w := serve(t, map[string]string{
		"template.yaml":     fmt.Sprintf(imageTemplate, prefix),
		"based/bootstrap":   string(data),
		"based/word.txt":    "one\n",
		"based/Dockerfile":  "ARG FROM\nFROM public.ecr.aws/lambda/provided:${FROM}\nCOPY bootstrap /var/runtime/\nCOPY word.txt /var/task/\nCMD [\"own.handler\"]\n",
		"scratch/bootstrap": string(data),
		"scratch/word.txt":  "one\n",
		"scratch/docker/file": "FROM scratch AS final\nCOPY bootstrap /\nCOPY word.txt /elsewhere/\nENV WORD=word.txt\nENTRYPOINT [\"/bootstrap\"]\nCMD [\"of\", \"image\"]\n" +
			"FROM final\nENV WORD=/nowhere\n",
	}, watching)
	ask := func(path, want string) {
		t.Helper()
		if got := get(t, http.DefaultClient, w.base("http")+path); got.status != 200 || got.body != want {
			t.Errorf("%s answers %d %s, want %q", path, got.status, got.body, want)
		}
	}
	ask("/based", "other.handler||/var/task|one")
	ask("/scratch", "|from config|/elsewhere|one")
	for name, path := range map[string]string{"Based": "/based", "Scratch": "/scratch"} {
		from := w.now()
		w.write(strings.ToLower(name)+"/word.txt", "two\n")
		w.reloads(from, prefix+name)
		want := map[string]string{"/based": "other.handler||/var/task|two", "/scratch": "|from config|/elsewhere|two"}
		ask(path, want[path])
	}
}

// With the executor auto a function runs in a container where it has to, which is said with the reason; one whose image cannot be had says so, and the
// others are served.
func TestWhoRunsInContainers(t *testing.T) {
	t.Parallel()
	program := t.TempDir()
	bootstrap(t, program, "../testdata/containers/probe")
	w := serve(t, map[string]string{
		"emulate.yaml": fmt.Sprintf(`functions:
  picture: { image: public.ecr.aws/lambda/provided:al2023 }
  beans: { code: ./beans, runtime: java21, handler: example.Handler, build: none, container: { image: "localhost:1/java:21" } }
  plain: { code: %[1]s, runtime: provided.al2023 }
  asked: { code: %[1]s, runtime: provided.al2023, executor: docker }
`, program),
		"beans/example/Handler.class": "",
	}, func(o *emulator.Options) { o.WaitForBuilds = false })
	ready := w.await(0, "ready", func(e telemetry.Event) bool { return e.Type == telemetry.TypeReady }).Record.(*telemetry.Project)
	var executors []string
	for _, f := range ready.Functions {
		executors = append(executors, f.Name+" "+f.Executor)
	}
	if diff := cmp.Diff([]string{"picture docker", "beans docker", "plain process", "asked docker"}, executors); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{
		"in a container: function picture is a container image, which needs the container executor",
		"in a container: function beans has the runtime java21, which needs the container executor",
	} {
		w.await(0, want, func(e telemetry.Event) bool {
			n, ok := e.Record.(*telemetry.Notice)
			return ok && n.Text == want
		})
	}
	for _, name := range []string{"plain", "asked"} {
		if r, err := w.Invoke(t.Context(), name, []byte("{}")); err != nil || string(r.Payload) != `"well"` {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	failed := w.await(0, "the build without an image", func(e telemetry.Event) bool {
		d, ok := e.Record.(config.Diagnostic)
		return ok && d.Code == "build-failed" && d.Object == "beans"
	})
	_, err := w.Invoke(t.Context(), "beans", []byte("{}"))
	var refused *emulator.InvokeError
	if !errors.As(err, &refused) || refused.Status != 500 || refused.Type != "ServiceException" {
		t.Fatalf("beans: %v", err)
	}
	for _, text := range []string{failed.Record.(config.Diagnostic).String(), refused.Message} {
		if !strings.Contains(text, "localhost:1/java:21") || !strings.Contains(text, "container: {image: NAME}") {
			t.Errorf("neither image nor mend: %s", text)
		}
	}
	for _, e := range w.seen() {
		if n, ok := e.Record.(*telemetry.Notice); ok && strings.HasPrefix(n.Text, "in a container: function plain") {
			t.Error(n.Text)
		}
	}
}
