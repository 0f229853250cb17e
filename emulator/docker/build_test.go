package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// toolDir is a context with the tests' program and these files.
func toolDir(t *testing.T, files map[string]string) string {
	t.Helper()
	_, image := theEngine(t)
	dir := t.TempDir()
	for name, text := range files {
		files[name] = strings.ReplaceAll(text, "IMAGE", image)
	}
	write(t, dir, files)
	return dir
}

func TestBuild(t *testing.T) {
	e, _ := theEngine(t)
	dir := toolDir(t, map[string]string{
		"Dockerfile": "ARG OF=nothing\nFROM ${OF} AS first\nARG WHAT=default\nENV SAID=$WHAT\nCOPY . /src/\nRUN [\"/tool\", \"echo\", \"building\"]\n" +
			"FROM first AS second\nCOPY late /late\nRUN [\"/tool\", \"echo\", \"not asked for\"]\n",
		"a/run": "x", "a/link": "->run", "late": "", "skip/one": "1", "skip/two": "2", ".dockerignore": "skip\n!skip/two\nlate\n",
	})
	if err := errors.Join(os.Chmod(filepath.Join(dir, "a/run"), 0o751), os.Chmod(filepath.Join(dir, "a"), 0o710)); err != nil {
		t.Fatal(err)
	}
	_, image := theEngine(t)
	tag := fmt.Sprintf("emulate-docker-built:%d", os.Getpid())
	var lines []string
	i, err := e.Build(t.Context(), BuildSpec{Context: dir, Tag: tag, Target: "first", Labels: ours, Args: map[string]string{"OF": image, "WHAT": "args"}, NoCache: true}, func(p Progress) {
		if p.Image != tag {
			t.Errorf("%+v", p)
		}
		if p.Line != "" {
			lines = append(lines, p.Line)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer dropImage(t, e, tag)
	if !strings.Contains(fmt.Sprint(i.Env), "SAID=args") || i.Labels["example.com.emulate.docker.test"] == "" || i.WorkingDir == "/src" {
		t.Errorf("%+v", i)
	}
	said := strings.Join(lines, "\n")
	if !strings.HasPrefix(said, "Step 1/") || !strings.Contains(said, "\nbuilding\n") || strings.Contains(said, "not asked for") || !strings.Contains(said, "Successfully built") {
		t.Errorf("the build said\n%s", said)
	}
	for _, c := range []struct{ cmd, want string }{
		{"mode /src/a/run", "-rwxr-x--x\n"}, {"mode /src/a", "drwx--x---\n"}, {"mode /src/a/link", "Lrwxrwxrwx\n"}, {"read /src/a/link", "x\n"}, {"ls /src/skip", "two\n"}, {"ls /src", ".dockerignore\nDockerfile\na\nskip\n"},
	} {
		if out, _ := output(t, e, Spec{Image: tag, Cmd: strings.Fields(c.cmd)}); out != c.want {
			t.Errorf("%s: %q, want %q", c.cmd, out, c.want)
		}
	}
	again, err := e.Build(t.Context(), BuildSpec{Context: dir, Target: "first", Labels: ours, Args: map[string]string{"OF": image, "WHAT": "args"}}, nil)
	if err != nil || again.ID != i.ID {
		t.Errorf("built again: %+v, %v", again, err)
	}
}

// A Dockerfile that is elsewhere is not seen by COPY.
func TestDockerfileElsewhere(t *testing.T) {
	e, _ := theEngine(t)
	dir := toolDir(t, map[string]string{"app/file": "1", "Dockerfile.other": "FROM IMAGE\nCOPY . /src/\n"})
	for name, file := range map[string]string{"relative": "../Dockerfile.other", "absolute": filepath.Join(dir, "Dockerfile.other")} {
		i, err := e.Build(t.Context(), BuildSpec{Context: filepath.Join(dir, "app"), Dockerfile: file, Labels: ours}, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		if out, _ := output(t, e, Spec{Image: i.ID, Cmd: []string{"ls", "/src"}}); out != "file\n" {
			t.Errorf("%s: the image holds %q", name, out)
		}
	}
	i, err := e.Build(t.Context(), BuildSpec{Context: dir, Dockerfile: "Dockerfile.other", Labels: ours}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out, _ := output(t, e, Spec{Image: i.ID, Cmd: []string{"ls", "/src"}}); out != "Dockerfile.other\napp\n" {
		t.Errorf("inside: the image holds %q", out)
	}
}

func TestBuildsThatFail(t *testing.T) {
	e, _ := theEngine(t)
	noCredentials(t)
	for _, c := range []struct {
		name, file string
		kind       Kind
		words      []string
	}{
		{"a step", "FROM IMAGE\nRUN [\"/tool\", \"echo\", \"before\"]\nRUN [\"/tool\", \"fail\", \"3\", \"main.go:7: undefined: x\"]\n", BuildFailed, []string{"main.go:7: undefined: x", "returned a non-zero code: 3", "Step 3/"}},
		{"the file's grammar", "FROM IMAGE\nFLY /moon\n", BuildFailed, []string{"FLY"}},
		{"a file that is not there", "FROM IMAGE\nCOPY nowhere /x\n", BuildFailed, []string{"nowhere"}},
		{"no such target", "FROM IMAGE AS a\n", BuildFailed, []string{"nostage"}},
		{"no base image", "FROM 127.0.0.1:1/team/base:1\n", NotPullable, []string{"127.0.0.1:1/team/base:1", "connection refused", "has to reach 127.0.0.1:1"}},
		{"nothing", "", BuildFailed, []string{"Dockerfile"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := BuildSpec{Context: toolDir(t, map[string]string{"Dockerfile": c.file}), Labels: ours}
			if c.name == "no such target" {
				s.Target = "nostage"
			}
			_, err := e.Build(t.Context(), s, nil)
			wantKind(t, err, c.kind, c.words...)
			if strings.Contains(err.Error(), "\nbefore") {
				t.Errorf("the words of another step: %v", err)
			}
		})
	}
	dir := t.TempDir()
	_, err := e.Build(t.Context(), BuildSpec{Context: dir}, nil)
	wantKind(t, err, BuildFailed, "Dockerfile", "no such file")
	_, err = e.Build(t.Context(), BuildSpec{Context: filepath.Join(dir, "none")}, nil)
	wantKind(t, err, BuildFailed, "none", "no such file")
	write(t, dir, map[string]string{"Dockerfile": "FROM scratch\n", ".dockerignore": "[\n"})
	_, err = e.Build(t.Context(), BuildSpec{Context: dir}, nil)
	wantKind(t, err, BuildFailed, ".dockerignore")
}

// A build for a processor that this machine does not emulate says so.
func TestBuildForAnotherProcessor(t *testing.T) {
	e, _ := theEngine(t)
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[e.Info().Arch]
	image := imageFor(t, e, other)
	dir := t.TempDir()
	write(t, dir, map[string]string{"Dockerfile": "FROM " + image + "\nRUN [\"/tool\", \"echo\", \"x\"]\n"})
	if _, err := e.Build(t.Context(), BuildSpec{Context: dir, Platform: "linux/" + other, Labels: ours}, nil); err != nil {
		wantKind(t, err, WrongPlatform, "exec format error", "binfmt")
	}
}

// The engine's no comes while megabytes are still to be sent.
func TestBuildRefusedBeforeItsContextIsSent(t *testing.T) {
	mux := newMux("1.41")
	mux.HandleFunc("/v1.41/build", atOnce(500, `{"message":"no builder today"}`))
	e := connectTo(t, fakeEngine(t, mux))
	dir := t.TempDir()
	write(t, dir, map[string]string{"Dockerfile": "FROM scratch\n", "big": strings.Repeat("x", 8<<20)})
	_, err := e.Build(t.Context(), BuildSpec{Context: dir}, nil)
	wantKind(t, err, BuildFailed, "no builder today")
}

func TestBuildEndsWithItsContext(t *testing.T) {
	e, _ := theEngine(t)
	ctx, cancel := context.WithCancel(t.Context())
	dir := toolDir(t, map[string]string{"Dockerfile": "FROM IMAGE\nRUN [\"/tool\", \"wait\"]\n"})
	_, err := e.Build(ctx, BuildSpec{Context: dir, Labels: ours}, func(p Progress) {
		if p.Line == "waiting" {
			cancel()
		}
	})
	wantKind(t, err, Canceled)
}

// listing is a tar stream's content: name, mode, target or text.
func listing(t *testing.T, c *buildContext) (list []string, raw []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := c.pack(&b); err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(bytes.NewReader(b.Bytes())); ; {
		h, err := r.Next()
		if err == io.EOF {
			return list, b.Bytes()
		} else if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r)
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s belongs to %d %d %s %s", h.Name, h.Uid, h.Gid, h.Uname, h.Gname)
		}
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %o %s%s", h.Name, h.Mode, h.Linkname, text)))
	}
}

func TestContext(t *testing.T) {
	for _, c := range []struct {
		name, dockerfile string
		files            map[string]string
		want             []string
	}{
		{"as it is", "", map[string]string{"b": "2", "a/x": "1", "l": "->../out", "empty/": ""},
			[]string{"Dockerfile 644 D", "a/ 755", "a/x 644 1", "b 644 2", "empty/ 755", "l 777 ../out"}},
		{"left out, and taken in again", "", map[string]string{".dockerignore": "# words\nnode_modules\n*.log\n!keep.log\n**/tmp\n", "node_modules/m/i.js": "", "a.log": "", "keep.log": "", "x/a.log": "", "x/tmp/y": ""},
			[]string{".dockerignore 644 # words\nnode_modules\n*.log\n!keep.log\n**/tmp", "Dockerfile 644 D", "keep.log 644", "x/ 755", "x/a.log 644"}},
		{"all but one", "", map[string]string{".dockerignore": "*\n!src/lib\n", "src/lib/a": "1", "src/other": "", "z": ""},
			[]string{".dockerignore 644 *\n!src/lib", "Dockerfile 644 D", "src/ 755", "src/lib/ 755", "src/lib/a 644 1"}},
		{"a pattern below what is left out", "", map[string]string{".dockerignore": "src\n!src/*/keep\n!**/also\n", "src/a/keep": "1", "src/a/no": "", "src/b/c/also": "2", "src/none/x": ""},
			[]string{".dockerignore 644 src\n!src/*/keep\n!**/also", "Dockerfile 644 D", "src/ 755", "src/a/ 755", "src/a/keep 644 1", "src/b/ 755", "src/b/c/ 755", "src/b/c/also 644 2"}},
		{"the recipe's own patterns", "docker/Dockerfile", map[string]string{"docker/Dockerfile.dockerignore": "b\ndocker\n", ".dockerignore": "a", "a": "", "b": ""},
			[]string{".dockerignore 644 a", "Dockerfile 644 D", "a 644", "docker/ 755", "docker/Dockerfile 644 D"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			c.files["Dockerfile"] = "D"
			if c.dockerfile != "" {
				c.files[c.dockerfile] = "D"
			}
			write(t, dir, c.files)
			open := func() *buildContext {
				b, err := openContext(dir, c.dockerfile)
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
			got, raw := listing(t, open())
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if _, again := listing(t, open()); !bytes.Equal(raw, again) {
				t.Error("two streams of one folder differ")
			}
		})
	}
}

func TestBases(t *testing.T) {
	text := "# syntax=x\nARG TAG=1\nARG REG\nFROM --platform=linux/arm64 a/b:${TAG} AS x\nfrom ${REG}/c:$TAG\nFROM x\nFROM ${NONE:-d/e}\nRUN FROM y\n"
	if diff := cmp.Diff([]string{"a/b:1", "r.io/c:1", "x", "d/e"}, bases([]byte(text), map[string]string{"REG": "r.io"})); diff != "" {
		t.Error(diff)
	}
}

// What is sent is told, now and then.
func TestProgressOfSending(t *testing.T) {
	var all []Progress
	b := &building{tag: "x", began: time.Now(), progress: func(p Progress) { all = append(all, p) }}
	c := &counter{w: io.Discard, b: b}
	for range 1000 {
		c.Write(make([]byte, 1000))
	}
	if len(all) == 0 || len(all) > 100 || all[0].Step != "send context" || all[0].Bytes == 0 {
		t.Errorf("%d calls, the first %+v", len(all), all)
	}
}
