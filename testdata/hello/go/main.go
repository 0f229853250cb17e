// Command bootstrap greets whoever calls it, through either kind of API.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

// request has what both payload formats share.
type request struct {
	QueryStringParameters map[string]string `json:"queryStringParameters"`
}

type response struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
}

// invocations counts what this execution environment has served: it starts again at every cold start.
var invocations int

func handle(r request) (response, error) {
	invocations++
	name := r.QueryStringParameters["name"]
	if name == "" {
		name = "world"
	}
	fmt.Println("greeting", name)
	body, err := json.Marshal(map[string]any{"message": os.Getenv("GREETING") + ", " + name + ", from Go", "invocations": invocations})
	return response{StatusCode: 200, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(body)}, err
}

func main() { lambda.Start(handle) }
