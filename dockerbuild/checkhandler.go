package dockerbuild

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"example.com/emulate/emulator/config"
)

// handlerCheck looks for what the runtime will start: bootstrap, or the handler's file and name.
type handlerCheck struct {
	*bundleView
	target *target
	fn     *config.Function
	list   []config.Diagnostic
}

func (c *handlerCheck) add(file string, severity config.Severity, code, hint, format string, args ...any) {
	d := config.Diagnostic{Severity: severity, Code: code, Hint: hint, Message: fmt.Sprintf(format, args...)}
	if file == "" {
		d.Position = c.fn.At
		d.Message = "function " + c.fn.Name + ": " + d.Message
	} else {
		d.File = file
	}
	c.list = append(c.list, d)
}

// checkHandler finds what keeps a function from starting at all.
func checkHandler(v *bundleView, t *target, fn *config.Function) []config.Diagnostic {
	c := &handlerCheck{bundleView: v, target: t, fn: fn}
	switch t.family {
	case "provided":
		c.bootstrap()
	case "nodejs":
		c.node()
	case "python":
		c.python()
	case "ruby":
		c.ruby()
	case "java":
		c.java()
	case "dotnet":
		c.dotnet()
	}
	return c.list
}

// bootstrap is looked for in the code, then in the layers. Source: spec lambda.md §5.3.
func (c *handlerCheck) bootstrap() {
	const mend = "Put an executable file of this name at the top of the code: a program for Amazon Linux, or a script."
	f, ok := c.find("/var/task/bootstrap")
	if !ok {
		f, ok = c.find("/opt/bootstrap")
	}
	if !ok {
		c.noBootstrap(mend)
		return
	}
	file := f.tree.show(f.name)
	switch perm := f.mode.Perm(); {
	case !executableMode(perm, 0o111):
		c.add(file, config.Error, "bootstrap-not-executable", "Run: chmod 755 bootstrap", "is not executable, so that Lambda cannot start it")
	case !executableMode(perm, 0o001):
		c.add(file, config.Warning, "bootstrap-not-executable", "Run: chmod 755 bootstrap", "is executable for its owner only, whom Lambda does not have")
	}
	if f.size == 0 {
		c.add(file, config.Error, "bootstrap-empty", mend, "is empty")
		return
	}
	if f.native == nil {
		c.script(file, f.tree.path(f.name))
	}
}

func (c *handlerCheck) noBootstrap(mend string) {
	if c.code.dirs["bootstrap"] {
		c.add(c.code.show("bootstrap"), config.Error, "no-bootstrap", mend, "is a folder, where Lambda wants an executable file")
		return
	}
	if other, ok := c.code.lower["bootstrap"]; ok {
		c.add(c.code.show(other), config.Error, "case-mismatch", "Call it bootstrap.", "is not found on Lambda, which looks for bootstrap: names differ by their case there")
		return
	}
	for d := range c.code.dirs {
		if path.Base(d) == "bootstrap" || c.code.file(path.Join(d, "bootstrap")) != nil && d != "" {
			mend = fmt.Sprintf("One is in %s: it must be at the top.", d)
		}
	}
	c.add("", config.Error, "no-bootstrap", mend, "runtime %s starts the file bootstrap, which neither the code nor a layer has", c.target.runtime)
}

// executableMode says whether a file may be run. Windows has no such bits, and zip tools there give none.
func executableMode(perm, bits os.FileMode) bool { return os.PathSeparator == '\\' || perm&bits != 0 }

// interpreters are the scripts' interpreters that Lambda's base systems have. Source: the provided images' PATH and the AL2023 minimal container.
func interpreters() []string { return []string{"sh", "bash", "env"} }

