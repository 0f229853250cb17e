package main

import (
	"maps"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"example.com/emulate/emulator"
)

// projectFlags are those of serve, exec and a private invoke.
type projectFlags struct {
	o          emulator.Options
	template   string
	parameters []string
	overrides  []string
	words      []string // KEY=VALUE that stood after --parameter-overrides as arguments
	env        []string
	json       bool
	quiet      bool
}

func (f *projectFlags) add(cmd *cobra.Command) {
	f.addProject(cmd)
	f.addOutput(cmd.Flags())
}

// addProject adds everything but what says how events are shown.
func (f *projectFlags) addProject(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.IntVar(&f.o.Port, "port", 3000, "port of the APIs; 0 picks a free one")
	fl.IntVar(&f.o.AWSPort, "aws-port", 3001, "port of the AWS endpoint, for SDKs and the CLI; 0 picks a free one")
	fl.StringVar(&f.o.Host, "host", "127.0.0.1", "address to listen on")
	f.addConfiguration(fl)
	fl.StringVar(&f.o.Stage, "stage", "", "name of the APIs' stage")
	fl.StringVar(&f.o.EnvFile, "env-file", "", "`FILE` of KEY=VALUE lines, or SAM's JSON by function")
	fl.StringVar(&f.o.EnvFile, "env-vars", "", "the same under SAM's name")
	fl.StringArrayVar(&f.env, "env", nil, "`KEY=VALUE` set for every function (repeatable)")
	fl.StringVar(&f.o.Profile, "profile", "", "`NAME` of real AWS credentials for the handlers (default: dummies)")
	fl.StringVar(&f.o.Executor, "executor", "auto", "where functions run: auto, process or docker")
	fl.StringVar(&f.o.DockerNetwork, "docker-network", "", "`NETWORK` of containers: shared, own, host, none or one of the engine's (default: the configuration's)")
	fl.Var(optionalCount{&f.o.Spares}, "spares", "`N` containers of a function may wait for its cold starts, 0 for none (default: as its bursts need)")
	fl.StringVar(&f.o.ColdStarts, "cold-starts", "", "how long cold starts take: measured, as they do here, or aws (default: the configuration's, else measured)")
	fl.BoolVar(&f.o.NoCPULimit, "no-cpu-limit", false, "all of this machine's CPU, whatever a function's memory buys on Lambda")
	fl.BoolVar(&f.o.BuildOnHost, "build-host", false, "build with this machine's tools what would be built in a container")
	fl.BoolVar(&f.o.NoWatch, "no-watch", false, "no reload when files change")
	fl.BoolVar(&f.o.NoBuild, "no-build", false, "take code folders as they are")
	fl.BoolVar(&f.o.NoFreeze, "no-freeze", false, "let idle environments run on, which Lambda does not")
	fl.BoolVar(&f.o.NoAuth, "no-auth", false, "leave out authorizers: what asks for one is open to everybody")
	fl.BoolVar(&f.o.Lenient, "lenient", false, "serve what can be served of a configuration with errors")
	fl.Uint64Var(&f.o.Seed, "seed", 0, "seed of everything drawn by chance (default: a new one, printed)")
	_ = fl.MarkHidden("env-vars") // it exists: it was added just above
}

// addConfiguration adds what says which configuration is read.
func (f *projectFlags) addConfiguration(fl *pflag.FlagSet) {
	fl.StringVarP(&f.template, "template", "t", "", "the project's `FILE`, as SAM calls PATH")
	fl.StringArrayVar(&f.parameters, "parameter", nil, "`KEY=VALUE` of a template's parameter (repeatable)")
	fl.StringArrayVar(&f.overrides, "parameter-overrides", nil, "the same under SAM's name: `KEY=VALUE ...`")
	fl.StringVar(&f.o.Region, "region", "", "AWS region (default $AWS_REGION, else us-east-1)")
	fl.StringVar(&f.o.Account, "account", "123456789012", "AWS account id")
	_ = fl.MarkHidden("parameter-overrides") // it exists: it was added just above
}

