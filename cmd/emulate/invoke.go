package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.com/emulate/emulator"
	"example.com/emulate/emulator/burst"
	"example.com/emulate/emulator/config"
)

const defaultEndpoint = "http://127.0.0.1:3001"

// invokeFlags are those of invoke that the project's are not.
type invokeFlags struct {
	event, endpoint, path string
	async, tail           bool
}

func newInvoke(s streams) *cobra.Command {
	var f projectFlags
	var i invokeFlags
	cmd := &cobra.Command{
		Use:   "invoke FUNCTION",
		Short: "Invoke a function of a running emulate serve, or of a private one",
		Long: `Invoke a function and print its answer on standard output. FUNCTION is a name, name:alias or an ARN.

The running emulate serve is found by --endpoint. With --path the project is started for this one invocation. The exit code is 1 where the function
failed.`,
		Example: `  emulate invoke hello
  echo '{"name":"Ada"}' | emulate invoke hello -e - --tail
  emulate event apigw-http | emulate invoke api -e -
  emulate invoke hello --path ./project`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if args = f.takeOverrides(args); len(args) != 1 {
				return usagef("emulate invoke needs one FUNCTION: emulate invoke hello")
			}
			payload, err := i.payload(s.in)
			if err != nil {
				return err
			}
			if i.path == "" {
				return i.call(cmd.Context(), s, i.endpoint, args[0], payload)
			}
			o, err := private(cmd, &f, i.path)
			if err != nil {
				return err
			}
			p := newPrinter(streams{in: s.in, out: s.err, err: s.err}, &f)
			p.problemsOnly = true
			o.OnEvents = p.events
			o.WaitForBuilds = false
			return withEmulator(cmd.Context(), o, p, func(e *emulator.Emulator) error {
				if err := awaitTarget(cmd.Context(), e, "invoked", functionOf(args[0])); err != nil {
					return err
				}
				return i.call(cmd.Context(), s, e.AWSURL(), args[0], payload)
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&i.event, "event", "e", "", "`FILE` with the event, - for standard input (default: {})")
	fl.BoolVar(&i.async, "async", false, "an Event invocation: do not wait for the answer")
	fl.BoolVar(&i.tail, "tail", false, "print the invocation's log on standard error")
	fl.StringVar(&i.endpoint, "endpoint", defaultEndpoint, "`URL` of the running emulate serve's AWS endpoint")
	fl.StringVar(&i.path, "path", "", "serve this project folder or `FILE` for the one invocation")
	f.add(cmd)
	freePorts(fl)
	return cmd
}

func (i *invokeFlags) payload(in io.Reader) ([]byte, error) {
	switch i.event {
	case "":
		return []byte("{}"), nil
	case "-":
		b, err := io.ReadAll(in)
		if err != nil {
			return nil, fmt.Errorf("read the event from standard input: %w", err)
		}
		return b, nil
	}
	b, err := os.ReadFile(i.event)
	if err != nil {
		return nil, usagef("read the event: %w", err)
	}
	return b, nil
}

// call makes the Invoke call and prints what comes back.
func (i *invokeFlags) call(ctx context.Context, s streams, endpoint, function string, payload []byte) error {
	target := strings.TrimSuffix(endpoint, "/") + "/2015-03-31/functions/" + url.PathEscape(function) + "/invocations"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(payload))
	if err != nil {
		return usagef("--endpoint %s: %w", endpoint, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if i.async {
		req.Header.Set("X-Amz-Invocation-Type", "Event")
	} else if i.tail {
		req.Header.Set("X-Amz-Log-Type", "Tail")
	}
	resp, err := http.DefaultClient.Do(req)
	var transport *url.Error
	if errors.As(err, &transport) {
		err = transport.Err // the address is said already
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("invoke %s: %w", function, context.Cause(ctx))
	case err != nil && i.path != "":
		return fmt.Errorf("invoke %s: %w", function, err)
	case err != nil:
		return fmt.Errorf("invoke %s at %s (is emulate serve running there? --endpoint says where, --path PATH needs none): %w", function, endpoint, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", function, err)
	}
	if resp.StatusCode >= 300 {
		return explained(ctx, endpoint, function, resp.StatusCode, answerError(resp, body))
	}
	if text, err := base64.StdEncoding.DecodeString(resp.Header.Get("X-Amz-Log-Result")); err == nil {
		_, _ = s.err.Write(text) // a closed standard error is the user's choice
	}
	if i.async {
		fmt.Fprintf(s.err, "accepted: request id %s\n", resp.Header.Get("X-Amzn-Requestid"))
		return nil
	}
	fmt.Fprintf(s.out, "%s\n", body)
	if resp.Header.Get("X-Amz-Function-Error") != "" {
		return &codeError{code: exitFailed} // the payload says what failed
	}
	return nil
}

// functionOf is the name in NAME, NAME:QUALIFIER or an ARN.
func functionOf(target string) string {
	if _, rest, ok := strings.Cut(target, ":function:"); ok {
		target = rest
	}
	name, _, _ := strings.Cut(target, ":")
	return name
}

// awaitTarget waits until the target's function is built. Others need not be: an event tells of those that cannot.
func awaitTarget(ctx context.Context, e *emulator.Emulator, done, function string) error {
	err := e.AwaitBuilds(ctx, function)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failed *emulator.BuildError
	if errors.As(err, &failed) {
		e.Flush() // why comes first
		return fmt.Errorf("not %s: function %s was not built", done, function)
	}
	return err
}

// explained adds to the error of an answer what the emulator at the endpoint tells: the functions that there are, or that it is none.
func explained(ctx context.Context, endpoint, function string, status int, err error) error {
	if status != http.StatusNotFound && status != http.StatusForbidden {
		return err
	}
	var s served
	if serve := burst.NewServe(endpoint); serve.Call(ctx, http.MethodGet, "/_emulate/status", nil, &s) != nil {
		return fmt.Errorf("%w (%s is no AWS endpoint of an emulate serve; is it the port of the APIs? The ready line of serve has both)", err, endpoint)
	}
	names := s.names()
	if function == "" || slices.Contains(names, functionOf(function)) {
		return err
	}
	if near := config.Nearest(functionOf(function), names); near != "" {
		return fmt.Errorf("%w (did you mean %s?)", err, near)
	}
	return fmt.Errorf("%w (the project has %s)", err, strings.Join(names, ", "))
}

// answerError puts AWS's error into words.
func answerError(resp *http.Response, body []byte) error {
	var e struct{ Message, Reason string }
	name := resp.Header.Get("X-Amzn-Errortype")
	if json.Unmarshal(body, &e) != nil || e.Message == "" {
		return fmt.Errorf("HTTP %d: %s", resp.StatusCode, bytes.TrimSpace(body))
	}
	if e.Reason != "" {
		e.Message += " (" + e.Reason + ")"
	}
	if name == "" { // it is not Lambda that answers
		name = fmt.Sprintf("HTTP %d", resp.StatusCode)
	}
	return fmt.Errorf("%s: %s", name, e.Message)
}
