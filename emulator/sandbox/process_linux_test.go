package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"

	"github.com/google/go-cmp/cmp"
)

// ways are the options under which everything must work.
var ways = map[string]ProcessOptions{"all": {}, "plain": {NoPrivateTmp: true, NoCgroups: true}}

func eachWay(t *testing.T, f func(t *testing.T, p *Process)) {
	for name, o := range ways {
		t.Run(name, func(t *testing.T) { f(t, newProcess(t, o)) })
	}
}

func TestOtherRuntimesNeedContainers(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	s := spec(t.TempDir(), newRecord())
	s.Function.Runtime = "java21"
	if _, err := p.Start(context.Background(), s); err == nil || !strings.Contains(err.Error(), "container executor") {
		t.Errorf("got %v", err)
	}
}

func TestPrivateTmp(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	if !permitted(t, p, "no private /tmp") {
		return
	}
	marker := filepath.Join("/tmp", filepath.Base(t.TempDir())+t.Name())
	write(t, marker, "")
	defer os.Remove(marker)
	code := outsideTmp(t)
	write(t, filepath.Join(code, "bootstrap"), fmt.Sprintf(`#!/bin/sh
test -e %s && echo "sees the host"
stat -c 'mode %%a' /tmp
echo "tmpdir <$TMPDIR>"
echo had $(ls /tmp)
echo 1 >/tmp/$NAME
exec sleep 1000
`, marker))
	run := func(name string) (lambda.Instance, *record) {
		out := newRecord()
		s := spec(code, out, "NAME", name)
		return start(t, p, s), out
	}
	a, outA := run("a")
	outA.await(t, "had")
	b, outB := run("b")
	outB.await(t, "had")
	for _, out := range []*record{outA, outB} {
		if diff := cmp.Diff([]string{"mode 1777", "tmpdir <>", "had"}, out.all()); diff != "" {
			t.Error(diff)
		}
	}
	stop(t, b, 0)
	// Recycled or not: what b left is not seen by the next one, and a's files survive its reset.
	c, outC := run("c")
	if got := outC.await(t, "had"); got != "" {
		t.Errorf("a new environment has %q", got)
	}
	again, err := a.Reset(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	outA.await(t, "had a")
	stop(t, c, 0)
	stop(t, again, 0)
}

// permitted tells whether this machine has what would stand in Limits otherwise.
func permitted(t testing.TB, p *Process, limit string) bool {
	t.Helper()
	said := strings.Contains(strings.Join(p.Limits(), "\n"), limit)
	has := map[string]bool{
		"no private /tmp": p.host.private(), "no cgroups": p.host.cgroups != "", "CPU not limited": p.host.cpu != cpuGroups{},
	}[limit]
	if said == has {
		t.Errorf("Limits say %q: %v", limit, said)
	}
	return has
}

func TestSharedTmp(t *testing.T) {
	p := newProcess(t, ProcessOptions{NoPrivateTmp: true})
	if got := strings.Join(p.Limits(), "\n"); !strings.Contains(got, "TMPDIR") {
		t.Errorf("Limits do not tell of TMPDIR: %s", got)
	}
	out := newRecord()
	in := start(t, p, spec(script(t, `echo 1 >>$TMPDIR/x; echo dir $TMPDIR $(cat $TMPDIR/x); exec sleep 1000`), out))
	dir, _, _ := strings.Cut(out.await(t, "dir "), " ")
	again, err := in.Reset(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	out.await(t, "dir "+dir+" 1 1")
	stop(t, again, 0)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

func TestWorkingFolderIsTheCode(t *testing.T) {
	eachWay(t, func(t *testing.T, p *Process) {
		out := newRecord()
		dir := script(t, "pwd")
		in := start(t, p, spec(dir, out))
		wait(t, in)
		in.Drain()
		if diff := cmp.Diff([]string{dir}, out.all()); diff != "" {
			t.Error(diff)
		}
		stop(t, in, 0)
	})
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("not seen: " + what)
		}
	}
}

// alive tells whether a process runs; one that has ended and was not reaped does not.
func alive(pid string) bool {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(text), ") Z ") && !strings.Contains(string(text), ") X ")
}

// An environment that waits costs the emulator no thread.
func TestNoThreadPerProcess(t *testing.T) {
	eachWay(t, func(t *testing.T, p *Process) {
		const n = 48
		var all []lambda.Instance
		for range n {
			out := newRecord()
			all = append(all, start(t, p, spec(helperCode(t), out, "MODE", "sleep")))
			out.await(t, "pid ")
		}
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		if len(threads) >= n {
			t.Errorf("%d threads with %d environments", len(threads), n)
		}
		for _, in := range all {
			stop(t, in, 0)
		}
	})
}

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestClosedBeforeUse(t *testing.T) {
	p := NewProcess(ProcessOptions{TempDir: t.TempDir()})
	if err := p.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Start(context.Background(), spec(t.TempDir(), newRecord())); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
}

