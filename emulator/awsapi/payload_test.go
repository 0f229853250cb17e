package awsapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// The first two are recorded from AWS; the others are what Jackson says.
func TestJacksonError(t *testing.T) {
	const values = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
	source := func(line, column int) string { return fmt.Sprintf(noSource, line, column) }
	for _, test := range []struct {
		payload, want string
		line, column  int
	}{
		{"\x99\xeb,j\x07\xa1zYh", "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value " + values, 1, 1},
		{"~\x97", "Unexpected character ('~' (code 126)): expected a valid value " + values, 1, 1},
		{"n\x87r\x9e", "Invalid UTF-8 start byte 0x87", 1, 3},
		{"{\"a\":\"\xe9x\"}", "Invalid UTF-8 middle byte 0x78", 1, 9},
		{"{\"\xe9xy\":1}", "Invalid UTF-8 middle byte 0x78", 1, 7},
		{"hello", "Unrecognized token 'hello': was expecting " + values, 1, 6},
		{"hello world", "Unrecognized token 'hello': was expecting " + values, 1, 7},
		{"nul", "Unrecognized token 'nul': was expecting " + values, 1, 4},
		{"truex", "Unrecognized token 'truex': was expecting " + values, 1, 6},
		{"{'a':1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name", 1, 2},
		{"{a:1}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name", 1, 2},
		{"{\"a\" 1}", "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value", 1, 6},
		{"{\"a\":1 \"b\":2}", "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries", 1, 8},
		{"{\"a\":1,}", "Unexpected character ('}' (code 125)): was expecting double-quote to start field name", 1, 8},
		{"{\"a\":}", "Unexpected character ('}' (code 125)): expected a value", 1, 6},
		{"[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", 1, 4},
		{"[1,]", "Unexpected character (']' (code 93)): expected a value", 1, 4},
		{"[,1]", "Unexpected character (',' (code 44)): expected a value", 1, 2},
		{"[1}", "Unexpected close marker '}': expected ']' (for Array starting at " + source(1, 1) + ")", 1, 3},
		{"{\"a\":1]", "Unexpected close marker ']': expected '}' (for Object starting at " + source(1, 1) + ")", 1, 7},
		{"]", "Unexpected close marker ']': expected '}' (for root starting at " + source(1, 0) + ")", 1, 1},
		{"\n {\"a\": [", "Unexpected end-of-input: expected close marker for Array (start marker at " + source(2, 8) + ")", 2, 9},
		{"\"abc", "Unexpected end-of-input in VALUE_STRING", 1, 5},
		{"{\"abc", "Unexpected end-of-input in field name", 1, 6},
		{"{\"", "Unexpected end-of-input: was expecting closing '\"' for name", 1, 3},
		{"\"a\nb\"", "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in string value", 1, 3},
		{"\"\\x\"", "Unrecognized character escape 'x' (code 120)", 1, 4},
		{"\"\\u12g4\"", "Unexpected character ('g' (code 103)): expected a hex-digit for character escape sequence", 1, 6},
		{"012", "Invalid numeric value: Leading zeroes not allowed", 1, 2},
		{"-a", "Unexpected character ('a' (code 97)) in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value", 1, 2},
		{"1.x", "Unexpected character ('x' (code 120)) in numeric value: Decimal point not followed by a digit", 1, 3},
		{"1e+", "Unexpected end-of-input in a Number value", 1, 4},
		{"12ab", "Unexpected character ('a' (code 97)): Expected space separating root-level values", 1, 3},
		{"NaN", "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", 1, 4},
		{"{} {}", "Unexpected character ('{' (code 123)): Expected space separating root-level values", 1, 4},
		{" \r\n\t", "No content to map due to end-of-input", 2, 2},
		{"[\x01]", "Illegal character ((CTRL-CHAR, code 1)): only regular white space (\\r, \\n, \\t) is allowed between tokens", 1, 2},
	} {
		want := test.want + "\n at " + source(test.line, test.column)
		if got := jacksonError([]byte(test.payload)); got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", test.payload, got, want)
		}
	}
}

// FuzzJackson holds the parser against encoding/json: what is JSON has no error, and what is not has one.
func FuzzJackson(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"a":[1,-0.5e+3,"x\u00e9\n",true,false,null]}`, "[[[]]]", "\"é\"", "nul", "tru", "+1", ".5", "1.", "[1,", "\xff", "{\"a\":\xe9}", "truefalse"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := jacksonError(b)
		switch valid := json.Valid(b); {
		case valid && utf8.Valid(b) && got != "":
			t.Fatalf("%q is JSON: %s", b, got)
		case !valid && got == "":
			t.Fatalf("%q is no JSON, and no error", b)
		case got != "" && !strings.Contains(got, "\n at [Source: REDACTED"):
			t.Fatalf("%q: %s", b, got)
		}
	})
}
