package config

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// maxEnvironment is how many bytes the JSON of a function's environment variables may have. Source: spec lambda.md §5.1, §11.
const maxEnvironment = 4096

var variableNames = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]+$`)

// reservedVariables are set by Lambda and cannot be set by a function's configuration. Source: spec lambda.md §5.1.
var reservedVariables = strings.Fields(`_HANDLER _X_AMZN_TRACE_ID AWS_DEFAULT_REGION AWS_REGION AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME
	AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME
	AWS_LAMBDA_LOG_STREAM_NAME AWS_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_SECRET_KEY AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_LAMBDA_RUNTIME_API
	AWS_LAMBDA_METADATA_API AWS_LAMBDA_METADATA_TOKEN AWS_LAMBDA_MAX_CONCURRENCY LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR`)

// EnvironmentFaults are what Lambda refuses in a function's environment variables (spec lambda.md §5.1).
type EnvironmentFaults struct {
	// Reserved are the names, sorted, that Lambda sets itself. Misnamed are those that do not start with a letter and have 2 or more letters, digits and _;
	// a reserved one that starts with _ is in both.
	Reserved, Misnamed []string
	// TooLarge is the variables' JSON where it has more than 4,096 bytes, else "".
	TooLarge string
}

// CheckEnvironment holds environment variables against Lambda's rules.
func CheckEnvironment(vars map[string]string) EnvironmentFaults {
	var f EnvironmentFaults
	for _, name := range keys(vars) {
		if slices.Contains(reservedVariables, name) {
			f.Reserved = append(f.Reserved, name)
		}
		if !variableNames.MatchString(name) {
			f.Misnamed = append(f.Misnamed, name)
		}
	}
	if measured := environmentJSON(vars); len(measured) > maxEnvironment {
		f.TooLarge = measured
	}
	return f
}

// environmentJSON is what Lambda measures: <, > and & are one byte each in it.
func environmentJSON(vars map[string]string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(vars) // texts can always be written
	return strings.TrimSuffix(b.String(), "\n")
}
