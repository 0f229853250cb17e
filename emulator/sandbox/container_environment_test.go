package sandbox

import (
	"strings"
	"testing"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"

	"github.com/google/go-cmp/cmp"
)

// common are the variables that AWS's recordings have in every runtime, with the values of the recorded function; <> stands for one that differs from
// run to run.
var common = map[string]string{
	"AWS_ACCESS_KEY_ID":               "<aws-access-key-id:1>",
	"AWS_DEFAULT_REGION":              "<region>",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
	"AWS_LAMBDA_FUNCTION_NAME":        "<function-name:1>",
	"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
	"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
	"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/<function-name:1>",
	"AWS_LAMBDA_LOG_STREAM_NAME":      "<log-stream-name:1>",
	"AWS_LAMBDA_RUNTIME_API":          "169.254.100.1:9001",
	"AWS_REGION":                      "<region>",
	"AWS_SECRET_ACCESS_KEY":           "<aws-secret-access-key:1>",
	"AWS_SESSION_TOKEN":               "<aws-session-token:1>",
	"AWS_XRAY_CONTEXT_MISSING":        "LOG_ERROR",
	"AWS_XRAY_DAEMON_ADDRESS":         "169.254.100.1:2000",
	"LAMBDA_RUNTIME_DIR":              "/var/runtime",
	"LAMBDA_TASK_ROOT":                "/var/task",
	"LANG":                            "en_US.UTF-8",
	"TEST_KEY":                        "TEST_VAL",
	"TZ":                              ":UTC",
	"_AWS_XRAY_DAEMON_ADDRESS":        "169.254.100.1",
	"_AWS_XRAY_DAEMON_PORT":           "2000",
}

// recorded are those that each runtime has beside them.
var recorded = map[string]map[string]string{
	"provided.al2023": {
		"LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"PATH":            "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"_HANDLER":        "function.handler",
	},
	"nodejs24.x": {
		"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs24.x",
		"LD_LIBRARY_PATH":   "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"NODE_PATH":         "/opt/nodejs/node24/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task",
		"PATH":              "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"PWD":               "/var/task",
		"SHLVL":             "0",
		"_HANDLER":          "index.handler",
	},
	"python3.13": {
		"AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
		"LC_CTYPE":          "C.UTF-8",
		"LD_LIBRARY_PATH":   "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"PATH":              "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"PWD":               "/var/task",
		"PYTHONPATH":        "/var/runtime",
		"SHLVL":             "0",
		"_HANDLER":          "handler.handler",
	},
	"python3.14": {
		"AWS_EXECUTION_ENV": "AWS_Lambda_python3.14",
		"LC_CTYPE":          "C.UTF-8",
		"LD_LIBRARY_PATH":   "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"PATH":              "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"PWD":               "/var/task",
		"PYTHONPATH":        "/var/runtime",
		"SHLVL":             "0",
		"_HANDLER":          "handler.handler",
	},
	"dotnet10": {
		"AWS_EXECUTION_ENV":        "AWS_Lambda_dotnet10",
		"DOTNET_ROOT":              "/var/lang/bin",
		"LAMBDA_RUNTIME_NAME":      "dotnet10",
		"LD_LIBRARY_PATH":          "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"PATH":                     "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"PWD":                      "/var/task",
		"SHLVL":                    "0",
		"_HANDLER":                 "dotnet::Dotnet.Function::FunctionHandler",
		"_LAMBDA_TELEMETRY_LOG_FD": "62",
	},
	"ruby3.4": {
		"AWS_EXECUTION_ENV": "AWS_Lambda_ruby3.4",
		"GEM_HOME":          "/var/runtime",
		"GEM_PATH":          "/var/task/vendor/bundle/ruby/3.4.0:/opt/ruby/gems/3.4.0:/var/runtime:/var/runtime/ruby/3.4.0",
		"LD_LIBRARY_PATH":   "/var/lang/lib:/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"PATH":              "/var/lang/bin:/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"PWD":               "/var/task",
		"RUBYLIB":           "/var/runtime/gems/aws_lambda_ric-3.1.3/lib:/var/task:/var/runtime/lib:/opt/ruby/lib",
		"SHLVL":             "0",
		"_HANDLER":          "function.handler",
	},
}

