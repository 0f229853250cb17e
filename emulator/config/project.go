package config

import "time"

// Project is what a user's configuration describes: functions, APIs and the limits of the account. It is the one native model; every file format
// is an adapter into it. A Project is immutable once Load has returned it: a reload makes a new one.
type Project struct {
	// Dir is the absolute path of the project's folder; relative paths in the configuration start here.
	Dir string
	// File is the absolute path of the configuration file, "" where a folder without one is served.
	File string
	// EnvFile is the absolute path of the env file that was read, whether it was named or found; "" where there is none.
	EnvFile string
	// Summary says in one line what the configuration has and nothing here acts on ("accepted and not emulated: 3 AWS::DynamoDB::Table, …"), or "".
	Summary string
	// Inputs are the absolute paths of all files that Load read (the configuration, OpenAPI documents, env files), for the watcher.
	Inputs []string
	// Functions, in the order of the file.
	Functions []*Function
	// APIs, in the order of the file.
	APIs []*API
	// AccountConcurrency is the account's limit of concurrent executions; 0 means AWS's default of 1,000.
	AccountConcurrency int
	// Ignore are the user's globs (relative to Dir, ** allowed) of what a change may not reload.
	Ignore []string
	// IdleTimeout is how long an idle environment lives; 0 means 10 minutes.
	IdleTimeout time.Duration
	// RequestRate is how many requests per second each unit of concurrency allows; 0 means AWS's 10, a negative number no such quota.
	RequestRate int
	// StartBurst and StartsPerSecond are each function's scaling rate, in new environments; 0 means AWS's 1,000 and 100.
	StartBurst, StartsPerSecond int
	// ColdStarts is "" where cold starts take what they take here, "aws" where they are to take what AWS's do.
	ColdStarts string
}

// Function is one Lambda function.
type Function struct {
	// LogicalID is the function's key in the file; Name is its FunctionName, else the logical id.
	LogicalID, Name string
	// At is where the function is declared.
	At Position
	// Description as given.
	Description string
	// Runtime is AWS's identifier, such as "provided.al2023" or "nodejs22.x". It may be empty for an image function.
	Runtime string
	// Handler as given; ignored by provided runtimes.
	Handler string
	// PackageType is "Zip" or "Image".
	PackageType string
	// Code says where the code is and how it becomes a folder shaped like /var/task.
	Code Code
	// Architecture is "x86_64" or "arm64".
	Architecture string
	// MemoryMB is 128..10240.
	MemoryMB int
	// Timeout is 1..900 s.
	Timeout time.Duration
	// EphemeralStorageMB is the size of /tmp, 512..10240.
	EphemeralStorageMB int
	// Environment is the function's own variables, after Globals, --env, --env-file and --parameter were applied.
	Environment map[string]string
	// Layers are absolute paths of local folders (or zip files), in order.
	Layers []string
	// ReservedConcurrency is nil where the function has no reservation; 0 throttles everything.
	ReservedConcurrency *int
	// ProvisionedConcurrency of Alias; 0 is none.
	ProvisionedConcurrency int
	// Warm pings the function, to keep environments warm; nil where nobody does.
	Warm *Warm
	// Alias is SAM's AutoPublishAlias: it makes version 1 and this alias of it.
	Alias string
	// URL is the function's Function URL; nil where it has none. Read, not served yet.
	URL *FunctionURL
	// MaximumRetryAttempts of an Event invocation, 0..2; nil means 2.
	MaximumRetryAttempts *int
	// MaximumEventAge of an Event invocation, 60 s to 6 h; 0 means 6 h.
	MaximumEventAge time.Duration
	// Logging is the function's LoggingConfig.
	Logging Logging
	// Tracing is "Active" or "PassThrough".
	Tracing string
	// Executor is "", "auto", "process" or "docker": the function's own choice over --executor.
	Executor string
	// Image is what a function of PackageType Image is made of.
	Image Image
	// Container holds what concerns containers only.
	Container Container
	// Tags as given.
	Tags map[string]string
	// Broken holds the errors of this function that --lenient tells as warnings: it is listed, and answers with them.
	Broken []Diagnostic
}

