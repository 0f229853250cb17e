package dockerbuild

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// mapComment is a script's note of where its source map is. The last one in a file counts.
var mapComment = regexp.MustCompile(`(?m)^//[#@] sourceMappingURL=(\S+)[ \t\r]*$`)

// addSourceMaps gives every script that was copied from a user's folder a source map that leads to the original: same lines, same columns. A script
// that has a map of its own keeps it, read from where it lies.
func addSourceMaps(from, to string) error {
	return filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		switch filepath.Ext(path) {
		case ".js", ".mjs", ".cjs":
		default:
			return nil
		}
		rel, err := filepath.Rel(to, path)
		if err != nil {
			return err
		}
		if err := addSourceMap(filepath.Join(from, rel), path); err != nil {
			return fmt.Errorf("map %s to its source: %w", rel, err)
		}
		return nil
	})
}

func addSourceMap(original, path string) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if all := mapComment.FindAllSubmatchIndex(src, -1); len(all) > 0 {
		last := all[len(all)-1]
		link := string(src[last[2]:last[3]])
		if u, err := url.Parse(link); err != nil || u.IsAbs() || strings.HasPrefix(link, "/") {
			return nil // data: or an absolute place, right wherever the script lies
		}
		abs := fileURLPath(filepath.Join(filepath.Dir(original), filepath.FromSlash(unescape(link))))
		return os.WriteFile(path, bytes.Join([][]byte{src[:last[2]], []byte(abs), src[last[3]:]}, nil), 0o644)
	}
	m, err := identityMap(fileURLPath(original), src)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".map", m, 0o644); err != nil {
		return err
	}
	note := "//# sourceMappingURL=" + url.PathEscape(filepath.Base(path)) + ".map\n"
	if len(src) > 0 && src[len(src)-1] != '\n' {
		note = "\n" + note
	}
	return os.WriteFile(path, append(src, note...), 0o644)
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// fileURLPath is a path as it stands in a URL whose scheme is taken from its base.
func fileURLPath(path string) string {
	return (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
}

// identityMap is a source map (version 3) whose every position means the same position in source. Each start of a word or sign gets a mapping:
// those are the places that stack traces name.
func identityMap(source string, src []byte) ([]byte, error) {
	var b strings.Builder
	lastCol, first := 0, true // the original column, which runs on over lines
	for line := range bytes.Lines(src) {
		col, lineFirst, inWord := 0, true, false // generated column, from 0 in each line; in UTF-16 units
		prev := 0
		for i := 0; i < len(line); {
			r, n := utf8.DecodeRune(line[i:])
			word := r == '_' || r == '$' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= 0x80
			if lineFirst || r > ' ' && !(word && inWord) {
				if !lineFirst {
					b.WriteByte(',')
				}
				lineDelta := 0
				if lineFirst && !first {
					lineDelta = 1
				}
				writeVLQ(&b, col-prev)
				writeVLQ(&b, 0)
				writeVLQ(&b, lineDelta)
				writeVLQ(&b, col-lastCol)
				prev, lastCol, lineFirst, first = col, col, false, false
			}
			inWord = word
			i += n
			col++
			if r > 0xFFFF {
				col++
			}
		}
		b.WriteByte(';')
	}
	return json.Marshal(map[string]any{"version": 3, "sources": []string{source}, "names": []string{}, "mappings": strings.TrimSuffix(b.String(), ";")})
}

// writeVLQ writes a number in base 64, sign in the lowest bit, five bits a digit.
func writeVLQ(b *strings.Builder, n int) {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	v := n << 1
	if n < 0 {
		v = -n<<1 | 1
	}
	for {
		d := v & 31
		if v >>= 5; v > 0 {
			d |= 32
		}
		b.WriteByte(digits[d])
		if v == 0 {
			return
		}
	}
}
