package sandbox

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// files is the spawner thread's own table of open files. A process that starts gets a copy of its maker's table and closes it at exec, entry by
// entry: with the emulator's table, of several entries per environment, a thousand starts would each pay for all others. The zero value shares the
// emulator's table.
type files struct {
	// process is a descriptor of this very process, through which entries of its table are copied; 0 where the table is shared.
	process int
}

// ownFiles gives the calling thread, which must stay locked, a table of its own, where that is permitted.
func ownFiles() files {
	if r, w, err := os.Pipe(); err == nil { // makes Go's poller, whose descriptors this thread needs too
		r.Close()
		w.Close()
	}
	if !canBorrow() || unix.Unshare(unix.CLONE_FILES) != nil {
		return files{}
	}
	closeAll()
	process, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil { // it could be opened a moment ago
		panic(fmt.Sprintf("open a descriptor of this process: %v", err))
	}
	return files{process}
}

// canBorrow says whether entries of another table of this process can be had: not from kernels before 5.6, and not in some containers.
func canBorrow() bool {
	process, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	defer unix.Close(process)
	probe, err := unix.PidfdGetfd(process, process, 0)
	if err != nil {
		return false
	}
	unix.Close(probe)
	return true
}

// closeAll closes what the thread has copied of the emulator's table: a listener would stay open in it for ever. Go's poller is kept. Only system
// calls are made: package os can have hooks (those of a test run) that use the emulator's table.
func closeAll() {
	const dir = "/proc/thread-self/fd/"
	listing, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return // without /proc everything is kept, which only costs
	}
	buf, target := make([]byte, 4096), make([]byte, 64)
	var names []string
	for {
		n, err := unix.ReadDirent(listing, buf)
		if n <= 0 || err != nil {
			break
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
	unix.Close(listing)
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd <= 2 || fd == listing {
			continue
		}
		if n, err := unix.Readlink(dir+name, target); err == nil && !strings.HasPrefix(string(target[:n]), "anon_inode:[event") {
			unix.Close(fd)
		}
	}
}

// own says whether the thread has a table of its own.
func (f files) own() bool { return f.process != 0 }

// borrow makes an entry of the emulator's table usable on the spawner's thread, until giveBack.
func (f files) borrow(fd int) (int, error) {
	if !f.own() {
		return fd, nil
	}
	return unix.PidfdGetfd(f.process, fd, 0)
}

func (f files) giveBack(fd int) {
	if f.own() {
		unix.Close(fd)
	}
}

// forkExec is syscall.ForkExec with descriptors of the emulator's table in attr.
func (f files) forkExec(path string, args []string, attr *syscall.ProcAttr) (pid int, err error) {
	if !f.own() {
		return syscall.ForkExec(path, args, attr)
	}
	own, sys := *attr, *attr.Sys
	own.Sys, own.Files = &sys, make([]uintptr, len(attr.Files))
	for i, fd := range attr.Files {
		copied, err := f.borrow(int(fd))
		if err != nil {
			return 0, err
		}
		defer f.giveBack(copied)
		own.Files[i] = uintptr(copied)
	}
	if sys.UseCgroupFD {
		copied, err := f.borrow(sys.CgroupFD)
		if err != nil {
			return 0, err
		}
		defer f.giveBack(copied)
		sys.CgroupFD = copied
	}
	return syscall.ForkExec(path, args, &own)
}

func (f files) close() {
	if f.own() {
		unix.Close(f.process)
	}
}