// Warm is a warmer: every so often it sends Concurrency pings.
type Warm struct {
	Every       time.Duration
	Concurrency int
	// Sequential sends a ping when the last one was answered; otherwise they overlap, and each finds an environment of its own.
	Sequential bool
	// Payload is the ping's event; "" means {"warmer":true,"concurrency":1}.
	Payload string
}

// Image is a container image function's image: one that exists, or one to build.
type Image struct {
	// URI is ImageUri, "" where the image is built.
	URI string
	// Context, Dockerfile, Tag, Args and Target are SAM's Metadata DockerContext (absolute), Dockerfile (relative to Context, or absolute; "" means Dockerfile),
	// DockerTag, DockerBuildArgs and DockerBuildTarget. Context is "" where nothing is built.
	Context, Dockerfile, Tag, Target string
	Args                             map[string]string
	// EntryPoint, Command and WorkingDirectory are ImageConfig: nil and "" keep the image's own.
	EntryPoint, Command []string
	WorkingDirectory    string
}

// Container is what a function asks of the container executor and of builds in containers.
type Container struct {
	// Image is the image that a zip function runs in, and BuildImage the one that it is built in; "" means AWS's for its runtime.
	Image, BuildImage string
	// Network is "" or "shared" (one network for the project's zip functions), "own" (one for each environment), "host", "none", or the name of a
	// network of the engine.
	Network string
}

// Code is the source of a function's code: a folder, a file, or text in the configuration.
type Code struct {
	// Dir is the absolute path of the code's folder; "" for inline code. A zip or jar file's path may stand here too.
	Dir string
	// Inline is the text of the one source file (SAM InlineCode, CloudFormation ZipFile).
	Inline string
	// InlineName is the name of that file: "index.js" or "index.py".
	InlineName string
	// BuildMethod is SAM's Metadata.BuildMethod: "", "go1.x", "makefile", "esbuild", "python-uv", "rust-cargolambda", or one that SAM has no name for:
	// "dockerfile", "compose", "native". Empty lets dockerbuild find out.
	BuildMethod string
	// BuildProperties are SAM's Metadata.BuildProperties (esbuild: Minify, Target, Sourcemap, EntryPoints, External, Format, …), or the settings of
	// another method: cgo; binary, features, profile; dockerfile, context, target, args, path; file, service, path; packages, commands, files. Values are as
	// the file gives them: strings, bools, numbers, []any, map[string]any.
	BuildProperties map[string]any
	// MakeTarget is the target of BuildMethod makefile: build-<LogicalID>.
	MakeTarget string
	// SkipBuild is SAM's Metadata.SkipBuild: the folder is complete as it is.
	SkipBuild bool
}

// FunctionURL is a function's own HTTPS endpoint.
type FunctionURL struct {
	// AuthType is "NONE" or "AWS_IAM".
	AuthType string
	// InvokeMode is "BUFFERED" or "RESPONSE_STREAM".
	InvokeMode string
	CORS       *CORS
}

// Logging is a function's LoggingConfig.
type Logging struct {
	// Format is "Text" or "JSON".
	Format string
	// ApplicationLevel and SystemLevel are only set with Format JSON.
	ApplicationLevel, SystemLevel string
	// Group is the log group, "" for /aws/lambda/<name>.
	Group string
}

// APIKind tells REST APIs (v1) from HTTP APIs (v2).
type APIKind string

// The kinds of APIs that are served.
const (
	REST APIKind = "rest"
	HTTP APIKind = "http"
)

