package dockerbuild

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStore(t *testing.T) {
	dir := realDir(t)
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	ctx := context.Background()
	fill := func(tmp string) error { return os.WriteFile(filepath.Join(tmp, "x"), []byte("1"), 0o644) }
	a, err := s.put(ctx, "go", "a", fill)
	if err != nil || a != filepath.Join(dir, "go", "a") {
		t.Fatal(a, err)
	}
	no := errors.New("no")
	if _, err := s.put(ctx, "go", "b", func(string) error { return no }); !errors.Is(err, no) {
		t.Error(err)
	}
	if _, ok := s.get("go", "b"); ok {
		t.Error("an entry that failed is there")
	}
	if _, err := s.put(ctx, "go", "a", func(string) error { t.Error("made twice"); return nil }); err != nil {
		t.Error(err)
	}

	// Another emulator made the entry meanwhile: its entry stays.
	tmp, err := s.temp()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.adopt("go", "a", tmp); err != nil || got != a {
		t.Error(got, err)
	}
	if _, err := os.Stat(filepath.Join(a, "x")); err != nil {
		t.Error("the first entry was replaced")
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "tmp")); len(left) > 1 {
		t.Errorf("left in tmp: %v", left)
	}
}

// Functions that run read the cache's package.json: another emulator leaves it alone, or replaces a broken one as a whole.
func TestPackageJSONOfTheCache(t *testing.T) {
	dir := realDir(t)
	file := filepath.Join(dir, "package.json")
	open := func() os.FileInfo {
		t.Helper()
		s, err := openStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		s.close()
		st, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(file); err != nil || string(b) != "{}\n" || st.Mode()&0o444 != 0o444 {
			t.Errorf("package.json is %q, %v, with mode %v", b, err, st.Mode())
		}
		return st
	}
	first := open()
	if err := os.Chtimes(file, time.Time{}, first.ModTime().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if again := open(); !os.SameFile(first, again) || !again.ModTime().Equal(first.ModTime().Add(-time.Hour)) {
		t.Error("a second emulator wrote the file again")
	}
	if err := os.Truncate(file, 0); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	broken, err := held.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if mended := open(); os.SameFile(broken, mended) {
		t.Error("the broken file was written into, so that a reader could find half of it")
	}
}

func TestPrune(t *testing.T) {
	s, err := openStore(realDir(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, name := range []string{"old", "new", "renewed"} {
		if _, err := s.put(context.Background(), "go", name, func(string) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	age := func(path string, d time.Duration) {
		t.Helper()
		if err := os.Chtimes(path, now.Add(-d), now.Add(-d)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.saveRecord("k", &record{}); err != nil {
		t.Fatal(err)
	}
	age(s.recordPath("k"), keep+time.Hour)
	half, err := s.temp()
	if err != nil {
		t.Fatal(err)
	}
	age(half, 25*time.Hour)
	age(filepath.Join(s.dir, "used", "go-new"), keep-time.Hour)
	s.used = map[string]time.Time{"go-renewed": now}
	age(filepath.Join(s.dir, "used", "go-renewed"), keep+time.Hour)
	age(filepath.Join(s.dir, "used", "go-old"), keep+time.Hour)
	s.renew()
	check := func(want string) {
		t.Helper()
		if err := s.prune(context.Background(), now); err != nil {
			t.Fatal(err)
		}
		got, _ := filepath.Glob(filepath.Join(s.dir, "go", "*"))
		for i := range got {
			got[i] = filepath.Base(got[i])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("left %v, want %s", got, want)
		}
	}
	check("new renewed")
	for _, gone := range []string{half, s.recordPath("k")} {
		if _, err := os.Stat(gone); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
	// Once a day is enough.
	age(filepath.Join(s.dir, "used", "go-new"), keep+time.Hour)
	check("new renewed")
	age(filepath.Join(s.dir, "pruned"), 25*time.Hour)
	check("renewed")
}

func TestTreeDigest(t *testing.T) {
	f := newFixture(t, "-- a/x.py --\n1\n-- .git/HEAD --\n1\n-- __pycache__/x.pyc --\n1\n-- node_modules/m/i.js --\n1\n")
	digest := func() string {
		t.Helper()
		d, err := treeDigest(f.dir)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := digest()
	same := func(why string) {
		t.Helper()
		if digest() != first {
			t.Errorf("%s changes the digest", why)
		}
	}
	other := func(why string) {
		t.Helper()
		if d := digest(); d == first {
			t.Errorf("%s does not change the digest", why)
		} else {
			first = d
		}
	}
	f.write("-- a/x.py --\n1\n")
	same("writing the same")
	f.write("-- .git/HEAD --\n2\n-- __pycache__/y.pyc --\n1\n-- node_modules/m/i.js --\n2\n")
	same("a file that is not source")
	f.write("-- a/x.py --\n2\n")
	other("an edit of the same size")
	f.write("-- a/y.py --\n")
	other("a new file")
	f.write("-- node_modules/.package-lock.json --\n{}\n")
	other("npm install")
	if err := os.Chmod(filepath.Join(f.dir, "a/y.py"), 0o755); err != nil {
		t.Fatal(err)
	}
	other("chmod")
	if err := os.WriteFile(filepath.Join(f.dir, "big"), make([]byte, smallBytes+1), 0o644); err != nil {
		t.Fatal(err)
	}
	other("a large file")
	if err := os.Chtimes(filepath.Join(f.dir, "a/x.py"), time.Now(), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	other("a file's time in a large tree")
}

// An identity map, decoded by the rules of the format, maps every position to itself.
func TestIdentityMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.StringOf(rapid.RuneFrom([]rune("ab 1_\n\t(.é𝒙"))).Draw(t, "src")
		m, err := identityMap("/x", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		_, mappings, _ := strings.Cut(string(m), `"mappings":"`)
		mappings, _, _ = strings.Cut(mappings, `"`)
		line, col := 0, 0
		for gen, segments := range strings.Split(mappings, ";") {
			at := 0
			for _, seg := range strings.Split(segments, ",") {
				if seg == "" {
					continue
				}
				v := decodeVLQ(t, seg)
				if len(v) != 4 || v[1] != 0 {
					t.Fatalf("segment %v", v)
				}
				at, line, col = at+v[0], line+v[2], col+v[3]
				if line != gen || col != at {
					t.Fatalf("%d:%d maps to %d:%d in %q", gen, at, line, col, mappings)
				}
			}
		}
		if want := strings.Count(strings.TrimSuffix(src, "\n"), "\n"); src != "" && strings.Count(mappings, ";") != want {
			t.Fatalf("%q has %q", src, mappings)
		}
	})
}

func decodeVLQ(t *rapid.T, s string) (out []int) {
	n, shift := 0, 0
	for _, r := range s {
		d := strings.IndexRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", r)
		if d < 0 {
			t.Fatalf("digit %q", r)
		}
		n |= d & 31 << shift
		shift += 5
		if d&32 != 0 {
			continue
		}
		if n&1 != 0 {
			out = append(out, -(n >> 1))
		} else {
			out = append(out, n>>1)
		}
		n, shift = 0, 0
	}
	return out
}
