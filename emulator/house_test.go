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
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "example.com/emulate/"

// mayImport is the table of DESIGN: which of our packages a package may import.
var mayImport = map[string][]string{
	"cmd/emulate":           {"emulator", "emulator/config", "emulator/telemetry", "dockerbuild", "emulator/sandbox"},
	"cmd/bench":             {"emulator", "emulator/config", "emulator/telemetry", "dockerbuild", "emulator/sandbox"},
	"cmd/bench/handler":     {},
	"emulator/emulatortest": {"emulator", "emulator/telemetry"},
	"emulator":              {"emulator/config", "emulator/telemetry", "emulator/fleet", "emulator/lambda", "emulator/sandbox", "emulator/awsapi", "runtimeapi", "gateway", "dockerbuild"},
	"gateway":               {"emulator/lambda", "emulator/config", "emulator/telemetry"},
	"emulator/awsapi":       {"emulator/lambda", "emulator/config", "emulator/telemetry"},
	"emulator/sandbox":      {"emulator/lambda", "runtimeapi", "emulator/config", "emulator/telemetry"},
	"emulator/lambda":       {"runtimeapi", "emulator/fleet", "emulator/config", "emulator/telemetry"},
	"runtimeapi":            {"emulator/telemetry"},
	"dockerbuild":           {"emulator/config"},
	"emulator/fleet":        {},
	"emulator/config":       {},
	"emulator/telemetry":    {},
}

func TestImportsFollowTheRequest(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("package %s is not in the table", name)
		}
		for _, imported := range p.Imports {
			if ours, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s: the table does not allow it", name, ours)
			}
			if imported == "github.com/docker/docker" || strings.HasPrefix(imported, "github.com/docker/docker/") {
				t.Errorf("%s imports %s: only emulator/docker may", name, imported)
			}
		}
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
		documented[dir] = documented[dir] || f.Doc != nil && !test
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
			t.Errorf("%s: the package has no documentation", dir)
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
		for _, typ := range p.Types {
			undocumented("type", typ.Name, typ.Doc)
			for _, f := range typ.Funcs {
				undocumented("func", f.Name, f.Doc)
			}
		}
	}
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
					if ts, ok := s.(*ast.TypeSpec); ok && ts.Name.IsExported() {
						checkFields(ts, check)
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
		for _, name := range field.Names {
			if name.IsExported() {
				check(ts.Name.Name+"."+name.Name, field.Type)
			}
		}
	}
}
