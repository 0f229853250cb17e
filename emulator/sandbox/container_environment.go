package sandbox

import (
	"slices"
	"strconv"
	"strings"

	"example.com/emulate/emulator/lambda"
)

// What AWS's sandboxes have (spec lambda.md §5.1).
const (
	taskRoot      = "/var/task"
	runtimeDir    = "/var/runtime"
	containerPath = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
	libraries     = "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
	// daemonHost is where AWS's X-Ray daemon is.
	daemonHost = "169.254.100.1"
)

// containerVariables is the whole environment of a runtime in a container: AWS's exactly, and what an image sets.
func containerVariables(spec lambda.Spec, rt runtime, image []string) []string {
	e := &environ{spec: spec, rt: rt, at: places{task: taskRoot, runtime: runtimeDir, opt: []string{"/opt"}}}
	if spec.Function.PackageType == "Image" {
		e.image = map[string]string{}
		for _, v := range image {
			name, value, _ := strings.Cut(v, "=")
			e.image[name] = value
		}
	}
	return e.variables(func(v *variable) string {
		if v.container != nil {
			return v.container(e)
		}
		return v.process(e)
	})
}

func nothing(*environ) string { return "" }

// only keeps a value for the runtimes of one family.
func (e *environ) only(f family, value string) string {
	if e.rt.family != f {
		return ""
	}
	return value
}

// unlessImage keeps a value for zip functions: an image says itself where its parts are.
func (e *environ) unlessImage(value string) string {
	if e.image != nil {
		return ""
	}
	return value
}

// byShell keeps a value for the runtimes whose bootstrap is a shell script: the managed ones but Java.
func (e *environ) byShell(value string) string {
	if e.image != nil || e.rt.family == java {
		return ""
	}
	return e.managed(value)
}

func executionEnv(e *environ) string {
	if e.image != nil {
		return "AWS_Lambda_Image"
	}
	return e.managed("AWS_Lambda_" + e.rt.id)
}

// libraryPath names /var/lang everywhere but in provided.al2.
func libraryPath(e *environ) string {
	if e.rt.family == provided && e.rt.id != "provided.al2023" {
		return e.unlessImage(libraries)
	}
	return e.unlessImage("/var/lang/lib:" + libraries)
}

// containerNodePath has dependencies that the build installed outside the code first, as they would be in it.
func containerNodePath(e *environ) string {
	if e.rt.family != node || e.image != nil {
		return ""
	}
	if _, own := e.spec.Function.Environment["NODE_PATH"]; own {
		return paths("", e.spec.Code.NodePath...)
	}
	return paths("", slices.Concat(e.spec.Code.NodePath, []string{"/opt/nodejs/node" + e.rt.version + "/node_modules", "/opt/nodejs/node_modules",
		runtimeDir + "/node_modules", runtimeDir, taskRoot})...)
}

func containerPythonPath(e *environ) string {
	if e.rt.family != python || e.image != nil {
		return ""
	}
	if _, own := e.spec.Function.Environment["PYTHONPATH"]; own {
		return paths("", e.spec.Code.PythonPath...)
	}
	return paths("", slices.Concat(e.spec.Code.PythonPath, []string{runtimeDir})...)
}

func certificates(e *environ) string {
	if e.rt.id != "dotnet8" {
		return ""
	}
	return runtimeDir + "/empty-certificates.crt"
}

// optional is the text of a number that is not 0.
func optional(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
