package sandbox

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"

	"example.com/emulate/emulator/lambda"
)

var _ lambda.Sampler = (*instance)(nil)

// peak is the highest memory seen so far, in bytes.
type peak struct {
	mu    sync.Mutex
	bytes int64
	at    time.Time
}

// sampleEvery bounds how often /proc is read for one environment. The kernel keeps each process's own peak; what a rarer look can miss is a child that
// lives for less.
const sampleEvery = 500 * time.Millisecond

// PeakMemory is the sum of the peak resident memory of the environment's processes, the highest that any call saw. Pages that processes share
// count in each. Without a cgroup only the runtime's own process is looked at. It reads /proc at most twice a second.
func (in *instance) PeakMemory() int64 {
	in.peak.mu.Lock()
	defer in.peak.mu.Unlock()
	if now := time.Now(); now.Sub(in.peak.at) >= sampleEvery {
		in.peak.at = now
		in.peak.bytes = max(in.peak.bytes, in.sample())
	}
	return in.peak.bytes
}

func (in *instance) sample() int64 {
	select {
	case <-in.done:
		return 0
	default:
	}
	pids := in.slot.cgroup.pids()
	if pids == nil {
		return peakOf(in.child.pid)
	}
	var sum int64
	for _, pid := range pids {
		sum += peakOf(pid)
	}
	return sum
}

// peakOf reads VmHWM of proc_pid_status(5); 0 where the process has ended.
func peakOf(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("\nVmHWM:"))
	value, _, _ := bytes.Cut(rest, []byte(" kB"))
	kb, _ := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
	return kb << 10
}
