package config

import (
	"fmt"
	"slices"
	"strings"
)

// localValue says what Ref and Fn::GetAtt give for a type of another service: values of the right form, made of the resource's name. {name} is
// the explicit name (the property of that name), else the logical id, where AWS would make a random name of it.
type localValue struct {
	typ, nameProperty, ref string
	// attributes alternate between names and values.
	attributes []string
}

const (
	arnOf     = "arn:aws:%s:{region}:{account}:"
	queueURL  = "https://sqs.{region}.amazonaws.com/{account}/{name}"
	lambdaARN = "arn:aws:lambda:{region}:{account}:function:{name}"
)

// localValues are the types whose values handlers commonly get by environment variables.
var localValues = []localValue{
	{"AWS::Serverless::Function", "FunctionName", "{name}", []string{"Arn", lambdaARN, "SnapStartResponse", "", "SnapStartResponse.ApplyOn", "None", "SnapStartResponse.OptimizationStatus", "Off"}},
	{"AWS::Lambda::Function", "FunctionName", "{name}", []string{"Arn", lambdaARN, "SnapStartResponse", "", "SnapStartResponse.ApplyOn", "None", "SnapStartResponse.OptimizationStatus", "Off"}},
	{"AWS::Lambda::Version", "", "arn:aws:lambda:{region}:{account}:function:{function}:1", []string{"Version", "1", "FunctionArn", "arn:aws:lambda:{region}:{account}:function:{function}:1"}},
	{"AWS::Lambda::Alias", "Name", "arn:aws:lambda:{region}:{account}:function:{function}:{name}", []string{"AliasArn", "arn:aws:lambda:{region}:{account}:function:{function}:{name}"}},
	{"AWS::Lambda::Url", "", "arn:aws:lambda:{region}:{account}:function:{function}", []string{"FunctionArn", "arn:aws:lambda:{region}:{account}:function:{function}", "FunctionUrl", "https://{apiid}.lambda-url.{region}.on.aws/"}},
	{"AWS::Serverless::LayerVersion", "LayerName", "arn:aws:lambda:{region}:{account}:layer:{name}:1", nil},
	{"AWS::Lambda::LayerVersion", "LayerName", "arn:aws:lambda:{region}:{account}:layer:{name}:1", nil},
	{"AWS::Serverless::Api", "", "{apiid}", []string{"RootResourceId", "{rootid}"}},
	{"AWS::ApiGateway::RestApi", "", "{apiid}", []string{"RootResourceId", "{rootid}", "RestApiId", "{apiid}"}},
	{"AWS::Serverless::HttpApi", "", "{apiid}", []string{"ApiEndpoint", "https://{apiid}.execute-api.{region}.amazonaws.com"}},
	{"AWS::ApiGatewayV2::Api", "", "{apiid}", []string{"ApiEndpoint", "https://{apiid}.execute-api.{region}.amazonaws.com", "ApiId", "{apiid}"}},
	{"AWS::ApiGateway::Resource", "", "{name}", []string{"ResourceId", "{name}"}},
	{"AWS::ApiGatewayV2::Integration", "", "{name}", []string{"IntegrationId", "{name}"}},
	{"AWS::ApiGateway::Stage", "StageName", "{name}", nil},
	{"AWS::ApiGatewayV2::Stage", "StageName", "{name}", nil},
	{"AWS::DynamoDB::Table", "TableName", "{name}", []string{"Arn", "arn:aws:dynamodb:{region}:{account}:table/{name}", "StreamArn", "arn:aws:dynamodb:{region}:{account}:table/{name}/stream/2026-01-01T00:00:00.000"}},
	{"AWS::DynamoDB::GlobalTable", "TableName", "{name}", []string{"Arn", "arn:aws:dynamodb:{region}:{account}:table/{name}", "StreamArn", "arn:aws:dynamodb:{region}:{account}:table/{name}/stream/2026-01-01T00:00:00.000"}},
	{"AWS::Serverless::SimpleTable", "TableName", "{name}", []string{"Arn", "arn:aws:dynamodb:{region}:{account}:table/{name}"}},
	{"AWS::SQS::Queue", "QueueName", queueURL, []string{"Arn", "arn:aws:sqs:{region}:{account}:{name}", "QueueName", "{name}", "QueueUrl", queueURL}},
	{"AWS::SNS::Topic", "TopicName", "arn:aws:sns:{region}:{account}:{name}", []string{"TopicName", "{name}", "TopicArn", "arn:aws:sns:{region}:{account}:{name}"}},
	{"AWS::S3::Bucket", "BucketName", "{name}", []string{"Arn", "arn:aws:s3:::{name}", "DomainName", "{name}.s3.amazonaws.com", "RegionalDomainName", "{name}.s3.{region}.amazonaws.com", "WebsiteURL", "http://{name}.s3-website-{region}.amazonaws.com"}},
	{"AWS::IAM::Role", "RoleName", "{name}", []string{"Arn", "arn:aws:iam::{account}:role/{name}"}},
	{"AWS::SecretsManager::Secret", "Name", "arn:aws:secretsmanager:{region}:{account}:secret:{name}-AAAAAA", []string{"Id", "arn:aws:secretsmanager:{region}:{account}:secret:{name}-AAAAAA"}},
	{"AWS::SSM::Parameter", "Name", "{name}", nil},
	{"AWS::Events::EventBus", "Name", "{name}", []string{"Arn", "arn:aws:events:{region}:{account}:event-bus/{name}", "Name", "{name}"}},
	{"AWS::Events::Rule", "Name", "{name}", []string{"Arn", "arn:aws:events:{region}:{account}:rule/{name}"}},
	{"AWS::StepFunctions::StateMachine", "StateMachineName", "arn:aws:states:{region}:{account}:stateMachine:{name}", []string{"Arn", "arn:aws:states:{region}:{account}:stateMachine:{name}", "Name", "{name}"}},
	{"AWS::Serverless::StateMachine", "Name", "arn:aws:states:{region}:{account}:stateMachine:{name}", []string{"Arn", "arn:aws:states:{region}:{account}:stateMachine:{name}", "Name", "{name}"}},
	{"AWS::Kinesis::Stream", "Name", "{name}", []string{"Arn", "arn:aws:kinesis:{region}:{account}:stream/{name}"}},
	{"AWS::KMS::Key", "", "{name}", []string{"Arn", "arn:aws:kms:{region}:{account}:key/{name}", "KeyId", "{name}"}},
	{"AWS::Logs::LogGroup", "LogGroupName", "{name}", []string{"Arn", "arn:aws:logs:{region}:{account}:log-group:{name}:*"}},
	{"AWS::Cognito::UserPool", "", "{region}_{name}", []string{"Arn", "arn:aws:cognito-idp:{region}:{account}:userpool/{region}_{name}", "ProviderName", "cognito-idp.{region}.amazonaws.com/{region}_{name}", "ProviderURL", "https://cognito-idp.{region}.amazonaws.com/{region}_{name}", "UserPoolId", "{region}_{name}"}},
}