func TestLeftoversAreSwept(t *testing.T) {
	temp := t.TempDir()
	alive := newProcess(t, ProcessOptions{TempDir: temp, CacheDir: t.TempDir()})
	alive.Limits()
	dead := filepath.Join(temp, sessionPrefix+"dead")
	write(t, filepath.Join(dead, lockName), "")
	write(t, filepath.Join(dead, "1", "sub", "file"), "")
	if err := os.Chmod(filepath.Join(dead, "1", "sub"), 0); err != nil {
		t.Fatal(err)
	}
	starting := filepath.Join(temp, sessionPrefix+"starting")
	if err := os.Mkdir(starting, 0o700); err != nil {
		t.Fatal(err)
	}
	next := NewProcess(ProcessOptions{TempDir: temp, CacheDir: t.TempDir()})
	next.Limits()
	for dir, want := range map[string]bool{dead: false, starting: true, alive.session.dir: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if err := next.Close(context.Background()); err != nil {
		t.Error(err)
	}
	os.Remove(starting)
}

func TestCheck(t *testing.T) {
	bin := t.TempDir()
	write(t, filepath.Join(bin, "node"), "#!/bin/sh\nprintf '/usr/bin/node\\n20.1.2'\n")
	write(t, filepath.Join(bin, "python3.13"), "#!/bin/sh\necho 'no such version' >&2; exit 1\n")
	t.Setenv("PATH", bin)
	p := newProcess(t, ProcessOptions{})
	fn := func(runtime string) *config.Function {
		return &config.Function{LogicalID: "F", Name: "f", Runtime: runtime, PackageType: "Zip", At: config.Position{File: "t.yaml", Line: 3}}
	}
	image := fn("")
	image.PackageType = "Image"
	var got []string
	for _, f := range []*config.Function{
		fn("provided.al2023"), fn("nodejs20.x"), fn("nodejs22.x"), fn("nodejs22.x"), fn("python3.13"), fn("python3.12"), fn("java21"), image,
	} {
		for _, d := range p.Check(f) {
			if d.Object != "F" || d.Line != 3 || d.Hint == "" {
				t.Errorf("incomplete: %+v", d)
			}
			got = append(got, fmt.Sprintf("%s %s %s", d.Severity, d.Code, d.Message))
		}
	}
	want := []string{
		"warning interpreter-version runtime nodejs22.x runs on Node.js 20.1.2 (/usr/bin/node), since no node22 is on PATH",
		"error interpreter-missing function f has the runtime python3.13, and no Python runs here: " + bin + "/python3.13: exit status 1: no such version",
		"error interpreter-missing function f has the runtime python3.12, and no Python runs here: none of python3.12, python3, python is on PATH",
		"error needs-container-executor function f has the runtime java21, which needs the container executor",
		"error needs-container-executor function f is a container image, which needs the container executor",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An interpreter that hangs is not called missing.
func TestProbeOfAHangingInterpreter(t *testing.T) {
	file := filepath.Join(t.TempDir(), "python3")
	write(t, file, "#!/bin/sh\nexec sleep 600\n")
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, enough)
	defer cancel()
	if _, err := probe(ctx, file, runtime{family: python}); !errors.Is(err, enough) || err.Error() != file+": enough" {
		t.Errorf("error %v, want %s: enough", err, file)
	}
}

func TestFindCgroup(t *testing.T) {
	const table = `30 1 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
33 30 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
34 30 0:32 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:7 - cgroup cgroup rw,cpu,cpuacct
41 31 0:38 / /sys/fs/cgroup/uni\040fied rw,relatime shared:9 - cgroup2 cgroup2 rw
`
	for _, test := range []struct {
		path, table, controller string
		want                    cgroup
	}{
		{"/", table, "", "/sys/fs/cgroup/uni fied"},
		{"/user.slice/x.scope", table, "", "/sys/fs/cgroup/uni fied/user.slice/x.scope"},
		{"/docker/abc/x", "41 31 0:38 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "", "/sys/fs/cgroup/x"},
		{"/docker/abcdef", "41 31 0:38 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "", ""},
		{"/other", "41 31 0:38 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "", ""},
		{"/", "30 1 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n", "", ""},
		{"/x", table, "cpu", "/sys/fs/cgroup/cpu,cpuacct/x"},
		{"/x", table, "cpuacct", "/sys/fs/cgroup/cpu,cpuacct/x"},
		{"/x", table, "cpuset", "/sys/fs/cgroup/cpuset/x"},
		{"/x", table, "memory", ""},
	} {
		if got := findCgroup(test.path, test.table, test.controller); got != test.want {
			t.Errorf("findCgroup(%q, %q) = %q, want %q", test.path, test.controller, got, test.want)
		}
	}
}
