package sandbox

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// copiesOf counts the copies of trees: volumes without those that are /tmp, or merged folders.
func copiesOf(t *testing.T, c *Container) int {
	t.Helper()
	if c.world.doors != nil {
		merged, err := filepath.Glob(filepath.Join(c.world.session.dir, "merged-*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(merged)
	}
	volumes, err := c.world.engine.Volumes(context.Background(), map[string]string{labelSession: c.options.Session})
	if err != nil {
		t.Fatal(err)
	}
	n := -1 // the init's
	for _, v := range volumes {
		if !strings.Contains(v.Name, "tmp-") {
			n++
		}
	}
	return n
}

// What a save replaced is kept while a container has it, and not longer; the same content may come again.
func TestCopiesGoWithTheirContainers(t *testing.T) {
	eachTransport(t, func(t *testing.T, c *Container) {
		lower, upper := t.TempDir(), t.TempDir() // two, so that they are merged where they could be mounted
		write(t, filepath.Join(lower, "file"), "the same")
		s := spec(t.TempDir(), newRecord())
		s.Code.Layers = []string{lower, upper}
		edit := func(text string) {
			write(t, filepath.Join(upper, "bootstrap"), fmt.Sprintf("#!/bin/sh\necho %s; trap 'cat /opt/file' TERM; sleep 1000 & wait\n", text))
		}
		base := 1 // the folder of the code is mounted, or a copy of its own
		if c.options.Stream {
			base = 2
		}
		edit("first")
		out := newRecord()
		s.Output = out.output
		first := startIn(t, c, s)
		out.await(t, "first")
		for i := range 4 {
			edit(fmt.Sprint("edit", i))
			out := newRecord()
			s.Output = out.output
			in := startIn(t, c, s)
			out.await(t, fmt.Sprint("edit", i))
			stop(t, in, 0)
		}
		eventually(t, "the removal of what three edits left", func() bool { return copiesOf(t, c) == base+1 })
		stop(t, first, gone)
		out.await(t, "the same") // its own copy was there to the end
		eventually(t, "the removal of the first one's", func() bool { return copiesOf(t, c) == base })
		edit("first")
		out = newRecord()
		s.Output = out.output
		again := startIn(t, c, s)
		out.await(t, "first")
		c.Retain([]string{"hello"})
		stop(t, again, 0)
		eventually(t, "one of each", func() bool { return copiesOf(t, c) == base })
		c.Retain([]string{"other"})
		eventually(t, "the removal of a removed function's", func() bool { return copiesOf(t, c) == 0 })
	})
}

func newCopies(t *testing.T) *copies {
	c := NewContainer(ContainerOptions{})
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &copies{w: &world{c: c, work: c.work}}
}

// fakeCopy declares one that notes its removal.
func fakeCopy(removed chan<- string) func(n int) *treeCopy {
	return func(n int) *treeCopy {
		name := fmt.Sprint(n)
		return &treeCopy{name: name, remove: func(context.Context) error {
			removed <- name
			return nil
		}}
	}
}

// A start that is given up while it makes a copy does not take it from those that wait for it; one that nobody waits for goes.
func TestCopyOutlivesTheFirstThatAsked(t *testing.T) {
	c := newCopies(t)
	removed, begun, goOn := make(chan string, 1), make(chan struct{}), make(chan struct{})
	fill := func(ctx context.Context, _ string) error {
		begun <- struct{}{}
		select {
		case <-goOn:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	ctx, giveUp := context.WithCancelCause(context.Background())
	first, second := make(chan error, 1), make(chan *treeCopy, 1)
	go func() {
		_, err := c.get(ctx, "a", fakeCopy(removed), fill)
		first <- err
	}()
	<-begun
	go func() {
		got, err := c.get(context.Background(), "a", fakeCopy(removed), fill)
		if err != nil {
			t.Error(err)
		}
		second <- got
	}()
	giveUp(errGivenUp)
	if err := ended(t, "the first", first); !errors.Is(err, errGivenUp) {
		t.Errorf("the first ended by %v", err)
	}
	eventually(t, "the second's wait", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.made["a"].users == 2 // and the making
	})
	close(goOn)
	got := ended(t, "the second", second)
	if got == nil || got.name != "1" {
		t.Fatalf("the second got %+v", got)
	}
	c.release(got)
	if name := ended(t, "the removal", removed); name != "1" {
		t.Errorf("%s was removed", name)
	}
	if c.hold([]*treeCopy{got}) {
		t.Error("a copy that is gone was given out")
	}
}

// A copy that could not be made is removed, and the next start makes another.
func TestCopyIsMadeAgainAfterAFailure(t *testing.T) {
	c := newCopies(t)
	removed := make(chan string, 1)
	failure := errors.New("the disk is full")
	if _, err := c.get(context.Background(), "a", fakeCopy(removed), func(context.Context, string) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if name := ended(t, "the removal", removed); name != "1" {
		t.Errorf("%s was removed", name)
	}
	got, err := c.get(context.Background(), "a", fakeCopy(removed), func(context.Context, string) error { return nil })
	if err != nil || got.name != "2" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Closing ends the making.
func TestCloseEndsTheMakingOfCopies(t *testing.T) {
	c := newCopies(t)
	begun, got := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := c.get(context.Background(), "a", fakeCopy(make(chan string, 1)), func(ctx context.Context, _ string) error {
			close(begun)
			<-ctx.Done()
			return context.Cause(ctx)
		})
		got <- err
	}()
	<-begun
	if err := c.w.c.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if err := ended(t, "the start", got); !errors.Is(err, errContainersClosed) {
		t.Errorf("it ended by %v", err)
	}
}
