package fleet

import "strconv"

func name(names []string, i uint8) string {
	if int(i) < len(names) && names[i] != "" {
		return names[i]
	}
	return strconv.Itoa(int(i))
}

// String is the kind's name, for logs and tests.
func (k Kind) String() string {
	return name([]string{Start: "Start", Assign: "Assign", Wait: "Wait", Throttle: "Throttle", Fail: "Fail", Reset: "Reset", Stop: "Stop"}, uint8(k))
}

// String is the Reason that AWS sends (spec lambda.md §6.2).
func (r Reason) String() string {
	return name([]string{
		ConcurrentInvocationLimitExceeded:                 "ConcurrentInvocationLimitExceeded",
		ReservedFunctionConcurrentInvocationLimitExceeded: "ReservedFunctionConcurrentInvocationLimitExceeded",
		FunctionInvocationRateLimitExceeded:               "FunctionInvocationRateLimitExceeded",
		ReservedFunctionInvocationRateLimitExceeded:       "ReservedFunctionInvocationRateLimitExceeded",
	}, uint8(r))
}

// String is the cause's name, for logs and tests.
func (c Cause) String() string {
	return name([]string{
		InitError: "InitError", InitTimeout: "InitTimeout", Crash: "Crash", Timeout: "Timeout", StartError: "StartError",
		Lost: "Lost", Removed: "Removed",
	}, uint8(c))
}

// String is the name of the reason, for logs and tests.
func (w Why) String() string {
	return name([]string{
		Idle: "Idle", Replaced: "Replaced", Closing: "Closing", Broken: "Broken", Recycled: "Recycled", Forced: "Forced",
		Unprovisioned: "Unprovisioned",
	}, uint8(w))
}

// String is the state's name in lower case, for logs and messages.
func (s State) String() string {
	return name([]string{
		StateNone: "none", StateStarting: "starting", StateReset: "reset", StateInit: "init", StateIdle: "idle", StateInvoke: "invoke",
		StateResponded: "responded", StateStopping: "stopping",
	}, uint8(s))
}
