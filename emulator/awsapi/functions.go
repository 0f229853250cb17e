package awsapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"example.com/emulate/emulator/config"
	"example.com/emulate/emulator/lambda"
)

const (
	// pageSize is how many items one answer of a list holds at most, whatever MaxItems says (spec lambda.md §8.1).
	pageSize = 50
	// maxItems is the greatest MaxItems; maxConfigs that of lists of configurations, provisioned concurrency's and events' (Lambda's model).
	maxItems   = 10000
	maxConfigs = 50
)

// functionConfiguration is FunctionConfiguration of Lambda's model, members in the order in which AWS prints them (spec lambda.md §8.4). ConfigSha256,
// new in the model of 2026, is not in the recorded answers and is left out.
type functionConfiguration struct {
	FunctionName               string
	FunctionArn                string
	Runtime                    string `json:",omitempty"`
	Role                       string
	Handler                    string `json:",omitempty"`
	CodeSize                   int64
	Description                string
	Timeout                    int
	MemorySize                 int
	LastModified               string
	CodeSha256                 string
	Version                    string
	Environment                *environment `json:",omitempty"`
	TracingConfig              tracingConfig
	RevisionId                 string
	Layers                     []layer `json:",omitempty"`
	State                      string  `json:",omitempty"`
	StateReason                string  `json:",omitempty"`
	StateReasonCode            string  `json:",omitempty"`
	LastUpdateStatus           string  `json:",omitempty"`
	LastUpdateStatusReason     string  `json:",omitempty"`
	LastUpdateStatusReasonCode string  `json:",omitempty"`
	PackageType                string
	Architectures              []string
	EphemeralStorage           ephemeralStorage
	SnapStart                  snapStart
	RuntimeVersionConfig       *runtimeVersion `json:",omitempty"`
	LoggingConfig              loggingConfig
}

type (
	environment      struct{ Variables map[string]string }
	tracingConfig    struct{ Mode string }
	layer            struct{ Arn string }
	ephemeralStorage struct{ Size int }
	snapStart        struct{ ApplyOn, OptimizationStatus string }
	runtimeVersion   struct{ RuntimeVersionArn string }
	loggingConfig    struct {
		LogFormat           string
		ApplicationLogLevel string `json:",omitempty"`
		SystemLogLevel      string `json:",omitempty"`
		LogGroup            string
	}
)

type codeLocation struct {
	RepositoryType string
	Location       string `json:",omitempty"`
}

type getFunctionResponse struct {
	Configuration functionConfiguration
	Code          codeLocation
	Tags          map[string]string `json:",omitempty"`
	Concurrency   *concurrency      `json:",omitempty"`
}

type listFunctionsResponse struct {
	Functions  []functionConfiguration
	NextMarker string `json:",omitempty"`
}

type accountSettings struct {
	AccountLimit struct {
		TotalCodeSize, CodeSizeUnzipped, CodeSizeZipped      int64
		ConcurrentExecutions, UnreservedConcurrentExecutions int
	}
	AccountUsage struct {
		TotalCodeSize int64
		FunctionCount int
	}
}