// generated are the endings of names that SAM makes of a resource's own: of the resources it adds, and of those that Ref may name by a property.
var generated = []string{".Version", ".Alias", ".DestinationTopic", ".DestinationQueue", ".Stage", ".Deployment", "Role", "Url", "UrlPublicPermissions", "Stage", "Deployment"}

// ref gives the value of a Ref (also ${Name} in Fn::Sub): a pseudo parameter, a parameter, or a resource.
func (t *template) ref(at *node, name string, sc scope) *node {
	if strings.HasPrefix(name, "AWS::") {
		return t.pseudo(at, name, sc)
	}
	if t.root.get("Parameters").get(name) != nil {
		return t.parameter(at, name, sc)
	}
	if r := t.resource(name); r != nil {
		return at.str(t.fill(r, t.localValue(r).ref, sc))
	}
	if v, ok := t.generatedRef(name, sc); ok {
		return at.str(v)
	}
	t.unresolved(at, name, sc)
	return at.unknown()
}

// Implicit APIs exist in a template by the events that need them (spec apigateway.md §11.2).
const (
	implicitREST = "ServerlessRestApi"
	implicitHTTP = "ServerlessHttpApi"
)

// generatedRef gives values for the names of resources that SAM adds to a template.
func (t *template) generatedRef(name string, sc scope) (string, bool) {
	for api, stage := range map[string]string{implicitREST: "Prod", implicitHTTP: "$default"} {
		switch rest, ok := strings.CutPrefix(name, api); {
		case ok && strings.HasSuffix(rest, "Stage"):
			return stage, true
		case ok && (rest == "" || strings.HasPrefix(rest, ".")):
			return shortID(name), true
		}
	}
	for _, suffix := range generated {
		base, ok := strings.CutSuffix(name, suffix)
		r := t.resource(base)
		if !ok || r == nil || !strings.HasPrefix(r.typ, "AWS::Serverless::") {
			continue
		}
		switch suffix {
		case ".Version":
			return t.fill(r, lambdaARN+":1", sc), true
		case ".Alias":
			return t.fill(r, lambdaARN+":"+t.eval(r.props.get("AutoPublishAlias"), sc).textOr("live"), sc), true
		case ".Stage", "Stage":
			return t.eval(r.props.get("StageName"), sc).textOr("$default"), true
		}
		return name, true
	}
	if id, alias, ok := strings.Cut(name, "Alias"); ok {
		if r := t.resource(id); r != nil && r.typ == "AWS::Serverless::Function" {
			return t.fill(r, lambdaARN+":"+alias, sc), true
		}
	}
	return "", false
}

