package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRun(t *testing.T) {
	e, image := theEngine(t)
	var lines []string
	code, err := e.Run(t.Context(), Spec{Image: image, Cmd: []string{"both", "200"}, Network: "none", Labels: ours}, nil, func(b []byte) { lines = append(lines, string(b)) })
	if err != nil || code != 0 {
		t.Fatal(code, err)
	}
	var want, even, odd []string
	for i := range 200 {
		want = append(want, fmt.Sprintf("line %d", i))
	}
	want = append(want, "no end")
	// The order of two pipes is the engine's to see; that of each is certain.
	for _, l := range lines {
		var n int
		if fmt.Sscanf(l, "line %d", &n); n%2 == 1 {
			odd = append(odd, l)
		} else {
			even = append(even, l)
		}
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines of %d: %q", len(lines), len(want), lines)
	}
	for i, l := range even {
		if want := want[min(2*i, 200)]; l != want {
			t.Errorf("%q, want %q", l, want)
		}
	}
	for i, l := range odd {
		if l != want[2*i+1] {
			t.Errorf("%q, want %q", l, want[2*i+1])
		}
	}
}

func TestRunTellsTheCode(t *testing.T) {
	e, _ := theEngine(t)
	if out, code := output(t, e, Spec{Cmd: []string{"fail", "3", "went", "wrong"}}); code != 3 || out != "went wrong\n" {
		t.Errorf("code %d, %q", code, out)
	}
	var out bytes.Buffer
	_, image := theEngine(t)
	// It closes its output long before it ends.
	code, err := e.Run(t.Context(), Spec{Image: image, Cmd: []string{"close"}, Network: "none", Labels: ours}, strings.NewReader("x"), func(b []byte) { out.Write(b) })
	if code != 3 || err != nil || out.Len() > 0 {
		t.Errorf("code %d, %v, %q", code, err, out.String())
	}
}

func TestRunIsRemovedWhenItsContextEnds(t *testing.T) {
	e, image := theEngine(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	labels := map[string]string{"example.com.emulate.run": t.Name()}
	for k, v := range ours {
		labels[k] = v
	}
	_, err := e.Run(ctx, Spec{Image: image, Cmd: []string{"wait"}, Network: "none", Labels: labels}, nil, func([]byte) { cancel() })
	wantKind(t, err, Canceled)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left, err := e.Containers(t.Context(), labels); err != nil || len(left) > 0 {
		t.Errorf("left: %+v, %v", left, err)
	}
}

// watched calls once when a request goes by.
type watched struct {
	net.Conn
	of   string
	once func()
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if bytes.Contains(p[:n], []byte(w.of)) {
		w.once()
	}
	return n, err
}

// The engine goes on making a container whose maker has left: it is removed all the same.
func TestCreateLeftInTheMidst(t *testing.T) {
	real, image := theEngine(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var seen atomic.Int32
	p := newProxy(t, listen(t), func(c net.Conn) net.Conn {
		return watched{c, "/containers/create", func() {
			seen.Add(1)
			cancel()
		}}
	})
	e, err := Connect(t.Context(), Options{Host: "tcp://" + p.l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"example.com.emulate.run": t.Name()}
	for k, v := range ours {
		labels[k] = v
	}
	_, err = e.Run(ctx, Spec{Image: image, Cmd: []string{"wait"}, Network: "none", Labels: labels}, nil, func([]byte) {})
	wantKind(t, err, Canceled)
	e.Close() // waits for what is done in the background
	if left, err := real.Containers(t.Context(), labels); err != nil || len(left) > 0 || seen.Load() == 0 {
		t.Errorf("left: %+v, %v", left, err)
	}
}

func TestRunOfAnotherProcessor(t *testing.T) {
	e, _ := theEngine(t)
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	image := imageFor(t, e, other)
	code, err := e.Run(t.Context(), Spec{Image: image, Platform: "linux/" + other, Cmd: []string{"echo", "emulated"}, Network: "none", Labels: ours}, nil, func([]byte) {})
	if err == nil && code == 0 {
		return // this machine emulates it
	}
	wantKind(t, err, WrongPlatform, "exec format error", "binfmt")
	i, err := e.Image(t.Context(), image, "")
	if err != nil || i.Arch != other {
		t.Errorf("%+v, %v", i, err)
	}
}

// imageFor builds the tests' image for a processor.
func imageFor(t *testing.T, e *Engine, arch string) string {
	t.Helper()
	dir := t.TempDir()
	if err := buildTool(dir, arch); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"Dockerfile": "FROM scratch\nCOPY tool /tool\nENTRYPOINT [\"/tool\"]\n"})
	i, err := e.Build(t.Context(), BuildSpec{Context: dir, Platform: "linux/" + arch, Labels: ours}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return i.ID
}

func TestLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.SampledFrom([]byte("ab\r\n\n"))).Draw(t, "text")
		var got []string
		l := &lines{pass: func(b []byte) { got = append(got, string(b)) }}
		for rest := text; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			l.Write(rest[:n])
			rest = rest[n:]
		}
		l.flush()
		var want []string
		for line := range bytes.Lines(text) {
			if whole, ok := bytes.CutSuffix(line, []byte("\n")); ok {
				line = bytes.TrimSuffix(whole, []byte("\r"))
			}
			want = append(want, string(line))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestLongLinesComeInPieces(t *testing.T) {
	total, calls := 0, 0
	l := &lines{pass: func(b []byte) { total, calls = total+len(b), calls+1 }}
	io.Copy(l, io.LimitReader(zeros{}, 5<<20+7))
	l.flush()
	if total != 5<<20+7 || calls != 6 {
		t.Errorf("%d bytes in %d calls", total, calls)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
