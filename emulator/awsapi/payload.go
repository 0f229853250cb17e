package awsapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkPayload says whether a payload is JSON. AWS parses it with Jackson, whose words its error carries; only a payload that is not JSON goes
// through the parser below, which finds what Jackson would say.
func checkPayload(payload []byte) error {
	if json.Valid(payload) && utf8.Valid(payload) {
		return nil
	}
	if message := jacksonError(payload); message != "" {
		return invalidContent("Could not parse request body into json: Could not parse payload into json: " + message)
	}
	return nil // an encoding that Go refuses and Jackson does not: an overlong form, a surrogate
}

// jacksonError words the first error that Jackson's byte parser meets in b, "" where it meets none. Columns count bytes from 1. Errors about a
// character carry its place, others the place behind what was read.
func jacksonError(b []byte) (message string) {
	p := &jackson{b: b, row: 1}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case jacksonFault:
			message = string(e)
		default:
			panic(e)
		}
	}()
	if p.space() == eof {
		p.fail("No content to map due to end-of-input")
	}
	p.value()
	if c := p.space(); c != eof {
		// Whether AWS looks behind the first value is not known; a payload that no runtime could parse is better refused here.
		p.unexpected(c, "Expected space separating root-level values")
	}
	return ""
}

// jacksonFault leaves the parser with its message.
type jacksonFault string

const (
	eof       = -1
	maxToken  = 256
	maxDepth  = 1000
	noSource  = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: %d, column: %d]"
	validList = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
)

// jackson is a recursive reader of JSON that keeps nothing but its place.
type jackson struct {
	b []byte
	// at is the next byte; row counts from 1, rowStart is where the row begins.
	at, row, rowStart int
	open              []bracket
}

// bracket is an array or object that is being read, with its place.
type bracket struct {
	kind string
	row  int
	col  int
}

func (p *jackson) fail(format string, args ...any) {
	p.failAt(p.at-p.rowStart+1, format, args...)
}

func (p *jackson) failAt(column int, format string, args ...any) {
	panic(jacksonFault(fmt.Sprintf(format, args...) + "\n at " + fmt.Sprintf(noSource, p.row, column)))
}

// unexpected reports c, which was read last.
func (p *jackson) unexpected(c int, comment string) {
	p.failAt(p.at-p.rowStart, "Unexpected character (%s): %s", describeChar(c), comment)
}

func (p *jackson) unexpectedInNumber(c int, comment string) {
	p.failAt(p.at-p.rowStart, "Unexpected character (%s) in numeric value: %s", describeChar(c), comment)
}

func describeChar(c int) string {
	switch {
	case c < 0x20 || 0x7f <= c && c < 0xa0:
		return fmt.Sprintf("(CTRL-CHAR, code %d)", c)
	case c > 255:
		return fmt.Sprintf("'%c' (code %d / 0x%x)", c, c, c)
	}
	return fmt.Sprintf("'%c' (code %d)", c, c)
}

// next reads one byte, or eof.
func (p *jackson) next() int {
	if p.at >= len(p.b) {
		return eof
	}
	p.at++
	return int(p.b[p.at-1])
}

// space reads up to and including the first byte that is no white space.
func (p *jackson) space() int {
	for {
		switch c := p.next(); {
		case c == '\n' || c == '\r' && (p.at >= len(p.b) || p.b[p.at] != '\n'):
			p.row, p.rowStart = p.row+1, p.at
		case c == ' ' || c == '\t' || c == '\r':
		case c >= 0 && c < ' ':
			p.failAt(p.at-p.rowStart, "Illegal character (%s): only regular white space (\\r, \\n, \\t) is allowed between tokens", describeChar(c))
		default:
			return c
		}
	}
}

// more is space within an array or object, where the input may not end.
func (p *jackson) more() int {
	c := p.space()
	if c == eof {
		in := p.open[len(p.open)-1]
		p.fail("Unexpected end-of-input: expected close marker for %s (start marker at "+noSource+")", in.kind, in.row, in.col)
	}
	return c
}

// value reads the value whose first byte was read last.
func (p *jackson) value() {
	switch c := int(p.b[p.at-1]); c {
	case '"':
		p.text()
	case '{':
		p.enter("Object")
		p.object()
	case '[':
		p.enter("Array")
		p.array()
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		p.number(c)
	case 't':
		p.literal("true")
	case 'f':
		p.literal("false")
	case 'n':
		p.literal("null")
	default:
		p.noValue(c)
	}
}

func (p *jackson) enter(kind string) {
	p.open = append(p.open, bracket{kind, p.row, p.at - p.rowStart})
	if len(p.open) > maxDepth {
		p.fail("Document nesting depth (%d) exceeds the maximum allowed (%d, from `StreamReadConstraints.getMaxNestingDepth()`)", len(p.open), maxDepth)
	}
}

