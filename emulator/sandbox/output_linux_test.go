package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// What a handler wrote before it answered has been handed over when Drain returns, whoever reads meanwhile.
func TestDrain(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	fifo := filepath.Join(outsideTmp(t), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	out := newRecord()
	in := start(t, p, spec(script(t, `while read -r n; do i=0; while [ $i -lt 50 ]; do echo "$n $i"; i=$((i+1)); done; printf "done $n" >&2; echo >"$ACK"; done <"$FIFO"`),
		out, "FIFO", fifo, "ACK", fifo+".ack"))
	if err := syscall.Mkfifo(fifo+".ack", 0o600); err != nil {
		t.Fatal(err)
	}
	to, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	ack, err := os.OpenFile(fifo+".ack", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer ack.Close()
	for n := range 50 {
		fmt.Fprintln(to, n)
		if _, err := ack.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(in.Drain)
		}
		all.Wait()
		lines := out.all()
		if got, want := len(lines), 51*(n+1); got != want {
			t.Fatalf("%d lines after invoke %d, want %d", got, n, want)
		}
		if got, want := lines[len(lines)-1], "done "+strconv.Itoa(n); got != want {
			t.Fatalf("the last line is %q, want %q", got, want)
		}
	}
	stop(t, in, 0)
}
