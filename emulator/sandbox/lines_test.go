package sandbox

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for _, test := range []struct {
		name string
		// in are writes; "FLUSH" is a flush.
		in, want []string
	}{
		{"whole lines", []string{"a\nb\n"}, []string{"a", "b"}},
		{"a line in parts", []string{"a", "b", "c\n"}, []string{"abc"}},
		{"empty lines", []string{"\n\na\n"}, []string{"", "", "a"}},
		{"carriage returns stay", []string{"a\rb\r\n"}, []string{"a\rb\r"}},
		{"binary", []string{"\x00\xff\xfe\n"}, []string{"\x00\xff\xfe"}},
		{"the last without an end", []string{"a\nb", "FLUSH"}, []string{"a", "b"}},
		{"nothing to flush", []string{"a\n", "FLUSH"}, []string{"a"}},
		{"the end after a flush", []string{"a", "FLUSH", "\nb\n"}, []string{"a", "b"}},
		{"more after a flush", []string{"a", "FLUSH", "b\n\n"}, []string{"a", "b", ""}},
		{"as long as may be", []string{long + "\n"}, []string{long}},
		{"as long as may be, in parts", []string{long, "\n"}, []string{long}},
		{"too long", []string{long + "y\nz\n"}, []string{long, "y", "z"}},
		{"too long, in parts", []string{long[:100], long + long, "y\n"}, []string{long, long, long[:100] + "y"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			l := lines{emit: func(line []byte) { got = append(got, string(line)) }}
			for _, s := range test.in {
				if s == "FLUSH" {
					l.flush()
					continue
				}
				l.write([]byte(s))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// However a stream is cut into writes, its lines are those of the whole.
func TestLinesOfAnyCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SliceOfN(rapid.SampledFrom([]byte("ab\r\n")), 0, 9)).Draw(t, "parts")
		var got [][]byte
		l := lines{emit: func(line []byte) { got = append(got, bytes.Clone(line)) }}
		for _, part := range parts {
			l.write(part)
		}
		l.flush()
		want := bytes.Split(bytes.Join(parts, nil), []byte("\n"))
		if len(want[len(want)-1]) == 0 {
			want = want[:len(want)-1]
		}
		if !bytes.Equal(bytes.Join(want, []byte("|")), bytes.Join(got, []byte("|"))) || len(want) != len(got) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