func (p *jackson) leave() { p.open = p.open[:len(p.open)-1] }

// wrongClose reports a bracket that closes what is not open.
func (p *jackson) wrongClose(c int) {
	in := bracket{"root", 1, 0}
	want := "}"
	if len(p.open) > 0 {
		in = p.open[len(p.open)-1]
	}
	if c == '}' {
		want = "]"
	}
	p.failAt(p.at-p.rowStart, "Unexpected close marker '%c': expected '%s' (for %s starting at "+noSource+")", c, want, in.kind, in.row, in.col)
}

func (p *jackson) array() {
	c := p.more()
	for c != ']' {
		if c == '}' {
			p.wrongClose(c)
		}
		p.value()
		if c = p.more(); c == ']' {
			break
		}
		if c == '}' {
			p.wrongClose(c)
		}
		if c != ',' {
			p.unexpected(c, "was expecting comma to separate Array entries")
		}
		if c = p.more(); c == ']' || c == '}' {
			p.unexpected(c, "expected a value")
		}
	}
	p.leave()
}

func (p *jackson) object() {
	c := p.more()
	for c != '}' {
		if c == ']' {
			p.wrongClose(c)
		}
		if c != '"' {
			p.unexpected(p.char(c), "was expecting double-quote to start field name")
		}
		p.name()
		if c = p.more(); c != ':' {
			p.unexpected(c, "was expecting a colon to separate field name and value")
		}
		p.more()
		p.value()
		if c = p.more(); c == '}' {
			break
		}
		if c == ']' {
			p.wrongClose(c)
		}
		if c != ',' {
			p.unexpected(c, "was expecting comma to separate Object entries")
		}
		if c = p.more(); c == '}' || c == ']' {
			p.unexpected(c, "was expecting double-quote to start field name")
		}
	}
	p.leave()
}

// noValue reports a byte that begins no value.
func (p *jackson) noValue(c int) {
	inArray := len(p.open) > 0 && p.open[len(p.open)-1].kind == "Array"
	switch {
	case len(p.open) == 0 && (c == ']' || c == '}'):
		p.wrongClose(c)
	case c == '}', c == ']' && inArray, c == ',' && len(p.open) > 0:
		p.unexpected(c, "expected a value")
	case c == 'N':
		p.literal("NaN")
		p.fail("Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow")
	case c == 'I':
		p.literal("Infinity")
		p.fail("Non-standard token 'Infinity': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow")
	case c == '+':
		p.unexpectedInNumber(c, "JSON spec does not allow numbers to have plus signs: enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow")
	case isIdentifierStart(rune(c)):
		p.unknownToken(string(rune(c)))
	}
	p.unexpected(c, "expected a valid value "+validList)
}

// literal reads the rest of a token whose first byte was read.
func (p *jackson) literal(token string) {
	for i := 1; i < len(token); i++ {
		if p.at >= len(p.b) || p.b[p.at] != token[i] {
			p.unknownToken(token[:i])
		}
		p.at++
	}
	if p.at < len(p.b) && p.b[p.at] >= '0' && p.b[p.at] != ']' && p.b[p.at] != '}' {
		start := p.at
		p.at++
		if c := p.char(int(p.b[start])); isIdentifierPart(rune(c)) {
			p.at = start
			p.unknownToken(token)
		}
		p.at = start
	}
}

// unknownToken reports a word, as far as it looks like one.
func (p *jackson) unknownToken(begun string) {
	var word strings.Builder
	word.WriteString(begun)
	for word.Len() < maxToken {
		c := p.next()
		if c == eof {
			break
		}
		if c = p.char(c); !isIdentifierPart(rune(c)) {
			break
		}
		word.WriteRune(rune(c))
	}
	if word.Len() >= maxToken {
		word.WriteString("...")
	}
	p.fail("Unrecognized token '%s': was expecting %s", word.String(), validList)
}

// isIdentifierStart and isIdentifierPart are Java's notion of an identifier.
func isIdentifierStart(c rune) bool {
	return unicode.IsLetter(c) || unicode.In(c, unicode.Nl, unicode.Sc, unicode.Pc)
}

func isIdentifierPart(c rune) bool {
	return isIdentifierStart(c) || unicode.In(c, unicode.Nd, unicode.Mc, unicode.Mn, unicode.Cf) ||
		c < 0x09 || 0x0e <= c && c < 0x1c || 0x7f <= c && c < 0xa0
}

