package config

// The support table's rows of emulate.yaml.
var nativeTypes = []typeRow{
	{typ: "emulate.yaml", called: "emulate.yaml", served: "apis coldStarts container environment functions idleTimeout limits watch"},
	{
		typ: "emulate.yaml functions", called: "a function",
		served: `alias architecture build code container description environment ephemeralStorage executor handler image inline layers logging memory name
			provisionedConcurrency reservedConcurrency retries runtime tags timeout warm`,
		notYet: []noted{
			{name: "tracing", note: "no traces are made", unless: "PassThrough"},
			{name: "url", note: "the function has no URL"},
		},
	},
	{
		typ:    "emulate.yaml functions.logging",
		served: "group",
		notYet: []noted{
			{name: "format", note: "log lines are text", unless: "Text"},
			{name: "applicationLevel", note: "no line is left out"},
			{name: "systemLevel", note: "no line is left out"},
		},
	},
	{typ: "emulate.yaml functions.image", served: "args command context dockerfile entryPoint tag target uri workingDirectory"},
	{typ: "emulate.yaml functions.container", served: functionContainer},
	{typ: "emulate.yaml functions.warm", served: warmer},
	{typ: "emulate.yaml functions.url", served: "auth cors invokeMode"},
	{typ: "emulate.yaml functions.url.cors", served: nativeCORS},
	{typ: "emulate.yaml functions.build", served: "method", open: true},
	{typ: "emulate.yaml apis", called: "an API", served: "binaryMediaTypes cors kind name routes stage stages variables"},
	{typ: "emulate.yaml apis.cors", served: nativeCORS},
	{typ: "emulate.yaml apis.stages", called: "a stage", served: "variables"},
	{typ: "emulate.yaml apis.routes", called: "a route", served: "function payload timeout"},
	{typ: "emulate.yaml container", called: "container", served: projectContainer},
	{typ: "emulate.yaml limits", called: "limits", served: accountLimits},
	{typ: "emulate.yaml watch", called: "watch", served: "ignore"},
}

// What concerns containers is called alike in emulate.yaml and in a template's Metadata.
const (
	functionContainer = "buildImage image network"
	projectContainer  = functionContainer + " buildImages images"
)

// warmer are the settings of a warmer, in emulate.yaml and in a template's Metadata.
const warmer = "concurrency every payload sequential"

const nativeCORS = "allowCredentials allowHeaders allowMethods allowOrigins exposeHeaders maxAge"
