package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// runEvent runs the command alone.
func runEvent(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := newEventCommand()
	var out bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.Execute()
	return out.String(), err
}

// shape is the list of key paths that events recorded from AWS have, with their types: testdata/shapes. "all" stands in every recorded event of
// the kind, "some" in some; .* stands for the members of a map with free names. (requestContext.deploymentId of REST events is in later recordings
// only: spec apigateway.md §1.2.)
type shape struct {
	types    map[string][]string
	required []string
}

func readShape(t *testing.T, kind string) shape {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "shapes", kind+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	s := shape{types: map[string][]string{}}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		s.types[f[1]] = strings.Split(f[2], "|")
		if f[0] == "all" {
			s.required = append(s.required, f[1])
		}
	}
	return s
}

// paths lists the key paths of v under s's folding.
func (s shape) paths(path string, v any, add func(path, kind string)) {
	switch v := v.(type) {
	case map[string]any:
		add(path, "object")
		for key, member := range v {
			below := strings.TrimPrefix(path+"."+key, "$.")
			if _, known := s.types[below]; !known {
				if _, free := s.types[strings.TrimPrefix(path+".*", "$.")]; free {
					add(strings.TrimPrefix(path+".*", "$."), jsonType(member))
					continue
				}
			}
			s.paths(below, member, add)
		}
	case []any:
		add(path, "array")
		for _, item := range v {
			if _, listed := s.types[path+"[]"]; listed {
				s.paths(path+"[]", item, add)
			}
		}
	default:
		add(path, jsonType(v))
	}
}

func jsonType(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

func TestSampleEventsHaveTheRecordedShape(t *testing.T) {
	for _, kind := range eventKinds() {
		recorded := kind.name
		if recorded == "schedule" {
			recorded = "eventbridge"
		}
		t.Run(kind.name, func(t *testing.T) {
			out, err := runEvent(t, "", kind.name)
			if err != nil {
				t.Fatal(err)
			}
			var event any
			if err := json.Unmarshal([]byte(out), &event); err != nil {
				t.Fatal(err)
			}
			s, seen := readShape(t, recorded), map[string]bool{}
			s.paths("$", event, func(path, kind string) {
				seen[path] = true
				if types, ok := s.types[path]; !ok {
					t.Errorf("%s is in no recorded event", path)
				} else if types[0] != "any" && !slices.Contains(types, kind) {
					t.Errorf("%s is %s, recorded events have %s", path, kind, strings.Join(types, " or "))
				}
			})
			for _, path := range s.required {
				if !seen[path] {
					t.Errorf("%s is missing, and in all recorded events", path)
				}
			}
		})
	}
}

func TestEventKindsAndFilesAgree(t *testing.T) {
	files, err := sampleEvents.ReadDir("events")
	if err != nil {
		t.Fatal(err)
	}
	var have, want []string
	for _, f := range files {
		have = append(have, f.Name())
	}
	for _, k := range eventKinds() {
		want = append(want, k.name+".json")
	}
	slices.Sort(want)
	if d := cmp.Diff(want, have); d != "" {
		t.Error(d)
	}
	out, err := runEvent(t, "")
	if err != nil || strings.Count(out, "\n") != len(want) || !strings.Contains(out, "sqs                 SQS queue, one message\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestEventChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		path string
		want any
	}{
		{[]string{"apigw-http", "--body", `{"a":1}`}, "body", `{"a":1}`},
		{[]string{"apigw-rest", "--body", "@-"}, "body", "from standard input"},
		{[]string{"url", "--body", "@" + file}, "body", "from a file"},
		{[]string{"sqs", "--body", "hello"}, "Records[0].body", "hello"},
		{[]string{"sqs", "--body", "hello"}, "Records[0].md5OfBody", "5d41402abc4b2a76b9719d911017c592"},
		{[]string{"sns", "--body", "hello"}, "Records[0].Sns.Message", "hello"},
		{[]string{"kinesis", "--body", "hello"}, "Records[0].kinesis.data", "aGVsbG8="},
		{[]string{"eventbridge", "--body", `{"n":[1]}`}, "detail", map[string]any{"n": []any{json.Number("1")}}},
		{[]string{"apigw-rest", "--set", "httpMethod=GET"}, "httpMethod", "GET"},
		{[]string{"apigw-rest", "--set", "requestContext.accountId=1"}, "requestContext.accountId", "1"},
		{[]string{"apigw-rest", "--set", "body=null", "--set", "stageVariables.table=orders"}, "stageVariables.table", "orders"},
		{[]string{"apigw-rest", "--set", "isBase64Encoded=true"}, "isBase64Encoded", true},
		{[]string{"apigw-rest", "--set", `headers["X.Y"]=a=b`}, `headers["X.Y"]`, "a=b"},
		{[]string{"apigw-rest", "--set", `headers["X]Y"]=1`}, `headers["X]Y"]`, json.Number("1")},
		{[]string{"apigw-http", "--set", "cookies[2]=c=3"}, "cookies[2]", "c=3"},
		{[]string{"sqs", "--set", "Records[1].body=second"}, "Records[1].body", "second"},
	} {
		out, err := runEvent(t, "from standard input", test.args...)
		if err != nil {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		event, err := decodeJSON([]byte(out))
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if _, err := setPath(event, test.path, func(old any) any { got = old; return old }); err != nil {
			t.Errorf("%q: %v", test.args, err)
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%q: %s", test.args, d)
		}
	}
}

func TestEventMistakes(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"sqz"}, `unknown kind of event "sqz": did you mean "sqs"? (emulate event lists all)`},
		{[]string{"apigateway-rest"}, `unknown kind of event "apigateway-rest": did you mean "apigw-rest"? (emulate event lists all)`},
		{[]string{"sqs", "sns"}, `event takes one KIND, got "sns" too`},
		{[]string{"s3", "--body", "x"}, "an event of kind s3 has no body: use --set"},
		{[]string{"eventbridge", "--body", "x"}, "--body of this kind must be JSON: invalid character 'x' looking for beginning of value"},
		{[]string{"url", "--body", "@/no/such/file"}, "read --body: open /no/such/file: no such file or directory"},
		{[]string{"url", "--set", "body"}, "--set body: PATH=VALUE expected"},
		{[]string{"url", "--set", "cookies[7]=x"}, "--set cookies[7]=x: there is no item [7]"},
		{[]string{"url", "--set", "rawPath.x=1"}, "--set rawPath.x=1: x is below something that is no object"},
		{[]string{"url", "--set", "a..b=1"}, `--set a..b=1: a name is missing before ".b"`},
		{[]string{"url", "--set", "cookies[x]=1"}, "--set cookies[x]=1: [x] is neither an index nor a quoted name"},
		{[]string{"url", "--set", "cookies[0=1"}, `--set cookies[0=1: no ] after "[0"`},
		{[]string{"url", "--set", "cookies[0]x=1"}, `--set cookies[0]x=1: a dot and a name expected at "x"`},
	} {
		_, err := runEvent(t, "", test.args...)
		if u, ok := errors.AsType[*codeError](err); !ok || u.code != exitUsage || err.Error() != test.want {
			t.Errorf("%q: %v, want %s", test.args, err, test.want)
		}
	}
}
