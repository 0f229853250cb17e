// Command bootstrap is a function in an image: it tells what the image and its ImageConfig give it.
package main

import (
	"cmp"
	"context"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// handle answers with the handler's name, the arguments, the working folder and the text of the image's word.txt.
func handle(context.Context) (events.APIGatewayV2HTTPResponse, error) {
	dir, err := os.Getwd()
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	word, err := os.ReadFile(cmp.Or(os.Getenv("WORD"), "/var/task/word.txt"))
	text := []string{os.Getenv("_HANDLER"), strings.Join(os.Args[1:], " "), dir, strings.TrimSpace(string(word))}
	return events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: strings.Join(text, "|")}, err
}

func main() { lambda.Start(handle) }
