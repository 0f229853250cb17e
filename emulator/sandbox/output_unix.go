//go:build unix

package sandbox

import (
	"os"
	"sync"
	"syscall"
)

const (
	// readSize is the size in bytes of one read of an output pipe.
	readSize = 32 << 10
	// maxPipe is more than a pipe holds: after that many bytes Drain has seen everything that was in it before.
	maxPipe = 1 << 20
)

// output reads the one pipe that is standard output and standard error of an environment's processes. A goroutine waits for the pipe in the
// runtime's poller, without a thread and without a buffer; Drain reads from the same pipe whenever it is called.
type output struct {
	file    *os.File
	raw     syscall.RawConn
	buffers *sync.Pool
	// ended is closed when the background reader has ended: no process has the pipe open any more, or it was closed here.
	ended chan struct{}

	// mu is held from each read until what it brought has been handed over, which keeps the order.
	mu    sync.Mutex
	lines lines
}

// newOutput makes the pipe and returns its other end, for the child.
func newOutput(emit func([]byte), buffers *sync.Pool) (*output, writeEnd, error) {
	read, write, err := newPipe()
	if err != nil {
		return nil, -1, err
	}
	file := os.NewFile(uintptr(read), "output")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		write.Close()
		return nil, -1, err
	}
	return &output{file: file, raw: raw, buffers: buffers, ended: make(chan struct{}), lines: lines{emit: emit}}, write, nil
}

// run is the background reader.
func (o *output) run() {
	defer close(o.ended)
	o.raw.Read(func(fd uintptr) bool {
		for {
			if n, err := o.pump(int(fd)); n <= 0 {
				return err != syscall.EAGAIN
			}
		}
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines.flush()
}

// drain reads until the pipe is empty, and hands over a last line without its end too. With nothing to read it costs one system call. Control
// and not Read: Read would wait for the background reader.
func (o *output) drain() {
	o.raw.Control(func(fd uintptr) {
		for total := 0; total < maxPipe; {
			n, _ := o.pump(int(fd))
			if n <= 0 {
				return
			}
			total += n
		}
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines.flush()
}

// pump does one read. It returns 0 at the end of the stream.
func (o *output) pump(fd int) (int, error) {
	buffer := o.buffers.Get().(*[]byte)
	defer o.buffers.Put(buffer)
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		n, err := syscall.Read(fd, *buffer)
		if err == syscall.EINTR {
			continue
		}
		if n > 0 {
			o.lines.write((*buffer)[:n])
		}
		return n, err
	}
}

// close ends the background reader, where processes that got away still hold the pipe.
func (o *output) close() { o.file.Close() }

// writeEnd is the end of an output pipe that the child gets. It blocks.
type writeEnd int

// Close closes the emulator's own copy.
func (w writeEnd) Close() error { return syscall.Close(int(w)) }
