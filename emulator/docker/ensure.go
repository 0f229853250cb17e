package docker

import (
	"context"
	"sync"
)

// Ensure gives the image, and pulls it first where the engine has none for the platform. All callers who want the same image at once share one pull, and each gets
// its progress, on its own goroutine. Ctx ends this caller's waiting; the pull ends when nobody waits for it any more.
//
// Who makes containers of it should name it by its ID: where the same reference is pulled for another processor, the engine may give the reference to that one.
func (e *Engine) Ensure(ctx context.Context, ref, platform string, progress func(Progress)) (*Image, error) {
	i, err := e.Image(ctx, ref, platform)
	if !kindIs(err, ImageMissing) && !kindIs(err, WrongPlatform) {
		return i, err
	}
	if err := e.pulls.join(ctx, e, pullKey{ref, platform}, progress); err != nil {
		return nil, err
	}
	return e.Image(ctx, ref, platform)
}

type pullKey struct{ ref, platform string }

// pulls shares the pulls that are under way.
type pulls struct {
	mu  sync.Mutex
	now map[pullKey]*pull
}

// pull is one that is under way; its fields belong to the lock of pulls.
type pull struct {
	cancel  context.CancelCauseFunc
	waiting int
	latest  Progress
	news    chan struct{} // closed, and made anew, when latest changes
	done    chan struct{} // closed when err is final
	err     error
}

// join waits for the pull of an image, and begins it where it isn't under way.
func (p *pulls) join(ctx context.Context, e *Engine, key pullKey, progress func(Progress)) error {
	this := p.enter(e, key)
	defer p.leave(key, this)
	for {
		p.mu.Lock()
		latest, news := this.latest, this.news
		p.mu.Unlock()
		if progress != nil && latest.Image != "" {
			progress(latest)
		}
		select {
		case <-news:
		case <-this.done:
			p.mu.Lock()
			last := this.latest
			p.mu.Unlock()
			if progress != nil && last != latest {
				progress(last)
			}
			return this.err
		case <-ctx.Done():
			return e.fail(ctx, ctx.Err(), "pull image "+key.ref)
		}
	}
}

func (p *pulls) enter(e *Engine, key pullKey) *pull {
	p.mu.Lock()
	defer p.mu.Unlock()
	this := p.now[key]
	if this == nil {
		ctx, cancel := context.WithCancelCause(e.life)
		this = &pull{cancel: cancel, news: make(chan struct{}), done: make(chan struct{})}
		if p.now == nil {
			p.now = map[pullKey]*pull{}
		}
		p.now[key] = this
		err := e.background(func() {
			defer cancel(nil)
			this.err = e.Pull(ctx, key.ref, key.platform, func(latest Progress) { p.tell(this, latest) })
			p.forget(key, this)
			close(this.done)
		})
		if err != nil {
			this.err = e.fail(context.Background(), err, "pull image "+key.ref)
			close(this.done)
		}
	}
	this.waiting++
	return this
}

func (p *pulls) tell(this *pull, latest Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	this.latest = latest
	close(this.news)
	this.news = make(chan struct{})
}

// leave ends a pull with its last waiter. Whoever comes next begins another.
func (p *pulls) leave(key pullKey, this *pull) {
	p.mu.Lock()
	this.waiting--
	last := this.waiting == 0
	if last && p.now[key] == this {
		delete(p.now, key)
	}
	p.mu.Unlock()
	if last {
		this.cancel(nil)
	}
}

func (p *pulls) forget(key pullKey, this *pull) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now[key] == this {
		delete(p.now, key)
	}
}

// close ends all pulls; those who wait for them are told.
func (p *pulls) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, this := range p.now {
		this.cancel(errClosed)
	}
}
