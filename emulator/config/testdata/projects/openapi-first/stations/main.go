package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
)

// A function without libraries: it speaks the Runtime API itself.
func main() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(base + "next")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		event, _ := io.ReadAll(next.Body)
		next.Body.Close()
		answer := fmt.Sprintf(`{"statusCode": 200, "body": "%d bytes of event"}`, len(event))
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		reply, err := http.Post(base+id+"/response", "application/json", bytes.NewBufferString(answer))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		reply.Body.Close()
	}
}
