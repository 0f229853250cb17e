//go:build unix

package emulator_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/telemetry"
)

// onlyPython makes one interpreter all that is on PATH: a Python 3.1.4, which no runtime asks for.
func onlyPython(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "python3"), []byte("#!/bin/sh\nprintf '/opt/python3\\n3.1.4'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
}

// diagnosed are the problems that were told as events.
func (w *world) diagnosed() (list []config.Diagnostic) {
	for _, e := range w.seen() {
		if d, ok := e.Record.(config.Diagnostic); ok {
			list = append(list, d)
		}
	}
	return list
}

func (w *world) count(of telemetry.Type) (n int) {
	for _, e := range w.seen() {
		if e.Type == of {
			n++
		}
	}
	return n
}

// A runtime whose version is not here is one diagnostic, at the first of its functions, and check tells the same.
func TestInterpreterDiagnostic(t *testing.T) {
	onlyPython(t)
	project := "functions:\n"
	for _, name := range []string{"h", "g", "f", "e", "d", "c", "b", "a"} {
		project += "  " + name + ": {code: ./code, runtime: python3.13}\n"
	}
	w := serve(t, map[string]string{"emulate.yaml": project, "code/app.py": "def handler(event, context): pass\n"}, nil)
	var got []string
	for _, d := range w.diagnosed() {
		got = append(got, d.String())
	}
	file := w.diagnosed()[0].File
	want := []string{file + ":2:3: warning: runtime python3.13 runs on Python 3.1.4 (/opt/python3), since no python3.13 is on PATH\n  hint: install Python 3.13"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("serve tells (-want +got):\n%s", diff)
	}
	checked, err := emulator.Check(emulator.Options{Path: w.dir})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.diagnosed(), checked); diff != "" {
		t.Errorf("check tells (-serve +check):\n%s", diff)
	}
}

// A retired runtime has one warning: the next would tell to install what the first tells to leave.
func TestRetiredRuntimeHasOneWarning(t *testing.T) {
	onlyPython(t)
	w := serve(t, map[string]string{"emulate.yaml": "functions:\n  f: {code: ./f, runtime: python3.6}\n", "f/app.py": "def handler(event, context): pass\n"}, nil)
	checked, err := emulator.Check(emulator.Options{Path: w.dir})
	if err != nil {
		t.Fatal(err)
	}
	for who, list := range map[string][]config.Diagnostic{"serve": w.diagnosed(), "check": checked} {
		if len(list) != 1 || list[0].Code != "retired-runtime" {
			t.Errorf("%s tells %v", who, list)
		}
	}
}

// What no process can run and is to be one is a configuration that cannot be served, to check too; the order is the file's.
func TestMisplacedFunctions(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"emulate.yaml": `functions:
  old: {code: ./node, runtime: nodejs16.x}
  picture: {image: {uri: "example.com/none:v1"}}
  plain: {code: ./node}
  beans: {code: ./beans, runtime: java21, handler: example.Handler}
  older: {code: ./node, runtime: nodejs14.x}
`,
		"node/index.mjs":              "export const handler = async () => 1\n",
		"beans/example/Handler.class": "",
	}
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	o := emulator.Options{Path: dir, Executor: "process", NoWatch: true}
	told := func(list []config.Diagnostic) (out []string) {
		for _, d := range list {
			if d.Code != "interpreter-version" { // the machine's
				out = append(out, strings.Join([]string{string(d.Severity), d.Code, d.Object}, " "))
			}
		}
		return out
	}
	want := []string{
		"warning retired-runtime old", "error needs-container-executor picture", "error needs-container-executor beans", "warning retired-runtime older",
	}
	list, err := emulator.Check(o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, told(list)); diff != "" {
		t.Errorf("check (-want +got):\n%s", diff)
	}
	e, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var wrong *emulator.ConfigError
	if err := e.Start(t.Context()); !errors.As(err, &wrong) {
		t.Fatalf("start: %v", err)
	}
	if diff := cmp.Diff(want, told(wrong.Diagnostics)); diff != "" {
		t.Errorf("start (-want +got):\n%s", diff)
	}
	o.Executor = "auto"
	if list, err = emulator.Check(o); err != nil || slices.ContainsFunc(list, func(d config.Diagnostic) bool { return d.Severity == config.Error }) {
		t.Errorf("without the option: %v, %v", list, err)
	}
}

// With --lenient such a function is told as a warning, and answers with an error; the others are served.
func TestLenientServesTheOthers(t *testing.T) {
	t.Parallel()
	w := serve(t, map[string]string{
		"emulate.yaml":   "functions:\n  picture: {image: {uri: \"example.com/none:v1\"}}\n  plain: {code: ./node}\napis:\n  web: {kind: http, routes: {GET /: picture}}\n",
		"node/index.mjs": "export const handler = async () => 1\n",
	}, func(o *emulator.Options) { o.Executor, o.Lenient = "process", true })
	if r, err := w.Invoke(t.Context(), "plain", []byte("{}")); err != nil || string(r.Payload) != "1" {
		t.Errorf("the function that can run: %+v, %v", r, err)
	}
	if i := slices.IndexFunc(w.diagnosed(), func(d config.Diagnostic) bool { return d.Code == "needs-container-executor" }); i < 0 || w.diagnosed()[i].Severity != config.Warning {
		t.Errorf("told: %v", w.diagnosed())
	}
	_, err := w.Invoke(t.Context(), "picture", []byte("{}"))
	var refused *emulator.InvokeError
	if !errors.As(err, &refused) || refused.Status != 500 || !strings.Contains(refused.Message, ":2:3: error: function picture is a container image") {
		t.Errorf("invoke: %v", err)
	}
	got := get(t, http.DefaultClient, w.base("http")+"/")
	if got.status != 502 || !strings.Contains(got.body, "error: function picture is a container image") || strings.Contains(got.body, "warning:") {
		t.Errorf("the API answers %d %s", got.status, got.body)
	}
}

