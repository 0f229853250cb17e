package inside

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
)

// records turns the framed log records, which AWS's runtime clients for .NET and Java write to a descriptor of their own, into lines of the output.
// A frame is four bytes of type, four of length, eight of time where the type says so, and the record (spec lambda.md §5.1, _LAMBDA_TELEMETRY_LOG_FD).
type records struct {
	read, write *os.File
	done        chan struct{}
}

const (
	// frameType is the first two bytes of every type; timed are the types with a time.
	frameType  = 0xa55a
	timed      = 0x0003
	maxRecord  = 1 << 20
	recordHead = 8
)

// newRecords starts to read. Its lines go to a copy of output.
func newRecords(output *os.File) (*records, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	to, err := duplicate(output)
	if err != nil {
		read.Close()
		write.Close()
		return nil, err
	}
	r := &records{read: read, write: write, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		defer to.Close()
		copyRecords(to, read)
		read.Close()
	}()
	return r, nil
}

// copyRecords ends at the end of the pipe, or at what is no frame.
func copyRecords(to io.Writer, from io.Reader) error {
	in := bufio.NewReader(from)
	for {
		var head [recordHead]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return err
		}
		kind, n := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
		if kind>>16 != frameType || n > maxRecord {
			return errProtocol
		}
		if kind&timed == timed {
			if _, err := in.Discard(8); err != nil {
				return io.ErrUnexpectedEOF
			}
		}
		record := make([]byte, n, n+1)
		if _, err := io.ReadFull(in, record); err != nil {
			return io.ErrUnexpectedEOF
		}
		if n == 0 || record[n-1] != '\n' {
			record = append(record, '\n')
		}
		if _, err := to.Write(record); err != nil {
			return err
		}
	}
}

// close is for a runtime that did not start.
func (r *records) close() {
	if r != nil {
		r.write.Close()
		<-r.done
	}
}

// wait waits until all records were handed on: every process that could write has ended.
func (r *records) wait() {
	if r != nil {
		<-r.done
	}
}