func (t *template) unresolved(at *node, name string, sc scope) {
	if r := t.root.get("Resources").get(name); r != nil {
		sc.errorf(at, "unresolved-reference", "", "resource %s is not created: its condition is false, or it is in error itself", name)
		return
	}
	candidates := append(t.root.get("Parameters").names(), t.root.get("Resources").names()...)
	sc.errorf(at, "unresolved-reference", didYouMean(name, candidates), "%q is neither a parameter nor a resource of this template", name)
}

func (t *template) pseudo(at *node, name string, sc scope) *node {
	values := map[string]string{
		"AWS::Region": t.opts.Region, "AWS::AccountId": t.opts.Account, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
		// SAM CLI calls a stack on the user's machine "local" too.
		"AWS::StackName": "local",
		"AWS::StackId":   fmt.Sprintf("arn:aws:cloudformation:%s:%s:stack/local/00000000-0000-0000-0000-000000000000", t.opts.Region, t.opts.Account),
	}
	switch v, ok := values[name]; {
	case ok:
		return at.str(v)
	case name == "AWS::NoValue":
		return nil
	case name == "AWS::NotificationARNs":
		return at.listOf()
	}
	sc.errorf(at, "unresolved-reference", didYouMean(name, append(keys(values), "AWS::NoValue", "AWS::NotificationARNs")), "there is no pseudo parameter %q", name)
	return at.unknown()
}

// attribute gives the value of Fn::GetAtt: what --parameter RESOURCE.ATTRIBUTE=VALUE says, else a value of the right form.
func (t *template) attribute(at *node, id, attr string, sc scope) *node {
	r := t.resource(id)
	if r == nil {
		if v, ok := t.generatedAttribute(id, attr); ok {
			return at.str(v)
		}
		t.unresolved(at, id, sc)
		return at.unknown()
	}
	if v, given := t.opts.Parameters[id+"."+attr]; given {
		return at.str(v)
	}
	if strings.HasPrefix(attr, "Outputs.") {
		sc.errorf(at, "unresolved-output", fmt.Sprintf("--parameter '%s.%s=VALUE'", id, attr), "the outputs of the nested stack %s are not known here", id)
		return at.unknown()
	}
	lv := t.localValue(r)
	var names []string
	for i := 0; i+1 < len(lv.attributes); i += 2 {
		if lv.attributes[i] == attr {
			return at.str(t.fill(r, lv.attributes[i+1], sc))
		}
		names = append(names, lv.attributes[i])
	}
	if slices.Contains([]string{"AWS::Serverless::Function", "AWS::Lambda::Function"}, r.typ) {
		sc.errorf(at, "unresolved-reference", oneOf(attr, names), "%s %s has no attribute %q", r.typ, id, attr)
		return at.unknown()
	}
	if attr == "Arn" {
		return at.str(t.fill(r, fmt.Sprintf(arnOf, service(r.typ))+"{name}", sc))
	}
	return at.str(t.fill(r, "{name}", sc) + "." + attr)
}

