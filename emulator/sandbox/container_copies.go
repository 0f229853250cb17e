package sandbox

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// copies stand in for this machine's folders where containers do not see them as they are: a volume of the engine, or a folder of the session. There is
// one of each content, made once. It goes when no container has it and it is no longer what a function runs: else each save would leave all the code.
type copies struct {
	w *world

	mu   sync.Mutex
	last int
	made map[string]*treeCopy // by content; made or being made
	// current has what the last blueprint of each function's version uses.
	current map[versionKey][]*treeCopy
}

type versionKey struct{ function, version string }

// treeCopy is one of them.
type treeCopy struct {
	content string
	// name is that of a volume, or a folder's path. No other copy ever has the same.
	name string
	// done is closed when it is there, or err says why it is not.
	done   chan struct{}
	err    error
	remove func(context.Context) error
	// users are containers, and starts and the making while they are under way; versions those of which it is current.
	users, versions int
}

// errSuperseded is for a container by a blueprint that has been replaced, and whose copies are gone.
var errSuperseded = errors.New("the code was replaced meanwhile")

// volume gives a volume with the tree. It is the caller's until release.
func (c *copies) volume(ctx context.Context, image, content string, tree []entry) (*treeCopy, error) {
	v := &c.w.volumes
	return c.get(ctx, "volume "+content, func(n int) *treeCopy {
		t := &treeCopy{name: fmt.Sprintf("%s%d", c.w.prefix, n)}
		t.remove = func(ctx context.Context) error { return v.w.engine.RemoveVolume(ctx, t.name) }
		return t
	}, func(ctx context.Context, name string) error {
		if err := v.fill(ctx, image, name, tree); err != nil {
			return fmt.Errorf("bring files to the engine: %w", err)
		}
		return nil
	})
}

// merged gives a folder of the session with all of the tree, open to all. It is the caller's until release.
func (c *copies) merged(ctx context.Context, content string, tree []entry) (*treeCopy, error) {
	return c.get(ctx, "folder "+content, func(n int) *treeCopy {
		t := &treeCopy{name: filepath.Join(c.w.session.dir, fmt.Sprintf("merged-%d", n))}
		t.remove = func(context.Context) error { return removeAll(t.name) }
		return t
	}, func(ctx context.Context, dir string) error {
		if err := copyTree(ctx, dir, tree); err != nil {
			return fmt.Errorf("merge layers: %w", err)
		}
		return nil
	})
}

// get gives the copy of a content, which is made at its first use. A caller that gives up leaves the others to wait for it.
func (c *copies) get(ctx context.Context, content string, declare func(n int) *treeCopy, fill func(ctx context.Context, name string) error) (*treeCopy, error) {
	c.mu.Lock()
	t := c.made[content]
	if t == nil {
		c.last++
		t = declare(c.last)
		t.content, t.done, t.users = content, make(chan struct{}), 1
		if c.made == nil {
			c.made = map[string]*treeCopy{}
		}
		c.made[content] = t
		c.w.c.tidying.Go(func() { c.fill(t, fill) })
	}
	t.users++
	c.mu.Unlock()
	select {
	case <-t.done:
	case <-ctx.Done():
		c.release(t)
		return nil, context.Cause(ctx)
	}
	if t.err != nil {
		return nil, t.err
	}
	return t, nil
}

// fill makes a copy. After a failure the next caller tries again, with another one.
func (c *copies) fill(t *treeCopy, fill func(context.Context, string) error) {
	if t.err = fill(c.w.work, t.name); t.err != nil {
		c.mu.Lock()
		delete(c.made, t.content)
		c.mu.Unlock()
		defer c.w.c.persist(t.remove)
	}
	close(t.done)
	c.release(t)
}

// hold makes copies another user's, which releases them; false where one is gone.
func (c *copies) hold(all []*treeCopy) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range all {
		if c.made[t.content] != t {
			return false
		}
	}
	for _, t := range all {
		t.users++
	}
	return true
}

func (c *copies) release(all ...*treeCopy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range all {
		t.users--
		c.drop(t)
	}
}

// replace notes what a version's containers use from now on.
func (c *copies) replace(version versionKey, all []*treeCopy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(version, all)
}

// retain forgets the versions of functions other than these.
func (c *copies) retain(functions []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for version := range c.current {
		if !slices.Contains(functions, version.function) {
			c.set(version, nil)
		}
	}
}

// set is replace. c.mu is held.
func (c *copies) set(version versionKey, all []*treeCopy) {
	for _, t := range all {
		t.versions++
	}
	old := c.current[version]
	delete(c.current, version)
	if len(all) > 0 {
		if c.current == nil {
			c.current = map[versionKey][]*treeCopy{}
		}
		c.current[version] = all
	}
	for _, t := range old {
		t.versions--
		c.drop(t)
	}
}

// drop removes a copy that nothing needs, in the background. c.mu is held.
func (c *copies) drop(t *treeCopy) {
	if t.users > 0 || t.versions > 0 || c.made[t.content] != t {
		return
	}
	delete(c.made, t.content)
	c.w.c.tidying.Go(func() { c.w.c.persist(t.remove) })
}

// persist removes something, again and again for a while: an engine needs its time. What is left, Close or the next emulator removes by its label.
func (c *Container) persist(remove func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for wait := 20 * time.Millisecond; remove(ctx) != nil; wait = min(2*wait, time.Second) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		case <-c.work.Done():
			return
		}
	}
}
