package awsapi

import (
	"net/http"

	"example.com/emulate/emulator/lambda"
)

// most is no limit of the model's.
const most = 1<<31 - 1

type concurrency struct{ ReservedConcurrentExecutions int }

// putFunctionConcurrency is the operation PutFunctionConcurrency (spec lambda.md §6.3).
func (h *handler) putFunctionConcurrency(r *http.Request, rawName string) (int, any, error) {
	var in struct{ ReservedConcurrentExecutions *int }
	if err := readBody(r, "PutFunctionConcurrency", &in); err != nil {
		return 0, nil, err
	}
	var v violations
	v.between("reservedConcurrentExecutions", in.ReservedConcurrentExecutions, 0, most)
	name, err := h.wholeFunction(r, rawName, "lambda:PutFunctionConcurrency", v)
	if err == nil {
		err = h.Lambda.Reserve(name, in.ReservedConcurrentExecutions)
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, concurrency{*in.ReservedConcurrentExecutions}, nil
}

// getFunctionConcurrency is the operation GetFunctionConcurrency: an empty object where nothing is reserved.
func (h *handler) getFunctionConcurrency(r *http.Request, rawName string) (int, any, error) {
	name, err := h.wholeFunction(r, rawName, "lambda:GetFunctionConcurrency", nil)
	if err != nil {
		return 0, nil, err
	}
	n, err := h.Lambda.Reserved(name)
	if n == nil {
		return http.StatusOK, struct{}{}, err
	}
	return http.StatusOK, concurrency{*n}, err
}

// deleteFunctionConcurrency is the operation DeleteFunctionConcurrency.
func (h *handler) deleteFunctionConcurrency(r *http.Request, rawName string) (int, any, error) {
	name, err := h.wholeFunction(r, rawName, "lambda:DeleteFunctionConcurrency", nil)
	if err == nil {
		err = h.Lambda.Reserve(name, nil)
	}
	return http.StatusNoContent, nil, err
}

// provisionedConcurrency is ProvisionedConcurrencyConfig of Lambda's model. Only lists have the ARN.
type provisionedConcurrency struct {
	FunctionArn                              string `json:",omitempty"`
	RequestedProvisionedConcurrentExecutions int
	AvailableProvisionedConcurrentExecutions int
	AllocatedProvisionedConcurrentExecutions int
	Status                                   string
	StatusReason                             string `json:",omitempty"`
	LastModified                             string
}

func provisionedBody(p lambda.Provisioned) provisionedConcurrency {
	return provisionedConcurrency{
		RequestedProvisionedConcurrentExecutions: p.Requested, AvailableProvisionedConcurrentExecutions: p.Available,
		AllocatedProvisionedConcurrentExecutions: p.Allocated, Status: p.Status, StatusReason: p.StatusReason,
		LastModified: p.LastModified.UTC().Format("2006-01-02T15:04:05-0700"),
	}
}

// qualified finds the function and the qualifier, which these operations need.
func (h *handler) qualified(r *http.Request, rawName, action string, v violations) (name, qualifier string, err error) {
	if n, ok := parseName(rawName); ok && n.qualifier == "" && !r.URL.Query().Has("Qualifier") {
		v.present("qualifier", nil)
	}
	return h.function(r, rawName, action, v)
}

// putProvisionedConcurrency is the operation PutProvisionedConcurrencyConfig: the allocation goes on behind the answer.
func (h *handler) putProvisionedConcurrency(r *http.Request, rawName string) (int, any, error) {
	var in struct{ ProvisionedConcurrentExecutions *int }
	if err := readBody(r, "PutProvisionedConcurrencyConfig", &in); err != nil {
		return 0, nil, err
	}
	var v violations
	v.between("provisionedConcurrentExecutions", in.ProvisionedConcurrentExecutions, 1, most)
	name, qualifier, err := h.qualified(r, rawName, "lambda:PutProvisionedConcurrencyConfig", v)
	if err != nil {
		return 0, nil, err
	}
	p, err := h.Lambda.Provision(r.Context(), name, qualifier, *in.ProvisionedConcurrentExecutions)
	return http.StatusAccepted, provisionedBody(p), err
}

// getProvisionedConcurrency is the operation GetProvisionedConcurrencyConfig and, with List=ALL, ListProvisionedConcurrencyConfigs.
func (h *handler) getProvisionedConcurrency(r *http.Request, rawName string) (int, any, error) {
	if r.URL.Query().Get("List") == "ALL" {
		return h.listProvisionedConcurrency(r, rawName)
	}
	name, qualifier, err := h.qualified(r, rawName, "lambda:GetProvisionedConcurrencyConfig", nil)
	if err != nil {
		return 0, nil, err
	}
	p, err := h.Lambda.Provisioned(name, qualifier)
	return http.StatusOK, provisionedBody(p), err
}

func (h *handler) listProvisionedConcurrency(r *http.Request, rawName string) (int, any, error) {
	name, err := h.wholeFunction(r, rawName, "lambda:ListProvisionedConcurrencyConfigs", nil)
	if err != nil {
		return 0, nil, err
	}
	all, err := h.Lambda.ProvisionedList(name)
	if err != nil {
		return 0, nil, err
	}
	list, next, err := page(r.URL.Query(), maxConfigs, all, func(p lambda.Provisioned) string { return p.ARN })
	out := struct {
		ProvisionedConcurrencyConfigs []provisionedConcurrency
		NextMarker                    string `json:",omitempty"`
	}{[]provisionedConcurrency{}, next}
	for _, p := range list {
		body := provisionedBody(p)
		body.FunctionArn = p.ARN
		out.ProvisionedConcurrencyConfigs = append(out.ProvisionedConcurrencyConfigs, body)
	}
	return http.StatusOK, out, err
}

// deleteProvisionedConcurrency is the operation DeleteProvisionedConcurrencyConfig.
func (h *handler) deleteProvisionedConcurrency(r *http.Request, rawName string) (int, any, error) {
	name, qualifier, err := h.qualified(r, rawName, "lambda:DeleteProvisionedConcurrencyConfig", nil)
	if err == nil {
		err = h.Lambda.Unprovision(name, qualifier)
	}
	return http.StatusNoContent, nil, err
}
