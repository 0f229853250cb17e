package config

// The support table's rows of API Gateway's types, SAM's and CloudFormation's.
var apiTypes = []typeRow{
	{
		typ:    "AWS::Serverless::Api",
		served: "Auth BinaryMediaTypes Cors DefinitionBody DefinitionUri Domain EndpointConfiguration MergeDefinitions Name StageName Variables",
		ignored: `AccessLogSetting AlwaysDeploy CacheClusterSize Description DisableExecuteApiEndpoint EndpointAccessMode FailOnWarnings
			Mode Models OpenApiVersion Policy PropagateTags SecurityPolicy Tags`,
		notYet: []noted{
			{name: "CacheClusterEnabled", note: "nothing is cached", unless: "false"},
			{name: "MethodSettings", note: noSettings},
			{name: "MinimumCompressionSize", note: "answers are not compressed"},
			{name: "TracingEnabled", note: "no traces are made", unless: "false"},
		},
		refused: []noted{
			{name: "ApiKeySourceType", note: noKeys, unless: "HEADER"},
			{name: "CanarySetting", note: noCanary},
			{name: "GatewayResponses", note: noResponses},
		},
	},
	{typ: "AWS::Serverless::Api.Cors", served: "AllowCredentials AllowHeaders AllowMethods AllowOrigin MaxAge"},
	domainRow("AWS::Serverless::Api.Domain"),
	{typ: "AWS::Serverless::Api.EndpointConfiguration", served: "Type", ignored: "IpAddressType VPCEndpointIds VpcEndpointIds"},
	{
		typ:     "AWS::Serverless::Api.Auth",
		ignored: "AddApiKeyRequiredToCorsPreflight AddDefaultAuthorizerToCorsPreflight Authorizers InvokeRole",
		notYet:  []noted{{name: "UsagePlan", note: "no quota and no throttle", unless: "NONE"}},
		refused: []noted{
			{name: "ApiKeyRequired", note: noKeys, unless: "false"},
			{name: "DefaultAuthorizer", note: noAuthorizers, unless: "NONE"},
			{name: "ResourcePolicy", note: noPolicy},
		},
	},
	{typ: "AWS::Serverless::Function.Events", open: true},
	{
		typ:     "AWS::Serverless::Function.Events.Api",
		called:  "an event of type Api",
		served:  "Auth Method Path RequestModel RestApiId TimeoutInMillis",
		ignored: "RequestParameters",
		refused: []noted{{name: "ResponseTransferMode", note: noStreaming, unless: "BUFFERED"}},
	},
	{
		typ:     "AWS::Serverless::Function.Events.Api.Auth",
		ignored: "AuthorizationScopes InvokeRole OverrideApiAuth",
		refused: []noted{
			{name: "ApiKeyRequired", note: noKeys, unless: "false"},
			{name: "Authorizer", note: noAuthorizers, unless: "NONE"},
			{name: "ResourcePolicy", note: noPolicy},
		},
	},
	{
		typ:     "AWS::Serverless::Function.Events.Api.RequestModel",
		ignored: "Model Required",
		refused: []noted{
			{name: "ValidateBody", note: noValidation, unless: "false"},
			{name: "ValidateParameters", note: noValidation, unless: "false"},
		},
	},
	{
		typ:     "AWS::Serverless::HttpApi",
		served:  "Auth CorsConfiguration DefinitionBody DefinitionUri Domain Name StageName StageVariables",
		ignored: `AccessLogSettings Description DisableExecuteApiEndpoint FailOnWarnings PropagateTags Tags`,
		notYet: []noted{
			{name: "DefaultRouteSettings", note: noSettings},
			{name: "RouteSettings", note: noSettings},
		},
	},
	domainRow("AWS::Serverless::HttpApi.Domain"),
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
		notYet: []noted{{name: "RouteSettings", note: noSettings}},
	},
	{
		typ:     "AWS::Serverless::Function.Events.HttpApi.Auth",
		ignored: "AuthorizationScopes InvokeRole",
		refused: []noted{{name: "Authorizer", note: noAuthorizers, unless: "NONE"}},
	},
	{typ: "AWS::Serverless::WebSocketApi", class: NotEmulated, open: true},
	{
		typ:    "OpenAPI",
		called: "an OpenAPI document",
		served: `components openapi paths securityDefinitions swagger x-amazon-apigateway-binary-media-types x-amazon-apigateway-cors
			x-amazon-apigateway-request-validator x-amazon-apigateway-request-validators`,
		ignored: `basePath consumes definitions externalDocs host info parameters produces responses schemes security servers tags
			x-amazon-apigateway-documentation x-amazon-apigateway-endpoint-access-mode x-amazon-apigateway-endpoint-configuration
			x-amazon-apigateway-importexport-version x-amazon-apigateway-security-policy x-amazon-apigateway-tag-value`,
		notYet: []noted{{name: "x-amazon-apigateway-minimum-compression-size", note: "answers are not compressed"}},
		refused: []noted{
			{name: "x-amazon-apigateway-api-key-source", note: noKeys, unless: "HEADER"},
			{name: "x-amazon-apigateway-auth", note: noAuthorizers, unless: "NONE"},
			{name: "x-amazon-apigateway-gateway-responses", note: noResponses},
			{name: "x-amazon-apigateway-policy", note: noPolicy},
		},
	},
	{typ: "OpenAPI.x-amazon-apigateway-cors", served: "allowCredentials allowHeaders allowMethods allowOrigins exposeHeaders maxAge"},
	{
		typ:     "OpenAPI.paths",
		called:  "a path",
		served:  "delete get head operation options patch post put " + anyMethod,
		ignored: "description parameters servers summary",
		refused: []noted{{name: "$ref", note: "write the path's methods here"}, {name: "trace", note: "API Gateway has no TRACE"}},
	},
	{
		typ:     "OpenAPI.paths.operation",
		called:  "an operation",
		served:  "isDefaultRoute operationId security x-amazon-apigateway-integration x-amazon-apigateway-request-validator",
		ignored: "callbacks consumes deprecated description externalDocs parameters produces requestBody responses schemes servers summary tags x-amazon-apigateway-documentation",
		refused: []noted{{name: "x-amazon-apigateway-auth", note: noAuthorizers, unless: "NONE"}},
	},
	{
		typ:    "OpenAPI.paths.operation.x-amazon-apigateway-integration",
		served: "httpMethod payloadFormatVersion requestParameters requestTemplates responseParameters responses timeoutInMillis type uri",
		ignored: `cacheKeyParameters cacheNamespace connectionId connectionType contentHandling credentials description integrationTarget
			passthroughBehavior tlsConfig`,
		refused: []noted{
			{name: "integrationSubtype", note: "only Lambda functions are called"},
			{name: "responseTransferMode", note: noStreaming, unless: "BUFFERED"},
		},
	},
}

