package sandbox

import "bytes"

// maxLine is the length in bytes above which a line is handed over in pieces of this length.
const maxLine = 256 << 10

// lines splits a byte stream into lines. A line ends with '\n' alone: a '\r' stays in it, that of a CRLF too.
type lines struct {
	emit func(line []byte)
	// rest is the beginning of a line whose end has not come yet.
	rest []byte
	// ended says that the line before was handed over without its end, so that a '\n' that comes first ends that one.
	ended bool
}

// write takes the next bytes of the stream; it keeps nothing of b.
func (l *lines) write(b []byte) {
	if l.ended && len(b) > 0 {
		l.ended = false
		if b[0] == '\n' {
			b = b[1:]
		}
	}
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			break
		}
		if len(l.rest) == 0 {
			l.pieces(b[:end])
		} else {
			l.rest = append(l.rest, b[:end]...)
			l.pieces(l.rest)
			l.clear()
		}
		b = b[end+1:]
	}
	l.rest = append(l.rest, b...)
	for len(l.rest) > maxLine {
		l.emit(l.rest[:maxLine])
		l.rest = append(l.rest[:0], l.rest[maxLine:]...)
	}
}

// flush hands over a line without its end.
func (l *lines) flush() {
	if len(l.rest) > 0 {
		l.emit(l.rest)
		l.clear()
		l.ended = true
	}
}

func (l *lines) pieces(line []byte) {
	for len(line) > maxLine {
		l.emit(line[:maxLine])
		line = line[maxLine:]
	}
	l.emit(line)
}

// clear forgets the rest, and its memory too where one long line made it large: most environments are idle.
func (l *lines) clear() {
	if cap(l.rest) > 1<<10 {
		l.rest = nil
	}
	l.rest = l.rest[:0]
}
