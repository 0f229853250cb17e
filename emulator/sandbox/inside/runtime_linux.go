package inside

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// runner has at most one runtime at a time.
type runner struct {
	report func(Report)

	mu sync.Mutex
	// group is the running runtime's process group, 0 where none runs.
	group int
	// reaped is closed when nothing is left of the last runtime and its end was reported.
	reaped chan struct{}
}

// start starts the runtime. The old one must have ended.
func (r *runner) start(o Order, output *os.File) {
	defer output.Close()
	path, err := program(o.Argv[0], o.Env)
	if err == nil {
		err = r.fork(path, o, output)
	}
	if err == nil {
		return
	}
	failed := Report{Event: Failed, Run: o.Run, Error: fmt.Sprintf("fork/exec %s: %v", path, err), NotRunnable: notRunnable(err)}
	var folder error
	if _, folder = os.Stat(o.Dir); folder != nil {
		failed.Folder = true
		failed.Error = fmt.Sprintf("chdir %s: %v", o.Dir, folder.(*os.PathError).Err)
	}
	r.report(failed)
}

func (r *runner) fork(path string, o Order, output *os.File) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	out := output.Fd()
	files := []uintptr{null.Fd(), out, out}
	var records *records
	if o.LogFD > 2 {
		if records, err = newRecords(output); err != nil {
			return err
		}
		defer records.write.Close()
		for len(files) < o.LogFD {
			files = append(files, ^uintptr(0))
		}
		files = append(files, records.write.Fd())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	offer(true)
	pid, err := syscall.ForkExec(path, o.Argv, &syscall.ProcAttr{Dir: o.Dir, Env: o.Env, Files: files, Sys: &syscall.SysProcAttr{Setpgid: true}})
	offer(false)
	if err != nil {
		records.close()
		return err
	}
	r.group, r.reaped = pid, make(chan struct{})
	r.report(Report{Event: Started, Run: o.Run})
	go r.reap(pid, o.Run, records, r.reaped)
	return nil
}

// offer raises the chance of what is forked now to be chosen when memory runs out, so that the kernel never takes this process. Raising is anyone's
// right, and so is going back.
func offer(on bool) {
	score := "0"
	if on {
		score = "1000"
	}
	os.WriteFile("/proc/self/oom_score_adj", []byte(score), 0) // where it is not permitted, the largest process is chosen, which is not this one
}

// reap waits for every process of the container. The runtime's end is the end of all, as on AWS; it is reported when nothing is left.
func (r *runner) reap(runtime, run int, records *records, reaped chan struct{}) {
	defer close(reaped)
	exit := Report{Event: Exited, Run: run}
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			break
		}
		if pid == runtime {
			r.mu.Lock()
			r.group = 0
			r.mu.Unlock()
			if exit.Code = ws.ExitStatus(); ws.Signaled() {
				exit.Signal = ws.Signal().String()
			}
			signalAll(syscall.SIGKILL)
		}
	}
	records.wait()
	r.report(exit)
}

// kill ends every process. Its end is reported as that of the runtime.
func (r *runner) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	signalAll(syscall.SIGKILL)
}

// terminate asks the runtime's group to end.
func (r *runner) terminate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.group != 0 {
		syscall.Kill(-r.group, syscall.SIGTERM)
	}
}

// end kills every process, waits until nothing is left, and empties /tmp: its files are this user's, and the emulator's user may not remove them.
func (r *runner) end() {
	r.kill()
	r.mu.Lock()
	reaped := r.reaped
	r.mu.Unlock()
	if reaped != nil {
		<-reaped
		Empty("/tmp")
	}
}

// program finds the file of a command, as execvp does with the runtime's own PATH.
func program(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	var path string
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, "PATH="); ok {
			path = value
		}
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && syscall.Access(file, 1) == nil {
			return file, nil
		}
	}
	return name, syscall.ENOENT
}

// notRunnable tells an error of exec that is about the file itself.
func notRunnable(err error) bool {
	switch err {
	case syscall.ENOENT, syscall.EACCES, syscall.ENOEXEC, syscall.ENOTDIR, syscall.EISDIR, syscall.ELOOP:
		return true
	}
	return false
}
