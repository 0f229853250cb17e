package burst

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// ReadTimes reads the moments of a recorded trace, for Times: CSV whose first column is seconds since the start, or a duration such as 1m30s. A first
// line of names is skipped, and so are the columns that follow, which a simulation reads; name is for errors.
func ReadTimes(r io.Reader, name string) ([]time.Duration, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord, c.ReuseRecord, c.TrimLeadingSpace, c.Comment = -1, true, true, '#'
	var out []time.Duration
	for first := true; ; first = false {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read trace %s: %w", name, err)
		}
		text := strings.TrimSpace(record[0])
		if first && strings.EqualFold(text, "time") {
			continue
		}
		at, err := readTime(text)
		if err != nil {
			line, _ := c.FieldPos(0)
			return nil, fmt.Errorf("read trace %s, line %d: %w", name, line, err)
		}
		out = append(out, at)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("read trace %s: it has no times", name)
	}
	return out, nil
}

// maxTime keeps sums of times from running over.
const maxTime = 1 << 61

func readTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n != n || n > maxTime/1e9 {
			return 0, fmt.Errorf("%q is no time: it is seconds, or a duration such as 1m30s", text)
		}
		d = time.Duration(n * float64(time.Second))
	}
	if d < 0 {
		return 0, fmt.Errorf("%q is before the start", text)
	}
	return d, nil
}
