// Command bootstrap is the handler of the lessons: it waits, works, or both, as its caller says.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// request is an API's event; the query says how many ms to wait, and how many thousand hashes to reckon.
type request struct {
	Path  string            `json:"rawPath"`
	Query map[string]string `json:"queryStringParameters"`
}

type response struct {
	StatusCode int    `json:"statusCode"`
	Body       string `json:"body"`
}

// result is what it tells of itself. CPU is the time that this process has worked for the request, in ms.
type result struct {
	Path string  `json:"path"`
	PID  int     `json:"pid"`
	Took float64 `json:"tookMs"`
	CPU  float64 `json:"cpuMs"`
}

func number(text string) int {
	n := 0
	if _, err := fmt.Sscan(text, &n); err != nil {
		return 0
	}
	return n
}

func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

func handle(r request) (response, error) {
	began := time.Now()
	before, err := cpuTime()
	if err != nil {
		return response{}, err
	}
	time.Sleep(time.Duration(number(r.Query["wait"])) * time.Millisecond)
	var sum [sha256.Size]byte
	for range 1000 * number(r.Query["work"]) {
		sum = sha256.Sum256(sum[:])
	}
	after, err := cpuTime()
	if err != nil {
		return response{}, err
	}
	body, err := json.Marshal(result{r.Path, os.Getpid(), ms(time.Since(began)), ms(after - before)})
	return response{StatusCode: 200, Body: string(body)}, err
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func main() { lambda.Start(handle) }
