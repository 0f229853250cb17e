// Command bootstrap is the function that the tests ask to do things: sleep, fail, die, leave something behind.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// order comes in the payload, or in the query string of an API's event.
type order struct {
	Do      string            `json:"do"`
	SleepMS int               `json:"sleepMs"`
	Gate    string            `json:"gate"` // a URL, whose answer is waited for
	Query   map[string]string `json:"queryStringParameters"`
}

// state is what the probe tells of itself.
type state struct {
	Answer      string            `json:"answer"`
	Invocations int               `json:"invocations"` // of this process
	PID         int               `json:"pid"`
	Children    []int             `json:"children,omitempty"` // that it left behind: one of its own group, one in a session of its own
	Tmp         int               `json:"tmp"`                // invocations that left a mark in /tmp
	LogStream   string            `json:"logStream"`
	Ticks       int64             `json:"ticks"` // of a goroutine that ticks every millisecond, with TICK set
	Environment map[string]string `json:"environment,omitempty"`
}

type response struct {
	StatusCode int    `json:"statusCode"`
	Body       string `json:"body"`
}

var (
	invocations int
	ticks       atomic.Int64
)

func handle(o order) (response, error) {
	if o.Query != nil {
		o.Do, o.Gate = o.Query["do"], o.Query["gate"]
		if _, err := fmt.Sscan(o.Query["sleepMs"], &o.SleepMS); err != nil {
			o.SleepMS = 0
		}
	}
	invocations++
	s := state{Answer: answer, Invocations: invocations, PID: os.Getpid(), LogStream: os.Getenv("AWS_LAMBDA_LOG_STREAM_NAME"), Ticks: ticks.Load()}
	if err := mark(&s); err != nil {
		return response{}, err
	}
	time.Sleep(time.Duration(o.SleepMS) * time.Millisecond)
	if o.Gate != "" {
		resp, err := http.Get(o.Gate)
		if err != nil {
			return response{}, err
		}
		resp.Body.Close()
	}
	switch o.Do {
	case "error":
		return response{}, errors.New("asked for")
	case "exit":
		os.Exit(3)
	case "say":
		fmt.Println("said to standard output")
		fmt.Fprintln(os.Stderr, "said to standard error")
	case "children":
		for _, args := range [][]string{{"sleep", "300"}, {"setsid", "sleep", "300"}} {
			c := exec.Command(args[0], args[1:]...)
			if err := c.Start(); err != nil {
				return response{}, err
			}
			s.Children = append(s.Children, c.Process.Pid)
		}
	case "environment":
		s.Environment = map[string]string{}
		for _, kv := range os.Environ() {
			for i := range kv {
				if kv[i] == '=' {
					s.Environment[kv[:i]] = kv[i+1:]
					break
				}
			}
		}
	}
	body, err := json.Marshal(s)
	return response{StatusCode: 200, Body: string(body)}, err
}

// mark leaves a byte in /tmp, and counts those that are there.
func mark(s *state) error {
	f, err := os.OpenFile(os.TempDir()+"/probe-marks", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString("x"); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s.Tmp = int(info.Size())
	return nil
}

func main() {
	if os.Getenv("TICK") != "" {
		go func() {
			for range time.Tick(time.Millisecond) {
				ticks.Add(1)
			}
		}()
	}
	lambda.Start(handle)
}
