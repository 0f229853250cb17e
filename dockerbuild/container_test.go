package dockerbuild

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/emulate/emulator/config"
)

// newBoxed is a fixture whose functions are built in containers.
func newBoxed(t *testing.T, files string) *fixture {
	f := newFixture(t, files)
	f.builder = f.boxedBuilder(nil)
	return f
}

func (f *fixture) boxedBuilder(change func(*Options)) *Builder {
	o := Options{CacheDir: f.cache, Runner: f.runner, InContainer: func(*config.Function) bool { return true }, Labels: map[string]string{"emulate.test": "dockerbuild"},
		Progress: func(p Progress) {
			if p.State == StepDone {
				f.Logf("%s: %v, err %v", p.Step, p.Elapsed.Round(time.Millisecond), p.Err)
			}
		}}
	if change != nil {
		change(&o)
	}
	b := New(o)
	f.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			f.Error(err)
		}
	})
	return b
}

// boxed is a function that is built in AWS's build image of its runtime, or the stand-in that has its name.
func (f *fixture) boxed(runtime, handler, dir string) *config.Function {
	fn := f.fn(runtime, handler, dir)
	fn.Architecture = "x86_64"
	return fn
}

func TestContainerGo(t *testing.T) {
	f := newBoxed(t, `
-- go.mod --
module example.com/x
go 1.21
-- hello/main.go --
package main

import "example.com/x/lib"

func main() { println(lib.Word) }
-- lib/lib.go --
package lib

const Word = "one"
`)
	fn := f.boxed("provided.al2023", "bootstrap", "hello")
	a := f.build(fn)
	f.sees(a, "lib/lib.go")
	contains(t, f.output(a.Dir, nil, "./bootstrap"), "one")
	f.build(fn) // the sources were so new that they might have changed during the first build
	if again := f.build(fn); !again.Cached || again.Digest != a.Digest {
		t.Errorf("unchanged source: got %+v, want the cached %+v", again, a)
	}
	f.write("-- lib/lib.go --\npackage lib\n\nconst Word = \"two\"\n")
	contains(t, f.output(f.build(fn).Dir, nil, "./bootstrap"), "two")
	f.write("-- lib/lib.go --\npackage lib\n\nconst Word = 1 +\n")
	contains(t, f.fails(fn).Error(), "go build of function fn failed:\n", "lib/lib.go:4:1: syntax error")
	if ran := f.runner.take(); len(ran) > 0 {
		t.Errorf("this machine ran %v", ran)
	}
	st, err := os.Stat(filepath.Join(a.Dir, "bootstrap"))
	if err != nil || !executable(st) {
		t.Errorf("bootstrap: %v, %v", st, err)
	}
}
