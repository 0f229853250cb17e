package dockerbuild

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"example.com/emulate/emulator/config"
)

// leftover is a kind of files that have no place in a bundle.
type leftover struct {
	// what names them in a message; why and mend complete it.
	what, mend string
	code       string
	// from is the size in bytes from which on they are told: 0 for what must never be there.
	from int64
	// is says whether a file is one; dep is set for files of dependencies.
	is func(b *belonging, name string, dep bool) bool
}

// weight is the size from which on needless files are worth a line.
const weight = 1 << 20

// leftovers are looked through in order: a file is counted once.
func leftovers() []leftover {
	return []leftover{
		{"version control", "Leave the folder out of the bundle.", "version-control", 0, inFolder(".git", ".hg", ".svn")},
		{"the state of Terraform, which holds secrets", "Keep it outside of the code's folder.", "terraform-state", 0, isTerraform},
		{"secrets: environment files", "Give Lambda the variables in its configuration.", "secrets", 0, isEnvFile},
		{"secrets: keys and credentials", "Keep them outside of the bundle, in Secrets Manager for example.", "secrets", 0, isCredential},
		{"local databases", "Lambda's code is read-only: keep what is written elsewhere.", "local-database", 0, isDatabase},
		{"caches and output of other tools", "Leave them out of the bundle.", "build-cache", 64 << 10, inFolder(".cache", ".parcel-cache", ".turbo", ".nyc_output",
			"coverage", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".venv", "venv", ".gradle", ".aws-sam", ".serverless", ".emulate", "cdk.out", ".idea", ".vscode",
			".ipynb_checkpoints", ".yarn")},
		{"archives", "Is an older bundle among them? Leave it out.", "archive", weight, isArchive},
		{"files of macOS and Windows", "Leave them out of the bundle.", "desktop-files", 0, isDesktop},
		{"compiled Python", "Leave __pycache__ out: it serves only where build machine and runtime have the same Python, and the same times of files.", "pycache", weight, isPyc},
		{"an AWS SDK that the runtime has", "Leave it out, unless you need this very version.", "runtime-sdk", weight, isRuntimeSDK},
		{"tools of development", "Install with npm ci --omit=dev.", "dev-dependency", weight, isDevTool},
		{"source maps", "Leave them out, unless NODE_OPTIONS has --enable-source-maps.", "source-maps", weight, isSourceMap},
		{"tests of packages", "Leave them out of the bundle.", "tests", weight, isTest},
	}
}

// belonging looks for leftovers in one tree.
type belonging struct {
	tree        *bundleTree
	target      *target
	environment map[string]string
}

// checkBelonging finds what has no place in a bundle.
func checkBelonging(t *bundleTree, to *target, environment map[string]string) []config.Diagnostic {
	b := &belonging{t, to, environment}
	kinds := leftovers()
	names := make([][]string, len(kinds))
	sizes := make([]int64, len(kinds))
	for _, f := range t.files {
		dep := t.packageOf(f.name) != ""
		if i := slices.IndexFunc(kinds, func(k leftover) bool { return k.is(b, f.name, dep) }); i >= 0 {
			names[i] = append(names[i], f.name)
			sizes[i] += f.size
		}
	}
	var list []config.Diagnostic
	for i, k := range kinds {
		if len(names[i]) == 0 || sizes[i] < k.from {
			continue
		}
		places := b.placesOf(names[i], k)
		list = append(list, config.Diagnostic{
			Severity: config.Warning, Position: config.Position{File: t.show(places[0])}, Code: k.code, Hint: k.mend,
			Message: fmt.Sprintf("the bundle has %s: %s, %s", k.what, counted(len(names[i]), "file"), megabytes(sizes[i])) + also(places[1:]),
		})
	}
	return list
}

// also names more places of one problem.
func also(places []string) string {
	if len(places) == 0 {
		return ""
	}
	return "; also " + some(places, 2)
}

