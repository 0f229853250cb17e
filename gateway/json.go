package gateway

import (
	"errors"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// plain tells the bytes that stand for themselves in a JSON string.
func plain(c byte) bool { return plainBytes[c] == 1 }

// plainBytes has a 1 for each such byte; it is a string so that it is a constant.
const plainBytes = controls + "\x01\x01\x00" + ones29 + ones28 + "\x00" + ones28 + "\x01\x01\x01\x01\x01\x01\x01" + others

const (
	controls = zeros16 + zeros16
	others   = zeros16 + zeros16 + zeros16 + zeros16 + zeros16 + zeros16 + zeros16 + zeros16
	zeros16  = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	ones28   = "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
	ones29   = ones28 + "\x01"
)

// appendJSON appends s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func appendJSON[T string | []byte](buf []byte, s T) []byte {
	return append(appendJSONText(append(buf, '"'), s), '"')
}

// appendJSONText appends s as the inside of a JSON string.
func appendJSONText[T string | []byte](buf []byte, s T) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plain(c) {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			buf = appendEscape(append(buf, s[start:i]...), c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && size == 1 {
			buf = append(append(buf, s[start:i]...), "\uFFFD"...)
			start = i + 1
		}
		i += size
	}
	return append(buf, s[start:]...)
}

// appendLatin1 appends the inside of a JSON string whose bytes are characters of Latin-1, as those of a header are.
func appendLatin1(buf []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if plain(c) {
			continue
		}
		buf = append(buf, s[start:i]...)
		if c < utf8.RuneSelf {
			buf = appendEscape(buf, c)
		} else {
			buf = utf8.AppendRune(buf, rune(c))
		}
		start = i + 1
	}
	return append(buf, s[start:]...)
}

func appendEscape(buf []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(buf, '\\', c)
	case '\n':
		return append(buf, '\\', 'n')
	case '\r':
		return append(buf, '\\', 'r')
	case '\t':
		return append(buf, '\\', 't')
	}
	return append(buf, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// errJSON is what a scanner says of text that is not JSON.
var errJSON = errors.New("not valid JSON")

// maxDepth is how deep arrays and objects may nest; deeper text is refused, so that a reply cannot use up the stack.
const maxDepth = 10000

// scanner walks through JSON text and checks it on the way. It builds no values: what it hands out are pieces of the text.
type scanner struct {
	data  []byte
	pos   int
	depth int
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek skips white space and tells the next byte, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// take skips white space and the byte c, if it is next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.pos >= len(s.data) {
		return false
	}
	s.pos++
	return true
}

// end checks that nothing but white space is left.
func (s *scanner) end() error {
	if s.space(); s.pos < len(s.data) {
		return errJSON
	}
	return nil
}

// value reads one value and returns its text.
func (s *scanner) value() ([]byte, error) {
	c := s.peek()
	start := s.pos
	var err error
	switch {
	case c == '{':
		err = s.skipObject()
	case c == '[':
		err = s.skipArray()
	case c == '"':
		err = s.skipString()
	case c == 't':
		err = s.word("true")
	case c == 'f':
		err = s.word("false")
	case c == 'n':
		err = s.word("null")
	case c == '-' || c >= '0' && c <= '9':
		err = s.skipNumber()
	default:
		err = errJSON
	}
	if err != nil {
		return nil, err
	}
	return s.data[start:s.pos], nil
}

func (s *scanner) word(w string) error {
	if len(s.data)-s.pos < len(w) || string(s.data[s.pos:s.pos+len(w)]) != w {
		return errJSON
	}
	s.pos += len(w)
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) is(c byte) bool {
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) skipNumber() error {
	s.is('-')
	if !s.is('0') && !s.digits() {
		return errJSON
	}
	if s.is('.') && !s.digits() {
		return errJSON
	}
	if s.is('e') || s.is('E') {
		if !s.is('+') {
			s.is('-')
		}
		if !s.digits() {
			return errJSON
		}
	}
	return nil
}

func (s *scanner) skipString() error {
	for i := s.pos + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			return nil
		case c < ' ':
			return errJSON
		case c == '\\':
			i++
			if i >= len(s.data) {
				return errJSON
			}
			switch s.data[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if hex4(s.data[i+1:]) < 0 {
					return errJSON
				}
				i += 4
			default:
				return errJSON
			}
		}
	}
	return errJSON
}

// each walks through the members of an object or the elements of an array whose opening byte is next. f is called before each value, with the
// text of the key (quotes included; nil in an array), and must read the value.
func (s *scanner) each(open, closing byte, f func(key []byte) error) error {
	if !s.take(open) {
		return errJSON
	}
	if s.depth++; s.depth > maxDepth {
		return errJSON
	}
	defer func() { s.depth-- }()
	if s.take(closing) {
		return nil
	}
	for {
		var key []byte
		if open == '{' {
			s.space()
			start := s.pos
			if s.peek() != '"' || s.skipString() != nil {
				return errJSON
			}
			key = s.data[start:s.pos]
			if !s.take(':') {
				return errJSON
			}
		}
		if err := f(key); err != nil {
			return err
		}
		if s.take(closing) {
			return nil
		}
		if !s.take(',') {
			return errJSON
		}
	}
}

func (s *scanner) skip([]byte) error {
	_, err := s.value()
	return err
}

func (s *scanner) skipObject() error { return s.each('{', '}', s.skip) }
func (s *scanner) skipArray() error  { return s.each('[', ']', s.skip) }

// hex4 reads four hexadecimal digits; -1 where there are none.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		d := unhex(c)
		if d < 0 {
			return -1
		}
		r = r<<4 | rune(d)
	}
	return r
}

// unhex is the value of a hexadecimal digit, or -1.
func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// unquote returns the characters of a JSON string that a scanner has passed: a piece of raw where nothing has to be changed, else scratch with
// the text appended to it. Invalid UTF-8 and lone surrogates become U+FFFD.
func unquote(raw, scratch []byte) []byte {
	raw = raw[1 : len(raw)-1]
	i := 0
	for i < len(raw) && plain(raw[i]) {
		i++
	}
	if i == len(raw) {
		return raw
	}
	out := append(slices.Grow(scratch, len(raw)), raw[:i]...)
	for i < len(raw) {
		start := i
		for i < len(raw) && plain(raw[i]) {
			i++
		}
		out = append(out, raw[start:i]...)
		if i == len(raw) {
			break
		}
		if raw[i] == '\\' {
			var size int
			out, size = appendUnescaped(out, raw[i:])
			i += size
			continue
		}
		r, size := utf8.DecodeRune(raw[i:])
		out = utf8.AppendRune(out, r)
		i += size
	}
	return out
}

// appendUnescaped appends the character of the escape at the start of b and tells the escape's length.
func appendUnescaped(out, b []byte) ([]byte, int) {
	switch b[1] {
	case 'b':
		return append(out, '\b'), 2
	case 'f':
		return append(out, '\f'), 2
	case 'n':
		return append(out, '\n'), 2
	case 'r':
		return append(out, '\r'), 2
	case 't':
		return append(out, '\t'), 2
	case 'u':
		r := hex4(b[2:])
		if !utf16.IsSurrogate(r) {
			return utf8.AppendRune(out, r), 6
		}
		if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
			if both := utf16.DecodeRune(r, hex4(b[8:])); both != utf8.RuneError {
				return utf8.AppendRune(out, both), 12
			}
		}
		return utf8.AppendRune(out, utf8.RuneError), 6
	}
	return append(out, b[1]), 2
}
