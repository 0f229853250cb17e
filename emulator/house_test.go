package emulator_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "example.com/emulate/"

// mayImport is the table of DESIGN: which of our packages a package may import.
var mayImport = map[string][]string{
	"cmd/emulate":             {"emulator", "emulator/config", "emulator/telemetry", "emulator/burst", "emulator/simulate", "dockerbuild"},
	"cmd/emulate-init":        {"emulator/sandbox/inside"},
	"cmd/bench":               {"emulator", "emulator/config", "emulator/telemetry", "emulator/burst", "dockerbuild", "emulator/sandbox"},
	"cmd/bench/handler":       {},
	"emulator/emulatortest":   {"emulator", "emulator/telemetry"},
	"emulator":                {"emulator/config", "emulator/telemetry", "emulator/fleet", "emulator/lambda", "emulator/sandbox", "emulator/awsapi", "emulator/docker", "runtimeapi", "gateway", "dockerbuild"},
	"gateway":                 {"emulator/lambda", "emulator/config", "emulator/telemetry"},
	"emulator/awsapi":         {"emulator/lambda", "emulator/config", "emulator/telemetry"},
	"emulator/sandbox":        {"emulator/lambda", "emulator/docker", "emulator/sandbox/inside", "runtimeapi", "emulator/config", "emulator/telemetry"},
	"emulator/sandbox/inside": {},
	"emulator/simulate":       {"emulator/fleet", "emulator/burst", "emulator/config", "emulator/telemetry"},
	"emulator/burst":          {"emulator/telemetry"},
	"emulator/docker":         {},
	"emulator/lambda":         {"runtimeapi", "emulator/fleet", "emulator/config", "emulator/telemetry"},
	"runtimeapi":              {"emulator/telemetry"},
	"dockerbuild":             {"emulator/docker", "emulator/config"},
	"emulator/fleet":          {},
	"emulator/config":         {},
	"emulator/telemetry":      {},
}

// Every package keeps to the table, on every system that has files of its own: what it imports, and what comes with that.
func TestImportsFollowTheRequest(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		seen := 0
		for _, p := range list(t, system) {
			name, ours := strings.CutPrefix(p.ImportPath, module)
			if !ours {
				continue
			}
			seen++
			allowed, known := mayImport[name]
			if !known {
				t.Errorf("package %s is not in the table", name)
			}
			for _, imported := range p.Imports {
				if i, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(allowed, i) {
					t.Errorf("%s imports %s on %s: the table does not allow it", name, i, system)
				}
				if (imported+"/" == docker || strings.HasPrefix(imported, docker)) && name != "emulator/docker" {
					t.Errorf("%s imports %s on %s: only emulator/docker may", name, imported, system)
				}
			}
			for _, dep := range p.Deps {
				if i, ours := strings.CutPrefix(dep, module); ours && !reaches(name, i) {
					t.Errorf("%s depends on %s on %s: no way of the table leads there", name, i, system)
				}
			}
		}
		if seen != len(mayImport) {
			t.Errorf("%d packages on %s, the table has %d", seen, system, len(mayImport))
		}
	}
}

const docker = "github.com/docker/docker/"

// reaches says whether the table lets a package depend on another, directly or not.
func reaches(from, to string) bool {
	return slices.ContainsFunc(mayImport[from], func(next string) bool { return next == to || reaches(next, to) })
}

// listed is what go list tells of a package; imports of tests are not in it.
type listed struct {
	ImportPath    string
	Imports, Deps []string
}

// list is our packages and all that they depend on.
func list(t *testing.T, system string) (packages []listed) {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps", module+"...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v", system, err)
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// sources parses every Go file of the repository's packages.
func sources(t *testing.T, visit func(path string, fset *token.FileSet, f *ast.File)) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err == nil {
			visit(path, fset, f)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestHabits(t *testing.T) {
	packages, documented := map[string]bool{}, map[string]bool{}
	sources(t, func(path string, fset *token.FileSet, f *ast.File) {
		test := strings.HasSuffix(path, "_test.go")
		dir := filepath.Dir(path)
		packages[dir] = true
		// A command's page is its usage; every other package has a file for how the data goes through it.
		documented[dir] = documented[dir] || f.Doc != nil && (filepath.Base(path) == "doc.go" || f.Name.Name == "main" && !test)
		bubble := usesSynctest(f)
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					t.Errorf("%s: func init registers or computes something at start", fset.Position(n.Pos()))
				}
			case *ast.SelectorExpr:
				x, ok := n.X.(*ast.Ident)
				if test && !bubble && ok && x.Name == "time" && n.Sel.Name == "Sleep" {
					t.Errorf("%s: time.Sleep in a test outside a synctest bubble", fset.Position(n.Pos()))
				}
			}
			return true
		})
	})
	if len(packages) < len(mayImport) {
		t.Fatalf("only %d packages were found", len(packages))
	}
	for dir := range packages {
		if !documented[dir] {
			t.Errorf("%s: the package has no doc.go", dir)
		}
	}
}

