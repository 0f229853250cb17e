package lambda

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"example.com/emulate/runtimeapi"
)

// A poll whose connection is gone loses no event, and an event that is handed over again runs once.
func TestEventFindsTheNextPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		w := newWorld(t, Options{}, func(Spec, int) behaviour {
			return behaviour{invoke: func(*runtimeapi.Event) outcome {
				runs.Add(1)
				return reply(`"done"`)
			}}
		})
		w.fn("f", nil)
		w.invoke(t, "f")
		for _, s := range w.servers {
			s.mu.Lock()
			s.lose = 2
			s.mu.Unlock()
		}
		for range 3 {
			if got := string(w.invoke(t, "f").Payload); got != `"done"` {
				t.Errorf("payload %s", got)
			}
		}
		synctest.Wait()
		if n := runs.Load(); n != 4 || w.starts != 1 {
			t.Errorf("%d runs in %d environments, want 4 in 1", n, w.starts)
		}
	})
}
