package simulate

import (
	"context"
	"testing"
	"time"

	"example.com/emulate/emulator/burst"
)

func run(t testing.TB, s *Scenario) *burst.Report {
	t.Helper()
	r, err := s.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// one is a function whose cold starts take a second.
func one(d time.Duration) Function {
	second := Constant(time.Second)
	return Function{Name: "f", Duration: Constant(d), Init: &second}
}

var toFirst = []Share{{0, 1}}

// 3,000 requests at once, no reservation, a raised account: the scaling rate lets 1,000 environments start.
func TestThreeThousandAtOnce(t *testing.T) {
	r := run(t, &Scenario{
		AccountConcurrency: 10_000, Functions: []Function{one(5 * time.Second)}, Traffic: []Traffic{{To: toFirst, AtOnce: 3000}},
	})
	if r.EnvironmentStarts != 1000 || r.ColdStarts != 1000 || r.Completed != 1000 || r.Throttles["FunctionInvocationRateLimitExceeded"] != 2000 || r.Throttled != 2000 {
		t.Errorf("%s", r.Summary())
	}
}
