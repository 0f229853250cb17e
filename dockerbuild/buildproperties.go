package dockerbuild

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/evanw/esbuild/pkg/cli"
)

// flagKind is how a property becomes a flag of esbuild.
type flagKind int

const (
	switchFlag flagKind = iota + 1 // --minify
	valueFlag                      // --target=es2020; a list is joined by commas
	listFlag                       // --external:x --external:y
	otherFlag                      // not a flag: read elsewhere, or without effect on a build
)

// propertyFlags are the BuildProperties that are understood: those of SAM, and more of esbuild's own under names of the same form.
func propertyFlags() map[string]flagKind {
	return map[string]flagKind{
		"Minify": switchFlag, "MinifyWhitespace": switchFlag, "MinifyIdentifiers": switchFlag, "MinifySyntax": switchFlag, "KeepNames": switchFlag,
		"Splitting": switchFlag, "PreserveSymlinks": switchFlag,
		"Target": valueFlag, "Format": valueFlag, "MainFields": valueFlag, "SourcesContent": valueFlag, "TreeShaking": valueFlag, "Charset": valueFlag,
		"LegalComments": valueFlag, "Tsconfig": valueFlag, "Conditions": valueFlag, "Packages": valueFlag, "ResolveExtensions": valueFlag,
		"External": listFlag, "Loader": listFlag, "OutExtension": listFlag, "Banner": listFlag, "Footer": listFlag, "Define": listFlag, "Alias": listFlag,
		"Inject": listFlag, "Drop": listFlag, "Pure": listFlag,
		"EntryPoints": otherFlag, "Sourcemap": otherFlag,
		"UseNpmCi": otherFlag, // a lock file is always obeyed here
	}
}

// esbuildFlags turns BuildProperties into flags over SAM's defaults: es2020, CommonJS, minified. A source map is made unless it is refused, since
// it changes nothing but stack traces.
func esbuildFlags(props map[string]any) ([]string, error) {
	known := propertyFlags()
	var flags []string
	for _, name := range sortedKeys(props) {
		kind, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("BuildProperties: %s is not a property of esbuild that is understood here; known are %s", name, strings.Join(sortedKeys(known), ", "))
		}
		f, err := propertyFlag(name, kind, props[name])
		if err != nil {
			return nil, fmt.Errorf("BuildProperties: %s: %w", name, err)
		}
		flags = append(flags, f...)
	}
	for _, def := range [][2]string{{"Format", "--format=cjs"}, {"Minify", "--minify"}, {"Target", "--target=es2020"}} {
		if _, given := props[def[0]]; !given {
			flags = append(flags, def[1])
		}
	}
	maps, err := sourcemapFlags(props)
	return append(flags, maps...), err
}

func propertyFlag(name string, kind flagKind, value any) ([]string, error) {
	flag := "--" + kebab(name)
	switch kind {
	case switchFlag:
		on, err := truth(value)
		if err != nil || !on {
			return nil, err
		}
		return []string{flag}, nil
	case valueFlag:
		values, err := stringsOf(value)
		return []string{flag + "=" + strings.Join(values, ",")}, err
	case listFlag:
		values, err := stringsOf(value)
		var flags []string
		for _, v := range values {
			flags = append(flags, flag+":"+v)
		}
		return flags, err
	}
	return nil, nil
}

func sourcemapFlags(props map[string]any) ([]string, error) {
	value, given := props["Sourcemap"]
	if !given {
		if _, content := props["SourcesContent"]; content {
			return []string{"--sourcemap"}, nil
		}
		return []string{"--sourcemap", "--sources-content=false"}, nil
	}
	on, err := truth(value)
	if s, ok := value.(string); ok && err != nil {
		return []string{"--sourcemap=" + s}, nil // linked, inline, external, both: esbuild says what it does not know
	}
	if err != nil {
		return nil, fmt.Errorf("BuildProperties: Sourcemap: %w", err)
	}
	if !on {
		return nil, nil
	}
	return []string{"--sourcemap"}, nil
}

