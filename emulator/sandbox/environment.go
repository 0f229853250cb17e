package sandbox

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"

	"example.com/emulate/emulator/lambda"
)

// rule says what becomes of a variable that the function's configuration sets too (spec lambda.md §5.1, reserved keys).
type rule int

const (
	// reserved: the platform's value stands.
	reserved rule = iota
	// free: the function's value stands.
	free
	// joined: a search path of which the function's value is the first part. On AWS the folders of the second part are found without the variable;
	// on a host they are elsewhere.
	joined
)

// variable is one row of the table *variable × executor*.
type variable struct {
	name string
	rule rule
	// process is the value on a host; "" leaves the variable out.
	process func(e *environ) string
	// container is the value in a container, that of AWS; nil where it is made as on a host.
	container func(e *environ) string
}

// environ is what the values are made of.
type environ struct {
	spec lambda.Spec
	rt   runtime
	at   places
	// image is what an image function's own image sets, nil for other functions.
	image map[string]string
}

// platform is the table of the variables that Lambda sets (spec lambda.md §5.1), with the values that the two executors give them. Of the user's
// own environment only PATH gets in on a host, and no HOME, as on AWS. AWS_LAMBDA_METADATA_API and its token are not set: that endpoint is not served.
var platform = []variable{
	{"AWS_REGION", reserved, func(e *environ) string { return e.spec.Region }, nil},
	{"AWS_DEFAULT_REGION", reserved, func(e *environ) string { return e.spec.Region }, nil},
	{"AWS_ACCESS_KEY_ID", reserved, func(e *environ) string { return e.spec.Credentials.AccessKeyID }, nil},
	{"AWS_SECRET_ACCESS_KEY", reserved, func(e *environ) string { return e.spec.Credentials.SecretAccessKey }, nil},
	{"AWS_SESSION_TOKEN", reserved, func(e *environ) string { return e.spec.Credentials.SessionToken }, nil},
	{"AWS_LAMBDA_FUNCTION_NAME", reserved, func(e *environ) string { return e.spec.Function.Name }, nil},
	{"AWS_LAMBDA_FUNCTION_VERSION", reserved, func(e *environ) string { return e.spec.Version }, nil},
	{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", reserved, func(e *environ) string { return strconv.Itoa(e.spec.Function.MemoryMB) }, nil},
	{"AWS_LAMBDA_INITIALIZATION_TYPE", reserved, func(e *environ) string { return e.spec.InitializationType }, nil},
	{"AWS_LAMBDA_LOG_GROUP_NAME", reserved, logGroup, nil},
	{"AWS_LAMBDA_LOG_STREAM_NAME", reserved, func(e *environ) string { return e.spec.Environment }, nil},
	{"AWS_LAMBDA_LOG_FORMAT", reserved, func(e *environ) string { return e.jsonLog(e.spec.Function.Logging.Format) }, nil},
	{"AWS_LAMBDA_LOG_LEVEL", reserved, func(e *environ) string { return e.jsonLog(e.spec.Function.Logging.ApplicationLevel) }, nil},
	{"AWS_LAMBDA_RUNTIME_API", reserved, func(e *environ) string { return e.spec.RuntimeAPI }, nil},
	{"AWS_EXECUTION_ENV", reserved, func(e *environ) string { return e.managed("AWS_Lambda_" + e.rt.id) }, executionEnv},
	{"AWS_XRAY_CONTEXT_MISSING", free, func(*environ) string { return "LOG_ERROR" }, nil},
	// On AWS a link-local address; here the loopback interface is where a local X-Ray daemon listens.
	{"AWS_XRAY_DAEMON_ADDRESS", free, func(*environ) string { return "127.0.0.1:2000" }, func(*environ) string { return daemonHost + ":2000" }},
	{"_AWS_XRAY_DAEMON_ADDRESS", reserved, func(*environ) string { return "127.0.0.1" }, func(*environ) string { return daemonHost }},
	{"_AWS_XRAY_DAEMON_PORT", reserved, func(*environ) string { return "2000" }, nil},
	{"_HANDLER", reserved, func(e *environ) string { return handler(e.spec) }, func(e *environ) string { return e.unlessImage(handler(e.spec)) }},
	{"LAMBDA_TASK_ROOT", reserved, func(e *environ) string { return e.at.task }, nil},
	{"LAMBDA_RUNTIME_DIR", reserved, func(e *environ) string { return e.at.runtime }, nil},
	{"LANG", free, func(*environ) string { return "en_US.UTF-8" }, func(e *environ) string { return e.unlessImage("en_US.UTF-8") }},
	{"LC_CTYPE", free, localeType, nil},
	{"TZ", free, func(*environ) string { return ":UTC" }, nil},
	{"PATH", free, searchPath, func(*environ) string { return containerPath }},
	{"LD_LIBRARY_PATH", free, func(e *environ) string { return paths(filepath.Join(e.at.task, "lib"), e.inLayers("lib")...) }, libraryPath},
	{"NODE_PATH", joined, nodePath, containerNodePath},
	{"PYTHONPATH", joined, pythonPath, containerPythonPath},
	// AWS's bootstrap of these runtimes is a shell script.
	{"PWD", reserved, func(e *environ) string { return e.managed(e.at.task) }, func(e *environ) string { return e.byShell(taskRoot) }},
	{"SHLVL", reserved, func(e *environ) string { return e.managed("0") }, func(e *environ) string { return e.byShell("0") }},
	{"DOTNET_ROOT", free, nothing, func(e *environ) string { return e.only(dotnet, "/var/lang/bin") }},
	{"LAMBDA_RUNTIME_NAME", free, nothing, func(e *environ) string { return e.only(dotnet, e.rt.id) }},
	{"SSL_CERT_FILE", free, nothing, certificates},
	{"_LAMBDA_TELEMETRY_LOG_FD", reserved, nothing, func(e *environ) string { return optional(e.rt.logFD()) }},
	// Not AWS's: where /tmp is not the environment's own, or the system does not start programs without them.
	{"TMPDIR", free, func(e *environ) string { return e.at.tmp }, nothing},
	{"TMP", free, func(e *environ) string { return onWindows(e.at.tmp) }, nothing},
	{"TEMP", free, func(e *environ) string { return onWindows(e.at.tmp) }, nothing},
	{"SystemRoot", free, func(*environ) string { return onWindows(os.Getenv("SystemRoot")) }, nothing},
}

// variables is the whole environment of a runtime's process: the table, the function's own variables, and the endpoints that the emulator serves
// and the function does not name itself.
func variables(spec lambda.Spec, rt runtime, at places) []string {
	e := &environ{spec: spec, rt: rt, at: at}
	return e.variables(func(v *variable) string { return v.process(e) })
}

// variables is the environment with the table's values of one column. What an image sets stands behind the function's own.
func (e *environ) variables(column func(*variable) string) []string {
	own, spec := e.spec.Function.Environment, e.spec
	done := make(map[string]bool, len(platform))
	env := make([]string, 0, len(platform)+len(own)+len(spec.Endpoints))
	for i := range platform {
		v := &platform[i]
		value := column(v)
		if theirs, ok := e.image[v.name]; ok && v.rule != reserved {
			value = theirs
		}
		if mine, ok := own[v.name]; ok && v.rule != reserved {
			value = v.merge(mine, value)
		} else if value == "" {
			done[v.name] = ok && v.rule == reserved
			continue
		}
		done[v.name] = true
		env = append(env, v.name+"="+value)
	}
	for _, set := range []map[string]string{own, e.image, spec.Endpoints} {
		for _, name := range slices.Sorted(maps.Keys(set)) {
			if !done[name] {
				done[name] = true
				env = append(env, name+"="+set[name])
			}
		}
	}
	return env
}

// merge joins the function's value of a variable with the platform's.
func (v variable) merge(own, platform string) string {
	if v.rule == free {
		return own
	}
	return paths(own, platform)
}

// managed keeps a value for runtimes other than provided.
func (e *environ) managed(value string) string {
	if e.rt.family == provided {
		return ""
	}
	return value
}

// jsonLog keeps a value for functions whose log format is JSON (spec lambda.md §4.4).
func (e *environ) jsonLog(value string) string {
	if e.spec.Function.Logging.Format != "JSON" {
		return ""
	}
	return value
}

// inLayers is the folder of that name in every layer, the uppermost first. Without layers it stays at AWS's place only in the documentation: the
// host's /opt is not the function's.
func (e *environ) inLayers(elem ...string) []string {
	dirs := make([]string, len(e.at.opt))
	for i, opt := range e.at.opt {
		dirs[i] = filepath.Join(append([]string{opt}, elem...)...)
	}
	return dirs
}

func logGroup(e *environ) string {
	return cmp.Or(e.spec.Function.Logging.Group, "/aws/lambda/"+e.spec.Function.Name)
}

// localeType is set by AWS's Python from 3.12 on.
func localeType(e *environ) string {
	minor, ok := strings.CutPrefix(e.rt.version, "3.")
	if n, err := strconv.Atoi(minor); e.rt.family != python || !ok || err != nil || n < 12 {
		return ""
	}
	return "C.UTF-8"
}

// searchPath is the user's PATH behind the interpreter's folder, with the layers' bin last, as on AWS.
func searchPath(e *environ) string {
	return paths(e.at.bin, append([]string{os.Getenv("PATH")}, e.inLayers("bin")...)...)
}

func nodePath(e *environ) string {
	if e.rt.family != node {
		return ""
	}
	return paths("", slices.Concat(e.inLayers("nodejs", "node"+e.rt.version, "node_modules"), e.inLayers("nodejs", "node_modules"),
		e.spec.Code.NodePath, []string{e.at.task})...)
}

func pythonPath(e *environ) string {
	if e.rt.family != python {
		return ""
	}
	return paths("", slices.Concat(e.spec.Code.PythonPath, e.inLayers("python", "lib", e.rt.id, "site-packages"), e.inLayers("python"),
		[]string{e.at.runtime})...)
}

// paths joins the parts of a search path that are not empty.
func paths(first string, more ...string) string {
	parts := slices.DeleteFunc(append([]string{first}, more...), func(s string) bool { return s == "" })
	return strings.Join(parts, string(os.PathListSeparator))
}

func onWindows(value string) string {
	if goruntime.GOOS != "windows" {
		return ""
	}
	return value
}
