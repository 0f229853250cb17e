package inside

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func record(kind uint32, text string) []byte {
	b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, kind), uint32(len(text)))
	if kind&timed == timed {
		b = append(b, 0, 1, 2, 3, 4, 5, 6, 7)
	}
	return append(b, text...)
}

func TestRecordsBecomeLines(t *testing.T) {
	var in, out bytes.Buffer
	in.Write(record(0xa55a0003, "with a time"))
	in.Write(record(0xa55a0001, "without one\n"))
	in.Write(record(0xa55a0003, "two\nlines"))
	in.Write(record(0xa55a0003, ""))
	if err := copyRecords(&out, &in); err != io.EOF {
		t.Error(err)
	}
	if want := "with a time\nwithout one\ntwo\nlines\n\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
	for _, bad := range [][]byte{[]byte("plain text, no frame"), record(0xa55a0003, "cut")[:10], {0xa5, 0x5a, 0, 1, 0xff, 0xff, 0xff, 0xff}} {
		if err := copyRecords(io.Discard, bytes.NewReader(bad)); err == nil || err == io.EOF {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

// What a runtime writes to its own descriptor comes with its other output, and is complete when its end is reported.
func TestRecordsOfAProcess(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	script := `printf '\245\132\000\001\000\000\000\003rec' >&5; echo plain; exit 7`
	// Not by a runner, which would kill every process that this user may.
	records, err := newRecords(write)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", script}, &syscall.ProcAttr{Env: []string{}, Files: []uintptr{0, write.Fd(), write.Fd(), ^uintptr(0), ^uintptr(0), records.write.Fd()}})
	if err != nil {
		t.Fatal(err)
	}
	records.write.Close()
	write.Close()
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &ws, 0, nil); err != nil || ws.ExitStatus() != 7 {
		t.Fatalf("%v %v", err, ws)
	}
	records.wait()
	got, err := io.ReadAll(read)
	if err != nil || len(got) != len("rec\nplain\n") || !bytes.Contains(got, []byte("rec\n")) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestProgram(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tool"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	env := []string{"PATH=/none:" + dir}
	for _, test := range []struct {
		name, want string
		found      bool
	}{{"tool", filepath.Join(dir, "tool"), true}, {"/x/y", "/x/y", true}, {"./tool", "./tool", true}, {"text", "text", false}, {"other", "other", false}} {
		got, err := program(test.name, env)
		if got != test.want || (err == nil) != test.found {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
	}
}

func TestFolderSize(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"a": 1000, "sub/b": 234} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/proc/kcore", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if got := FolderSize(dir); got != 1234 {
		t.Errorf("got %d", got)
	}
}

func TestEmpty(t *testing.T) {
	dir := t.TempDir()
	closed := filepath.Join(dir, "sub", "closed")
	if err := os.MkdirAll(closed, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(closed, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	Empty(dir)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
