package awsapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gorilla/mux"
)

// operation is one operation of Lambda's API. {} in its path stands for one segment.
type operation struct {
	method, path string
	// query is a parameter and its value that tell two operations of one path apart ("List=ALL"), or "".
	query, name string
}

// routes makes the router of everything but Invoke (see invokedName).
func (h *handler) routes() *mux.Router {
	type serve = func(w http.ResponseWriter, r *http.Request, rawName string)
	served := []struct {
		method, path string
		serve        serve
	}{
		{"GET", "/2015-03-31/functions/{name}", h.getFunction},
		{"DELETE", "/2015-03-31/functions/{name}", controlled(h.deleteFunction)},
		{"GET", "/2015-03-31/functions/{name}/configuration", h.getFunctionConfiguration},
		{"GET", "/2015-03-31/functions", h.listFunctions},
		{"GET", "/2015-03-31/functions/", h.listFunctions},
		{"GET", "/2016-08-19/account-settings", h.getAccountSettings},
		{"GET", "/2016-08-19/account-settings/", h.getAccountSettings},
		{"GET", "/2015-03-31/functions/{name}/versions", controlled(h.listVersions)},
		{"POST", "/2015-03-31/functions/{name}/versions", controlled(h.publishVersion)},
		{"GET", "/2015-03-31/functions/{name}/aliases", controlled(h.listAliases)},
		{"POST", "/2015-03-31/functions/{name}/aliases", controlled(h.createAlias)},
		{"GET", "/2015-03-31/functions/{name}/aliases/{alias}", controlled(h.getAlias)},
		{"PUT", "/2015-03-31/functions/{name}/aliases/{alias}", controlled(h.updateAlias)},
		{"DELETE", "/2015-03-31/functions/{name}/aliases/{alias}", controlled(h.deleteAlias)},
		{"PUT", "/2015-03-31/functions/{name}/code", controlled(h.updateFunctionCode)},
		{"PUT", "/2015-03-31/functions/{name}/configuration", controlled(h.updateFunctionConfiguration)},
		{"PUT", "/2017-10-31/functions/{name}/concurrency", controlled(h.putFunctionConcurrency)},
		{"DELETE", "/2017-10-31/functions/{name}/concurrency", controlled(h.deleteFunctionConcurrency)},
		{"GET", "/2019-09-30/functions/{name}/concurrency", controlled(h.getFunctionConcurrency)},
		{"PUT", "/2019-09-30/functions/{name}/provisioned-concurrency", controlled(h.putProvisionedConcurrency)},
		{"GET", "/2019-09-30/functions/{name}/provisioned-concurrency", controlled(h.getProvisionedConcurrency)},
		{"DELETE", "/2019-09-30/functions/{name}/provisioned-concurrency", controlled(h.deleteProvisionedConcurrency)},
		{"PUT", "/2019-09-25/functions/{name}/event-invoke-config", controlled(h.putAsync)},
		{"POST", "/2019-09-25/functions/{name}/event-invoke-config", controlled(h.updateAsync)},
		{"GET", "/2019-09-25/functions/{name}/event-invoke-config", controlled(h.getAsync)},
		{"DELETE", "/2019-09-25/functions/{name}/event-invoke-config", controlled(h.deleteAsync)},
		{"GET", "/2019-09-25/functions/{name}/event-invoke-config/list", controlled(h.listAsync)},
		{"POST", "/2014-11-13/functions/{name}/invoke-async", h.invokeAsync},
		{"POST", "/2014-11-13/functions/{name}/invoke-async/", h.invokeAsync},
	}
	router := mux.NewRouter().SkipClean(true).UseEncodedPath()
	for _, s := range served {
		router.HandleFunc(s.path, func(w http.ResponseWriter, r *http.Request) {
			s.serve(w, r, unescape(mux.Vars(r)["name"]))
		}).Methods(s.method)
	}
	router.NotFoundHandler = http.HandlerFunc(notServed)
	router.MethodNotAllowedHandler = router.NotFoundHandler
	return router
}

