// Helper is what the sandbox's tests run as a function. The variable MODE says what it does.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

func main() {
	switch mode := os.Getenv("MODE"); mode {
	case "":
	case "sleep":
		fmt.Println("pid", os.Getpid())
		wait()
	case "term":
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		fmt.Println("pid", os.Getpid())
		<-c
		fmt.Println("asked to end")
		os.Exit(3)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("pid", os.Getpid())
		wait()
	case "family":
		family()
	case "count":
		// Counts as fast as it may, and tells every so often.
		runtime.GOMAXPROCS(1)
		for i := 0; ; i++ {
			if i%1000000 == 0 {
				fmt.Println("tick")
			}
		}
	case "busy":
		// Two threads that want all CPU time.
		runtime.GOMAXPROCS(2)
		fmt.Println("pid", os.Getpid())
		for range 2 {
			go func() {
				for {
				}
			}()
		}
		wait()
	case "echo":
		// Answers each line of a FIFO on standard output.
		f, err := os.OpenFile(os.Getenv("FIFO"), os.O_RDWR, 0)
		if err != nil {
			panic(err)
		}
		fmt.Println("pid", os.Getpid())
		for in := bufio.NewScanner(f); in.Scan(); {
			fmt.Println("got", in.Text())
		}
	case "grow":
		b := make([]byte, 64<<20)
		for i := range b {
			b[i] = 1
		}
		fmt.Println("grown")
		wait()
		runtime.KeepAlive(b)
	case "listen":
		if _, err := net.Listen("tcp", "127.0.0.1:8080"); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("listening")
		wait()
	case "poll":
		for {
			r, err := http.Get("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/next")
			if err != nil {
				panic(err)
			}
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
	case "payloads":
		payloads()
	case "exhaust":
		var all [][]byte
		for {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = 1
			}
			all = append(all, b)
			if len(all)%16 == 0 {
				fmt.Println("MiB", len(all))
			}
		}
	case "environment":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	default:
		fmt.Println("unknown mode", mode)
		os.Exit(9)
	}
}

// family starts a child in the group and one in a session of its own, and waits with them.
func family() {
	for _, setsid := range []bool{false, true} {
		cmd := exec.Command("/bin/sleep", "1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: setsid}
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		fmt.Println("child", setsid, cmd.Process.Pid)
	}
	fmt.Println("pid", os.Getpid())
	wait()
}

// payloads exchanges 6 MB each way with the Runtime API, eight at once.
func payloads() {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			r, err := http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API"), "", bytes.NewReader(make([]byte, 6<<20)))
			if err != nil {
				panic(err)
			}
			if n, err := io.Copy(io.Discard, r.Body); n != 6<<20 || err != nil {
				panic(fmt.Sprint(n, err))
			}
		})
	}
	all.Wait()
}

func wait() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	<-c
}