// byBootstrap are what AWS's bootstrap of a runtime sets itself, in the image.
var byBootstrap = map[string][]string{"ruby3.4": {"GEM_HOME", "GEM_PATH", "RUBYLIB"}}

func TestContainerVariablesAreAWSs(t *testing.T) {
	for id, own := range recorded {
		rt, ok := containerRuntime(id)
		if !ok {
			t.Fatalf("%s is no runtime", id)
		}
		want := map[string]string{}
		for _, set := range []map[string]string{common, own} {
			for name, value := range set {
				want[name] = value
			}
		}
		for _, name := range byBootstrap[id] {
			delete(want, name)
		}
		if rt.family == ruby { // its bootstrap puts this folder in front once more
			want["PATH"] = strings.TrimPrefix(want["PATH"], "/var/lang/bin:")
			want["LD_LIBRARY_PATH"] = strings.TrimPrefix(want["LD_LIBRARY_PATH"], "/var/lang/lib:")
		}
		got := map[string]string{}
		for _, v := range containerVariables(recordedSpec(id, want["_HANDLER"]), rt, []string{"FROM=image", "PATH=/image"}) {
			name, value, _ := strings.Cut(v, "=")
			got[name] = value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", id, diff)
		}
	}
}

func recordedSpec(id, handler string) lambda.Spec {
	return lambda.Spec{
		Environment: common["AWS_LAMBDA_LOG_STREAM_NAME"], Version: "$LATEST", InitializationType: "on-demand", Region: common["AWS_REGION"],
		RuntimeAPI: common["AWS_LAMBDA_RUNTIME_API"],
		Function: &config.Function{
			Name: common["AWS_LAMBDA_FUNCTION_NAME"], Runtime: id, Handler: handler, PackageType: "Zip", MemoryMB: 1024,
			Environment: map[string]string{"TEST_KEY": "TEST_VAL"},
		},
		Credentials: lambda.Credentials{
			AccessKeyID: common["AWS_ACCESS_KEY_ID"], SecretAccessKey: common["AWS_SECRET_ACCESS_KEY"], SessionToken: common["AWS_SESSION_TOKEN"],
		},
	}
}

// Other runtimes have what the documentation says of them.
func TestContainerVariablesOfOtherRuntimes(t *testing.T) {
	for _, test := range []struct{ id, has, hasNot string }{
		{"provided.al2", "LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib", "AWS_EXECUTION_ENV="},
		{"java21", "_LAMBDA_TELEMETRY_LOG_FD=62", "PWD="},
		{"java11", "AWS_EXECUTION_ENV=AWS_Lambda_java11", "_LAMBDA_TELEMETRY_LOG_FD="},
		{"java8.al2", "AWS_EXECUTION_ENV=AWS_Lambda_java8.al2", "SHLVL="},
		{"dotnet8", "SSL_CERT_FILE=/var/runtime/empty-certificates.crt", "GEM_PATH="},
		{"python3.11", "PYTHONPATH=/var/runtime", "LC_CTYPE="},
	} {
		rt, _ := containerRuntime(test.id)
		env := "\n" + strings.Join(containerVariables(recordedSpec(test.id, "h"), rt, nil), "\n") + "\n"
		if !strings.Contains(env, "\n"+test.has+"\n") || strings.Contains(env, "\n"+test.hasNot) {
			t.Errorf("%s: %s", test.id, env)
		}
	}
}