// kebab is OutExtension as out-extension.
func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('-')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func truth(value any) (bool, error) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(v) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	}
	return false, fmt.Errorf("%v is neither true nor false", value)
}

// stringsOf takes a string, number or bool, a list of these, or a map, which becomes KEY=VALUE.
func stringsOf(value any) ([]string, error) {
	switch v := value.(type) {
	case string, bool, int, int64, float64:
		return []string{fmt.Sprint(v)}, nil
	case []any:
		var out []string
		for _, e := range v {
			s, err := stringsOf(e)
			if err != nil {
				return nil, err
			}
			out = append(out, s...)
		}
		return out, nil
	case []string:
		return v, nil
	case map[string]any:
		var out []string
		for _, k := range sortedKeys(v) {
			out = append(out, k+"="+fmt.Sprint(v[k]))
		}
		return out, nil
	}
	return nil, fmt.Errorf("%v is neither text nor a list of texts", value)
}

// entryPoints are the files to bundle, absolute; without the property, the handler's own file. Without an extension, .ts comes before .js, as in SAM.
func (j *job) entryPoints() ([]string, error) {
	names, err := stringsOf(j.fn.Code.BuildProperties["EntryPoints"])
	if _, given := j.fn.Code.BuildProperties["EntryPoints"]; !given {
		names, err = []string{handlerModule(j.fn.Handler)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("EntryPoints: %w", err)
	}
	var files []string
	for _, name := range names {
		file := j.entryFile(name)
		if file == "" {
			return nil, fmt.Errorf("entry point %s does not exist in %s", name, j.dir)
		}
		files = append(files, file)
	}
	return files, nil
}

func (j *job) entryFile(name string) string {
	base := filepath.Join(j.dir, filepath.FromSlash(name))
	for _, ext := range []string{"", ".ts", ".js", ".mts", ".mjs", ".cts", ".cjs", ".tsx", ".jsx"} {
		if st, err := os.Stat(base + ext); err == nil && st.Mode().IsRegular() {
			return base + ext
		}
	}
	return ""
}

// parseFlags lets esbuild judge its own flags.
func parseFlags(flags []string) (api.BuildOptions, error) {
	options, err := cli.ParseBuildOptions(flags)
	if err != nil {
		return options, fmt.Errorf("read BuildProperties: %w", err)
	}
	return options, nil
}

// property is a build property, which emulate.yaml calls by its name and a SAM template with a capital letter.
func (j *job) property(name string) (any, bool) {
	v, ok := j.fn.Code.BuildProperties[name]
	if !ok {
		v, ok = j.fn.Code.BuildProperties[strings.ToUpper(name[:1])+name[1:]]
	}
	return v, ok
}

// setting is one of the function's build properties that is true or false, by any of its names.
func (j *job) setting(names ...string) (value, given bool, err error) {
	for _, name := range names {
		v, ok := j.property(name)
		if !ok {
			continue
		}
		if n := fmt.Sprint(v); n == "0" || n == "1" {
			return n == "1", true, nil
		}
		on, err := truth(v)
		if err != nil {
			return false, true, j.fail("read build settings", name+": "+err.Error(), "", err)
		}
		return on, true, nil
	}
	return false, false, nil
}

// texts is a build property that is a text or a list of texts.
func (j *job) texts(name string) ([]string, error) {
	v, ok := j.property(name)
	if !ok {
		return nil, nil
	}
	list, err := stringsOf(v)
	if err != nil {
		return nil, j.fail("read build settings", name+": "+err.Error(), "", err)
	}
	return list, nil
}

// text is a build property that is one text; "" where it is not given.
func (j *job) text(name string) (string, error) {
	list, err := j.texts(name)
	if err != nil || len(list) == 0 {
		return "", err
	}
	if len(list) > 1 {
		return "", j.fail("read build settings", name+" is one text, not a list", "", nil)
	}
	return list[0], nil
}
