package burst

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/emulate/emulator/telemetry"
)

// Source is an emulator that a load is sent to, watched from beside the load.
type Source interface {
	// Functions are those that it serves.
	Functions(ctx context.Context) ([]Function, error)
	// Environments counts the environments that there are now, by the function's name.
	Environments(ctx context.Context) (map[string]Environments, error)
	// Warmers tells what those of its functions have kept warm so far.
	Warmers(ctx context.Context) ([]WarmerReport, error)
	// Lines calls each with the emulator's events from now on, as lines of emulate serve --json, until ctx ends or the emulator does. It calls began once
	// no event can be missed any more. A line is only valid during the call.
	Lines(ctx context.Context, began func(), each func(line []byte)) error
}

// Function is what a report has to know of one.
type Function struct {
	Name string
	// Architecture is x86_64 or arm64. MemoryMB is that of $LATEST.
	Architecture string
	MemoryMB     int
	// Provisioned is the provisioned concurrency of all its versions and aliases.
	Provisioned int
}

// Serve is a running emulate serve, or an emulator of this process, as its AWS endpoint shows it.
type Serve struct {
	endpoint string
	client   *http.Client
}

// NewServe watches the emulator whose AWS endpoint this is, such as http://127.0.0.1:3001.
func NewServe(endpoint string) *Serve {
	return &Serve{endpoint: strings.TrimSuffix(endpoint, "/"), client: &http.Client{Transport: &http.Transport{DisableCompression: true}}}
}

// Endpoint is the URL of the AWS endpoint.
func (s *Serve) Endpoint() string { return s.endpoint }

// Status is what GET /_emulate/status tells.
type Status struct {
	Project   telemetry.Project `json:"project"`
	Functions []struct {
		Function             string
		Starting, Idle, Busy int32
		Warmer               *struct {
			EverySeconds          float64
			Overlapping           bool
			Rounds, Pings, Kept   int
			KeptLeast             int
			KeptMean              float64
			ColdStarts, Throttles int64
		}
	} `json:"functions"`
}

// patience is how long an answer of the emulator's controls may take.
const patience = 30 * time.Second

// Status asks what is served and how busy it is.
func (s *Serve) Status(ctx context.Context) (Status, error) {
	var out Status
	return out, s.Call(ctx, http.MethodGet, "/_emulate/status", nil, &out)
}

// CallError is an answer of the endpoint that is no success.
type CallError struct {
	Status int
	// Name is AWS's error type, "" where there is none.
	Name, Message string
}

func (e *CallError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("HTTP %d: %s", e.Status, e.Message)
	}
	return e.Name + ": " + e.Message
}

// Call makes one request of Lambda's API or of the emulator's controls. in and out are JSON; nil is none. An answer that is no success is a *CallError.
func (s *Serve) Call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(data)
	}
	resp, err := s.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode >= 300 {
		var e struct{ Message string }
		if json.Unmarshal(data, &e) != nil || e.Message == "" {
			e.Message = string(bytes.TrimSpace(data))
		}
		return &CallError{resp.StatusCode, resp.Header.Get("X-Amzn-Errortype"), e.Message}
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s%s: this is not emulate: %w", method, s.endpoint, path, err)
	}
	return nil
}

func (s *Serve) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.endpoint+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	var transport *url.Error
	if errors.As(err, &transport) {
		err = transport.Err // the address is said where it matters
	}
	return resp, err
}

// Functions lists them with Lambda's API.
func (s *Serve) Functions(ctx context.Context) ([]Function, error) {
	var out []Function
	for marker := ""; ; {
		var page struct {
			Functions []struct {
				FunctionName  string
				Architectures []string
				MemorySize    int
			}
			NextMarker string
		}
		if err := s.Call(ctx, http.MethodGet, "/2015-03-31/functions?MaxItems=50&Marker="+url.QueryEscape(marker), nil, &page); err != nil {
			return nil, fmt.Errorf("list the functions: %w", err)
		}
		for _, f := range page.Functions {
			one := Function{Name: f.FunctionName, MemoryMB: f.MemorySize}
			if len(f.Architectures) > 0 {
				one.Architecture = f.Architectures[0]
			}
			var err error
			if one.Provisioned, err = s.provisioned(ctx, one.Name); err != nil {
				return nil, err
			}
			out = append(out, one)
		}
		if marker = page.NextMarker; marker == "" {
			return out, nil
		}
	}
}

// provisioned sums up what a function has.
func (s *Serve) provisioned(ctx context.Context, function string) (int, error) {
	var list struct {
		ProvisionedConcurrencyConfigs []struct{ RequestedProvisionedConcurrentExecutions int }
	}
	path := "/2019-09-30/functions/" + url.PathEscape(function) + "/provisioned-concurrency?List=ALL"
	if err := s.Call(ctx, http.MethodGet, path, nil, &list); err != nil {
		return 0, fmt.Errorf("list the provisioned concurrency of %s: %w", function, err)
	}
	n := 0
	for _, c := range list.ProvisionedConcurrencyConfigs {
		n += c.RequestedProvisionedConcurrentExecutions
	}
	return n, nil
}

// Environments asks for the status.
func (s *Serve) Environments(ctx context.Context) (map[string]Environments, error) {
	status, err := s.Status(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Environments, len(status.Functions))
	for _, f := range status.Functions {
		out[f.Function] = Environments{Starting: f.Starting, Idle: f.Idle, Busy: f.Busy}
	}
	return out, nil
}

// Warmers asks for the status.
func (s *Serve) Warmers(ctx context.Context) (out []WarmerReport, err error) {
	status, err := s.Status(ctx)
	for _, f := range status.Functions {
		if w := f.Warmer; w != nil {
			out = append(out, WarmerReport{
				Function: f.Function, EverySeconds: w.EverySeconds, Concurrency: w.Pings, Overlapping: w.Overlapping, Rounds: w.Rounds,
				KeptLeast: w.KeptLeast, KeptMean: w.KeptMean, KeptLast: w.Kept, ColdPings: w.ColdStarts, ThrottledPings: w.Throttles,
			})
		}
	}
	return out, err
}

// Lines reads GET /_emulate/events.
func (s *Serve) Lines(ctx context.Context, began func(), each func([]byte)) error {
	resp, err := s.do(ctx, http.MethodGet, "/_emulate/events", nil)
	if err != nil {
		return fmt.Errorf("read the events: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("read the events: HTTP %d", resp.StatusCode)
	}
	began()
	for r := bufio.NewReaderSize(resp.Body, 1<<16); ; {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull): // a long line of a handler's: no figure stands in it
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = r.ReadSlice('\n')
			}
		case err == nil:
			each(line)
		}
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the events: %w", err)
		}
	}
}