// An image says where its parts are; the function's own variables stand over it, and what the platform reserves over both.
func TestContainerVariablesOfImages(t *testing.T) {
	s := recordedSpec("", "")
	s.Function.PackageType = "Image"
	s.Function.Environment = map[string]string{"BOTH": "function", "LANG": "C"}
	env := containerVariables(s, runtime{}, []string{"BOTH=image", "LANG=image", "PATH=/image/bin", "AWS_REGION=image", "HOME=/root", "EMPTY="})
	got := map[string]string{}
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		got[name] = value
	}
	for name, want := range map[string]string{"BOTH": "function", "LANG": "C", "PATH": "/image/bin", "AWS_REGION": "<region>", "HOME": "/root", "AWS_EXECUTION_ENV": "AWS_Lambda_Image", "TZ": ":UTC"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	for _, name := range []string{"_HANDLER", "LD_LIBRARY_PATH", "NODE_PATH", "PWD"} {
		if value, has := got[name]; has {
			t.Errorf("%s is %q", name, value)
		}
	}
}

// Folders of dependencies come first, and the function's own search path before AWS's.
func TestContainerSearchPaths(t *testing.T) {
	for _, test := range []struct{ id, name, own, want string }{
		{"nodejs22.x", "NODE_PATH", "", "/dependencies:/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"},
		{"nodejs22.x", "NODE_PATH", "/mine", "/mine:/dependencies"},
		{"python3.12", "PYTHONPATH", "", "/dependencies:/var/runtime"},
		{"python3.12", "PYTHONPATH", "/mine", "/mine:/dependencies"},
	} {
		s := recordedSpec(test.id, "h")
		s.Code.NodePath, s.Code.PythonPath = []string{"/dependencies"}, []string{"/dependencies"}
		if test.own != "" {
			s.Function.Environment[test.name] = test.own
		}
		rt, _ := containerRuntime(test.id)
		if env := "\n" + strings.Join(containerVariables(s, rt, nil), "\n") + "\n"; !strings.Contains(env, "\n"+test.name+"="+test.want+"\n") {
			t.Errorf("%+v: %s", test, env)
		}
	}
}

func TestRuntimeImages(t *testing.T) {
	for id, want := range map[string]string{
		"nodejs22.x": "public.ecr.aws/lambda/nodejs:22", "python3.12": "public.ecr.aws/lambda/python:3.12", "java21": "public.ecr.aws/lambda/java:21",
		"java8.al2": "public.ecr.aws/lambda/java:8.al2", "java17.al2023": "public.ecr.aws/lambda/java:17.al2023", "dotnet8": "public.ecr.aws/lambda/dotnet:8",
		"ruby3.3": "public.ecr.aws/lambda/ruby:3.3", "provided.al2023": "public.ecr.aws/lambda/provided:al2023", "provided.al2": "public.ecr.aws/lambda/provided:al2",
		"go1.x": "public.ecr.aws/lambda/provided:al2023",
	} {
		rt, ok := containerRuntime(id)
		if got := rt.image(); !ok || got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	for _, id := range []string{"", "java", "cobol85", "nodejs"} {
		if _, ok := containerRuntime(id); ok {
			t.Errorf("%q is a runtime", id)
		}
	}
	c := NewContainer(ContainerOptions{Images: map[string]string{"python3.12": "mine"}})
	for _, test := range []struct {
		fn   config.Function
		code lambda.Code
		want string
	}{
		{config.Function{Runtime: "python3.12"}, lambda.Code{}, "mine"},
		{config.Function{Runtime: "python3.12", Container: config.Container{Image: "own"}}, lambda.Code{}, "own"},
		{config.Function{PackageType: "Image", Image: config.Image{URI: "uri"}}, lambda.Code{}, "uri"},
		{config.Function{PackageType: "Image", Image: config.Image{URI: "uri"}}, lambda.Code{Image: "built"}, "built"},
		{config.Function{PackageType: "Image"}, lambda.Code{}, ""},
		{config.Function{Runtime: "cobol85"}, lambda.Code{}, ""},
	} {
		got, err := c.reference(&test.fn, test.code)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
	}
}
