package awsapi

import (
	"net/http"
	"time"

	"example.com/emulate/emulator/lambda"
)

// eventInvokeConfig is FunctionEventInvokeConfig of Lambda's model. LastModified is in seconds since 1970.
type eventInvokeConfig struct {
	LastModified             float64
	FunctionArn              string
	MaximumRetryAttempts     *int `json:",omitempty"`
	MaximumEventAgeInSeconds *int `json:",omitempty"`
	DestinationConfig        struct{ OnSuccess, OnFailure struct{} }
}

func asyncBody(c lambda.AsyncConfig) eventInvokeConfig {
	out := eventInvokeConfig{LastModified: float64(c.LastModified.UnixMilli()) / 1000, FunctionArn: c.ARN, MaximumRetryAttempts: c.MaximumRetryAttempts}
	if c.MaximumEventAge != nil {
		seconds := int(c.MaximumEventAge.Seconds())
		out.MaximumEventAgeInSeconds = &seconds
	}
	return out
}

// putAsync is the operation PutFunctionEventInvokeConfig, which forgets what it does not name.
func (h *handler) putAsync(r *http.Request, rawName string) (int, any, error) {
	return h.configureAsync(r, rawName, "PutFunctionEventInvokeConfig", false)
}

// updateAsync is the operation UpdateFunctionEventInvokeConfig, which keeps it.
func (h *handler) updateAsync(r *http.Request, rawName string) (int, any, error) {
	return h.configureAsync(r, rawName, "UpdateFunctionEventInvokeConfig", true)
}

func (h *handler) configureAsync(r *http.Request, rawName, operation string, keep bool) (int, any, error) {
	var in struct {
		MaximumRetryAttempts, MaximumEventAgeInSeconds *int
		DestinationConfig                              *struct{ OnSuccess, OnFailure struct{ Destination string } }
	}
	if err := readBody(r, operation, &in); err != nil {
		return 0, nil, err
	}
	var v violations
	v.maybeBetween("maximumRetryAttempts", in.MaximumRetryAttempts, 0, 2)
	v.maybeBetween("maximumEventAgeInSeconds", in.MaximumEventAgeInSeconds, 60, 21600)
	name, qualifier, err := h.function(r, rawName, "lambda:"+operation, v)
	d := in.DestinationConfig
	switch {
	case err != nil:
		return 0, nil, err
	case d != nil && (d.OnSuccess.Destination != "" || d.OnFailure.Destination != ""):
		return 0, nil, notImplemented("emulate does not emulate destinations of asynchronous invocations yet")
	case d == nil && in.MaximumRetryAttempts == nil && in.MaximumEventAgeInSeconds == nil:
		return 0, nil, invalidParameter("You must specify at least one of error handling or destination setting.")
	}
	c := lambda.AsyncConfig{MaximumRetryAttempts: in.MaximumRetryAttempts}
	if n := in.MaximumEventAgeInSeconds; n != nil {
		age := time.Duration(*n) * time.Second
		c.MaximumEventAge = &age
	}
	c, err = h.Lambda.ConfigureAsync(name, qualifier, c, keep)
	return http.StatusOK, asyncBody(c), err
}

// getAsync is the operation GetFunctionEventInvokeConfig.
func (h *handler) getAsync(r *http.Request, rawName string) (int, any, error) {
	name, qualifier, err := h.function(r, rawName, "lambda:GetFunctionEventInvokeConfig", nil)
	if err != nil {
		return 0, nil, err
	}
	c, err := h.Lambda.Async(name, qualifier)
	return http.StatusOK, asyncBody(c), err
}

// deleteAsync is the operation DeleteFunctionEventInvokeConfig.
func (h *handler) deleteAsync(r *http.Request, rawName string) (int, any, error) {
	name, qualifier, err := h.function(r, rawName, "lambda:DeleteFunctionEventInvokeConfig", nil)
	if err == nil {
		err = h.Lambda.DeleteAsync(name, qualifier)
	}
	return http.StatusNoContent, nil, err
}

// listAsync is the operation ListFunctionEventInvokeConfigs.
func (h *handler) listAsync(r *http.Request, rawName string) (int, any, error) {
	name, err := h.wholeFunction(r, rawName, "lambda:ListFunctionEventInvokeConfigs", nil)
	if err != nil {
		return 0, nil, err
	}
	all, err := h.Lambda.AsyncList(name)
	if err != nil {
		return 0, nil, err
	}
	list, next, err := page(r.URL.Query(), maxConfigs, all, func(c lambda.AsyncConfig) string { return c.ARN })
	out := struct {
		FunctionEventInvokeConfigs []eventInvokeConfig
		NextMarker                 string `json:",omitempty"`
	}{[]eventInvokeConfig{}, next}
	for _, c := range list {
		out.FunctionEventInvokeConfigs = append(out.FunctionEventInvokeConfigs, asyncBody(c))
	}
	return http.StatusOK, out, err
}
