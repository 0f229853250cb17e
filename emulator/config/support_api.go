package config

// The support table's rows of API Gateway's types, SAM's and CloudFormation's.
var apiTypes = []typeRow{
	{
		typ:    "AWS::Serverless::Api",
		served: "Auth BinaryMediaTypes Cors DefinitionBody DefinitionUri EndpointConfiguration Name StageName Variables",
		ignored: `AccessLogSetting AlwaysDeploy CacheClusterSize Description DisableExecuteApiEndpoint Domain EndpointAccessMode FailOnWarnings
			MergeDefinitions Mode Models OpenApiVersion Policy PropagateTags SecurityPolicy Tags`,
		notYet: []noted{
			{name: "CacheClusterEnabled", note: "nothing is cached", unless: "false"},
			{name: "MethodSettings", note: "no throttle, cache or log of a method"},
			{name: "MinimumCompressionSize", note: "answers are not compressed"},
			{name: "TracingEnabled", note: "no traces are made", unless: "false"},
		},
		refused: []noted{
			{name: "ApiKeySourceType", note: "API keys are not checked", unless: "HEADER"},
			{name: "CanarySetting", note: "all requests go to one deployment"},
			{name: "GatewayResponses", note: "the gateway's own answers are AWS's defaults"},
		},
	},
	{typ: "AWS::Serverless::Api.Cors", served: "AllowCredentials AllowHeaders AllowMethods AllowOrigin MaxAge"},
	{typ: "AWS::Serverless::Api.EndpointConfiguration", served: "Type", ignored: "IpAddressType VPCEndpointIds VpcEndpointIds"},
	{
		typ:     "AWS::Serverless::Api.Auth",
		ignored: "AddApiKeyRequiredToCorsPreflight AddDefaultAuthorizerToCorsPreflight Authorizers InvokeRole",
		notYet:  []noted{{name: "UsagePlan", note: "no quota and no throttle", unless: "NONE"}},
		refused: []noted{
			{name: "ApiKeyRequired", note: "API keys are not checked", unless: "false"},
			{name: "DefaultAuthorizer", note: noAuthorizers, unless: "NONE"},
			{name: "ResourcePolicy", note: "every caller is let through"},
		},
	},
	{typ: "AWS::Serverless::Function.Events", open: true},
	{
		typ:     "AWS::Serverless::Function.Events.Api",
		called:  "an event of type Api",
		served:  "Auth Method Path RequestModel RestApiId TimeoutInMillis",
		ignored: "RequestParameters",
		refused: []noted{{name: "ResponseTransferMode", note: "answers are not streamed", unless: "BUFFERED"}},
	},
	{
		typ:     "AWS::Serverless::Function.Events.Api.Auth",
		ignored: "AuthorizationScopes InvokeRole OverrideApiAuth",
		refused: []noted{
			{name: "ApiKeyRequired", note: "API keys are not checked", unless: "false"},
			{name: "Authorizer", note: noAuthorizers, unless: "NONE"},
			{name: "ResourcePolicy", note: "every caller is let through"},
		},
	},
	{
		typ:     "AWS::Serverless::Function.Events.Api.RequestModel",
		ignored: "Model Required",
		refused: []noted{
			{name: "ValidateBody", note: "requests are not validated", unless: "false"},
			{name: "ValidateParameters", note: "requests are not validated", unless: "false"},
		},
	},
	{
		typ:     "AWS::Serverless::HttpApi",
		served:  "Auth CorsConfiguration DefinitionBody DefinitionUri Name StageName StageVariables",
		ignored: `AccessLogSettings Description DisableExecuteApiEndpoint Domain FailOnWarnings PropagateTags Tags`,
		notYet: []noted{
			{name: "DefaultRouteSettings", note: "no throttle or metrics of a route"},
			{name: "RouteSettings", note: "no throttle or metrics of a route"},
		},
	},
	{typ: "AWS::Serverless::HttpApi.CorsConfiguration", served: corsProperties},
	{
		typ:     "AWS::Serverless::HttpApi.Auth",
		ignored: "Authorizers EnableIamAuthorizer",
		refused: []noted{{name: "DefaultAuthorizer", note: noAuthorizers, unless: "NONE"}},
	},
	{
		typ:    "AWS::Serverless::Function.Events.HttpApi",
		called: "an event of type HttpApi",
		served: "ApiId Auth Method Path PayloadFormatVersion TimeoutInMillis",
		notYet: []noted{{name: "RouteSettings", note: "no throttle or metrics of a route"}},
	},
	{
		typ:     "AWS::Serverless::Function.Events.HttpApi.Auth",
		ignored: "AuthorizationScopes InvokeRole",
		refused: []noted{{name: "Authorizer", note: noAuthorizers, unless: "NONE"}},
	},
	{typ: "AWS::Serverless::WebSocketApi", class: NotEmulated, open: true},
}

// noAuthorizers says what becomes of an authorizer with lenience.
const noAuthorizers = "no request is authorized; --lenient lets all through"
