// The handler does what its event asks for, so that a test can see the real client's way of saying it.
package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string
	Text string
}

type echo struct {
	Text, RequestID, ARN, Tenant, Identity, Client string
	HasDeadline                                    bool
}

func handle(ctx context.Context, e event) (any, error) {
	switch e.Do {
	case "error":
		return nil, errors.New("no good")
	case "panic":
		panic("oh no")
	case "stream":
		return io.MultiReader(strings.NewReader(e.Text), failing{}), nil
	case "large":
		return strings.NewReader(strings.Repeat("x", 7<<20)), nil
	}
	lc, _ := lambdacontext.FromContext(ctx)
	_, hasDeadline := ctx.Deadline()
	return echo{e.Text, lc.AwsRequestID, lc.InvokedFunctionArn, lc.TenantID, lc.Identity.CognitoIdentityID, lc.ClientContext.Custom["k"], hasDeadline}, nil
}

// failing ends a response with an error.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broke off") }

func main() { lambda.Start(handle) }
