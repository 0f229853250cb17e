//go:build unix

package main

import "golang.org/x/sys/unix"

// enoughFiles refuses a load that this process has not enough file descriptors for: one for each connection, and where it serves the project itself the
// other end as well. Go has raised the soft limit to the hard one already.
func enoughFiles(connections int, private bool) error {
	const others = 100
	need := connections + others
	if private {
		need = 2*connections + others
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) >= uint64(need) {
		return nil
	}
	return usagef("%d requests at once need %d open files, and the limit is %d: raise it with ulimit -n %d (as root: ulimit -Hn)", connections, need, limit.Cur, need)
}