// Who needs one function waits for its build alone, and is told of its failure alone, as often as it asks. Where one runs is said for it alone.
func TestAwaitBuilds(t *testing.T) {
	t.Parallel()
	w := serve(t, map[string]string{
		"emulate.yaml":   "functions:\n  good: ./good\n  bad: ./bad\n  picture: {image: {uri: \"example.com/none:v1\"}}\n",
		"good/index.mjs": "export const handler = async () => 1\n", "bad/index.ts": "export const handler = async () => (\n",
	}, func(o *emulator.Options) {
		o.WaitForBuilds, o.ExecutorOf = false, map[string]string{"good": "process", "bad": "process"}
	})
	for range 2 {
		if err := w.AwaitBuilds(t.Context(), "good"); err != nil {
			t.Errorf("good: %v", err)
		}
		var failed *emulator.BuildError
		if err := w.AwaitBuilds(t.Context(), "bad"); !errors.As(err, &failed) || len(failed.Errs) != 1 {
			t.Errorf("bad: %v, want one *BuildError", err)
		}
		if err := w.AwaitBuilds(t.Context()); !errors.As(err, &failed) || !strings.Contains(err.Error(), "bad") {
			t.Errorf("all: %v, want a *BuildError", err)
		}
	}
	if err := w.AwaitBuilds(t.Context(), "none"); err != nil {
		t.Errorf("none: %v", err)
	}
	if _, err := emulator.New(emulator.Options{ExecutorOf: map[string]string{"good": "dokker"}}); err == nil {
		t.Error("an executor dokker is taken")
	}
}

// A build that fails when serving begins is a diagnostic: nothing was reloaded. After a change it is a failed reload.
func TestFirstBuildFails(t *testing.T) {
	t.Parallel()
	w := serve(t, map[string]string{"emulate.yaml": "functions:\n  f: {code: ./f}\n", "f/index.ts": "export const handler = async () => (\n"},
		func(o *emulator.Options) { o.NoWatch, o.WaitForBuilds = false, false })
	d := w.await(0, "the diagnostic", func(e telemetry.Event) bool {
		d, ok := e.Record.(config.Diagnostic)
		return ok && d.Code == "build-failed"
	}).Record.(config.Diagnostic)
	if d.Severity != config.Error || d.Line != 2 || d.Column != 3 || !strings.Contains(d.Message, "index.ts:2:0") {
		t.Errorf("told: %+v", d)
	}
	if n := w.count(telemetry.TypeReloadFailed); n != 0 {
		t.Errorf("%d failed reloads", n)
	}
	from := w.now()
	w.write("f/index.ts", "export const handler = async () => [\n")
	failed := w.await(from, "the failed reload", func(e telemetry.Event) bool { return e.Type == telemetry.TypeReloadFailed })
	if f := failed.Record.(*telemetry.ReloadFailed); f.Function != "f" || !strings.Contains(f.Error, "index.ts:2:0") {
		t.Errorf("told: %+v", f)
	}
	from = w.now()
	w.write("f/index.ts", "export const handler = async () => 1\n")
	w.await(from, "the reload", func(e telemetry.Event) bool { return e.Type == telemetry.TypeReloaded })
}

// A function whose engine is missing is told with its place and the mend, once; after a change of the configuration the reload has failed too.
func TestNoEngineDiagnostic(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	project := "functions:\n  f: {code: ./f, runtime: provided.al2023, executor: docker}\n"
	w := serve(t, map[string]string{"emulate.yaml": project, "f/bootstrap": "#!/bin/sh\n"}, func(o *emulator.Options) { o.NoWatch, o.WaitForBuilds = false, false })
	missing := func(e telemetry.Event) bool {
		d, ok := e.Record.(config.Diagnostic)
		return ok && d.Code == "no-container-engine"
	}
	d := w.await(0, "the diagnostic", missing).Record.(config.Diagnostic)
	if d.Severity != config.Error || d.Line != 2 || d.Hint == "" || !strings.HasPrefix(d.Message, "function f needs a container: ") {
		t.Errorf("told: %+v", d)
	}
	if n := w.count(telemetry.TypeReloadFailed); n != 0 {
		t.Errorf("%d failed reloads", n)
	}
	from := w.now()
	w.write("emulate.yaml", project+"  g: {code: ./f, runtime: provided.al2023, executor: docker}\n")
	w.await(from, "the diagnostic of g", func(e telemetry.Event) bool { return missing(e) && e.Record.(config.Diagnostic).Line == 3 })
	failed := w.await(from, "the failed reload of f", func(e telemetry.Event) bool { return e.Type == telemetry.TypeReloadFailed && e.Function == "f" })
	if got := failed.Record.(*telemetry.ReloadFailed).Error; got != d.Message {
		t.Errorf("the reload's error is %q, want the message %q", got, d.Message)
	}
	n := 0
	for _, e := range w.seen() {
		if missing(e) {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d diagnostics of the engine, want one for each function", n)
	}
}

// A build of a function that --lenient leaves broken fails in the words of its errors.
func TestLenientBuildTellsWhy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "emulate.yaml")
	if err := os.WriteFile(file, []byte("functions:\n  f: {cod: ./f}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	results, err := emulator.Build(t.Context(), emulator.Options{Path: file, Lenient: true, CacheDir: t.TempDir()}, emulator.BuildOptions{Host: true})
	var failed *emulator.BuildError
	if !errors.As(err, &failed) || len(results) != 1 || !strings.Contains(results[0].Err.Error(), `error: unknown property "cod" of a function`) {
		t.Errorf("%+v, %v", results, err)
	}
}
