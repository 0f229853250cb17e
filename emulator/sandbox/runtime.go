package sandbox

import (
	"regexp"
	"strings"
)

// family is a kind of runtimes that is started in one way.
type family string

const (
	provided family = "provided"
	node     family = "node"
	python   family = "python"
)

// runtime is a Lambda runtime identifier that runs without containers.
type runtime struct {
	id     string
	family family
	// version is "22" of nodejs22.x, "3.12" of python3.12, "" of provided runtimes.
	version string
}

var (
	// go1.x, which AWS has retired, runs as a bootstrap that is built from the same source.
	providedID = regexp.MustCompile(`^(provided(\.al2|\.al2023)?|go1\.x)$`)
	nodeID     = regexp.MustCompile(`^nodejs(\d+)\.x$`)
	pythonID   = regexp.MustCompile(`^python(\d+\.\d+)$`)
)

func parseRuntime(id string) (runtime, bool) {
	if providedID.MatchString(id) {
		return runtime{id: id, family: provided}, true
	}
	if m := nodeID.FindStringSubmatch(id); m != nil {
		return runtime{id: id, family: node, version: m[1]}, true
	}
	if m := pythonID.FindStringSubmatch(id); m != nil {
		return runtime{id: id, family: python, version: m[1]}, true
	}
	return runtime{}, false
}

// language is the name that people use.
func (r runtime) language() string {
	if r.family == node {
		return "Node.js"
	}
	return "Python"
}

// names are the commands that may be its interpreter, the best first.
func (r runtime) names() []string {
	if r.family == node {
		return []string{"node" + r.version, "node", "nodejs"}
	}
	return []string{"python" + r.version, "python3", "python"}
}

// matches tells whether an interpreter of this version is the one that the runtime asks for.
func (r runtime) matches(version string) bool {
	return version == r.version || strings.HasPrefix(version, r.version+".")
}
