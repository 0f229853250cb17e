package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/telemetry"
)

// buildSteps shows the steps of builds as they go, which come from several goroutines: on a terminal one line for each function, drawn anew in its
// place; elsewhere, as in CI, a line for each step's begin and end.
type buildSteps struct {
	w           io.Writer
	live, quiet bool
	width       int

	mu        sync.Mutex
	functions []string          // in the order of their first step
	lines     map[string]string // what is shown of each
	drawn     int
	last      time.Time
}

// redraw is how often a line of a tool's output may move a terminal's lines.
const redraw = 100 * time.Millisecond

func (b *buildSteps) step(p emulator.BuildProgress) {
	if b.quiet {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.live {
		if p.Line == "" {
			fmt.Fprintf(b.w, "%s: %s\n", p.Function, stepText(p))
		}
		return
	}
	if b.lines == nil {
		b.lines = map[string]string{}
	}
	if !slices.Contains(b.functions, p.Function) {
		b.functions = append(b.functions, p.Function)
	}
	b.lines[p.Function] = stepText(p)
	if p.Line == "" || time.Since(b.last) > redraw {
		b.draw()
	}
}

// stepText is a step as people read it.
func stepText(p emulator.BuildProgress) string {
	switch {
	case p.Done && p.Err != nil:
		return p.Step + " failed after " + short(telemetry.Millis(p.Elapsed))
	case p.Done:
		return p.Step + " done in " + short(telemetry.Millis(p.Elapsed))
	case p.Line != "":
		return p.Step + ": " + p.Line
	}
	return p.Step + " …"
}

// draw writes the lines over those that it wrote last. b.mu is held.
func (b *buildSteps) draw() {
	b.last = time.Now()
	var text strings.Builder
	if b.drawn > 0 {
		fmt.Fprintf(&text, "\x1b[%dA", b.drawn)
	}
	for _, f := range b.functions {
		fmt.Fprintf(&text, "\r\x1b[2K%s\n", fit(f+": "+b.lines[f], b.width))
	}
	b.drawn = len(b.functions)
	_, _ = io.WriteString(b.w, text.String()) // nobody is left to tell
}

// end leaves the last lines as they are.
func (b *buildSteps) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live && b.drawn > 0 {
		b.draw()
	}
}

// fit makes a line of at most width characters that moves no cursor.
func fit(s string, width int) string {
	var out []rune
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		out = append(out, r)
	}
	if len(out) > width {
		out = append(out[:width-1], '…')
	}
	return string(out)
}

// widthOf is the width of a terminal.
func widthOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 1 {
			return width
		}
	}
	return 80
}
