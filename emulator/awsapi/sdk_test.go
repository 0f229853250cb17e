package awsapi

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"example.com/emulate/emulator/lambda"
)

func client(t *testing.T, f *fakeLambda) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: testRegion, BaseEndpoint: aws.String(serve(t, f)), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	})
}

func TestSDKInvoke(t *testing.T) {
	f := &fakeLambda{result: &lambda.Result{Payload: []byte(`{"errorType":"Error"}`), FunctionError: "Unhandled", ExecutedVersion: "3", LogTail: []byte("END")}}
	out, err := client(t, f).Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String(testARN + "f:live"), Payload: []byte(`{"a":1}`), LogType: types.LogTypeTail,
		ClientContext: aws.String("e30=")})
	if err != nil {
		t.Fatal(err)
	}
	if out.StatusCode != 200 || string(out.Payload) != `{"errorType":"Error"}` || aws.ToString(out.FunctionError) != "Unhandled" ||
		aws.ToString(out.ExecutedVersion) != "3" || aws.ToString(out.LogResult) != "RU5E" {
		t.Errorf("%+v", out)
	}
	if f.invoked.Function != "f" || f.invoked.Qualifier != "live" || f.invoked.ClientContext != "{}" {
		t.Errorf("%+v", f.invoked)
	}
	f.functions, f.result = []lambda.Description{description("f")}, nil
	async, err := client(t, f).Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeEvent})
	if err != nil || async.StatusCode != 202 || len(async.Payload) != 0 {
		t.Errorf("Event: %+v %v", async, err)
	}
	dry, err := client(t, f).Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("f"), InvocationType: types.InvocationTypeDryRun})
	if err != nil || dry.StatusCode != 204 {
		t.Errorf("DryRun: %+v %v", dry, err)
	}
}

func TestSDKTypedErrors(t *testing.T) {
	f := &fakeLambda{}
	c := client(t, f)
	invoke := func(payload string) error {
		_, err := c.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("f"), Payload: []byte(payload)})
		return err
	}
	missing, ok := errors.AsType[*types.ResourceNotFoundException](invoke("{}"))
	if !ok || aws.ToString(missing.Message) != "Function not found: "+testARN+"f:$LATEST" || aws.ToString(missing.Type) != "User" {
		t.Errorf("missing: %+v", missing)
	}
	if bad, ok := errors.AsType[*types.InvalidRequestContentException](invoke("{")); !ok || aws.ToString(bad.Type) != "User" {
		t.Errorf("bad body: %+v", bad)
	}
	if large, ok := errors.AsType[*types.RequestTooLargeException](invoke(string(make([]byte, maxSyncPayload+1)))); !ok {
		t.Errorf("large body: %+v", large)
	}
	f.err = &lambda.Error{Status: 429, Name: "TooManyRequestsException", Type: "User", Reason: "ConcurrentInvocationLimitExceeded", Message: "Rate Exceeded."}
	throttled, ok := errors.AsType[*types.TooManyRequestsException](invoke("{}"))
	if !ok || throttled.Reason != types.ThrottleReasonConcurrentInvocationLimitExceeded || aws.ToString(throttled.Message) != "Rate Exceeded." {
		t.Errorf("throttled: %+v", throttled)
	}
	f.err = &lambda.Error{Status: 500, Name: "ServiceException", Type: "Service", Message: "main.go:1: no"}
	if fault, ok := errors.AsType[*types.ServiceException](invoke("{}")); !ok || aws.ToString(fault.Message) != "main.go:1: no" {
		t.Errorf("fault: %+v", fault)
	}
	_, err := c.GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: aws.String("nope")})
	if missing, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok || aws.ToString(missing.Message) != "Function not found: "+testARN+"nope" {
		t.Errorf("GetFunction: %v", err)
	}
	_, err = c.GetPolicy(t.Context(), &sdk.GetPolicyInput{FunctionName: aws.String("f")})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "NotImplementedException" || e.ErrorMessage() != "emulate does not emulate Lambda's operation GetPolicy yet" {
		t.Errorf("GetPolicy: %v", err)
	}
}

func TestSDKDescriptions(t *testing.T) {
	f := &fakeLambda{functions: []lambda.Description{description("f"), description("g")}}
	f.functions[0].Function.Alias = "live"
	c := client(t, f)
	got, err := c.GetFunction(t.Context(), &sdk.GetFunctionInput{FunctionName: aws.String("f"), Qualifier: aws.String("live")})
	if err != nil || aws.ToString(got.Configuration.FunctionArn) != testARN+"f:live" || got.Configuration.State != types.StateActive {
		t.Errorf("%+v %v", got, err)
	}
	conf, err := c.GetFunctionConfiguration(t.Context(), &sdk.GetFunctionConfigurationInput{FunctionName: aws.String("f")})
	if err != nil || conf.Runtime != types.RuntimePython312 || aws.ToInt32(conf.Timeout) != 3 {
		t.Errorf("%+v %v", conf, err)
	}
	var arns []string
	for p := sdk.NewListFunctionsPaginator(c, &sdk.ListFunctionsInput{FunctionVersion: types.FunctionVersionAll, MaxItems: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Functions {
			arns = append(arns, aws.ToString(f.FunctionArn))
		}
	}
	if len(arns) != 3 || arns[0] != testARN+"f:$LATEST" || arns[1] != testARN+"f:1" || arns[2] != testARN+"g:$LATEST" {
		t.Errorf("%q", arns)
	}
	account, err := c.GetAccountSettings(t.Context(), &sdk.GetAccountSettingsInput{})
	if err != nil || account.AccountLimit.ConcurrentExecutions != 1000 || aws.ToInt32(account.AccountLimit.UnreservedConcurrentExecutions) != 995 {
		t.Errorf("%+v %v", account, err)
	}
}
