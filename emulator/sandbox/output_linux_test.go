package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOutput(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	out := newRecord()
	in := start(t, p, spec(script(t, `
echo one; echo two >&2; echo three
printf 'a\rb\r\n'
printf '\000\377\n'
head -c 300000 /dev/zero | tr '\0' x; echo
printf last`), out))
	wait(t, in)
	stop(t, in, 0)
	want := []string{"one", "two", "three", "a\rb\r", "\x00\xff", strings.Repeat("x", maxLine), strings.Repeat("x", 300000-maxLine), "last"}
	if diff := cmp.Diff(want, out.all()); diff != "" {
		t.Error(diff)
	}
}

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

// A handler that writes without end cannot hold Drain.
func TestDrainEnds(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	out := newRecord()
	s := spec(script(t, `exec yes`), out)
	s.Output = func([]byte) {}
	in := start(t, p, s)
	for range 20 {
		in.Drain()
	}
	stop(t, in, 0)
}

// An Output that blocks holds up the handler; Stop ends the processes all the same, and waits for the output no longer than it may.
func TestBackPressure(t *testing.T) {
	p := newProcess(t, ProcessOptions{})
	release, first := make(chan struct{}), make(chan struct{}, 1)
	s := spec(script(t, `while :; do echo 0123456789012345678901234567890123456789; done`), newRecord())
	s.Output = func([]byte) {
		select {
		case first <- struct{}{}:
		default:
		}
		<-release
	}
	in := start(t, p, s)
	<-first
	pid := strconv.Itoa(in.(*instance).child.pid)
	eventually(t, "the handler waiting for its pipe", func() bool {
		return strings.Contains(read(t, "/proc/"+pid+"/status"), "State:\tS")
	})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := in.Stop(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if alive(pid) {
		t.Error("the runtime is left")
	}
	close(release)
	<-in.(*instance).out.ended
}
