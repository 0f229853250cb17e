package dockerbuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/emulate/emulator/config"
)

func TestBelonging(t *testing.T) {
	const key = "-----BEGIN PRIVATE KEY-----\n"
	for name, tt := range map[string]struct {
		files string // NAME=CONTENT, separated by |
		want  string
	}{
		"git":           {".git/HEAD=x|.git/objects/aa/bb=y", "warning version-control .git: the bundle has version control: 2 files, 2 bytes"},
		"terraform":     {"infra/terraform.tfstate={}|.terraform/x=y", "warning terraform-state .terraform: the bundle has the state of Terraform, which holds secrets: 2 files, 3 bytes; also infra/terraform.tfstate"},
		"env":           {".env=A=b|.env.example=A=|.env.production=x", "warning secrets .env: the bundle has secrets: environment files: 2 files, 4 bytes; also .env.production"},
		"keys":          {"id_rsa=x|tls/server.pem=" + key + "|ca.pem=-----BEGIN CERTIFICATE-----|.aws/credentials=[default]\naws_secret_access_key = x|.npmrc=registry=x|service-account.json={\"private_key\": 1}", "warning secrets .aws/credentials: the bundle has secrets: keys and credentials: 4 files, 82 bytes; also id_rsa, service-account.json and 1 more"},
		"keys of tests": {"node_modules/x/test/key.pem=" + key + "|node_modules/x/.env=A", ""},
		"database":      {"dev.db=SQLite format 3\x00|names.db=text", "warning local-database dev.db: the bundle has local databases: 1 file, 16 bytes"},
		"macOS":         {".DS_Store=x|a/.DS_Store=x|__MACOSX/._x=y", "warning desktop-files .DS_Store: the bundle has files of macOS and Windows: 3 files, 3 bytes; also __MACOSX, a/.DS_Store"},
		"little":        {"node_modules/.cache/x=y|__pycache__/a.pyc=x|node_modules/typescript/x.js=|x.js.map=|a.zip=x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChecked(t, "nodejs22.x", "index.handler").write("index.js", "exports.handler = 1")
			for file := range strings.SplitSeq(tt.files, "|") {
				name, content, _ := strings.Cut(file, "=")
				c.write(name, content)
			}
			if tt.want == "" {
				c.want()
			} else {
				c.want(tt.want)
			}
		})
	}
}

// What only takes room is told from one megabyte on, and where it is truly needless.
func TestWeights(t *testing.T) {
	const mb = 1 << 20
	for name, tt := range map[string]struct{ runtime, file, want string }{
		"pyc":        {"python3.12", "pkg/__pycache__/a.pyc", "warning pycache pkg/__pycache__: the bundle has compiled Python: 1 file, 1.0 MB"},
		"typescript": {"nodejs22.x", "node_modules/typescript/lib/tsc.js", "warning dev-dependency node_modules/typescript: the bundle has tools of development: 1 file, 1.0 MB"},
		"types":      {"nodejs22.x", "node_modules/@types/node/x.d.ts", "warning dev-dependency node_modules/@types/node: the bundle has tools of development: 1 file, 1.0 MB"},
		"sdk 3":      {"nodejs22.x", "node_modules/@aws-sdk/client-s3/x.js", "warning runtime-sdk node_modules/@aws-sdk/client-s3: the bundle has an AWS SDK that the runtime has: 1 file, 1.0 MB"},
		"sdk 2":      {"nodejs16.x", "node_modules/aws-sdk/x.js", "warning runtime-sdk node_modules/aws-sdk: the bundle has an AWS SDK that the runtime has: 1 file, 1.0 MB"},
		"sdk 2 new":  {"nodejs22.x", "node_modules/aws-sdk/x.js", ""},
		"maps":       {"nodejs22.x", "dist/x.js.map", "warning source-maps dist/x.js.map: the bundle has source maps: 1 file, 1.0 MB"},
		"tests":      {"nodejs22.x", "node_modules/x/test/x.js", "warning tests node_modules/x/test: the bundle has tests of packages: 1 file, 1.0 MB"},
		"own tests":  {"nodejs22.x", "test/x.js", ""},
		"archive":    {"nodejs22.x", "old/bundle.tar.gz", "warning archive old/bundle.tar.gz: the bundle has archives: 1 file, 1.0 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChecked(t, tt.runtime, "app.handler").write("app.js", "exports.handler = 1").write("app.py", "handler = 1")
			c.sparse(tt.file, mb-1)
			c.want()
			c.sparse(tt.file, mb)
			if tt.want != "" {
				c.want(tt.want)
			} else {
				c.want()
			}
		})
	}
	c := newChecked(t, "nodejs22.x", "app.handler").write("app.js", "exports.handler = 1")
	c.sparse("node_modules/.cache/babel/x", 64<<10)
	c.want("warning build-cache node_modules/.cache: the bundle has caches and output of other tools: 1 file, 64.0 KB")
	c = newChecked(t, "nodejs22.x", "app.handler").write("app.js", "exports.handler = 1")
	c.sparse("app.js.map", mb)
	c.fn.Environment = map[string]string{"NODE_OPTIONS": "--enable-source-maps"}
	c.want()
}