// getFunction is the operation GetFunction. The location of a function's code is its folder on this machine.
func (h *handler) getFunction(w http.ResponseWriter, r *http.Request, rawName string) {
	d, err := h.describe(r, rawName, "lambda:GetFunction")
	if err != nil {
		writeError(w, err, "")
		return
	}
	f := d.Function
	out := getFunctionResponse{Configuration: configuration(d), Code: codeLocation{RepositoryType: "S3"}, Tags: f.Tags}
	if f.PackageType == "Image" {
		out.Code.RepositoryType = "ECR"
	}
	if dir := cmp.Or(d.CodeDir, f.Code.Dir); dir != "" {
		out.Code.Location = (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String()
	}
	if n := d.Reserved; n != nil {
		out.Concurrency = &concurrency{*n}
	}
	writeJSON(w, http.StatusOK, out, "")
}

// getFunctionConfiguration is the operation GetFunctionConfiguration.
func (h *handler) getFunctionConfiguration(w http.ResponseWriter, r *http.Request, rawName string) {
	d, err := h.describe(r, rawName, "lambda:GetFunctionConfiguration")
	if err != nil {
		writeError(w, err, "")
		return
	}
	writeJSON(w, http.StatusOK, configuration(d), "")
}

func (h *handler) describe(r *http.Request, rawName, action string) (lambda.Description, error) {
	name, qualifier, err := h.function(r, rawName, action, nil)
	if err != nil {
		return lambda.Description{}, err
	}
	return h.Lambda.Describe(name, qualifier)
}

// listFunctions is the operation ListFunctions. Its items lack the members about state and runtime version, as on AWS.
func (h *handler) listFunctions(w http.ResponseWriter, r *http.Request, _ string) {
	q := r.URL.Query()
	size, start, err := listPage(q)
	if err != nil {
		writeError(w, err, "")
		return
	}
	out := listFunctionsResponse{Functions: []functionConfiguration{}}
	for _, d := range h.listed(q) {
		if start != "" && d.ARN <= start {
			continue
		}
		if len(out.Functions) == size {
			out.NextMarker = marker(out.Functions[size-1].FunctionArn)
			break
		}
		out.Functions = append(out.Functions, listedConfiguration(d))
	}
	writeJSON(w, http.StatusOK, out, "")
}

// listedConfiguration is a function's configuration in a list.
func listedConfiguration(d lambda.Description) functionConfiguration {
	c := configuration(d)
	c.State, c.StateReason, c.StateReasonCode = "", "", ""
	c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode, c.RuntimeVersionConfig = "", "", "", nil
	return c
}

// listPage checks ListFunctions' parameters: how many items the page holds, and the ARN behind which it begins.
func listPage(q url.Values) (size int, start string, err error) {
	var v violations
	if m := q.Get("MasterRegion"); m != "" {
		v.pattern("masterRegion", m, regionPattern, m == "ALL" || isMasterRegion(m))
	}
	if f := q.Get("FunctionVersion"); f != "" {
		v.enum("functionVersion", f, "ALL")
	}
	size, start, err = pageOf(q, maxItems, &v)
	if err == nil {
		err = v.err()
	}
	return size, start, err
}

// pageOf reads the parameters of any list. A marker is the base64 of what names the last item before it, so that a reload between two pages neither
// repeats nor loses an item.
func pageOf(q url.Values, most int, v *violations) (size int, start string, err error) {
	size = pageSize
	if m := q.Get("MaxItems"); m != "" {
		if size, err = strconv.Atoi(m); err != nil {
			return 0, "", serialization("MaxItems is not a number: " + m)
		}
		v.between("maxItems", &size, 1, most)
		size = min(size, pageSize)
	}
	text, err := base64.RawURLEncoding.DecodeString(q.Get("Marker"))
	if err != nil && len(*v) == 0 {
		return 0, "", invalidParameter("Invalid Marker: " + q.Get("Marker"))
	}
	return size, string(text), nil
}

func marker(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// isMasterRegion matches [a-z]{2}(-gov)?-[a-z]+-\d{1}.
func isMasterRegion(s string) bool {
	return len(s) > 2 && isLower(s[0]) && isLower(s[1]) && (isDirection(s[2:]) || isDirection(strings.TrimPrefix(s[2:], "-gov")))
}

// listed are the functions that a list is made of, by ARN. With FunctionVersion=ALL these are all versions by their qualified ARNs. MasterRegion asks for replicas of Lambda@Edge, of which there are none here.
func (h *handler) listed(q url.Values) []lambda.Description {
	if m := q.Get("MasterRegion"); m != "" && m != "ALL" {
		return nil
	}
	all := h.Lambda.List()
	if q.Get("FunctionVersion") == "ALL" {
		latest := all
		all = nil
		for _, d := range latest {
			versions, _ := h.Lambda.Versions(d.Function.Name) // one that has gone since has none
			all = append(all, versions...)
		}
	}
	slices.SortFunc(all, func(a, b lambda.Description) int { return cmp.Compare(a.ARN, b.ARN) })
	return all
}

// getAccountSettings is the operation GetAccountSettings.
func (h *handler) getAccountSettings(w http.ResponseWriter, _ *http.Request, _ string) {
	a := h.Lambda.Account()
	var out accountSettings
	out.AccountLimit.TotalCodeSize = 80530636800
	out.AccountLimit.CodeSizeUnzipped = 262144000
	out.AccountLimit.CodeSizeZipped = 52428800
	out.AccountLimit.ConcurrentExecutions = a.ConcurrentExecutions
	out.AccountLimit.UnreservedConcurrentExecutions = a.UnreservedConcurrentExecutions
	out.AccountUsage.TotalCodeSize = a.TotalCodeSize
	out.AccountUsage.FunctionCount = a.FunctionCount
	writeJSON(w, http.StatusOK, out, "")
}

// configuration makes the wire form of a description. Members that no configuration here can set have AWS's defaults; the role is a made-up one,
// since AWS always has one and nothing here depends on it.
func configuration(d lambda.Description) functionConfiguration {
	f := d.Function
	arn := splitARN(d.UnqualifiedARN)
	c := functionConfiguration{
		FunctionName: f.Name, FunctionArn: d.ARN, Role: "arn:" + arn.partition + ":iam::" + arn.account + ":role/emulate",
		Description: f.Description, Timeout: int(f.Timeout.Seconds()), MemorySize: f.MemoryMB,
		LastModified: d.LastModified.UTC().Format("2006-01-02T15:04:05.000-0700"), CodeSha256: d.CodeSHA256, Version: d.Version,
		TracingConfig: tracingConfig{cmp.Or(f.Tracing, "PassThrough")}, RevisionId: d.RevisionID,
		PackageType: cmp.Or(f.PackageType, "Zip"), Architectures: []string{cmp.Or(f.Architecture, "x86_64")},
		EphemeralStorage: ephemeralStorage{cmp.Or(f.EphemeralStorageMB, 512)}, SnapStart: snapStart{"None", "Off"},
		LoggingConfig: logging(f),
	}
	if d.CodeSize != nil {
		c.CodeSize = d.CodeSize()
	}
	if f.Environment != nil { // an empty one was asked for
		c.Environment = &environment{f.Environment}
	}
	if c.PackageType == "Zip" {
		c.Runtime, c.Handler = f.Runtime, f.Handler
		sum := sha256.Sum256([]byte(f.Runtime))
		c.RuntimeVersionConfig = &runtimeVersion{"arn:" + arn.partition + ":lambda:" + arn.region + "::runtime:" + hex.EncodeToString(sum[:])}
	}
	for _, path := range f.Layers {
		c.Layers = append(c.Layers, layer{"arn:" + arn.partition + ":lambda:" + arn.region + ":" + arn.account + ":layer:" + layerName(path) + ":1"})
	}
	c.setState(d)
	return c
}

// setState fills the members about state. A first build shows as a function that is being created, a later one as an update.
func (c *functionConfiguration) setState(d lambda.Description) {
	const creating, created = "Creating", "The function is being created."
	c.State = d.State
	if d.State == "Pending" {
		c.StateReason, c.StateReasonCode = created, creating
		return
	}
	c.LastUpdateStatus = d.LastUpdateStatus
	switch d.LastUpdateStatus {
	case "InProgress":
		c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = created, creating
	case "Failed":
		c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = d.LastUpdateStatusReason, "InvalidConfiguration"
	}
}

func logging(f *config.Function) loggingConfig {
	l := loggingConfig{LogFormat: cmp.Or(f.Logging.Format, "Text"), LogGroup: cmp.Or(f.Logging.Group, "/aws/lambda/"+f.Name)}
	if l.LogFormat == "JSON" {
		l.ApplicationLogLevel, l.SystemLogLevel = cmp.Or(f.Logging.ApplicationLevel, "INFO"), cmp.Or(f.Logging.SystemLevel, "INFO")
	}
	return l
}

// layerName makes a layer's name of its folder's.
func layerName(path string) string {
	base := filepath.Base(path)
	return strings.Map(func(r rune) rune {
		if r < 0x80 && isWord(byte(r)) {
			return r
		}
		return '_'
	}, strings.TrimSuffix(base, filepath.Ext(base)))
}

type arnParts struct{ partition, region, account string }

// splitARN takes arn:PARTITION:lambda:REGION:ACCOUNT:… apart.
func splitARN(arn string) arnParts {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 5 {
		return arnParts{partition: "aws"}
	}
	return arnParts{parts[1], parts[3], parts[4]}
}
