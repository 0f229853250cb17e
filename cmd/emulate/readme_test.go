package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/emulate/emulator/config"
)

func readREADME(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The README's emulate.yaml can be served, and shows every key that is.
func TestREADMEConfiguration(t *testing.T) {
	_, rest, _ := strings.Cut(readREADME(t), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("README.md has no emulate.yaml")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"emulate.yaml": example, "hello/index.mjs": "export const handler = async () => ({})\n", "web/index.ts": "export const handler = async () => ({})\n",
		"users/app.py": "def handler(event, context): pass\n", "layer/x": "", "reports/Dockerfile": "FROM scratch\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	project, list, err := config.Load(config.Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		t.Errorf("%s", d)
	}
	if project == nil {
		t.Fatal("it cannot be served")
	}
	for _, row := range config.Support() {
		if !strings.HasPrefix(row.Type, "emulate.yaml") || strings.HasPrefix(row.Type, "emulate.yaml functions.url") {
			continue
		}
		for _, p := range row.Properties {
			if p.Class == config.Served && !regexp.MustCompile(`\b`+p.Name+`:`).MatchString(example) {
				t.Errorf("%s of %s is not in the example", p.Name, row.Type)
			}
		}
	}
}

// Every command and flag that the README names exists.
func TestREADMECommands(t *testing.T) {
	readme := readREADME(t)
	root := newRoot(streams{})
	root.InitDefaultCompletionCmd("completion")
	for _, m := range regexp.MustCompile(`(?m)(?:^|[$\x60] ?)emulate ([a-z]+)`).FindAllStringSubmatch(readme, -1) {
		if cmd, _, err := root.Find([]string{m[1]}); err != nil || cmd == root || cmd.Hidden {
			t.Errorf("README.md: there is no command %q", m[0])
		}
	}
	known := map[string]bool{"endpoint-url": true, "function-name": true, "qualifier": true, "help": true} // of the AWS CLI, and of cobra
	for _, m := range regexp.MustCompile(`--([a-z]+(?:-[a-z]+)*)`).FindAllStringSubmatch(readme, -1) {
		found := known[m[1]]
		for _, cmd := range root.Commands() {
			found = found || cmd.Flags().Lookup(m[1]) != nil
		}
		if !found {
			t.Errorf("README.md: there is no flag --%s", m[1])
		}
	}
}