// usesSynctest says whether a test file's time is virtual: it imports synctest, or serves files of its package that do.
func usesSynctest(f *ast.File) bool {
	if f.Name.Name == "lambda" { // fake_test.go is the world of service_test.go's bubbles
		return true
	}
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` })
}

func TestExportedNamesAreDocumented(t *testing.T) {
	files := map[string][]*ast.File{}
	var set *token.FileSet
	sources(t, func(path string, fset *token.FileSet, f *ast.File) {
		set = fset
		if !strings.HasSuffix(path, "_test.go") && f.Name.Name != "main" {
			files[filepath.Dir(path)] = append(files[filepath.Dir(path)], f)
		}
	})
	for dir, list := range files {
		p, err := doc.NewFromFiles(set, list, dir)
		if err != nil {
			t.Fatal(err)
		}
		undocumented := func(kind, name, text string) {
			if text == "" {
				t.Errorf("%s: %s %s has no docstring", dir, kind, name)
			}
		}
		for _, f := range p.Funcs {
			undocumented("func", f.Name, f.Doc)
		}
		values := slices.Concat(p.Consts, p.Vars)
		for _, typ := range p.Types {
			undocumented("type", typ.Name, typ.Doc)
			for _, f := range typ.Funcs {
				undocumented("func", f.Name, f.Doc)
			}
			for _, m := range typ.Methods {
				if !wellKnown[m.Name] {
					undocumented("method", typ.Name+"."+m.Name, m.Doc)
				}
			}
			values = append(values, slices.Concat(typ.Consts, typ.Vars)...)
		}
		for _, v := range values {
			undocumented("value", strings.Join(v.Names, ", "), valueDoc(v))
		}
	}
}

// wellKnown are methods whose name says what the standard library promises of them.
var wellKnown = map[string]bool{"Error": true, "Unwrap": true, "String": true, "ServeHTTP": true, "MarshalJSON": true, "UnmarshalJSON": true}

// valueDoc is the text of a group of constants or variables, or else of each of its exported names.
func valueDoc(v *doc.Value) string {
	if v.Doc != "" {
		return v.Doc
	}
	var text string
	for _, s := range v.Decl.Specs {
		s := s.(*ast.ValueSpec)
		if s.Doc == nil && s.Comment == nil && slices.ContainsFunc(s.Names, func(n *ast.Ident) bool { return n.IsExported() }) {
			return ""
		}
		text += s.Doc.Text() + s.Comment.Text()
	}
	return text
}

// Only emulator and emulatortest are a promise to users, so no other package's types stand in their signatures, but for config's and telemetry's.
func TestPublicSignatures(t *testing.T) {
	hidden := []string{"lambda", "fleet", "sandbox", "gateway", "awsapi", "runtimeapi", "dockerbuild"}
	sources(t, func(path string, fset *token.FileSet, f *ast.File) {
		dir := filepath.Base(filepath.Dir(path))
		if abs, err := filepath.Abs(filepath.Dir(path)); err == nil {
			dir = filepath.Base(abs)
		}
		if (dir != "emulator" && dir != "emulatortest") || strings.HasSuffix(path, "_test.go") {
			return
		}
		check := func(what string, n ast.Node) {
			ast.Inspect(n, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := s.X.(*ast.Ident); ok && slices.Contains(hidden, x.Name) {
						t.Errorf("%s: %s shows %s.%s", fset.Position(s.Pos()), what, x.Name, s.Sel.Name)
					}
				}
				return true
			})
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d.Recv)) {
					check(d.Name.Name, d.Type)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						if s.Name.IsExported() {
							checkFields(s, check)
						}
					case *ast.ValueSpec:
						if s.Type != nil && slices.ContainsFunc(s.Names, func(n *ast.Ident) bool { return n.IsExported() }) {
							check(s.Names[0].Name, s.Type)
						}
					}
				}
			}
		}
	})
}

func exportedReceiver(r *ast.FieldList) bool {
	typ := r.List[0].Type
	if p, ok := typ.(*ast.StarExpr); ok {
		typ = p.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

// checkFields looks at a type's exported fields.
func checkFields(ts *ast.TypeSpec, check func(string, ast.Node)) {
	st, ok := ts.Type.(*ast.StructType)
	if !ok {
		check(ts.Name.Name, ts.Type)
		return
	}
	for _, field := range st.Fields.List {
		if len(field.Names) == 0 { // embedded: its methods are the type's own
			check(ts.Name.Name, field.Type)
		}
		for _, name := range field.Names {
			if name.IsExported() {
				check(ts.Name.Name+"."+name.Name, field.Type)
			}
		}
	}
}
