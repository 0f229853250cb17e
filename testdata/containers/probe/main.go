// Command bootstrap is a function that fails in every way that a function can, as it is asked to by its event, or by INIT in its environment.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// order is the event. N, where it is not 0, is told in the log: so it can be counted how often an event ran.
type order struct {
	Do      string `json:"do"`
	N       int    `json:"n"`
	SleepMS int    `json:"sleepMs"`
}

func handle(_ context.Context, o order) (string, error) {
	if o.N != 0 {
		fmt.Println("ran", o.N)
	}
	time.Sleep(time.Duration(o.SleepMS) * time.Millisecond)
	switch o.Do {
	case "error":
		return "", errors.New("asked for")
	case "exit 0":
		os.Exit(0)
	case "exit 3":
		os.Exit(3)
	case "SIGKILL":
		return "", errors.Join(syscall.Kill(os.Getpid(), syscall.SIGKILL), wait())
	case "SIGSEGV":
		// Go handles the signal itself, the shell does not.
		return "", syscall.Exec("/bin/sh", []string{"sh", "-c", "kill -SEGV $$"}, nil)
	case "large":
		return strings.Repeat("x", 6<<20+1024), nil
	case "memory":
		exhaust()
	}
	return "well", nil
}

func wait() error { select {} }

// exhaust takes memory without end.
func exhaust() {
	var all [][]byte
	for {
		b := make([]byte, 16<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
		fmt.Fprintln(os.Stderr, len(all)*16, "MiB")
	}
}

// initError tells the Runtime API that INIT failed, and ends.
func initError() error {
	const body = `{"errorMessage":"asked for at INIT","errorType":"InitError","stackTrace":[]}`
	req, err := http.NewRequest("POST", "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/init/error", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Lambda-Runtime-Function-Error-Type", "InitError")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func main() {
	switch os.Getenv("INIT") {
	case "error":
		if err := initError(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	case "exit":
		os.Exit(7)
	}
	lambda.Start(handle)
}
