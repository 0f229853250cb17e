//go:build unix

package sandbox

import (
	"syscall"
	"time"

	"example.com/emulate/emulator/lambda"
)

type signal = syscall.Signal

const (
	sigKill = syscall.SIGKILL
	sigTerm = syscall.SIGTERM
	sigStop = syscall.SIGSTOP
	sigCont = syscall.SIGCONT
)

// signal sends s to the whole process group; a group without processes is no error.
func (c *child) signal(s signal) error {
	if err := syscall.Kill(-c.pid, s); err != syscall.ESRCH {
		return err
	}
	return nil
}

// awaitGroup waits a moment for the rest of a killed group. What is left after it is dead and waits for its new parent, if that one cares.
func (c *child) awaitGroup() {
	for wait := 50 * time.Microsecond; wait < 50*time.Millisecond; wait *= 2 {
		if syscall.Kill(-c.pid, 0) == syscall.ESRCH {
			return
		}
		time.Sleep(wait)
	}
}

func exitOf(ws syscall.WaitStatus) lambda.Exit {
	if ws.Signaled() {
		return lambda.Exit{Code: -1, Signal: ws.Signal().String()}
	}
	return lambda.Exit{Code: ws.ExitStatus()}
}

// errNotRunnable tells an error of exec that is about the file itself.
func errNotRunnable(err error) bool {
	switch err {
	case syscall.ENOENT, syscall.EACCES, syscall.ENOEXEC, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP:
		return true
	}
	return false
}
