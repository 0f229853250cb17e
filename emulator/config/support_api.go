package config

// The support table's rows of API Gateway's types, SAM's and CloudFormation's.
var apiTypes = []typeRow{
	{typ: "AWS::Serverless::Api", open: true},
	{typ: "AWS::Serverless::HttpApi", open: true},
	{typ: "AWS::Serverless::WebSocketApi", class: NotEmulated, open: true},
}
