package config

// The support table's rows of SAM's types that are no APIs.
var serverlessTypes = []typeRow{
	{
		typ: "AWS::Serverless::Function",
		served: `Architectures AutoPublishAlias CodeUri Description Environment EphemeralStorage EventInvokeConfig Events FunctionName Handler ImageConfig ImageUri InlineCode
			Layers LoggingConfig MemorySize PackageType ProvisionedConcurrencyConfig ReservedConcurrentExecutions Runtime Timeout`,
		ignored: `AssumeRolePolicyDocument AutoPublishAliasAllProperties AutoPublishCodeSha256 CodeSigningConfigArn DeploymentPreference
			KmsKeyArn PermissionsBoundary Policies PropagateTags RecursiveLoop Role RolePath RuntimeManagementConfig SourceKMSKeyArn Tags
			VersionDeletionPolicy VersionDescription VpcConfig`,
		notYet: []noted{
			{name: "AcceleratorConfig"},
			{name: "CapacityProviderConfig", note: "the function runs one request per environment"},
			{name: "DeadLetterQueue", note: "failed asynchronous invokes are not sent to it"},
			{name: "FileSystemConfigs", note: "nothing is mounted"},
			{name: "FunctionScalingConfig"},
			{name: "FunctionUrlConfig", note: "the function has no URL"},
			{name: "PublishToLatestPublished"},
			{name: "RuntimeConfig"},
			{name: "SnapStart", note: "environments start without a snapshot", unless: "None"},
			{name: "TenancyConfig", note: "environments are not kept apart by tenant"},
			{name: "Tracing", note: "no traces are made", unless: "PassThrough Disabled"},
		},
		refused: []noted{
			{name: "DurableConfig", note: "a durable function needs the durable execution API"},
		},
	},
	{typ: "AWS::Serverless::Function.Environment", served: "Variables"},
	{typ: "AWS::Serverless::Function.EphemeralStorage", served: "Size"},
	{
		typ:    "AWS::Serverless::Function.EventInvokeConfig",
		served: "MaximumEventAgeInSeconds MaximumRetryAttempts",
		notYet: []noted{
			{name: "DestinationConfig", note: "results go nowhere"},
		},
	},
	{typ: "AWS::Serverless::Function.ImageConfig", served: imageConfig},
	loggingRow("AWS::Serverless::Function.LoggingConfig"),
	metadataRow("AWS::Serverless::Function Metadata"),
	{typ: "AWS::Serverless::Function Metadata.Emulate", served: "container executor warm"},
	{typ: "AWS::Serverless::Function Metadata.Emulate.container", served: functionContainer},
	{typ: "AWS::Serverless::Function Metadata.Emulate.warm", served: warmer},
	{typ: "template Metadata", called: "Metadata", served: "Emulate", open: true},
	{typ: "template Metadata.Emulate", served: "coldStarts container idleTimeout limits"},
	{typ: "template Metadata.Emulate.limits", served: accountLimits},
	{typ: "template Metadata.Emulate.container", served: projectContainer},
	{typ: "AWS::Serverless::Function.ProvisionedConcurrencyConfig", served: "ProvisionedConcurrentExecutions"},
	{typ: "AWS::Serverless::Function.FunctionUrlConfig", served: "AuthType Cors InvokeMode"},
	{typ: "AWS::Serverless::Function.FunctionUrlConfig.Cors", served: corsProperties},
	{
		typ:     "AWS::Serverless::LayerVersion",
		served:  "ContentUri LayerName",
		ignored: "CompatibleArchitectures CompatibleRuntimes Description LicenseInfo PublishLambdaVersion RetentionPolicy",
	},
	{typ: "AWS::Serverless::SimpleTable", class: NoLocalEffect, open: true},
	{typ: "AWS::Serverless::Connector", class: NoLocalEffect, open: true},
	{typ: "AWS::Serverless::NetworkConnector", class: NoLocalEffect, open: true},
	{typ: "AWS::Serverless::CapacityProvider", class: NoLocalEffect, open: true},
	{typ: "AWS::Serverless::Application", class: NotEmulated, note: "nested applications are not read", open: true},
	{typ: "AWS::CloudFormation::Stack", class: NotEmulated, note: "nested stacks are not read; serve the nested template by itself", open: true},
	{typ: "AWS::Serverless::StateMachine", class: NotEmulated, open: true},
	{typ: "AWS::Serverless::GraphQLApi", class: NotEmulated, open: true},
	{typ: "AWS::Serverless::MicrovmImage", class: NotEmulated, open: true},
	{typ: "AWS::Serverless::WebFunction", class: Refused, open: true},
}

