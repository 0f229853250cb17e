// Helper is what the sandbox's tests run as a function. The variable MODE says what it does.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
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

func wait() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	<-c
}
