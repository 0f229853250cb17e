package sandbox

import (
	"fmt"
	"regexp"
	"strconv"
)

// The families of runtimes that only containers have.
const (
	java   family = "java"
	dotnet family = "dotnet"
	ruby   family = "ruby"
)

var containerID = regexp.MustCompile(`^(java|dotnet|ruby)(\d[0-9a-z.]*)$`)

// containerRuntime reads every runtime identifier (spec lambda.md §5.4).
func containerRuntime(id string) (runtime, bool) {
	if rt, ok := parseRuntime(id); ok {
		return rt, true
	}
	if m := containerID.FindStringSubmatch(id); m != nil {
		return runtime{id: id, family: family(m[1]), version: m[2]}, true
	}
	return runtime{}, false
}

// image is AWS's image of the runtime (spec lambda.md §5.4). Retired Amazon Linux 1 runtimes have the newest provided one.
func (r runtime) image() string {
	const repository = "public.ecr.aws/lambda/"
	switch {
	case r.family == provided && r.id == "provided.al2":
		return repository + "provided:al2"
	case r.family == provided:
		return repository + "provided:al2023"
	case r.family == node:
		return fmt.Sprintf("%snodejs:%s", repository, r.version)
	}
	return fmt.Sprintf("%s%s:%s", repository, r.family, r.version)
}

// logFD is the descriptor to which the runtime's client writes framed log records (spec lambda.md §5.1), 0 where it writes none.
func (r runtime) logFD() int {
	switch {
	case r.family == dotnet:
		return 62
	case r.family == java:
		digits := regexp.MustCompile(`^\d+`).FindString(r.version)
		if n, err := strconv.Atoi(digits); err == nil && n >= 17 {
			return 62
		}
	}
	return 0
}
