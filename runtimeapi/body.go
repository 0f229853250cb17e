package runtimeapi

import (
	"bytes"
	"slices"
)

// maxChunkLine bounds the line before a chunk, its extensions included; maxOverhead what chunks may carry beside data, as in net/http.
const (
	maxChunkLine = 4 << 10
	maxOverhead  = 16 << 10
)

// body reads the body of the request whose head was just parsed.
type body struct {
	c       *conn
	chunked bool
	// left counts the bytes to come: of the body, or of this chunk.
	left uint64
	// started says that a chunk's data was read, whose line end is still to come.
	started  bool
	ended    bool
	overhead int64
	// The trailers that end a failed stream (spec lambda.md §1.5).
	failed               bool
	errorType, errorBody []byte
}

func (c *conn) body() body {
	if c.head.length < 0 {
		return body{c: c, chunked: true}
	}
	return body{c: c, left: uint64(c.head.length)}
}

// advance makes left the bytes that come next, or sets ended.
func (b *body) advance() error {
	if b.left > 0 || b.ended {
		return nil
	}
	if !b.chunked {
		b.ended = true
		return nil
	}
	if b.started {
		end, err := b.c.peek(2)
		if err != nil || end[0] != '\r' || end[1] != '\n' {
			return errTruncated
		}
		b.c.r += 2
	}
	n, err := b.chunkSize()
	if err != nil {
		return err
	}
	b.left, b.started = n, true
	if n == 0 {
		b.ended = true
		return b.trailers()
	}
	return nil
}

// chunkSize reads the line before a chunk. A sender may add extensions to it, but not more than its data is worth.
func (b *body) chunkSize() (uint64, error) {
	line, err := b.c.line(maxChunkLine)
	if err != nil || len(line) < 2 || bytes.IndexByte(line, '\r') != len(line)-2 {
		return 0, errTruncated
	}
	line = line[:len(line)-2]
	size, _, _ := bytes.Cut(bytes.TrimRight(line, " \t"), []byte{';'})
	n, ok := parseHex(size)
	if !ok {
		return 0, errTruncated
	}
	b.overhead += int64(len(line)) + 2 - 16 - 2*int64(min(n, 1<<40))
	b.overhead = max(b.overhead, 0)
	if b.overhead > maxOverhead {
		return 0, errTruncated
	}
	return n, nil
}

func parseHex(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 16 {
		return 0, false
	}
	for _, c := range b {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		n = n<<4 | uint64(c)
	}
	return n, true
}

// trailers reads the block after the last chunk. Its end must not be a bare line feed, as in net/http.
func (b *body) trailers() error {
	block, err := b.c.block(0, maxTrailer)
	if err != nil || block[0] == ' ' || block[0] == '\t' {
		return errTruncated
	}
	if len(block) != 2 && !bytes.HasSuffix(block, []byte("\r\n\r\n")) {
		return errTruncated
	}
	for {
		key, value, rest, err := nextField(block)
		if err != nil {
			return errTruncated
		}
		if key == nil {
			break
		}
		switch {
		case b.errorType == nil && is(key, "lambda-runtime-function-error-type"):
			b.errorType = bytes.Clone(value)
		case b.errorBody == nil && is(key, "lambda-runtime-function-error-body"):
			b.errorBody = bytes.Clone(value)
		}
		block = rest
	}
	b.failed = len(b.errorType) > 0 || len(b.errorBody) > 0
	return nil
}

// readAll returns the whole body, in memory of its own. errTooLarge comes as soon as it is sure that more than limit bytes will be sent, and
// leaves the rest to discard.
func (b *body) readAll(limit int) ([]byte, error) {
	if err := b.c.invite(); err != nil {
		return nil, errTruncated
	}
	var p []byte
	for {
		if err := b.advance(); err != nil {
			return nil, err
		}
		if b.ended {
			return p, nil
		}
		if b.left > uint64(limit-len(p)) {
			return nil, errTooLarge
		}
		n := len(p)
		p = slices.Grow(p, int(b.left))[:n+int(b.left)]
		if err := b.c.readFull(p[n:]); err != nil {
			return nil, errTruncated
		}
		b.left = 0
	}
}

// discard reads over what is left of the body, up to limit bytes, and says whether it came to its end.
func (b *body) discard(limit int) bool {
	for {
		if err := b.advance(); err != nil || b.left > uint64(limit) {
			return false
		}
		if b.ended {
			return true
		}
		limit -= int(b.left)
		for b.left > 0 {
			if b.c.r == b.c.w && b.c.fill() != nil {
				return false
			}
			n := min(uint64(b.c.w-b.c.r), b.left)
			b.c.r += int(n)
			b.left -= n
		}
	}
}