func (f *projectFlags) addOutput(fl *pflag.FlagSet) {
	fl.BoolVar(&f.json, "json", false, "one JSON object per line on standard output")
	fl.BoolVar(&f.quiet, "quiet", false, "no progress and no log lines, only problems")
}

// optionalCount is a flag of a number that may be left out, which is nil.
type optionalCount struct{ n **int }

func (c optionalCount) String() string {
	if c.n == nil || *c.n == nil {
		return ""
	}
	return strconv.Itoa(**c.n)
}

func (c optionalCount) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil {
		return err
	}
	*c.n = &n
	return nil
}

func (optionalCount) Type() string { return "int" }

// options completes the emulator's options; path is the argument, "" where there was none.
func (f *projectFlags) options(path string, getenv func(string) string) (emulator.Options, error) {
	o := f.o
	switch {
	case path != "" && f.template != "":
		return o, usagef("both a path (%s) and --template (%s) are given: they mean the same", path, f.template)
	case f.template != "":
		path = f.template
	}
	if path != "" {
		if _, err := os.Stat(path); err != nil {
			return o, usagef("find the project: %w", err)
		}
	}
	o.Path = path
	if o.Region == "" {
		o.Region = getenv("AWS_REGION")
	}
	if !regexp.MustCompile(`^\d{12}$`).MatchString(o.Account) {
		return o, usagef("--account %s: an account id has 12 digits", o.Account)
	}
	var err error
	if o.Parameters, err = pairs("--parameter", f.parameters); err != nil {
		return o, err
	}
	for _, list := range f.overrides {
		more, err := pairs("--parameter-overrides", splitOverrides(list))
		if err != nil {
			return o, err
		}
		for k, v := range more {
			o.Parameters[k] = v
		}
	}
	words, err := pairs("--parameter-overrides", f.words)
	if err != nil {
		return o, err
	}
	maps.Copy(o.Parameters, words)
	if o.Env, err = pairs("--env", f.env); err != nil {
		return o, err
	}
	o.Began = began
	return o, nil
}

// parameterWord is a word of --parameter-overrides: names of parameters are alphanumeric.
var parameterWord = regexp.MustCompile(`(?s)^(?:ParameterKey=([A-Za-z0-9]+),ParameterValue=|([A-Za-z0-9]+)=)(.*)$`)

// takeOverrides takes KEY=VALUE out of the arguments where --parameter-overrides was given: SAM and the AWS CLI take them as separate words.
func (f *projectFlags) takeOverrides(args []string) (rest []string) {
	if len(f.overrides) == 0 {
		return args
	}
	for _, a := range args {
		m := parameterWord.FindStringSubmatch(a)
		if _, err := os.Stat(a); m == nil || err == nil {
			rest = append(rest, a)
			continue
		}
		f.words = append(f.words, m[1]+m[2]+"="+m[3])
	}
	return rest
}

// pairs reads KEY=VALUE values.
func pairs(flag string, list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range list {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, usagef("%s %q: it is KEY=VALUE", flag, s)
		}
		out[k] = v
	}
	return out, nil
}

// override is one entry of SAM's --parameter-overrides: KEY=VALUE, a value in quotes where it has spaces, or
// ParameterKey=KEY,ParameterValue=VALUE.
var override = regexp.MustCompile(`(?:ParameterKey=([^,\s]+),ParameterValue=|([^=\s]+)=)("(?:[^"\\]|\\.)*"|'[^']*'|\S*)`)

func splitOverrides(s string) []string {
	var out []string
	for _, m := range override.FindAllStringSubmatch(s, -1) {
		v := m[3]
		if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') {
			v = strings.ReplaceAll(v[1:len(v)-1], `\"`, `"`)
		}
		out = append(out, m[1]+m[2]+"="+v)
	}
	if out == nil {
		return []string{s} // pairs says what is wrong
	}
	return out
}
