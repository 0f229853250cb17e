package awsapi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
)

// updateFunctionCode is the operation UpdateFunctionCode, for deployment packages in the request.
func (h *handler) updateFunctionCode(r *http.Request, rawName string) (int, any, error) {
	var in struct {
		ZipFile                                                     []byte
		S3Bucket, S3Key, S3ObjectVersion, ImageUri, SourceKMSKeyArn string
		Architectures                                               []string
		DryRun, Publish                                             bool
		RevisionId                                                  string
	}
	if err := readBody(r, "UpdateFunctionCode", &in); err != nil {
		return 0, nil, err
	}
	var v violations
	if list := "[" + strings.Join(in.Architectures, ", ") + "]"; len(in.Architectures) > 1 {
		v.add("architectures", list, "have length less than or equal to 1")
	} else if len(in.Architectures) == 1 && in.Architectures[0] != "x86_64" && in.Architectures[0] != "arm64" {
		v.add("architectures", list, "satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]")
	}
	name, err := h.wholeFunction(r, rawName, "lambda:UpdateFunctionCode", v)
	switch {
	case err != nil:
		return 0, nil, err
	case in.S3Bucket != "":
		return 0, nil, notImplemented("emulate does not emulate UpdateFunctionCode from S3 yet: send ZipFile")
	case in.ImageUri != "":
		return 0, nil, notImplemented("emulate does not emulate UpdateFunctionCode with ImageUri yet")
	case len(in.ZipFile) == 0:
		return 0, nil, invalidParameter("The request has no ZipFile")
	}
	c := lambda.CodeUpdate{Zip: in.ZipFile, DryRun: in.DryRun, Publish: in.Publish, RevisionID: in.RevisionId}
	if len(in.Architectures) == 1 {
		c.Architecture = in.Architectures[0]
	}
	d, err := h.Lambda.UpdateCode(r.Context(), name, c)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, configuration(d), nil
}

// configurationRequest is the body of UpdateFunctionConfiguration. What has no effect on a local machine (VpcConfig, KMSKeyArn) is left out; a Role has
// none either, and is only checked.
type configurationRequest struct {
	Description, Handler, Runtime, Role *string
	Timeout, MemorySize                 *int
	Environment                         *struct{ Variables map[string]string }
	EphemeralStorage                    *struct{ Size *int }
	TracingConfig                       *struct{ Mode string }
	RevisionId                          string

	Layers            []string
	FileSystemConfigs []any
	ImageConfig       *struct{}
	LoggingConfig     *struct{}
	SnapStart         *struct{ ApplyOn string }
	DeadLetterConfig  *struct{ TargetArn string }
}

func (in *configurationRequest) check() (v violations) {
	v.maybeBetween("timeout", in.Timeout, 1, 900)
	v.maybeBetween("memorySize", in.MemorySize, 128, 10240)
	if e := in.EphemeralStorage; e != nil {
		v.between("ephemeralStorage.size", e.Size, 512, 10240)
	}
	if t := in.TracingConfig; t != nil {
		v.enum("tracingConfig.mode", t.Mode, "Active", "PassThrough")
	}
	if in.Description != nil {
		v.atMost("description", *in.Description, maxDescription)
	}
	if in.Handler != nil {
		v.atMost("handler", *in.Handler, 128)
	}
	if in.Role != nil {
		v.pattern("role", *in.Role, rolePattern, isRole(*in.Role))
	}
	if e := in.Environment; e != nil && len(config.CheckEnvironment(e.Variables).Misnamed) > 0 {
		// Variables may be secret: AWS does not print them here (public reports of CreateFunction).
		v = append(v, "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: "+
			"[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]")
	}
	return v
}

// unconfigurable says what Lambda refuses in the environment variables beside their names (spec lambda.md §5.1), nil where that is nothing. The order
// of several reserved keys is not known; they are sorted.
func (in *configurationRequest) unconfigurable() error {
	if in.Environment == nil {
		return nil
	}
	const refused = "Lambda was unable to configure your environment variables because the environment variables you have provided "
	switch f := config.CheckEnvironment(in.Environment.Variables); {
	case len(f.Reserved) > 0:
		return invalidParameter(refused + "contains reserved keys that are currently not supported for modification. Reserved keys used in this request: " +
			strings.Join(f.Reserved, ", "))
	case f.TooLarge != "":
		return invalidParameter(refused + "exceeded the 4KB limit. String measured: " + f.TooLarge)
	}
	return nil
}

// checkRuntime refuses a runtime that is none of AWS's (spec lambda.md §8.4). The set that AWS prints is what it still creates functions with; its order is
// not known.
func checkRuntime(runtime string) error {
	known := strings.Fields(runtimes)
	if slices.Contains(known, runtime) || strings.HasPrefix(runtime, "arn:") {
		return nil
	}
	current := slices.DeleteFunc(known, config.Retired)
	return invalidParameter("Value " + runtime + " at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [" +
		strings.Join(current, ", ") + "] or be a valid ARN")
}

// beyond names a member that asks for what cannot be changed here.
func (in *configurationRequest) beyond(runtime string) string {
	switch {
	case in.Runtime != nil && *in.Runtime != runtime:
		return "Runtime"
	case len(in.Layers) > 0:
		return "Layers"
	case len(in.FileSystemConfigs) > 0:
		return "FileSystemConfigs"
	case in.ImageConfig != nil:
		return "ImageConfig"
	case in.LoggingConfig != nil:
		return "LoggingConfig"
	case in.SnapStart != nil && in.SnapStart.ApplyOn != "None":
		return "SnapStart"
	case in.DeadLetterConfig != nil && in.DeadLetterConfig.TargetArn != "":
		return "DeadLetterConfig"
	}
	return ""
}

// updateFunctionConfiguration is the operation UpdateFunctionConfiguration.
func (h *handler) updateFunctionConfiguration(r *http.Request, rawName string) (int, any, error) {
	var in configurationRequest
	if err := readBody(r, "UpdateFunctionConfiguration", &in); err != nil {
		return 0, nil, err
	}
	name, err := h.wholeFunction(r, rawName, "lambda:UpdateFunctionConfiguration", in.check())
	if err != nil {
		return 0, nil, err
	}
	now, err := h.Lambda.Describe(name, "")
	if err != nil {
		return 0, nil, err
	}
	if err := in.unconfigurable(); err != nil {
		return 0, nil, err
	}
	if in.Runtime != nil {
		if err := checkRuntime(*in.Runtime); err != nil {
			return 0, nil, err
		}
	}
	if member := in.beyond(now.Function.Runtime); member != "" {
		return 0, nil, notImplemented("emulate does not emulate a change of " + member + " by UpdateFunctionConfiguration yet: change it in the project's file")
	}
	c := lambda.ConfigurationUpdate{Description: in.Description, Handler: in.Handler, MemoryMB: in.MemorySize, RevisionID: in.RevisionId}
	if in.Timeout != nil {
		t := time.Duration(*in.Timeout) * time.Second
		c.Timeout = &t
	}
	if in.Environment != nil {
		variables := in.Environment.Variables
		if variables == nil {
			variables = map[string]string{} // an Environment without any still is one
		}
		c.Environment = &variables
	}
	if in.EphemeralStorage != nil {
		c.EphemeralStorageMB = in.EphemeralStorage.Size
	}
	if in.TracingConfig != nil {
		c.Tracing = &in.TracingConfig.Mode
	}
	d, err := h.Lambda.UpdateConfiguration(r.Context(), name, c)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, configuration(d), nil
}
