package inside

import (
	"bytes"
	"os"
	"strconv"
)

// peakMemory is the sum of the peak resident memory of all processes of the container but this one, in bytes.
func peakMemory() (sum int64) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
			sum += peakOf(e.Name())
		}
	}
	return sum
}

// peakOf reads VmHWM of proc_pid_status(5); 0 where the process has ended.
func peakOf(pid string) int64 {
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("\nVmHWM:"))
	value, _, _ := bytes.Cut(rest, []byte(" kB"))
	kb, _ := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
	return kb << 10
}
