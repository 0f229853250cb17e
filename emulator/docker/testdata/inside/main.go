// Command inside is what the tests' containers run: one small static program with a verb for each thing that a test looks at.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	verbs := map[string]func([]string){
		"echo": func(a []string) { fmt.Println(strings.Join(a, " ")) },
		"exit": func(a []string) { os.Exit(number(a[0])) },
		"fail": func(a []string) { fmt.Fprintln(os.Stderr, strings.Join(a[1:], " ")); os.Exit(number(a[0])) },
		"cat":  func([]string) { io.Copy(os.Stdout, os.Stdin) },
		"sum":  sum, "pour": pour, "both": both, "wait": wait, "close": closeOutput, "show": show,
		"mode":  func(a []string) { info, err := os.Lstat(a[0]); must(err); fmt.Println(info.Mode()) },
		"read":  func(a []string) { b, err := os.ReadFile(a[0]); must(err); os.Stdout.Write(b) },
		"write": func(a []string) { must(os.WriteFile(a[0], []byte(a[1]), 0o644)) },
		"ls":    ls,
	}
	verbs[os.Args[1]](os.Args[2:])
}

func number(s string) int { n, err := strconv.Atoi(s); must(err); return n }

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
}

// sum prints the digest and the length of its input.
func sum([]string) {
	h := sha256.New()
	n, err := io.Copy(h, os.Stdin)
	must(err)
	fmt.Printf("%x %d\n", h.Sum(nil), n)
}

// pour writes so many bytes, whose values follow from their places, to standard output.
func pour(a []string) {
	block := make([]byte, 1<<16)
	for i := range block {
		block[i] = byte(i * 7)
	}
	for left := number(a[0]); left > 0; left -= min(left, len(block)) {
		_, err := os.Stdout.Write(block[:min(left, len(block))])
		must(err)
	}
}

// both writes numbered lines to its two outputs in turn.
func both(a []string) {
	for i := range number(a[0]) {
		w := os.Stdout
		if i%2 == 1 {
			w = os.Stderr
		}
		fmt.Fprintf(w, "line %d\n", i)
	}
	fmt.Print("no end")
}

// wait says so and ends at SIGTERM, with 7.
func wait([]string) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	fmt.Println("waiting")
	<-c
	os.Exit(7)
}

// closeOutput closes its outputs and ends, with 3, when a file is there.
func closeOutput(a []string) {
	os.Stdout.Close()
	os.Stderr.Close()
	var b [1]byte
	os.Stdin.Read(b[:])
	os.Exit(3)
}

// show prints what the process is and may, as JSON.
func show(a []string) {
	out := map[string]any{"uid": os.Getuid(), "gid": os.Getgid(), "env": os.Environ(), "args": a}
	out["dir"], _ = os.Getwd()
	out["host"], _ = os.Hostname()
	var limit syscall.Rlimit
	must(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	out["nofile"] = []uint64{limit.Cur, limit.Max}
	must(syscall.Getrlimit(syscall.RLIMIT_STACK, &limit))
	out["stack"] = []int64{int64(limit.Cur), int64(limit.Max)}
	status, err := os.ReadFile("/proc/self/status")
	must(err)
	for line := range bytes.Lines(status) {
		if name, value, _ := strings.Cut(strings.TrimSpace(string(line)), ":"); name == "CapBnd" || name == "NoNewPrivs" {
			out[name] = strings.TrimSpace(value)
		}
	}
	hosts, err := os.ReadFile("/etc/hosts")
	must(err)
	out["hosts"] = string(hosts)
	for name, path := range map[string]string{"root": "/new", "ro": "/ro/new", "rw": "/rw/new", "tmpfs": "/quick/new"} {
		out[name] = os.WriteFile(path, nil, 0o644) == nil
	}
	must(json.NewEncoder(os.Stdout).Encode(out))
}

func ls(a []string) {
	all, err := os.ReadDir(a[0])
	must(err)
	for _, f := range all {
		fmt.Println(f.Name())
	}
}
