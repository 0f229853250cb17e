package config

// Options of Load. The zero value reads the current folder strictly.
type Options struct {
	// Path is a folder or a configuration file; "" means ".".
	Path string
	// Parameters are the values of --parameter KEY=VALUE.
	Parameters map[string]string
	// EnvFile is the path of --env-file: KEY=VALUE lines or SAM's JSON. "" looks for .env beside the project file.
	EnvFile string
	// Env are the variables of --env KEY=VALUE, set for every function.
	Env map[string]string
	// Stage is --stage: it overrides the stage name of every API that has one of its own to override.
	Stage string
	// Region and Account fill the pseudo parameters.
	Region, Account string
	// Lenient turns errors that concern one function, route or property into warnings.
	Lenient bool
}
