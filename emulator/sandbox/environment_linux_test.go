package sandbox

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/emulate/emulator/lambda"

	"github.com/google/go-cmp/cmp"
)

func TestVariables(t *testing.T) {
	t.Setenv("PATH", "/home/me/bin:/usr/bin")
	t.Setenv("HOME", "/home/me")
	t.Setenv("SECRET_OF_THE_SHELL", "1")
	common := []string{
		"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_DEFAULT_REGION=eu-central-1", "AWS_ENDPOINT_URL_LAMBDA=http://127.0.0.1:3001",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128", "AWS_LAMBDA_FUNCTION_NAME=hello", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/hello",
		"AWS_LAMBDA_LOG_STREAM_NAME=2026/11/24/[$LATEST]0123456789abcdef0123456789abcdef", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001",
		"AWS_REGION=eu-central-1", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token", "AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000", "LAMBDA_TASK_ROOT=/code", "LANG=en_US.UTF-8", "TZ=:UTC",
		"_AWS_XRAY_DAEMON_ADDRESS=127.0.0.1", "_AWS_XRAY_DAEMON_PORT=2000",
	}
	for _, test := range []struct {
		name, runtime string
		change        func(*lambda.Spec)
		at            places
		want          []string
	}{
		{
			name: "provided", runtime: "provided.al2023",
			at:   places{task: "/code", runtime: "/var/runtime"},
			want: []string{"LAMBDA_RUNTIME_DIR=/var/runtime", "LD_LIBRARY_PATH=/code/lib", "PATH=/home/me/bin:/usr/bin", "_HANDLER=bootstrap"},
		},
		{
			name: "node with layers", runtime: "nodejs22.x",
			change: func(s *lambda.Spec) {
				s.Code.Handler, s.Code.NodePath = "index.built", []string{"/deps/node_modules"}
			},
			at: places{task: "/code", runtime: "/clients/node", opt: []string{"/l2", "/l1"}, bin: "/usr/local/bin", tmp: "/t/1"},
			want: []string{
				"AWS_EXECUTION_ENV=AWS_Lambda_nodejs22.x", "LAMBDA_RUNTIME_DIR=/clients/node", "LD_LIBRARY_PATH=/code/lib:/l2/lib:/l1/lib",
				"NODE_PATH=/l2/nodejs/node22/node_modules:/l1/nodejs/node22/node_modules:/l2/nodejs/node_modules:/l1/nodejs/node_modules:/deps/node_modules:/code",
				"PATH=/usr/local/bin:/home/me/bin:/usr/bin:/l2/bin:/l1/bin", "PWD=/code", "SHLVL=0", "TMPDIR=/t/1", "_HANDLER=index.built",
			},
		},
		{
			name: "python with a mounted layer", runtime: "python3.12",
			change: func(s *lambda.Spec) { s.Code.PythonPath = []string{"/deps"} },
			at:     places{task: "/code", runtime: "/clients/python", opt: []string{"/opt"}, bin: "/usr/bin"},
			want: []string{
				"AWS_EXECUTION_ENV=AWS_Lambda_python3.12", "LAMBDA_RUNTIME_DIR=/clients/python", "LC_CTYPE=C.UTF-8", "LD_LIBRARY_PATH=/code/lib:/opt/lib",
				"PATH=/usr/bin:/home/me/bin:/usr/bin:/opt/bin", "PWD=/code",
				"PYTHONPATH=/deps:/opt/python/lib/python3.12/site-packages:/opt/python:/clients/python", "SHLVL=0", "_HANDLER=bootstrap",
			},
		},
		{
			name: "the function's own", runtime: "python3.11",
			change: func(s *lambda.Spec) {
				s.Function.Environment = map[string]string{
					"TABLE": "t", "EMPTY": "", "PATH": "/mine", "PYTHONPATH": "mine", "TZ": "Europe/Berlin", "AWS_ENDPOINT_URL_LAMBDA": "http://own",
					"AWS_REGION": "mars", "LAMBDA_TASK_ROOT": "/x", "_HANDLER": "x", "AWS_LAMBDA_LOG_FORMAT": "x", "NODE_OPTIONS": "--inspect", "HOME": "/own",
				}
				s.Function.Logging.Format, s.Function.Logging.ApplicationLevel, s.Function.Logging.Group = "JSON", "DEBUG", "/my/group"
			},
			at: places{task: "/code", runtime: "/clients/python", bin: "/usr/bin"},
			want: []string{
				"AWS_ENDPOINT_URL_LAMBDA=http://own", "AWS_EXECUTION_ENV=AWS_Lambda_python3.11", "AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_GROUP_NAME=/my/group",
				"AWS_LAMBDA_LOG_LEVEL=DEBUG", "EMPTY=", "HOME=/own", "LAMBDA_RUNTIME_DIR=/clients/python", "LD_LIBRARY_PATH=/code/lib", "NODE_OPTIONS=--inspect",
				"PATH=/mine", "PWD=/code", "PYTHONPATH=mine:/clients/python", "SHLVL=0", "TABLE=t", "TZ=Europe/Berlin", "_HANDLER=bootstrap",
			},
		},
		{
			name: "a reserved one that the platform does not set", runtime: "provided.al2",
			change: func(s *lambda.Spec) {
				s.Function.Environment = map[string]string{"AWS_EXECUTION_ENV": "x", "AWS_LAMBDA_LOG_LEVEL": "x", "LD_LIBRARY_PATH": ""}
			},
			at:   places{task: "/code", runtime: "/var/runtime"},
			want: []string{"LAMBDA_RUNTIME_DIR=/var/runtime", "LD_LIBRARY_PATH=", "PATH=/home/me/bin:/usr/bin", "_HANDLER=bootstrap"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := spec("/code", newRecord())
			s.Function.Runtime = test.runtime
			if test.change != nil {
				test.change(&s)
			}
			rt, ok := parseRuntime(test.runtime)
			if !ok {
				t.Fatal("unknown runtime")
			}
			got := variables(s, rt, test.at)
			slices.Sort(got)
			if diff := cmp.Diff(merged(common, test.want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// merged is base with the variables of more in the place of those of the same name.
func merged(base, more []string) []string {
	all := map[string]string{}
	for _, v := range slices.Concat(base, more) {
		name, _, _ := strings.Cut(v, "=")
		all[name] = v
	}
	var sorted []string
	for _, v := range all {
		sorted = append(sorted, v)
	}
	slices.Sort(sorted)
	return sorted
}

func TestLayers(t *testing.T) {
	for name, o := range ways {
		t.Run(name, func(t *testing.T) {
			p := newProcess(t, o)
			one, two, codeOutside := t.TempDir(), t.TempDir(), outsideTmp(t)
			write(t, filepath.Join(codeOutside, "bootstrap"), "#!/bin/sh\ntool || echo none\n")
			p.Limits()
			if p.host.private() {
				two = filepath.Join(two, "with:colon,and comma")
			}
			write(t, filepath.Join(one, "bin", "tool"), "#!/bin/sh\necho tool of one\n")
			write(t, filepath.Join(one, "bin", "other"), "#!/bin/sh\necho other of one\n")
			write(t, filepath.Join(two, "bin", "tool"), "#!/bin/sh\necho tool of two\n")
			for _, test := range []struct {
				layers []string
				want   []string
			}{
				{[]string{one}, []string{"tool of one", "other of one"}},
				{[]string{one, two}, []string{"tool of two", "other of one"}},
			} {
				out := newRecord()
				s := spec(script(t, "tool; other"), out)
				s.Code.Layers = test.layers
				in := start(t, p, s)
				wait(t, in)
				stop(t, in, 0)
				if diff := cmp.Diff(test.want, out.all()); diff != "" {
					t.Error(diff)
				}
			}
			// A slot that served without layers serves with them, and the other way round.
			for _, layers := range [][]string{nil, {one}, nil} {
				out := newRecord()
				s := spec(codeOutside, out)
				s.Code.Layers = layers
				in := start(t, p, s)
				wait(t, in)
				stop(t, in, 0)
				if got, want := out.all()[len(out.all())-1], map[bool]string{true: "none", false: "tool of one"}[layers == nil]; got != want {
					t.Errorf("with %v: %q", layers, got)
				}
			}
			// The program itself may come from a layer.
			write(t, filepath.Join(two, "bootstrap"), "#!/bin/sh\necho bootstrap of two at $0\n")
			out := newRecord()
			s := spec(t.TempDir(), out)
			s.Code.Layers = []string{one, two}
			in := start(t, p, s)
			wait(t, in)
			stop(t, in, 0)
			want := "bootstrap of two at /opt/bootstrap"
			if !p.host.private() {
				want = "bootstrap of two at " + two + "/bootstrap"
			}
			if diff := cmp.Diff([]string{want}, out.all()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// fakePython puts a Python on PATH that only tells how it is called.
func fakePython(t *testing.T) {
	t.Helper()
	dir := outsideTmp(t)
	write(t, filepath.Join(dir, "python3"), `#!/bin/sh
if [ "$1" = -c ]; then printf "$0\n3.12.9"; exit; fi
echo python "$@"
`)
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

func TestWrapper(t *testing.T) {
	fakePython(t)
	for name, o := range ways {
		t.Run(name, func(t *testing.T) {
			p := newProcess(t, o)
			code, layer := t.TempDir(), t.TempDir()
			write(t, filepath.Join(code, "wrap"), "#!/bin/sh\necho task wrapper\nexec \"$@\"\n")
			write(t, filepath.Join(layer, "wrap"), "echo layer wrapper, without an interpreter line\nexec \"$@\"\n")
			if err := os.WriteFile(filepath.Join(code, "plain"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			clients, err := writeClients(p.options.CacheDir)
			if err != nil {
				t.Fatal(err)
			}
			python := "python -X pycache_prefix=" + p.options.CacheDir + "/pycache " + clients + "/python/bootstrap.py"
			for _, test := range []struct {
				wrapper string
				exit    lambda.Exit
				want    []string
			}{
				{"", lambda.Exit{}, []string{python}},
				{"/var/task/wrap", lambda.Exit{}, []string{"task wrapper", python}},
				{"/opt/wrap", lambda.Exit{}, []string{"layer wrapper, without an interpreter line", python}},
				{"/idontexist.sh", lambda.Exit{Code: 127}, nil},
				{"/var/task/plain", lambda.Exit{Code: 126}, nil},
			} {
				out := newRecord()
				s := spec(code, out, "AWS_LAMBDA_EXEC_WRAPPER", test.wrapper)
				s.Function.Runtime, s.Code.Layers = "python3.12", []string{layer}
				in := start(t, p, s)
				if diff := cmp.Diff(test.exit, wait(t, in)); diff != "" {
					t.Errorf("%s: %s", test.wrapper, diff)
				}
				stop(t, in, 0)
				if diff := cmp.Diff(test.want, out.all()); test.want != nil && diff != "" {
					t.Errorf("%s: %s", test.wrapper, diff)
				}
			}
		})
	}
}

func TestProvidedRuntimesHaveNoWrapper(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	out := newRecord()
	in := start(t, p, spec(script(t, "echo here"), out, "AWS_LAMBDA_EXEC_WRAPPER", "/idontexist.sh"))
	wait(t, in)
	stop(t, in, 0)
	if diff := cmp.Diff([]string{"here"}, out.all()); diff != "" {
		t.Error(diff)
	}
}

// An interpreter that appears later is found without a restart.
func TestInterpreterInstalledLater(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p := newProcess(t, ProcessOptions{})
	s := spec(t.TempDir(), newRecord())
	s.Function.Runtime = "python3.12"
	if _, err := p.Start(context.Background(), s); err == nil {
		t.Fatal("started without an interpreter")
	}
	fakePython(t)
	in := start(t, p, s)
	wait(t, in)
	stop(t, in, 0)
}