func (t *template) generatedAttribute(id, attr string) (string, bool) {
	switch base := strings.TrimSuffix(id, "Role"); {
	case id == implicitREST && attr == "RootResourceId":
		return rootResourceID(id), true
	case id == implicitHTTP && attr == "ApiEndpoint":
		return fmt.Sprintf("https://%s.execute-api.%s.amazonaws.com", shortID(id), t.opts.Region), true
	case base != id && t.resource(base) != nil:
		return fmt.Sprintf("arn:aws:iam::%s:role/%s", t.opts.Account, id), true
	case strings.HasSuffix(id, "Url") && t.resource(strings.TrimSuffix(id, "Url")) != nil && attr == "FunctionUrl":
		return fmt.Sprintf("https://%s.lambda-url.%s.on.aws/", shortID(id), t.opts.Region), true
	}
	return "", false
}

// service is the part of a type's name that ARNs have, in lower case: "AWS::MSK::Cluster" → "msk".
func service(typ string) string {
	parts := strings.Split(typ, "::")
	if len(parts) < 2 {
		return "custom"
	}
	return strings.ToLower(parts[1])
}

// rootResourceID is the id of a REST API's "/".
func rootResourceID(apiLogicalID string) string { return shortID(apiLogicalID + "/") }

func (t *template) localValue(r *resource) localValue {
	for _, v := range localValues {
		if v.typ == r.typ {
			return v
		}
	}
	return localValue{typ: r.typ, ref: "{name}"}
}

// fill puts a resource's name and the account's data into a pattern.
func (t *template) fill(r *resource, pattern string, sc scope) string {
	if strings.Contains(pattern, "{name}") {
		pattern = strings.ReplaceAll(pattern, "{name}", t.physicalName(r, sc))
	}
	if strings.Contains(pattern, "{function}") {
		pattern = strings.ReplaceAll(pattern, "{function}", t.targetName(r, sc))
	}
	return strings.NewReplacer("{region}", t.opts.Region, "{account}", t.opts.Account, "{apiid}", shortID(r.id), "{rootid}", rootResourceID(r.id)).Replace(pattern)
}

// targetName is the name of the function that a version, alias or URL belongs to.
func (t *template) targetName(r *resource, sc scope) string {
	given := r.props.get("FunctionName")
	if r.typ == "AWS::Lambda::Url" {
		given = r.props.get("TargetFunctionArn")
	}
	if given == nil || !t.enter(given, "the function of "+r.id, sc) {
		return r.id
	}
	defer delete(t.evaluating, "the function of "+r.id)
	name, _ := functionName(t.eval(given, t.in(r.id, nil)).textOr(r.id))
	return name
}

// functionName takes a function's name and qualifier out of what names one: a name, NAME:QUALIFIER, an ARN, or the partial ARN
// ACCOUNT:function:NAME. The qualifier is "" where there is none.
func functionName(s string) (name, qualifier string) {
	if _, after, ok := strings.Cut(s, "function:"); ok && (strings.HasPrefix(s, "arn:") || len(s)-len(after) == len("123456789012:function:")) {
		s = after
	}
	name, qualifier, _ = strings.Cut(s, ":")
	return name, qualifier
}

// physicalName is a resource's explicit name, else its logical id. It is evaluated once: names may refer to names.
func (t *template) physicalName(r *resource, sc scope) string {
	if v := t.names[r.id]; v != nil {
		return v.text
	}
	given := r.props.get(t.localValue(r).nameProperty)
	if given == nil || !t.enter(given, "the name of "+r.id, sc) {
		return r.id
	}
	defer delete(t.evaluating, "the name of "+r.id)
	name := t.eval(given, t.in(r.id, nil)).textOr(r.id)
	t.names[r.id] = given.str(name)
	return name
}
