package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"example.com/emulate/emulator/lambda"
)

var _ lambda.CPUWaiter = (*instance)(nil)

// CPUWait is by schedstat of the threads of the runtime's process (the kernel's Documentation/scheduler/sched-stats.rst). ok is false where the process
// has ended, or the kernel does not count.
func (in *instance) CPUWait() (ran, waited time.Duration, ok bool) {
	tasks := "/proc/" + strconv.Itoa(in.child.pid) + "/task"
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return 0, 0, false
	}
	for _, t := range threads {
		text, err := os.ReadFile(filepath.Join(tasks, t.Name(), "schedstat"))
		if err != nil {
			continue // it has ended
		}
		var runs, waits time.Duration
		if _, err := fmt.Sscan(string(text), (*int64)(&runs), (*int64)(&waits)); err == nil {
			ran, waited = max(ran, runs), waited+waits
		}
	}
	return ran, waited, ran > 0
}
