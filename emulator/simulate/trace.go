package simulate

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Trace reads a recorded trace, streamed: CSV of time, function, duration, in the order of time. A time is in seconds since the start, or a duration such
// as 1m30s; a duration is in milliseconds, or such as 120ms, and may be left out, to be drawn. A first line of names is skipped.
//
// functions gives the index of each name; an unknown one is an error. start is added to every time.
func Trace(r io.Reader, name string, functions map[string]int, start time.Duration) Source {
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1
	c.ReuseRecord = true
	c.TrimLeadingSpace = true
	c.Comment = '#'
	return &trace{csv: c, name: name, functions: functions, start: start}
}

type trace struct {
	csv       *csv.Reader
	name      string
	functions map[string]int
	start     time.Duration
	lines     int
}

func (t *trace) Next() (Arrival, bool, error) {
	for {
		record, err := t.csv.Read()
		if errors.Is(err, io.EOF) {
			return Arrival{}, false, nil
		}
		if err != nil {
			return Arrival{}, false, fmt.Errorf("read trace %s: %w", t.name, err)
		}
		t.lines++
		if t.lines == 1 && strings.EqualFold(strings.TrimSpace(record[0]), "time") {
			continue
		}
		a, err := t.parse(record)
		if err != nil {
			line, _ := t.csv.FieldPos(0)
			return Arrival{}, false, fmt.Errorf("read trace %s, line %d: %w", t.name, line, err)
		}
		return a, true, nil
	}
}

func (t *trace) parse(record []string) (Arrival, error) {
	if len(record) < 2 || len(record) > 3 {
		return Arrival{}, fmt.Errorf("%d fields, want time,function,duration", len(record))
	}
	a := Arrival{Duration: -1}
	at, err := parseTime(record[0], time.Second)
	if err != nil {
		return a, err
	}
	a.At = t.start + at
	index, ok := t.functions[strings.TrimSpace(record[1])]
	if !ok {
		return a, noFunction(strings.TrimSpace(record[1]), t.functions)
	}
	a.Function = index
	if len(record) == 3 && strings.TrimSpace(record[2]) != "" {
		if a.Duration, err = parseTime(record[2], time.Millisecond); err != nil {
			return a, err
		}
	}
	return a, nil
}

// parseTime reads a number of units, or a duration with its own; not a negative one.
func parseTime(text string, unit time.Duration) (time.Duration, error) {
	text = strings.TrimSpace(text)
	d, err := time.ParseDuration(text)
	if err != nil {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n != n || n > float64(1<<62)/float64(unit) {
			return 0, fmt.Errorf("%q is no time", text)
		}
		d = time.Duration(n * float64(unit))
	}
	if d < 0 {
		return 0, fmt.Errorf("%q is negative", text)
	}
	if d > longest {
		return 0, fmt.Errorf("%q is longer than %v", text, longest)
	}
	return d, nil
}