// API is one REST or HTTP API.
type API struct {
	// ID is ten lower-case alphanumerics made from the logical id, so that it stays the same over reloads and machines.
	ID string
	// LogicalID is the key in the file (ServerlessRestApi, ServerlessHttpApi for SAM's implicit ones); Name is what it is called.
	LogicalID, Name string
	At              Position
	Kind            APIKind
	// Stages has at least one entry; the first is the one that a bare path means. HTTP APIs name it "$default" by default.
	Stages []Stage
	Routes []Route
	// BinaryMediaTypes of a REST API, with "~1" already turned into "/".
	BinaryMediaTypes []string
	// CORS of an HTTP API; nil where not configured. (CORS of a REST API becomes OPTIONS routes with a Mock integration.)
	CORS *CORS
	// EdgeOptimized is true only where the configuration asks for an edge endpoint to be emulated with its CloudFront headers.
	EdgeOptimized bool
}

// Stage is one stage of an API.
type Stage struct {
	Name string
	// Variables are the stage variables.
	Variables map[string]string
}

// CORS is the configuration of an HTTP API's or Function URL's CORS answers. nil slices and MaxAge nil mean "not configured".
type CORS struct {
	AllowOrigins, AllowMethods, AllowHeaders, ExposeHeaders []string
	AllowCredentials                                        bool
	// MaxAge in seconds.
	MaxAge *int
}

// Route joins a method and a path to an integration.
type Route struct {
	At Position
	// Method is an upper-case verb or "ANY".
	Method string
	// Path is the template: "/", "/users/{id}", "/{proxy+}"; "$default" for an HTTP API's default route.
	Path string
	// OperationName is OpenAPI's operationId or CloudFormation's OperationName; REST events carry it.
	OperationName string
	Integration   Integration
	// Broken holds the errors of this route that --lenient tells as warnings: it answers 502 with them.
	Broken []Diagnostic
}

// Key is the route key of an HTTP API: "GET /users/{id}", or "$default".
func (r Route) Key() string {
	if r.Path == "$default" {
		return r.Path
	}
	return r.Method + " " + r.Path
}

// IntegrationType is what stands behind a route.
type IntegrationType string

// The integrations that are served.
const (
	// LambdaProxy is AWS_PROXY with a function.
	LambdaProxy IntegrationType = "aws_proxy"
	// Mock answers by itself: the OPTIONS methods that SAM and CDK make for CORS.
	Mock IntegrationType = "mock"
)

// Integration is what a route calls.
type Integration struct {
	Type IntegrationType
	// Function is the Name of the function in the same Project; Qualifier is a version or alias, "" for none. Function may hold
	// ${stageVariables.x}, which the gateway fills in per stage.
	Function, Qualifier string
	// PayloadFormat is "1.0" or "2.0"; always "1.0" for REST.
	PayloadFormat string
	// Timeout of the integration: 50 ms..29 s for REST (more where the file says so), 30 s for HTTP APIs; 0 means the kind's maximum.
	Timeout time.Duration
	// HTTPMethod of a REST Lambda integration: anything but POST makes every call fail with 500, as on AWS.
	HTTPMethod string
	// RequestParameters are a REST integration's mappings ("integration.request.header.X": "'…'"). AWS_PROXY ignores them, but for the
	// header names whose mapping makes AWS answer 500.
	RequestParameters map[string]string
	// MockStatus, MockHeaders and MockBody are the fixed answer of a Mock integration.
	MockStatus  int
	MockHeaders map[string]string
	MockBody    string
}

// Position is a place in a configuration file. Line and Column count from 1; 0 means unknown.
type Position struct {
	File         string
	Line, Column int
}

// Severity of a Diagnostic.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Diagnostic is one problem of a configuration, told so that the user can mend it.
type Diagnostic struct {
	Severity Severity
	Position
	// Excerpt is the line of the file, without its end.
	Excerpt string
	// Message says what is wrong, in one sentence without a full stop; Hint says how to mend it, or "".
	Message, Hint string
	// Code is stable and machine-readable, such as "unknown-property" or "unresolved-reference".
	Code string
	// Object is the logical id of the function or API concerned, "" where the whole file is.
	Object string
}
