package burst_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"example.com/emulate/emulator/burst"
)

// A hundred requests in a fifth of a second to a server that is no emulator: with burst.NewServe(awsEndpoint) as Options.Source the report also has cold
// starts, environments and cost.
func ExampleRun() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("n") == "13" {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer server.Close()
	report, err := burst.Run(context.Background(), burst.Options{
		Load: burst.Load{Shape: burst.Rate(500, 200*time.Millisecond), Request: burst.Request{URL: server.URL + "/?n={{n}}"}},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Println(report.Requests, "requests,", report.Failures)
	for _, text := range []string{"requests==100", "error_ratio<2%"} {
		claim, err := burst.ParseAssertion(text)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		fmt.Println(claim.Check(report))
	}
	// Output:
	// 100 requests, map[HTTP 502 Bad Gateway:1]
	// ok     requests==100 (requests is 100)
	// ok     error_ratio<2% (error_ratio is 0.01)
}