// notServed answers what no route takes: an operation of Lambda's that is not emulated, or a path that is none's.
func notServed(w http.ResponseWriter, r *http.Request) {
	if name := findOperation(r); name != "" {
		writeError(w, notImplemented(fmt.Sprintf("emulate does not emulate Lambda's operation %s yet", name)), "")
		return
	}
	writeError(w, userError(http.StatusNotFound, "UnknownOperationException",
		fmt.Sprintf("%s %s is no operation of Lambda's API, which is what this endpoint serves", r.Method, r.URL.EscapedPath())), "")
}

// findOperation names the operation that r asks for, "" where there is none.
func findOperation(r *http.Request) string {
	path := strings.TrimSuffix(r.URL.EscapedPath(), "/")
	for _, o := range unserved {
		if o.method == r.Method && matchPath(o.path, path) && (o.query == "" || hasParameter(r, o.query)) {
			return o.name
		}
	}
	return ""
}

func hasParameter(r *http.Request, parameter string) bool {
	key, value, _ := strings.Cut(parameter, "=")
	return r.URL.Query().Get(key) == value
}

// matchPath compares segment by segment; {} takes any that is not empty.
func matchPath(pattern, path string) bool {
	for pattern != "" && path != "" {
		var want, got string
		want, pattern, _ = strings.Cut(pattern[1:], "/")
		if path[0] != '/' {
			return false
		}
		got, path, _ = strings.Cut(path[1:], "/")
		if got == "" || want != "{}" && want != got {
			return false
		}
		if pattern != "" {
			pattern = "/" + pattern
		}
		if path != "" {
			path = "/" + path
		}
	}
	return pattern == "" && path == ""
}

