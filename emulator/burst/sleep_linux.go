package burst

import (
	"context"
	"syscall"
	"time"
)

// coarse is how late Go's timers may be.
const coarse = 2 * time.Millisecond

// sleep waits for d, to some 0.1 ms: what is late here would be taken for the server's latency. False where ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	end := time.Now().Add(d)
	if d > coarse {
		t := time.NewTimer(d - coarse)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return false
		}
	}
	for left := time.Until(end); left > 0; left = time.Until(end) {
		ts := syscall.NsecToTimespec(int64(left))
		_ = syscall.Nanosleep(&ts, nil) // a signal, such as one of Go's own, cuts it short
	}
	return ctx.Err() == nil
}