// What is looked at: emulate build's folder, if it is not older than the sources; else the code.
func TestLocate(t *testing.T) {
	from := func(c *checked, want string) {
		c.Helper()
		if got := c.report().From; got != want {
			c.Errorf("from %s, want %s", got, want)
		}
	}
	c := newChecked(t, "provided.al2023", "bootstrap").write("main.go", "package main\nfunc main() {}\n")
	from(c, FromSources)
	c.want("warning not-built template.yaml: function fn: its folder holds Go sources: what is deployed cannot be checked before it is built")
	built := filepath.Join(c.dir, "cache", "go", "abc")
	chmod(t, write(t, filepath.Join(built, "bootstrap"), "#!/bin/sh\n"), 0o755)
	write(t, filepath.Join(c.dir, "cache", "records", "x"), "")
	if err := rememberBuilt(filepath.Join(c.dir, "cache"), c.fn, &Artifact{Dir: built, Inputs: []string{c.code}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	from(c, FromBuild)
	c.want()
	other := *c.fn
	other.Architecture = "other" // another bundle
	from(&checked{c.compiler, &other, c.code, ""}, FromSources)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(c.code, "main.go"), later, later); err != nil {
		t.Fatal(err)
	}
	from(c, FromSources)
	c.want(
		"warning stale-build template.yaml: function fn: code/main.go has changed since the last `emulate build`, whose result is left aside",
		"warning not-built template.yaml: function fn: its folder holds Go sources: what is deployed cannot be checked before it is built",
	)
	c.built = filepath.Join(c.dir, "dist")
	c.want(
		"warning no-build template.yaml: function fn: "+c.built+"/Fn is not there, the code is checked as it is",
		"warning not-built template.yaml: function fn: its folder holds Go sources: what is deployed cannot be checked before it is built",
	)
	chmod(t, write(t, filepath.Join(c.built, "Fn", "bootstrap"), ""), 0o755)
	from(c, FromBuild)
	c.want("error bootstrap-empty dist/Fn/bootstrap: is empty")

	c = newChecked(t, "nodejs22.x", "app.handler").write("app.ts", "export const handler = 1")
	from(c, FromSources)
	c.write("app.js", "exports.handler = 1").write("package.json", `{"dependencies": {"express": "4", "@aws-sdk/client-s3": "3"}}`)
	from(c, FromCode)
	c.want("warning not-built template.yaml: function fn: the code's folder does not have its dependencies (express): they are not checked")
	c.write("node_modules/express/package.json", "{}")
	c.want()
	c.fn.Code.BuildMethod = "makefile"
	from(c, FromSources)
	c.fn.Code.SkipBuild = true
	from(c, FromCode)

	c = newChecked(t, "python3.12", "app.handler").write("app.py", "handler = 1").write("requirements.txt", "Flask>=2\nboto3\nPy.Yaml==6 ; python_version > '3'\n-r more.txt\n").write("more.txt", "requests[x]\n")
	c.write("flask-3.0.dist-info/RECORD", "")
	c.want("warning not-built template.yaml: function fn: the code's folder does not have its dependencies (py-yaml, requests): they are not checked")

	c.fn.Code = config.Code{Inline: "def handler(e, c): pass\n", InlineName: "index.py"}
	c.fn.Handler = "index.handlr"
	from(c, FromInline)
	c.want(`error handler-not-exported template.yaml: function fn: handler "index.handlr": index.py has no handlr`)
	c.fn.PackageType = "Image"
	from(c, FromImage)
}