// The rows of CloudFormation's own Lambda types.
var lambdaTypes = []typeRow{
	{
		typ: "AWS::Lambda::Function",
		served: `Architectures Code Description Environment EphemeralStorage FunctionName Handler ImageConfig Layers LoggingConfig
			MemorySize PackageType ReservedConcurrentExecutions Runtime Timeout`,
		ignored: "CodeSigningConfigArn KmsKeyArn RecursiveLoop Role RuntimeManagementConfig Tags VpcConfig",
		notYet: []noted{
			{name: "AcceleratorConfig"},
			{name: "CapacityProviderConfig", note: "the function runs one request per environment"},
			{name: "DeadLetterConfig", note: "failed asynchronous invokes are not sent to it"},
			{name: "FileSystemConfigs", note: "nothing is mounted"},
			{name: "FunctionScalingConfig"},
			{name: "PublishToLatestPublished"},
			{name: "RuntimeConfig"},
			{name: "SnapStart", note: "environments start without a snapshot", unless: "None"},
			{name: "TenancyConfig", note: "environments are not kept apart by tenant"},
			{name: "TracingConfig", note: "no traces are made", unless: "PassThrough"},
		},
		refused: []noted{
			{name: "DurableConfig", note: "a durable function needs the durable execution API"},
		},
	},
	{typ: "AWS::Lambda::Function.Code", served: "ImageUri S3Bucket S3Key S3ObjectVersion ZipFile", ignored: "S3ObjectStorageMode SourceKMSKeyArn"},
	{typ: "AWS::Lambda::Function.Environment", served: "Variables"},
	{typ: "AWS::Lambda::Function.EphemeralStorage", served: "Size"},
	{typ: "AWS::Lambda::Function.ImageConfig", served: imageConfig},
	loggingRow("AWS::Lambda::Function.LoggingConfig"),
	metadataRow("AWS::Lambda::Function Metadata"),
	{typ: "AWS::Lambda::Function Metadata.Emulate", served: "container executor warm"},
	{typ: "AWS::Lambda::Function Metadata.Emulate.container", served: functionContainer},
	{typ: "AWS::Lambda::Function Metadata.Emulate.warm", served: warmer},
	{
		typ:     "AWS::Lambda::LayerVersion",
		served:  "Content LayerName",
		ignored: "CompatibleArchitectures CompatibleRuntimes Description LicenseInfo",
	},
	{
		typ:     "AWS::Lambda::Version",
		served:  "FunctionName",
		ignored: "CodeSha256 Description FunctionScalingConfig RuntimePolicy",
		notYet:  []noted{{name: "ProvisionedConcurrencyConfig", note: "all environments start on demand"}},
	},
	{
		typ:     "AWS::Lambda::Alias",
		served:  "FunctionName FunctionVersion Name ProvisionedConcurrencyConfig",
		ignored: "Description",
		notYet: []noted{
			{name: "RoutingConfig", note: "all requests go to one version"},
		},
	},
	{typ: "AWS::Lambda::Alias.ProvisionedConcurrencyConfig", served: "ProvisionedConcurrentExecutions"},
	{
		typ:    "AWS::Lambda::Url",
		class:  NotEmulated,
		note:   "the function has no URL",
		served: "AuthType Cors InvokeMode Qualifier TargetFunctionArn",
	},
	{typ: "AWS::Lambda::Url.Cors", served: corsProperties},
	{typ: "AWS::Lambda::Permission", class: NoLocalEffect, open: true},
	{typ: "AWS::Lambda::LayerVersionPermission", class: NoLocalEffect, open: true},
	{typ: "AWS::Lambda::ResourcePolicy", class: NoLocalEffect, open: true},
	{typ: "AWS::Lambda::CodeSigningConfig", class: NoLocalEffect, open: true},
	{typ: "AWS::Lambda::NetworkConnector", class: NoLocalEffect, open: true},
	{typ: "AWS::Lambda::CapacityProvider", class: NoLocalEffect, open: true},
	{typ: "AWS::Lambda::EventSourceMapping", class: NotEmulated, note: "the function is not invoked by it", open: true},
	{
		typ:     "AWS::Lambda::EventInvokeConfig",
		served:  "FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts",
		ignored: "Qualifier",
		notYet: []noted{
			{name: "DestinationConfig", note: "results go nowhere"},
		},
	},
	{typ: "AWS::Lambda::WebFunction", class: Refused, open: true},
	{typ: "AWS::Lambda::WebFunctionRevision", class: Refused, open: true},
	{typ: "AWS::Lambda::WebFunctionEndpoint", class: Refused, open: true},
}

const corsProperties = "AllowCredentials AllowHeaders AllowMethods AllowOrigins ExposeHeaders MaxAge"

const imageConfig = "Command EntryPoint WorkingDirectory"

// metadataRow is what SAM, the CDK and we ourselves read of a function's Metadata, whose other names are the user's own.
func metadataRow(typ string) typeRow {
	return typeRow{
		typ: typ, called: "Metadata", open: true,
		served: `BuildMethod BuildProperties DockerBuildArgs DockerBuildTarget DockerContext DockerTag Dockerfile Emulate SkipBuild aws:asset:path
			aws:asset:docker-build-args aws:asset:docker-build-target aws:asset:dockerfile-path`,
	}
}

func loggingRow(typ string) typeRow {
	return typeRow{
		typ:    typ,
		served: "LogGroup",
		notYet: []noted{
			{name: "LogFormat", note: "log lines are text", unless: "Text"},
			{name: "ApplicationLogLevel", note: "no line is left out"},
			{name: "SystemLogLevel", note: "no line is left out"},
		},
	}
}
