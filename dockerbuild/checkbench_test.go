package dockerbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/emulate/emulator/config"
)

// BenchmarkCheck checks a bundle of 249 MB as real ones are: many small files, some large libraries, without and with the zipped size.
func BenchmarkCheck(b *testing.B) {
	dir := b.TempDir()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	self, err := os.ReadFile(exe)
	if err != nil {
		b.Fatal(err)
	}
	var size int
	put := func(name string, content []byte) {
		name = filepath.Join(dir, "code", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, content, 0o644)); err != nil {
			b.Fatal(err)
		}
		size += len(content)
	}
	line := "export function handler%d(event, context) { return {statusCode: 200, body: JSON.stringify(event.items.map(x => x.id + %d))} }\n"
	for i := range 12_000 {
		put(fmt.Sprintf("node_modules/package%d/lib/file%d.js", i%300, i), []byte(strings.Repeat(fmt.Sprintf(line, i, i%7), 1+i%80)))
	}
	for i := 0; size < 249<<20-len(self); i++ {
		put(fmt.Sprintf("node_modules/package%d/native%d.node", i, i), append(slices.Clone(self[:len(self)-i]), byte(i)))
	}
	put("index.js", []byte("exports.handler = 1"))
	fn := &config.Function{Name: "fn", LogicalID: "Fn", Runtime: "nodejs22.x", Handler: "index.handler", Architecture: hostArch(), Code: config.Code{Dir: filepath.Join(dir, "code")}}
	for _, zipped := range []string{"check", "zip", "zip-again"} {
		b.Run(zipped, func(b *testing.B) {
			b.SetBytes(int64(size))
			for i := range b.N {
				cache := filepath.Join(dir, "cache")
				if zipped == "zip" {
					cache = filepath.Join(dir, fmt.Sprint("cold", i, b.N))
				}
				c := NewChecker(CheckOptions{CacheDir: cache})
				r, err := c.Check(context.Background(), fn)
				if err == nil && zipped != "check" {
					_, err = c.Zip(context.Background(), r)
				}
				if err != nil || r.TooLarge() || len(r.Largest) != 10 {
					b.Fatal(r, err)
				}
			}
		})
	}
}