// unserved are the operations of Lambda's API that are not served (AWS's public service model of 2026; spec lambda.md §8.1). Those with a query
// come first.
var unserved = [...]operation{
	{"GET", "/2018-10-31/layers", "find=LayerVersion", "GetLayerVersionByArn"},
	{"GET", "/2015-03-31/event-source-mappings", "", "ListEventSourceMappings"},
	{"POST", "/2015-03-31/event-source-mappings", "", "CreateEventSourceMapping"},
	{"DELETE", "/2015-03-31/event-source-mappings/{}", "", "DeleteEventSourceMapping"},
	{"GET", "/2015-03-31/event-source-mappings/{}", "", "GetEventSourceMapping"},
	{"PUT", "/2015-03-31/event-source-mappings/{}", "", "UpdateEventSourceMapping"},
	{"POST", "/2015-03-31/functions", "", "CreateFunction"},
	{"GET", "/2015-03-31/functions/{}/policy", "", "GetPolicy"},
	{"POST", "/2015-03-31/functions/{}/policy", "", "AddPermission"},
	{"DELETE", "/2015-03-31/functions/{}/policy/{}", "", "RemovePermission"},
	{"DELETE", "/2017-03-31/tags/{}", "", "UntagResource"},
	{"GET", "/2017-03-31/tags/{}", "", "ListTags"},
	{"POST", "/2017-03-31/tags/{}", "", "TagResource"},
	{"GET", "/2018-10-31/layers", "", "ListLayers"},
	{"GET", "/2018-10-31/layers/{}/versions", "", "ListLayerVersions"},
	{"POST", "/2018-10-31/layers/{}/versions", "", "PublishLayerVersion"},
	{"DELETE", "/2018-10-31/layers/{}/versions/{}", "", "DeleteLayerVersion"},
	{"GET", "/2018-10-31/layers/{}/versions/{}", "", "GetLayerVersion"},
	{"GET", "/2018-10-31/layers/{}/versions/{}/policy", "", "GetLayerVersionPolicy"},
	{"POST", "/2018-10-31/layers/{}/versions/{}/policy", "", "AddLayerVersionPermission"},
	{"DELETE", "/2018-10-31/layers/{}/versions/{}/policy/{}", "", "RemoveLayerVersionPermission"},
	{"GET", "/2020-04-22/code-signing-configs", "", "ListCodeSigningConfigs"},
	{"POST", "/2020-04-22/code-signing-configs", "", "CreateCodeSigningConfig"},
	{"DELETE", "/2020-04-22/code-signing-configs/{}", "", "DeleteCodeSigningConfig"},
	{"GET", "/2020-04-22/code-signing-configs/{}", "", "GetCodeSigningConfig"},
	{"PUT", "/2020-04-22/code-signing-configs/{}", "", "UpdateCodeSigningConfig"},
	{"GET", "/2020-04-22/code-signing-configs/{}/functions", "", "ListFunctionsByCodeSigningConfig"},
	{"DELETE", "/2020-06-30/functions/{}/code-signing-config", "", "DeleteFunctionCodeSigningConfig"},
	{"GET", "/2020-06-30/functions/{}/code-signing-config", "", "GetFunctionCodeSigningConfig"},
	{"PUT", "/2020-06-30/functions/{}/code-signing-config", "", "PutFunctionCodeSigningConfig"},
	{"GET", "/2021-07-20/functions/{}/runtime-management-config", "", "GetRuntimeManagementConfig"},
	{"PUT", "/2021-07-20/functions/{}/runtime-management-config", "", "PutRuntimeManagementConfig"},
	{"DELETE", "/2021-10-31/functions/{}/url", "", "DeleteFunctionUrlConfig"},
	{"GET", "/2021-10-31/functions/{}/url", "", "GetFunctionUrlConfig"},
	{"POST", "/2021-10-31/functions/{}/url", "", "CreateFunctionUrlConfig"},
	{"PUT", "/2021-10-31/functions/{}/url", "", "UpdateFunctionUrlConfig"},
	{"GET", "/2021-10-31/functions/{}/urls", "", "ListFunctionUrlConfigs"},
	{"POST", "/2021-11-15/functions/{}/response-streaming-invocations", "", "InvokeWithResponseStream"},
	{"GET", "/2024-08-31/functions/{}/recursion-config", "", "GetFunctionRecursionConfig"},
	{"PUT", "/2024-08-31/functions/{}/recursion-config", "", "PutFunctionRecursionConfig"},
	{"GET", "/2025-11-30/capacity-providers", "", "ListCapacityProviders"},
	{"POST", "/2025-11-30/capacity-providers", "", "CreateCapacityProvider"},
	{"DELETE", "/2025-11-30/capacity-providers/{}", "", "DeleteCapacityProvider"},
	{"GET", "/2025-11-30/capacity-providers/{}", "", "GetCapacityProvider"},
	{"PUT", "/2025-11-30/capacity-providers/{}", "", "UpdateCapacityProvider"},
	{"GET", "/2025-11-30/capacity-providers/{}/function-versions", "", "ListFunctionVersionsByCapacityProvider"},
	{"GET", "/2025-11-30/functions/{}/function-scaling-config", "", "GetFunctionScalingConfig"},
	{"PUT", "/2025-11-30/functions/{}/function-scaling-config", "", "PutFunctionScalingConfig"},
	{"POST", "/2025-12-01/durable-execution-callbacks/{}/fail", "", "SendDurableExecutionCallbackFailure"},
	{"POST", "/2025-12-01/durable-execution-callbacks/{}/heartbeat", "", "SendDurableExecutionCallbackHeartbeat"},
	{"POST", "/2025-12-01/durable-execution-callbacks/{}/succeed", "", "SendDurableExecutionCallbackSuccess"},
	{"DELETE", "/2025-12-01/durable-executions/{}", "", "DeleteDurableExecution"},
	{"GET", "/2025-12-01/durable-executions/{}", "", "GetDurableExecution"},
	{"POST", "/2025-12-01/durable-executions/{}/checkpoint", "", "CheckpointDurableExecution"},
	{"GET", "/2025-12-01/durable-executions/{}/history", "", "GetDurableExecutionHistory"},
	{"POST", "/2025-12-01/durable-executions/{}/pause", "", "PauseDurableExecution"},
	{"POST", "/2025-12-01/durable-executions/{}/resume", "", "ResumeDurableExecution"},
	{"GET", "/2025-12-01/durable-executions/{}/state", "", "GetDurableExecutionState"},
	{"POST", "/2025-12-01/durable-executions/{}/stop", "", "StopDurableExecution"},
	{"GET", "/2025-12-01/functions/{}/durable-executions", "", "ListDurableExecutionsByFunction"},
	{"DELETE", "/2026-07-09/resource-policy/{}", "", "DeleteResourcePolicy"},
	{"GET", "/2026-07-09/resource-policy/{}", "", "GetResourcePolicy"},
	{"PUT", "/2026-07-09/resource-policy/{}", "", "PutResourcePolicy"},
}