// placesOf are the places to name: for files that are known by a folder or a package, that.
func (b *belonging) placesOf(names []string, k leftover) []string {
	var places []string
	seen := map[string]bool{}
	for _, name := range names {
		place := name
		switch k.code {
		case "secrets", "local-database", "archive":
		case "runtime-sdk", "dev-dependency":
			place = b.tree.packageOf(name)
		default:
			place = folderOf(name)
		}
		if !seen[place] {
			places = append(places, place)
		}
		seen[place] = true
	}
	return places
}

// folderOf is the folder by which a leftover is known, such as .git of .git/objects/x; else the file itself.
func folderOf(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts[:len(parts)-1] {
		if strings.HasPrefix(p, ".") || p == "__pycache__" || p == "tests" || p == "test" || p == "__tests__" || p == "coverage" || p == "venv" ||
			p == "cdk.out" || p == "__MACOSX" {
			return strings.Join(parts[:i+1], "/")
		}
	}
	return name
}

func inFolder(folders ...string) func(*belonging, string, bool) bool {
	return func(_ *belonging, name string, _ bool) bool { return hasFolder(name, folders...) }
}

// hasFolder says whether a path goes through a folder of one of the names.
func hasFolder(name string, folders ...string) bool {
	dir, _ := path.Split(name)
	for part := range strings.SplitSeq(strings.TrimSuffix(dir, "/"), "/") {
		if slices.Contains(folders, part) {
			return true
		}
	}
	return false
}

func isTerraform(_ *belonging, name string, dep bool) bool {
	base := path.Base(name)
	return !dep && (hasFolder(name, ".terraform") || strings.HasSuffix(base, ".tfstate") || strings.HasSuffix(base, ".tfstate.backup"))
}

func isEnvFile(_ *belonging, name string, dep bool) bool {
	base := path.Base(name)
	if dep || base != ".env" && !strings.HasPrefix(base, ".env.") {
		return false
	}
	for _, harmless := range []string{"example", "sample", "template", "dist", "defaults", "vault", "schema"} {
		if strings.HasSuffix(base, "."+harmless) {
			return false
		}
	}
	return true
}

// isCredential goes by names that are known to hold secrets, and by content where a name may as well be that of a certificate. Keys in dependencies
// are public: those of their tests.
func isCredential(b *belonging, name string, dep bool) bool {
	if dep {
		return false
	}
	base := path.Base(name)
	switch base {
	case "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".netrc", ".pypirc", ".git-credentials", ".htpasswd", ".pgpass":
		return true
	case ".npmrc", ".yarnrc.yml":
		return b.mentions(name, "_authToken", "_password", "npmAuthToken")
	case "credentials":
		return b.mentions(name, "aws_secret_access_key")
	}
	switch path.Ext(base) {
	case ".p12", ".pfx", ".ppk", ".jks", ".keystore":
		return true
	case ".pem", ".key":
		return b.mentions(name, "PRIVATE KEY-----")
	case ".json":
		return strings.Contains(base, "account") && b.mentions(name, `"private_key"`)
	}
	return false
}

// mentions says whether the first bytes of a file have one of the words.
func (b *belonging) mentions(name string, words ...string) bool {
	head := b.head(name, 64<<10)
	return slices.ContainsFunc(words, func(w string) bool { return bytes.Contains(head, []byte(w)) })
}

func (b *belonging) head(name string, n int64) []byte {
	f, err := os.Open(b.tree.path(name))
	if err != nil {
		return nil
	}
	defer f.Close()
	data, _ := io.ReadAll(io.LimitReader(f, n)) // what could be read is judged
	return data
}

func isDatabase(b *belonging, name string, dep bool) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".sqlite", ".sqlite3", ".db", ".db3":
		return !dep && bytes.HasPrefix(b.head(name, 16), []byte("SQLite format 3\x00"))
	case ".rdb":
		return !dep && bytes.HasPrefix(b.head(name, 16), []byte("REDIS"))
	case ".mdb", ".ldf", ".mdf":
		return !dep
	}
	return false
}

