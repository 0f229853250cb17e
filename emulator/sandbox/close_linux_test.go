package sandbox

import (
	"context"
	"errors"
	"testing"

	"example.com/emulate/emulator/lambda"
)

// A second Close waits for the first, as long as its context lets it.
func TestCloseWaitsForClose(t *testing.T) {
	process, container := newProcess(t, ProcessOptions{}), newContainer(t, ContainerOptions{Spares: -1})
	stuck := make(chan struct{}) // what both have to wait for
	in := start(t, process, spec(script(t, "exec sleep 600"), newRecord()))
	wait := in.(*instance).ended
	in.(*instance).used.Store(true) // as one that is being stopped
	container.tidying.Go(func() { <-stuck })
	for name, test := range map[string]struct {
		executor lambda.Executor
		closing  func() bool
		goOn     func()
	}{
		"process": {process, func() bool {
			process.mu.Lock()
			defer process.mu.Unlock()
			return process.closed
		}, func() {
			process.forget(in.(*instance))
			close(wait)
		}},
		"container": {container, func() bool {
			container.mu.Lock()
			defer container.mu.Unlock()
			return container.closed
		}, func() { close(stuck) }},
	} {
		t.Run(name, func(t *testing.T) {
			closer := test.executor.(interface{ Close(context.Context) error })
			first := make(chan error, 1)
			go func() { first <- closer.Close(context.Background()) }()
			eventually(t, "the first Close", test.closing)
			ctx, giveUp := context.WithCancelCause(context.Background())
			giveUp(errGivenUp)
			if err := closer.Close(ctx); !errors.Is(err, errGivenUp) {
				t.Errorf("a second Close ended by %v while the first was under way", err)
			}
			test.goOn()
			if err := closer.Close(context.Background()); err != nil {
				t.Error(err)
			}
			if err := ended(t, "the first Close", first); err != nil {
				t.Error(err)
			}
		})
	}
}