// The rows of CloudFormation's own types.
var apiGatewayTypes = []typeRow{
	{
		typ:     "AWS::ApiGateway::RestApi",
		served:  "BinaryMediaTypes Body BodyS3Location EndpointConfiguration Name",
		ignored: "Description DisableExecuteApiEndpoint EndpointAccessMode FailOnWarnings Mode Parameters SecurityPolicy Tags",
		notYet:  []noted{{name: "MinimumCompressionSize", note: "answers are not compressed"}},
		refused: []noted{
			{name: "ApiKeySourceType", note: noKeys, unless: "HEADER"},
			{name: "CloneFrom", note: "the other API is not in this template"},
			{name: "Policy", note: noPolicy},
		},
	},
	{typ: "AWS::ApiGateway::RestApi.EndpointConfiguration", served: "Types", ignored: "IpAddressType VpcEndpointIds"},
	{typ: "AWS::ApiGateway::Resource", served: "ParentId PathPart RestApiId"},
	{
		typ:     "AWS::ApiGateway::Method",
		served:  "HttpMethod Integration OperationName RequestValidatorId ResourceId RestApiId",
		ignored: "AuthorizationScopes MethodResponses RequestModels RequestParameters",
		refused: []noted{
			{name: "ApiKeyRequired", note: noKeys, unless: "false"},
			{name: "AuthorizationType", note: noAuthorizers, unless: "NONE"},
			{name: "AuthorizerId", note: noAuthorizers},
		},
	},
	{
		typ:     "AWS::ApiGateway::Method.Integration",
		called:  "an Integration",
		served:  "IntegrationHttpMethod IntegrationResponses RequestParameters RequestTemplates TimeoutInMillis Type Uri",
		ignored: "CacheKeyParameters CacheNamespace ConnectionId ConnectionType ContentHandling Credentials IntegrationTarget PassthroughBehavior",
		refused: []noted{{name: "ResponseTransferMode", note: noStreaming, unless: "BUFFERED"}},
	},
	{
		typ:     "AWS::ApiGateway::Deployment",
		served:  "RestApiId StageDescription StageName",
		ignored: "Description",
		refused: []noted{{name: "DeploymentCanarySettings", note: noCanary}},
	},
	{
		typ:    "AWS::ApiGateway::Deployment.StageDescription",
		served: "Variables",
		ignored: `AccessLogSetting CacheClusterSize CacheDataEncrypted CacheTtlInSeconds ClientCertificateId DataTraceEnabled Description
			DocumentationVersion LoggingLevel MetricsEnabled Tags`,
		notYet: []noted{
			{name: "CacheClusterEnabled", note: "nothing is cached", unless: "false"},
			{name: "CachingEnabled", note: "nothing is cached", unless: "false"},
			{name: "MethodSettings", note: noSettings},
			{name: "ThrottlingBurstLimit", note: noSettings},
			{name: "ThrottlingRateLimit", note: noSettings},
			{name: "TracingEnabled", note: "no traces are made", unless: "false"},
		},
		refused: []noted{{name: "CanarySetting", note: noCanary}},
	},
	{
		typ:     "AWS::ApiGateway::Stage",
		served:  "RestApiId StageName Variables",
		ignored: "AccessLogSetting CacheClusterSize ClientCertificateId DeploymentId Description DocumentationVersion Tags",
		notYet: []noted{
			{name: "CacheClusterEnabled", note: "nothing is cached", unless: "false"},
			{name: "MethodSettings", note: noSettings},
			{name: "TracingEnabled", note: "no traces are made", unless: "false"},
		},
		refused: []noted{{name: "CanarySetting", note: noCanary}},
	},
	{typ: "AWS::ApiGateway::Account", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGateway::ApiKey", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGateway::Authorizer", class: NoLocalEffect, open: true},
	{
		typ:     "AWS::ApiGateway::BasePathMapping",
		ignored: "DomainName RestApiId Stage",
		notYet:  []noted{{name: "BasePath", note: "paths are served without it", unless: "(none)"}},
	},
	{
		typ:     "AWS::ApiGateway::BasePathMappingV2",
		ignored: "DomainNameArn RestApiId Stage",
		notYet:  []noted{{name: "BasePath", note: "paths are served without it", unless: "(none)"}},
	},
	{typ: "AWS::ApiGateway::ClientCertificate", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGateway::DocumentationPart", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGateway::DocumentationVersion", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGateway::DomainName", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGateway::DomainNameAccessAssociation", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGateway::DomainNameV2", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGateway::GatewayResponse", class: Refused, note: noResponses, open: true},
	{typ: "AWS::ApiGateway::Model", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGateway::RequestValidator", served: "ValidateRequestBody ValidateRequestParameters", ignored: "Name RestApiId"},
	{typ: "AWS::ApiGateway::UsagePlan", class: NotEmulated, note: "no quota and no throttle", open: true},
	{typ: "AWS::ApiGateway::UsagePlanKey", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGateway::VpcLink", class: NoLocalEffect, open: true},
	{
		typ:    "AWS::ApiGatewayV2::Api",
		served: "Body BodyS3Location CorsConfiguration Name ProtocolType RouteKey Target",
		ignored: `ApiKeySelectionExpression BasePath CredentialsArn Description DisableExecuteApiEndpoint DisableSchemaValidation FailOnWarnings IpAddressType
			RouteSelectionExpression Tags Version`,
	},
	{typ: "AWS::ApiGatewayV2::Api.CorsConfiguration", served: corsProperties},
	{
		typ:     "AWS::ApiGatewayV2::Route",
		served:  "ApiId OperationName RouteKey Target",
		ignored: "AuthorizationScopes ModelSelectionExpression RequestModels RequestParameters RouteResponseSelectionExpression",
		refused: []noted{
			{name: "ApiKeyRequired", note: noKeys, unless: "false"},
			{name: "AuthorizationType", note: noAuthorizers, unless: "NONE"},
			{name: "AuthorizerId", note: noAuthorizers},
		},
	},
	{
		typ:    "AWS::ApiGatewayV2::Integration",
		served: "ApiId IntegrationType IntegrationUri PayloadFormatVersion RequestParameters ResponseParameters TimeoutInMillis",
		ignored: `ConnectionId ConnectionType ContentHandlingStrategy CredentialsArn Description IntegrationMethod PassthroughBehavior RequestTemplates
			TemplateSelectionExpression TlsConfig`,
		refused: []noted{{name: "IntegrationSubtype", note: "only Lambda functions are called"}},
	},
	{
		typ:     "AWS::ApiGatewayV2::Stage",
		served:  "ApiId StageName StageVariables",
		ignored: "AccessLogSettings AccessPolicyId AutoDeploy ClientCertificateId DeploymentId Description Tags",
		notYet: []noted{
			{name: "DefaultRouteSettings", note: noSettings},
			{name: "RouteSettings", note: noSettings},
		},
	},
	{
		typ:     "AWS::ApiGatewayV2::ApiMapping",
		ignored: "ApiId DomainName Stage",
		notYet:  []noted{{name: "ApiMappingKey", note: "paths are served without it"}},
	},
	{typ: "AWS::ApiGatewayV2::ApiGatewayManagedOverrides", class: NotEmulated, open: true},
	{typ: "AWS::ApiGatewayV2::Authorizer", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGatewayV2::Deployment", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGatewayV2::DomainName", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGatewayV2::IntegrationResponse", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGatewayV2::Model", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGatewayV2::RouteResponse", class: NoLocalEffect, open: true},
	{typ: "AWS::ApiGatewayV2::RoutingRule", class: NotEmulated, note: "requests to a custom domain are not routed", open: true},
	{typ: "AWS::ApiGatewayV2::VpcLink", class: NoLocalEffect, open: true},
}

// What becomes of a request with lenience, where a property is refused.
const (
	noAuthorizers = "no request is authorized; --no-auth lets all through"
	noKeys        = "API keys are not checked; --lenient lets all through"
	noPolicy      = "no resource policy is applied; --lenient lets all through"
	noValidation  = "requests are not validated; --lenient lets all through"
	noResponses   = "--lenient gives AWS's default answers"
	noStreaming   = "--lenient answers when the function has ended"
	noSettings    = "no throttle, cache or log of a method or route"
	noCanary      = "--lenient sends all requests to one deployment"
)

// domainRow is the row of SAM's Domain: a custom domain is not served, so that what it adds to paths and events is missing.
func domainRow(typ string) typeRow {
	return typeRow{
		typ: typ,
		ignored: `AccessAssociation CertificateArn DomainName EndpointConfiguration IpAddressType NormalizeBasePath OwnershipVerificationCertificateArn
			Policy Route53 SecurityPolicy`,
		notYet: []noted{
			{name: "BasePath", note: "paths are served without it", unless: "/ (none)"},
			{name: "MutualTlsAuthentication", note: "no client certificate is asked for"},
		},
	}
}
