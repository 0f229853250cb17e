// Command handler is the function that cmd/bench measures with: it returns a fixed answer, or does what its payload asks for.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// answer is a proxy response to REST and HTTP APIs, and a result like any other to Invoke.
var answer = []byte(`{"statusCode":200,"headers":{"Content-Type":"application/json"},"body":"{\"message\":\"hello\",\"items\":[1,2,3,4,5,6,7,8]}"}`)

// order is the payload of cold starts and of the soak.
type order struct {
	Do      string `json:"do"`
	SleepMS int    `json:"sleepMs"`
}

type handler struct{ capture string }

// Invoke takes the event as it comes: what is measured is the emulator, not a JSON decoder.
func (h handler) Invoke(_ context.Context, payload []byte) ([]byte, error) {
	if h.capture != "" {
		return answer, os.WriteFile(h.capture, payload, 0o600)
	}
	if len(payload) > 200 {
		return answer, nil
	}
	var o order
	if err := json.Unmarshal(payload, &o); err != nil {
		return nil, err
	}
	time.Sleep(time.Duration(o.SleepMS) * time.Millisecond)
	switch o.Do {
	case "error":
		return nil, errors.New("asked for")
	case "exit":
		os.Exit(3)
	case "crash":
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			return nil, err
		}
		return nil, self.Kill()
	case "hang":
		select {}
	case "big":
		return []byte(`"` + strings.Repeat("x", 6<<20+200) + `"`), nil
	}
	return answer, nil
}

func main() { lambda.Start(handler{os.Getenv("BENCH_CAPTURE")}) }
