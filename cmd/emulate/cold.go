package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

func newCold(s streams) *cobra.Command {
	var endpoint string
	var n int
	var asJSON, quiet bool
	cmd := &cobra.Command{
		Use:   "cold [FUNCTION]",
		Short: "Stop warm environments of a running emulate serve",
		Long: `Stop warm environments of a running emulate serve, so that the next requests meet cold starts: of one function, or of all.

An environment that runs a request finishes it first. Provisioned concurrency stays.`,
		Example: `  emulate cold
  emulate cold hello -n 3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("emulate cold takes one FUNCTION, got %q too", args[1])
			}
			if n < 0 || cmd.Flags().Changed("count") && n == 0 {
				return usagef("-n %d: it is 1 or more", n)
			}
			function := strings.Join(args, "")
			stopped, err := callCold(cmd, endpoint, function, n)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				fmt.Fprintf(s.out, "{\"stopped\":%d}\n", stopped)
			case !quiet:
				fmt.Fprintf(s.out, "%d %s stopped\n", stopped, plural(stopped, "environment"))
			}
			return nil
		},
	}
	cmd.Flags().IntVarP(&n, "count", "n", 0, "stop `N` environments, those used longest ago first (default: all)")
	cmd.Flags().StringVar(&endpoint, "endpoint", defaultEndpoint, "`URL` of the running emulate serve's AWS endpoint")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object on standard output")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "only problems")
	return cmd
}

// callCold asks the control of a running emulate serve.
func callCold(cmd *cobra.Command, endpoint, function string, n int) (int, error) {
	body, err := json.Marshal(map[string]any{"function": function, "count": n})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(cmd.Context(), http.MethodPost, strings.TrimSuffix(endpoint, "/")+"/_emulate/cold", bytes.NewReader(body))
	if err != nil {
		return 0, usagef("--endpoint %s: %w", endpoint, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	var transport *url.Error
	if errors.As(err, &transport) {
		err = transport.Err // the address is said already
	}
	if err != nil {
		return 0, fmt.Errorf("stop environments at %s (is emulate serve running there? --endpoint says where): %w", endpoint, err)
	}
	defer resp.Body.Close()
	var answer struct {
		Stopped int
		Error   string
	}
	data, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(data, &answer)
	}
	switch {
	case resp.StatusCode != http.StatusOK && answer.Error == "":
		return 0, explained(cmd.Context(), endpoint, function, resp.StatusCode, fmt.Errorf("HTTP %d: %s", resp.StatusCode, bytes.TrimSpace(data)))
	case err != nil:
		return 0, fmt.Errorf("read the answer of %s: %w", endpoint, err)
	case answer.Error != "":
		return 0, explained(cmd.Context(), endpoint, function, resp.StatusCode, errors.New(answer.Error))
	}
	return answer.Stopped, nil
}