func isArchive(_ *belonging, name string, dep bool) bool {
	base := strings.ToLower(path.Base(name))
	return !dep && slices.ContainsFunc([]string{".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".7z"}, func(ext string) bool { return strings.HasSuffix(base, ext) })
}

func isDesktop(_ *belonging, name string, _ bool) bool {
	base := path.Base(name)
	return base == ".DS_Store" || base == "Thumbs.db" || base == "desktop.ini" || strings.HasPrefix(base, "._") || hasFolder(name, "__MACOSX")
}

func isPyc(_ *belonging, name string, _ bool) bool {
	return strings.HasSuffix(name, ".pyc") && hasFolder(name, "__pycache__")
}

// isRuntimeSDK goes by the runtime: Node.js 18 and later have version 3 of the SDK, earlier ones version 2; Python has boto3.
func isRuntimeSDK(b *belonging, name string, dep bool) bool {
	if !dep {
		return false
	}
	pkg := path.Base(b.tree.packageOf(name))
	switch b.target.family {
	case "python":
		return slices.Contains([]string{"boto3", "botocore", "s3transfer"}, pkg)
	case "nodejs":
		if v, ok := parseVersion(b.target.major); ok && slices.Compare(v, version{18}) < 0 {
			return pkg == "aws-sdk"
		}
		return strings.Contains("/"+name, "/node_modules/@aws-sdk/client-") || strings.Contains("/"+name, "/node_modules/@aws-sdk/lib-")
	}
	return false
}

func isDevTool(b *belonging, name string, dep bool) bool {
	if !dep || b.target.family != "nodejs" {
		return false
	}
	pkg := b.tree.packageOf(name)
	if strings.Contains(pkg, "node_modules/@types/") || strings.Contains(pkg, "node_modules/@jest/") || strings.Contains(pkg, "node_modules/@babel/") {
		return true
	}
	return slices.Contains([]string{"typescript", "esbuild", "@esbuild", "webpack", "rollup", "vite", "vitest", "jest", "mocha", "eslint", "prettier", "aws-cdk", "aws-cdk-lib",
		"serverless", "serverless-offline", "nodemon", "ts-node", "tsx", "nyc", "husky"}, path.Base(pkg)) || strings.Contains(pkg, "node_modules/@esbuild/")
}

func isSourceMap(b *belonging, name string, _ bool) bool {
	return (strings.HasSuffix(name, ".js.map") || strings.HasSuffix(name, ".mjs.map") || strings.HasSuffix(name, ".cjs.map") || strings.HasSuffix(name, ".css.map")) &&
		!strings.Contains(b.environment["NODE_OPTIONS"], "--enable-source-maps")
}

func isTest(_ *belonging, name string, dep bool) bool {
	return dep && hasFolder(name, "test", "tests", "__tests__")
}

// checkFiles finds what is wrong with files whatever they are: links that lead out of the bundle, and files that Lambda's user cannot read.
func checkFiles(t *bundleTree) []config.Diagnostic {
	var out, closed []string
	for _, f := range t.files {
		switch {
		case f.link != "":
			if target := path.Join(path.Dir(f.name), f.link); path.IsAbs(f.link) || target == ".." || strings.HasPrefix(target, "../") {
				out = append(out, f.name)
			}
		case filepath.Separator == '/' && f.mode.Perm()&0o004 == 0:
			closed = append(closed, f.name)
		}
	}
	var list []config.Diagnostic
	if len(out) > 0 {
		list = append(list, config.Diagnostic{
			Severity: config.Warning, Position: config.Position{File: t.show(out[0])}, Code: "link-outside",
			Message: "is a symbolic link that leads out of the bundle" + also(out[1:]), Hint: "Lambda has nothing there: copy what it leads to, if your zip tool does not.",
		})
	}
	if len(closed) > 0 {
		list = append(list, config.Diagnostic{
			Severity: config.Warning, Position: config.Position{File: t.show(closed[0])}, Code: "unreadable",
			Message: "is readable for its owner only, whom Lambda does not have" + also(closed[1:]), Hint: "Run: chmod -R o+rX on the folder, if your zip tool keeps permissions.",
		})
	}
	return list
}
