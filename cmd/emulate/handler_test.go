package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// order is what the scripts ask the handler for: in the payload, or in an API's query.
type order struct {
	Do    string            `json:"do"`
	MS    int               `json:"ms"`
	Query map[string]string `json:"queryStringParameters"`
	// HTTPMethod is that of payload 1.0, whose answer has to have a status.
	HTTPMethod string `json:"httpMethod"`
	Context    struct {
		Stage string `json:"stage"`
	} `json:"requestContext"`
	StageVariables map[string]string `json:"stageVariables"`
}

// handlerMain is the function of the scripts.
func handlerMain() {
	lambda.Start(func(_ context.Context, raw json.RawMessage) (any, error) {
		var o order
		if err := json.Unmarshal(raw, &o); err != nil {
			return nil, fmt.Errorf("read the order: %w", err)
		}
		if do := o.Query["do"]; do != "" {
			o.Do = do
			o.MS, _ = strconv.Atoi(o.Query["ms"]) // only a sleep has it
		}
		answer, err := o.carryOut(raw)
		if o.HTTPMethod == "" || err != nil {
			return answer, err
		}
		body, err := json.Marshal(answer)
		return map[string]any{"statusCode": 200, "body": string(body)}, err
	})
}

func (o *order) carryOut(raw json.RawMessage) (any, error) {
	verb, rest, _ := strings.Cut(o.Do, " ")
	switch verb {
	case "fail":
		return nil, errors.New("asked for")
	case "exit":
		os.Exit(3)
	case "say":
		fmt.Println(rest)
	case "sleep":
		<-time.After(time.Duration(o.MS) * time.Millisecond)
	case "env":
		return map[string]string{rest: os.Getenv(rest)}, nil
	case "stage":
		return map[string]any{"stage": o.Context.Stage, "variables": o.StageVariables}, nil
	case "echo":
		return raw, nil
	}
	return map[string]any{"ok": true}, nil
}