// script judges a bootstrap that is no program: its first line says who runs it.
func (c *handlerCheck) script(file, path string) {
	f, err := os.Open(path)
	if err != nil {
		return // told as unreadable
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := f.Read(head)
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	words := strings.Fields(strings.TrimPrefix(string(line), "#!"))
	switch {
	case !bytes.HasPrefix(line, []byte("#!")) || len(words) == 0:
		c.add(file, config.Error, "bootstrap-format", "A script begins with #!/bin/sh or the like.", "is neither a program for Linux nor a script: Lambda cannot run it (exec format error)")
	case bytes.HasSuffix(line, []byte("\r")):
		c.add(file, config.Error, "bootstrap-line-ends", "Save it with line ends of Unix: sed -i 's/\\r$//' bootstrap", "has line ends of Windows: Lambda looks for an interpreter %q", words[0]+"\r")
	default:
		c.interpreter(file, words)
	}
}

// interpreter judges who is to run a script.
func (c *handlerCheck) interpreter(file string, words []string) {
	program := words[0]
	if path.Base(program) == "env" && len(words) > 1 {
		program = words[1]
	}
	if strings.HasPrefix(program, "/var/task/") || strings.HasPrefix(program, "/opt/") {
		if _, ok := c.find(program); !ok {
			c.add(file, config.Error, "no-interpreter", "", "asks for the interpreter %s, which the bundle does not have", program)
		}
		return
	}
	_, inLayer := c.find(path.Join("/opt/bin", path.Base(program)))
	if inLayer || slices.Contains(interpreters(), path.Base(program)) {
		return
	}
	c.add(file, config.Warning, "no-interpreter", "Bring the interpreter along in the code or a layer, or write the script for /bin/sh.",
		"asks for the interpreter %s, which %s may not have", program, c.target.name)
}

// splitHandler takes a handler apart as Lambda does: the module is all up to the last slash and the first dot after it for Node.js, up to the last dot for
// others. ok is false where there is no dot.
func splitHandler(handler string, last bool) (module, name string, ok bool) {
	slash := strings.LastIndexByte(handler, '/') + 1
	dot := strings.IndexByte(handler[slash:], '.')
	if last {
		dot = strings.LastIndexByte(handler[slash:], '.')
	}
	if dot < 1 || slash+dot == len(handler)-1 {
		return "", "", false
	}
	return handler[:slash+dot], handler[slash+dot+1:], true
}

// badHandler reports a handler that has not the form of the runtime.
func (c *handlerCheck) badHandler(form string) {
	c.add("", config.Error, "handler-form", "", "handler %q is not of the form %s", c.fn.Handler, form)
}

// lookFor finds the first of some files below the code, or the layers for a path with /opt. A file that differs by its case alone is reported.
func (c *handlerCheck) lookFor(module string, candidates ...string) (f seenFile, found bool) {
	for _, name := range candidates {
		at := name
		if !path.IsAbs(name) {
			at = path.Join("/var/task", name)
		}
		if f, ok := c.find(at); ok {
			return f, true
		}
	}
	for _, name := range candidates {
		if other, ok := c.code.lower[strings.ToLower(path.Clean(name))]; ok && !c.code.dirs[other] {
			c.add(c.code.show(other), config.Error, "case-mismatch", "Names differ by their case on Lambda, though not on macOS and Windows.", "is not found by handler %q: it asks for %s", c.fn.Handler, name)
			return seenFile{}, false
		}
	}
	severity := config.Error
	if strings.HasPrefix(module, "/opt/") {
		severity = config.Warning // it may be in a layer that is not on this machine
	}
	c.add("", severity, "handler-not-found", "", "handler %q: the bundle has no %s", c.fn.Handler, alternativesText(candidates))
	return seenFile{}, false
}

func alternativesText(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// node looks for the file that the runtime would import, with the endings that it tries.
func (c *handlerCheck) node() {
	module, export, ok := splitHandler(c.fn.Handler, false)
	if !ok {
		c.badHandler("file.export")
		return
	}
	f, ok := c.lookFor(module, module+".js", module+".mjs", module+".cjs", module, path.Join(module, "index.js"))
	if !ok {
		return
	}
	source, err := os.ReadFile(f.tree.path(f.name))
	if err != nil {
		return
	}
	first, _, _ := strings.Cut(export, ".")
	e := exportsOf(source, first)
	if !slices.Contains(e.names, first) && (e.all || !mayExport(source, first)) {
		c.notExported(f, first, e)
	}
	if f.tree == c.code {
		c.imports(f.name, source)
	}
}

var (
	wholesale   = regexp.MustCompile(`export\s*\*|module\.exports\s*=|exports\s*=|__exportStar|__reExport|__export\(|Object\.(assign|defineProperty|defineProperties)\s*\(\s*(module\.)?exports`)
	localImport = regexp.MustCompile(`(?:\brequire\(\s*|\bfrom\s*|\bimport\s*\(?\s*)["'](\.{1,2}/[^"'\n]+)["']`)
)

// mayExport says whether a script may export a name. One that never says the name, and gives nothing on wholesale, does not.
func mayExport(source []byte, name string) bool { return says(source, name) || wholesale.Match(source) }

// notExported tells of a handler that its module does not have: where all of the module's names are known an error, else a warning. It is told at the
// function, for most often the handler is what is misspelt.
func (c *handlerCheck) notExported(f seenFile, name string, e exported) {
	severity := config.Warning
	if e.all {
		severity = config.Error
	}
	hint := ""
	if len(e.names) > 0 {
		hint = "It has " + some(e.names, 5) + "."
		if near := config.Nearest(name, e.names); near != "" {
			at := strings.LastIndex(c.fn.Handler, "."+name)
			hint = fmt.Sprintf("Did you mean %s? %s", c.fn.Handler[:at+1]+near+c.fn.Handler[at+1+len(name):], hint)
		}
	}
	file := f.name
	if f.tree != c.code {
		file = f.at
	}
	c.add("", severity, "handler-not-exported", hint, "handler %q: %s has no %s", c.fn.Handler, file, name)
}

// imports follows the handler's own imports of files, for names that differ by their case alone: macOS finds those.
func (c *handlerCheck) imports(name string, source []byte) {
	seen := map[string]bool{name: true}
	for queue := []string{name}; len(queue) > 0 && len(seen) < 2000; queue = queue[1:] {
		if queue[0] != name {
			var err error
			if source, err = os.ReadFile(c.code.path(queue[0])); err != nil {
				continue
			}
		}
		for _, m := range localImport.FindAllSubmatch(source, -1) {
			asked := path.Join(path.Dir(queue[0]), string(m[1]))
			next, wrong := c.imported(asked)
			if wrong != "" {
				c.add(c.code.show(queue[0]), config.Error, "case-mismatch", "Names differ by their case on Lambda, though not on macOS and Windows.", "imports %q, and the file is called %s", string(m[1]), wrong)
			}
			if next != "" && !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
}

// imported finds the file of a relative import; wrong is the file's name where it differs by its case.
func (c *handlerCheck) imported(asked string) (next, wrong string) {
	candidates := []string{asked, asked + ".js", asked + ".mjs", asked + ".cjs", asked + ".json", asked + ".node", path.Join(asked, "index.js")}
	for _, name := range candidates {
		if f := c.code.follow(name); f != nil {
			if ext := path.Ext(f.name); ext == ".js" || ext == ".mjs" || ext == ".cjs" {
				return f.name, ""
			}
			return "", ""
		}
	}
	if c.code.dirs[asked] {
		return "", "" // a folder with a package.json of its own
	}
	for _, name := range candidates {
		if other, ok := c.code.lower[strings.ToLower(name)]; ok && !c.code.dirs[other] {
			return "", other
		}
	}
	return "", ""
}

// python looks for the module as Python's import does: in the code, then in the layers' folders.
func (c *handlerCheck) python() {
	module, name, ok := splitHandler(c.fn.Handler, true)
	if !ok {
		c.badHandler("module.function")
		return
	}
	file := strings.ReplaceAll(module, ".", "/")
	var candidates []string
	for _, dir := range []string{"/var/task", "/opt/python", "/opt/python/lib/python" + c.target.major + "/site-packages"} {
		candidates = append(candidates, path.Join(dir, file, "__init__.py"), path.Join(dir, file+".py")) // in this order
	}
	extension := c.extension(file)
	for _, at := range candidates {
		if f, ok := c.find(at); ok {
			if !extension {
				c.defines(f, name)
			}
			return
		}
	}
	if extension {
		return
	}
	c.lookFor(module, file+".py", path.Join(file, "__init__.py"))
}

// extension says whether a module is machine code (as Cython makes it) or compiled Python.
func (c *handlerCheck) extension(file string) bool {
	return slices.ContainsFunc(c.code.files, func(f bundleFile) bool {
		return strings.HasPrefix(f.name, file+".") && (strings.HasSuffix(f.name, ".so") || strings.HasSuffix(f.name, ".pyc"))
	})
}

// defines tells where a module does not have a name: nothing defines, assigns or imports it. A package may have it as a module of its own.
func (c *handlerCheck) defines(f seenFile, name string) {
	source, err := os.ReadFile(f.tree.path(f.name))
	if err != nil {
		return
	}
	e, has := pythonNames(source, name)
	e.all = e.all && path.Base(f.name) != "__init__.py"
	if !has && (e.all || !pythonLoose.Match(source)) {
		c.notExported(f, name, e)
	}
}

// ruby handlers are file.method, or file.Class.method.
func (c *handlerCheck) ruby() {
	if module, _, ok := splitHandler(c.fn.Handler, false); ok {
		c.lookFor(module, module+".rb")
		return
	}
	c.badHandler("file.method")
}

// java looks for the handler's class: as a file, or in the bundle's jars.
func (c *handlerCheck) java() {
	class, _, _ := strings.Cut(c.fn.Handler, "::")
	file := strings.ReplaceAll(class, ".", "/") + ".class"
	if class == "" {
		c.badHandler("package.Class::method")
		return
	}
	if c.code.follow(file) != nil || len(c.layers) > 0 {
		return
	}
	for _, f := range c.code.files {
		if strings.HasSuffix(f.name, ".jar") && jarHas(c.code.path(f.name), file) {
			return
		}
	}
	c.add("", config.Error, "handler-not-found", "", "handler %q: neither the bundle nor a jar of its lib folder has %s", c.fn.Handler, file)
}

// jarHas says whether a jar has a file. One that cannot be read may have it.
func jarHas(jar, name string) bool {
	r, err := zip.OpenReader(jar)
	if err != nil {
		return true
	}
	defer r.Close()
	return slices.ContainsFunc(r.File, func(f *zip.File) bool { return f.Name == name })
}

// dotnet handlers are Assembly::Namespace.Class::Method, or the name of an executable assembly.
func (c *handlerCheck) dotnet() {
	assembly, _, _ := strings.Cut(c.fn.Handler, "::")
	if assembly == "" {
		c.badHandler("Assembly::Namespace.Class::Method")
		return
	}
	c.lookFor(assembly, assembly+".dll")
}
