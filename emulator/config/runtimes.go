package config

import (
	"slices"
	"strings"
)

// runtimes are the identifiers that AWS creates functions with, in autumn 2026. Source: spec lambda.md §5.4.
var runtimes = strings.Fields(`nodejs22.x nodejs24.x nodejs26.x python3.10 python3.11 python3.12 python3.13 python3.14 python3.15
	java8.al2 java11 java17 java8.al2023 java11.al2023 java17.al2023 java21 java25 dotnet8 dotnet10 ruby3.3 ruby3.4 ruby4.0 provided.al2023`)

// retiredRuntimes were AWS's once, and what to use in their place.
var retiredRuntimes = map[string]string{
	"nodejs": "nodejs22.x", "nodejs4.3": "nodejs22.x", "nodejs4.3-edge": "nodejs22.x", "nodejs6.10": "nodejs22.x", "nodejs8.10": "nodejs22.x",
	"nodejs10.x": "nodejs22.x", "nodejs12.x": "nodejs22.x", "nodejs14.x": "nodejs22.x", "nodejs16.x": "nodejs22.x", "nodejs18.x": "nodejs22.x",
	"nodejs20.x": "nodejs22.x", "python2.7": "python3.10", "python3.6": "python3.10", "python3.7": "python3.10", "python3.8": "python3.10",
	"python3.9": "python3.10", "java8": "java8.al2", "dotnetcore1.0": "dotnet8", "dotnetcore2.0": "dotnet8", "dotnetcore2.1": "dotnet8",
	"dotnetcore3.1": "dotnet8", "dotnet5.0": "dotnet8", "dotnet6": "dotnet8", "dotnet7": "dotnet8", "ruby2.5": "ruby3.3", "ruby2.7": "ruby3.3",
	"ruby3.2": "ruby3.3", "go1.x": "provided.al2023", "provided": "provided.al2023", "provided.al2": "provided.al2023",
}

// checkRuntime reports an unknown runtime, and warns of a retired one: it runs on the nearest that is here.
func (p *props) checkRuntime(name, runtime string) {
	at := p.node.get(name)
	if newer, retired := retiredRuntimes[runtime]; retired {
		p.warnf(at, "retired-runtime", "use "+newer, "runtime %s is retired: AWS creates no function with it any more", runtime)
		return
	}
	if !slices.Contains(runtimes, runtime) {
		p.errorf(at, "unknown-runtime", oneOf(runtime, runtimes), "unknown runtime %q", runtime)
	}
}

// Retired says whether AWS creates no function with the runtime any more, of which Load warns. Source: spec lambda.md §5.4.
func Retired(runtime string) bool { return retiredRuntimes[runtime] != "" }

// isProvided says whether a runtime runs the function's own bootstrap; go1.x did nearly that.
func isProvided(runtime string) bool {
	return strings.HasPrefix(runtime, "provided") || runtime == "go1.x"
}

// inlineName is the name of the file that inline code becomes, "" where the runtime takes none.
func inlineName(runtime string) string {
	switch {
	case strings.HasPrefix(runtime, "nodejs"):
		return "index.js"
	case strings.HasPrefix(runtime, "python"):
		return "index.py"
	}
	return ""
}