// number reads the rest of a number that begins with c.
func (p *jackson) number(c int) {
	if c == '-' {
		if c = p.next(); c == eof {
			p.fail("Unexpected end-of-input in a Number value")
		} else if !isDigit(byte(c)) {
			p.unexpectedInNumber(c, "expected digit (0-9) to follow minus sign, for valid numeric value")
		}
	}
	if c == '0' && p.at < len(p.b) && isDigit(p.b[p.at]) {
		p.fail("Invalid numeric value: Leading zeroes not allowed")
	}
	p.digits()
	if p.at < len(p.b) && p.b[p.at] == '.' {
		p.at++
		p.someDigits("Decimal point not followed by a digit")
	}
	if p.at < len(p.b) && p.b[p.at]|0x20 == 'e' {
		p.at++
		if p.at < len(p.b) && (p.b[p.at] == '+' || p.b[p.at] == '-') {
			p.at++
		}
		p.someDigits("Exponent indicator not followed by a digit")
	}
	if len(p.open) == 0 && p.at < len(p.b) && p.b[p.at] > ' ' {
		p.at++
		p.unexpected(int(p.b[p.at-1]), "Expected space separating root-level values")
	}
}

func (p *jackson) digits() {
	for p.at < len(p.b) && isDigit(p.b[p.at]) {
		p.at++
	}
}

func (p *jackson) someDigits(comment string) {
	switch c := p.next(); {
	case c == eof:
		p.fail("Unexpected end-of-input in a Number value")
	case !isDigit(byte(c)):
		p.unexpectedInNumber(c, comment)
	}
	p.digits()
}

// text reads the rest of a string value.
func (p *jackson) text() {
	for {
		switch c := p.next(); {
		case c == eof:
			p.fail("Unexpected end-of-input in VALUE_STRING")
		case c == '"':
			return
		case c == '\\':
			p.escape()
		case c < ' ':
			p.unquoted(c, "string value")
		case c >= utf8.RuneSelf:
			p.char(c)
		}
	}
}

// name reads the rest of a member's name. Its encoding is looked at last.
func (p *jackson) name() {
	start := p.at
	for {
		switch c := p.next(); {
		case c == eof && p.at == start:
			p.fail("Unexpected end-of-input: was expecting closing '\"' for name")
		case c == eof:
			p.fail("Unexpected end-of-input in field name")
		case c == '"':
			p.decodeName(start)
			return
		case c == '\\':
			p.escape()
		case c < ' ':
			p.unquoted(c, "name")
		}
	}
}

func (p *jackson) decodeName(start int) {
	end := p.at
	name := &jackson{b: p.b[start : end-1], row: p.row, rowStart: 0}
	for c := name.next(); c != eof; c = name.next() {
		if c < utf8.RuneSelf {
			continue
		}
		if fault := name.badSequence(c); fault != "" {
			p.fail("%s", fault)
		}
	}
}

func (p *jackson) unquoted(c int, where string) {
	p.failAt(p.at-p.rowStart, "Illegal unquoted character (%s): has to be escaped using backslash to be included in %s", describeChar(c), where)
}

// escape reads what follows a backslash.
func (p *jackson) escape() {
	const cut = "Unexpected end-of-input in character escape sequence"
	switch c := p.next(); c {
	case eof:
		p.fail(cut)
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
	case 'u':
		for range 4 {
			switch c := p.next(); {
			case c == eof:
				p.fail(cut)
			case !isHex(byte(c)):
				p.unexpected(c, "expected a hex-digit for character escape sequence")
			}
		}
	default:
		p.fail("Unrecognized character escape %s", describeChar(p.char(c)))
	}
}

// char reads the rest of the UTF-8 sequence that begins with the byte c.
func (p *jackson) char(c int) int {
	start := p.at - 1
	if c < utf8.RuneSelf {
		return c
	}
	if fault := p.badSequence(c); fault != "" {
		p.fail("%s", fault)
	}
	r, _ := utf8.DecodeRune(p.b[start:p.at])
	return int(r)
}

// badSequence reads on behind the byte c, and says what is wrong with the sequence. Jackson looks at the bits of each byte only.
func (p *jackson) badSequence(c int) string {
	var follow int
	switch {
	case c&0xe0 == 0xc0:
		follow = 1
	case c&0xf0 == 0xe0:
		follow = 2
	case c&0xf8 == 0xf0:
		follow = 3
	default:
		return fmt.Sprintf("Invalid UTF-8 start byte 0x%x", c)
	}
	for range follow {
		switch d := p.next(); {
		case d == eof:
			return "Unexpected end-of-input in VALUE_STRING"
		case d&0xc0 != 0x80:
			return fmt.Sprintf("Invalid UTF-8 middle byte 0x%x", d)
		}
	}
	return ""
}
