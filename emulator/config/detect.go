package config

import (
	"go/build"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// guess is what a folder of code looks like.
type guess struct{ runtime, handler string }

const (
	defaultNode     = "nodejs22.x"
	defaultPython   = "python3.13"
	defaultProvided = "provided.al2023"
)

// lookedFor says what detect looks for, for messages.
const lookedFor = "a Go main package, index.mjs|js|cjs|ts, app.py or lambda_function.py, or an executable bootstrap"

// detect tells a function's runtime and handler by the files of its folder, nil where they tell nothing.
func detect(dir string) *guess {
	if dir == "" {
		return nil
	}
	if pkg, err := build.ImportDir(dir, 0); err == nil && pkg.IsCommand() {
		return &guess{defaultProvided, "bootstrap"}
	}
	for _, name := range []string{"index.mjs", "index.js", "index.cjs", "index.ts"} {
		if source, ok := sourceOf(dir, name); ok {
			return &guess{defaultNode, "index." + firstOf(source, nodeExport, "handler")}
		}
	}
	if source, ok := sourceOf(dir, "app.py"); ok {
		return &guess{defaultPython, "app." + firstOf(source, pythonHandler, "handler")}
	}
	if source, ok := sourceOf(dir, "lambda_function.py"); ok {
		return &guess{defaultPython, "lambda_function." + firstOf(source, pythonHandler, "lambda_handler")}
	}
	if info, err := os.Stat(filepath.Join(dir, "bootstrap")); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
		return &guess{defaultProvided, "bootstrap"}
	}
	return nil
}

// sourceOf reads a source file of a folder.
func sourceOf(dir, name string) (string, bool) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	return string(data), err == nil
}

var (
	pythonHandler = regexp.MustCompile(`(?m)^(?:(?:async +)?def +(handler|lambda_handler)\b|(handler|lambda_handler) *[:=])`)
	nodeExport    = regexp.MustCompile(`(?m)(?:^\s*export\s+(?:const|let|var|(?:async\s+)?function\*?)\s+|\bexports\.)(handler|lambdaHandler|lambda_handler)\b`)
)

// firstOf is the first name that a pattern finds in a source, preferring the usual one.
func firstOf(source string, pattern *regexp.Regexp, usual string) string {
	var names []string
	for _, m := range pattern.FindAllStringSubmatch(source, -1) {
		names = append(names, strings.Join(m[1:], ""))
	}
	if len(names) == 0 || slices.Contains(names, usual) {
		return usual
	}
	return names[0]
}
