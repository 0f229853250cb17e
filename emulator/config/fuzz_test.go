package config

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// seeds gives a fuzz target the configuration files of all golden archives.
func seeds(f *testing.F, accept func(name string) bool) {
	f.Helper()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	tables, err := filepath.Glob("testdata/broken/*.txtar")
	if err != nil || len(tables) == 0 {
		f.Fatalf("no tables: %v", err)
	}
	for _, name := range append(names, tables...) {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if accept(filepath.Base(file.Name)) {
				f.Add(file.Data)
			}
		}
	}
}

// FuzzTemplate reads arbitrary text as a template: it must end, never panic, and report nothing twice.
func FuzzTemplate(f *testing.F) {
	seeds(f, func(name string) bool {
		return strings.HasPrefix(name, "template.") || strings.HasPrefix(name, "stack.")
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"template.yaml", "template.json"} {
			fuzzLoad(t, name, sam, data)
		}
	})
}

// FuzzNative does the same with emulate.yaml.
func FuzzNative(f *testing.F) {
	seeds(f, func(name string) bool { return name == "emulate.yaml" })
	f.Fuzz(func(t *testing.T, data []byte) { fuzzLoad(t, "emulate.yaml", native, data) })
}

func fuzzLoad(t *testing.T, name string, as format, data []byte) {
	t.Helper()
	start := time.Now()
	for _, lenient := range []bool{false, true} {
		l := newLoader(Options{Lenient: lenient, Region: "us-east-1", Account: "123456789012"})
		p := &Project{Dir: "/nowhere"}
		l.file(p, found{name: name, format: as}, data)
		p.sortBroken()
		diags := l.d.sorted()
		for i, d := range diags {
			if d.Message == "" || d.Code == "" || d.String() == "" {
				t.Errorf("diagnostic without a message or code: %+v", d)
			}
			if i > 0 && diags[i-1].Position == d.Position && diags[i-1].Message == d.Message {
				t.Errorf("the same diagnostic twice: %v", d)
			}
		}
		if len(diags) == 0 && len(p.Functions)+len(p.APIs) == 0 && p.Summary == "" && len(data) > 0 && as == native {
			t.Errorf("nothing is read and nothing said")
		}
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("reading %d bytes took %v", len(data), took)
	}
}

// FuzzEnv reads arbitrary text as an env file, and reads back what it writes.
func FuzzEnv(f *testing.F) {
	f.Add("A=1\nexport B='x'\n# c\nC=\"a\\n$b\"\nD=x # y\n", "value")
	f.Add("A=\"", "a\\\"b\n'c'")
	f.Add("\ufeffA = b\r\n=\n", " # ")
	f.Fuzz(func(t *testing.T, text, value string) {
		vars, problems := parseEnv(newSource(".env", []byte(text)), text)
		lines := strings.Count(text, "\n") + 1
		for _, v := range vars {
			if v.at.line < 1 || v.at.line > lines || v.name == "" {
				t.Errorf("variable %q is in line %d of %d", v.name, v.at.line, lines)
			}
		}
		if len(vars)+len(problems) > lines {
			t.Errorf("%d variables and %d problems in %d lines", len(vars), len(problems), lines)
		}
		quoted := `KEY="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + "\" # comment\nNEXT=" + strconv.Itoa(len(value))
		vars, problems = parseEnv(newSource(".env", []byte(quoted)), quoted)
		if len(problems) > 0 || len(vars) != 2 || vars[0].value != value {
			t.Errorf("%q reads as %+v, %+v", quoted, vars, problems)
		}
	})
}
