package dockerbuild

import (
	"os"
	"path/filepath"
	"testing"
)

// jq is packed with its libraries, which the runtime's image lacks, and runs there; what the image has stays out. A program that a command makes comes
// along, and its library by RUNPATH.
func TestContainerNative(t *testing.T) {
	f := newBoxed(t, `
-- fn/app.js --
exports.handler = async () => require("child_process").execFileSync("/var/task/bin/jq", [".a"], {input: '{"a": 7}'}).toString().trim();
-- fn/tool.c --
int word();
int main() { return word(); }
-- fn/word.c --
int word() { return 42; }
`)
	fn := f.boxed("nodejs20.x", "app.handler", "fn")
	fn.Container.BuildImage = "emulate-test/build-packages"
	fn.Code.BuildMethod, fn.Code.BuildProperties = "native", map[string]any{
		"packages": []any{"jq"},
		"commands": []any{"mkdir -p /opt/own && gcc -shared -fPIC -o /opt/own/libword.so word.c", "gcc -o tool tool.c -L/opt/own -lword -Wl,-rpath,/opt/own"},
		"files":    []any{"jq", "./tool", "/etc/debian_version:share/version"},
	}
	a := f.build(fn)
	f.self(a)
	if got := f.inImage("nodejs:20", a, "node", "-e", answer, "/var/task/app.js"); got != `"7"` {
		t.Errorf("jq says %s", got)
	}
	f.inImage("nodejs:20", a, "/bin/sh", "-c", "/var/task/bin/tool; [ $? = 42 ]")
	for file, want := range map[string]bool{"lib/libjq.so.1": true, "lib/libonig.so.5": true, "lib/libword.so": true, "share/version": true, "lib/libc.so.6": false, "lib/libm.so.6": false} {
		if _, err := os.Stat(filepath.Join(a.Dir, file)); (err == nil) != want {
			t.Errorf("%s: %v", file, err)
		}
	}
	if again := f.build(fn); !again.Cached || again.Digest != a.Digest {
		t.Errorf("unchanged source: %+v, want %+v", again, a)
	}
	fn.Code.BuildProperties["packages"] = []any{"no-such-package-x"}
	contains(t, f.fails(fn).Error(), "install no-such-package-x of function fn failed:", "Unable to locate package no-such-package-x")
	fn.Code.BuildProperties["packages"], fn.Code.BuildProperties["files"] = []any{}, []any{"nothing-here"}
	contains(t, f.fails(fn).Error(), "there is no nothing-here after the packages and commands")
}
