package main

import (
	"crypto/md5"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

//go:embed events/*.json
var sampleEvents embed.FS

// eventKind is a kind of sample event. Its JSON is events/<name>.json: the members that events recorded from AWS have, with values of our own.
type eventKind struct {
	name, about string
	// body is the path of what --body replaces, "" where the kind has no such thing; encode says how the text is written there.
	body   string
	encode func(event any, text string) (any, error)
}

func eventKinds() []eventKind {
	return []eventKind{
		{"apigw-rest", "REST API, proxy integration", "body", plainBody},
		{"apigw-http", "HTTP API, payload format 2.0", "body", plainBody},
		{"apigw-http-v1", "HTTP API, payload format 1.0", "body", plainBody},
		{"url", "Function URL", "body", plainBody},
		{"alb", "Application Load Balancer target", "body", plainBody},
		{"websocket", "WebSocket API, one message", "body", plainBody},
		{"sqs", "SQS queue, one message", "Records[0].body", sqsBody},
		{"sns", "SNS topic, one notification", "Records[0].Sns.Message", plainBody},
		{"s3", "S3 bucket, an object was put", "", nil},
		{"dynamodb", "DynamoDB stream, an item was changed", "", nil},
		{"kinesis", "Kinesis stream, one record", "Records[0].kinesis.data", base64Body},
		{"eventbridge", "EventBridge bus, one event", "detail", jsonBody},
		{"schedule", "EventBridge rule with a schedule", "", nil},
		{"authorizer-token", "REST API authorizer of type TOKEN", "", nil},
		{"authorizer-request", "REST API authorizer of type REQUEST", "", nil},
		{"authorizer-http", "HTTP API authorizer, payload format 2.0", "", nil},
		{"authorizer-http-v1", "HTTP API authorizer, payload format 1.0", "", nil},
	}
}

func plainBody(_ any, text string) (any, error) { return text, nil }

func base64Body(_ any, text string) (any, error) {
	return base64.StdEncoding.EncodeToString([]byte(text)), nil
}

func jsonBody(_ any, text string) (any, error) {
	v, err := decodeJSON([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("--body of this kind must be JSON: %w", err)
	}
	return v, nil
}

// sqsBody keeps the message's digest true.
func sqsBody(event any, text string) (any, error) {
	sum := md5.Sum([]byte(text))
	_, err := setPath(event, "Records[0].md5OfBody", func(any) any { return hex.EncodeToString(sum[:]) })
	return text, err
}

// newEventCommand makes `emulate event`, which prints sample events to invoke functions with.
func newEventCommand() *cobra.Command {
	var body string
	var sets []string
	cmd := &cobra.Command{
		Use:   "event [KIND]",
		Short: "Print a sample event",
		Long: "Print a sample event of a kind, as AWS sends it, to standard output. Without KIND, list the kinds.\n\n" +
			"--body replaces the body, the message or the record's data; @FILE reads it from a file, @- from standard input.\n" +
			"--set changes any other member: names joined by dots, [N] for an item of a list, [\"…\"] for a name with dots in it. A value is taken as\n" +
			"JSON where it is JSON, unless the sample has a string there.",
		Example: "  emulate event apigw-http --body '{\"name\":\"Ada\"}' --set rawPath=/people | emulate invoke people -e -\n" +
			"  emulate event sqs --body @order.json --set 'Records[0].attributes.ApproximateReceiveCount=3'",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%s takes one KIND, got %q too", cmd.CommandPath(), args[1])
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var out []string
			for _, k := range eventKinds() {
				out = append(out, cobra.CompletionWithDesc(k.name, k.about))
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listEventKinds(cmd.OutOrStdout())
			}
			kind, err := findEventKind(args[0])
			if err != nil {
				return err
			}
			var replace *string
			if cmd.Flags().Changed("body") {
				if body, err = readBodyFlag(cmd.InOrStdin(), body); err != nil {
					return err
				}
				replace = &body
			}
			out, err := kind.event(replace, sets)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(out)
			return err
		},
	}
	cmd.Flags().StringVar(&body, "body", "", "the body, message or data `TEXT` (@FILE: read it)")
	cmd.Flags().StringArrayVar(&sets, "set", nil, "set a member: `PATH=VALUE` (repeatable)")
	return cmd
}

func listEventKinds(w io.Writer) error {
	var b strings.Builder
	for _, k := range eventKinds() {
		fmt.Fprintf(&b, "%-20s%s\n", k.name, k.about)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func findEventKind(name string) (eventKind, error) {
	kinds := eventKinds()
	near := slices.MinFunc(kinds, func(a, b eventKind) int { return distance(name, a.name) - distance(name, b.name) })
	if near.name == name {
		return near, nil
	}
	return eventKind{}, usagef("unknown kind of event %q: did you mean %q? (emulate event lists all)", name, near.name)
}

// distance counts the letters to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

func readBodyFlag(stdin io.Reader, value string) (string, error) {
	name, isFile := strings.CutPrefix(value, "@")
	if !isFile {
		return value, nil
	}
	read := func() ([]byte, error) { return os.ReadFile(name) }
	if name == "-" {
		read = func() ([]byte, error) { return io.ReadAll(stdin) }
	}
	b, err := read()
	if err != nil {
		return "", usagef("read --body: %w", err)
	}
	return string(b), nil
}

// event is the sample with the changes that were asked for. An unchanged sample is printed as it is written; a changed one has its names in the
// order of the alphabet.
func (k eventKind) event(body *string, sets []string) ([]byte, error) {
	raw, err := sampleEvents.ReadFile("events/" + k.name + ".json")
	if err != nil {
		return nil, fmt.Errorf("read sample event %s: %w", k.name, err)
	}
	if body == nil && len(sets) == 0 {
		return raw, nil
	}
	event, err := decodeJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("read sample event %s: %w", k.name, err)
	}
	if body != nil {
		if event, err = k.setBody(event, *body); err != nil {
			return nil, err
		}
	}
	for _, set := range sets {
		path, value, ok := strings.Cut(set, "=")
		if !ok || path == "" {
			return nil, usagef("--set %s: PATH=VALUE expected", set)
		}
		if event, err = setPath(event, path, func(old any) any { return setValue(old, value) }); err != nil {
			return nil, usagef("--set %s: %w", set, err)
		}
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(event); err != nil {
		return nil, fmt.Errorf("write event %s: %w", k.name, err)
	}
	return []byte(b.String()), nil
}

func (k eventKind) setBody(event any, text string) (any, error) {
	if k.body == "" {
		return nil, usagef("an event of kind %s has no body: use --set", k.name)
	}
	value, err := k.encode(event, text)
	if err == nil {
		event, err = setPath(event, k.body, func(any) any { return value })
	}
	if err != nil {
		return nil, usagef("%w", err)
	}
	return event, nil
}

func decodeJSON(b []byte) (any, error) {
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}

// setValue reads the value of --set: a string stays one.
func setValue(old any, text string) any {
	if _, isString := old.(string); isString {
		return text
	}
	if v, err := decodeJSON([]byte(text)); err == nil {
		return v
	}
	return text
}

// setPath changes the member of v at path, and makes objects and members on the way there. It returns v, or what has to stand in its place.
func setPath(v any, path string, change func(old any) any) (any, error) {
	if path == "" {
		return change(v), nil
	}
	key, index, rest, err := cutPath(path)
	if err != nil {
		return nil, err
	}
	if index >= 0 {
		list, ok := v.([]any)
		if !ok && v != nil || index > len(list) {
			return nil, fmt.Errorf("there is no item [%d]", index)
		}
		if index == len(list) {
			list = append(list, nil)
		}
		list[index], err = setPath(list[index], rest, change)
		return list, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		if v != nil {
			return nil, fmt.Errorf("%s is below something that is no object", key)
		}
		object = map[string]any{}
	}
	object[key], err = setPath(object[key], rest, change)
	return object, err
}

// cutPath cuts the first step off: name, ["name"] or [index]. index is -1 for a name.
func cutPath(path string) (key string, index int, rest string, err error) {
	if path[0] != '[' {
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			return path, -1, "", nil
		}
		if end == 0 {
			return "", 0, "", fmt.Errorf("a name is missing before %q", path)
		}
		rest, err = afterStep(path[end:])
		return path[:end], -1, rest, err
	}
	inner, rest, ok := strings.Cut(path[1:], "]")
	if quoted, err := strconv.QuotedPrefix(path[1:]); err == nil {
		inner = quoted
		rest, ok = strings.CutPrefix(path[1+len(quoted):], "]")
	}
	if !ok {
		return "", 0, "", fmt.Errorf("no ] after %q", path)
	}
	if rest, err = afterStep(rest); err != nil {
		return "", 0, "", err
	}
	if name, err := strconv.Unquote(inner); err == nil {
		return name, -1, rest, nil
	}
	if index, err = strconv.Atoi(inner); err != nil || index < 0 {
		return "", 0, "", fmt.Errorf("[%s] is neither an index nor a quoted name", inner)
	}
	return "", index, rest, nil
}

// afterStep takes the dot away that joins two steps; a bracket needs none.
func afterStep(rest string) (string, error) {
	if rest == "" || rest[0] == '[' {
		return rest, nil
	}
	if rest[0] != '.' || len(rest) == 1 {
		return "", fmt.Errorf("a dot and a name expected at %q", rest)
	}
	return rest[1:], nil
}
